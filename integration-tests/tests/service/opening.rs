//! How a session begins and ends, and the two requests that only talk: HELP and BYE.

use integration_tests::server;
use integration_tests::session::{Session, hello, line_of};
use serde_json::{Value, json};

#[test]
fn hello_is_answered_with_welcome_and_the_limits_of_the_protocol() {
    let server = server!().start();
    let mut session = Session::dial(server.address());
    session.send(&hello("00112233445566778899aabbccddeeff"));
    let welcome = session.line();
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    assert_eq!((&welcome["version"], &welcome["role"]), (&json!(1), &json!("server")));
    let limits = &welcome["limits"];
    assert_eq!(limits["line_bytes_max"], 65536);
    assert_eq!(limits["section_bytes_max"], 1_048_576);
    assert_eq!(limits["small_write_bytes_max"], 1_048_576);
    assert_eq!(limits["requests_in_flight_max"], 64);
    assert!(welcome["agent"].as_str().unwrap().starts_with("ioe-server/"), "{welcome}");
    let process_id = welcome["process_id"].as_str().unwrap();
    assert!(process_id.len() == 32 && process_id.bytes().all(|c| c.is_ascii_hexdigit()), "{welcome}");
    let features: Vec<&str> =
        welcome["features"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(features.contains(&"write") && features.contains(&"search"), "{features:?}");
}

#[test]
fn a_client_that_offers_several_versions_gets_the_one_that_is_spoken() {
    let server = server!().start();
    let mut session = Session::dial(server.address());
    let mut offer = hello("00112233445566778899aabbccddeeff");
    offer["versions"] = json!([7, 1, 2]);
    session.send(&offer);
    assert_eq!(session.line()["version"], 1);
    session.assert_works();
}

#[test]
fn requests_sent_together_with_hello_are_answered_after_welcome() {
    let server = server!().file("a.txt", b"hello").start();
    let mut session = Session::dial(server.address());
    let help = json!({"type": "help", "id": 1});
    let stat = json!({"type": "stat", "id": 2, "path": "a.txt"});
    session.send_raw([hello("ab".repeat(16).as_str()), help, stat].map(|line| line_of(&line)).concat());
    assert_eq!(session.line()["type"], "welcome");
    assert_eq!(session.answer(1)["type"], "topics");
    assert_eq!(session.answer(2)["entry"]["byte_count"], 5);
}

#[test]
fn a_line_may_end_with_a_carriage_return_and_a_line_feed() {
    let server = server!().start();
    let mut session = server.session();
    session.send_raw("{\"v\":1,\"type\":\"help\",\"id\":1}\r\n");
    assert_eq!(session.answer(1)["type"], "topics");
}

#[test]
fn help_names_what_can_be_asked() {
    let server = server!().start();
    let answer = server.session().ask(json!({"type": "help"}));
    let topics = answer["topics"].as_array().unwrap();
    let has = |name: &str| topics.iter().any(|topic| topic["name"] == name);
    for name in ["list", "stat", "read", "write", "rename", "delete", "mkdir", "search", "bye"] {
        assert!(has(name), "no topic {name} in {answer}");
    }
    assert!(topics.iter().all(|topic| !topic["text"].as_str().unwrap().is_empty()), "{answer}");
}

#[test]
fn bye_is_answered_with_goodbye_and_the_connection_closes() {
    let server = server!().start();
    let mut session = server.session();
    assert_eq!(session.ask(json!({"type": "bye"}))["type"], "goodbye");
    session.assert_closed();
}

#[test]
fn bye_comes_after_all_earlier_answers_and_nothing_after_it_is_carried_out() {
    let server = server!().file("a.txt", b"hello").start();
    let mut session = server.session();
    session.request(json!({"type": "stat", "path": "a.txt"}));
    session.request(json!({"type": "bye"}));
    let late = line_of(&json!({"type": "delete", "id": 3, "path": "a.txt"}));
    session.try_send_raw(late);
    assert_eq!(session.answer(1)["type"], "found");
    assert_eq!(session.answer(2)["type"], "goodbye");
    session.assert_closed();
    assert_eq!(server.scratch().shared("a.txt"), b"hello");
}

#[test]
fn ids_are_the_clients_choice_up_to_the_largest_number() {
    let server = server!().start();
    let mut session = server.session();
    for id in [0_u64, 7, (1 << 53) - 1, 1] {
        session.send(&json!({"type": "help", "id": id}));
        assert_eq!(session.answer(id)["type"], "topics");
    }
}
