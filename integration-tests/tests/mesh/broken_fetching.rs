//! The fourth promise for GET: a broken download continues, after its source, its taker or the connection died.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use integration_tests::client::Outcome;
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::patience::eventually_true;
use integration_tests::peer;
use integration_tests::peer::Peer;
use integration_tests::process::Process;
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::scratch::files_below;

const LENGTH: usize = 12 * PIECE_BYTES + 345;
/// Where the download gets stuck: in the middle of a piece.
const STUCK_AT: u64 = 7 * (PIECE_BYTES as u64) + PIECE_BYTES as u64 / 2;
/// Lines beside the payload, and lists of piece values, are not worth more.
const SLACK: u64 = 128 * 1024;

/// A source behind a proxy in which a download gets stuck until it is set free.
struct Stuck {
    content: Vec<u8>,
    source: Peer,
    taker: Peer,
    proxy: Proxy,
    is_sticky: Arc<AtomicBool>,
}

impl Stuck {
    fn new() -> Self {
        let content = bytes("film", LENGTH);
        let source = peer!().file("films/film.mov", &content).start();
        let is_sticky = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&is_sticky);
        let plan = move |_| match asked.load(Ordering::SeqCst) {
            true => Fault::Stall(Direction::ToClient, STUCK_AT),
            false => Fault::None,
        };
        let proxy = Proxy::start(source.address(), plan);
        Self { content, source, taker: peer!().start(), proxy, is_sticky }
    }

    fn command(&self) -> String {
        format!("GET films/film.mov {} {}", self.proxy.address().ip(), self.proxy.address().port())
    }

    /// Starts the download and waits until it is stuck.
    fn begin(&self) -> Process {
        let process = self.taker.start_attached(&["--json"], &[&self.command()]);
        eventually_true("the download is stuck", || self.proxy.byte_count(Direction::ToClient) >= STUCK_AT);
        self.taker.wait_until_quiet();
        assert!(!self.taker.scratch().share().join("film.mov").exists(), "it was not verified yet");
        process
    }

    fn set_free(&self) {
        self.is_sticky.store(false, Ordering::SeqCst);
        self.proxy.cut_all();
    }

    /// The file is there, and nothing was sent twice but a piece.
    fn assert_complete(&self) {
        assert!(self.taker.scratch().shared("film.mov") == self.content);
        assert_eq!(files_below(&self.taker.scratch().share()).len(), 1, "something is left over");
        let sent = self.proxy.byte_count(Direction::ToClient);
        assert!(sent < LENGTH as u64 + PIECE_BYTES as u64 + SLACK, "{sent} bytes were sent");
    }
}

#[test]
fn promise_4_a_download_survives_kill_minus_nine_of_its_source() {
    let mut stuck = Stuck::new();
    let mut process = stuck.begin();
    stuck.source.kill();
    stuck.source.start_again();
    stuck.set_free();
    let outcome = Outcome::of(&mut process);
    if outcome.code != 0 {
        // Giving up is allowed while nobody is there; losing what was there is not.
        let line = stuck.taker.attach(&[&stuck.command()]).expect_done().line();
        assert!(line["resumed_from"].as_u64().unwrap() >= STUCK_AT - PIECE_BYTES as u64 - SLACK, "{line}");
    }
    stuck.assert_complete();
}

#[test]
fn promise_4_a_download_continues_after_kill_minus_nine_of_its_taker() {
    let mut stuck = Stuck::new();
    let mut process = stuck.begin();
    stuck.taker.kill();
    assert_ne!(process.exit_code(), 0, "the peer that was asked is gone");
    stuck.taker.start_again();
    stuck.set_free();
    let line = stuck.taker.attach(&[&stuck.command()]).expect_done().line();
    assert!(line["resumed_from"].as_u64().unwrap() >= STUCK_AT - PIECE_BYTES as u64 - SLACK, "{line}");
    stuck.assert_complete();
}

#[test]
fn promise_4_a_download_survives_a_lost_connection() {
    let stuck = Stuck::new();
    let mut process = stuck.begin();
    stuck.set_free();
    Outcome::of(&mut process).expect_done();
    stuck.assert_complete();
}

#[test]
fn an_unfinished_download_is_never_listed_or_found() {
    let stuck = Stuck::new();
    let mut process = stuck.begin();
    assert_eq!(stuck.taker.attach(&["LISTL"]).expect_done().lines().len(), 0);
    let mut neighbour = integration_tests::neighbour::Neighbour::open(stuck.taker.address());
    assert!(neighbour.found_files("film").is_empty());
    assert!(neighbour.found_files("partial").is_empty());
    stuck.set_free();
    Outcome::of(&mut process).expect_done();
}
