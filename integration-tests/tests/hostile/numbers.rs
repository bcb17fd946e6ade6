//! Case 6: numbers that are no lengths, wherever a length stands.

use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, section_of};
use integration_tests::upload::{end, write_request};
use serde_json::json;

/// What must be refused before anything is done with it: no length at all, or one past 2^53 - 1.
const NO_NUMBERS: [&str; 13] = [
    "-1",
    "1.5",
    "10.0",
    "1e3",
    "1e400",
    "\"10\"",
    "true",
    "[]",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
];

fn assert_bad_message(session: &mut Session, line: &str) {
    session.send_line(line);
    let answer = session.next_line().unwrap_or_else(|| panic!("closed without a word after {line}"));
    assert!(answer["type"] == "refused" && answer["code"] == "bad_message", "{line} got {answer}");
    session.assert_closed();
}

fn assert_only_the_old_file_is_there(server: &Server) {
    assert_eq!(server.scratch().shared("a.txt"), b"old");
    assert_eq!(integration_tests::scratch::files_below(&server.scratch().share()).len(), 1);
}

#[test]
fn a_write_of_no_such_length_is_refused_before_any_file_exists() {
    let server = server!().file("a.txt", b"old").start();
    for number in NO_NUMBERS {
        for path in ["a.txt", "new.txt"] {
            let line = format!(r#"{{"v":1,"type":"write","id":1,"path":"{path}","byte_count":{number}}}"#);
            assert_bad_message(&mut server.session(), &line);
        }
    }
    assert_only_the_old_file_is_there(&server);
}

#[test]
fn a_range_of_no_such_place_or_length_is_refused() {
    let server = server!().file("a.txt", b"old").start();
    for number in NO_NUMBERS {
        for (offset, byte_count) in [(number, "1"), ("1", number)] {
            let range = format!(r#"{{"offset":{offset},"byte_count":{byte_count}}}"#);
            let line = format!(r#"{{"v":1,"type":"read","id":1,"path":"a.txt","ranges":[{range}]}}"#);
            assert_bad_message(&mut server.session(), &line);
        }
    }
}

#[test]
fn a_section_of_no_such_place_or_length_is_refused_and_the_old_file_stays() {
    let server = server!().file("a.txt", b"old").start();
    for number in NO_NUMBERS {
        for (offset, byte_count) in [(number, "1"), ("0", number)] {
            let mut session = server.session();
            session.send(&integration_tests::session::with_id(write_request("a.txt", 5, &json!({})), 1));
            let line =
                format!(r#"{{"v":1,"type":"section","id":1,"offset":{offset},"byte_count":{byte_count}}}"#);
            assert_bad_message(&mut session, &line);
        }
    }
    server.wait_until_alone();
    assert_only_the_old_file_is_there(&server);
}

#[test]
fn an_end_of_no_such_length_is_refused_and_the_old_file_stays() {
    let server = server!().file("a.txt", b"old").start();
    for number in NO_NUMBERS {
        let mut session = server.session();
        let id = session.request(write_request("a.txt", 3, &json!({})));
        session.send_raw(section_of(id, 0, b"new"));
        let honest = end(id, b"new").to_string();
        let line = honest.replace("\"byte_count\":3", &format!("\"v\":1,\"byte_count\":{number}"));
        assert_bad_message(&mut session, &line);
    }
    server.wait_until_alone();
    assert_only_the_old_file_is_there(&server);
}

#[test]
fn an_id_that_is_no_number_is_refused() {
    let server = server!().start();
    for number in NO_NUMBERS {
        assert_bad_message(&mut server.session(), &format!(r#"{{"v":1,"type":"help","id":{number}}}"#));
    }
}

#[test]
fn the_largest_numbers_are_numbers() {
    let server = server!().file("a.txt", b"old").start();
    let mut session = server.session();
    let largest = (1_u64 << 53) - 1;
    let ranges = json!([{"offset": largest, "byte_count": largest}]);
    assert_eq!(session.read(json!({"type": "read", "path": "a.txt", "ranges": ranges})).1.bytes, b"");
    let answer = session.ask(json!({"type": "write", "path": "b", "byte_count": largest}));
    assert!(answer["code"] == "no_space" || answer["code"] == "too_large", "{answer}");
}
