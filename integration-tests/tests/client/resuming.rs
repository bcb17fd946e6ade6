//! A broken transfer continues: after the client, the server or the connection died in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use integration_tests::client::{Client, Outcome};
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::patience::eventually_true;
use integration_tests::process::Process;
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::scratch::files_below;
use integration_tests::server::Server;
use integration_tests::{client, server};
use rustix::process::Signal;

const LENGTH: usize = 12 * PIECE_BYTES + 345;
/// Where a transfer gets stuck: in the middle of a piece.
const STUCK_AT: u64 = 7 * (PIECE_BYTES as u64) + PIECE_BYTES as u64 / 2;
/// Lines beside the payload, and the list of piece values, are not worth more.
const SLACK: u64 = 128 * 1024;

/// A proxy in which every transfer gets stuck until it is set free, and what remains to set it free.
fn sticky_proxy(server: &Server, direction: Direction) -> (Proxy, Arc<AtomicBool>) {
    let is_sticky = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&is_sticky);
    let plan = move |_| match asked.load(Ordering::SeqCst) {
        true => Fault::Stall(direction, STUCK_AT),
        false => Fault::None,
    };
    (Proxy::start(server.address(), plan), is_sticky)
}

/// Starts a transfer that gets stuck in the middle.
fn stuck_transfer(client: &Client, (server, proxy): (&Server, &Proxy), direction: Direction) -> Process {
    let mut process = client.start(&[command_of(direction)]);
    process.close_input();
    eventually_true("the transfer is stuck in the middle", || proxy.byte_count(direction) >= STUCK_AT);
    process.wait_until_quiet();
    server.wait_until_quiet();
    process
}

fn command_of(direction: Direction) -> &'static str {
    match direction {
        Direction::ToClient => "READ film.mov",
        Direction::ToServer => "WRITE film.mov",
    }
}

/// What a transfer may cost that continues: what was not there yet, the piece in which it was stuck, and lines.
fn rest_with_slack() -> u64 {
    LENGTH as u64 - STUCK_AT + PIECE_BYTES as u64 + SLACK
}

fn assert_continued(outcome: Outcome) {
    let line = outcome.expect_done().line();
    let resumed_from = line["resumed_from"].as_u64().unwrap();
    let expected = STUCK_AT - PIECE_BYTES as u64 - SLACK..=STUCK_AT;
    assert!(expected.contains(&resumed_from), "resumed from {resumed_from}, stuck at {STUCK_AT}");
}

#[test]
fn a_download_continues_after_kill_minus_nine_of_the_client() {
    let content = bytes("film", LENGTH);
    let server = server!().file("film.mov", &content).start();
    server.scratch().put_local("film.mov", b"old");
    let (proxy, is_sticky) = sticky_proxy(&server, Direction::ToClient);
    let client = client!(server.scratch(), proxy.address());
    let mut process = stuck_transfer(&client, (&server, &proxy), Direction::ToClient);
    process.kill();
    assert_eq!(server.scratch().local_file("film.mov"), b"old", "before it was verified");
    is_sticky.store(false, Ordering::SeqCst);
    let before = proxy.byte_count(Direction::ToClient);
    assert_continued(client.run_json(&["READ film.mov"]));
    assert!(server.scratch().local_file("film.mov") == content);
    assert!(proxy.byte_count(Direction::ToClient) - before < rest_with_slack());
    assert_eq!(files_below(&server.scratch().local()).len(), 1, "something is left over");
}

#[test]
fn an_upload_continues_after_kill_minus_nine_of_the_client() {
    let content = bytes("film", LENGTH);
    let server = server!().file("film.mov", b"old").start();
    server.scratch().put_local("film.mov", &content);
    let (proxy, is_sticky) = sticky_proxy(&server, Direction::ToServer);
    let client = client!(server.scratch(), proxy.address());
    let mut process = stuck_transfer(&client, (&server, &proxy), Direction::ToServer);
    process.kill();
    assert_eq!(server.scratch().shared("film.mov"), b"old");
    is_sticky.store(false, Ordering::SeqCst);
    let before = proxy.byte_count(Direction::ToServer);
    assert_continued(client.run_json(&["WRITE film.mov"]));
    assert!(server.scratch().shared("film.mov") == content);
    assert!(proxy.byte_count(Direction::ToServer) - before < rest_with_slack());
    assert!(server.scratch().partials().is_empty());
}

/// A server is killed in the middle of a transfer and started again elsewhere; the same client must end
/// well, having sent nothing twice but a piece.
fn assert_survives_a_killed_server(direction: Direction) {
    let content = bytes("film", LENGTH);
    let mut server = server!().start();
    match direction {
        Direction::ToClient => server.scratch().put("film.mov", &content),
        Direction::ToServer => server.scratch().put_local("film.mov", &content),
    }
    let (proxy, is_sticky) = sticky_proxy(&server, direction);
    let client = client!(server.scratch(), proxy.address()).options(&["--json"]);
    let mut process = stuck_transfer(&client, (&server, &proxy), direction);
    server.kill();
    server.start_again();
    proxy.set_target(server.address());
    is_sticky.store(false, Ordering::SeqCst);
    proxy.cut_all();
    assert_continued(Outcome::of(&mut process));
    assert!(server.scratch().shared("film.mov") == content);
    assert!(server.scratch().local_file("film.mov") == content);
    assert!(proxy.byte_count(direction) < STUCK_AT + rest_with_slack());
}

#[test]
fn a_download_survives_kill_minus_nine_of_the_server() {
    assert_survives_a_killed_server(Direction::ToClient);
}

#[test]
fn an_upload_survives_kill_minus_nine_of_the_server() {
    assert_survives_a_killed_server(Direction::ToServer);
}

#[test]
fn ctrl_c_keeps_what_arrived_and_says_how_to_continue() {
    let content = bytes("film", LENGTH);
    let server = server!().file("film.mov", &content).start();
    let (proxy, is_sticky) = sticky_proxy(&server, Direction::ToClient);
    let client = client!(server.scratch(), proxy.address());
    let mut process = stuck_transfer(&client, (&server, &proxy), Direction::ToClient);
    process.signal(Signal::INT);
    let outcome = Outcome::of(&mut process).expect_code(130);
    assert!(outcome.errors.contains("again") || outcome.errors.contains("continue"), "{outcome:?}");
    assert!(!server.scratch().local().join("film.mov").exists());
    is_sticky.store(false, Ordering::SeqCst);
    assert_continued(client.run_json(&["READ film.mov"]));
    assert!(server.scratch().local_file("film.mov") == content);
}

#[test]
fn ctrl_c_during_an_upload_leaves_the_old_file_and_the_upload_continues() {
    let content = bytes("film", LENGTH);
    let server = server!().file("film.mov", b"old").start();
    server.scratch().put_local("film.mov", &content);
    let (proxy, is_sticky) = sticky_proxy(&server, Direction::ToServer);
    let client = client!(server.scratch(), proxy.address());
    let mut process = stuck_transfer(&client, (&server, &proxy), Direction::ToServer);
    process.signal(Signal::INT);
    Outcome::of(&mut process).expect_code(130);
    assert_eq!(server.scratch().shared("film.mov"), b"old");
    is_sticky.store(false, Ordering::SeqCst);
    assert_continued(client.run_json(&["WRITE film.mov"]));
    assert!(server.scratch().shared("film.mov") == content);
}

#[test]
fn an_upload_that_another_process_holds_is_busy() {
    let server = server!().start();
    server.scratch().put_local("film.mov", bytes("film", LENGTH));
    let mut holder = server.session();
    let wanted = serde_json::json!({"base_wanted": true});
    let held = integration_tests::upload::begin_large(&mut holder, "film.mov", LENGTH, &wanted);
    let client = client!(server.scratch(), server.address()).options(&["--timeout", "3s"]);
    client.run_json(&["WRITE film.mov"]).expect_error("busy", 1);
    holder.send(&integration_tests::upload::abort(held.id));
    client.run_json(&["WRITE film.mov"]).expect_done();
}

#[test]
fn a_busy_upload_is_tried_again_until_the_name_is_free() {
    let server = server!().start();
    server.scratch().put_local("film.mov", bytes("film", LENGTH));
    let mut holder = server.session();
    let wanted = serde_json::json!({"base_wanted": true});
    let held = integration_tests::upload::begin_large(&mut holder, "film.mov", LENGTH, &wanted);
    let mut process = client!(server.scratch(), server.address()).start(&["WRITE film.mov"]);
    process.close_input();
    server.wait_for_log("the refusal of the second upload", |line| line.contains("busy"));
    holder.send(&integration_tests::upload::abort(held.id));
    Outcome::of(&mut process).expect_done();
    assert!(server.scratch().shared("film.mov") == bytes("film", LENGTH));
}
