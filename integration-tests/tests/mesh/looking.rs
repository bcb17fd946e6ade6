//! What SEARCH and DISCOVER print: lines of text, lines of JSON, who could not be asked, and that nobody could.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::nobody::Nobody;
use integration_tests::peer;
use integration_tests::peer::{PeerSetup, WHOLE_WAIT};

fn pair(fill: impl Fn(PeerSetup) -> PeerSetup) -> Mesh {
    Mesh::start(&Wiring::line(2), |number| match number {
        0 => peer!(),
        _ => fill(peer!()),
    })
}

/// What a command of peer 0, which has so many results, prints as text.
fn text_of(mesh: &Mesh, command: &str, count: usize) -> String {
    mesh[0].ask_as_text(command).text(count, mesh.peers())
}

#[test]
fn as_text_each_result_is_one_line_with_address_path_and_size() {
    let mesh = pair(|peer| peer.file("music/a song, live.mp3", b"12345"));
    let text = text_of(&mesh, "SEARCH song", 1);
    let (ip, port) = (mesh[1].address().ip(), mesh[1].address().port());
    let line = text.lines().next().unwrap();
    let start = format!("found at IP:{ip},Port:{port}: music/a song, live.mp3, ");
    let size = line.strip_prefix(&start).unwrap_or_else(|| panic!("{text}"));
    assert!(size.contains('5'), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("found at")).count(), 1, "{text}");
}

#[test]
fn as_text_a_discover_says_who_was_added_and_who_was_there() {
    let mesh = Mesh::start(&Wiring::line(3), |_| peer!());
    let line = |number: usize, what: &str| {
        let address = mesh[number].address();
        format!("IP:{},Port:{} {what}", address.ip(), address.port())
    };
    let text = text_of(&mesh, "DISCOVER 7", 2);
    assert!(text.contains(&line(2, "has been added")), "{text}");
    assert!(text.contains(&line(1, "is already in the list")), "{text}");
    let text = text_of(&mesh, "DISCOVER 7", 2);
    assert!(text.contains(&line(2, "is already in the list")), "{text}");
}

#[test]
fn nothing_found_is_no_failure() {
    let mesh = pair(|peer| peer.file("song.mp3", b""));
    let outcome = mesh[0].attach_with(&["--json", "--wait", "100ms"], &["SEARCH nothing"]).expect_done();
    assert_eq!(outcome.text(), "");
    mesh[0].attach_with(&["--wait", "100ms"], &["SEARCH nothing"]).expect_done();
}

#[test]
fn without_any_link_there_is_nobody_to_ask() {
    let alone = peer!().file("song.mp3", b"").start();
    let nobody = Nobody::there();
    let lost = peer!().knows(&nobody.address()).start();
    for peer in [&alone, &lost] {
        for command in ["SEARCH song", "DISCOVER 3", "GET \"some song\""] {
            let asked = peer.attach_with(&["--json", "--wait", "200ms"], &[command]);
            asked.expect_error("not_connected", 3);
            let plain = peer.attach_with(&["--wait", "200ms"], &[command]).expect_code(3);
            assert!(!plain.errors.is_empty(), "{command}");
        }
    }
}

#[test]
fn known_peers_that_cannot_be_reached_are_named() {
    let holder = peer!().file("song.mp3", b"").start();
    holder.wait_until_indexed();
    let nobody = Nobody::there();
    let asker = peer!().knows(&holder.address()).knows(&nobody.address()).start();
    asker.wait_for_links(1);
    for command in ["SEARCH song", "DISCOVER 2"] {
        let outcome = asker.attach_with(&["--json", "--wait", WHOLE_WAIT], &[command]).expect_done();
        assert_eq!(outcome.line()["address"], holder.address().to_string());
        assert!(outcome.errors.contains(&nobody.address().to_string()), "{command}: {}", outcome.errors);
        let holder_is_named = outcome.errors.contains(&holder.address().to_string());
        assert!(!holder_is_named, "{command}: {}", outcome.errors);
    }
}

#[test]
fn names_that_a_terminal_would_obey_are_shown_escaped() {
    // U+202E turns what follows around, and is no control character to the protocol.
    let mesh = pair(|peer| peer.file("song \u{202e}3pm.exe", b""));
    let text = text_of(&mesh, "SEARCH song", 1);
    assert!(text.contains("3pm.exe") && !text.contains('\u{202e}'), "{text:?}");
}
