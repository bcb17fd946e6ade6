//! `--attach`: commands for a running peer, many at once, in text and as JSON lines, and from standard input.

use std::os::unix::fs::PermissionsExt;

use integration_tests::client::Outcome;
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::peer;
use integration_tests::process::Process;

#[test]
fn two_who_attach_at_once_both_get_their_answers() {
    let mesh = Mesh::start(&Wiring::line(2), |number| match number {
        0 => peer!(),
        _ => peer!().file("song.mp3", b"").file("film.mov", b""),
    });
    let song = mesh[0].ask("SEARCH song");
    let film = mesh[0].ask("SEARCH film");
    assert_eq!(mesh[0].count("links"), 1, "a third asks meanwhile");
    assert_eq!(song.results(1, mesh.peers())[0]["path"], "song.mp3");
    assert_eq!(film.results(1, mesh.peers())[0]["path"], "film.mov");
}

#[test]
fn whoever_attaches_to_nothing_has_no_connection() {
    let mut peer = peer!().start();
    peer.kill();
    peer.attach(&["STATUS"]).expect_code(3);
    std::fs::remove_file(peer.scratch().control()).unwrap_or_default();
    peer.attach(&["STATUS"]).expect_code(3);
}

#[test]
fn the_control_socket_is_for_its_owner_alone_and_gone_after_a_stop() {
    let mut peer = peer!().start();
    let mode = peer.scratch().control().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    peer.terminate();
    assert_eq!(peer.exit_code(), 0);
    assert!(!peer.scratch().control().exists());
}

#[test]
fn a_socket_that_a_killed_peer_left_behind_is_taken_over() {
    let mut peer = peer!().start();
    peer.kill();
    assert!(peer.scratch().control().exists());
    peer.start_again();
    assert_eq!(peer.count("links"), 0);
}

#[test]
fn unknown_commands_are_not_recognized() {
    let peer = peer!().start();
    let outcome = peer.attach_with(&[], &["DANCE now"]).expect_code(2);
    assert!(outcome.errors.contains("command not recognized: DANCE"), "{outcome:?}");
    peer.attach(&["DANCE now"]).expect_error("usage", 2);
    for command in ["GET", "LISTR 127.0.0.1", "LISTR host port", "GET a b c d", "RESET now"] {
        peer.attach(&[command]).expect_error("usage", 2);
    }
}

#[test]
fn help_names_every_command() {
    let peer = peer!().start();
    let text = peer.attach_with(&[], &["HELP"]).expect_done();
    for command in
        ["LISTL", "LISTR", "SEARCH", "DISCOVER", "GET", "CONNECT", "PEERS", "RESET", "STATUS", "QUIT"]
    {
        assert!(text.text().contains(command), "{command}: {text:?}");
    }
}

#[test]
fn commands_come_from_standard_input_and_bye_leaves_the_peer_running() {
    let peer = peer!().file("song.mp3", b"").start();
    let mut process = Process::start(&mut peer.attach_command(&["--json"], &[]));
    process.type_in("LISTL\nstatus\nBYE\nLISTL\n");
    process.close_input();
    let lines = Outcome::of(&mut process).expect_done().lines();
    let commands: Vec<&str> = lines.iter().map(|line| line["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["listl", "status"]);
    assert_eq!(peer.count("links"), 0, "it still answers");
}

#[test]
fn the_end_of_standard_input_leaves_the_peer_running() {
    let peer = peer!().start();
    let mut process = Process::start(&mut peer.attach_command(&["--json"], &[]));
    process.type_in("STATUS");
    process.close_input();
    assert_eq!(Outcome::of(&mut process).expect_done().lines().len(), 1);
    assert_eq!(peer.count("links"), 0);
}

#[test]
fn many_who_attach_one_after_the_other_leave_nothing_behind() {
    let peer = peer!().start();
    let threads = || std::fs::read_dir(peer.process().proc_folder().join("task")).unwrap().count();
    peer.count("links");
    let before = threads();
    (0..20).for_each(|_| {
        let _gone_at_once = peer.ask("SEARCH nothing");
    });
    integration_tests::patience::eventually_true("all of them are gone", || threads() <= before);
}

#[test]
fn a_command_with_a_line_break_or_too_long_is_refused_and_the_next_works() {
    let peer = peer!().start();
    let long = format!("SEARCH {}", "x".repeat(70_000));
    assert_ne!(peer.attach(&[&long]).code, 0);
    assert_ne!(peer.attach(&["SEARCH \"open"]).code, 0);
    assert_eq!(peer.count("links"), 0);
}

#[test]
fn garbage_on_the_control_socket_harms_nobody() {
    use std::io::{Read, Write};
    let peer = peer!().start();
    for garbage in
        [b"garbage\n".to_vec(), vec![0; 100_000], b"{\"v\":1}\n".to_vec(), b"[[[[".to_vec(), Vec::new()]
    {
        let mut socket = std::os::unix::net::UnixStream::connect(peer.scratch().control()).unwrap();
        // It may close at the first bad byte.
        let _ = socket.write_all(&garbage);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let _ = socket.read_to_end(&mut Vec::new());
    }
    assert_eq!(peer.count("links"), 0);
}
