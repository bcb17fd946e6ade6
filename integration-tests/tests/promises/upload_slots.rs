//! Only so many large files are given at once: who waits knows at which place, places are given and left in order, and who
//! takes next to nothing keeps nobody waiting.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::patience::eventually_true;
use integration_tests::process::Process;
use integration_tests::server::Server;
use integration_tests::session::Session;
use integration_tests::{client, peer, server};
use serde_json::{Value, json};
use std::time::Duration;

/// More than the system's buffers take of a file that nobody reads.
const LARGE: usize = 48 * PIECE_BYTES;
/// The most bytes of which a READ never waits.
const SMALL: usize = 256 * 1024;

/// A server that gives one large file at once, to whoever has begun to take it.
fn narrow() -> Server {
    with_patience("1h")
}

/// A server that gives one large file at once, and waits so long for whoever does not take it while another waits.
fn with_patience(patience: &str) -> Server {
    let server = server!().option_with("--max-uploads", "1").option("--console");
    let server = server.option_with("--upload-patience", patience);
    server.file("film.mov", bytes("film", LARGE)).file("small.mov", bytes("small", SMALL)).start()
}

/// A session that has begun to take the file and does not go on.
fn stuck(server: &Server) -> Session {
    let mut session = server.session();
    session.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(session.line()["type"], "reading");
    session
}

/// A session that waits at this place.
fn waiting(server: &Server, place: u64) -> (Session, u64) {
    let mut session = server.session();
    let id = session.request(json!({"type": "read", "path": "film.mov"}));
    let line = session.line();
    assert_eq!(
        (&line["type"], &line["id"], &line["done"]),
        (&json!("working"), &json!(id), &json!(0)),
        "{line}"
    );
    assert_eq!((&line["queue"], &line["of"]), (&json!(place), &json!(LARGE)), "{line}");
    (session, id)
}

/// Reads `working` until it tells this place.
fn until_at(session: &mut Session, place: u64) {
    loop {
        let line = session.line();
        assert_eq!(line["type"], "working", "{line}");
        if line["queue"] == place {
            return;
        }
    }
}

#[test]
fn whoever_waits_is_told_the_place_moves_up_and_gets_the_file() {
    let server = narrow();
    let first = stuck(&server);
    let (mut second, id) = waiting(&server, 1);
    let (mut third, _) = waiting(&server, 2);
    drop(first);
    assert_eq!(second.answer(id)["type"], "reading");
    until_at(&mut third, 1);
    assert!(second.payload(id).bytes == bytes("film", LARGE));
    while third.line()["type"] != "reading" {}
}

#[test]
fn whoever_leaves_the_queue_frees_the_place_at_once() {
    let server = narrow();
    let _first = stuck(&server);
    let (second, _) = waiting(&server, 1);
    let (mut third, _) = waiting(&server, 2);
    // Everything was read, so that it is no reset but an orderly end.
    drop(second);
    until_at(&mut third, 1);
}

#[test]
fn whoever_only_sends_nothing_more_gets_the_file_all_the_same() {
    let server = narrow();
    let first = stuck(&server);
    let (mut second, id) = waiting(&server, 1);
    second.finish_sending();
    assert_eq!(second.line()["queue"], 1);
    drop(first);
    assert_eq!(second.answer(id)["type"], "reading");
    assert!(second.payload(id).bytes == bytes("film", LARGE));
}

#[test]
fn small_files_small_parts_and_other_requests_never_wait() {
    let server = narrow();
    let _first = stuck(&server);
    let mut session = server.session();
    assert!(session.read_file("small.mov") == bytes("small", SMALL));
    let ranges = json!([{"offset": 5, "byte_count": SMALL}]);
    let id = session.request(json!({"type": "read", "path": "film.mov", "ranges": ranges}));
    assert_eq!(session.line()["type"], "reading");
    assert!(session.payload(id).bytes == bytes("film", LARGE)[5..5 + SMALL]);
    session.assert_works();
}

#[test]
fn status_shows_who_waits_and_a_stop_ends_the_wait() {
    let mut server = narrow();
    let _first = stuck(&server);
    let (mut second, _) = waiting(&server, 1);
    server.type_in("STATUS");
    server.wait_for_output("who waits", |line| line.contains("read film.mov (waiting at place 1)"));
    server.type_in("FORCEQUIT");
    assert_eq!(server.exit_code(), 1);
    while second.next_line().is_some() {}
}

#[test]
fn the_client_shows_the_place_and_then_receives() {
    let server = narrow();
    let first = stuck(&server);
    let client = client!(server.scratch(), server.address()).options(&["--progress", "always", "-v"]);
    let mut process = client.start(&["READ film.mov"]);
    process.errors.wait_for("the place", |text| text.contains("waiting at place 1").then_some(()));
    drop(first);
    assert_eq!(process.exit_code(), 0, "{}", process.errors.text());
    assert!(server.scratch().local_file("film.mov") == bytes("film", LARGE));
}

#[test]
fn whoever_attaches_to_a_peer_at_a_terminal_sees_the_place_and_then_how_far_it_is() {
    let server = server!().option_with("--max-uploads", "1").option_with("--upload-patience", "1h");
    // Slow enough to be seen.
    let server = server.option_with("--limit-rate", "20MiB").file("film.mov", bytes("film", LARGE)).start();
    let (first, peer) = (stuck(&server), peer!().start());
    let mut process = Process::start_at_terminal(
        &mut peer.attach_command(&[], &[&format!("GET film.mov {}", server.address())]),
    );
    process.output.wait_for("the place", |text| text.contains("waiting at place 1").then_some(()));
    drop(first);
    process.output.wait_for("a bar", |text| text.contains("MiB/48.00 MiB   #").then_some(()));
    assert_eq!(process.exit_code(), 0, "{}", process.output.text());
    assert!(process.output.text().contains("received film.mov"), "{}", process.output.text());
    assert!(peer.scratch().shared("film.mov") == bytes("film", LARGE));
}

/// Takes sections, which follow what is there, up to a line of this type.
fn take_until(session: &mut Session, bytes: &mut Vec<u8>, type_name: &str) -> Value {
    loop {
        let line = session.line();
        if line["type"] == type_name {
            return line;
        }
        if line["type"] == "section" {
            assert_eq!(line["offset"], bytes.len(), "{line}");
            bytes.extend(session.raw(usize::try_from(line["byte_count"].as_u64().unwrap()).unwrap()));
        }
    }
}

#[test]
fn whoever_takes_nothing_leaves_the_slot_to_who_waits_and_goes_on_later_where_it_was() {
    let server = with_patience("5s");
    let mut first = stuck(&server);
    let (mut second, id) = waiting(&server, 1);
    assert_eq!(second.answer(id)["type"], "reading");
    let mut bytes_taken = Vec::new();
    let told = take_until(&mut first, &mut bytes_taken, "working");
    assert_eq!((&told["queue"], &told["done"]), (&json!(1), &json!(bytes_taken.len())), "{told}");
    drop(second);
    take_until(&mut first, &mut bytes_taken, "end");
    assert!(bytes_taken == bytes("film", LARGE));
}

#[test]
fn whoever_takes_a_byte_now_and_then_keeps_no_slot_that_another_waits_for() {
    let server = with_patience("500ms");
    let mut first = stuck(&server);
    assert_eq!(first.line()["type"], "section");
    let mut second = server.session();
    let id = second.request(json!({"type": "read", "path": "film.mov"}));
    eventually_true("the one that waits has the slot", || {
        first.raw(1);
        second.hears_within(Duration::from_millis(1)) && second.line()["type"] == "reading"
    });
    assert!(second.payload(id).bytes == bytes("film", LARGE));
}

#[test]
fn a_peer_has_slots_too() {
    let peer = peer!().option_with("--max-uploads", "1").file("film.mov", bytes("film", LARGE)).start();
    let mut first = peer.session();
    first.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(first.line()["type"], "reading");
    let mut second = peer.session();
    second.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(second.line()["queue"], 1);
    drop(first);
    while second.line()["type"] != "reading" {}
}

#[test]
fn a_peer_keeps_nobody_waiting_either() {
    let peer = peer!().option_with("--max-uploads", "1").option_with("--upload-patience", "100ms");
    let peer = peer.file("film.mov", bytes("film", LARGE)).start();
    let [mut first, mut second] = [peer.session(), peer.session()];
    first.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(first.line()["type"], "reading");
    let id = second.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(second.answer(id)["type"], "reading");
}
