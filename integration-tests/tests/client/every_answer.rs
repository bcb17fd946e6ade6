//! A server that breaks every rule: in each state of an answer, each message that there is, and each field of those that may
//! stand there made wrong, as the tables of PROTOCOL.md say. No client may take any of it for an answer, nor leave anything
//! behind that was not verified.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use integration_tests::client;
use integration_tests::document::{answer_states, codes, example_of, state_named, type_of};
use integration_tests::imposter::Imposter;
use integration_tests::liar::{Case, ID, Then, Way, liar, local_files, ways_into};
use integration_tests::lies::{
    Must, Tried, all_messages, assert_musts, assert_nothing_else_lies_in, bytes_of, cases_of, is_heard,
    results_by_case, script,
};
use integration_tests::mutation::mutants;
use integration_tests::scratch::Scratch;
use integration_tests::session::line_of;
use serde_json::{Value, json};

/// Plays cases to one client, which must deal with each of them.
fn play(all: &[Tried], options: &[&str]) {
    let cases: Vec<Case> = all.iter().map(|tried| tried.case.clone()).collect();
    let (server, scratch) = (liar(&cases), Scratch::new());
    local_files().iter().for_each(|(name, bytes)| scratch.put_local(name, bytes));
    let client = client!(&scratch, server.address()).options(&["--json", "--keep-going"]).options(options);
    let outcome = client.run_with_input(script(&cases, &server).join("\n") + "\n");
    assert_musts(all, &outcome);
    assert_nothing_else_lies_in(&scratch.local());
}

#[test]
fn each_message_in_each_state_of_an_answer_is_taken_only_where_the_table_lets_it_stand() {
    let mut count = 0;
    for state in answer_states() {
        for (number, way) in ways_into(&state.name).into_iter().enumerate() {
            let all = cases_of(&state, way, number == 0);
            count += all.len();
            play(&all, &["--timeout", "10s"]);
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
    all.extend(welcomes_at_limits());
    all
}

/// Welcomes with a value at a limit, which is taken, and one past it.
fn welcomes_at_limits() -> impl Iterator<Item = (Vec<u8>, String, Must)> {
    let agent = |length: usize| json!("a".repeat(length));
    let features = |count: usize| json!(vec!["search"; count]);
    let values = [
        ("/agent", agent(128), agent(129)),
        ("/features", features(64), features(65)),
        ("/limits/section_bytes_max", json!(1), json!(0)),
        ("/limits/requests_in_flight_max", json!(1), json!(0)),
    ];
    values.into_iter().flat_map(|(field, at, past)| {
        [(at, Must::BeTaken), (past, Must::Fail)].map(|(value, must)| {
            let mut welcome = example_of("welcome");
            *welcome.pointer_mut(field).unwrap() = value;
            (bytes_of(&welcome), format!("a welcome at the limit of {field}: {welcome}"), must)
        })
    })
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
    let outcome = client.options(&["--json", "--keep-going", "--timeout", "10s"]).run_with_input(connects);
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
            scope.spawn(move || play(&all, &["--timeout", "200ms"]));
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
    let told =
        results_by_case(&client.run_with_input(script(&cases, &server).join("\n") + "\n"), cases.len());
    for (code, told) in codes.iter().zip(told) {
        let expected = if code.contains(' ') { "internal" } else { code };
        assert_eq!(told[0]["error"]["code"], expected, "{told:?}");
    }
}

#[test]
fn whatever_is_said_a_person_is_told_of_it_in_one_line() {
    let states = answer_states();
    let way = ways_into("finding")[0];
    let all = cases_of(state_named(&states, way.state), way, true);
    let cases: Vec<Case> = all.iter().map(|tried| tried.case.clone()).collect();
    let (server, scratch) = (liar(&cases), Scratch::new());
    let client = client!(&scratch, server.address()).options(&["--keep-going"]);
    let outcome = client.run_with_input(script(&cases, &server).join("\n") + "\n");
    let told: Vec<&str> = outcome.errors.split_inclusive('\n').collect();
    for (number, of_one) in told.split(|line| line.contains("mark-")).take(all.len()).enumerate() {
        let is_refused = all[number].must == Must::BeRefused;
        assert!(of_one.len() == 1 || (of_one.is_empty() && !is_refused), "{}: {of_one:?}", all[number].what);
        let is_plain = |line: &&str| line.trim_end().chars().all(|c| !c.is_control());
        assert!(of_one.iter().all(is_plain), "{of_one:?}");
    }
}
