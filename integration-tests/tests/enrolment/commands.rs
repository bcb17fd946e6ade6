//! The server's commands beside it: what they change is in force when they return, and what they cannot do they say.

use crate::ground::{UNKNOWN, assert_kept_out, command, enter, grants, guest, invite, invited, manage, told};
use integration_tests::process::Process;
use integration_tests::session::Session;
use integration_tests::tls::TlsKey;
use integration_tests::{client, server};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const ROUND_COUNT: usize = 8;
/// Longer than a command takes that waits for nobody.
const HELD_UP_TIME: Duration = Duration::from_millis(300);

fn read(session: &mut Session, path: &str) -> Value {
    let id = session.request(json!({"type": "read", "path": path}));
    let answer = session.answer(id);
    if answer["type"] == "reading" {
        session.payload(id);
    }
    answer
}

#[test]
fn what_a_command_changes_is_in_force_as_soon_as_it_returns() {
    let server = server!().file("a/x.txt", b"hello").file("b/x.txt", b"hello").start();
    let (anna, ben) = (TlsKey::generate(), TlsKey::generate());
    let of_ben = invite(&server, &["ben", "--read"]).secret;
    let mut standing = enter(server.address(), &ben, Some(&of_ben));
    for round in 0..ROUND_COUNT {
        let secret = invite(&server, &["anna", "--read"]).secret;
        let mut session = enter(server.address(), &anna, Some(&secret));
        assert_eq!(read(&mut session, "a/x.txt")["type"], "reading", "round {round}");
        manage(&server, &["deny", "anna", "list,read", "--below", "a"]).expect_code(0);
        assert_eq!(read(&mut session, "a/x.txt")["code"], "not_found", "round {round}");
        assert_eq!(read(&mut session, "b/x.txt")["type"], "reading", "round {round}");
        manage(&server, &["revoke", "anna"]).expect_code(0);
        assert_kept_out(server.address(), &anna, None, UNKNOWN);
        session.assert_closed();
        assert_eq!(read(&mut standing, "a/x.txt")["type"], "reading", "round {round}");
    }
}

#[test]
fn commands_do_the_same_where_no_server_runs() {
    let mut server = server!().file("a/x.txt", b"hello").file("b/x.txt", b"hello").start();
    server.terminate();
    assert_eq!(server.exit_code(), 0);
    let anna = invite(&server, &["anna", "--read", "--below", "a"]);
    assert_eq!(anna.address, server.address(), "where it was last");
    let ben = invite(&server, &["ben", "--drop"]);
    manage(&server, &["deny", "anna", "list,read", "--below", "a/secret"]).expect_code(0);
    manage(&server, &["revoke", "ben"]).expect_code(0);
    assert_eq!(grants(&server), [invited("anna", "invited")]);
    server.start_again();
    assert_kept_out(server.address(), &TlsKey::generate(), Some(&ben.secret), UNKNOWN);
    let key = TlsKey::generate();
    let mut session = enter(server.address(), &key, Some(&anna.secret));
    assert_eq!(read(&mut session, "a/x.txt")["type"], "reading");
    assert_eq!(read(&mut session, "b/x.txt")["code"], "not_found");
    server.terminate();
    assert_eq!(server.exit_code(), 0);
    assert_eq!(grants(&server), [guest("anna", &key)]);
    manage(&server, &["revoke", "anna"]).expect_code(0);
    server.start_again();
    assert_kept_out(server.address(), &key, None, UNKNOWN);
}

#[test]
fn who_closes_the_door_behind_oneself_is_told_how_to_open_it() {
    let server = server!().file("a.txt", b"hello").start();
    assert!(client!(server.scratch(), server.address()).run(&["LIST"]).expect_done().errors.is_empty());
    let says = |words: &[&str], text: &str| manage(&server, words).expect_code(0).errors.contains(text);
    assert!(says(&["invite", "anna", "--read"], "guests alone come in"));
    assert!(!says(&["invite", "ben", "--read"], "guests alone come in"));
    assert!(!says(&["revoke", "ben"], "--public"));
    assert!(says(
        &["revoke", "anna"],
        "nobody may come in any more: invite somebody, or start the server with --public"
    ));
}

#[test]
fn a_command_waits_for_a_server_that_is_held_up_and_not_for_one_that_is_dead() {
    let mut server = server!().start();
    let anna = TlsKey::generate();
    let secret = invite(&server, &["anna", "--read"]).secret;
    let mut session = enter(server.address(), &anna, Some(&secret));
    server.process().signal(Signal::STOP);
    let mut revoking = Process::start(&mut command(&server, &["revoke", "anna"]));
    // However long it were: it must not say that it is done.
    assert!(!revoking.ends_within(HELD_UP_TIME));
    server.process().signal(Signal::CONT);
    told(&mut revoking).expect_code(0);
    session.assert_closed();
    assert_kept_out(server.address(), &anna, None, UNKNOWN);
    server.process().signal(Signal::STOP);
    let mut inviting = Process::start(&mut command(&server, &["invite", "ben", "--read"]));
    assert!(!inviting.ends_within(HELD_UP_TIME));
    server.kill();
    told(&mut inviting).expect_code(0);
    server.start_again();
    assert_eq!(grants(&server), [invited("ben", "invited")]);
}

#[test]
fn explain_says_what_the_server_does_and_why() {
    let server = server!().file("a/x.txt", b"hello").start();
    let key = TlsKey::generate();
    let secret = invite(&server, &["anna", "--rights", "list,read", "--below", "a"]).secret;
    enter(server.address(), &key, Some(&secret)).assert_works();
    manage(&server, &["deny", "anna", "list,read", "--below", "a/secret"]).expect_code(0);
    for (right, path, code) in [
        ("read", "a/x.txt", 0),
        ("list", "a/secret", 1),
        ("read", "a/secret/y", 1),
        ("read", "b", 1),
        ("create", "a/n", 1),
    ] {
        let said = manage(&server, &["explain", "anna", right, path]).expect_code(code);
        assert_eq!(said.output.lines().count(), 1, "{said:?}");
        assert!(said.output.contains(right), "{said:?}");
    }
    let public = manage(&server, &["explain", "public", "read", "/"]).expect_code(1);
    assert!(!public.output.is_empty(), "{public:?}");
    let nobody = manage(&server, &["explain", "carl", "read", "/"]).expect_code(1);
    assert!(nobody.errors.contains("'carl'") && nobody.output.is_empty(), "{nobody:?}");
}

#[test]
fn what_cannot_be_done_is_said_with_one_and_what_was_typed_wrong_with_two() {
    let server = server!().start();
    invite(&server, &["anna", "--read"]);
    let before = grants(&server);
    let wrong: [(&[&str], i32, &str); 18] = [
        (&["invite"], 2, "NAME"),
        (&["invite", "ben"], 2, "--read"),
        (&["invite", "ben", "--read", "--write"], 2, "cannot be used with"),
        (&["invite", "ben", "--rights", "fly"], 2, "fly"),
        (&["invite", "ben", "--rights", ""], 2, "--rights"),
        (&["invite", "be n", "--read"], 2, "no spaces"),
        (&["invite", "", "--read"], 2, "1 to 64"),
        (&["invite", "public", "--read"], 2, "public"),
        (&["invite", "ben", "--read", "--below", "../x"], 2, "--below"),
        (&["invite", "ben", "--read", "--expires", "0s"], 2, "--expires"),
        (&["invite", "ben", "--read", "--expires", "soon"], 2, "--expires"),
        (&["invite", "anna", "--read"], 1, "'anna'"),
        (&["revoke"], 2, "NAME"),
        (&["revoke", "ben"], 1, "'ben'"),
        (&["deny", "ben", "list,read", "--below", "a"], 1, "'ben'"),
        (&["deny", "anna", "list,read"], 2, "--below"),
        (&["deny", "anna", "fly", "--below", "a"], 2, "fly"),
        (&["explain", "anna", "fly", "/"], 2, "fly"),
    ];
    for (words, code, says) in wrong {
        let said = manage(&server, words).expect_code(code);
        assert!(said.errors.contains(says) && said.output.is_empty(), "{words:?}: {said:?}");
    }
    assert_eq!(grants(&server), before);
}

#[test]
fn invitations_made_at_once_are_all_there() {
    let server = server!().start();
    let names: BTreeSet<String> = (0..8).map(|number| format!("guest-{number}")).collect();
    let start = |name: &String| Process::start(&mut command(&server, &["invite", name, "--read"]));
    let mut running: Vec<Process> = names.iter().map(start).collect();
    let secrets: BTreeSet<String> =
        running.iter_mut().map(|process| told(process).expect_code(0).output).collect();
    assert_eq!(secrets.len(), names.len());
    assert_eq!(grants(&server).into_iter().map(|(name, ..)| name).collect::<BTreeSet<_>>(), names);
    for line in secrets {
        let invitation = crate::ground::invitation_of(line.trim_end());
        enter(server.address(), &TlsKey::generate(), Some(&invitation.secret)).assert_works();
    }
}

#[test]
fn a_terminal_is_shown_a_code_to_photograph_and_a_pipe_the_line_alone() {
    let server = server!().start();
    let mut at_terminal = Process::start_at_terminal(&mut command(&server, &["invite", "anna", "--read"]));
    assert_eq!(at_terminal.exit_code(), 0);
    let shown = at_terminal.output.text();
    assert!(shown.contains('█') && shown.contains("ioe://"), "{shown}");
    let piped = manage(&server, &["invite", "ben", "--read"]).expect_code(0);
    assert_eq!(piped.output.lines().count(), 1, "{piped:?}");
    assert!(piped.output.is_ascii() && piped.output.starts_with("ioe://"), "{piped:?}");
    assert!(piped.errors.contains("ben") && !piped.errors.contains("ioe://"), "{piped:?}");
}
