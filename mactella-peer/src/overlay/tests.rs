//! Scenarios of the overlay. The harness delivers every message at once, in order, over links that it makes.

mod floods;
mod results;
mod keys;
mod openings;
mod lists;
mod any_input;

use super::*;
use std::cell::Cell;
use std::collections::VecDeque;
use wire::message::link::{Discover, FileResult, LinkSearch, SearchResult};
use wire::message::{ByteCount, FloodId};

/// Files by their names, and how often they were looked for.
#[derive(Default)]
pub(super) struct Files {
    names: Vec<String>,
    looked: Cell<u32>,
}

impl Index for Files {
    fn find(&self, wanted: &Wanted, max: usize) -> Vec<FileResult> {
        self.looked.set(self.looked.get() + 1);
        let Wanted::Words(words) = wanted else { return Vec::new() };
        self.names.iter().filter(|name| name.contains(words)).take(max).map(|name| file(name)).collect()
    }
}

/// A peer that has no files.
pub(super) struct Nothing;

impl Index for Nothing {
    fn find(&self, _: &Wanted, _: usize) -> Vec<FileResult> {
        Vec::new()
    }
}

pub(super) const NOTHING: Nothing = Nothing;
pub(super) const ID: FloodId = FloodId(77);

pub(super) fn file(path: &str) -> FileResult {
    FileResult { path: path.to_owned(), byte_count: ByteCount::new(5), digest: None, partial: false }
}

pub(super) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(super) fn neighbour(number: u16) -> Neighbour {
    Neighbour { peer: PeerId(u128::from(number)), key: None, address: address(number), advertise: None }
}

pub(super) fn words(text: &str) -> Wanted {
    Wanted::Words(text.to_owned())
}

pub(super) fn overlay(number: u16) -> Overlay {
    let own = Own {
        peer: PeerId(u128::from(number)),
        addresses: vec![address(number)],
        links_max: 64,
        seed: u64::from(number),
    };
    Overlay::new(own)
}

/// An overlay with links to neighbours 1 to `count`, each called like its neighbour.
pub(super) fn hub(count: u16) -> Overlay {
    let mut overlay = overlay(1000);
    for number in 1..=count {
        let actions = hello(&mut overlay, number);
        assert_eq!(actions, [Action::Welcome { link: link(number) }]);
    }
    overlay
}

pub(super) fn link(number: u16) -> LinkId {
    LinkId(u32::from(number))
}

pub(super) fn hello(overlay: &mut Overlay, number: u16) -> Vec<Action> {
    overlay.handle(Moment(0), Input::Hello { link: link(number), neighbour: neighbour(number) }, &NOTHING)
}

pub(super) fn receive(overlay: &mut Overlay, from: u16, message: LinkMessage) -> Vec<Action> {
    overlay.handle(Moment(0), Input::Received { link: link(from), message }, &NOTHING)
}

pub(super) fn search(id: FloodId, ttl: u8, hops: u8) -> LinkMessage {
    LinkMessage::Search(LinkSearch { search_id: id, ttl, hops, words: Some("song".into()), digest: None })
}

pub(super) fn discover(id: FloodId, ttl: u8, hops: u8) -> LinkMessage {
    LinkMessage::Discover(Discover { discover_id: id, ttl, hops })
}

pub(super) fn result(id: FloodId, hops: u8, from: Option<SocketAddr>) -> LinkMessage {
    LinkMessage::SearchResult(SearchResult {
        search_id: id,
        hops,
        address: from,
        key: None,
        files: vec![file("a song")],
    })
}

/// Whom messages are sent to.
pub(super) fn receivers(actions: &[Action]) -> Vec<LinkId> {
    let receiver = |action: &Action| match action {
        Action::Send { link, .. } => Some(*link),
        _ => None,
    };
    actions.iter().filter_map(receiver).collect()
}

/// The one message that is sent.
pub(super) fn sent(actions: &[Action]) -> LinkMessage {
    match actions {
        [Action::Send { message, .. }] => (**message).clone(),
        other => panic!("not one message: {other:?}"),
    }
}

/// Peers with links between them. A link's id says who is at its other end.
pub(super) struct Mesh {
    pub(super) peers: Vec<(Overlay, Files)>,
    pub(super) found: Vec<(u16, u8, String)>,
    pub(super) discovered: Vec<(u16, u8)>,
    pub(super) messages: u64,
}

impl Mesh {
    /// Peers 0 to `count - 1`, each with a file `song of N`.
    pub(super) fn new(count: u16, links: &[(u16, u16)]) -> Self {
        let files = |number| Files { names: vec![format!("song of {number}")], ..Files::default() };
        let peers = (0..count).map(|number| (overlay(10_000 + number), files(number))).collect();
        let mut mesh = Self { peers, found: Vec::new(), discovered: Vec::new(), messages: 0 };
        for (one, other) in links {
            let (to_one, to_other) = (neighbour(10_000 + one), neighbour(10_000 + other));
            mesh.give(*one, Input::Hello { link: link(*other), neighbour: to_other });
            let name = to_one.address.to_string().into();
            mesh.give(*other, Input::Opened { link: link(*one), name, neighbour: to_one });
        }
        mesh
    }

    pub(super) fn line(count: u16) -> Self {
        Self::new(count, &(1..count).map(|number| (number - 1, number)).collect::<Vec<_>>())
    }

    pub(super) fn full(count: u16) -> Self {
        let pairs = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
        Self::new(count, &pairs.collect::<Vec<_>>())
    }

    /// Gives an input to a peer, and delivers all that follows.
    pub(super) fn give(&mut self, to: u16, input: Input) {
        let mut waiting = VecDeque::from([(to, input)]);
        while let Some((to, input)) = waiting.pop_front() {
            let (overlay, files) = &mut self.peers[usize::from(to)];
            for action in overlay.handle(Moment(0), input, files) {
                match action {
                    Action::Send { link: LinkId(other), message } => {
                        self.messages += 1;
                        let message = (*message).clone();
                        let input = Input::Received { link: link(to), message };
                        waiting.push_back((u16::try_from(other).unwrap(), input));
                    }
                    Action::Found { address, hops, files, .. } => {
                        let owner = address.port() - 10_000;
                        self.found.extend(files.into_iter().map(|file| (owner, hops, file.path)));
                    }
                    Action::Discovered { address, hops, .. } => {
                        self.discovered.push((address.port() - 10_000, hops));
                    }
                    _ => {}
                }
            }
        }
    }

    pub(super) fn looked(&self) -> Vec<u32> {
        self.peers.iter().map(|(_, files)| files.looked.get()).collect()
    }
}
