//! Limits of payload bytes per second: who takes turns gets as much as others, whatever else it asks for; what is under way
//! arrives whole, or ends with its program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::session::Session;
use integration_tests::upload::write_file;
use integration_tests::{client, peer, server};
use rustix::process::Signal;
use serde_json::json;

/// A file that would take most of an hour at the slowest rate.
const ENDLESS: usize = 48 * PIECE_BYTES;
/// More than buffers of the system, and what was moved before anybody looked, hold at the slowest rate.
const LITTLE: u64 = PIECE_BYTES as u64;
/// So long that whoever counts what another gets may be late by most of a second.
const LENGTH: usize = 3 * PIECE_BYTES;
/// Requests of one session that may wait.
const REQUESTS: usize = 64;

/// Takes all sections that come over a connection, and counts their bytes.
fn count_sections(mut session: Session, byte_count: &AtomicU64) {
    while let Some(line) = session.next_line() {
        if line["type"] == "section" {
            let length = line["byte_count"].as_u64().unwrap();
            if !session.try_skip(length) {
                return;
            }
            byte_count.fetch_add(length, Ordering::SeqCst);
        }
    }
}

#[test]
fn whoever_asks_for_much_at_once_gets_no_more_than_whoever_asks_for_one_thing() {
    let content = bytes("film", LENGTH);
    let server = server!().option_with("--limit-rate", "4MiB").file("film.mov", &content).start();
    let moved = Arc::new(AtomicU64::new(0));
    let mut greedy = server.session();
    (0..REQUESTS).for_each(|_| {
        greedy.request(json!({"type": "read", "path": "film.mov"}));
    });
    let stream = greedy.stream().clone();
    let counting = {
        let moved = Arc::clone(&moved);
        thread::spawn(move || count_sections(greedy, &moved))
    };
    let mut modest = server.session();
    assert!(modest.read_file("film.mov").len() == LENGTH);
    let before = moved.load(Ordering::SeqCst);
    assert!(modest.read_file("film.mov") == content);
    let meanwhile = moved.load(Ordering::SeqCst) - before;
    stream.socket().shutdown(std::net::Shutdown::Both).unwrap();
    counting.join().unwrap();
    // Who counts may be late with a part of it.
    assert!(meanwhile < 2 * LENGTH as u64, "{meanwhile} bytes beside {LENGTH}");
}

#[test]
fn a_forced_stop_ends_a_download_that_a_limit_has_slowed_down() {
    let mut server = server!()
        .option_with("--limit-rate", "16KiB")
        .option("--console")
        .file("film.mov", bytes("film", ENDLESS))
        .start();
    let mut session = server.session();
    session.request(json!({"type": "read", "path": "film.mov"}));
    while session.line()["type"] != "reading" {}
    server.wait_for_log("what limits it", |line| line.contains("at most 16.0 KiB/s"));
    server.type_in("FORCEQUIT");
    assert_eq!(server.exit_code(), 1);
    let arrived = AtomicU64::new(0);
    count_sections(session, &arrived);
    assert!(arrived.into_inner() < LITTLE);
}

#[test]
fn a_limited_client_that_is_interrupted_ends_and_has_received_little() {
    let server = server!().file("film.mov", bytes("film", ENDLESS)).start();
    let limited = client!(server.scratch(), server.address()).options(&[
        "--limit-rate",
        "16KiB",
        "--progress",
        "always",
    ]);
    let mut process = limited.start(&["READ film.mov"]);
    process.errors.wait_for("a bar that moves", |text| text.contains("film.mov").then_some(()));
    process.signal(Signal::INT);
    assert_eq!(process.exit_code(), 130);
    assert!(process.errors.text().contains("--limit-rate 16384"), "{}", process.errors.text());
    for partial in server.scratch().partials() {
        assert!(partial.metadata().unwrap().len() < LITTLE);
    }
}

#[test]
fn under_limits_at_both_ends_everything_arrives_whole_both_ways() {
    let (large, small) = (bytes("large", 3 * PIECE_BYTES + 7), bytes("small", 4096));
    let server = server!().variable("IOE_LIMIT_RATE", "16MiB").file("large.bin", &large).start();
    let scratch = server.scratch();
    (0..40).for_each(|index| scratch.put(&format!("tree/{index}"), &small));
    let client = client!(scratch, server.address()).options(&["--limit-rate", "20MiB/s"]);
    client
        .run(&["READ large.bin", "READ -r tree", "WRITE large.bin again.bin", "WRITE -r tree copy/"])
        .expect_done();
    assert!(scratch.local_file("large.bin") == large && scratch.shared("again.bin") == large);
    for index in 0..40 {
        assert!(scratch.local_file(&format!("tree/{index}")) == small);
        assert!(scratch.shared(&format!("copy/tree/{index}")) == small);
    }
    // An end that knows nothing of limits.
    let mut session = server.session();
    write_file(&mut session, "by hand.bin", &large[..PIECE_BYTES]);
    assert!(session.read_file("by hand.bin") == large[..PIECE_BYTES]);
}

#[test]
fn a_limited_peer_gives_and_takes() {
    let content = bytes("song", 2 * PIECE_BYTES);
    let holder = peer!().option_with("--limit-rate", "8MiB").file("song.mp3", &content).start();
    let getter = peer!().option_with("--limit-rate", "12MiB").start();
    let command = format!("GET song.mp3 {}", holder.host_and_port());
    assert_eq!(getter.attach(&[&command]).expect_done().line()["digest"], digest(&content));
    assert!(getter.scratch().shared("song.mp3") == content);
}

#[test]
fn a_rate_at_which_nothing_would_seem_to_move_is_wrong_usage() {
    for text in ["0", "16383", "fast"] {
        let (code, errors) = server!().option_with("--limit-rate", text).start_refused();
        assert!(code == 2 && errors.contains("--limit-rate"), "{errors}");
        let (code, errors) = peer!().option_with("--limit-rate", text).start_refused();
        assert!(code == 2 && errors.contains("--limit-rate"), "{errors}");
    }
}
