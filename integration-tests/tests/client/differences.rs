//! Only what differs is sent: over an older version, and where a prefix turns out to be wrong, both ways.

use std::fs::File;

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::patience::eventually_true;
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::server::Server;
use integration_tests::{client, server};

const LENGTH: usize = 10 * PIECE_BYTES + 7;
/// One piece that differs, the list of values, and lines.
const ONE_PIECE_WITH_SLACK: u64 = PIECE_BYTES as u64 + 128 * 1024;

/// A version of the same length that differs in one byte of this piece.
fn changed(content: &[u8], piece: usize) -> Vec<u8> {
    let mut changed = content.to_vec();
    changed[piece * PIECE_BYTES + 5] ^= 0xff;
    changed
}

fn counting_proxy(server: &Server) -> Proxy {
    Proxy::start(server.address(), |_| Fault::None)
}

#[test]
fn over_an_older_local_version_only_the_pieces_that_differ_are_fetched() {
    let old = bytes("version", LENGTH);
    let new = changed(&old, 4);
    let server = server!().file("film.mov", &new).start();
    server.scratch().put_local("film.mov", &old);
    let proxy = counting_proxy(&server);
    client!(server.scratch(), proxy.address()).run_json(&["READ film.mov"]).expect_done();
    assert!(server.scratch().local_file("film.mov") == new);
    let fetched = proxy.byte_count(Direction::ToClient);
    assert!(fetched < ONE_PIECE_WITH_SLACK, "{fetched} bytes were fetched");
}

#[test]
fn over_an_older_shared_version_only_the_pieces_that_differ_are_sent() {
    let old = bytes("version", LENGTH);
    let mut new = changed(&old, 4);
    new.extend_from_slice(b"and a longer end");
    let server = server!().file("film.mov", &old).start();
    server.scratch().put_local("film.mov", &new);
    let proxy = counting_proxy(&server);
    let line = client!(server.scratch(), proxy.address()).run_json(&["WRITE film.mov"]).expect_done().line();
    assert!(server.scratch().shared("film.mov") == new);
    assert_eq!(line["digest"], digest(&new));
    let sent = proxy.byte_count(Direction::ToServer);
    assert!(sent < ONE_PIECE_WITH_SLACK, "{sent} bytes were sent");
}

/// Breaks the first transfer in the middle, replaces its source by `new`, and sees what the next one costs.
fn assert_only_the_wrong_piece_comes_again(direction: Direction, command: &str) {
    let old = bytes("film", LENGTH);
    let new = changed(&old, 1);
    let stuck_at = 6 * PIECE_BYTES as u64;
    let server = server!().start();
    let put_source = |content: &[u8]| match direction {
        Direction::ToClient => server.scratch().put("film.mov", content),
        Direction::ToServer => server.scratch().put_local("film.mov", content),
    };
    let source = match direction {
        Direction::ToClient => server.scratch().share().join("film.mov"),
        Direction::ToServer => server.scratch().local().join("film.mov"),
    };
    put_source(&old);
    let time = source.metadata().unwrap().modified().unwrap();
    let sticky = Proxy::start(server.address(), move |_| Fault::Stall(direction, stuck_at));
    let mut process = client!(server.scratch(), sticky.address()).start(&[command]);
    eventually_true("the transfer is in its middle", || sticky.byte_count(direction) >= stuck_at);
    process.wait_until_quiet();
    server.wait_until_quiet();
    process.kill();
    // The same length and the same time: only the digest tells.
    put_source(&new);
    File::options().write(true).open(&source).unwrap().set_modified(time).unwrap();
    let proxy = counting_proxy(&server);
    client!(server.scratch(), proxy.address()).run_json(&[command]).expect_done();
    assert!(server.scratch().shared("film.mov") == new);
    assert!(server.scratch().local_file("film.mov") == new);
    let cost = proxy.byte_count(direction);
    let rest = LENGTH as u64 - stuck_at + PIECE_BYTES as u64;
    assert!(cost < rest + ONE_PIECE_WITH_SLACK, "{cost} bytes for a rest of {rest}");
}

#[test]
fn a_download_onto_a_wrong_prefix_fetches_only_the_wrong_piece_again() {
    assert_only_the_wrong_piece_comes_again(Direction::ToClient, "READ film.mov");
}

#[test]
fn an_upload_onto_a_wrong_prefix_sends_only_the_wrong_piece_again() {
    assert_only_the_wrong_piece_comes_again(Direction::ToServer, "WRITE film.mov");
}

#[test]
fn a_download_over_a_longer_local_file_is_cut_to_its_length() {
    let long = bytes("film", LENGTH);
    let short = &long[..4 * PIECE_BYTES + 3];
    let server = server!().file("film.mov", short).start();
    server.scratch().put_local("film.mov", &long);
    client!(server.scratch(), server.address()).run_json(&["READ film.mov"]).expect_done();
    assert!(server.scratch().local_file("film.mov") == short);
}
