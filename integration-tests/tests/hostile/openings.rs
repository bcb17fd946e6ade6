//! Cases 1, 2, 3 and 5: whoever does not open a session as he should is told once at most, and closed.

use std::time::Duration;

use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{LINE_BYTES_MAX, PROCESS_ID, Session, assert_refused, hello};
use serde_json::{Value, json};

/// A client that sends these bytes instead of a `hello`.
fn dial_with(server: &Server, bytes: &[u8]) -> Session {
    let mut session = Session::dial(server.address());
    session.try_send_raw(bytes);
    session
}

fn assert_hello_refused(server: &Server, hello: &Value, code: &str) {
    let mut session = Session::dial(server.address());
    session.send(hello);
    session.assert_closed_with(code);
}

fn hello_with(name: &str, value: Value) -> Value {
    let mut hello = hello(PROCESS_ID);
    hello[name] = value;
    hello
}

#[test]
fn other_protocols_and_garbage_get_one_line_at_most_and_leave_one_line_in_the_log() {
    let server = server!().start();
    let garbage: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let first_bytes: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello without a line feed",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\0\n",
        b"\n",
        b"{\n",
        &garbage,
    ];
    let mut sessions = first_bytes.map(|bytes| dial_with(&server, bytes));
    for (session, bytes) in sessions.iter_mut().zip(first_bytes) {
        let first_line = session.next_line();
        assert!(first_line.is_none_or(|line| line["type"] == "refused"), "{bytes:?}");
        session.assert_closed();
    }
    for session in sessions {
        let address = session.local_address().to_string();
        server.wait_for_log("a line that names the client", |line| line.contains(&address));
        assert_eq!(
            server.log().lines().filter(|line| line.contains(&address)).count(),
            1,
            "{}",
            server.log()
        );
    }
    server.session().assert_works();
}

#[test]
fn a_client_that_closes_at_once_or_in_the_middle_of_its_hello_harms_nobody() {
    let server = server!().start();
    for bytes in [&b""[..], b"{", b"{\"v\":1,\"type\":\"hel"] {
        drop(dial_with(&server, bytes));
        dial_with(&server, bytes).reset();
    }
    server.session().assert_works();
    server.wait_until_alone();
}

#[test]
fn a_line_at_the_limit_is_read_and_one_byte_more_is_refused() {
    let server = server!().start();
    let start = r#"{"v":1,"type":"help","id":1,"filler":""#;
    let line_of = |length: usize| format!("{start}{}\"}}\n", "x".repeat(length - start.len() - 3));
    let mut session = server.session();
    session.send_raw(line_of(LINE_BYTES_MAX));
    assert_eq!(session.answer(1)["type"], "topics");
    session.try_send_raw(line_of(LINE_BYTES_MAX + 1));
    session.assert_closed_with("bad_message");
}

#[test]
fn a_line_without_an_end_is_refused_and_memory_stays_flat() {
    let server = server!().start();
    let chunk = vec![b'x'; 1 << 20];
    for is_greeted in [false, true] {
        let mut session = if is_greeted { server.session() } else { Session::dial(server.address()) };
        let before = server.memory_peak();
        // At the latest after what it reads on for politeness, the server takes no more.
        let taken = (0..256).take_while(|_| session.try_send_raw(&chunk)).count();
        assert!(taken < 256, "the server takes a line of 256 MiB");
        // The kernel sums its counters now and then, so that a peak may seem to shrink by a little.
        let grown = server.memory_peak().saturating_sub(before);
        assert!(grown < 8 << 20, "memory grew by {grown} bytes");
    }
    server.session().assert_works();
}

#[test]
fn a_hello_that_drips_and_one_that_never_comes_meet_the_same_absolute_deadline() {
    let server = server!().start();
    let mut silent = Session::dial(server.address());
    let mut dripping = Session::dial(server.address());
    // Far more drops than fit before the deadline, each sooner than any idle timer would ring.
    let drops = (0..200)
        .take_while(|_| dripping.try_send_raw(b"{") && !dripping.hears_within(Duration::from_millis(250)));
    assert!(drops.count() < 200, "a dripping hello is still listened to");
    for session in [&mut silent, &mut dripping] {
        if let Some(last_words) = session.next_line() {
            assert_refused(&last_words, "timed_out");
        }
        session.assert_closed();
    }
    server.session().assert_works();
}

#[test]
fn a_client_of_another_version_is_told_the_versions_that_are_spoken() {
    let server = server!().start();
    for hello in [hello_with("versions", json!([2, 9])), hello_with("v", json!(2))] {
        let mut session = Session::dial(server.address());
        session.send(&hello);
        assert_eq!(session.assert_closed_with("unsupported_version")["versions"], json!([1]));
    }
    let mut session = server.session();
    session.send(&json!({"v": 2, "type": "help", "id": 1}));
    let refusal = session.line();
    assert_refused(&refusal, "unsupported_version");
    assert_eq!(refusal["versions"], json!([1]));
    session.assert_closed();
}

#[test]
fn a_request_before_hello_and_the_role_of_a_neighbour_are_refused() {
    let server = server!().start();
    assert_hello_refused(&server, &json!({"type": "list", "id": 1}), "bad_message");
    assert_hello_refused(&server, &hello_with("role", json!("peer")), "bad_message");
    assert_hello_refused(&server, &hello_with("role", json!("server")), "bad_message");
    let mut neighbour = hello_with("role", json!("peer"));
    neighbour["port"] = json!(10_001);
    assert_hello_refused(&server, &neighbour, "not_allowed");
    server.session().assert_works();
}

#[test]
fn a_hello_with_a_missing_or_wrong_field_is_a_bad_message() {
    let server = server!().start();
    for (name, value) in [
        ("process_id", json!("0123")),
        ("process_id", json!("g".repeat(32))),
        ("process_id", json!(7)),
        ("agent", json!("a".repeat(129))),
        ("agent", json!(["a"])),
        ("versions", json!("1")),
        ("versions", json!(vec![1; 65])),
        ("versions", json!([-1])),
        ("role", json!("king")),
    ] {
        assert_hello_refused(&server, &hello_with(name, value), "bad_message");
    }
    for name in ["agent", "versions", "role", "process_id"] {
        let mut hello = hello(PROCESS_ID);
        hello.as_object_mut().unwrap().remove(name);
        assert_hello_refused(&server, &hello, "bad_message");
    }
}

#[test]
fn a_hello_at_every_limit_is_welcome() {
    let server = server!().start();
    for (name, value) in
        [("agent", json!("a".repeat(128))), ("versions", json!(vec![1; 64])), ("new", json!({"a": []}))]
    {
        let mut session = Session::dial(server.address());
        session.send(&hello_with(name, value));
        assert_eq!(session.line()["type"], "welcome");
    }
}
