//! A digest that is remembered saves the hash, is never believed where nobody verifies it, and is forgotten where it is wrong.

use super::*;
use shared_folder::catalogue::Hashed;
use shared_folder::folder::Identity;
use std::sync::atomic::{AtomicU64, Ordering};
use wire::digest::PieceHasher;

/// Counts what crosses the connection, what need not, and how often it began again.
#[derive(Default)]
struct Counts {
    moved: AtomicU64,
    reused: AtomicU64,
    restarts: AtomicU64,
}

impl Counts {
    fn get(&self) -> (u64, u64, u64) {
        let [moved, reused, restarts] =
            [&self.moved, &self.reused, &self.restarts].map(|count| count.load(Ordering::Relaxed));
        (moved, reused, restarts)
    }
}

impl Watch for Counts {
    fn moved(&self, byte_count: u64) {
        self.moved.fetch_add(byte_count, Ordering::Relaxed);
    }

    fn reused(&self, byte_count: u64) {
        self.reused.fetch_add(byte_count, Ordering::Relaxed);
    }

    fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }
}

fn hashed(bytes: &[u8]) -> Hashed {
    let mut hasher = PieceHasher::default();
    hasher.update(bytes);
    let (digest, pieces) = hasher.finish();
    Hashed { digest, pieces: pieces.into() }
}

/// A pair, and the file that is sent from here.
struct Sending {
    pair: Pair,
    state: TempDir,
    bytes: Vec<u8>,
}

impl Sending {
    fn new() -> Self {
        let sending =
            Self { pair: Pair::new(), state: tempfile::tempdir().unwrap(), bytes: content(5 * MIB + 9, 1) };
        sending.pair.put_local("file", &sending.bytes);
        sending
    }

    fn digests(&self) -> Remembered {
        Remembered::kept_in(self.state.path())
    }

    fn identity(&self) -> Identity {
        let path = SharedPath::parse("file").unwrap();
        self.pair.folder().open_file(&path).unwrap().status.identity
    }

    fn note(&self, hashed: &Hashed) {
        self.digests().note(&self.identity(), hashed);
    }

    fn known(&self) -> Option<Hashed> {
        self.digests().of(&self.identity())
    }

    /// Sends it: what moved, what did not, and how often it began again.
    fn send(&self) -> (u64, u64, u64) {
        let counts = Counts::default();
        let sent =
            send(&mut self.pair.remote(), &self.pair.outgoing("file"), false, &counts, &self.digests())
                .unwrap();
        assert_eq!((sent.byte_count, sent.digest), (self.length(), Digest::of(&self.bytes)));
        assert!(self.pair.shared("file") == self.bytes);
        counts.get()
    }

    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }
}

#[test]
fn what_was_hashed_while_it_was_sent_is_known_afterwards() {
    let sending = Sending::new();
    assert_eq!(sending.known(), None);
    assert_eq!(sending.send(), (sending.length(), 0, 0));
    assert_eq!(sending.known().unwrap(), hashed(&sending.bytes));
}

#[test]
fn of_a_file_whose_digest_is_known_nothing_is_hashed() {
    let sending = Sending::new();
    // Values that nobody needs for a file that is new to the other end: whoever hashed would find better ones.
    let pieces = vec![[1_u8; 32]; 6].into();
    let strange = Hashed { digest: Digest::of(&sending.bytes), pieces };
    sending.note(&strange);
    assert_eq!(sending.send(), (sending.length(), 0, 0));
    assert_eq!(sending.known().unwrap(), strange);
}

#[test]
fn a_wrong_digest_is_forgotten_and_the_file_sent_once_more() {
    let sending = Sending::new();
    sending.note(&hashed(&content(5 * MIB + 9, 2)));
    // What came under the wrong digest was kept there: the second time, it is only compared.
    assert_eq!(sending.send(), (sending.length(), sending.length(), 1));
    assert_eq!(sending.known().unwrap(), hashed(&sending.bytes));
}

#[test]
fn of_a_known_file_only_the_pieces_go_out_that_the_other_end_does_not_have() {
    let sending = Sending::new();
    let mut old = sending.bytes.clone();
    old[2 * MIB + 7] ^= 1;
    sending.pair.put("file", &old);
    sending.note(&hashed(&sending.bytes));
    assert_eq!(sending.send(), (MIB as u64, sending.length() - MIB as u64, 0));
}

#[test]
fn no_piece_is_left_out_for_a_digest_that_is_remembered() {
    let sending = Sending::new();
    let mut old = sending.bytes.clone();
    old[2 * MIB + 7] ^= 1;
    sending.pair.put("file", &old);
    // As after a change through a mapping, which no time tells. Believed, it would make the other end keep what it has.
    sending.note(&hashed(&old));
    // It was announced, too, so the first time ends with another file than that; what came then is there the second time.
    assert_eq!(sending.send(), (MIB as u64, 2 * sending.length() - MIB as u64, 1));
    assert_eq!(sending.known().unwrap(), hashed(&sending.bytes));
}

#[test]
fn nothing_is_called_unchanged_by_a_digest_that_is_remembered() {
    let sending = Sending::new();
    let old = content(5 * MIB + 9, 2);
    sending.pair.put("file", &old);
    let modified = std::fs::metadata(sending.pair.local.path().join("file")).unwrap().modified().unwrap();
    let theirs = std::fs::File::options().write(true).open(sending.pair.share.path().join("file")).unwrap();
    theirs.set_modified(modified).unwrap();
    sending.note(&hashed(&old));
    let mut outgoing = sending.pair.outgoing("file");
    outgoing.likeness = Likeness::SameName;
    let mut row: Row<OutgoingJob, SendOutcome> = Row::new([OutgoingJob(outgoing)]);
    let ended = send_many(&mut sending.pair.remote(), &mut row, &Unwatched, &sending.digests());
    assert_eq!((ended, row.done[0].1.as_ref().unwrap().reused), (LaneEnd::Complete, 0));
    assert!(sending.pair.shared("file") == sending.bytes);
}

#[test]
fn what_was_fetched_is_known_when_it_is_sent() {
    let sending = Sending::new();
    sending.pair.put("from", &sending.bytes);
    let mut remote = sending.pair.remote();
    let wanted = sending.pair.wanted(&mut remote, "from");
    let wanted = Fetch { target: SharedPath::parse("file").unwrap(), ..wanted };
    std::fs::remove_file(sending.pair.local.path().join("file")).unwrap();
    fetch(&mut remote, &sending.pair.folder(), &wanted, &Unwatched, &sending.digests()).unwrap();
    assert_eq!(sending.known().unwrap(), hashed(&sending.bytes));
    assert_eq!(sending.send(), (sending.length(), 0, 0));
}

#[test]
fn a_known_file_that_gets_shorter_while_it_is_sent_is_not_sent() {
    let sending = Sending::new();
    sending.note(&hashed(&sending.bytes));
    let outgoing = sending.pair.outgoing("file");
    struct Cut(std::path::PathBuf);
    impl Watch for Cut {
        fn moved(&self, _: u64) {
            std::fs::File::options().write(true).open(&self.0).unwrap().set_len(MIB as u64).unwrap();
        }
    }
    let cut = Cut(outgoing.source.clone());
    let error = send(&mut sending.pair.remote(), &outgoing, false, &cut, &sending.digests()).unwrap_err();
    assert!(matches!(error, SendError::Changed), "{error:?}");
    assert!(!sending.pair.share.path().join("file").exists());
}
