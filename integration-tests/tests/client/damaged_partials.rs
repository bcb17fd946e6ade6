//! Downloads that broke at any place, or whose partial is no longer what it was, continue to the right file
//! (cases 37 and 38).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::patience::eventually_true;
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::scratch::files_below;
use integration_tests::server::Server;
use integration_tests::{client, server};

const LENGTH: usize = 5 * PIECE_BYTES + 77;

/// Its name, what it does to a partial, and how many pieces come again at most.
type Damage = (&'static str, fn(&Path), usize);

/// Kills a client when so many bytes of its download have passed, lines included; returns what it left.
fn kill_a_download_after(server: &Server, byte_count: usize) -> Vec<PathBuf> {
    let place = byte_count as u64;
    let proxy = Proxy::start(server.address(), move |_| Fault::Stall(Direction::ToClient, place));
    let mut process = client!(server.scratch(), proxy.address()).start(&["READ film.mov"]);
    eventually_true("so many bytes have passed", || proxy.byte_count(Direction::ToClient) >= place);
    process.wait_until_quiet();
    process.kill();
    files_below(&server.scratch().local())
}

/// Downloads again, and returns how many bytes that took.
fn continue_download(server: &Server, content: &[u8]) -> u64 {
    let proxy = Proxy::start(server.address(), |_| Fault::None);
    client!(server.scratch(), proxy.address()).run_json(&["READ film.mov"]).expect_done();
    assert!(server.scratch().local_file("film.mov") == content);
    let left = files_below(&server.scratch().local());
    assert_eq!(left.len(), 1, "something is left over: {left:?}");
    fs::remove_file(&left[0]).unwrap();
    proxy.byte_count(Direction::ToClient)
}

#[test]
fn a_download_continues_wherever_it_broke() {
    let content = bytes("anywhere", LENGTH);
    let server = server!().file("film.mov", &content).start();
    for place in [1, 700, 5000, PIECE_BYTES, PIECE_BYTES + 1000, 4 * PIECE_BYTES, LENGTH, LENGTH + 400] {
        kill_a_download_after(&server, place);
        continue_download(&server, &content);
    }
}

#[test]
fn a_download_continues_from_a_partial_of_every_length_around_a_piece() {
    let content = bytes("every length", LENGTH);
    let server = server!().file("film.mov", &content).start();
    for kept in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, LENGTH - 1, LENGTH] {
        let left = kill_a_download_after(&server, LENGTH);
        let [partial] = &left[..] else { panic!("not one partial: {left:?}") };
        // As if it had broken there; where it had come no further, the rest is written by hand.
        fs::write(partial, &content[..kept]).unwrap();
        let cost = continue_download(&server, &content);
        let whole_pieces = if kept == LENGTH { LENGTH } else { kept / PIECE_BYTES * PIECE_BYTES };
        let rest = LENGTH - whole_pieces + PIECE_BYTES;
        assert!(cost < (rest + 100_000) as u64, "{cost} bytes after {kept} were kept");
    }
}

#[test]
fn a_partial_that_was_damaged_meanwhile_never_becomes_a_wrong_file() {
    let content = bytes("damaged", LENGTH);
    let server = server!().file("film.mov", &content).start();
    let damages: [Damage; 4] = [
        ("a byte changed", change_a_byte, 3),
        ("cut to half", cut_to_half, 4),
        ("emptied", |path| fs::write(path, b"").unwrap(), 6),
        ("made longer", make_longer, 3),
    ];
    for (what, damage, piece_count) in damages {
        let left = kill_a_download_after(&server, 4 * PIECE_BYTES + PIECE_BYTES / 2);
        assert!(!left.is_empty(), "nothing was kept");
        left.iter().for_each(|path| damage(path));
        let cost = continue_download(&server, &content);
        assert!(cost <= (piece_count * PIECE_BYTES + 100_000) as u64, "{what}: {cost} bytes came again");
    }
}

fn change_a_byte(path: &Path) {
    let mut partial = fs::read(path).unwrap();
    let place = (PIECE_BYTES + 9).min(partial.len() - 1);
    partial[place] ^= 1;
    fs::write(path, partial).unwrap();
}

fn cut_to_half(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

fn make_longer(path: &Path) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(&bytes("garbage", 10 * PIECE_BYTES)).unwrap();
}

#[test]
fn a_partial_that_was_replaced_by_a_link_is_not_written_through() {
    let content = bytes("replaced", LENGTH);
    let server = server!().file("film.mov", &content).start();
    for path in kill_a_download_after(&server, 3 * PIECE_BYTES) {
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(server.scratch().outside().join("secret.txt"), &path).unwrap();
    }
    let outcome = client!(server.scratch(), server.address()).run_json(&["READ film.mov"]);
    assert!(outcome.code != 0 || server.scratch().local_file("film.mov") == content, "{outcome:?}");
    server.scratch().assert_outside_is_unchanged();
}
