//! A client that breaks every rule: in each state of a session, each message that there is, against the server and against a
//! peer, as the tables of PROTOCOL.md say. A state added there fails here until `reach` knows the way to it.

use std::net::SocketAddr;

use integration_tests::document::{
    Move, State, answers_to, examples, link_examples, session_states, state_named, type_of,
};
use integration_tests::session::{PROCESS_ID, Session, assert_refused, hello, line_of, with_id};
use integration_tests::upload::abort;
use serde_json::{Value, json};

use super::everything::{Kept, peer_with_files, server_with_files};

/// The id of the request that led to a state.
pub(super) const EARLIER_ID: u64 = 1;
/// The id of the message that is tried.
pub(super) const TRIED_ID: u64 = 2;
/// The id of the request that shows that a session goes on.
const LAST_ID: u64 = 3;

/// A fresh session in that state.
pub(super) fn reach(address: SocketAddr, state: &str) -> Session {
    let mut session = Session::dial(address);
    if state == "new" {
        return session;
    }
    session.send(&hello(PROCESS_ID));
    assert_eq!(session.line()["type"], "welcome");
    match state {
        "open" => {}
        "small write" => session.send(&write(&json!({"path": "tried.txt", "byte_count": 5}))),
        "asking" => session.send(&write(&json!({"path": "tried.txt"}))),
        "sending" => {
            session.send(&write(&json!({"path": "tried.txt"})));
            // A peer refuses; then it is a refused write, whose rules are the same.
            session.answer(EARLIER_ID);
        }
        "refused write" => {
            session.send(&write(&json!({"path": "no/../path", "byte_count": 5})));
            assert_eq!(session.answer(EARLIER_ID)["type"], "refused");
        }
        "leaving" => session.send(&json!({"type": "bye", "id": EARLIER_ID})),
        _ => panic!("PROTOCOL.md has a state {state:?}: say here how a session comes into it"),
    }
    session
}

fn write(fields: &Value) -> Value {
    let mut write = json!({"type": "write", "id": EARLIER_ID});
    write.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    write
}

/// What is no session's business: a peer that opens a link.
fn opens_a_link(message: &Value) -> bool {
    message["role"] == "peer" && type_of(message) == "hello"
}

/// The messages that are tried in each state: those of sessions, and those that only links have, with an id and without.
fn all_messages() -> Vec<Value> {
    let of_sessions = examples();
    let is_new = |message: &Value| !of_sessions.iter().any(|other| type_of(other) == type_of(message));
    let of_links: Vec<Value> = link_examples().into_iter().filter(is_new).collect();
    let unknown = json!({"v": 1, "type": "a type of the future", "path": "a.txt"});
    let mut all = [of_sessions.clone(), of_links, vec![unknown]].concat();
    all.dedup();
    let without_id = all.iter().map(|message| {
        let mut message = message.clone();
        message.as_object_mut().unwrap().remove("id");
        message
    });
    let with_id = all.iter().map(|message| with_id(message.clone(), TRIED_ID));
    with_id.chain(without_id).collect()
}

/// What the rules say of a message in a state.
#[derive(Debug, PartialEq)]
pub(super) enum Rule {
    /// It is answered, and this is what comes next.
    Taken(Move),
    /// It is refused with this code, and the connection closes.
    Closes(&'static str),
    /// It is refused with `unknown_type`, and the session goes on.
    Unknown,
    /// Nobody reads it.
    NotRead,
}

/// The row that holds for a message: what a writer sends too early is taken as if it had come after `ready`.
fn row_for<'a>(states: &'a [State], state: &'a State, message: &Value) -> &'a State {
    let is_early = state.name == "asking" && ["section", "end"].contains(&type_of(message));
    if is_early { state_named(states, "sending") } else { state }
}

/// What the row of a state says of a message.
pub(super) fn rule(state: &State, message: &Value) -> Rule {
    let kind = type_of(message);
    let is_small = message["byte_count"].as_u64().is_some_and(|count| count <= 1 << 20);
    let fits = |condition: &str| match condition {
        "" => true,
        "small" => is_small,
        "large" => !is_small,
        "of a client" => message["role"] == "client",
        _ => panic!("what does {condition:?} mean?"),
    };
    let allowed = state.moves.iter().find(|allowed| allowed.message == kind && fits(&allowed.condition));
    let has_id = message.get("id").is_some();
    match (allowed, state.otherwise.as_str()) {
        (Some(allowed), _) if has_id || kind == "hello" => Rule::Taken(allowed.clone()),
        (_, "not read") => Rule::NotRead,
        (None, "unknown_type") if has_id && kind != "section" => Rule::Unknown,
        (_, "bad_message" | "unknown_type") => Rule::Closes("bad_message"),
        (_, other) => panic!("what does {other:?} mean?"),
    }
}

/// A message with the id that it needs in this state, and the bytes that it announces.
fn bytes_of(state: &State, message: &Value) -> Vec<u8> {
    let mut message = message.clone();
    let is_upload = ["section", "end", "abort"].contains(&type_of(&message));
    if is_upload && message.get("id").is_some() && state.name != "open" {
        message["id"] = json!(EARLIER_ID);
    }
    let mut bytes = line_of(&message).into_bytes();
    if type_of(&message) == "section" {
        bytes.extend_from_slice(b"hello");
    }
    bytes
}

/// Holds what comes against the rule.
pub(super) fn assert_rule(session: &mut Session, rule: &Rule, message: &Value) {
    let what = format!("{rule:?}: {message}");
    match rule {
        Rule::Taken(allowed) => assert_taken(session, allowed, &what),
        Rule::Closes(code) => {
            let refusal = last_words(session, &what).unwrap_or_else(|| panic!("no word: {what}"));
            assert_refused(&refusal, code);
        }
        Rule::Unknown => {
            assert_refused(&session.answer(TRIED_ID), "unknown_type");
            session.assert_works();
        }
        Rule::NotRead => assert_eq!(
            last_words(session, &what).map(|last| last["type"].clone()),
            Some(json!("goodbye")),
            "{what}"
        ),
    }
}

/// A message that may stand here is answered in its own words, and the session goes on to where it leads.
fn assert_taken(session: &mut Session, allowed: &Move, what: &str) {
    match allowed.leads_to.as_str() {
        "leaving" => {
            let last = last_words(session, what).unwrap_or_default();
            return assert_eq!(last["type"], "goodbye", "{what}");
        }
        _ if allowed.message == "hello" => return assert_eq!(session.line()["type"], "welcome", "{what}"),
        "open" => {}
        // A write of either kind is under way.
        _ => {
            let id = if allowed.message == "write" { TRIED_ID } else { EARLIER_ID };
            session.send(&abort(id));
        }
    }
    session.send(&json!({"type": "help", "id": LAST_ID}));
    let answers = [answers_to(&allowed.message), answers_to("write")].concat();
    loop {
        let line = session.line();
        if line["id"] == LAST_ID {
            return assert_eq!(line["type"], "topics", "{what}");
        }
        assert!(line["id"] == EARLIER_ID || line["id"] == TRIED_ID, "{line} after {what}");
        assert!(answers.iter().any(|answer| *answer == type_of(&line)), "{line} after {what}");
        skip_bytes(session, &line);
    }
}

/// The last line before the connection's end; earlier ones must belong to what was asked before.
fn last_words(session: &mut Session, what: &str) -> Option<Value> {
    let mut last: Option<Value> = None;
    while let Some(line) = session.next_line() {
        if let Some(before) = last {
            assert_eq!(before["id"], EARLIER_ID, "{before} and {line} after {what}");
        }
        skip_bytes(session, &line);
        last = Some(line);
    }
    last
}

/// Reads over the bytes that a section announces.
pub(super) fn skip_bytes(session: &mut Session, line: &Value) {
    if line["type"] == "section" {
        session.raw(usize::try_from(line["byte_count"].as_u64().unwrap()).unwrap());
    }
}

/// Each message in each state; those that may stand there go to `willing`, all others to `untouched`.
fn try_everything(untouched: SocketAddr, willing: SocketAddr) {
    let states = session_states();
    for state in &states {
        let opens = |message: &Value| state.name == "new" && opens_a_link(message);
        for message in all_messages().into_iter().filter(|message| !opens(message)) {
            let rule = rule(row_for(&states, state, &message), &message);
            let is_allowed = matches!(rule, Rule::Taken(_));
            let mut session = reach(if is_allowed { willing } else { untouched }, &state.name);
            session.try_send_raw(bytes_of(state, &message));
            assert_rule(&mut session, &rule, &message);
        }
        Session::open(untouched).assert_works();
    }
}

#[test]
fn each_message_in_each_state_of_a_session_with_a_server_is_answered_as_the_table_says() {
    let (untouched, willing) = (server_with_files(), server_with_files());
    let kept = Kept::of(untouched.scratch());
    try_everything(untouched.address(), willing.address());
    untouched.wait_until_alone();
    kept.assert_same();
}

#[test]
fn each_message_in_each_state_of_a_session_with_a_peer_is_answered_as_the_table_says() {
    let peer = peer_with_files();
    let kept = Kept::of(peer.scratch());
    try_everything(peer.address(), peer.address());
    kept.assert_same();
}

/// Lines that are no message in any state, with what they are told.
fn no_messages() -> Vec<(&'static [u8], &'static str)> {
    vec![
        (b"hello\n", "bad_message"),
        (b"\n", "bad_message"),
        (b"\x16\x03\x01\x00\x05", "bad_message"),
        (b"[1,\"help\",2]\n", "bad_message"),
        (b"{\"v\":1,\"type\":\"help\",\"id\":2\n", "bad_message"),
        (b"{\"v\":1,\"type\":\"help\",\"id\":2,\"x\":\"\xff\"}\n", "bad_message"),
        (b"{\"v\":1,\"type\":\"help\",\"id\":2,\"x\":[[[[[[[[1]]]]]]]]}\n", "bad_message"),
        (b"{\"v\":9,\"type\":\"help\",\"id\":2}\n", "unsupported_version"),
        (b"{\"v\":9}\n", "bad_message"),
    ]
}

#[test]
fn what_is_no_message_closes_the_session_in_each_state() {
    let server = server_with_files();
    let kept = Kept::of(server.scratch());
    for state in session_states().iter().filter(|state| state.otherwise != "not read") {
        // The first byte of a connection tells TLS from a line.
        let is_tls = |line: &[u8]| state.name == "new" && line.starts_with(&[0x16]);
        for (line, code) in no_messages().into_iter().filter(|(line, _)| !is_tls(line)) {
            let mut session = reach(server.address(), &state.name);
            session.try_send_raw(line);
            let what = format!("{} in {}", String::from_utf8_lossy(line), state.name);
            assert_rule(&mut session, &Rule::Closes(code), &json!(what));
        }
    }
    server.wait_until_alone();
    kept.assert_same();
}

#[test]
fn a_client_that_leaves_in_any_state_or_within_a_line_or_a_section_leaves_nothing_behind() {
    let server = server_with_files();
    let kept = Kept::of(server.scratch());
    let halves: [&[u8]; 3] = [
        b"",
        b"{\"v\":1,\"type\":",
        b"{\"v\":1,\"type\":\"section\",\"id\":1,\"offset\":0,\"byte_count\":5}\nhe",
    ];
    for state in session_states() {
        for half in halves {
            let mut session = reach(server.address(), &state.name);
            session.try_send_raw(half);
            session.finish_sending();
            while let Some(line) = session.next_line() {
                skip_bytes(&mut session, &line);
            }
            let mut session = reach(server.address(), &state.name);
            session.try_send_raw(half);
            session.reset();
        }
    }
    server.wait_until_alone();
    kept.assert_same();
    server.session().assert_works();
}
