//! An enrolment that either side does not survive: the invitation is open or used by that key, never lost.

use crate::ground::{USED, assert_kept_out, dial_tls, enter, grants, guest, hello_with, invite, invited};
use integration_tests::content::Dice;
use integration_tests::scratch::Scratch;
use integration_tests::server::Server;
use integration_tests::session::Session;
use integration_tests::tls::TlsKey;
use integration_tests::{client, server};
use std::time::{Duration, Instant};

const SEED: &str = "enrolment-1";
const ROUND_COUNT: u64 = 12;
/// An enrolment takes about so long, in microseconds.
const ENROLMENT_MICROSECONDS: usize = 4000;

/// A client takes about so long to start and enrol, in microseconds.
const CLIENT_MICROSECONDS: usize = 40_000;

fn spin_until(moment: Duration) {
    let start = Instant::now();
    while start.elapsed() < moment {
        std::hint::spin_loop();
    }
}

/// Ends a server at some moment while somebody enrols, starts it again, and looks at what became of it.
fn interrupt(server: &mut Server, name: &str, moment: Duration, end: impl Fn(&mut Server)) -> bool {
    let (key, other) = (TlsKey::generate(), TlsKey::generate());
    let secret = invite(server, &[name, "--read"]).secret;
    let before = grants(server);
    let mut session = Session::over(dial_tls(server.address(), &key));
    session.send(&hello_with(Some(&secret)));
    spin_until(moment);
    end(server);
    let is_welcome = session.next_line().is_some_and(|line| line["type"] == "welcome");
    server.start_again();
    let after = grants(server);
    let is_in = after.contains(&guest(name, &key));
    assert!(is_in || after == before && after.contains(&invited(name, "invited")), "{after:?}");
    assert!(is_in || !is_welcome, "the welcome of {name} was forgotten: {after:?}");
    enter(server.address(), &key, Some(&secret)).assert_works();
    assert_kept_out(server.address(), &other, Some(&secret), USED);
    is_in
}

#[test]
fn a_server_killed_or_stopped_at_any_moment_of_an_enrolment_has_it_undone_or_done() {
    let mut server = server!().start();
    let mut dice = Dice::new(SEED);
    for round in 0..ROUND_COUNT {
        let moment = Duration::from_micros(dice.below(ENROLMENT_MICROSECONDS) as u64);
        let name = format!("guest-{round}-of-{SEED}-after-{}-microseconds", moment.as_micros());
        interrupt(&mut server, &name, moment, |server| {
            if round % 3 == 2 {
                server.terminate();
                server.exit_code();
            } else {
                server.kill();
            }
        });
    }
}

#[test]
fn a_client_killed_at_any_moment_of_its_enrolment_gets_in_with_the_same_line() {
    let server = server!().start();
    let mut dice = Dice::new(SEED);
    for round in 0..ROUND_COUNT {
        let moment = Duration::from_micros(dice.below(CLIENT_MICROSECONDS) as u64);
        let name = format!("guest-{round}");
        let invitation = invite(&server, &[&name, "--read"]);
        let line = format!("ioe://{}/#{}.{}\n", server.address(), invitation.key, invitation.secret);
        // A client of its own each time: it has no key yet.
        let scratch = Scratch::new();
        scratch.put_local("line.txt", line);
        let file = scratch.local().join("line.txt");
        let options = ["--invitation", file.to_str().unwrap()];
        let client = client!(&scratch, server.address()).without_address().options(&options);
        let mut killed = client.start(&["LIST"]);
        spin_until(moment);
        killed.kill();
        let outcome = client.run(&["LIST"]);
        assert_eq!(outcome.code, 0, "killed after {moment:?}, round {round} of {SEED}: {outcome:?}");
        let is_this = |(guest, state, _): &(String, String, _)| *guest == name && state == "guest";
        assert_eq!(grants(&server).iter().filter(|one| is_this(one)).count(), 1);
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_comes_again_with_the_same_key() {
    let server = server!().start();
    let key = TlsKey::generate();
    let secret = invite(&server, &["anna", "--read"]).secret;
    let mut leaving = Session::over(dial_tls(server.address(), &key));
    leaving.send(&hello_with(Some(&secret)));
    leaving.reset();
    server.wait_until_alone();
    let after = grants(&server);
    assert!(after == [guest("anna", &key)] || after == [invited("anna", "invited")], "{after:?}");
    enter(server.address(), &key, Some(&secret)).assert_works();
}
