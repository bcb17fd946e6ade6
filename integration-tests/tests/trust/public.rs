//! What is public, and where nobody made rules: plain text and TLS, known keys and strangers.
//!
//! It must not know how invitations are kept.

use integration_tests::server;
use integration_tests::session::{PROCESS_ID, Session, assert_refused, hello};
use integration_tests::upload::{assert_written, write};
use serde_json::json;

use crate::guests::{Guest, invited, manage};

#[test]
fn what_is_public_is_so_for_plain_text_strangers_and_guests_alike() {
    let server =
        server!().option_with("--public", "read").file("a.txt", "public").file("team/b.txt", "too").start();
    let guest = Guest::enrolled(&server, "guest", &["--write", "--below", "team"]);
    let sessions = [server.session(), Guest::stranger().session(&server), guest.session(&server)];
    for (place, mut session) in sessions.into_iter().enumerate() {
        assert_eq!(session.read_file("a.txt"), b"public");
        assert_refused(&write(&mut session, "a.txt", b"changed", &json!({})).answer, "not_allowed");
        session.ask_refused(json!({"type": "delete", "path": "a.txt"}), "not_allowed");
        session.ask_refused(json!({"type": "mkdir", "path": "made"}), "not_allowed");
        let answer = write(&mut session, "team/b.txt", b"changed", &json!({})).answer;
        match place {
            2 => assert_written(&answer, b"changed"),
            _ => assert_refused(&answer, "not_allowed"),
        }
    }
    assert_eq!(server.scratch().shared("a.txt"), b"public");
}

#[test]
fn who_is_revoked_where_something_is_public_is_cut_and_comes_back_as_one_of_everybody() {
    let server = server!().option_with("--public", "read").file("a.txt", "public").start();
    let guest = Guest::enrolled(&server, "guest", &["--write"]);
    let mut session = guest.session(&server);
    assert_written(&write(&mut session, "b.txt", b"mine", &json!({})).answer, b"mine");
    manage(&server, &["revoke", "guest"]);
    session.assert_closed();
    let mut session = guest.session(&server);
    assert_refused(&write(&mut session, "b.txt", b"again", &json!({})).answer, "not_allowed");
    assert_eq!(session.read_file("a.txt"), b"public");
}

#[test]
fn who_is_denied_something_that_is_public_is_denied_it() {
    let server =
        server!().option_with("--public", "write").file("a.txt", "public").file("team/b.txt", "too").start();
    let guest = Guest::enrolled(&server, "guest", &["--read"]);
    manage(&server, &["deny", "guest", "all", "--below", "team"]);
    let (mut guest, mut stranger) = (guest.session(&server), Guest::stranger().session(&server));
    guest.ask_refused(json!({"type": "read", "path": "team/b.txt"}), "not_found");
    assert_eq!(stranger.read_file("team/b.txt"), b"too");
    for session in [&mut guest, &mut stranger] {
        assert_written(&write(session, "a.txt", b"changed", &json!({})).answer, b"changed");
    }
}

#[test]
fn a_server_without_rules_is_open_and_closes_to_all_but_its_guests_at_the_first_invitation() {
    let server = server!().file("a.txt", "open").start();
    let (mut plain, mut stranger) = (server.session(), Guest::stranger().session(&server));
    for session in [&mut plain, &mut stranger] {
        assert_eq!(session.read_file("a.txt"), b"open");
        assert_written(&write(session, "b.txt", b"by anybody", &json!({})).answer, b"by anybody");
    }
    let secret = invited(&server, "guest", &["--read"]);
    // It is in force before the command returns: sessions that run have lost everything.
    for mut session in [plain, stranger] {
        assert!(session.next_line().is_none_or(|line| line["code"] == "not_allowed"));
    }
    let mut opening = Session::dial(server.address());
    opening.send(&hello(PROCESS_ID));
    let of_plain = opening.assert_closed_with("not_allowed");
    let (mut closed, of_stranger) = Guest::stranger().say_hello(&server, None);
    closed.assert_closed();
    assert_eq!(of_plain, of_stranger);
    let (mut guest, welcome) = Guest::stranger().say_hello(&server, Some(&secret));
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(guest.read_file("a.txt"), b"open");
    // Without its last grant it does not open again.
    manage(&server, &["revoke", "guest"]);
    let mut opening = Session::dial(server.address());
    opening.send(&hello(PROCESS_ID));
    assert_eq!(opening.assert_closed_with("not_allowed"), of_plain);
}
