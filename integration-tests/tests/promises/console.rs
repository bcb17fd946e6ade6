//! The server's console, read from standard input with `--console`.

use integration_tests::content::PIECE_BYTES;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::Session;
use integration_tests::upload::{abort, begin_large};
use serde_json::json;

fn server_with_a_console() -> Server {
    server!().option("--console").option_with("--drain-timeout", "1h").start()
}

fn busy_session(server: &Server) -> (Session, u64) {
    let mut session = server.session();
    let id = begin_large(&mut session, "film.mov", 2 * PIECE_BYTES, &json!({})).id;
    (session, id)
}

#[test]
fn quit_in_any_case_stops_an_idle_server() {
    for command in ["QUIT", "quit", "Quit"] {
        let mut server = server_with_a_console();
        server.type_in(command);
        assert_eq!(server.exit_code(), 0, "{}", server.log());
    }
}

#[test]
fn quit_says_how_many_connections_it_waits_for() {
    let mut server = server_with_a_console();
    let mut busy = [busy_session(&server), busy_session(&server)];
    let mut idle = server.session();
    server.type_in("QUIT");
    let awaited = "how many connections are waited for";
    server.wait_for_output(awaited, |line| line.contains('2') && line.contains("connection"));
    idle.assert_closed_after_an_optional("stopping");
    for (session, id) in &mut busy {
        session.send(&abort(*id));
    }
    assert_eq!(server.exit_code(), 0, "{}", server.log());
}

#[test]
fn forcequit_stops_at_once_with_exit_code_one() {
    let mut server = server_with_a_console();
    let _busy = busy_session(&server);
    server.type_in("FORCEQUIT");
    assert_eq!(server.exit_code(), 1, "{}", server.log());
}

#[test]
fn forcequit_ends_a_drain() {
    let mut server = server_with_a_console();
    let _busy = busy_session(&server);
    let mut idle = server.session();
    server.type_in("QUIT");
    idle.assert_closed_after_an_optional("stopping");
    server.type_in("FORCEQUIT");
    assert_eq!(server.exit_code(), 1, "{}", server.log());
}

#[test]
fn status_shows_connections_and_transfers() {
    let mut server = server_with_a_console();
    let _busy = busy_session(&server);
    let idle = server.session();
    server.type_in("STATUS");
    let address = idle.local_address().to_string();
    server.wait_for_output("the idle connection", |line| line.contains(&address));
    server.wait_for_output("the running upload", |line| line.contains("film.mov"));
    assert!(server.output().contains('2'), "{}", server.output());
}

#[test]
fn names_and_words_that_a_terminal_would_obey_are_shown_escaped() {
    let mut server = server_with_a_console();
    let mut session = server.session();
    begin_large(&mut session, "rtl\u{202e}gpj.exe", 2 * PIECE_BYTES, &json!({}));
    server.type_in("STATUS");
    server.wait_for_output("the running upload", |line| line.contains("gpj.exe"));
    server.type_in("dance\u{1b}[2J\u{9b}31m");
    integration_tests::patience::eventually_true("the complaint", || {
        format!("{}{}", server.output(), server.log()).contains("not recognized")
    });
    let said = format!("{}{}", server.output(), server.log());
    let hidden = |c: char| c != '\n' && c != '\t' && (c.is_control() || c == '\u{202e}');
    assert!(!said.contains(hidden), "{said:?}");
}

#[test]
fn help_names_the_commands_and_an_unknown_one_is_not_recognized() {
    let mut server = server_with_a_console();
    server.type_in("help");
    for command in ["STATUS", "FORCEQUIT"] {
        server.wait_for_output(command, |line| line.contains(command));
    }
    server.type_in("dance now");
    // Results and complaints about what was typed are both for whoever typed it.
    integration_tests::patience::eventually_true("the complaint", || {
        format!("{}{}", server.output(), server.log()).contains("command not recognized: dance")
    });
}

#[test]
fn the_end_of_standard_input_does_not_stop_the_server() {
    let mut server = server_with_a_console();
    server.close_input();
    for _ in 0..10 {
        server.session().assert_works();
    }
    server.terminate();
    assert_eq!(server.exit_code(), 0, "{}", server.log());
}

#[test]
fn without_the_option_what_is_piped_in_is_no_command() {
    let mut server = server!().start();
    server.type_in("QUIT");
    server.close_input();
    for _ in 0..10 {
        server.session().assert_works();
    }
}
