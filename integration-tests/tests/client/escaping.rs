//! Case 16: nothing that a name or a server's text holds is obeyed by a terminal, and JSON keeps it exactly.

use integration_tests::imposter::Imposter;
use integration_tests::scratch::Scratch;
use integration_tests::session::line_of;
use integration_tests::{client, server};
use serde_json::json;

/// Allowed in a shared path, and turns the reading direction round.
const BIDI: &str = "rtl\u{202e}gpj.exe";

fn assert_harmless(text: &str) {
    let hidden = |c: char| {
        c != '\n' && c != '\t' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'))
    };
    assert!(!text.contains(hidden), "{text:?}");
}

#[test]
fn a_name_that_turns_the_reading_direction_is_shown_escaped() {
    let server = server!().file(BIDI, b"hello").start();
    let client = client!(server.scratch(), server.address());
    let commands = ["LIST", "SEARCH exe", &format!("STAT {BIDI}"), &format!("READ {BIDI}")];
    for command in commands {
        let outcome = client.run(&[command]).expect_done();
        assert_harmless(outcome.text());
        assert_harmless(&outcome.errors);
    }
    assert!(client.run(&["LIST"]).text().contains("gpj.exe"));
    let outcome = client.run(&[&format!("READ missing{BIDI}")]).expect_code(1);
    assert_harmless(&outcome.errors);
}

#[test]
fn in_json_the_name_is_exact_and_the_line_harmless() {
    let server = server!().file(BIDI, b"hello").start();
    let outcome = client!(server.scratch(), server.address()).run_json(&["LIST"]).expect_done();
    assert_harmless(outcome.text());
    assert_eq!(outcome.line()["path"], BIDI);
}

#[test]
fn what_was_typed_is_escaped_too() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address());
    for command in ["DANCE\u{1b}[2J", "READ a\u{1b}]0;title\u{7}", "READ \u{9b}31m"] {
        let outcome = client.run(&[command]);
        assert_ne!(outcome.code, 0);
        assert_harmless(&outcome.errors);
    }
}

#[test]
fn local_names_that_no_share_can_have_are_shown_escaped() {
    let server = server!().start();
    server.scratch().put_local("tree/esc\u{1b}[2J.txt", b"mine");
    server.scratch().put_local("tree/c1\u{9b}31m.txt", b"mine");
    server.scratch().put_local("tree/good.txt", b"mine");
    let client = client!(server.scratch(), server.address());
    for command in ["WRITE -r tree", "WRITE tree/*.txt", "WRITE \"tree/esc\u{1b}[2J.txt\""] {
        let plain = client.run(&[command]).expect_code(1);
        assert!(!plain.errors.is_empty());
        assert_harmless(&plain.errors);
        assert_harmless(plain.text());
        let json = client.run_json(&[command]);
        assert_harmless(json.text());
        assert_harmless(&json.errors);
    }
    assert_eq!(server.scratch().shared("tree/good.txt"), b"mine");
}

#[test]
fn escape_codes_in_a_servers_words_are_shown_not_obeyed() {
    let hostile = "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}";
    let imposter = Imposter::answering(move |session, request| {
        let refusal =
            json!({"type": "refused", "id": request["id"], "code": "not_found", "message": hostile});
        session.try_send_raw(line_of(&refusal));
    });
    let scratch = Scratch::new();
    let client = client!(&scratch, imposter.address()).options(&["--timeout", "1s"]);
    for command in ["READ a.txt", "LIST", "STAT a.txt", "DELETE a.txt"] {
        let plain = client.run(&[command]);
        assert_ne!(plain.code, 0, "{plain:?}");
        assert_harmless(&plain.errors);
        assert_harmless(plain.text());
        assert_harmless(client.run_json(&[command]).text());
    }
}

#[test]
fn escape_codes_in_a_refused_opening_are_shown_not_obeyed() {
    let imposter = Imposter::start(|session| {
        let _hello = session.next_line();
        let refusal = json!({"type": "refused", "code": "busy", "message": "\u{1b}[2J no \u{202e}"});
        session.try_send_raw(line_of(&refusal));
    });
    let scratch = Scratch::new();
    let outcome = client!(&scratch, imposter.address()).options(&["--timeout", "1s"]).run(&["LIST"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert_harmless(&outcome.errors);
}
