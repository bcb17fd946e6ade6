//! READ from several servers with `--source`: each brings a part, and what one lacks, loses or falsifies the others give.

use integration_tests::client::{Client, Outcome};
use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::nobody::Nobody;
use integration_tests::patience::eventually_true;
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::scratch::files_below;
use integration_tests::server::Server;
use integration_tests::{client, server};
use serde_json::Value;
use std::net::SocketAddr;

const LENGTH: usize = 40 * PIECE_BYTES + 77;

/// Servers that have the same film.
fn servers(count: usize) -> (Vec<Server>, Vec<u8>) {
    let content = bytes("film", LENGTH);
    let servers = (0..count).map(|_| server!().file("film.mov", &content).file("a.txt", b"small").start());
    (servers.collect(), content)
}

/// A client of the first server, which asks these others too.
fn client_of(server: &Server, others: &[SocketAddr]) -> Client {
    let addresses: Vec<String> = others.iter().map(ToString::to_string).collect();
    let options: Vec<&str> = addresses.iter().flat_map(|address| ["--source", address]).collect();
    client!(server.scratch(), server.address()).options(&options)
}

fn brought(line: &Value) -> Vec<(String, u64)> {
    let sources = line["sources"].as_array().unwrap_or_else(|| panic!("no sources: {line}"));
    let of = |source: &Value| {
        (source["address"].as_str().unwrap().to_owned(), source["byte_count"].as_u64().unwrap())
    };
    sources.iter().map(of).collect()
}

fn assert_landed(server: &Server, line: &Value, content: &[u8]) {
    assert_eq!(line["digest"], digest(content), "{line}");
    assert!(server.scratch().local_file("film.mov") == content);
    assert_eq!(files_below(&server.scratch().local()).len(), 1, "something is left over");
    let sum: u64 = brought(line).iter().map(|(_, byte_count)| byte_count).sum();
    assert_eq!(sum, content.len() as u64, "{line}");
}

#[test]
fn a_large_file_comes_from_all_who_have_it_and_a_small_one_from_the_first() {
    let (servers, content) = servers(3);
    let without = server!().start();
    let others = [servers[1].address(), without.address(), servers[2].address()];
    let client = client_of(&servers[0], &others).options(&["-v"]);
    let outcome = client.run_json(&["READ film.mov"]).expect_done();
    let (line, first) = (outcome.line(), servers[0].address().to_string());
    assert_landed(&servers[0], &line, &content);
    let addresses: Vec<String> = brought(&line).into_iter().map(|(address, _)| address).collect();
    let expected = std::iter::once(first.clone()).chain(others.iter().map(ToString::to_string));
    assert_eq!(addresses, expected.collect::<Vec<_>>());
    assert_eq!(brought(&line)[2].1, 0, "it has no such file");
    let line = client.run_json(&["READ a.txt"]).expect_done().line();
    assert_eq!(brought(&line), [(first, 5)]);
}

#[test]
fn who_lacks_the_file_is_named_to_who_wants_to_know() {
    // Slow enough that the other one has answered by the end.
    let slow = server!().option_with("--limit-rate", "20MiB").file("film.mov", bytes("film", LENGTH)).start();
    let without = server!().start();
    for (options, is_named) in [(&["-v"][..], true), (&[], false)] {
        let client = client_of(&slow, &[without.address()]).options(options);
        let outcome = client.run(&["READ film.mov"]).expect_done();
        assert_eq!(outcome.errors.contains(&without.address().to_string()), is_named, "{}", outcome.errors);
        std::fs::remove_file(slow.scratch().local().join("film.mov")).unwrap();
    }
}

#[test]
fn another_source_stands_in_for_a_first_one_that_is_not_there_where_nothing_but_reads_follows() {
    let (servers, content) = servers(2);
    let (nobody, other) = (Nobody::there(), servers[1].address());
    let gone = nobody.address();
    let of_gone = || client!(servers[0].scratch(), gone);
    let client = of_gone().options(&["--source", &other.to_string()]);
    let outcome = client.run_json(&["READ film.mov", "READ a.txt"]).expect_done();
    let lines = outcome.lines();
    assert_eq!(brought(&lines[0]), [(other.to_string(), content.len() as u64)]);
    assert_eq!(brought(&lines[1]), [(other.to_string(), 5)]);
    assert!(outcome.errors.contains(&format!("{other} stands in for {gone}")), "{}", outcome.errors);
    for commands in [&["READ a.txt", "DELETE a.txt"][..], &["LIST"]] {
        let outcome = client.run(commands).expect_code(3);
        assert!(!outcome.errors.contains("stands in"), "{}", outcome.errors);
    }
    assert!(servers[1].scratch().shared("a.txt") == b"small", "nothing was changed there");
    let client = of_gone().options(&["--source", &gone.to_string()]);
    assert!(client.run(&["READ a.txt"]).expect_code(3).errors.contains("not from"));
}

#[test]
fn promise_2_a_source_that_falsifies_is_named_and_the_file_is_right() {
    let (servers, content) = servers(3);
    // Within the payload, whatever part of it that is.
    let at = (2 * PIECE_BYTES + PIECE_BYTES / 2) as u64;
    let poison = Proxy::start(servers[1].address(), move |_| Fault::Flip(Direction::ToClient, at));
    // The others are stuck before they could have given all of it.
    let most = (15 * PIECE_BYTES) as u64;
    let held = [0, 2].map(|number: usize| {
        Proxy::start(servers[number].address(), move |_| Fault::Hold(Direction::ToClient, most))
    });
    let addresses = [poison.address().to_string(), held[1].address().to_string()];
    let options = ["--source", &addresses[0], "--source", &addresses[1]];
    let client = client!(servers[0].scratch(), held[0].address()).options(&options);
    let mut process = client.options(&["--json"]).start(&["READ film.mov"]);
    process.close_input();
    eventually_true("the false byte has passed", || poison.byte_count(Direction::ToClient) > at);
    held.iter().for_each(Proxy::release);
    let outcome = Outcome::of(&mut process).expect_done();
    assert_landed(&servers[0], &outcome.line(), &content);
    assert!(outcome.errors.contains(&addresses[0]), "{}", outcome.errors);
}

#[test]
fn a_source_that_is_killed_half_way_holds_nobody_up() {
    let (mut servers, content) = servers(3);
    let stuck = (3 * PIECE_BYTES) as u64 + 5;
    let proxies: Vec<Proxy> = servers
        .iter()
        .map(|server| Proxy::start(server.address(), move |_| Fault::Hold(Direction::ToClient, stuck)))
        .collect();
    let others: Vec<String> = proxies[1..].iter().map(|proxy| proxy.address().to_string()).collect();
    let options = ["--json", "--source", &others[0], "--source", &others[1]];
    let client = client!(servers[0].scratch(), proxies[0].address()).options(&options);
    let mut process = client.start(&["READ film.mov"]);
    process.close_input();
    eventually_true("the second one gives", || proxies[1].byte_count(Direction::ToClient) >= stuck);
    servers[1].kill();
    proxies.iter().for_each(Proxy::release);
    let outcome = Outcome::of(&mut process).expect_done();
    assert_landed(&servers[0], &outcome.line(), &content);
    assert!(outcome.errors.contains(&others[0]), "it is named: {}", outcome.errors);
}

#[test]
fn an_invitation_is_no_source() {
    let (servers, _) = servers(1);
    let line = format!("ioe://127.0.0.1:1/#{}.{}", "ab".repeat(32), "0123456789abcdef".repeat(4));
    let client = client!(servers[0].scratch(), servers[0].address()).options(&["--source", &line]);
    let outcome = client.run(&["READ film.mov"]).expect_code(2);
    assert!(!outcome.errors.contains("0123456789abcdef"), "{}", outcome.errors);
}

#[test]
fn a_write_goes_to_the_session_alone_and_says_so() {
    let (first, second) = (server!().start(), server!().start());
    first.scratch().put_local("note.txt", "mine");
    let outcome = client_of(&first, &[second.address()]).run(&["WRITE note.txt"]).expect_done();
    assert!(outcome.errors.contains("--source is for READ"), "{outcome:?}");
    assert_eq!(first.scratch().shared("note.txt"), b"mine");
    assert!(files_below(&second.scratch().share()).is_empty());
}
