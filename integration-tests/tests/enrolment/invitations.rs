//! Case 41: an invitation lets one key in, once. Used and expired ones say so; of all else nothing is learned.

use crate::ground::{
    EXPIRED, UNKNOWN, USED, answer_to, assert_kept_out, dial, dial_tls, enter, grants, guest, hello_with,
    invite, invited, knock, manage,
};
use integration_tests::patience::eventually_true;
use integration_tests::server;
use integration_tests::session::Session;
use integration_tests::tls::TlsKey;
use std::sync::Barrier;
use std::thread;

/// More than there are processors, and few enough to be answered at once.
const CROWD_COUNT: usize = 20;

#[test]
fn an_invitation_lets_one_key_in_and_that_one_again_after_a_restart_too() {
    let mut server = server!().file("a.txt", b"hello").start();
    let (anna, other) = (TlsKey::generate(), TlsKey::generate());
    let invitation = invite(&server, &["anna", "--read"]);
    assert_eq!(invitation.address, server.address());
    let secret = Some(invitation.secret.as_str());
    assert_eq!(enter(server.address(), &anna, secret).read_file("a.txt"), b"hello");
    for _ in 0..2 {
        assert_eq!(grants(&server), [guest("anna", &anna)]);
        for shown in [secret, None] {
            enter(server.address(), &anna, shown).assert_works();
        }
        assert_kept_out(server.address(), &other, secret, USED);
        assert_kept_out(server.address(), &other, None, UNKNOWN);
        server.kill();
        server.start_again();
    }
}

#[test]
fn the_line_names_the_key_that_answers_there() {
    let server = server!().start();
    let invitation = invite(&server, &["anna", "--read"]);
    let (_, found) = integration_tests::tls::TlsStream::dial(invitation.address, &TlsKey::generate());
    assert_eq!(found, invitation.key);
}

#[test]
fn of_many_keys_at_once_with_one_invitation_exactly_one_gets_in() {
    let server = server!().start();
    let invitation = invite(&server, &["anna", "--write"]);
    let keys: Vec<TlsKey> = (0..CROWD_COUNT).map(|_| TlsKey::generate()).collect();
    let (secret, start) = (Some(invitation.secret.as_str()), Barrier::new(CROWD_COUNT));
    let come = |key: &TlsKey| {
        let mut session = Session::over(dial_tls(invitation.address, key));
        start.wait();
        session.send(&hello_with(secret));
        session.line()
    };
    let come = &come;
    let answers: Vec<_> = thread::scope(|scope| {
        let coming: Vec<_> = keys.iter().map(|key| scope.spawn(move || come(key))).collect();
        coming.into_iter().map(|came| came.join().unwrap()).collect()
    });
    let welcome = answers.iter().position(|answer| answer["type"] == "welcome").unwrap();
    assert_eq!(grants(&server), [guest("anna", &keys[welcome])]);
    for (number, answer) in answers.iter().enumerate().filter(|(number, _)| *number != welcome) {
        assert_eq!((answer["type"].as_str(), answer["message"].as_str()), (Some("refused"), Some(USED)));
        assert_kept_out(server.address(), &keys[number], secret, USED);
    }
    enter(server.address(), &keys[welcome], secret).assert_works();
}

#[test]
fn one_key_at_once_with_one_invitation_gets_in_each_time() {
    let server = server!().start();
    let invitation = invite(&server, &["anna", "--write"]);
    let (anna, start) = (TlsKey::generate(), Barrier::new(CROWD_COUNT));
    let come = || {
        let mut session = Session::over(dial_tls(invitation.address, &anna));
        start.wait();
        session.send(&hello_with(Some(&invitation.secret)));
        assert_eq!(session.line()["type"], "welcome");
        session.assert_works();
    };
    thread::scope(|scope| (0..CROWD_COUNT).for_each(|_| drop(scope.spawn(come))));
    assert_eq!(grants(&server), [guest("anna", &anna)]);
}

#[test]
fn an_invitation_past_its_time_says_so_to_everybody_and_lets_nobody_in() {
    let server = server!().start();
    let late = invite(&server, &["anna", "--read", "--expires", "1ms"]);
    eventually_true("the invitation has expired", || grants(&server) == [invited("anna", "expired")]);
    for key in [TlsKey::generate(), TlsKey::generate()] {
        assert_kept_out(server.address(), &key, Some(&late.secret), EXPIRED);
    }
    // The name is free again, and the new line is another one.
    let anna = TlsKey::generate();
    let again = invite(&server, &["anna", "--read"]);
    assert_ne!(again.secret, late.secret);
    enter(server.address(), &anna, Some(&again.secret)).assert_works();
    assert_kept_out(server.address(), &TlsKey::generate(), Some(&late.secret), EXPIRED);
}

#[test]
fn a_refusal_does_not_tell_which_of_key_secret_and_tls_is_wrong() {
    let (server, other_server) = (server!().start(), server!().start());
    let open = invite(&server, &["anna", "--read"]).secret;
    let revoked = invite(&server, &["ben", "--read"]).secret;
    manage(&server, &["revoke", "ben"]).expect_code(0);
    let foreign = invite(&other_server, &["anna", "--read"]).secret;
    let last = if open.ends_with('0') { "1" } else { "0" };
    let (near, zero) = (format!("{}{last}", &open[..31]), "0".repeat(32));
    let wrong = [None, Some(&*near), Some(&*zero), Some(&*foreign), Some(&*revoked)];
    let over_tls = |secret| answer_to(dial_tls(server.address(), &TlsKey::generate()), secret);
    let mut answers: Vec<String> = wrong.into_iter().map(over_tls).collect();
    answers
        .extend([None, Some(&*open), Some(&*near)].map(|secret| answer_to(dial(server.address()), secret)));
    assert!(answers[0].contains(UNKNOWN), "{}", answers[0]);
    answers.iter().for_each(|answer| assert_eq!(answer, &answers[0]));
    // What was shown in plain text, where anybody could read it, was not used up by that.
    enter(server.address(), &TlsKey::generate(), Some(&open)).assert_works();
}

#[test]
fn where_everybody_may_read_an_invitation_in_plain_text_or_an_unknown_one_changes_nothing() {
    let server = server!().option_with("--public", "read").file("a.txt", b"hello").start();
    let open = invite(&server, &["anna", "--write"]).secret;
    let mut plain = Session::over(dial(server.address()));
    plain.send(&hello_with(Some(&open)));
    assert_eq!(plain.line()["type"], "welcome");
    let unknown = "f".repeat(32);
    for session in [&mut plain, &mut enter(server.address(), &TlsKey::generate(), Some(&unknown))] {
        assert_eq!(session.read_file("a.txt"), b"hello");
        session.ask_refused(serde_json::json!({"type": "mkdir", "path": "new"}), "not_allowed");
    }
    assert_eq!(grants(&server), [invited("anna", "invited")]);
    let mut anna = enter(server.address(), &TlsKey::generate(), Some(&open));
    assert_eq!(anna.ask(serde_json::json!({"type": "mkdir", "path": "new"}))["type"], "made");
}

#[test]
fn a_revoked_guest_is_cut_and_neither_the_key_nor_the_line_helps_again() {
    let server = server!().start();
    let (anna, ben) = (TlsKey::generate(), TlsKey::generate());
    let [of_anna, of_ben] = ["anna", "ben"].map(|name| invite(&server, &[name, "--read"]).secret);
    let mut session = enter(server.address(), &anna, Some(&of_anna));
    let mut unharmed = enter(server.address(), &ben, Some(&of_ben));
    manage(&server, &["revoke", "anna"]).expect_code(0);
    session.assert_closed();
    assert_kept_out(server.address(), &anna, None, UNKNOWN);
    assert_kept_out(server.address(), &anna, Some(&of_anna), USED);
    unharmed.assert_works();
    let again = invite(&server, &["anna", "--read"]).secret;
    enter(server.address(), &anna, Some(&again)).assert_works();
}

#[test]
fn a_guest_with_a_second_invitation_has_the_rights_of_both() {
    let server = server!().file("a/x", b"hello").file("b/x", b"hello").start();
    let anna = TlsKey::generate();
    let [first, second] =
        ["a", "b"].map(|folder| invite(&server, &[folder, "--read", "--below", folder]).secret);
    drop(enter(server.address(), &anna, Some(&first)));
    let mut session = enter(server.address(), &anna, Some(&second));
    assert_eq!((session.read_file("a/x"), session.read_file("b/x")), (b"hello".into(), b"hello".into()));
    manage(&server, &["revoke", "a"]).expect_code(0);
    session.ask_refused(serde_json::json!({"type": "stat", "path": "a/x"}), "not_found");
    assert_eq!(session.read_file("b/x"), b"hello");
}

#[test]
fn the_first_invitation_ends_what_everybody_could_do_before() {
    let server = server!().file("a.txt", b"hello").start();
    let mut plain = server.session();
    let mut unknown = enter(server.address(), &TlsKey::generate(), None);
    assert_eq!((plain.read_file("a.txt"), unknown.read_file("a.txt")), (b"hello".into(), b"hello".into()));
    let invitation = invite(&server, &["anna", "--read"]);
    plain.assert_closed();
    unknown.assert_closed();
    assert!(answer_to(dial(server.address()), None).contains(UNKNOWN));
    // To take it back opens nothing again.
    manage(&server, &["revoke", "anna"]).expect_code(0);
    assert!(answer_to(dial(server.address()), None).contains(UNKNOWN));
    let (_, first) = knock(server.address(), &TlsKey::generate(), Some(&invitation.secret));
    assert_eq!(first["message"], UNKNOWN);
}
