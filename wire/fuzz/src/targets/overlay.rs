//! Whatever comes into the overlay in whatever order: no panic, and every table within its limit.
//!
//! An input is a row of operations of the same length, so that a change in one is no change in those behind it.

mod records;

pub use records::{asked, received, stood};

use super::Seen;
use mactella_peer::overlay::{
    Action, Dropped, Index, Input, LinkId, Moment, Neighbour, Overlay, Own, PeerId, Wanted,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use wire::digest::Digest;
use wire::key::PublicKey;
use wire::limits::TTL_MAX;
use wire::message::link::{Discover, DiscoverResult, FileResult, LinkSearch, SearchResult};
use wire::message::{ByteCount, FloodId, LinkMessage};

/// The bytes of one operation: what it is, and in the last two how much time has passed.
pub const RECORD_BYTES: usize = 16;
const INPUTS_MAX: usize = 2000;
const LINKS_MAX: usize = 3;
/// What is known, what was learned, and what is linked: the peer list holds no more.
const PEERS_MAX: usize = 256 + 1000 + LINKS_MAX + 1;
/// The overlay wants to be woken within the longest back-off.
const SLEEP_MAX: u64 = 80_000;

/// Bytes as inputs, one after the other, on a clock of their own.
pub fn overlay(bytes: &[u8]) -> Seen {
    Seen::of(drive(bytes))
}

/// Which sorts of inputs came to which sorts of actions.
pub fn drive(bytes: &[u8]) -> BTreeSet<String> {
    let mut own = Overlay::new(Own { peer: PeerId(0), addresses: Vec::new(), links_max: LINKS_MAX, seed: 1 });
    let (mut now, mut used) = (0, BTreeSet::new());
    let (mut standing, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for record in bytes.chunks(RECORD_BYTES).take(INPUTS_MAX) {
        let (what, mut time) = (
            &record[..record.len().min(RECORD_BYTES - 2)],
            Rest(&record[record.len().min(RECORD_BYTES - 2)..]),
        );
        let input = Rest(what).input();
        now += u64::from(time.byte()) * u64::from(time.byte());
        // The contract: the id of a link is used once.
        if let Input::Hello { link, .. } | Input::Opened { link, .. } = &input
            && !used.insert(*link)
        {
            continue;
        }
        let (kind, source) = (first_word(&input), arrives_over(&input));
        opens(&input, &mut standing);
        let actions = own.handle(Moment(now), input, &Song);
        for action in &actions {
            check(action, source, &mut standing);
            seen.insert(format!("{kind} to {}", first_word(action)));
        }
        assert!(own.link_count() <= LINKS_MAX && own.peers().len() <= PEERS_MAX, "a table without bounds");
        assert!(own.next_moment().is_none_or(|next| next.0 <= now + SLEEP_MAX), "a sleep without end");
    }
    seen
}

/// The name of a variant.
fn first_word(what: &impl std::fmt::Debug) -> String {
    let mut word = Word(String::new());
    // It ends with an error after the first word, before a thousand files are written.
    let _ = write!(word, "{what:?}");
    word.0
}

/// Takes text up to the first sign that is no letter.
struct Word(String);

impl std::fmt::Write for Word {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = text.find(|letter: char| !letter.is_alphanumeric());
        self.0.push_str(&text[..end.unwrap_or(text.len())]);
        if end.is_some() { Err(std::fmt::Error) } else { Ok(()) }
    }
}

fn arrives_over(input: &Input) -> Option<LinkId> {
    match input {
        Input::Received { link, .. } => Some(*link),
        _ => None,
    }
}

/// Links on which something may be sent from now on; those that are refused or closed go again.
fn opens(input: &Input, standing: &mut BTreeSet<LinkId>) {
    match input {
        Input::Hello { link, .. } | Input::Opened { link, .. } => {
            standing.insert(*link);
        }
        Input::Closed { link } => {
            standing.remove(link);
        }
        _ => {}
    }
}

fn check(action: &Action, source: Option<LinkId>, standing: &mut BTreeSet<LinkId>) {
    match action {
        Action::Refuse { link, .. } | Action::Close { link, .. } => {
            assert!(standing.remove(link), "a link is closed that does not stand");
        }
        Action::Send { link, message } => {
            assert!(standing.contains(link), "something is sent to nobody");
            if let LinkMessage::Search(LinkSearch { ttl, hops, .. })
            | LinkMessage::Discover(Discover { ttl, hops, .. }) = &**message
            {
                assert!(
                    *ttl >= 1 && u32::from(*ttl) + u32::from(*hops) <= u32::from(TTL_MAX),
                    "a flood goes too far"
                );
                assert_ne!(Some(*link), source, "a flood goes back where it came from");
            }
        }
        _ => {}
    }
}

/// Finds one file, or none.
struct Song;

impl Index for Song {
    fn find(&self, wanted: &Wanted, max: usize) -> Vec<FileResult> {
        match wanted {
            Wanted::Words(words) if words == "song" => vec![file("a song"); max.min(1)],
            _ => Vec::new(),
        }
    }
}

fn file(path: &str) -> FileResult {
    FileResult { path: path.to_owned(), byte_count: ByteCount::new(5), digest: None, partial: false }
}

/// Bytes that were not used yet; without any, everything is 0.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    fn link(&mut self) -> LinkId {
        LinkId(u32::from(self.below(12)))
    }

    fn flood(&mut self) -> FloodId {
        FloodId(u128::from(self.below(16)))
    }

    fn address(&mut self) -> SocketAddr {
        let numbers = [[127, 0, 0, 1], [0, 0, 0, 0], [224, 0, 0, 1], [10, 0, 0, 1], [255, 255, 255, 255]];
        let place = usize::from(self.below(16));
        SocketAddr::from((numbers.get(place).copied().unwrap_or([8, 8, 8, 8]), u16::from(self.below(9))))
    }

    fn place(&mut self) -> Option<SocketAddr> {
        (self.below(4) > 0).then(|| self.address())
    }

    fn name(&mut self) -> Arc<str> {
        self.address().to_string().into()
    }

    fn words(&mut self) -> String {
        match self.below(4) {
            0 => String::new(),
            1 => "x".repeat(1025),
            _ => "song".to_owned(),
        }
    }

    fn key(&mut self) -> Option<PublicKey> {
        (self.below(2) == 1).then(|| PublicKey([self.byte(); 32]))
    }

    fn neighbour(&mut self) -> Neighbour {
        Neighbour {
            peer: PeerId(u128::from(self.below(8))),
            address: self.address(),
            advertise: self.place(),
            key: self.key(),
        }
    }

    fn message(&mut self) -> LinkMessage {
        match self.below(5) {
            0 => LinkMessage::Search(LinkSearch {
                search_id: self.flood(),
                ttl: self.byte(),
                hops: self.byte() % 9,
                words: (self.below(4) > 0).then(|| self.words()),
                digest: (self.below(4) == 0).then(|| Digest::of(b"")),
            }),
            1 => LinkMessage::Discover(Discover {
                discover_id: self.flood(),
                ttl: self.byte(),
                hops: self.byte(),
            }),
            2 => LinkMessage::SearchResult(SearchResult {
                search_id: self.flood(),
                hops: self.byte() % 9,
                address: self.place(),
                files: vec![file("a song"); usize::from(self.byte()) * 2],
                key: self.key(),
            }),
            3 => LinkMessage::DiscoverResult(DiscoverResult {
                discover_id: self.flood(),
                hops: self.byte(),
                address: self.place(),
                key: self.key(),
            }),
            _ => LinkMessage::Ping(wire::message::link::Ping {}),
        }
    }

    fn input(&mut self) -> Input {
        match self.below(20) {
            0..8 => Input::Received { link: self.link(), message: self.message() },
            8 | 9 => Input::Hello { link: self.link(), neighbour: self.neighbour() },
            10 | 11 => Input::Opened { link: self.link(), name: self.name(), neighbour: self.neighbour() },
            12 => Input::Closed { link: self.link() },
            13 => Input::DialFailed { name: self.name() },
            14 => Input::Know { name: self.name(), address: self.place(), key: None },
            15 => Input::Learn { address: self.address(), reached: self.below(2) == 0 },
            16 => Input::Search { id: self.flood(), wanted: Wanted::Words(self.words()), ttl: self.byte() },
            17 => Input::Discover { id: self.flood(), ttl: self.byte() },
            18 => Input::Verified { link: self.link(), address: self.address() },
            _ => match self.below(4) {
                0 => Input::Hurry,
                1 => Input::Reset,
                2 => Input::Dropped { dropped: Dropped { floods: 0, results: 0 } },
                _ => Input::Time,
            },
        }
    }
}
