//! The tables of PROTOCOL.md against each other: whatever message or state stands in one of them has its place in the others,
//! and so its tests.

use std::collections::BTreeSet;

use integration_tests::document::{
    Move, State, answer_states, codes, examples, limits, link_examples, link_states, optional_fields,
    session_states, type_of,
};
use serde_json::Value;

/// What a server may say at many places, so that no row of the table of answers has it.
const ANYWHERE: [&str; 2] = ["refused", "working"];

fn types_in(states: &[State]) -> BTreeSet<String> {
    states.iter().flat_map(|state| &state.moves).map(|message| message.message.clone()).collect()
}

fn types_of(messages: &[Value]) -> BTreeSet<String> {
    messages.iter().map(|message| type_of(message).to_owned()).collect()
}

#[test]
fn every_message_of_a_session_has_an_example_and_a_place_in_a_table_of_states() {
    let mut placed = types_in(&session_states());
    placed.extend(types_in(&answer_states()));
    placed.extend(ANYWHERE.map(str::to_owned));
    assert_eq!(placed, types_of(&examples()));
}

#[test]
fn every_message_of_a_link_has_an_example_and_a_place_in_the_table_of_states() {
    let mut shown = types_of(&link_examples());
    shown.extend(["hello", "refused"].map(str::to_owned));
    assert_eq!(types_in(&link_states()), shown);
}

#[test]
fn every_state_that_is_led_to_has_a_row() {
    for (states, ends) in
        [(session_states(), vec![]), (answer_states(), vec!["done"]), (link_states(), vec![])]
    {
        for message in states.iter().flat_map(|state| &state.moves) {
            let is_known = states.iter().any(|state| state.name == message.leads_to);
            assert!(is_known || ends.contains(&message.leads_to.as_str()), "no row of {}", message.leads_to);
        }
    }
}

#[test]
fn every_request_has_an_answer() {
    let answered: BTreeSet<String> =
        answer_states().into_iter().flat_map(|state| state.after).map(|after| after.message).collect();
    let open = session_states().into_iter().find(|state| state.name == "open").unwrap();
    for request in open.moves {
        assert!(answered.contains(&request.message), "what answers {}?", request.message);
    }
}

#[test]
fn what_is_told_apart_from_everything_else_is_a_code_or_not_read() {
    let codes = codes();
    for state in session_states().into_iter().chain(link_states()) {
        let is_known = codes.contains(&state.otherwise) || state.otherwise == "not read";
        assert!(is_known, "{}: {}", state.name, state.otherwise);
    }
    for limit in limits() {
        let code = limit.past_it.split('`').nth(1);
        assert!(code.is_none_or(|code| codes.iter().any(|known| known == code)), "{limit:?}");
    }
}

/// Fields are tried as examples show them: one that no example has would not be.
#[test]
fn the_optional_fields_are_fields_of_examples() {
    for (Move { message, .. }, fields) in optional_fields() {
        let all: Vec<Value> = examples()
            .into_iter()
            .chain(link_examples())
            .filter(|example| type_of(example) == message)
            .collect();
        assert!(!all.is_empty(), "no message is called {message}");
        let shown = all.iter().map(Value::to_string).collect::<String>();
        for field in fields {
            // An entry is the same wherever it stands; the one of a listing shows all of it.
            let is_shown = shown.contains(&format!("\"{field}\":")) || field == "executable";
            assert!(is_shown, "no example of {message} has {field}");
        }
    }
}
