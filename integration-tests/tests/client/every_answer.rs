//! A server that breaks every rule: in each state of an answer, each message that there is, and each field of those that may
//! stand there made wrong, as the tables of PROTOCOL.md say. No client may take any of it for an answer, nor leave anything
//! behind that was not verified.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use integration_tests::client;
use integration_tests::client::Outcome;
use integration_tests::document::{
    Move, State, answer_states, codes, example_of, examples, link_examples, type_of,
};
use integration_tests::imposter::Imposter;
use integration_tests::mutation::mutants;
use integration_tests::scratch::{PARTIAL_PREFIX, Scratch, files_below};
use integration_tests::session::line_of;
use serde_json::{Value, json};

use super::liar::{CONTENT, Case, ID, Then, Way, commands, large, liar, name_of, scratch, ways_into};

/// What a case must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    /// It is no answer: the client says that the server breaks the protocol.
    BeRefused,
    /// It fails in any way.
    Fail,
    /// It is the right answer.
    BeTaken,
    /// It may be anything but a crash, or a file that is not right.
    BeHarmless,
}

/// A case, and what it is in words.
struct Tried {
    case: Case,
    what: String,
    must: Must,
}

/// Every message that there is, under the request's id, another one and none.
fn all_messages() -> Vec<Value> {
    let unknown = json!({"v": 1, "type": "a type of the future"});
    let messages = examples().into_iter().chain(link_examples()).chain([unknown]);
    let under = |message: &Value, id: Option<u64>| {
        let mut message = message.clone();
        match id {
            Some(id) => message["id"] = json!(id),
            None => drop(message.as_object_mut().unwrap().remove("id")),
        }
        message
    };
    messages.flat_map(|message| [Some(ID), Some(ID + 1), None].map(|id| under(&message, id))).collect()
}

/// A message of this type that fits what was asked, as far as one message can.
fn right(message: &Value, name: &str) -> Value {
    let mut message = message.clone();
    message["id"] = json!(ID);
    for place in ["/entry/path", "/entries/0/path", "/entries/1/path"] {
        if let Some(path) = message.pointer_mut(place) {
            *path =
                json!(if place.starts_with("/entry/") { name.to_owned() } else { format!("{name}/inner") });
        }
    }
    for place in ["/byte_count", "/entry/byte_count"] {
        if let Some(byte_count) = message.pointer_mut(place) {
            *byte_count = json!(CONTENT.len());
        }
    }
    if message.get("code").is_some() {
        // Some codes mean that asking again may help.
        message["code"] = json!("not_found");
    }
    message
}

/// Whether the table of answers lets a message stand there.
fn is_allowed(state: &State, has_begun: bool, message: &Value) -> bool {
    let kind = type_of(message);
    if message.get("id").is_none() {
        return kind == "refused";
    }
    let is_anywhere = kind == "working" || (kind == "refused" && !has_begun);
    message["id"] == ID && (is_anywhere || state.moves.iter().any(|allowed| allowed.message == kind))
}

fn bytes_of(message: &Value) -> Vec<u8> {
    let mut bytes = line_of(message).into_bytes();
    if type_of(message) == "section" {
        bytes.extend_from_slice(CONTENT);
    }
    bytes
}

/// What nobody waits for the answer of: HELP tells what it knows by itself, and who leaves leaves.
fn is_heard(way: &Way) -> bool {
    !["explaining", "parting"].contains(&way.state)
}

fn tried(way: Way, bytes: Vec<u8>, what: String, must: Must) -> Tried {
    let must = if is_heard(&way) { must } else { Must::BeHarmless };
    Tried { case: Case { way, bytes, then: Then::Refuses }, what, must }
}

/// Whether a right message is all that the command waits for.
fn is_all(state: &State, way: Way, message: &Value) -> bool {
    let commands = ["STAT {}", "RENAME {} another", "DELETE {}", "MKDIR {}", "WRITE small.txt {}"];
    let ends = |allowed: &Move| allowed.message == type_of(message) && allowed.leads_to == "done";
    commands.contains(&way.command) && message["id"] == ID && state.moves.iter().any(ends)
}

/// Each message in a state, and with mutants each field of those that are allowed there.
fn cases_of(state: &State, way: Way, with_mutants: bool) -> Vec<Tried> {
    let mut all = Vec::new();
    for message in all_messages() {
        let message = if message["id"] == ID { right(&message, &name_of(0)) } else { message };
        let what = format!("{} ({}): {message}", state.name, way.command);
        let is_allowed = is_allowed(state, way.has_begun(), &message);
        let must = match is_allowed {
            true if is_all(state, way, &message) => Must::BeTaken,
            true => Must::BeHarmless,
            false => Must::BeRefused,
        };
        all.push(tried(way, bytes_of(&message), what.clone(), must));
        if is_allowed && with_mutants && message.get("id").is_some() {
            all.extend(mutants(&message).into_iter().map(|mutant| {
                let must = if mutant.is_no_message { Must::BeRefused } else { Must::BeHarmless };
                tried(way, mutant.line.into_bytes(), format!("{what}: {}", mutant.what), must)
            }));
        }
    }
    for line in
        [b"hello\n".as_slice(), b"\n", b"[]\n", b"{}\n", b"{\"v\":9,\"type\":\"listed\"}\n", b"\xff\n"]
    {
        let what = format!("{} ({}): {line:?}", state.name, way.command);
        all.push(tried(way, line.to_vec(), what, Must::BeRefused));
    }
    all
}

/// Plays cases to one client, which must deal with each of them.
fn play(mut all: Vec<Tried>, options: &[&str]) {
    for (number, tried) in all.iter_mut().enumerate() {
        let text = String::from_utf8_lossy(&tried.case.bytes).replace("case-0", &name_of(number));
        if str::from_utf8(&tried.case.bytes).is_ok() {
            tried.case.bytes = text.into_bytes();
        }
    }
    let cases: Vec<Case> = all.iter().map(|tried| tried.case.clone()).collect();
    let (server, scratch) = (liar(&cases), scratch());
    let client = client!(&scratch, server.address()).options(&["--json", "--keep-going"]).options(options);
    let outcome = client.run_with_input(script(&cases, &server));
    assert_musts(&all, &outcome);
    assert_nothing_lies_there(&scratch);
}

/// Each case must have come to what it must.
fn assert_musts(all: &[Tried], outcome: &Outcome) {
    let told = results_by_case(outcome, all.len());
    for (tried, told) in all.iter().zip(&told) {
        let error = told.iter().find_map(|line| line["error"]["code"].as_str());
        match tried.must {
            Must::BeRefused => assert_eq!(error, Some("bad_message"), "{}: {told:?}", tried.what),
            Must::Fail => assert!(error.is_some(), "{}: {told:?}", tried.what),
            Must::BeTaken => assert_eq!(error, None, "{}: {told:?}", tried.what),
            Must::BeHarmless => {}
        }
        for line in told.iter().filter(|line| !line["error"].is_null()) {
            let text = line["error"]["message"].as_str().unwrap_or_default();
            assert!(!text.is_empty() && !text.contains('\n'), "{}: {line}", tried.what);
        }
    }
}

/// Each case's commands, and a mark behind them: a word that is no command.
fn script(cases: &[Case], server: &Imposter) -> String {
    let one = |(number, case)| format!("{}\nmark-{number}\n", commands(case, number, server));
    cases.iter().enumerate().map(one).collect()
}

/// The lines of JSON that each case led to.
fn results_by_case(outcome: &Outcome, count: usize) -> Vec<Vec<Value>> {
    let mut all = vec![Vec::new()];
    for line in outcome.lines() {
        if line["command"].as_str().is_some_and(|command| command.starts_with("mark-")) {
            all.push(Vec::new());
        } else {
            all.last_mut().unwrap().push(line);
        }
    }
    assert_eq!(all.len(), count + 1, "the client did not run every command: {}", outcome.errors);
    all
}

/// Files that were read are right, those of before are whole, and there are none besides.
fn assert_nothing_lies_there(scratch: &Scratch) {
    for path in files_below(&scratch.local()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let is_right = match name.as_str() {
            "small.txt" => bytes == CONTENT,
            "large.bin" => bytes == large(),
            "film.mov" => bytes == vec![3; large().len()] || bytes == large(),
            name if name.starts_with(PARTIAL_PREFIX) => true,
            name => name.starts_with("case-") && bytes == CONTENT,
        };
        assert!(is_right, "{} lies there with {} bytes", path.display(), bytes.len());
    }
}

#[test]
fn each_message_in_each_state_of_an_answer_is_taken_only_where_the_table_lets_it_stand() {
    let mut count = 0;
    for state in answer_states() {
        for (number, way) in ways_into(&state.name).into_iter().enumerate() {
            let all = cases_of(&state, way, number == 0);
            count += all.len();
            play(all, &["--timeout", "1s"]);
        }
    }
    assert!(count > 1000, "only {count} cases were tried");
}

/// What may come instead of a welcome, and welcomes with something wrong in them.
fn greetings() -> Vec<(Vec<u8>, String, Must)> {
    let no_id = |message: &Value| message.get("id").is_none();
    let mut all = Vec::new();
    for message in all_messages().into_iter().filter(no_id) {
        let is_welcome = type_of(&message) == "welcome";
        let must = if is_welcome { Must::BeTaken } else { Must::Fail };
        all.push((bytes_of(&message), message.to_string(), must));
        let wrong = mutants(&message).into_iter().filter(|_| is_welcome);
        all.extend(wrong.map(|mutant| {
            let must = if mutant.is_no_message { Must::Fail } else { Must::BeHarmless };
            (mutant.line.into_bytes(), mutant.what, must)
        }));
    }
    let mut from_a_client = example_of("welcome");
    from_a_client["role"] = json!("client");
    all.push((bytes_of(&from_a_client), "a welcome of a client".to_owned(), Must::Fail));
    all
}

#[test]
fn only_a_welcome_in_which_all_is_right_opens_a_session() {
    let all: Vec<Tried> = greetings()
        .into_iter()
        .map(|(bytes, what, must)| Tried {
            case: Case { way: ways_into("finding")[0], bytes, then: Then::Closes },
            what,
            must,
        })
        .collect();
    let said: Vec<Vec<u8>> = all.iter().map(|tried| tried.case.bytes.clone()).collect();
    let next = AtomicUsize::new(0);
    let server = Imposter::start(move |session| {
        let Some(_hello) = session.next_line() else { return };
        let number = next.fetch_add(1, Ordering::Relaxed);
        session.try_send_raw(said.get(number).expect("one connection for each case"));
        while let Some(message) = session.next_line() {
            session.try_send_raw(line_of(&json!({"type": "goodbye", "id": message["id"]})));
        }
    });
    let scratch = Scratch::new();
    let connects: String =
        (0..all.len()).map(|number| format!("CONNECT {}\nmark-{number}\n", server.address())).collect();
    let client = client!(&scratch, server.address()).without_address();
    let outcome = client.options(&["--json", "--keep-going", "--timeout", "1s"]).run_with_input(connects);
    assert_musts(&all, &outcome);
}

#[test]
fn a_connection_that_ends_or_falls_silent_in_any_state_of_an_answer_is_a_failure_in_time() {
    let endings = [
        (b"".as_slice(), Then::Closes),
        (b"{\"v\":1,\"type\":", Then::Closes),
        (b"", Then::ClosesHalf),
        (b"", Then::Silence),
        (b"{\"v\":1,\"type\":", Then::Silence),
    ];
    let ways: Vec<Way> = answer_states().iter().flat_map(|state| ways_into(&state.name)).collect();
    thread::scope(|scope| {
        for way in ways {
            let one = |(bytes, then): (&[u8], Then)| Tried {
                what: format!("{} ({}): {then:?}", way.state, way.command),
                case: Case { way, bytes: bytes.to_vec(), then },
                must: if is_heard(&way) { Must::Fail } else { Must::BeHarmless },
            };
            let all: Vec<Tried> = endings.map(one).into();
            scope.spawn(move || play(all, &["--timeout", "200ms"]));
        }
    });
}

#[test]
fn each_code_of_a_refusal_is_told_to_scripts_and_an_unknown_one_is_internal() {
    let way = ways_into("finding")[0];
    let codes = [codes(), vec!["a code of the future".to_owned()]].concat();
    let refusal = |code: &String| json!({"type": "refused", "id": ID, "code": code, "message": "no"});
    let cases: Vec<Case> =
        codes.iter().map(|code| Case { way, bytes: bytes_of(&refusal(code)), then: Then::Closes }).collect();
    let (server, scratch) = (liar(&cases), Scratch::new());
    let client = client!(&scratch, server.address()).options(&["--json", "--keep-going"]);
    let told = results_by_case(&client.run_with_input(script(&cases, &server)), cases.len());
    for (code, told) in codes.iter().zip(told) {
        let expected = if code.contains(' ') { "internal" } else { code };
        assert_eq!(told[0]["error"]["code"], expected, "{told:?}");
    }
}
