//! READ of parts that the server did not hash: held against the pieces of the file, whatever the server says at their end.

use integration_tests::client::{Client, Outcome};
use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::imposter::Imposter;
use integration_tests::patience::eventually_true;
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::server::Server;
use integration_tests::session::{Session, line_of};
use integration_tests::{client, server};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::hostile_answers::pass_altered_answer_on;

const LENGTH: usize = 24 * PIECE_BYTES + 77;

/// Stands before a server, and alters what is asked and what is answered.
fn between(
    server: &Server,
    ask: impl Fn(&mut Value) + Send + Sync + 'static,
    answer: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Imposter {
    let address = server.address();
    Imposter::start(move |session| {
        let mut real = Session::dial(address);
        let Some(hello) = session.next_line() else { return };
        real.send(&hello);
        session.try_send_raw(line_of(&real.line()));
        while let Some(mut request) = session.next_line() {
            ask(&mut request);
            real.send(&request);
            pass_altered_answer_on(&mut real, session, &answer);
        }
    })
}

fn film() -> (Server, Vec<u8>) {
    let content = bytes("film", LENGTH);
    (server!().file("film.mov", &content).start(), content)
}

/// A client that has an older version of the film, of which every second piece is the same.
fn client_with_a_base(server: &Server, address: SocketAddr, content: &[u8]) -> Client {
    let mut old = content.to_vec();
    old.chunks_mut(PIECE_BYTES).step_by(2).for_each(|piece| piece[9] ^= 1);
    server.scratch().put_local("film.mov", old);
    client!(server.scratch(), address)
}

#[test]
fn parts_come_from_a_server_that_hashes_them_and_from_one_that_does_not() {
    for is_old in [true, false] {
        let (server, content) = film();
        let unhashed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&unhashed);
        let ask = move |request: &mut Value| {
            if is_old {
                request.as_object_mut().unwrap().remove("unhashed");
            }
        };
        let answer = move |line: &mut Value| {
            counted.fetch_add(usize::from(line["type"] == "sent"), Ordering::SeqCst);
        };
        let between = between(&server, ask, answer);
        client_with_a_base(&server, between.address(), &content).run(&["READ film.mov"]).expect_done();
        assert!(server.scratch().local_file("film.mov") == content);
        std::fs::remove_file(server.scratch().local().join("film.mov")).unwrap();
        let other = server.address().to_string();
        let client = client!(server.scratch(), between.address()).options(&["--source", &other]);
        let line = client.run_json(&["READ film.mov"]).expect_done().line();
        assert_eq!(line["digest"], digest(&content), "{line}");
        assert!(server.scratch().local_file("film.mov") == content);
        let unhashed = unhashed.load(Ordering::SeqCst);
        assert!(if is_old { unhashed == 0 } else { unhashed > 1 }, "{unhashed}");
    }
}

#[test]
fn promise_2_whoever_ends_parts_with_another_version_or_length_is_no_source_and_the_file_is_right() {
    for (field, value) in [("file_digest", json!(digest(b"another"))), ("byte_count", json!(5))] {
        let (server, content) = film();
        let lies = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&lies);
        let lie = move |line: &mut Value| {
            if line["type"] == "sent" {
                line[field] = value.clone();
                told.fetch_add(1, Ordering::SeqCst);
            }
        };
        let between = between(&server, |_| {}, lie);
        let alone = client_with_a_base(&server, between.address(), &content);
        let before = server.scratch().local_file("film.mov");
        alone.run_json(&["READ film.mov"]).expect_error("bad_message", 1);
        assert!(server.scratch().local_file("film.mov") == before, "{field}");
        std::fs::remove_file(server.scratch().local().join("film.mov")).unwrap();
        // The other one is stuck until the lie is told.
        let stuck = (4 * PIECE_BYTES) as u64;
        let other = Proxy::start(server.address(), move |_| Fault::Hold(Direction::ToClient, stuck));
        let address = other.address().to_string();
        let client = client!(server.scratch(), between.address()).options(&["--source", &address]);
        let mut process = client.start(&["READ film.mov"]);
        process.close_input();
        eventually_true("the lie is told again", || lies.load(Ordering::SeqCst) > 1);
        other.release();
        let outcome = Outcome::of(&mut process).expect_done();
        assert!(server.scratch().local_file("film.mov") == content);
        assert!(outcome.errors.contains(&between.address().to_string()), "{}", outcome.errors);
    }
}

#[test]
fn promise_2_false_bytes_that_no_digest_follows_do_not_land() {
    let (server, content) = film();
    let at = (5 * PIECE_BYTES / 2) as u64;
    let poison = Proxy::start(server.address(), move |_| Fault::Flip(Direction::ToClient, at));
    let client = client_with_a_base(&server, poison.address(), &content);
    let before = server.scratch().local_file("film.mov");
    client.run_json(&["READ film.mov"]).expect_error("digest_mismatch", 4);
    assert!(server.scratch().local_file("film.mov") == before);
}
