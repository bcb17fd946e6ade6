//! Many requests at once: answered in their order, each seeing the effects of those before it.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::server;
use integration_tests::session::{assert_refused, line_of, with_id};
use integration_tests::upload::small_write;
use serde_json::json;

#[test]
fn answers_come_in_the_order_of_the_requests_however_long_each_takes() {
    let large = bytes("large", 6 * PIECE_BYTES);
    let server = server!().file("large", &large).file("small.txt", b"small").start();
    let mut session = server.session();
    let requests = [
        json!({"type": "stat", "path": "large", "with_digest": true}),
        json!({"type": "read", "path": "large"}),
        json!({"type": "stat", "path": "small.txt"}),
        json!({"type": "read", "path": "missing"}),
        json!({"type": "read", "path": "small.txt"}),
        json!({"type": "help"}),
    ];
    let ids = requests.map(|request| session.request(request));
    assert_eq!(session.answer(ids[0])["type"], "found");
    assert_eq!(session.answer(ids[1])["type"], "reading");
    assert!(session.payload(ids[1]).bytes == large);
    assert_eq!(session.answer(ids[2])["type"], "found");
    assert_refused(&session.answer(ids[3]), "not_found");
    assert_eq!(session.answer(ids[4])["type"], "reading");
    assert_eq!(session.payload(ids[4]).bytes, b"small");
    assert_eq!(session.answer(ids[5])["type"], "topics");
}

#[test]
fn a_request_sees_the_effects_of_all_earlier_ones_of_its_session() {
    let server = server!().start();
    let mut session = server.session();
    let line = |id, request| line_of(&with_id(request, id)).into_bytes();
    let run = [
        line(1, json!({"type": "mkdir", "path": "a"})),
        small_write(2, "a/one.txt", b"first"),
        line(3, json!({"type": "read", "path": "a/one.txt"})),
        line(4, json!({"type": "rename", "path": "a/one.txt", "to": "a/two.txt"})),
        line(5, json!({"type": "list", "path": "a"})),
        small_write(6, "a/two.txt", b"second"),
        line(7, json!({"type": "read", "path": "a/two.txt"})),
        line(8, json!({"type": "delete", "path": "a", "recursive": true})),
        line(9, json!({"type": "list", "path": "a"})),
    ];
    session.send_raw(run.concat());
    assert_eq!(session.answer(1)["type"], "made");
    assert_eq!(session.answer(2)["type"], "written");
    assert_eq!(session.answer(3)["type"], "reading");
    assert_eq!(session.payload(3).bytes, b"first");
    assert_eq!(session.answer(4)["type"], "renamed");
    let (entries, end) = session.entries(5);
    assert_eq!((&entries[0]["path"], &end["entry_count"]), (&json!("a/two.txt"), &json!(1)));
    assert_eq!(session.answer(6)["type"], "written");
    assert_eq!(session.answer(7)["type"], "reading");
    assert_eq!(session.payload(7).bytes, b"second");
    assert_eq!(session.answer(8)["type"], "deleted");
    assert_refused(&session.answer(9), "not_found");
}

#[test]
fn a_folder_that_was_moved_or_replaced_by_the_same_run_of_requests_is_not_taken_for_the_one_before() {
    let server = server!().file("a/x", b"first").file("b/x", b"second").start();
    let mut session = server.session();
    let line = |id, request| line_of(&with_id(request, id)).into_bytes();
    let read = |id| line(id, json!({"type": "read", "path": "a/x"}));
    let rename = |id, from, to| line(id, json!({"type": "rename", "path": from, "to": to}));
    let run = [
        read(1),
        rename(2, "a", "c"),
        read(3),
        small_write(4, "a/y", b"lost"),
        rename(5, "b", "a"),
        read(6),
        small_write(7, "a/y", b"kept"),
        line(8, json!({"type": "delete", "path": "a", "recursive": true})),
        line(9, json!({"type": "mkdir", "path": "a"})),
        read(10),
        small_write(11, "a/z", b"third"),
    ];
    session.send_raw(run.concat());
    assert_eq!(session.answer(1)["type"], "reading");
    assert_eq!(session.payload(1).bytes, b"first");
    assert_eq!(session.answer(2)["type"], "renamed");
    assert_refused(&session.answer(3), "not_found");
    assert_refused(&session.answer(4), "not_found");
    assert_eq!(session.answer(5)["type"], "renamed");
    assert_eq!(session.answer(6)["type"], "reading");
    assert_eq!(session.payload(6).bytes, b"second");
    assert_eq!(session.answer(7)["type"], "written");
    assert_eq!(session.answer(8)["type"], "deleted");
    assert_eq!(session.answer(9)["type"], "made");
    assert_refused(&session.answer(10), "not_found");
    assert_eq!(session.answer(11)["type"], "written");
    assert_eq!(session.read_file("a/z"), b"third");
    assert_eq!(session.listing(json!({"type": "list", "path": "c"})).1["entry_count"], 1);
}

#[test]
fn a_folder_that_was_moved_by_another_session_is_not_taken_for_the_one_before() {
    let server = server!().file("a/x", b"first").start();
    let (mut session, mut other) = (server.session(), server.session());
    for (from, to) in [("a", "b"), ("b", "a"), ("a", "c")] {
        assert_eq!(session.read_file(&format!("{from}/x")), b"first");
        assert_eq!(other.ask(json!({"type": "rename", "path": from, "to": to}))["type"], "renamed");
        session.ask_refused(json!({"type": "read", "path": format!("{from}/x")}), "not_found");
    }
}

#[test]
fn more_requests_than_the_limit_are_not_refused_but_wait() {
    let server = server!().file("a.txt", b"hello").start();
    let mut session = server.session();
    let read = |id| line_of(&json!({"type": "read", "id": id, "path": "a.txt"})).into_bytes();
    let sending = session.send_meanwhile((1..=1000).flat_map(read).collect());
    for id in 1..=1000 {
        assert_eq!(session.answer(id)["type"], "reading");
        assert_eq!(session.payload(id).bytes, b"hello");
    }
    assert!(sending.join().unwrap());
}

#[test]
fn requests_that_arrive_one_byte_at_a_time_are_understood() {
    let server = server!().start();
    let mut session = server.session();
    let line = |id, request| line_of(&with_id(request, id)).into_bytes();
    let run = [small_write(1, "a.txt", b"hello"), line(2, json!({"type": "stat", "path": "a.txt"}))].concat();
    run.chunks(1).for_each(|byte| session.send_raw(byte));
    assert_eq!(session.answer(1)["type"], "written");
    assert_eq!(session.answer(2)["entry"]["byte_count"], 5);
}
