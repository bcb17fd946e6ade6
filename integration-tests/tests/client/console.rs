//! The client's console at a terminal.

use integration_tests::client::Client;
use integration_tests::process::Process;
use integration_tests::proxy::{Fault, Proxy};
use integration_tests::{client, server};

/// A client at a terminal, once it has shown a prompt that names its server.
fn console(client: &Client) -> Process {
    let process = Process::start_at_terminal(&mut client.command(&[]));
    process.output.wait_for("a prompt that shows where one is connected", |text| {
        text.contains("127.0.0.1:").then_some(())
    });
    process
}

/// Types a command and waits until something new has come with this text in it.
fn type_and_see(process: &mut Process, command: &str, expected: &str) {
    let before = process.output.text().len();
    process.type_in(format!("{command}\r"));
    process.output.wait_for(expected, |text| {
        // The echo of what was typed is not what is waited for.
        let new = text.get(before..).unwrap_or_default().replace(command, "");
        new.contains(expected).then_some(())
    });
}

#[test]
fn a_console_takes_commands_until_quit() {
    let server = server!().file("in/a song.mp3", b"hello").start();
    let mut process = console(&client!(server.scratch(), server.address()));
    type_and_see(&mut process, "list -r", "a song.mp3");
    type_and_see(&mut process, "DANCE", "command not recognized");
    type_and_see(&mut process, "READ \"in/a song.mp3\"", "received");
    assert_eq!(server.scratch().local_file("a song.mp3"), b"hello");
    process.type_in("QUIT\r");
    process.wait();
}

#[test]
fn a_console_whose_session_ended_while_idle_reconnects_and_keeps_its_folder() {
    let server = server!().file("folder/inside.txt", b"hello").file("outside.txt", b"").start();
    let proxy = Proxy::start(server.address(), |_| Fault::None);
    let mut process = console(&client!(server.scratch(), proxy.address()));
    type_and_see(&mut process, "CD folder", "folder");
    type_and_see(&mut process, "LIST", "inside.txt");
    proxy.cut_all();
    server.wait_until_alone();
    type_and_see(&mut process, "LIST", "inside.txt");
    assert_eq!(proxy.connection_count(), 2);
    process.type_in("QUIT\r");
    assert_eq!(process.exit_code(), 0, "{}", process.output.text());
}

#[test]
fn a_console_shows_names_escaped() {
    let server = server!().file("rtl\u{202e}gpj.exe", b"").start();
    let mut process = console(&client!(server.scratch(), server.address()));
    type_and_see(&mut process, "LIST", "gpj.exe");
    assert!(!process.output.text().contains('\u{202e}'), "{:?}", process.output.text());
}

#[test]
fn the_end_of_input_leaves_the_console() {
    let server = server!().start();
    let mut process = console(&client!(server.scratch(), server.address()));
    // Ctrl-D on an empty line.
    process.type_in("\u{4}");
    assert_eq!(process.exit_code(), 0, "{}", process.output.text());
}
