//! Case 47: a flood of bad clients does not fill the disk with log lines, and costs no access line.

use std::thread;

use integration_tests::patience::eventually_true;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::Session;
use serde_json::json;

const FLOOD_COUNT: usize = 3000;
const FLOODER_COUNT: usize = 3;
const REQUEST_COUNT: usize = 500;
/// Far more than the first lines and those that trickle in meanwhile, and far less than one for each bad client.
const LINES_MAX: usize = FLOOD_COUNT / 3;

fn flood(server: &Server) {
    for index in 0..FLOOD_COUNT / FLOODER_COUNT {
        let mut session = Session::dial(server.address());
        session.try_send_raw(if index % 2 == 0 { &b"garbage\n"[..] } else { b"GET / HTTP/1.1\r\n\r\n" });
        // The refusal is awaited, so that every one of them was met by the server.
        while session.next_line().is_some() {}
    }
}

fn lines_with(log: &str, part: &str) -> usize {
    log.lines().filter(|line| line.contains(part)).count()
}

#[test]
fn a_flood_of_garbage_keeps_the_log_small_and_every_request_still_has_its_line() {
    let server = server!().start();
    thread::scope(|scope| {
        (0..FLOODER_COUNT).for_each(|_| drop(scope.spawn(|| flood(&server))));
        let mut session = server.session();
        for index in 0..REQUEST_COUNT {
            session.ask_refused(json!({"type": "stat", "path": format!("asked-{index}.")}), "not_found");
        }
    });
    server.wait_for_log("the last request's line", |line| {
        line.contains(&format!("asked-{}.", REQUEST_COUNT - 1))
    });
    server.wait_until_alone();
    let log = server.log();
    for index in 0..REQUEST_COUNT {
        assert_eq!(lines_with(&log, &format!("asked-{index}.")), 1, "request {index}");
    }
    let other_lines = log.lines().count() - lines_with(&log, "asked-");
    assert!(other_lines < LINES_MAX, "{other_lines} lines about {FLOOD_COUNT} bad clients");
    eventually_true("the log says how many lines were left out", || {
        Session::dial(server.address()).try_send_raw(b"garbage\n");
        server.log().contains("were left out")
    });
}
