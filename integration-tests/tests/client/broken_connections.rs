//! Connections that end, stall or corrupt what passes (cases 12 and 51).

use integration_tests::content::{Dice, PIECE_BYTES, bytes};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::scratch::files_below;
use integration_tests::server::Server;
use integration_tests::{client, server};

const LENGTH: usize = 3 * PIECE_BYTES;

/// A server with film.mov, and the same name in the local folder with other bytes.
fn server_with_a_film() -> (Server, Vec<u8>) {
    let content = bytes("film", LENGTH);
    let server = server!().file("film.mov", &content).start();
    server.scratch().put_local("film.mov", b"old");
    (server, content)
}

#[test]
fn a_connection_that_stays_lost_is_exit_code_three() {
    let (server, _) = server_with_a_film();
    // The first connection breaks in the middle, and no other says a word.
    let proxy = Proxy::start(server.address(), |connection| match connection {
        0 => Fault::Cut(Direction::ToClient, 1_500_000),
        _ => Fault::Cut(Direction::ToClient, 0),
    });
    let client = client!(server.scratch(), proxy.address()).options(&["--timeout", "1s"]);
    let line = client.run_json(&["READ film.mov"]).expect_code(3).line();
    let code = line["error"]["code"].as_str().unwrap();
    assert!(["connection_lost", "connection_failed"].contains(&code), "{line}");
    assert_eq!(line["path"], "film.mov");
    assert_eq!(server.scratch().local_file("film.mov"), b"old");
}

#[test]
fn a_connection_that_stalls_ends_by_the_timeout_with_exit_code_three() {
    let (server, _) = server_with_a_film();
    for (direction, place) in
        [(Direction::ToClient, 1_500_000), (Direction::ToClient, 10), (Direction::ToServer, 0)]
    {
        let proxy = Proxy::start(server.address(), move |_| Fault::Stall(direction, place));
        let client = client!(server.scratch(), proxy.address()).options(&["--timeout", "1s"]);
        client.run_json(&["READ film.mov"]).expect_code(3);
        assert_eq!(server.scratch().local_file("film.mov"), b"old");
    }
}

#[test]
fn an_upload_that_stalls_ends_by_the_timeout_and_leaves_the_old_file() {
    let (server, old) = server_with_a_film();
    server.scratch().put_local("film.mov", bytes("new", LENGTH));
    let proxy = Proxy::start(server.address(), |_| Fault::Stall(Direction::ToServer, 1_500_000));
    let client = client!(server.scratch(), proxy.address()).options(&["--timeout", "1s"]);
    client.run_json(&["WRITE film.mov"]).expect_code(3);
    assert!(server.scratch().shared("film.mov") == old);
}

#[test]
fn a_bit_of_the_payload_that_always_flips_is_a_digest_mismatch() {
    let (server, _) = server_with_a_film();
    let proxy = Proxy::start(server.address(), |_| Fault::Flip(Direction::ToClient, 500_000));
    let client = client!(server.scratch(), proxy.address()).options(&["--timeout", "30s"]);
    client.run_json(&["READ film.mov"]).expect_error("digest_mismatch", 4);
    assert_eq!(server.scratch().local_file("film.mov"), b"old");
}

#[test]
fn a_bit_of_an_upload_that_always_flips_is_a_digest_mismatch() {
    let (server, old) = server_with_a_film();
    server.scratch().put_local("film.mov", bytes("new", LENGTH));
    let proxy = Proxy::start(server.address(), |_| Fault::Flip(Direction::ToServer, 500_000));
    let client = client!(server.scratch(), proxy.address()).options(&["--timeout", "30s"]);
    client.run_json(&["WRITE film.mov"]).expect_error("digest_mismatch", 4);
    assert!(server.scratch().shared("film.mov") == old);
}

#[test]
fn a_bit_flipped_anywhere_in_a_download_never_gives_other_bytes() {
    let content = bytes("small", 3000);
    let server = server!().file("a.bin", &content).start();
    let mut dice = Dice::new("flipped downloads");
    for _ in 0..60 {
        let place = dice.below(4000) as u64;
        server.scratch().put_local("a.bin", b"old");
        let proxy = Proxy::start(server.address(), move |_| Fault::Flip(Direction::ToClient, place));
        let client = client!(server.scratch(), proxy.address()).options(&["--timeout", "1s"]);
        let outcome = client.run(&["READ a.bin"]);
        let local = server.scratch().local_file("a.bin");
        let expected: &[u8] = if outcome.code == 0 { &content } else { b"old" };
        assert!(local == expected, "a flip at {place}: exit code {} and other bytes", outcome.code);
    }
    assert_eq!(files_below(&server.scratch().outside()).len(), 2);
}

#[test]
fn a_bit_flipped_anywhere_in_an_upload_never_gives_other_bytes() {
    let content = bytes("small", 3000);
    let server = server!().start();
    server.scratch().put_local("a.bin", &content);
    let mut dice = Dice::new("flipped uploads");
    for _ in 0..60 {
        let place = dice.below(4000) as u64;
        server.scratch().put("a.bin", b"old");
        let proxy = Proxy::start(server.address(), move |_| Fault::Flip(Direction::ToServer, place));
        let client = client!(server.scratch(), proxy.address()).options(&["--timeout", "1s"]);
        let outcome = client.run(&["WRITE a.bin"]);
        let shared = server.scratch().shared("a.bin");
        assert!(shared == content || shared == b"old", "a flip at {place}: other bytes");
        // A flip in the name writes another file; in the bytes, none at all.
        assert!(
            outcome.code != 0 || shared == content || other_files_are(&server, &content),
            "a flip at {place}"
        );
    }
}

/// Whether every file beside a.bin has these bytes.
fn other_files_are(server: &Server, content: &[u8]) -> bool {
    let files = files_below(&server.scratch().share());
    files.iter().filter(|path| !path.ends_with("a.bin")).all(|path| std::fs::read(path).unwrap() == content)
}
