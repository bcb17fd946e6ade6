//! One file from several ends at once, of which some die, crawl, lie or have something else.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod arriving;
mod sources;

use shared_folder::fetch::{FetchError, Gathered, NoSupply, Source, SourceShare, Supply, Wanted, gather};
use shared_folder::folder::{Folder, FolderError};
use shared_folder::incoming::LandingError;
use shared_folder::remote::{Cancel, RemoteError, Unwatched, Watch};
use sources::{Holder, MIB, Proxy, Way, content, remote_at};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use wire::digest::Digest;
use wire::path::SharedPath;
use wire::timestamp::Timestamp;

fn wanted(bytes: &[u8]) -> Wanted {
    Wanted {
        digest: Digest::of(bytes),
        attributes: Some((Timestamp::from_unix(1_000_000_000, 0), false)),
        target: SharedPath::parse("landed").unwrap(),
        new: false,
        offer: None,
    }
}

fn source(address: SocketAddr) -> Source {
    Source { remote: remote_at(address), path: Some(SharedPath::parse("a").unwrap()), is_partial: false }
}

/// A folder here, into which a file is gathered.
struct Here(TempDir);

impl Here {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn gather(&self, bytes: &[u8], addresses: &[SocketAddr]) -> Gathered {
        let cancel = Cancel::new().unwrap();
        self.gather_as(&wanted(bytes), addresses, (&mut NoSupply, &Unwatched, &cancel))
    }

    fn gather_as(
        &self,
        wanted: &Wanted,
        addresses: &[SocketAddr],
        (supply, watch, cancel): (&mut dyn Supply, &dyn Watch, &Cancel),
    ) -> Gathered {
        let folder = Folder::open(self.0.path()).unwrap();
        let sources = addresses.iter().map(|address| source(*address)).collect();
        gather(sources, (&folder, wanted), supply, (watch, cancel))
    }

    fn landed(&self) -> Vec<u8> {
        std::fs::read(self.0.path().join("landed")).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn holders(count: usize, bytes: &[u8]) -> Vec<Holder> {
    (0..count).map(|_| Holder::with(bytes)).collect()
}

fn addresses(holders: &[Holder]) -> Vec<SocketAddr> {
    holders.iter().map(Holder::address).collect()
}

#[test]
fn a_file_of_any_size_comes_from_one_to_five_sources_and_each_byte_counts_once() {
    for (count, length) in [0, 1, MIB - 1, MIB, MIB + 1, 7 * MIB, 40 * MIB + 17].into_iter().enumerate() {
        let (bytes, here) = (content(length, count), Here::new());
        let holders = holders(1 + count % 5, &bytes);
        let gathered = here.gather(&bytes, &addresses(&holders));
        let fetched = gathered.fetched.unwrap();
        assert_eq!((fetched.byte_count, fetched.digest), (length as u64, Digest::of(&bytes)));
        let sum: u64 = gathered.sources.iter().map(|share| share.byte_count).sum();
        assert_eq!((sum, fetched.reused), (length as u64, 0));
        assert_eq!(here.landed(), bytes);
        assert_eq!(here.names(), ["landed"]);
    }
}

#[test]
fn a_source_that_has_it_elsewhere_is_asked_by_digest_and_one_without_it_is_left_out() {
    let (bytes, here) = (content(5 * MIB, 0), Here::new());
    let (moved, without) = (Holder::new(), Holder::with(b"another file"));
    moved.put("elsewhere", &bytes);
    moved.put("a", &content(5 * MIB, 1));
    moved.hash("elsewhere");
    let alone = here.gather(&bytes, &[without.address()]);
    assert!(alone.fetched.is_err() && alone.sources[0].fault.is_some(), "{:?}", alone.sources);
    let gathered = here.gather(&bytes, &[without.address(), moved.address()]);
    gathered.fetched.unwrap();
    let brought: Vec<_> = gathered.sources.iter().map(|share| share.byte_count).collect();
    assert_eq!(brought, [0, bytes.len() as u64]);
    assert_eq!(here.landed(), bytes);
}

#[test]
fn one_that_has_something_else_at_the_path_is_left_out_for_that_and_not_blamed() {
    let bytes = content(24 * MIB, 0);
    let mut changed = bytes.clone();
    changed[5] ^= 1;
    let (holder, other) = (Holder::with(&bytes), Holder::with(&changed));
    // Whether several answers are under way when the first one comes is a matter of chance.
    for _ in 0..8 {
        let here = Here::new();
        let gathered = here.gather(&bytes, &[holder.address(), other.address()]);
        gathered.fetched.unwrap();
        let [whole, none] = gathered.sources.as_slice() else { panic!("{:?}", gathered.sources) };
        assert!(whole.fault.is_none() && none.byte_count == 0, "{none:?}");
        let fault = none.fault.as_deref().unwrap_or_default();
        assert!(!none.is_false && !fault.contains("protocol"), "{fault}");
        assert_eq!(here.landed(), bytes);
    }
}

#[test]
fn one_that_dies_and_one_that_stands_still_hold_nobody_up() {
    let (bytes, here) = (content(48 * MIB, 0), Here::new());
    let holders = holders(3, &bytes);
    let dies = Proxy::to(holders[1].address(), Way::CutFor(3 * MIB as u64 + 5));
    let stuck = Proxy::to(holders[2].address(), Way::StuckAfter(5 * MIB as u64 + 7));
    let gathered = here.gather(&bytes, &[dies.address(), stuck.address(), holders[0].address()]);
    gathered.fetched.unwrap();
    assert_eq!(here.landed(), bytes);
    assert_eq!(here.names(), ["landed"]);
}

#[test]
fn promise_2_a_source_of_wrong_bytes_is_blamed_and_never_spoils_the_file() {
    let (bytes, here) = (content(24 * MIB, 0), Here::new());
    let holders = holders(3, &bytes);
    let poison = Proxy::to(holders[2].address(), Way::Poison);
    let addresses = [poison.address(), holders[0].address(), holders[1].address()];
    let gathered = here.gather(&bytes, &addresses);
    gathered.fetched.unwrap();
    let faults = gathered.sources.iter().map(|share| share.fault.is_some());
    assert_eq!(faults.collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(gathered.sources[0].byte_count, 0);
    assert_eq!(here.landed(), bytes);
}

#[test]
fn promise_2_where_all_lie_nothing_lands_and_nothing_wrong_is_kept() {
    let (bytes, here) = (content(3 * MIB, 0), Here::new());
    let holder = Holder::with(&bytes);
    let poison = Proxy::to(holder.address(), Way::Poison);
    let gathered = here.gather(&bytes, &[poison.address()]);
    assert!(matches!(gathered.fetched, Err(FetchError::WrongPiece { .. })));
    assert_eq!(here.names(), Vec::<String>::new());
}

#[test]
fn a_list_of_another_length_is_the_fault_of_who_gave_it() {
    let (bytes, here) = (content(4 * MIB, 0), Here::new());
    let honest = Holder::with(&bytes);
    // Two values merge to the digest of four pieces.
    let liar = Proxy::to(honest.address(), Way::ListOfHalves(bytes.clone()));
    let alone = here.gather(&bytes, &[liar.address()]);
    assert!(alone.fetched.is_err());
    let gathered = here.gather(&bytes, &[liar.address(), honest.address()]);
    gathered.fetched.unwrap();
    assert_eq!(gathered.sources[1].fault, None);
    assert_eq!(here.landed(), bytes);
}

/// Brings one more when somebody is lost.
struct Spare(Vec<SocketAddr>);

impl Supply for Spare {
    fn more(&mut self, lost: &SourceShare, _: &Cancel) -> Vec<Source> {
        assert!(lost.fault.is_some());
        self.0.pop().into_iter().map(source).collect()
    }
}

#[test]
fn who_is_lost_is_replaced() {
    let (bytes, here, cancel) = (content(6 * MIB, 0), Here::new(), Cancel::new().unwrap());
    let (without, holder) = (Holder::new(), Holder::with(&bytes));
    let mut spare = Spare(vec![holder.address()]);
    let gathered = here.gather_as(&wanted(&bytes), &[without.address()], (&mut spare, &Unwatched, &cancel));
    gathered.fetched.unwrap();
    assert_eq!(gathered.sources.len(), 2);
    assert_eq!(here.landed(), bytes);
}

/// Cancels when so much has come.
struct CancelAfter<'a>(AtomicU64, u64, &'a Cancel);

impl Watch for CancelAfter<'_> {
    fn moved(&self, byte_count: u64) {
        if self.0.fetch_add(byte_count, Ordering::Relaxed) + byte_count >= self.1 {
            self.2.cancel();
        }
    }
}

#[test]
fn promise_4_what_was_verified_before_an_interruption_is_not_fetched_again() {
    let (bytes, here, cancel) = (content(64 * MIB + 3, 0), Here::new(), Cancel::new().unwrap());
    let holders = holders(2, &bytes);
    let watch = CancelAfter(AtomicU64::new(0), 8 * MIB as u64, &cancel);
    // None of them ever gives all, so that the interruption comes first.
    let proxies: Vec<Proxy> =
        holders.iter().map(|holder| Proxy::to(holder.address(), Way::StuckAfter(10 * MIB as u64))).collect();
    let slow: Vec<SocketAddr> = proxies.iter().map(Proxy::address).collect();
    let gathered = here.gather_as(&wanted(&bytes), &slow, (&mut NoSupply, &watch, &cancel));
    assert!(matches!(gathered.fetched, Err(FetchError::Remote(RemoteError::Cancelled))));
    let kept: u64 = gathered.sources.iter().map(|share| share.byte_count).sum();
    assert!(kept >= 8 * MIB as u64 && here.names().len() == 1);
    let gathered = here.gather(&bytes, &addresses(&holders));
    assert_eq!(gathered.fetched.unwrap().reused, kept);
    assert_eq!(here.landed(), bytes);
    assert_eq!(here.names(), ["landed"]);
}

#[test]
fn sources_that_all_die_are_asked_again_when_they_come_back() {
    let (bytes, here) = (content(30 * MIB, 0), Here::new());
    let holders = holders(2, &bytes);
    // Each connection is cut after some pieces, so nobody ever brings the file over one.
    let proxies: Vec<Proxy> =
        holders.iter().map(|holder| Proxy::to(holder.address(), Way::CutEach(4 * MIB as u64 + 9))).collect();
    let gathered = here.gather(&bytes, &proxies.iter().map(Proxy::address).collect::<Vec<_>>());
    gathered.fetched.unwrap();
    assert_eq!(here.landed(), bytes);
}

#[test]
fn what_came_of_a_piece_before_the_connection_was_cut_is_not_fetched_again() {
    let (bytes, here) = (content(6 * MIB + 17, 0), Here::new());
    let holder = Holder::with(&bytes);
    // Less than a piece comes over each connection.
    let cut = Proxy::to(holder.address(), Way::CutEach(3 * MIB as u64 / 4));
    let gathered = here.gather(&bytes, &[cut.address()]);
    gathered.fetched.unwrap();
    assert_eq!((gathered.sources[0].byte_count, gathered.surplus), (bytes.len() as u64, 0));
    assert_eq!(here.landed(), bytes);
}

#[test]
fn promise_2_whoever_continues_what_another_began_falsely_is_not_blamed_and_the_file_is_right() {
    let bytes = content(24 * MIB + 17, 0);
    let holders = holders(2, &bytes);
    for _ in 0..4 {
        let here = Here::new();
        let liar = Proxy::to(holders[0].address(), Way::FalseBeginning);
        let honest = Proxy::to(holders[1].address(), Way::CutEach(5 * MIB as u64));
        let gathered = here.gather(&bytes, &[liar.address(), honest.address()]);
        gathered.fetched.unwrap();
        assert_eq!(gathered.sources[1].fault, None);
        // Of a short rest, half may be right.
        assert!(gathered.sources[0].byte_count < 4096, "{:?}", gathered.sources);
        assert_eq!(here.landed(), bytes);
    }
}

#[test]
fn what_has_the_name_already_is_replaced_or_refused_and_its_pieces_are_used() {
    let (bytes, here, cancel) = (content(6 * MIB, 0), Here::new(), Cancel::new().unwrap());
    let holders = holders(2, &bytes);
    let mut old = bytes.clone();
    old[4 * MIB + 3] ^= 1;
    std::fs::write(here.0.path().join("landed"), &old).unwrap();
    let new = Wanted { new: true, ..wanted(&bytes) };
    let refused = here.gather_as(&new, &addresses(&holders), (&mut NoSupply, &Unwatched, &cancel));
    let exists = Err::<(), _>(FetchError::Local(LandingError::Folder(FolderError::Exists)));
    assert_eq!(format!("{:?}", refused.fetched.map(drop)), format!("{exists:?}"));
    assert_eq!(here.landed(), old);
    // The last piece comes in any case: it proves the length.
    let gathered = here.gather(&bytes, &addresses(&holders));
    assert_eq!(gathered.fetched.unwrap().reused, 5 * MIB as u64);
    assert_eq!(here.landed(), bytes);
}

#[test]
fn nobody_there_and_nobody_asked_are_errors() {
    let (bytes, here) = (content(2 * MIB, 0), Here::new());
    let (one, other) = (Holder::new(), Holder::new());
    assert!(here.gather(&bytes, &[one.address(), other.address()]).fetched.is_err());
    assert!(here.gather(&bytes, &[]).fetched.is_err());
    assert_eq!(here.names(), Vec::<String>::new());
}
