//! What people read: sentences of the contract, results on standard output, everything else on standard error.

use integration_tests::{client, server};

#[test]
fn an_empty_folder_says_so_on_standard_output() {
    let server = server!().start();
    let outcome = client!(server.scratch(), server.address()).run(&["LIST"]).expect_done();
    assert!(outcome.text().contains("there are no files in the folder"), "{outcome:?}");
}

#[test]
fn a_listing_shows_kind_path_and_size() {
    let server = server!().file("a song.mp3", b"12345").start();
    let outcome = client!(server.scratch(), server.address()).run(&["LIST"]).expect_done();
    let line = outcome.text().lines().find(|line| line.contains("a song.mp3")).unwrap();
    assert!(line.contains("music") && line.contains('5'), "{line}");
}

#[test]
fn names_that_could_not_be_listed_are_counted_on_standard_error() {
    let server = server!().file("good.txt", b"").start();
    let share = server.scratch().share();
    std::fs::write(share.join("two\nlines"), b"").unwrap();
    std::os::unix::fs::symlink("nowhere", share.join("dangling")).unwrap();
    for options in [&[][..], &["--json"]] {
        let outcome =
            client!(server.scratch(), server.address()).options(options).run(&["LIST"]).expect_done();
        assert_eq!(outcome.text().lines().count(), 1, "{outcome:?}");
        assert!(outcome.errors.contains('1'), "{outcome:?}");
    }
}

#[test]
fn several_files_end_with_their_sum_and_one_file_or_json_has_none() {
    let server = server!().file("folder/a", b"12345").file("folder/b", b"678").start();
    let run = |command: &str, options: &[&str]| {
        let client = client!(server.scratch(), server.address());
        client.options(options).run(&[command]).expect_done().text().to_owned()
    };
    let last = |text: String| text.lines().last().unwrap().to_owned();
    assert!(last(run("READ -r folder", &[])).starts_with("2 files, 8 B in "));
    assert_eq!(last(run("READ -r folder", &[])), "2 files, 8 B, all of it was there");
    std::fs::write(server.scratch().local().join("folder/b"), b"9").unwrap();
    assert!(last(run("WRITE -r folder", &[])).starts_with("2 files, 6 B, 1 B of it moved in "));
    assert!(run("READ folder/a", &[]).starts_with("received "));
    assert_eq!(run("READ folder/a", &[]).lines().count(), 1);
    assert_eq!(run("READ -r folder", &["--json"]).lines().count(), 2);
}

#[test]
fn an_unknown_command_is_not_recognized() {
    let server = server!().start();
    let outcome = client!(server.scratch(), server.address()).run(&["DANCE now"]).expect_code(2);
    assert!(outcome.errors.contains("command not recognized: DANCE"), "{outcome:?}");
}

#[test]
fn a_command_without_a_connection_says_what_to_do_first() {
    let server = server!().start();
    let client = client!(server.scratch(), server.address()).without_address();
    let outcome = client.run(&["LIST"]).expect_code(3);
    assert!(outcome.errors.contains("connect to a server first"), "{outcome:?}");
}

#[test]
fn a_missing_local_file_is_not_found_and_nothing_is_sent() {
    let server = server!().start();
    let outcome = client!(server.scratch(), server.address()).run(&["WRITE missing.txt"]).expect_code(1);
    assert!(outcome.errors.contains("file not found"), "{outcome:?}");
    assert!(integration_tests::scratch::files_below(&server.scratch().share()).is_empty());
    assert!(!server.log().contains("missing.txt"), "{}", server.log());
}

#[test]
fn help_names_every_command_with_an_example() {
    let server = server!().start();
    let text = client!(server.scratch(), server.address()).run(&["HELP"]).expect_done();
    for command in [
        "CONNECT", "LIST", "READ", "WRITE", "RENAME", "DELETE", "MKDIR", "STAT", "SEARCH", "CD", "HELP",
        "BYE", "QUIT",
    ] {
        assert!(text.text().contains(command), "no {command} in {}", text.text());
    }
}

#[test]
fn failures_go_to_standard_error() {
    let server = server!().start();
    let outcome = client!(server.scratch(), server.address()).run(&["READ missing.txt"]).expect_code(1);
    assert_eq!(outcome.text(), "");
    assert!(outcome.errors.contains("missing.txt"), "{outcome:?}");
}

#[test]
fn progress_is_shown_where_it_is_asked_for_and_never_on_standard_output() {
    let server = server!().file("film.mov", vec![7; 4 << 20]).start();
    let client = client!(server.scratch(), server.address());
    let quiet = client.run_json(&["READ film.mov"]).expect_done();
    assert_eq!(quiet.errors, "", "standard error is no terminal");
    let always =
        client.clone().options(&["--progress", "always"]).run_json(&["READ film.mov two.mov"]).expect_done();
    always.line();
    let never = client.options(&["--progress", "never"]).run_json(&["READ film.mov three.mov"]).expect_done();
    assert_eq!(never.errors, "");
}

#[test]
fn help_and_version_need_no_server() {
    let server = server!().start();
    for option in ["--help", "--version"] {
        let client = client!(server.scratch(), server.address()).without_address();
        let outcome = client.options(&[option]).run(&[]).expect_done();
        assert!(outcome.text().contains("ioe-client"), "{outcome:?}");
    }
}
