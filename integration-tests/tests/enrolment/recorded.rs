//! Case 42: of all that passes over TLS, nothing can be read and nothing be used again.

use crate::ground::{Invitation, dial, dial_tls, hello_with, invite};
use crate::records::Relay;
use integration_tests::client;
use integration_tests::scratch::tree_digest;
use integration_tests::server;
use integration_tests::session::{PROCESS_ID, Session};
use integration_tests::tls::TlsKey;
use integration_tests::upload::{write, write_file};
use serde_json::json;
use std::io::{Read, Write};
use std::net::Shutdown;

/// Stands in each name.
const NAME: &str = "readable-name-of-ours";
/// Is what each content consists of.
const CONTENT: &[u8] = b"readable content of ours. ";
/// Longer than several sections.
const LARGE_BYTES: usize = (5 << 20) / 2;

fn content(byte_count: usize) -> Vec<u8> {
    CONTENT.iter().copied().cycle().take(byte_count).collect()
}

/// Every request that there is, most of them with a name, small and large, whole and in ranges.
fn do_everything(session: &mut Session) {
    let (small, large) = (format!("{NAME}-small.txt"), format!("{NAME}/large.bin"));
    session.ask(json!({"type": "mkdir", "path": NAME}));
    write_file(session, &small, &content(500));
    write_file(session, &large, &content(LARGE_BYTES));
    write(session, &large, &content(LARGE_BYTES + 77), &json!({"base_wanted": true}));
    session.listing(json!({"type": "list", "recursive": true}));
    session.listing(json!({"type": "search", "words": "readable name"}));
    let stat = session.ask(json!({"type": "stat", "path": large, "with_digest": true}));
    assert_eq!(stat["type"], "found", "{stat}");
    session.read_file(&small);
    session.read_file(&large);
    let ranges = [(0, 1000), (2_000_000, 4000)];
    let ranges = ranges.map(|(offset, byte_count)| json!({"offset": offset, "byte_count": byte_count}));
    session.read(json!({"type": "read", "path": large, "ranges": ranges}));
    let id = session.request(json!({"type": "pieces", "path": large}));
    session.answer(id);
    session.payload(id);
    session.ask_refused(json!({"type": "stat", "path": format!("{NAME}-missing")}), "not_found");
    let moved = format!("{NAME}-moved.txt");
    session.ask(json!({"type": "rename", "path": small, "to": moved}));
    session.ask(json!({"type": "delete", "path": moved}));
    session.assert_works();
    session.ask(json!({"type": "bye"}));
}

/// The words that nobody on the way may read.
fn secrets(invitation: &Invitation, keys: &[&TlsKey]) -> Vec<Vec<u8>> {
    let bytes = |hex: &str| -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    };
    let texts = [NAME, PROCESS_ID, "\"v\":1", "\"type\"", "hello", &invitation.secret, &invitation.key];
    let mut secrets: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    secrets.push(CONTENT.to_vec());
    secrets.push(bytes(&invitation.secret));
    secrets.push(bytes(&invitation.key));
    secrets.extend(keys.iter().map(|key| bytes(&key.public_hex())));
    secrets
}

#[test]
fn nothing_of_a_session_that_does_everything_can_be_read_on_the_way() {
    let server = server!().start();
    let relay = Relay::start(server.address());
    let anna = TlsKey::generate();
    let invitation = invite(&server, &["anna", "--write"]);
    let mut session = Session::over(dial_tls(relay.address(), &anna));
    session.send(&hello_with(Some(&invitation.secret)));
    assert_eq!(session.line()["type"], "welcome");
    do_everything(&mut session);
    drop(session);
    let recorded = relay.take();
    assert!(recorded.to_server.len() > LARGE_BYTES && recorded.to_client.len() > LARGE_BYTES);
    for secret in secrets(&invitation, &[&anna]) {
        assert!(!recorded.contains(&secret), "{:?} can be read", String::from_utf8_lossy(&secret));
    }
}

#[test]
fn in_plain_text_all_of_it_can_be_read_so_that_the_search_for_it_finds_it() {
    let server = server!().start();
    let relay = Relay::start(server.address());
    let mut session = Session::open(relay.address());
    do_everything(&mut session);
    let recorded = relay.take();
    for word in [NAME.as_bytes(), PROCESS_ID.as_bytes(), b"\"v\":1", b"hello", CONTENT] {
        assert!(recorded.contains(word), "{:?}", String::from_utf8_lossy(word));
    }
}

#[test]
fn nothing_that_the_client_does_can_be_read_on_the_way() {
    let server = server!().start();
    let relay = Relay::start(server.address());
    let invitation = invite(&server, &["anna", "--write"]);
    let line = format!("ioe://{}/#{}.{}\n", relay.address(), invitation.key, invitation.secret);
    let scratch = server.scratch();
    scratch.put_local("line.txt", line);
    let (small, large) = (format!("{NAME}-small.txt"), format!("{NAME}-large.bin"));
    scratch.put_local(&small, content(500));
    scratch.put_local(&large, content(LARGE_BYTES));
    let file = scratch.local().join("line.txt");
    let enrolling = client!(scratch, relay.address()).without_address();
    let options = ["--invitation", file.to_str().unwrap()];
    enrolling.options(&options).run(&[&format!("WRITE {small}"), &format!("WRITE {large}")]).expect_done();
    let again = client!(scratch, relay.address());
    let commands = [
        format!("MKDIR {NAME}"),
        "LIST -r".to_owned(),
        format!("READ {large} back.bin"),
        format!("RENAME {small} {NAME}/moved.txt"),
        format!("DELETE {NAME}/moved.txt"),
    ];
    again.run(&commands.each_ref().map(String::as_str)).expect_done();
    assert!(scratch.local_file("back.bin") == content(LARGE_BYTES));
    let recorded = relay.take();
    assert!(recorded.to_server.len() > LARGE_BYTES && recorded.to_client.len() > LARGE_BYTES);
    let words = secrets(&invitation, &[]).into_iter().filter(|word| word != PROCESS_ID.as_bytes());
    for secret in words {
        assert!(!recorded.contains(&secret), "{:?} can be read", String::from_utf8_lossy(&secret));
    }
}

#[test]
fn what_was_recorded_opens_nothing_when_it_is_sent_again() {
    let server = server!().file("kept.txt", b"kept").start();
    let relay = Relay::start(server.address());
    let anna = TlsKey::generate();
    let invitation = invite(&server, &["anna", "--write"]);
    let mut session = Session::over(dial_tls(relay.address(), &anna));
    session.send(&hello_with(Some(&invitation.secret)));
    assert_eq!(session.line()["type"], "welcome");
    write_file(&mut session, "new.txt", &content(500));
    session.ask(json!({"type": "delete", "path": "new.txt"}));
    session.ask(json!({"type": "bye"}));
    drop(session);
    let recorded = relay.take().to_server;
    server.wait_until_alone();
    let before = tree_digest(&server.scratch().share());
    // Whole, and each beginning of it that leaves out a kilobyte more.
    for end in (1..=recorded.len()).rev().step_by(1000) {
        let mut replaying = dial(server.address());
        let own = replaying.local_addr().unwrap();
        // It may be closed before all is sent.
        let _ = replaying.write_all(&recorded[..end]);
        let _ = replaying.shutdown(Shutdown::Write);
        let mut said = Vec::new();
        let _ = replaying.read_to_end(&mut said);
        let from = format!("from {own} ");
        server.wait_for_log("it did not open", |line| line.contains(&from) && line.contains("did not open"));
        assert!(!server.log().contains(&format!("opened by by-hand/1 {from}")), "{}", server.log());
    }
    assert_eq!(tree_digest(&server.scratch().share()), before);
}
