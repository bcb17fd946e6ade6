//! `--invite` at each start: who came stays, and a line that was not used is replaced.

use crate::ground::{Invitation, USED, assert_kept_out, enter, grants, guest, invitation_of, invited};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::tls::TlsKey;

/// So many lines it printed after the one that says where it listens, in this start.
fn lines(server: &Server, count: usize) -> Vec<Invitation> {
    let all = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let is_whole = |text: &str| text.ends_with('\n') && all(text).len() >= count;
    let awaited = format!("{count} invitations");
    let printed = server.process().output.wait_for(&awaited, |text| is_whole(text).then(|| all(text)));
    // Said after the last of them.
    server.wait_for_log("it serves", |line| line.contains("serving "));
    assert_eq!(printed.len(), count, "{printed:?}");
    printed.iter().map(|line| invitation_of(line)).collect()
}

#[test]
fn each_start_prints_a_new_line_for_who_has_not_come_and_none_for_who_has() {
    let mut server = server!()
        .option_with("--invite", "anna:write")
        .option_with("--invite", "ben:read:music")
        .file("music/a.txt", b"hello")
        .start();
    let first = lines(&server, 2);
    assert!(first.iter().all(|invitation| invitation.address == server.address()));
    let (anna, ben) = (TlsKey::generate(), TlsKey::generate());
    enter(server.address(), &anna, Some(&first[0].secret)).assert_works();
    server.terminate();
    assert_eq!(server.exit_code(), 0);
    server.start_again();
    // Anna is a guest already.
    let second = lines(&server, 1);
    server.wait_for_log("of anna", |line| line.contains("anna is a guest already"));
    let open = invited("ben", "invited");
    assert_eq!(grants(&server), [guest("anna", &anna), open.clone(), open]);
    enter(server.address(), &anna, None).assert_works();
    assert_kept_out(server.address(), &ben, Some(&first[0].secret), USED);
    // What was sent at the first start still lets him in; the other line is of no use to anybody else then.
    let mut session = enter(server.address(), &ben, Some(&first[1].secret));
    assert_eq!(session.read_file("music/a.txt"), b"hello");
    enter(server.address(), &ben, Some(&second[0].secret)).assert_works();
    assert_kept_out(server.address(), &TlsKey::generate(), Some(&second[0].secret), USED);
    server.kill();
    server.start_again();
    lines(&server, 0);
    assert_eq!(grants(&server), [guest("anna", &anna), guest("ben", &ben)]);
    server.kill();
    assert_eq!(server.output().lines().count(), 1, "all that it ever printed: {}", server.output());
}

#[test]
fn beyond_this_machine_it_starts_only_where_somebody_is_invited_or_everybody() {
    let (code, errors) = server!().listening_on("0.0.0.0:0").start_refused();
    assert_eq!(code, 1);
    for way in ["--invite", "--public", "127.0.0.1"] {
        assert!(errors.contains(way), "{errors}");
    }
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn an_address_for_others_stands_in_each_line() {
    let server =
        server!().option_with("--invite", "anna:read").option_with("--advertise", "192.0.2.7:4711").start();
    let printed = lines(&server, 1).remove(0);
    let invited = crate::ground::invite(&server, &["ben", "--read"]);
    for invitation in [printed, invited] {
        assert_eq!(invitation.address.to_string(), "192.0.2.7:4711");
        enter(server.address(), &TlsKey::generate(), Some(&invitation.secret)).assert_works();
    }
}
