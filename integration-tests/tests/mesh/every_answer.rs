//! A source that breaks every rule: in each state of an answer that GET waits for, each message that there is, and each field
//! of those that may stand there made wrong. Nothing of it lands, and the peer goes on.

use integration_tests::document::{answer_states, state_named};
use integration_tests::liar::{Case, Way, liar, local_files, ways_of_get};
use integration_tests::lies::{Tried, assert_musts, assert_nothing_else_lies_in, cases_of, script};
use integration_tests::peer;
use integration_tests::peer::Peer;

/// Plays cases to a peer that gets, which must deal with each of them.
fn play(peer: &Peer, all: &[Tried]) {
    let cases: Vec<Case> = all.iter().map(|tried| tried.case.clone()).collect();
    let server = liar(&cases);
    let commands = script(&cases, &server);
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let outcome = peer.attach_with(&["--json", "--keep-going"], &commands);
    assert_musts(all, &outcome);
}

#[test]
fn each_message_in_each_state_of_an_answer_to_get_is_taken_only_where_the_table_lets_it_stand() {
    let setup = local_files().into_iter().fold(peer!(), |peer, (name, bytes)| peer.file(name, bytes));
    let peer = setup.start();
    let states = answer_states();
    let mut count = 0;
    for way in ways_of_get() {
        let all: Vec<Tried> = cases_of(state_named(&states, way.state), way, is_first(way));
        count += all.len();
        play(&peer, &all);
    }
    assert!(count > 500, "only {count} cases were tried");
    assert_nothing_else_lies_in(&peer.scratch().share());
    peer.session().assert_works();
}

/// Wrong fields are tried once in each state.
fn is_first(way: Way) -> bool {
    ways_of_get()
        .into_iter()
        .find(|other| other.state == way.state)
        .is_some_and(|first| first.command == way.command)
}
