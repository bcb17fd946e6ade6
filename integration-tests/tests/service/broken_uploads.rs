//! Uploads that broke at any byte, or whose partial is no longer what it was, continue to the right file
//! (cases 37 and 38).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, section_of};
use integration_tests::upload::{assert_written, begin_large, write};
use serde_json::{Value, json};

const MAKER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Its name, what it does to a partial, and how many pieces come again at most.
type Damage = (&'static str, fn(&Path), usize);

fn base_wanted() -> Value {
    json!({"base_wanted": true})
}

/// Sends so many bytes of an upload's content and breaks the connection.
fn break_after(server: &Server, content: &[u8], byte_count: usize) {
    let mut session = Session::open_as(server.address(), MAKER);
    let id = begin_large(&mut session, "film.mov", content.len(), &base_wanted()).id;
    let section = |(index, piece)| section_of(id, (index * PIECE_BYTES) as u64, piece);
    for (index, piece) in content.chunks(PIECE_BYTES).enumerate() {
        let here = byte_count.saturating_sub(index * PIECE_BYTES).min(piece.len());
        let whole = section((index, piece));
        session.send_raw(&whole[..whole.len() - (piece.len() - here)]);
        if here < piece.len() {
            break;
        }
    }
    drop(session);
    server.wait_until_alone();
}

/// Continues the upload; returns how many bytes that took.
fn continue_with(server: &Server, content: &[u8]) -> usize {
    let mut session = Session::open_as(server.address(), MAKER);
    let uploaded = write(&mut session, "film.mov", content, &base_wanted());
    assert_written(&uploaded.answer, content);
    assert!(session.read_file("film.mov") == content);
    assert!(server.scratch().partials().is_empty());
    assert_eq!(session.ask(json!({"type": "delete", "path": "film.mov"}))["type"], "deleted");
    uploaded.sent_byte_count
}

#[test]
fn an_upload_continues_wherever_it_broke() {
    let content = bytes("anywhere", 3 * PIECE_BYTES + 77);
    let server = server!().start();
    let length = content.len();
    for byte_count in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, length - 1, length] {
        break_after(&server, &content, byte_count);
        let sent = continue_with(&server, &content);
        // Whole pieces are not sent again, nor is a last one that arrived.
        let kept = if byte_count == length { length } else { byte_count / PIECE_BYTES * PIECE_BYTES };
        assert!(sent <= length - kept, "{sent} bytes after it broke at {byte_count}");
    }
}

#[test]
fn a_partial_that_was_damaged_meanwhile_costs_only_its_wrong_pieces() {
    let content = bytes("damaged", 5 * PIECE_BYTES);
    let server = server!().start();
    let damages: [Damage; 4] = [
        ("a byte changed", change_a_byte, 2),
        ("cut to half", cut_to_half, 4),
        ("emptied", |path| fs::write(path, b"").unwrap(), 5),
        ("made longer", make_longer, 2),
    ];
    for (what, damage, piece_count) in damages {
        break_after(&server, &content, 4 * PIECE_BYTES);
        server.scratch().partials().iter().for_each(|path| damage(path));
        let sent = continue_with(&server, &content);
        assert!(sent <= piece_count * PIECE_BYTES, "{what}: {sent} bytes sent");
    }
}

fn change_a_byte(path: &Path) {
    let mut partial = fs::read(path).unwrap();
    partial[PIECE_BYTES + 9] ^= 1;
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
fn a_partial_that_was_replaced_by_a_link_or_a_folder_is_not_followed() {
    let content = bytes("replaced", 4 * PIECE_BYTES);
    let server = server!().start();
    let secret = server.scratch().outside().join("secret.txt");
    break_after(&server, &content, 3 * PIECE_BYTES);
    for path in server.scratch().partials() {
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&secret, &path).unwrap();
    }
    let mut session = Session::open_as(server.address(), MAKER);
    let uploaded = write(&mut session, "film.mov", &content, &base_wanted());
    let landed = session.ask(json!({"type": "stat", "path": "film.mov"}));
    assert!(
        uploaded.answer["type"] == "refused" || landed["entry"]["byte_count"] == content.len(),
        "{landed}"
    );
    server.scratch().assert_outside_is_unchanged();
}

#[test]
fn a_partial_that_vanished_is_begun_again() {
    let content = bytes("vanished", 3 * PIECE_BYTES);
    let server = server!().start();
    break_after(&server, &content, 2 * PIECE_BYTES);
    server.scratch().partials().iter().for_each(|path| fs::remove_file(path).unwrap());
    assert_eq!(continue_with(&server, &content), content.len());
}
