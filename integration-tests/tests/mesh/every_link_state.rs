//! A neighbour that breaks every rule: in each state of a link, dialled by it or by the peer, each message that there is, and
//! each field of those of links made wrong, as the tables of PROTOCOL.md say. The mesh around goes on.

use integration_tests::document::{
    State, example_of, examples, link_examples, link_states, state_named, type_of,
};
use integration_tests::imposter::Imposter;
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::mutation::mutants;
use integration_tests::neighbour::{Canary, NO_PORT, Neighbour, new_id};
use integration_tests::peer;
use integration_tests::peer::Peer;
use integration_tests::session::{Session, assert_refused, line_of};
use serde_json::{Value, json};

/// Where nobody answers: what an example names must not be anybody's.
const NOWHERE: &str = "127.0.0.1:1";

/// What the rules say of a message in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// It may stand there.
    Taken,
    /// It is refused with `bad_message`, and the connection closes.
    Closes,
    /// It is refused with `unknown_type`, and the link goes on.
    Unknown,
}

fn rule(state: &State, message: &Value) -> Rule {
    let fits = |condition: &str| match condition {
        "" => true,
        "of a peer" => message["role"] == "peer",
        _ => panic!("what does {condition:?} mean?"),
    };
    let is_allowed = |allowed: &&integration_tests::document::Move| {
        allowed.message == type_of(message) && fits(&allowed.condition)
    };
    match state.otherwise.as_str() {
        _ if state.moves.iter().any(|allowed| is_allowed(&allowed)) => Rule::Taken,
        "unknown_type" if type_of(message) != "section" => Rule::Unknown,
        "unknown_type" | "bad_message" => Rule::Closes,
        other => panic!("what does {other:?} mean?"),
    }
}

/// An example, with addresses where nobody is.
fn harmless(mut message: Value) -> Value {
    for name in ["address", "advertise"] {
        if message.get(name).is_some() {
            message[name] = json!(NOWHERE);
        }
    }
    if message.get("port").is_some() {
        message["port"] = json!(NO_PORT);
    }
    if type_of(&message) == "hello" || type_of(&message) == "welcome" {
        message["process_id"] = json!(new_id());
    }
    message
}

/// The examples of links, and the hello that opens one.
fn of_links() -> Vec<Value> {
    link_examples().into_iter().map(harmless).collect()
}

/// Messages of sessions in which a link's own is not hidden: only links have a search without an id.
fn all_messages() -> Vec<Value> {
    let of_links = of_links();
    let is_new = |message: &Value| !of_links.iter().any(|other| type_of(other) == type_of(message));
    let of_sessions = examples().into_iter().map(harmless).filter(is_new);
    let unknown = json!({"v": 1, "type": "a type of the future", "id": 5});
    of_links.iter().cloned().chain(of_sessions).chain([unknown]).collect()
}

fn bytes_of(message: &Value) -> Vec<u8> {
    let mut bytes = line_of(message).into_bytes();
    if type_of(message) == "section" {
        bytes.extend_from_slice(b"hello");
    }
    bytes
}

/// A peer in the middle of two others, who find each other's files through it.
fn mesh() -> Mesh {
    Mesh::start(&Wiring::line(3), |number| peer!().file(&format!("song {number}.mp3"), number.to_string()))
}

/// The mesh is as it was: who was insulted has its two neighbours, and passes on what they seek.
fn assert_mesh_works(mesh: &Mesh) {
    mesh.wait_for_links();
    let found = mesh.results(0, "SEARCH song", 2);
    assert_eq!(mesh.owners_and_hops(&found), [(1, 1), (2, 2)]);
    mesh.peers().iter().for_each(|peer| peer.session().assert_works());
}

/// A link that stands answers as the rule says.
fn assert_rule(neighbour: &mut Neighbour, rule: Rule, what: &Value) {
    match rule {
        Rule::Closes => {
            assert_refused(&neighbour.session().line(), "bad_message");
            neighbour.session().assert_closed();
        }
        Rule::Unknown => {
            let refusal = neighbour.hear_a("refused");
            assert_refused(&refusal, "unknown_type");
            assert!(refusal.get("id").is_none(), "{refusal} after {what}");
            neighbour.assert_works();
        }
        Rule::Taken => {
            let lines = neighbour.lines_until_answered();
            assert!(lines.iter().all(|line| type_of(line).ends_with("_result")), "{lines:?} after {what}");
        }
    }
}

/// A message before any hello.
fn try_new(peer: &Peer, state: &State, message: &Value) {
    let mut session = Session::dial(peer.address());
    session.send_raw(bytes_of(message));
    match rule(state, message) {
        Rule::Taken => {
            let welcome = session.line();
            assert_eq!([&welcome["type"], &welcome["role"]], ["welcome", "peer"], "{message}");
        }
        Rule::Closes => drop(session.assert_closed_with("bad_message")),
        Rule::Unknown => panic!("nothing can go on that has not begun: {message}"),
    }
}

/// A message over a link that stands.
fn try_standing(peer: &Peer, state: &State, message: &Value) {
    let mut neighbour = Neighbour::open(peer.address());
    neighbour.session().send_raw(bytes_of(message));
    assert_rule(&mut neighbour, rule(state, message), message);
}

#[test]
fn each_message_in_each_state_of_a_link_that_a_neighbour_opens_is_answered_as_the_table_says() {
    let mesh = mesh();
    for state in link_states() {
        // A hello of a client opens no link, but a session.
        let opens_a_session = |message: &Value| type_of(message) == "hello" && message["role"] == "client";
        for message in all_messages().into_iter().filter(|message| !opens_a_session(message)) {
            match state.name.as_str() {
                "new" => try_new(&mesh[1], &state, &message),
                "standing" => try_standing(&mesh[1], &state, &message),
                name => panic!("PROTOCOL.md has a state {name:?} of a link: say here how one comes into it"),
            }
        }
    }
    assert_mesh_works(&mesh);
}

#[test]
fn each_message_over_a_link_that_the_peer_opened_is_answered_as_the_table_says() {
    let mesh = mesh();
    let states = link_states();
    let standing = state_named(&states, "standing");
    let messages = all_messages();
    let listeners: Vec<Canary> = messages.iter().map(|_| Canary::new()).collect();
    let commands: Vec<String> =
        listeners.iter().map(|listener| format!("CONNECT {}", listener.address())).collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let mut connecting = mesh[1].start_attached(&["--json"], &commands);
    for (listener, message) in listeners.into_iter().zip(&messages) {
        let mut neighbour = Neighbour::accept(listener.listener());
        neighbour.session().send_raw(bytes_of(message));
        assert_rule(&mut neighbour, rule(standing, message), message);
    }
    assert_eq!(connecting.exit_code(), 0, "{}", connecting.output.text());
    assert_mesh_works(&mesh);
}

#[test]
fn each_wrong_field_of_each_message_of_a_link_closes_that_link_alone() {
    let mesh = mesh();
    let mut count = 0;
    let hello = harmless(examples().into_iter().find(|message| message["role"] == "peer").unwrap());
    for message in of_links().iter().chain([&hello, &example_of("refused")]) {
        for mutant in mutants(message) {
            let mut session = match type_of(message) {
                "hello" => Session::dial(mesh[1].address()),
                _ => opened(&mesh[1]),
            };
            session.try_send_raw(&mutant.line);
            if mutant.is_no_message {
                session.assert_closed_with("bad_message");
            } else {
                session.finish_sending();
                while let Some(line) = session.next_line() {
                    let expected = ["refused", "welcome", "search_result", "discover_result", "ping"];
                    assert!(expected.contains(&type_of(&line)), "{line} after {}", mutant.what);
                }
            }
            count += 1;
        }
    }
    assert!(count > 300, "only {count} messages were tried");
    assert_mesh_works(&mesh);
}

/// A link that stands, as a plain session.
fn opened(peer: &Peer) -> Session {
    let mut session = Session::dial(peer.address());
    session.send(&integration_tests::neighbour::hello(&new_id()));
    assert_eq!(session.line()["type"], "welcome");
    session
}

/// What may come instead of a welcome, with what is wrong, and whether a link may come of it.
fn greetings() -> Vec<(Vec<u8>, String, bool)> {
    let mut all: Vec<(Vec<u8>, String, bool)> = Vec::new();
    for message in all_messages() {
        let is_welcome = type_of(&message) == "welcome" && message["role"] == "peer";
        all.push((bytes_of(&message), message.to_string(), is_welcome));
        let wrong = mutants(&message).into_iter().filter(|_| is_welcome);
        all.extend(wrong.map(|mutant| (mutant.line.into_bytes(), mutant.what, !mutant.is_no_message)));
    }
    all
}

#[test]
fn only_a_welcome_of_a_peer_in_which_all_is_right_makes_a_link() {
    let mesh = mesh();
    let greetings = greetings();
    let say = |(bytes, _, _): &(Vec<u8>, String, bool)| {
        let bytes = bytes.clone();
        Imposter::start(move |session| {
            let Some(_hello) = session.next_line() else { return };
            session.try_send_raw(&bytes);
            session.finish_sending();
            while session.next_line().is_some() {}
        })
    };
    let imposters: Vec<Imposter> = greetings.iter().map(say).collect();
    let commands: Vec<String> =
        imposters.iter().map(|imposter| format!("CONNECT {}", imposter.address())).collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let outcome = mesh[1].attach_with(&["--json", "--keep-going"], &commands);
    let told = outcome.lines();
    assert_eq!(told.len(), greetings.len(), "{outcome:?}");
    for ((_, what, may_link), line) in greetings.iter().zip(told) {
        assert!(*may_link || line["error"]["code"].is_string(), "{line} after {what}");
    }
    assert_mesh_works(&mesh);
}

/// What a neighbour leaves with: nothing, half a line, half a section.
const HALVES: [&[u8]; 3] = [
    b"",
    b"{\"v\":1,\"type\":",
    b"{\"v\":1,\"type\":\"section\",\"id\":1,\"offset\":0,\"byte_count\":5}\nhe",
];

#[test]
fn a_neighbour_that_leaves_in_any_state_or_within_a_line_or_a_section_leaves_nothing_behind() {
    let mesh = mesh();
    for half in HALVES {
        let reached = || [Session::dial(mesh[1].address()), opened(&mesh[1])];
        assert_eq!(reached().len(), link_states().len(), "say here how one comes into each state");
        for mut session in reached() {
            session.try_send_raw(half);
            session.finish_sending();
            while session.next_line().is_some() {}
        }
        for mut session in reached() {
            session.try_send_raw(half);
            session.reset();
        }
        let leaving = Imposter::start(move |session| {
            let Some(_hello) = session.next_line() else { return };
            session.try_send_raw(half);
        });
        let connect = format!("CONNECT {}", leaving.address());
        mesh[1].attach(&[&connect]).expect_error("connection_failed", 3);
    }
    assert_mesh_works(&mesh);
}
