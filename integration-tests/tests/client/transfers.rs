//! READ and WRITE of single files: bytes, modes, times, and where they land.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use integration_tests::content::{BOUNDARY_LENGTHS, PIECE_BYTES, bytes, digest};
use integration_tests::scratch::files_below;
use integration_tests::{client, server};

fn set_mode_and_time(path: &Path, mode: u32, nanoseconds: u64) {
    File::open(path).unwrap().set_modified(UNIX_EPOCH + Duration::from_nanos(nanoseconds)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What a copy must have of its original: whether it can be run, and when it was changed.
fn kept(path: &Path) -> (bool, i64, i64) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.mode() & 0o100 != 0, metadata.mtime(), metadata.mtime_nsec())
}

#[test]
fn a_file_of_every_length_around_a_piece_is_read_and_written_byte_for_byte() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address());
    for length in BOUNDARY_LENGTHS {
        let content = bytes("transfer", length);
        server.scratch().put_local("up.bin", &content);
        let written = client.run_json(&["WRITE up.bin"]).expect_done().line();
        assert!(server.scratch().shared("up.bin") == content, "{length}");
        let read = client.run_json(&["READ up.bin down.bin"]).expect_done().line();
        assert!(server.scratch().local_file("down.bin") == content, "{length}");
        for line in [written, read] {
            assert_eq!(line["byte_count"], length);
            assert_eq!(line["digest"], digest(&content));
        }
    }
    assert_eq!(files_below(&server.scratch().local()).len(), 2, "something is left beside the files");
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn modification_time_and_executable_bit_go_both_ways() {
    let server = server!().file("run.sh", b"#!").file("large", vec![1; 2 * PIECE_BYTES]).start();
    let client = client!(server.scratch(), server.address());
    for (name, mode, nanoseconds) in [("run.sh", 0o755, 1_795_176_000_123_456_789), ("large", 0o644, 5)] {
        let (shared, local) = (server.scratch().share().join(name), server.scratch().local().join(name));
        set_mode_and_time(&shared, mode, nanoseconds);
        client.run_json(&[&format!("READ {name}")]).expect_done();
        assert_eq!(kept(&local), kept(&shared), "{name}");
        set_mode_and_time(&local, mode ^ 0o111, nanoseconds + 1);
        client.run_json(&[&format!("WRITE {name}")]).expect_done();
        assert_eq!(kept(&shared), kept(&local), "{name}");
    }
}

#[test]
fn a_download_lands_under_its_last_name_part_or_the_name_that_was_given() {
    let server = server!().file("in/a.txt", b"hello").start();
    let client = client!(server.scratch(), server.address());
    fs::create_dir(server.scratch().local().join("folder")).unwrap();
    for (command, local) in [
        ("READ in/a.txt", "a.txt"),
        ("READ in/a.txt b.txt", "b.txt"),
        ("READ in/a.txt folder/c.txt", "folder/c.txt"),
        ("READ in/a.txt folder/", "folder/a.txt"),
        ("READ in/a.txt folder", "folder/a.txt"),
    ] {
        client.run_json(&[command]).expect_done();
        assert_eq!(server.scratch().local_file(local), b"hello", "{command}");
        fs::remove_file(server.scratch().local().join(local)).unwrap();
    }
    let absolute = server.scratch().local().join("folder/absolute.txt");
    client.run_json(&[&format!("READ in/a.txt {}", absolute.display())]).expect_done();
    assert_eq!(server.scratch().local_file("folder/absolute.txt"), b"hello");
}

#[test]
fn a_download_replaces_a_local_file_and_an_upload_a_shared_one() {
    let server = server!().file("a.txt", b"shared").start();
    server.scratch().put_local("a.txt", b"a longer local file");
    server.scratch().put_local("b.txt", b"local");
    let client = client!(server.scratch(), server.address());
    client.run_json(&["READ a.txt"]).expect_done();
    assert_eq!(server.scratch().local_file("a.txt"), b"shared");
    client.run_json(&["WRITE b.txt a.txt"]).expect_done();
    assert_eq!(server.scratch().shared("a.txt"), b"local");
}

#[test]
fn a_file_that_is_there_already_is_not_sent_again() {
    let content = bytes("again", 8 * PIECE_BYTES);
    let server = server!().file("film.mov", &content).start();
    let client = client!(server.scratch(), server.address());
    client.run_json(&["READ film.mov"]).expect_done();
    let again = client.run_json(&["READ film.mov"]).expect_done().line();
    assert_eq!((again["byte_count"].as_u64(), &again["digest"]), (Some(8 << 20), &digest(&content).into()));
    assert!(server.scratch().local_file("film.mov") == content);
}

#[test]
fn sixty_four_clients_at_once_get_every_byte() {
    let content = bytes("shared", 3 * PIECE_BYTES + 1);
    let server = server!().file("film.mov", &content).start();
    let client = client!(server.scratch(), server.address());
    let mut running: Vec<_> =
        (0..64).map(|index| client.start(&[&format!("READ film.mov copy-{index}.mov")])).collect();
    for process in &mut running {
        process.close_input();
        assert_eq!(process.exit_code(), 0, "{}", process.errors.text());
    }
    for index in 0..64 {
        assert!(server.scratch().local_file(&format!("copy-{index}.mov")) == content);
    }
}
