//! Lines that invite: presented once, to whom they name, and shown nowhere (cases 41 and 44).

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use integration_tests::client;
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::front::{Front, Passage};
use integration_tests::imposter::Imposter;
use integration_tests::patience::eventually_true;
use integration_tests::process::Process;
use integration_tests::scratch::Scratch;
use integration_tests::server;
use integration_tests::session::{Session, line_of};
use integration_tests::tls::TlsKey;
use serde_json::{Value, json};

const SECRET: &str = "c0ffee00c0ffee11c0ffee22c0ffee33";

/// The line that a server with this key prints.
pub(crate) fn line_of_server(address: SocketAddr, key: &TlsKey) -> String {
    format!("ioe://{address}/#{}", key.public_hex())
}

/// A file in the state folder of clients.
pub(crate) fn state_file(scratch: &Scratch, name: &str) -> PathBuf {
    scratch.home().join(".local/state/ioe-client").join(name)
}

fn invitation(address: SocketAddr, key: &TlsKey) -> String {
    format!("{}.{SECRET}", line_of_server(address, key))
}

fn invitations(hellos: &[Value]) -> Vec<&Value> {
    hellos.iter().map(|hello| &hello["invitation"]).collect()
}

#[test]
fn an_invitation_is_presented_by_the_first_session_alone() {
    let film = bytes("film", 3 * PIECE_BYTES);
    let server = server!().file("a.mov", &film).file("b.mov", &film).start();
    let key = TlsKey::generate();
    let shown = key.clone();
    let front = Front::start_with(server.address(), move |number| {
        // The first session is made again, too.
        Passage { key: shown.clone(), byte_count_max: (number == 0).then_some(1_500_000) }
    });
    let line = invitation(front.address(), &key);
    let client = client!(server.scratch(), front.address()).without_address().options(&[&line]);
    let outcome = client.options(&["--jobs", "2", "-vvv"]).run(&["READ a.mov b.mov ./"]).expect_done();
    let enrolled = format!("enrolled at {0}; from now on: ioe-client {0}\n", front.address());
    assert!(outcome.errors.contains(&enrolled), "{}", outcome.errors);
    assert!(!outcome.errors.contains(SECRET) && !outcome.text().contains(SECRET), "{outcome:?}");
    let hellos = front.hellos();
    let presented = invitations(&hellos);
    assert!(presented.len() > 2 && *presented[0] == SECRET, "{presented:?}");
    assert!(presented[1..].iter().all(|presented| presented.is_null()), "{presented:?}");
}

#[test]
fn a_line_comes_from_a_file_or_from_standard_input_with_commands_behind_it() {
    let (server, key) = (server!().file("a.txt", b"").start(), TlsKey::generate());
    let front = Front::start(server.address(), &key);
    let line = invitation(front.address(), &key);
    let file = server.scratch().home().join("line");
    fs::write(&file, format!("{line}\n")).unwrap();
    let client = client!(server.scratch(), front.address()).without_address();
    client.clone().options(&["--invitation", file.to_str().unwrap()]).run(&["LIST"]).expect_done();
    let outcome = client.options(&["--invitation", "-"]).run_with_input(format!("{line}\nREAD a.txt\n"));
    assert_eq!(outcome.expect_done().text().lines().count(), 1);
    assert_eq!(invitations(&front.hellos()), [SECRET, SECRET], "the same line may come again");
}

#[test]
fn whoever_is_killed_before_the_welcome_comes_again_with_the_same_key() {
    let (server, key) = (server!().start(), TlsKey::generate());
    let shown = key.clone();
    // The first is never answered.
    let front = Front::start_with(server.address(), move |number| Passage {
        key: shown.clone(),
        byte_count_max: (number > 0).then_some(u64::MAX).or(Some(10)),
    });
    let line = invitation(front.address(), &key);
    let client = client!(server.scratch(), front.address()).without_address().options(&[&line]);
    let mut process = client.start(&["LIST"]);
    eventually_true("the invitation was presented", || !front.hellos().is_empty());
    process.kill();
    let own = fs::read(state_file(server.scratch(), "key")).unwrap();
    assert!(!state_file(server.scratch(), "known_keys").exists());
    client.run(&["LIST"]).expect_done();
    assert_eq!(invitations(&front.hellos()), [SECRET, SECRET]);
    assert_eq!(fs::read(state_file(server.scratch(), "key")).unwrap(), own);
}

#[test]
fn a_refusal_at_the_opening_is_told_as_the_server_says_it() {
    let (scratch, key) = (Scratch::new(), TlsKey::generate());
    for text in ["this invitation was used already", "this invitation has expired", "you are not known here"]
    {
        let shown = key.clone();
        let refusing = Imposter::over_tls(
            move |_| shown.clone(),
            move |_, session: &mut Session| {
                session.next_line();
                let refused = json!({"type": "refused", "code": "not_allowed", "message": text});
                session.try_send_raw(line_of(&refused));
            },
        );
        let line = invitation(refusing.address(), &key);
        let client = client!(&scratch, refusing.address()).without_address().options(&[&line]);
        let told = client.run_json(&["LIST"]).expect_error("not_allowed", 1).line();
        assert!(told["error"]["message"].as_str().unwrap().contains(text), "{told}");
    }
    assert!(!state_file(&scratch, "known_keys").exists());
}

#[test]
fn an_invitation_is_not_spent_on_a_key_that_cannot_be_kept() {
    let (server, key) = (server!().start(), TlsKey::generate());
    let front = Front::start(server.address(), &key);
    let client = client!(server.scratch(), front.address()).without_address();
    let client = client.options(&["--state-dir", "/dev/null/state"]);
    let line = line_of_server(front.address(), &key);
    let outcome = client.clone().options(&[&line]).run(&["LIST"]).expect_done();
    assert!(outcome.errors.contains("is not remembered"), "{}", outcome.errors);
    let invitation = invitation(front.address(), &key);
    let told = client.options(&[&invitation]).run_json(&["LIST"]).expect_error("local_file", 1).line();
    assert!(told["error"]["message"].as_str().unwrap().contains("could not be kept"), "{told}");
    assert_eq!(front.hellos().len(), 1);
}

#[test]
fn a_damaged_line_is_wrong_usage_and_its_secret_is_not_shown() {
    let scratch = Scratch::new();
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let line = invitation(address, &TlsKey::generate());
    let client = client!(&scratch, address).without_address();
    let damaged = [
        line[..line.len() - 1].to_owned(),
        line.replacen("/#", "/#0", 1),
        line.replacen(":1/", "/", 1),
        line.replacen("ioe://", "", 1),
        line.replacen('#', "", 1),
    ];
    let part = &SECRET[..30];
    for line in &damaged {
        let connect = format!("CONNECT {line}");
        let runs = [
            client.clone().options(&[line]).run(&["LIST"]),
            client.run(&[&connect]),
            client.run_json(&[&connect]),
            client.run_json(&[line]),
            client.clone().options(&["--invitation", "-"]).run_with_input(line),
        ];
        for outcome in runs {
            let outcome = outcome.expect_code(2);
            assert!(!outcome.errors.contains(part) && !outcome.text().contains(part), "{outcome:?}");
        }
    }
    for options in [["--invitation", &line], ["localhost", &line], ["--jobs", &line]] {
        let outcome = client.clone().options(&options).run(&["LIST"]).expect_code(2);
        assert!(!outcome.errors.contains(part), "{outcome:?}");
    }
}

#[test]
fn a_console_keeps_no_secret_in_its_history_or_log() {
    let (server, key) = (server!().start(), TlsKey::generate());
    let front = Front::start(server.address(), &key);
    let client = client!(server.scratch(), front.address()).without_address().options(&["-vvv"]);
    let mut process = Process::start_at_terminal(&mut client.command(&[]));
    process.output.wait_for("a prompt", |text| text.contains("ioe> ").then_some(()));
    process.type_in(format!("CONNECT {}\r", invitation(front.address(), &key)));
    process.output.wait_for("a connection", |text| text.contains("connected to ").then_some(()));
    process.type_in("QUIT\r");
    assert_eq!(process.exit_code(), 0, "{}", process.output.text());
    // The line editor would log each key.
    assert!(!process.output.text().contains("KeyEvent"), "{}", process.output.text());
    let history = fs::read_to_string(state_file(server.scratch(), "history")).unwrap();
    assert!(
        history.contains(&line_of_server(front.address(), &key)) && !history.contains(SECRET),
        "{history}"
    );
}
