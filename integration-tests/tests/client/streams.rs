//! Standard input and output as files, and outputs that nobody reads.

use std::process::Stdio;

use integration_tests::client::Outcome;
use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::process::Process;
use integration_tests::{client, server};

#[test]
fn a_hyphen_writes_a_download_to_standard_output() {
    let server = server!().file("a.bin", bytes("stdout", 3 * PIECE_BYTES + 1)).start();
    let outcome = client!(server.scratch(), server.address()).run(&["READ a.bin -"]).expect_done();
    assert!(outcome.output == bytes("stdout", 3 * PIECE_BYTES + 1), "{} bytes", outcome.output.len());
    assert!(integration_tests::scratch::files_below(&server.scratch().local()).is_empty());
}

#[test]
fn a_hyphen_writes_standard_input_to_a_file_whatever_its_length() {
    let server = server!().start();
    for length in [0, 5, PIECE_BYTES, 4 * PIECE_BYTES + 1] {
        let content = bytes("stdin", length);
        let mut process: Process = client!(server.scratch(), server.address()).start(&["WRITE - a.bin"]);
        process.type_in(&content);
        process.close_input();
        Outcome::of(&mut process).expect_done();
        assert!(server.scratch().shared("a.bin") == content, "{length}");
    }
}

#[test]
fn standard_input_needs_a_name_and_json_leaves_standard_output_alone() {
    let server = server!().file("a.txt", b"hello").start();
    let client = client!(server.scratch(), server.address());
    client.run_json(&["WRITE -"]).expect_error("usage", 2);
    client.run_json(&["READ a.txt -"]).expect_error("usage", 2);
}

#[test]
fn a_write_from_standard_input_prints_its_json_line() {
    let server = server!().start();
    let mut process =
        client!(server.scratch(), server.address()).options(&["--json"]).start(&["WRITE - a.txt"]);
    process.type_in("hello");
    process.close_input();
    let line = Outcome::of(&mut process).expect_done().line();
    assert_eq!((&line["path"], &line["digest"]), (&"a.txt".into(), &digest(b"hello").into()));
}

#[test]
fn an_output_that_is_closed_early_is_no_panic() {
    let setup = server!();
    (0..3000).for_each(|index| setup.scratch.put(&format!("a-rather-long-name-{index}.txt"), b""));
    let server = setup.file("large.bin", vec![7; 8 * PIECE_BYTES]).start();
    let client = client!(server.scratch(), server.address());
    for arguments in [&["--cmd", "LIST"][..], &["--json", "--cmd", "LIST"], &["--cmd", "READ large.bin -"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = client.command(&[]);
        let output = command.args(arguments).stdin(Stdio::null()).stdout(writer).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
        assert!(output.status.code().is_some_and(|code| code != 101), "{arguments:?}: {output:?}");
    }
}

#[test]
fn an_output_that_is_not_there_or_takes_nothing_is_no_panic_and_no_success() {
    let server = server!().file("a.txt", b"hello").file("large.bin", vec![7; 2 * PIECE_BYTES]).start();
    let client = client!(server.scratch(), server.address());
    for command in ["LIST", "STAT a.txt", "READ large.bin -", "HELP", "SEARCH txt"] {
        for options in [&[][..], &["--json"]] {
            let mut command_line = client.clone().options(options).command(&[command]);
            let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
            let output = command_line.stdin(Stdio::null()).stdout(full).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!errors.contains("panicked"), "{command}: {errors}");
            assert!(output.status.code().is_some_and(|code| code != 0), "{command} {options:?}: {output:?}");
        }
    }
}

#[test]
fn all_outputs_may_be_closed() {
    let server = server!().file("a.txt", b"hello").start();
    for command in ["LIST", "READ a.txt", "DANCE", "READ missing.txt"] {
        let client = client!(server.scratch(), server.address());
        let launcher = ["bash", "-c", "exec \"$0\" \"$@\" >&- 2>&- <&-"].map(str::to_owned);
        let mut command_line = client.launched_by(launcher.to_vec()).command(&[command]);
        let status = command_line.status().unwrap();
        assert!(status.code().is_some_and(|code| code != 101), "{command}: {status}");
        assert_eq!(server.scratch().shared("a.txt"), b"hello", "{command}");
    }
    assert_eq!(server.scratch().local_file("a.txt"), b"hello");
}

#[test]
fn the_first_line_of_a_long_listing_is_enough() {
    use std::io::{BufRead, BufReader};
    let setup = server!();
    (0..3000).for_each(|index| setup.scratch.put(&format!("a-rather-long-name-{index}.txt"), b""));
    let server = setup.start();
    let mut command = client!(server.scratch(), server.address()).command(&["LIST"]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(first.contains("a-rather-long-name-"), "{first}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}
