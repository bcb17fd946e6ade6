//! Commands in both forms, in any case, with names that would trip a shell.

use integration_tests::server::Server;
use integration_tests::{client, server};

/// Runs each command in a server of its own with the same files, and returns the paths that then exist.
fn paths_after(command: &str) -> Vec<String> {
    let server = server!().file("a b.txt", b"content").file("folder one/c.txt", b"c").start();
    server.scratch().put_local("local one.txt", b"local");
    run(&server, command);
    let share = server.scratch().share();
    let files = integration_tests::scratch::files_below(&share);
    files.iter().map(|path| path.strip_prefix(&share).unwrap().to_string_lossy().into_owned()).collect()
}

fn run(server: &Server, command: &str) {
    client!(server.scratch(), server.address()).run_json(&[command]).expect_done();
}

#[test]
fn the_two_forms_of_each_changing_command_do_the_same() {
    for (comma_form, space_form) in [
        ("RENAME,a b.txt,d e.txt", r#"RENAME "a b.txt" "d e.txt""#),
        ("change, a b.txt , d e.txt", "mv 'a b.txt' 'd e.txt'"),
        ("DELETE,a b.txt", r#"rm "a b.txt""#),
        ("Write,local one.txt,f g.txt", r#"pUt "local one.txt" "f g.txt""#),
        ("WRITE,local one.txt", "WRITE 'local one.txt'"),
        ("WRITE,local one.txt,folder one/", "WRITE 'local one.txt' 'folder one/'"),
    ] {
        assert_eq!(paths_after(comma_form), paths_after(space_form), "{comma_form}");
    }
}

#[test]
fn the_two_forms_of_each_asking_command_print_the_same() {
    let server = server!().file("a b.txt", b"content").file("folder one/c d.txt", b"c").start();
    for (comma_form, space_form) in [
        ("LIST", "ls"),
        ("LIST,folder one", "list 'folder one'"),
        ("STAT,a b.txt", "Stat \"a b.txt\""),
        ("SEARCH,c d", "SEARCH c d"),
    ] {
        let client = client!(server.scratch(), server.address());
        let printed = client.run_json(&[comma_form]).expect_done().lines();
        assert!(!printed.is_empty(), "{comma_form}");
        assert_eq!(printed, client.run_json(&[space_form]).expect_done().lines(), "{comma_form}");
    }
}

#[test]
fn connect_cd_bye_help_and_quit_have_two_forms_too() {
    let server = server!().file("folder one/c.txt", b"c").start();
    let address = server.address();
    for commands in [
        vec![format!("CONNECT,{},{}", address.ip(), address.port()), "CD,folder one".into(), "LIST".into()],
        vec![format!("connect {} {}", address.ip(), address.port()), "cd 'folder one'".into(), "list".into()],
    ] {
        let commands: Vec<&str> =
            commands.iter().map(String::as_str).chain(["help", "BYE", "QUIT"]).collect();
        let client = client!(server.scratch(), address).without_address();
        let outcome = client.run(&commands).expect_done();
        assert!(outcome.text().contains("c.txt"), "{}", outcome.text());
    }
}

#[test]
fn the_comma_form_takes_quotes_around_commas_and_nothing_else_is_special() {
    let server = server!().file("a,b.txt", b"comma").file("don't #1\\x.txt", b"odd").start();
    run(&server, r#"READ,"a,b.txt",copy one.txt"#);
    run(&server, "READ,don't #1\\x.txt,copy two.txt");
    assert_eq!(server.scratch().local_file("copy one.txt"), b"comma");
    assert_eq!(server.scratch().local_file("copy two.txt"), b"odd");
}

#[test]
fn the_space_form_takes_quotes_only_at_the_start_of_a_word_and_has_no_escapes() {
    let names = ["don't.mp3", "a\\b", "#1.mp3", "$HOME", "`x`", "x\"y", "~", "a,b"];
    let setup = server!();
    names.iter().for_each(|name| setup.scratch.put(name, name.as_bytes()));
    let server = setup.start();
    for name in names {
        run(&server, &format!("READ {name}"));
        assert_eq!(server.scratch().local_file(name), name.as_bytes());
    }
}

#[test]
fn two_hyphens_end_the_options() {
    let server = server!().file("-rf", b"hyphen").start();
    run(&server, "READ -- -rf");
    assert_eq!(server.scratch().local_file("-rf"), b"hyphen");
    run(&server, "DELETE -- -rf");
    assert!(!server.scratch().share().join("-rf").exists());
}

#[test]
fn emoji_and_other_scripts_go_through() {
    let server = server!().start();
    for name in ["日本語.txt", "❤\u{fe0f}.txt", "ünï.txt"] {
        server.scratch().put_local(name, name);
        run(&server, &format!("WRITE {name}"));
        assert_eq!(server.scratch().shared(name), name.as_bytes());
    }
}
