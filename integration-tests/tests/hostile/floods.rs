//! Cases 10 and 11: more requests than anybody needs, and clients that do not read.

use integration_tests::content::PIECE_BYTES;
use integration_tests::server;
use integration_tests::session::{Session, line_of};
use serde_json::json;

#[test]
fn ten_thousand_pipelined_lists_are_answered_in_order_within_bounded_memory() {
    const REQUEST_COUNT: u64 = 10_000;
    let setup = server!();
    (0..20).for_each(|index| setup.scratch.put(&format!("file-{index}.txt"), b""));
    let server = setup.start();
    let mut session = server.session();
    session.listing(json!({"type": "list"}));
    let before = server.memory_peak();
    let list = |id: u64| line_of(&json!({"type": "list", "id": id})).into_bytes();
    let sending = session.send_meanwhile((1..=REQUEST_COUNT).flat_map(list).collect());
    for id in 1..=REQUEST_COUNT {
        let (entries, end) = session.entries(id);
        assert_eq!((entries.len(), &end["type"]), (20, &json!("listed")));
    }
    assert!(sending.join().unwrap());
    let grown = server.memory_peak().saturating_sub(before);
    assert!(grown < 32 << 20, "memory grew by {grown} bytes");
}

#[test]
fn a_client_that_sends_requests_and_reads_nothing_is_stopped_and_timed_out() {
    let server =
        server!().option_with("--idle-timeout", "2s").file("large", vec![7; 8 * PIECE_BYTES]).start();
    let before = server.memory_peak();
    let mut greedy = server.session();
    let read = |id: u64| line_of(&json!({"type": "read", "id": id, "path": "large"})).into_bytes();
    let flood: Vec<u8> = (1..=100_000).flat_map(read).collect();
    // Far more than the systems of both ends keep for them.
    let was_taken = (0..50).all(|_| greedy.try_send_raw(&flood));
    assert!(!was_taken, "the server takes millions of requests of a client that reads nothing");
    server.wait_until_alone();
    let grown = server.memory_peak().saturating_sub(before);
    assert!(grown < 32 << 20, "memory grew by {grown} bytes");
    server.session().assert_works();
}

#[test]
fn a_client_that_stops_reading_in_the_middle_of_a_file_is_timed_out() {
    let server =
        server!().option_with("--idle-timeout", "2s").file("large", vec![7; 64 * PIECE_BYTES]).start();
    let mut stuck = server.session();
    let id = stuck.request(json!({"type": "read", "path": "large"}));
    assert_eq!(stuck.answer(id)["type"], "reading");
    server.wait_until_alone();
    server.session().assert_works();
}

#[test]
fn an_idle_session_is_told_that_it_timed_out() {
    let server = server!().option_with("--idle-timeout", "2s").start();
    server.session().assert_closed_with("timed_out");
    server.session().assert_works();
}

#[test]
fn a_line_that_drips_within_a_session_is_refused_by_an_absolute_deadline_or_an_idle_one() {
    let server = server!().option_with("--idle-timeout", "2s").start();
    let mut session = server.session();
    session.send_raw(b"{\"v\":1,");
    session.assert_closed_with("timed_out");
}

#[test]
fn hundreds_of_connections_that_come_and_go_leave_nothing_behind() {
    let server = server!().start();
    server.session().assert_works();
    server.wait_until_alone();
    let (descriptors, threads) = (server.descriptor_count(), server.thread_count());
    for _ in 0..10 {
        let sessions: Vec<Session> = (0..50).map(|_| Session::dial(server.address())).collect();
        sessions.into_iter().enumerate().for_each(|(index, session)| match index % 3 {
            0 => session.reset(),
            1 => drop(session),
            _ => drop(Session::open(server.address())),
        });
    }
    server.wait_until_alone();
    server.session().assert_works();
    server.wait_until_alone();
    let is_back = || server.descriptor_count() <= descriptors && server.thread_count() <= threads;
    integration_tests::patience::eventually_true("descriptors and threads are back where they were", is_back);
}
