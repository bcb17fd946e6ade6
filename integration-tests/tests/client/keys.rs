//! Whose key answers: known ones, others, and none that anybody knows (cases 41, 42 and 44).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use integration_tests::client;
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::front::{Front, Passage};
use integration_tests::imposter::{Imposter, welcome};
use integration_tests::process::Process;
use integration_tests::scratch::Scratch;
use integration_tests::server;
use integration_tests::session::{Session, line_of};
use integration_tests::tls::TlsKey;

use crate::enrolling::{line_of_server, state_file};

const KNOWN: &str = "known_keys";

/// The same port, at a number that is not one of loopback and yet leads nowhere else.
fn beyond_loopback(address: std::net::SocketAddr) -> std::net::SocketAddr {
    ([0, 0, 0, 0], address.port()).into()
}

/// Somebody with a key of its own who keeps all that it hears.
fn eavesdropper(key: &TlsKey) -> (Imposter, Arc<Mutex<Vec<u8>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (key, kept) = (key.clone(), Arc::clone(&heard));
    let listen = move |_: usize, session: &mut Session| {
        session.pass_on(&mut *kept.lock().unwrap());
    };
    (Imposter::over_tls(move |_| key.clone(), listen), heard)
}

#[test]
fn a_key_that_was_given_once_is_expected_from_then_on_and_there_is_no_plain_text() {
    let (server, key) = (server!().file("a.txt", b"hello").start(), TlsKey::generate());
    let front = Front::start(server.address(), &key);
    let client = client!(server.scratch(), front.address());
    let line = line_of_server(front.address(), &key);
    let outcome = client.clone().without_address().options(&[&line]).run(&["READ a.txt"]).expect_done();
    let next = format!("from now on: ioe-client {}\n", front.address());
    assert!(outcome.errors.contains(&next), "{}", outcome.errors);
    client.run(&["LIST"]).expect_done();
    client.clone().options(&["--plaintext"]).run(&["LIST"]).expect_done();
    let by_name = format!("CONNECT localhost {}", front.address().port());
    client.without_address().run(&[&by_name, "LIST"]).expect_done();
    assert_eq!(front.hellos().len(), 4, "each of them spoke TLS");
    let mode = fs::metadata(state_file(server.scratch(), KNOWN)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_man_in_the_middle_hears_a_handshake_and_no_word() {
    let (server, key, other) = (server!().start(), TlsKey::generate(), TlsKey::generate());
    let (between, heard) = eavesdropper(&other);
    let line = format!("{}.{}", line_of_server(between.address(), &key), "5".repeat(32));
    let client = client!(server.scratch(), between.address()).without_address().options(&[&line]);
    let told = client.run_json(&["LIST"]).expect_error("key_mismatch", 5).line();
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains(&key.public_hex()) && message.contains(&other.public_hex()), "{message}");
    assert!(!message.contains("55555"), "{message}");
    drop(between);
    assert!(heard.lock().unwrap().is_empty(), "{:?}", heard.lock());
    assert!(!state_file(server.scratch(), KNOWN).exists());
}

#[test]
fn a_key_that_changed_stops_the_client_until_the_old_one_is_forgotten() {
    let (server, keys) = (server!().start(), [TlsKey::generate(), TlsKey::generate()]);
    let shown = keys.clone();
    let passage = move |number: usize| Passage { key: shown[number.min(1)].clone(), byte_count_max: None };
    let front = Front::start_with(server.address(), passage);
    let client = client!(server.scratch(), front.address());
    let with = |options: &[&str]| client.clone().without_address().options(options);
    with(&[&line_of_server(front.address(), &keys[0])]).run(&["LIST"]).expect_done();
    let new_line = line_of_server(front.address(), &keys[1]);
    for outcome in [client.run(&["LIST"]), with(&[&new_line]).run(&["LIST"])] {
        let errors = outcome.expect_code(5).errors;
        let next = format!("--forget-key {}", front.address());
        for part in [&keys[0].public_hex(), &keys[1].public_hex(), &next] {
            assert!(errors.contains(part), "{part} in {errors}");
        }
    }
    assert_eq!(front.hellos().len(), 1);
    let address = front.address().to_string();
    with(&["--forget-key", &address]).run(&[]).expect_done();
    with(&["--forget-key", &address]).run_json(&[]).expect_error("local_file", 1);
    with(&[&new_line]).run(&["LIST"]).expect_done();
}

#[test]
fn a_line_with_another_key_than_the_known_one_is_not_followed_even_where_the_known_one_answers() {
    let (server, key) = (server!().start(), TlsKey::generate());
    let front = Front::start(server.address(), &key);
    let client = client!(server.scratch(), front.address()).without_address();
    let with = |key: &TlsKey| client.clone().options(&[&line_of_server(front.address(), key)]);
    with(&key).run(&["LIST"]).expect_done();
    with(&TlsKey::generate()).run_json(&["LIST"]).expect_error("key_mismatch", 5);
    assert_eq!(front.hellos().len(), 1);
}

#[test]
fn a_key_that_changes_in_the_midst_of_a_transfer_ends_it() {
    let server = server!().file("film.mov", bytes("film", 3 * PIECE_BYTES)).start();
    server.scratch().put_local("film.mov", b"old");
    let keys = [TlsKey::generate(), TlsKey::generate()];
    let limits = [Some(1_500_000), None];
    let shown = keys.clone();
    let front = Front::start_with(server.address(), move |number| Passage {
        key: shown[number.min(1)].clone(),
        byte_count_max: limits[number.min(1)],
    });
    let line = line_of_server(front.address(), &keys[0]);
    let client = client!(server.scratch(), front.address()).without_address().options(&[&line]);
    client.run_json(&["READ film.mov"]).expect_error("key_mismatch", 5);
    assert_eq!((front.hellos().len(), server.scratch().local_file("film.mov")), (1, b"old".to_vec()));
}

#[test]
fn a_connection_that_ends_without_a_goodbye_is_no_complete_file() {
    let server = server!().file("film.mov", bytes("film", 3 * PIECE_BYTES)).start();
    server.scratch().put_local("film.mov", b"old");
    let key = TlsKey::generate();
    let shown = key.clone();
    let front = Front::start_with(server.address(), move |number| {
        let byte_count_max = Some(if number == 0 { 1_500_000 } else { 0 });
        Passage { key: shown.clone(), byte_count_max }
    });
    let line = line_of_server(front.address(), &key);
    let client = client!(server.scratch(), front.address()).without_address();
    let line = client.options(&[&line, "--timeout", "1s"]).run_json(&["READ film.mov"]).expect_code(3).line();
    let code = line["error"]["code"].as_str().unwrap();
    assert!(["connection_lost", "connection_failed"].contains(&code), "{line}");
    assert_eq!(server.scratch().local_file("film.mov"), b"old");
}

#[test]
fn whoever_speaks_no_tls_hears_no_plain_text_instead() {
    let scratch = Scratch::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    let plain = Imposter::start(move |session| {
        session.try_send_raw(line_of(&welcome()));
        let mut said = Vec::new();
        session.pass_on(&mut said);
        kept.lock().unwrap().push(said);
    });
    let line = line_of_server(plain.address(), &TlsKey::generate());
    let client = client!(&scratch, plain.address()).without_address();
    for options in [vec![&*line], vec![&*line, "--plaintext"]] {
        client.clone().options(&options).run_json(&["LIST"]).expect_error("connection_failed", 3);
    }
    drop(plain);
    let heard = heard.lock().unwrap();
    assert!(heard.len() >= 2 && heard.iter().all(|said| said.first() != Some(&b'{')), "{heard:?}");
}

#[test]
fn a_key_that_nobody_knows_is_refused_where_nobody_can_be_asked() {
    let (scratch, key) = (Scratch::new(), TlsKey::generate());
    let (unknown, heard) = eavesdropper(&key);
    let client = client!(&scratch, beyond_loopback(unknown.address()));
    let told = client.run_json(&["LIST"]).expect_error("unknown_key", 5).line();
    assert!(told["error"]["message"].as_str().unwrap().contains(&key.public_hex()), "{told}");
    let errors = client.run(&["LIST"]).expect_code(5).errors;
    assert!(errors.contains("ioe:// line"), "{errors}");
    drop(unknown);
    assert!(heard.lock().unwrap().is_empty() && !state_file(&scratch, KNOWN).exists());
}

#[test]
fn at_a_terminal_yes_remembers_a_key_and_anything_else_refuses_it() {
    let (server, key) = (server!().start(), TlsKey::generate());
    let front = Front::start(server.address(), &key);
    let client = client!(server.scratch(), beyond_loopback(front.address()));
    let digits = key.public_hex();
    let groups: Vec<&str> = (0..8).map(|place| &digits[4 * place..4 * place + 4]).collect();
    for (answer, code) in [("no", 5), ("y", 5), ("YES", 5), ("", 5), ("yes", 0)] {
        let mut process = Process::start_at_terminal(&mut client.command(&["LIST"]));
        process.output.wait_for("a question", |text| text.contains("(yes or no)").then_some(()));
        assert!(process.output.text().contains(&groups.join(" ")), "{}", process.output.text());
        assert!(front.hellos().is_empty());
        process.type_in(format!("{answer}\r"));
        assert_eq!(process.exit_code(), code, "{answer}: {}", process.output.text());
        assert_eq!(state_file(server.scratch(), KNOWN).exists(), code == 0, "{answer}");
    }
    client.run(&["LIST"]).expect_done();
}

#[test]
fn in_a_console_the_question_is_asked_between_two_prompts() {
    let (server, key) = (server!().start(), TlsKey::generate());
    let front = Front::start(server.address(), &key);
    let client = client!(server.scratch(), front.address()).without_address();
    let mut process = Process::start_at_terminal(&mut client.command(&[]));
    process.output.wait_for("a prompt", |text| text.contains("ioe> ").then_some(()));
    process.type_in(format!("CONNECT {}\r", beyond_loopback(front.address())));
    process.output.wait_for("a question", |text| text.contains("(yes or no)").then_some(()));
    process.type_in("yes\r");
    process.output.wait_for("a connection", |text| text.contains("connected to ").then_some(()));
    process.type_in("QUIT\r");
    assert_eq!(process.exit_code(), 0, "{}", process.output.text());
}

#[test]
fn ctrl_c_at_the_question_says_nothing_to_anybody() {
    let (unknown, heard) = eavesdropper(&TlsKey::generate());
    let scratch = Scratch::new();
    let client = client!(&scratch, beyond_loopback(unknown.address()));
    let process = &mut Process::start_at_terminal(&mut client.command(&["LIST"]));
    process.output.wait_for("a question", |text| text.contains("(yes or no)").then_some(()));
    process.signal(rustix::process::Signal::INT);
    assert_eq!(process.exit_code(), 130, "{}", process.output.text());
    drop(unknown);
    assert!(heard.lock().unwrap().is_empty() && !state_file(&scratch, KNOWN).exists());
}

#[test]
fn two_clients_at_once_remember_two_keys() {
    let (server, keys) = (server!().start(), [TlsKey::generate(), TlsKey::generate()]);
    let fronts = keys.each_ref().map(|key| Front::start(server.address(), key));
    let mut processes: Vec<Process> = fronts
        .iter()
        .zip(&keys)
        .map(|(front, key)| {
            let line = line_of_server(front.address(), key);
            client!(server.scratch(), front.address()).without_address().options(&[&line]).start(&["LIST"])
        })
        .collect();
    for process in &mut processes {
        assert_eq!(process.exit_code(), 0, "{}", process.errors.text());
    }
    let known = fs::read_to_string(state_file(server.scratch(), KNOWN)).unwrap();
    for (front, key) in fronts.iter().zip(&keys) {
        assert!(known.contains(&format!("{} {}\n", front.address(), key.public_hex())), "{known}");
    }
}

#[test]
fn a_file_of_keys_that_cannot_be_trusted_stops_before_anybody_is_dialled() {
    let scratch = Scratch::new();
    let path = state_file(&scratch, KNOWN);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let (nobody, heard) = eavesdropper(&TlsKey::generate());
    let client = client!(&scratch, nobody.address());
    fs::write(&path, "# mine\n127.0.0.1:1 no-key\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let told = client.run_json(&["LIST"]).expect_error("local_file", 1).line();
    assert!(told["error"]["message"].as_str().unwrap().contains("line 2"), "{told}");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o622)).unwrap();
    let told = client.run_json(&["LIST"]).expect_error("local_file", 1).line();
    assert!(told["error"]["message"].as_str().unwrap().contains("chmod 600"), "{told}");
    drop(nobody);
    assert!(heard.lock().unwrap().is_empty());
}

#[test]
fn a_key_of_its_own_that_others_can_read_is_not_used() {
    let (server, key) = (server!().start(), TlsKey::generate());
    let front = Front::start(server.address(), &key);
    let line = line_of_server(front.address(), &key);
    let client = client!(server.scratch(), front.address()).without_address().options(&[&line]);
    client.run(&["LIST"]).expect_done();
    let own: PathBuf = state_file(server.scratch(), "key");
    assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&own, Permissions::from_mode(0o644)).unwrap();
    let told = client.run_json(&["LIST"]).expect_error("local_file", 1).line();
    assert!(told["error"]["message"].as_str().unwrap().contains("chmod 600"), "{told}");
    assert_eq!(front.hellos().len(), 1);
}
