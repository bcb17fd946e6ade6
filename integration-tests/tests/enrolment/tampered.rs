//! Case 42: streams that somebody on the way cuts without TLS's goodbye, at each record, or of which he changes one bit: never
//! a complete file that is none, and the old one stays.

use crate::ground::{enter, hello_with, invite};
use crate::records::{Harm, Relay, record_count};
use integration_tests::client::Client;
use integration_tests::content::{Dice, bytes};
use integration_tests::proxy::Direction::{self, ToClient, ToServer};
use integration_tests::server::Server;
use integration_tests::session::{Session, line_of, section_of};
use integration_tests::tls::{TlsKey, TlsStream};
use integration_tests::upload::{end, write_request};
use integration_tests::{client, server};
use serde_json::json;
use std::fs;
use std::net::TcpStream;

const SEED: &str = "tampered-1";
/// Several records.
const FILE_BYTES: usize = 40_000;
/// So many connections in a row are harmed where the client must give up.
const HARMED_COUNT: usize = 1000;

/// Cuts and flipped bits at each of so many records.
fn harms(direction: Direction, count: usize) -> Vec<Harm> {
    let mut dice = Dice::new(SEED);
    let flips = (0..count).map(|number| Harm::Flip(direction, number, dice.below(1000)));
    let flips: Vec<_> = flips.collect();
    (0..count).map(|number| Harm::CutBefore(direction, number)).chain(flips).collect()
}

/// Writes over a file, part by part in records of their own; whether it was said to be written.
fn is_written(relay: &Relay, key: &TlsKey, content: &[u8]) -> bool {
    let socket = TcpStream::connect(relay.address()).unwrap();
    let Ok((stream, _)) = TlsStream::offer_over(socket, key) else { return false };
    let mut session = Session::over(stream);
    let mut request = write_request("file", content.len(), &json!({}));
    request["id"] = json!(1);
    let parts = [
        line_of(&hello_with(None)).into_bytes(),
        line_of(&request).into_bytes(),
        section_of(1, 0, content),
        line_of(&end(1, content)).into_bytes(),
    ];
    // Whoever is cut off sees that when nothing more is answered.
    parts.iter().all(|part| session.try_send_raw(part));
    std::iter::from_fn(|| session.next_line()).any(|line| line["type"] == "written")
}

#[test]
fn an_upload_that_is_cut_or_changed_on_its_way_leaves_the_old_file() {
    let (old, new) = (bytes("old", FILE_BYTES), bytes("new", FILE_BYTES));
    let server = server!().file("file", &old).start();
    let file = server.scratch().share().join("file");
    let relay = Relay::start(server.address());
    let anna = TlsKey::generate();
    let secret = invite(&server, &["anna", "--write"]).secret;
    drop(enter(server.address(), &anna, Some(&secret)));
    assert!(is_written(&relay, &anna, &new));
    let honest = relay.take();
    let (to_server, to_client) = (record_count(&honest.to_server), record_count(&honest.to_client));
    assert!(to_server > 6 && to_client > 4, "{to_server} {to_client}");
    // The last of the file and those behind it, again or in another order: each is a record like any other.
    let moved = [Harm::Twice(ToServer, to_server - 2), Harm::Swap(ToServer, to_server - 3)];
    for harm in [harms(ToServer, to_server), harms(ToClient, to_client), moved.into()].concat() {
        fs::write(&file, &old).unwrap();
        relay.harm_next(&[harm]);
        let is_written = is_written(&relay, &anna, &new);
        server.wait_until_alone();
        let found = fs::read(&file).unwrap();
        let reached_it = matches!(harm, Harm::CutBefore(ToClient, _) | Harm::Flip(ToClient, ..));
        assert!(!is_written, "{harm:?} of {SEED}: a success that was none");
        assert!(found == old || reached_it && found == new, "{harm:?} of {SEED}");
    }
    assert!(is_written(&relay, &anna, &new));
    assert!(server.scratch().partials().is_empty(), "{:?}", server.scratch().partials());
}

/// A client that knows whom it talks to behind the relay, and has enrolled.
fn enrolled(server: &Server, relay: &Relay) -> Client {
    let invitation = invite(server, &["anna", "--write"]);
    let line = format!("ioe://{}/#{}.{}\n", relay.address(), invitation.key, invitation.secret);
    server.scratch().put_local("line.txt", line);
    let file = server.scratch().local().join("line.txt");
    let enrolling = client!(server.scratch(), relay.address()).without_address();
    enrolling.options(&["--invitation", file.to_str().unwrap()]).run(&["LIST"]).expect_done();
    client!(server.scratch(), relay.address())
}

#[test]
fn a_download_that_is_cut_or_changed_on_its_way_is_never_taken_for_whole() {
    let content = bytes("content", FILE_BYTES);
    let server = server!().file("file", &content).start();
    let relay = Relay::start(server.address());
    let client = enrolled(&server, &relay);
    let local = server.scratch().local().join("file");
    relay.take();
    client.run(&["READ file"]).expect_done();
    let to_client = record_count(&relay.take().to_client);
    assert!(to_client > 5, "{to_client}");
    let mut done_count = 0;
    for harm in harms(ToClient, to_client) {
        let _ = fs::remove_file(&local);
        relay.harm_next(&[harm]);
        let outcome = client.run(&["READ file"]);
        // It dials once to begin with; a connection that is lost later it makes anew.
        assert!([0, 3].contains(&outcome.code), "{harm:?} of {SEED}: {outcome:?}");
        assert_eq!(outcome.code == 0, local.exists(), "{harm:?} of {SEED}: {outcome:?}");
        assert!(outcome.code != 0 || fs::read(&local).unwrap() == content, "{harm:?} of {SEED}");
        done_count += usize::from(outcome.code == 0);
    }
    assert!(done_count > to_client / 2, "{done_count} of {to_client}");
}

#[test]
fn a_download_that_is_cut_each_time_before_its_end_is_a_lost_connection() {
    let content = bytes("content", FILE_BYTES);
    let server = server!().file("file", &content).start();
    let relay = Relay::start(server.address());
    let client = enrolled(&server, &relay);
    // What the handshake and the welcome take: behind them, nothing passes.
    relay.take();
    client.run(&[]).expect_done();
    let opening = record_count(&relay.take().to_client);
    relay.harm_next(&[Harm::CutBefore(ToClient, opening - 1); HARMED_COUNT]);
    let outcome = client.options(&["--timeout", "3s"]).run_json(&["READ file"]);
    outcome.expect_error("connection_lost", 3);
    assert!(!server.scratch().local().join("file").exists());
}
