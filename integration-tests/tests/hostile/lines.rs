//! Cases 4 and 5: what is no message, field by field, and what only looks unknown.

use integration_tests::server;
use integration_tests::session::{Session, assert_refused};
use serde_json::json;

/// Sends one line in a session of its own; it must be refused as a bad message, and the session closed.
fn assert_is_no_message(session: &mut Session, line: &[u8]) {
    session.send_raw([line, b"\n"].concat());
    let shown = String::from_utf8_lossy(&line[..line.len().min(200)]);
    let Some(answer) = session.next_line() else { panic!("closed without a word after {shown}") };
    assert!(answer["type"] == "refused" && answer["code"] == "bad_message", "{shown} got {answer}");
    session.assert_closed();
}

#[test]
fn what_is_no_json_object_is_a_bad_message() {
    let server = server!().start();
    let lines: [&[u8]; 20] = [
        b"",
        b"\r",
        b"help",
        b"null",
        b"1",
        b"\"help\"",
        b"[]",
        b"[1,\"help\",1]",
        b"{",
        b"}",
        b"{}x",
        b" {\"v\":1,\"type\":\"help\",\"id\":1}",
        b"\xef\xbb\xbf{\"v\":1,\"type\":\"help\",\"id\":1}",
        b"{\"v\":1,\"type\":\"help\",\"id\":1}{\"v\":1,\"type\":\"help\",\"id\":2}",
        b"{\"v\":1,\"type\":\"help\",\"id\":1} trailing",
        b"{\"v\":1,\"type\":\"help\",\"id\":1,}",
        b"{'v':1,'type':'help','id':1}",
        b"{\"v\":1,\"type\":\"help\",\"id\":1 /* a comment */}",
        b"{\"v\":1,\"type\":\"help\",\"id\":1,\"a\":NaN}",
        b"{\"v\":1,\"type\":\"help\",\"id\":1,\"a\":\"\t\"}",
    ];
    for line in lines {
        assert_is_no_message(&mut server.session(), line);
    }
}

#[test]
fn a_message_that_lacks_what_it_needs_is_a_bad_message() {
    let server = server!().start();
    for line in [
        "{}",
        r#"{"v":1}"#,
        r#"{"type":"help","id":1}"#,
        r#"{"v":1,"id":1}"#,
        r#"{"v":1,"type":"list"}"#,
        r#"{"v":1,"type":"mkdir","id":1}"#,
        r#"{"v":1,"type":"rename","id":1,"path":"a"}"#,
        r#"{"v":1,"type":"search","id":1}"#,
        r#"{"v":1,"type":"write","id":1,"byte_count":0}"#,
        r#"{"v":1,"type":"read","id":1,"path":"a","ranges":[{"offset":0}]}"#,
    ] {
        assert_is_no_message(&mut server.session(), line.as_bytes());
    }
}

#[test]
fn a_value_of_another_type_is_a_bad_message() {
    let server = server!().file("a.txt", b"a").start();
    for line in [
        r#"{"v":"1","type":"help","id":1}"#,
        r#"{"v":1.0,"type":"help","id":1}"#,
        r#"{"v":null,"type":"help","id":1}"#,
        r#"{"v":1,"type":7,"id":1}"#,
        r#"{"v":1,"type":null,"id":1}"#,
        r#"{"v":1,"type":["help"],"id":1}"#,
        r#"{"v":1,"type":"help","id":"1"}"#,
        r#"{"v":1,"type":"help","id":null}"#,
        r#"{"v":1,"type":"help","id":true}"#,
        r#"{"v":1,"type":"list","id":1,"recursive":"yes"}"#,
        r#"{"v":1,"type":"list","id":1,"recursive":1}"#,
        r#"{"v":1,"type":"list","id":1,"path":5}"#,
        r#"{"v":1,"type":"list","id":1,"path":["a"]}"#,
        r#"{"v":1,"type":"read","id":1,"path":{"a":1}}"#,
        r#"{"v":1,"type":"read","id":1,"path":"a.txt","ranges":[[0,1]]}"#,
        r#"{"v":1,"type":"read","id":1,"path":"a.txt","ranges":{"offset":0,"byte_count":1}}"#,
        r#"{"v":1,"type":"read","id":1,"path":"a.txt","if_digest":"short"}"#,
        r#"{"v":1,"type":"stat","id":1,"digest":"zz8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f"}"#,
        r#"{"v":1,"type":"delete","id":1,"path":null}"#,
        r#"{"v":1,"type":"write","id":1,"path":"b","byte_count":0,"new":0}"#,
        r#"{"v":1,"type":"write","id":1,"path":"b","byte_count":0,"modified":1700000000}"#,
        r#"{"v":1,"type":"write","id":1,"path":"b","byte_count":0,"modified":"yesterday"}"#,
        r#"{"v":1,"type":"write","id":1,"path":"b","byte_count":0,"modified":"2026-13-40T99:00:00Z"}"#,
    ] {
        assert_is_no_message(&mut server.session(), line.as_bytes());
    }
    assert_eq!(server.scratch().shared("a.txt"), b"a");
    assert!(!server.scratch().share().join("b").exists());
}

#[test]
fn a_known_key_twice_is_a_bad_message_and_nothing_of_it_is_carried_out() {
    let server = server!().file("a.txt", b"a").file("b.txt", b"b").start();
    for line in [
        r#"{"v":1,"v":1,"type":"delete","id":1,"path":"a.txt"}"#,
        r#"{"v":1,"type":"help","type":"delete","id":1,"path":"a.txt"}"#,
        r#"{"v":1,"type":"delete","id":1,"id":1,"path":"a.txt"}"#,
        r#"{"v":1,"type":"delete","id":1,"path":"a.txt","path":"b.txt"}"#,
        r#"{"v":1,"type":"delete","id":1,"path":"a.txt","p\u0061th":"b.txt"}"#,
        r#"{"v":1,"type":"delete","id":1,"path":"a.txt","recursive":false,"recursive":true}"#,
    ] {
        assert_is_no_message(&mut server.session(), line.as_bytes());
    }
    assert_eq!(
        (server.scratch().shared("a.txt"), server.scratch().shared("b.txt")),
        (b"a".into(), b"b".into())
    );
}

#[test]
fn text_that_is_no_utf8_is_a_bad_message_even_where_nobody_would_look() {
    let server = server!().file("a.txt", b"a").start();
    let lines: [&[u8]; 6] = [
        b"{\"v\":1,\"type\":\"delete\",\"id\":1,\"path\":\"a.txt\",\"unknown\":\"\xff\"}",
        b"{\"v\":1,\"type\":\"delete\",\"id\":1,\"path\":\"a.txt\",\"\xc0\xaf\":1}",
        b"{\"v\":1,\"type\":\"read\",\"id\":1,\"path\":\"\xff\xfe\"}",
        b"{\"v\":1,\"type\":\"read\",\"id\":1,\"path\":\"\xed\xa0\x80\"}",
        b"{\"v\":1,\"type\":\"read\",\"id\":1,\"path\":\"\\ud800\"}",
        b"{\"v\":1,\"type\":\"read\",\"id\":1,\"path\":\"\\x41\"}",
    ];
    for line in lines {
        assert_is_no_message(&mut server.session(), line);
    }
    assert_eq!(server.scratch().shared("a.txt"), b"a");
}

#[test]
fn nesting_is_allowed_to_the_limit_and_no_deeper_and_never_overflows_a_stack() {
    let server = server!().start();
    let nested = |depth: usize| {
        format!(r#"{{"v":1,"type":"help","id":1,"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    // The message itself is the first level of eight.
    let mut session = server.session();
    session.send_line(&nested(7));
    assert_eq!(session.answer(1)["type"], "topics");
    for depth in [8, 9, 100, 10_000, 30_000] {
        assert_is_no_message(&mut server.session(), nested(depth).as_bytes());
    }
    let objects = format!("{}1{}", r#"{"a":"#.repeat(9), "}".repeat(9));
    let unclosed = format!(r#"{{"v":1,"type":"help","id":1,"a":{}"#, "[".repeat(60_000));
    assert_is_no_message(&mut server.session(), objects.as_bytes());
    assert_is_no_message(&mut server.session(), unclosed.as_bytes());
}

#[test]
fn a_string_of_a_megabyte_is_a_bad_message() {
    let server = server!().start();
    let mut session = server.session();
    let line = format!(r#"{{"v":1,"type":"read","id":1,"path":"{}"}}"#, "a".repeat(1 << 20));
    session.try_send_raw(format!("{line}\n"));
    session.assert_closed_with("bad_message");
}

#[test]
fn unknown_fields_are_ignored() {
    let server = server!().file("a.txt", b"hello").start();
    let mut session = server.session();
    for extra in [json!(null), json!(-1.5e300), json!({"path": "b", "x": [1, {"y": null}]}), json!("")] {
        let request = json!({"type": "read", "path": "a.txt", "future": extra, "PATH": "b", "": 0});
        assert_eq!(session.read(request).1.bytes, b"hello");
    }
    session.send_line(r#"{"v":1,"type":"help","id":77,"twice":1,"twice":2}"#);
    assert_eq!(session.answer(77)["type"], "topics");
}

#[test]
fn an_unknown_type_is_refused_under_its_id_and_the_session_goes_on() {
    let server = server!().start();
    let mut session = server.session();
    for name in ["execute", "", "LIST", "list ", "welcome", "written", "listed", "refused", "goodbye"] {
        let answer = session.ask(json!({"type": name, "path": "a", "code": "busy", "message": "x"}));
        assert_refused(&answer, "unknown_type");
    }
    session.assert_works();
}
