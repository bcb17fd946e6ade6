//! Local files that cannot be read or written as asked (case 40): a clear error, and what was there stays.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::scratch::files_below;
use integration_tests::{client, privilege, server};
use rustix::fs::{CWD, FileType, Mode, mknodat};

#[test]
fn a_download_into_a_missing_folder_is_a_failure() {
    let server = server!().file("a.txt", b"hello").start();
    let client = client!(server.scratch(), server.address());
    client.run_json(&["READ a.txt missing/b.txt"]).expect_error("local_file", 1);
    assert!(files_below(&server.scratch().local()).is_empty());
}

#[test]
fn a_download_onto_a_link_does_not_write_through_it() {
    let server = server!().file("a.txt", b"new").start();
    server.scratch().put_local("kept.txt", b"old");
    let link = server.scratch().local().join("link.txt");
    symlink("kept.txt", &link).unwrap();
    client!(server.scratch(), server.address())
        .run_json(&["READ a.txt link.txt"])
        .expect_error("local_file", 1);
    assert_eq!(server.scratch().local_file("kept.txt"), b"old");
    assert!(link.symlink_metadata().unwrap().is_symlink());
}

#[test]
fn a_download_onto_a_fifo_is_a_failure_and_does_not_hang() {
    let server = server!().file("a.txt", b"new").start();
    let fifo = server.scratch().local().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    client!(server.scratch(), server.address()).run_json(&["READ a.txt fifo"]).expect_error("local_file", 1);
    assert!(fifo.symlink_metadata().unwrap().file_type().is_fifo());
}

#[test]
fn a_missing_local_file_is_a_failure_in_every_mode() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address());
    let line = client.run_json(&["WRITE missing.txt"]).expect_error("local_file", 1).line();
    assert!(line["error"]["message"].as_str().unwrap().contains("file not found"), "{line}");
    client.run_json(&["WRITE -r missing"]).expect_error("local_file", 1);
}

#[test]
fn an_upload_of_a_fifo_is_a_failure_and_does_not_hang() {
    let server = server!().start();
    let fifo = server.scratch().local().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    client!(server.scratch(), server.address()).run_json(&["WRITE fifo"]).expect_error("local_file", 1);
}

#[test]
fn a_recursive_upload_does_not_follow_links_out_of_its_folder() {
    let server = server!().start();
    server.scratch().put_local("tree/a.txt", b"a");
    symlink(server.scratch().outside(), server.scratch().local().join("tree/outside")).unwrap();
    let outcome = client!(server.scratch(), server.address()).run_json(&["WRITE -r tree"]);
    assert_eq!(server.scratch().shared("tree/a.txt"), b"a", "{outcome:?}");
    assert_eq!(files_below(&server.scratch().share()).len(), 1, "{outcome:?}");
}

#[test]
fn a_full_local_disk_leaves_the_old_file_and_says_so() {
    let server = server!().file("large.bin", bytes("large", 4 * PIECE_BYTES)).start();
    server.scratch().put_local("large.bin", b"old");
    // As a disk with one megabyte left: no file of this process may grow larger.
    let client = client!(server.scratch(), server.address()).command(&["READ large.bin"]);
    let limited = format!("ulimit -f 1024; trap '' XFSZ; exec {}", shell_line(&client));
    let output = std::process::Command::new("bash").args(["-c", &limited]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!output.stderr.is_empty());
    assert_eq!(server.scratch().local_file("large.bin"), b"old");
}

#[test]
fn a_file_system_without_space_keeps_the_old_file_and_nothing_else() {
    let Some(mut launcher) = privilege::with_own_mounts() else { return };
    let server = server!().file("large.bin", bytes("large", 4 * PIECE_BYTES)).start();
    server.scratch().put("small.bin", bytes("small", PIECE_BYTES / 2));
    fs::create_dir(server.scratch().local().join("full")).unwrap();
    // One megabyte, of which a quarter is free. What it holds in the end only the shell can see.
    let full = server.scratch().local().join("full");
    let script = format!(
        "set -e; cd '{}'; mount -t tmpfs -o size=1m none .; cd \"$PWD\"; \
         printf old > large.bin; printf old > small.bin; head -c 780000 /dev/zero > filler; \
         code=0; \"$0\" \"$@\" || code=$?; \
         test \"$(cat large.bin small.bin)\" = oldold; test \"$(ls -A | wc -l)\" = 3; exit \"$code\"",
        full.display()
    );
    launcher.extend(["bash".to_owned(), "-c".to_owned(), script]);
    let client = client!(server.scratch(), server.address()).launched_by(launcher).options(&["--keep-going"]);
    let outcome = client.run_json(&["READ large.bin full/", "READ small.bin full/"]).expect_code(1);
    let lines = outcome.lines();
    assert_eq!(lines.len(), 2, "{outcome:?}");
    assert!(lines.iter().all(|line| line["error"]["code"] == "local_file"), "{outcome:?}");
    assert!(
        lines.iter().all(|line| line["error"]["message"].as_str().unwrap().contains("space")),
        "{outcome:?}"
    );
}

fn shell_line(command: &std::process::Command) -> String {
    let quote = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let variables = variables.map(|(name, value)| format!("{}={}", name.to_str().unwrap(), quote(value)));
    format!(
        "env {} {}",
        variables.collect::<Vec<_>>().join(" "),
        words.map(quote).collect::<Vec<_>>().join(" ")
    )
}

#[test]
fn a_folder_that_may_not_be_written_and_a_file_that_may_not_be_read_are_failures_of_their_own() {
    let Some(launcher) = privilege::bound_by_permissions() else { return };
    let server = server!().file("a.txt", b"new").file("large.bin", bytes("large", 2 * PIECE_BYTES)).start();
    let scratch = server.scratch();
    scratch.put_local("fixed/a.txt", b"old");
    scratch.put_local("tree/secret.txt", b"mine");
    scratch.put_local("tree/open.txt", b"for all");
    let mode = |path: &str, mode| {
        fs::set_permissions(scratch.local().join(path), Permissions::from_mode(mode)).unwrap();
    };
    mode("fixed", 0o555);
    mode("tree/secret.txt", 0);
    let client = client!(scratch, server.address()).launched_by(launcher);
    for command in ["READ a.txt fixed/a.txt", "READ a.txt large.bin fixed/", "WRITE tree/secret.txt"] {
        let outcome = client.run_json(&[command]).expect_error("local_file", 1);
        assert!(outcome.text().contains("ermission") || outcome.text().contains("allow"), "{outcome:?}");
        assert!(!client.run(&[command]).expect_code(1).errors.is_empty(), "{command}");
    }
    assert_eq!(scratch.local_file("fixed/a.txt"), b"old");
    assert_eq!(files_below(&scratch.local().join("fixed")).len(), 1);
    // In a tree, that file fails alone.
    client.run_json(&["WRITE -r tree"]).expect_code(1);
    assert_eq!(scratch.shared("tree/open.txt"), b"for all");
    assert!(!scratch.share().join("tree/secret.txt").exists());
    mode("fixed", 0o755);
}

#[test]
fn a_client_works_without_a_state_folder_it_can_write() {
    let server = server!().file("a.txt", b"hello").start();
    let home = server.scratch().home();
    fs::remove_dir(&home).unwrap();
    fs::write(&home, b"a file where the home folder should be").unwrap();
    client!(server.scratch(), server.address()).run_json(&["READ a.txt"]).expect_done();
    assert_eq!(server.scratch().local_file("a.txt"), b"hello");
    fs::remove_file(&home).unwrap();
}
