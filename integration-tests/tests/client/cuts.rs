//! Case 39: many cuts at random places, repeatable by their seed.

use integration_tests::content::{Dice, PIECE_BYTES, bytes, digest};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::{client, server};

/// A proxy that cuts its first `count` connections after so many bytes, at random between these two.
fn cutting_proxy(
    target: std::net::SocketAddr,
    direction: Direction,
    count: usize,
    (least, most): (usize, usize),
) -> Proxy {
    let mut dice = Dice::new("cuts");
    Proxy::start(target, move |connection| match connection < count {
        true => Fault::Cut(direction, (least + dice.below(most - least)) as u64),
        false => Fault::None,
    })
}

#[test]
fn a_download_with_a_hundred_cuts_arrives_and_costs_little_more_than_its_length() {
    let content = bytes("cut", 24 * PIECE_BYTES);
    let server = server!().file("film.mov", &content).start();
    let proxy = cutting_proxy(server.address(), Direction::ToClient, 100, (20_000, 400_000));
    let line = client!(server.scratch(), proxy.address()).run_json(&["READ film.mov"]).expect_done().line();
    assert_eq!(line["digest"], digest(&content));
    assert!(server.scratch().local_file("film.mov") == content);
    assert!(proxy.connection_count() > 60, "only {} connections", proxy.connection_count());
    let passed = proxy.byte_count(Direction::ToClient);
    assert!(passed * 10 < content.len() as u64 * 11, "{passed} bytes passed for {}", content.len());
}

#[test]
fn an_upload_with_a_few_cuts_costs_little_more_than_its_length() {
    let content = bytes("cut", 64 * PIECE_BYTES);
    let server = server!().start();
    server.scratch().put_local("film.mov", &content);
    let proxy = cutting_proxy(server.address(), Direction::ToServer, 6, (2 * PIECE_BYTES, 10 * PIECE_BYTES));
    let line = client!(server.scratch(), proxy.address()).run_json(&["WRITE film.mov"]).expect_done().line();
    assert_eq!(line["digest"], digest(&content));
    assert!(server.scratch().shared("film.mov") == content);
    assert_eq!(proxy.connection_count(), 7);
    let passed = proxy.byte_count(Direction::ToServer);
    assert!(passed * 10 < content.len() as u64 * 11, "{passed} bytes passed for {}", content.len());
}

#[test]
fn an_upload_loses_no_more_than_a_piece_by_each_of_many_cuts() {
    let content = bytes("cut", 24 * PIECE_BYTES);
    let server = server!().start();
    server.scratch().put_local("film.mov", &content);
    let bounds = (PIECE_BYTES + PIECE_BYTES / 8, 2 * PIECE_BYTES);
    let proxy = cutting_proxy(server.address(), Direction::ToServer, 100, bounds);
    client!(server.scratch(), proxy.address()).run_json(&["WRITE film.mov"]).expect_done();
    assert!(server.scratch().shared("film.mov") == content);
    assert!(proxy.connection_count() > 12, "only {} connections", proxy.connection_count());
    let allowed = content.len() + proxy.connection_count() * (PIECE_BYTES + 4096);
    let passed = proxy.byte_count(Direction::ToServer);
    assert!(passed < allowed as u64, "{passed} bytes passed, {allowed} allowed");
}

#[test]
fn a_tree_of_small_files_survives_cuts() {
    let setup = server!();
    (0..300).for_each(|i| setup.scratch.put(&format!("tree/{i}.bin"), bytes(&i.to_string(), 20_000)));
    let server = setup.start();
    let proxy = cutting_proxy(server.address(), Direction::ToClient, 10, (100_000, 900_000));
    client!(server.scratch(), proxy.address()).run_json(&["READ -r tree"]).expect_done();
    for index in 0..300 {
        assert!(
            server.scratch().local_file(&format!("tree/{index}.bin")) == bytes(&index.to_string(), 20_000)
        );
    }
}

#[test]
fn an_upload_of_a_tree_survives_cuts() {
    let server = server!().start();
    (0..300)
        .for_each(|i| server.scratch().put_local(&format!("tree/{i}.bin"), bytes(&i.to_string(), 20_000)));
    let proxy = cutting_proxy(server.address(), Direction::ToServer, 10, (100_000, 900_000));
    client!(server.scratch(), proxy.address()).run_json(&["WRITE -r tree"]).expect_done();
    for index in 0..300 {
        assert!(server.scratch().shared(&format!("tree/{index}.bin")) == bytes(&index.to_string(), 20_000));
    }
}
