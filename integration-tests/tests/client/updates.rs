//! A large file of which a little changed in place costs little more than what changed, both ways.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::server::Server;
use integration_tests::{client, server};

const LENGTH: usize = 96 * PIECE_BYTES;
/// A hundredth of the file, laid so that it touches as many pieces as it can.
const CHANGED: std::ops::Range<usize> = 42 * PIECE_BYTES - LENGTH / 200..42 * PIECE_BYTES + LENGTH / 200;

/// The same file with a hundredth of it changed in place.
fn updated(content: &[u8]) -> Vec<u8> {
    let mut updated = content.to_vec();
    updated[CHANGED].iter_mut().for_each(|byte| *byte ^= 0x55);
    updated
}

/// All bytes that a command moves, lines and both directions included.
fn cost_of(server: &Server, command: &str) -> u64 {
    let proxy = Proxy::start(server.address(), |_| Fault::None);
    let line = client!(server.scratch(), proxy.address()).run_json(&[command]).expect_done().line();
    let reused = line["resumed_from"].as_u64().unwrap();
    assert_eq!(reused, (LENGTH - 2 * PIECE_BYTES) as u64, "two pieces were touched: {line}");
    proxy.byte_count(Direction::ToClient) + proxy.byte_count(Direction::ToServer)
}

fn assert_is_at_most_three_hundredths(cost: u64) {
    assert!(cost * 100 <= LENGTH as u64 * 3, "{cost} bytes moved for a hundredth of {LENGTH}");
}

#[test]
fn a_download_of_a_file_of_which_a_hundredth_changed_moves_at_most_three_hundredths() {
    let old = bytes("update", LENGTH);
    let new = updated(&old);
    let server = server!().file("image", &new).start();
    server.scratch().put_local("image", &old);
    assert_is_at_most_three_hundredths(cost_of(&server, "READ image"));
    assert!(server.scratch().local_file("image") == new);
}

#[test]
fn an_upload_of_a_file_of_which_a_hundredth_changed_moves_at_most_three_hundredths() {
    let old = bytes("update", LENGTH);
    let new = updated(&old);
    let server = server!().file("image", &old).start();
    server.scratch().put_local("image", &new);
    assert_is_at_most_three_hundredths(cost_of(&server, "WRITE image"));
    assert!(server.scratch().shared("image") == new);
}
