//! The client remembers the digests of large files: then it does not hash them again, and wherever it cannot remember, nothing is
//! different but that.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use integration_tests::client::{Client, Outcome};
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::scratch::files_below;
use integration_tests::server::Server;
use integration_tests::{client, server};

const LARGE_BYTES: usize = 3 * PIECE_BYTES + 77;
/// What the log says where a file is not hashed.
const IS_KNOWN: &str = "the digest of a file of 3145805 bytes is known";
const STATE_FOLDER: &str = ".local/state/ioe-client";
/// Where digests are kept below it.
const DIGEST_FOLDER: &str = "digests-1";

/// A server, and a client beside it that tells all, with a large file.
fn both() -> (Server, Client) {
    let setup = server!();
    setup.scratch.put_local("film.mov", bytes("film", LARGE_BYTES));
    let server = setup.start();
    let client = client!(server.scratch(), server.address()).options(&["-vv"]);
    (server, client)
}

fn write(client: &Client, command: &str) -> Outcome {
    client.run(&[command]).expect_done()
}

/// Whether a file goes to the server unhashed, which has nothing like it.
fn is_sent_unhashed(server: &Server, client: &Client, command: &str) -> bool {
    for path in files_below(&server.scratch().share()) {
        fs::remove_file(path).unwrap();
    }
    write(client, command).errors.contains(IS_KNOWN)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_that_was_sent_or_fetched_before_is_not_hashed_again_by_any_later_run() {
    let (server, client) = both();
    assert!(!is_sent_unhashed(&server, &client, "WRITE film.mov first"));
    assert!(is_sent_unhashed(&server, &client, "WRITE film.mov second"));
    assert!(server.scratch().shared("second") == bytes("film", LARGE_BYTES));
    write(&client, "READ second here.mov");
    assert!(is_sent_unhashed(&server, &client, "WRITE here.mov third"));
    assert!(server.scratch().shared("third") == bytes("film", LARGE_BYTES));
}

#[test]
fn a_file_that_changed_in_place_is_another_one_and_is_hashed() {
    let (server, client) = both();
    write(&client, "WRITE film.mov first");
    let path = server.scratch().local().join("film.mov");
    let file = File::options().write(true).open(&path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.write_all_at(b"other", 9).unwrap();
    file.set_modified(modified).unwrap();
    assert!(!is_sent_unhashed(&server, &client, "WRITE film.mov second"));
    assert!(server.scratch().shared("second") == fs::read(path).unwrap());
}

#[test]
fn a_rehearsal_says_what_a_write_does_with_a_folder_that_was_moved() {
    let (server, client) = both();
    let local = server.scratch().local();
    fs::create_dir_all(local.join("trip/day")).unwrap();
    fs::rename(local.join("film.mov"), local.join("trip/day/film.mov")).unwrap();
    write(&client, "WRITE -r trip");
    fs::rename(local.join("trip"), local.join("journey")).unwrap();
    for command in ["WRITE -r --dry-run journey", "WRITE -r journey"] {
        let line = client.run_json(&[command]).expect_done().line();
        assert_eq!(line["resumed_from"], line["byte_count"], "{line}");
    }
    assert!(server.scratch().shared("journey/day/film.mov") == bytes("film", LARGE_BYTES));
}

#[test]
fn what_is_remembered_is_its_owners_alone() {
    let (server, client) = both();
    write(&client, "WRITE film.mov first");
    let folder = server.scratch().home().join(STATE_FOLDER).join(DIGEST_FOLDER);
    let rows: Vec<_> = fs::read_dir(&folder).unwrap().map(|row| row.unwrap().path()).collect();
    assert_eq!((mode(folder.parent().unwrap()), mode(&folder), rows.len()), (0o700, 0o700, 1));
    assert_eq!(mode(&rows[0]), 0o600);
}

#[test]
fn where_nothing_can_be_remembered_all_is_sent_as_ever_and_nobody_is_told() {
    let (server, client) = both();
    let state = server.scratch().home().join("state");
    fs::create_dir(&state).unwrap();
    fs::write(state.join(DIGEST_FOLDER), b"no folder").unwrap();
    for folder in ["/dev/null/state", state.to_str().unwrap()] {
        let client = client!(server.scratch(), server.address()).options(&["--state-dir", folder]);
        for name in ["first", "second"] {
            let outcome = write(&client, &format!("WRITE film.mov {name}"));
            assert_eq!(outcome.errors, "", "in {folder}");
            assert!(server.scratch().shared(name) == bytes("film", LARGE_BYTES));
        }
    }
    // What is there can be read where nothing can be written.
    write(&client, "WRITE film.mov first");
    let kept = server.scratch().home().join(STATE_FOLDER).join(DIGEST_FOLDER);
    fs::set_permissions(&kept, Permissions::from_mode(0o500)).unwrap();
    assert!(is_sent_unhashed(&server, &client, "WRITE film.mov third"));
    fs::set_permissions(&kept, Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_damaged_memory_knows_nothing_and_is_made_anew() {
    let (server, client) = both();
    write(&client, "WRITE film.mov first");
    let folder = server.scratch().home().join(STATE_FOLDER).join(DIGEST_FOLDER);
    let row = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    for damage in [&b""[..], b"nonsense", &bytes("row", 4096)] {
        fs::write(&row, damage).unwrap();
        assert!(!is_sent_unhashed(&server, &client, "WRITE film.mov second"));
        assert!(is_sent_unhashed(&server, &client, "WRITE film.mov second"));
        assert!(server.scratch().shared("second") == bytes("film", LARGE_BYTES));
    }
}

#[test]
fn several_clients_at_once_send_the_same_file_and_remember_it() {
    let (server, client) = both();
    for round in 0..3 {
        let start = |number| client.start(&[&format!("WRITE film.mov {round}-{number}")]);
        let mut clients: Vec<_> = (0..4).map(start).collect();
        for process in &mut clients {
            process.close_input();
            Outcome::of(process).expect_done();
        }
        (0..4).for_each(|number| {
            assert!(server.scratch().shared(&format!("{round}-{number}")) == bytes("film", LARGE_BYTES));
        });
    }
    assert!(is_sent_unhashed(&server, &client, "WRITE film.mov last"));
}
