//! A client whose messages are wrong in one field: each field of each message that a client may send, missing, null, of every
//! other type, out of range, too long, twice; and each limit of PROTOCOL.md exceeded.

use std::net::SocketAddr;

use integration_tests::document::{
    State, answers_to, codes, example_of, examples, limit, limits, session_states, type_of,
};
use integration_tests::mutation::{Mutant, mutants};
use integration_tests::session::{Session, assert_refused, line_of};
use serde_json::{Value, json};

use super::every_state::{EARLIER_ID, Rule, TRIED_ID, assert_rule, reach, rule, skip_bytes};
use super::everything::{Kept, peer_with_files, server_with_files};

/// Every example that a client may send, with the first state in which it may, and with the id that it has there.
fn sendable() -> Vec<(State, Value)> {
    let states = session_states();
    let place = |example: Value| {
        let is_taken = |state: &&State| matches!(rule(state, &example), Rule::Taken(_));
        let state = states.iter().find(is_taken)?.clone();
        let mut message = example;
        if message.get("id").is_some() {
            message["id"] = json!(if state.name == "open" { TRIED_ID } else { EARLIER_ID });
        }
        Some((state, message))
    };
    examples().into_iter().filter_map(place).collect()
}

/// A line that is no message, and one that may be one and is answered anyhow, each in a fresh session.
fn try_mutant(untouched: SocketAddr, willing: SocketAddr, state: &State, mutant: &Mutant) {
    let mut session = reach(if mutant.is_no_message { untouched } else { willing }, &state.name);
    session.try_send_raw(&mutant.line);
    let what = json!(mutant.what);
    if mutant.is_no_message {
        return assert_rule(&mut session, &Rule::Closes("bad_message"), &what);
    }
    session.finish_sending();
    while let Some(line) = session.next_line() {
        let kind = type_of(&line).to_owned();
        let is_refusal = kind == "refused" && codes().iter().any(|code| line["code"] == code.as_str());
        let is_answer = mutant_type(mutant).is_some_and(|asked| answers_to(&asked).contains(&kind));
        assert!(is_refusal || is_answer || answers_to("write").contains(&kind), "{line} after {what}");
        skip_bytes(&mut session, &line);
    }
}

fn mutant_type(mutant: &Mutant) -> Option<String> {
    let message: Value = serde_json::from_str(&mutant.line).ok()?;
    message["type"].as_str().map(str::to_owned)
}

fn try_all(untouched: SocketAddr, willing: SocketAddr) {
    let mut count = 0;
    for (state, message) in sendable() {
        for mutant in mutants(&message) {
            try_mutant(untouched, willing, &state, &mutant);
            count += 1;
        }
        Session::open(untouched).assert_works();
    }
    assert!(count > 1000, "only {count} messages were tried");
}

#[test]
fn each_wrong_field_of_each_message_is_a_bad_message_to_a_server() {
    let (untouched, willing) = (server_with_files(), server_with_files());
    let kept = Kept::of(untouched.scratch());
    try_all(untouched.address(), willing.address());
    let peaks = [untouched.memory_peak(), willing.memory_peak()];
    assert!(peaks.iter().all(|peak| *peak < 64 << 20), "{peaks:?}");
    untouched.wait_until_alone();
    kept.assert_same();
}

#[test]
fn each_wrong_field_of_each_message_is_a_bad_message_to_a_peer() {
    let peer = peer_with_files();
    let kept = Kept::of(peer.scratch());
    try_all(peer.address(), peer.address());
    kept.assert_same();
}

/// A message that exceeds a limit by one, with the state that it is for; nothing where the limit is none of a single message.
fn past(name: &str) -> Option<(&'static str, Vec<u8>)> {
    let of = |message: &str, fields: &[(&str, Value)]| {
        let mut message = example_of(message);
        if message.get("id").is_some() {
            message["id"] = json!(TRIED_ID);
        }
        fields.iter().for_each(|(field, value)| message[*field] = value.clone());
        line_of(&message).into_bytes()
    };
    let text = |count: usize| json!("x".repeat(count));
    let one_more = limit(name) + 1;
    let section = |fields: &[(&str, Value)]| of("section", &[fields, &[("id", json!(EARLIER_ID))]].concat());
    Some(match name {
        "LINE_BYTES_MAX" => {
            let rest = of("help", &[("x", text(0))]).len();
            ("open", of("help", &[("x", text(one_more - rest))]))
        }
        "MESSAGE_DEPTH_MAX" => {
            let nested = (1..one_more).fold(json!(1), |inner, _| json!([inner]));
            ("open", of("help", &[("x", nested)]))
        }
        "BYTE_COUNT_MAX" => ("open", of("help", &[("id", json!(one_more))])),
        "SECTION_BYTES_MAX" => ("sending", section(&[("byte_count", json!(one_more))])),
        "PIECE_BYTES" => ("sending", section(&[("offset", json!(1)), ("byte_count", json!(limit(name)))])),
        "RANGES_MAX" => {
            ("open", of("read", &[("ranges", json!(vec![json!({"offset": 0, "byte_count": 1}); one_more]))]))
        }
        "PATH_BYTES_MAX" => ("open", of("mkdir", &[("path", json!(long_path(one_more)))])),
        "PATH_PART_BYTES_MAX" => ("open", of("mkdir", &[("path", text(one_more))])),
        "SEARCH_BYTES_MAX" => ("open", of("search", &[("words", text(one_more))])),
        "AGENT_BYTES_MAX" => ("new", of("hello", &[("agent", text(one_more))])),
        "OFFERS_MAX" => ("new", of("hello", &[("versions", json!(vec![1; one_more]))])),
        "PROCESS_ID_DIGITS" => ("new", of("hello", &[("process_id", json!("0".repeat(one_more)))])),
        _ => return None,
    })
}

/// Exactly so many bytes in parts that are short enough.
fn long_path(byte_count: usize) -> String {
    let path = "part/".repeat(byte_count / 5 + 1);
    path[..byte_count].trim_end_matches('/').to_owned()
        + &"x".repeat(usize::from(byte_count.is_multiple_of(5)))
}

/// Limits that no single message of a client exceeds: what they count is tried where the test says.
const OF_MANY_MESSAGES: [(&str, &str); 4] = [
    ("HELLO_TIME_MAX", "hostile::openings"),
    ("LINE_TIME_MAX", "wire, where time passes faster"),
    ("SECTION_TIME_MAX", "wire, where time passes faster"),
    ("TTL_MAX", "mesh::hostile_floods"),
];

#[test]
fn one_past_each_limit_is_answered_with_the_code_of_the_table() {
    let server = server_with_files();
    for limit in limits() {
        let Some(code) = limit.past_it.split('`').nth(1) else { continue };
        if OF_MANY_MESSAGES.iter().any(|(name, _)| *name == limit.name) {
            continue;
        }
        let (state, bytes) = past(&limit.name)
            .unwrap_or_else(|| panic!("PROTOCOL.md has a limit {}: say here what exceeds it", limit.name));
        let mut session = reach(server.address(), state);
        session.try_send_raw(&bytes);
        if limit.past_it.ends_with("close") {
            assert_rule(&mut session, &Rule::Closes("bad_message"), &json!(limit.name));
            assert_eq!(code, "bad_message");
        } else {
            assert_refused(&session.answer(TRIED_ID), code);
            session.assert_works();
        }
    }
}
