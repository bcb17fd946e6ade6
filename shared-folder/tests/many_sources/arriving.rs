//! One file that several ends fetch at once, each of which gives the others what it has of it.

use crate::sources::{Holder, MIB, Proxy, Way, content, remote_at};
use shared_folder::fetch::{FetchError, Gathered, NoSupply, Source, SourceShare, Supply, Wanted, gather};
use shared_folder::remote::{Cancel, Unwatched};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::digest::Digest;
use wire::path::SharedPath;

/// Enough to prove what a file is whose last piece is short, and not enough for another piece.
const PROOF_BYTES: u64 = 64 * 1024;

fn source(address: SocketAddr, is_partial: bool) -> Source {
    Source { remote: remote_at(address), path: Some(SharedPath::parse("a").unwrap()), is_partial }
}

/// Fetches into the share of an end, which offers what arrives until the file is there; what comes of it.
fn fetch_into(holder: &Holder, bytes: &[u8], sources: Vec<Source>, supply: &mut dyn Supply) -> Gathered {
    fetch_until(&Cancel::new().unwrap(), holder, (bytes, sources), supply)
}

fn fetch_until(
    cancel: &Cancel,
    holder: &Holder,
    (bytes, sources): (&[u8], Vec<Source>),
    supply: &mut dyn Supply,
) -> Gathered {
    let (share, target) = (holder.share(), SharedPath::parse("a").unwrap());
    let offer = Some(Arc::new(share.arriving.offer()));
    let wanted = Wanted { digest: Digest::of(bytes), attributes: None, target, new: false, offer };
    let gathered = gather(sources, (&share.folder, &wanted), supply, (&Unwatched, cancel));
    if let Ok(landed) = &gathered.fetched {
        share.note_landed(&wanted.target, landed.clone());
    }
    gathered
}

/// Brings another end once that offers the file.
struct Once<'a> {
    holder: Option<&'a Holder>,
    digest: Digest,
}

impl Once<'_> {
    fn of<'a>(holder: &'a Holder, bytes: &[u8]) -> Once<'a> {
        Once { holder: Some(holder), digest: Digest::of(bytes) }
    }
}

impl Supply for Once<'_> {
    fn more(&mut self, _: &SourceShare, over: &Cancel) -> Vec<Source> {
        self.others(over)
    }

    fn next_look(&self) -> Option<Instant> {
        self.holder.map(|_| Instant::now())
    }

    fn others(&mut self, over: &Cancel) -> Vec<Source> {
        let Some(holder) = self.holder.take() else { return Vec::new() };
        let begun = Instant::now();
        while holder.share().arriving.find(self.digest, |_| true).is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it never offered the file");
            if !over.pause(Duration::from_millis(5)) {
                return Vec::new();
            }
        }
        vec![source(holder.address(), true)]
    }
}

/// The file with other bytes in these pieces.
fn spoiled(bytes: &[u8], pieces: std::ops::Range<usize>) -> Vec<u8> {
    let mut spoiled = bytes.to_vec();
    pieces.for_each(|piece| spoiled[piece * MIB] ^= 1);
    spoiled
}

fn brought_by(gathered: &Gathered, address: SocketAddr) -> u64 {
    let of_it = gathered.sources.iter().filter(|share| share.address.to_string() == address.to_string());
    of_it.map(|share| share.byte_count).sum()
}

#[test]
fn two_that_have_one_half_each_complete_from_each_other_when_nobody_else_is_left() {
    let bytes = content(24 * MIB + 5, 0);
    let (origin, one, other) = (Holder::with(&bytes), Holder::new(), Holder::new());
    one.put("a", &spoiled(&bytes, 0..12));
    other.put("a", &spoiled(&bytes, 12..24));
    // The origin proves to each of them what the file is, and dies.
    let ways = [(); 2].map(|()| Proxy::to(origin.address(), Way::CutFor(PROOF_BYTES)));
    let fetch = |holder, partner, way: &Proxy| {
        let sources = vec![source(way.address(), false)];
        fetch_into(holder, &bytes, sources, &mut Once::of(partner, &bytes))
    };
    let [of_one, of_other] = std::thread::scope(|threads| {
        let one_fetches = threads.spawn(|| fetch(&one, &other, &ways[0]));
        [fetch(&other, &one, &ways[1]), one_fetches.join().unwrap()]
    });
    assert!(one.content("a") == bytes && other.content("a") == bytes);
    for (gathered, partner, way) in [(of_one, &one, &ways[1]), (of_other, &other, &ways[0])] {
        // What the origin gave of a piece before it died need not come once more.
        let brought = brought_by(&gathered, partner.address()) + brought_by(&gathered, way.address());
        assert_eq!(gathered.fetched.unwrap().reused, 12 * MIB as u64 + 5);
        assert_eq!(brought, 12 * MIB as u64);
    }
}

#[test]
fn one_that_is_still_fetching_gives_what_it_has_and_the_rest_comes_from_elsewhere() {
    let bytes = content(16 * MIB, 1);
    let (origin, arriving, here) = (Holder::with(&bytes), Holder::new(), Holder::new());
    arriving.put("a", &spoiled(&bytes, 4..6));
    // It never gets its last pieces.
    let way = Proxy::to(origin.address(), Way::StuckAfter(MIB as u64 + 4096));
    let (stuck, cancel) = (vec![source(way.address(), false)], Cancel::new().unwrap());
    let gathered = std::thread::scope(|threads| {
        threads.spawn(|| fetch_until(&cancel, &arriving, (&bytes, stuck), &mut NoSupply));
        let mut both = Once::of(&arriving, &bytes).others(&cancel);
        both.push(source(origin.address(), false));
        let gathered = fetch_into(&here, &bytes, both, &mut NoSupply);
        cancel.cancel();
        gathered
    });
    assert_eq!(gathered.sources[0].fault, None);
    let brought = brought_by(&gathered, arriving.address()) + brought_by(&gathered, origin.address());
    assert!(brought == bytes.len() as u64 && gathered.sources[1].byte_count >= 2 * MIB as u64);
    assert!(here.content("a") == bytes);
}

#[test]
fn two_that_lack_the_same_piece_end_both_and_keep_what_they_have() {
    let bytes = content(8 * MIB + 5, 2);
    let (origin, one, other) = (Holder::with(&bytes), Holder::new(), Holder::new());
    one.put("a", &spoiled(&bytes, 2..5));
    other.put("a", &spoiled(&bytes, 4..7));
    let ways = [(); 2].map(|()| Proxy::to(origin.address(), Way::CutFor(PROOF_BYTES)));
    std::thread::scope(|threads| {
        for (holder, partner, way) in [(&one, &other, &ways[0]), (&other, &one, &ways[1])] {
            let bytes = &bytes;
            threads.spawn(move || {
                let sources = vec![source(way.address(), false)];
                let gathered = fetch_into(holder, bytes, sources, &mut Once::of(partner, bytes));
                assert!(gathered.fetched.is_err());
                let brought = brought_by(&gathered, partner.address()) + brought_by(&gathered, way.address());
                assert!(brought >= 2 * MIB as u64);
            });
        }
    });
    // Nothing is offered any more of what was given up.
    let gathered = fetch_into(&Holder::new(), &bytes, vec![source(one.address(), true)], &mut NoSupply);
    assert!(matches!(gathered.fetched, Err(FetchError::Remote(_))), "{:?}", gathered.fetched);
    let gathered = fetch_into(&one, &bytes, vec![source(origin.address(), false)], &mut NoSupply);
    assert_eq!(gathered.fetched.unwrap().reused, 7 * MIB as u64 + 5);
}
