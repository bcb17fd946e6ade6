//! Links stand: at most one between two peers, none to oneself, made again when they are lost.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::neighbour::{Canary, Neighbour};
use integration_tests::peer;
use integration_tests::peer::Peer;

/// Two peers that name each other with `--peer`, both linked.
fn mutual() -> (Peer, Peer) {
    let mut one = peer!().start();
    let other = peer!().knows(&one.address()).start();
    other.wait_for_links(1);
    one.terminate();
    assert_eq!(one.exit_code(), 0);
    one.also_knows(&other.address());
    one.start_again();
    (one, other)
}

fn assert_one_link_that_works(one: &Peer, other: &Peer) {
    for peer in [one, other] {
        peer.wait_for_links(1);
    }
    one.wait_until_quiet();
    for (peer, there) in [(one, other), (other, one)] {
        assert_eq!(peer.count("links"), 1);
        // Whom a user named twice may be listed twice.
        assert!(peer.peer_addresses().contains(&there.address().to_string()));
        let found = peer.ask("DISCOVER 7").results(1, [one, other]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["address"], there.address().to_string());
    }
}

#[test]
fn two_peers_that_know_each_other_keep_one_link() {
    let (one, other) = mutual();
    assert_one_link_that_works(&one, &other);
}

#[test]
fn two_peers_that_dial_each_other_at_once_keep_one_link() {
    let (one, other) = (peer!().start(), peer!().start());
    for _ in 0..5 {
        let commands = [(&one, &other), (&other, &one)].map(|(from, to)| {
            from.start_attached(&["--json"], &[&format!("CONNECT {}", to.host_and_port())])
        });
        for mut command in commands {
            assert_eq!(command.exit_code(), 0, "{}{}", command.output.text(), command.errors.text());
        }
    }
    assert_one_link_that_works(&one, &other);
}

#[test]
fn a_link_is_made_again_when_the_neighbour_comes_back() {
    let mut mesh = Mesh::start(&Wiring::line(3), |number| peer!().file(&format!("song {number}.mp3"), b""));
    mesh[1].kill();
    mesh[0].wait_for_links(0);
    mesh[2].wait_for_links(0);
    mesh[1].start_again();
    mesh.wait_for_links();
    mesh[1].wait_until_indexed();
    mesh.wait_for_links();
    let found = mesh.results(0, "SEARCH song", 2);
    assert_eq!(mesh.owners_and_hops(&found), [(1, 1), (2, 2)]);
}

#[test]
fn a_link_that_was_made_by_connect_is_made_again_too() {
    let (one, mut other) = (peer!().start(), peer!().start());
    one.attach(&[&format!("CONNECT {}", other.host_and_port())]).expect_done();
    other.kill();
    one.wait_for_links(0);
    other.start_again();
    one.wait_for_links(1);
    other.wait_for_links(1);
}

#[test]
fn a_known_peer_that_comes_late_is_linked() {
    let mut late = peer!().start();
    late.kill();
    let early = peer!().knows(&late.address()).start();
    assert_eq!(early.count("links"), 0);
    late.start_again();
    early.wait_for_links(1);
}

#[test]
fn a_peer_that_knows_itself_keeps_no_link() {
    let mut peer = peer!().file("song.mp3", b"").start();
    peer.terminate();
    assert_eq!(peer.exit_code(), 0);
    peer.also_knows(&peer.address());
    peer.also_knows(&format!("localhost:{}", peer.address().port()));
    peer.start_again();
    peer.wait_until_quiet();
    assert_eq!(peer.count("links"), 0);
    let sent = peer.count("messages_sent");
    peer.attach_with(&["--json", "--wait", "50ms"], &["SEARCH song"]).expect_error("not_connected", 3);
    assert_eq!(peer.count("messages_sent"), sent);
    let connect = peer.attach(&[&format!("CONNECT {}", peer.host_and_port())]);
    assert_eq!(connect.code, 1, "{connect:?}");
    assert_eq!(peer.count("links"), 0);
}

#[test]
fn a_peer_under_two_names_keeps_one_link() {
    let one = peer!().start();
    let by_name = format!("localhost:{}", one.address().port());
    let other = peer!().knows(&one.address()).knows(&by_name).start();
    assert_one_link_that_works(&one, &other);
    other.attach(&[&format!("CONNECT localhost {}", one.address().port())]).expect_done();
    assert_one_link_that_works(&one, &other);
}

#[test]
fn a_silent_link_stays_up_beyond_the_idle_time_out() {
    let peer = peer!().option_with("--idle-timeout", "1s").start();
    let other = peer!().option_with("--idle-timeout", "1s").knows(&peer.address()).start();
    let mut neighbour = Neighbour::open(peer.address());
    other.wait_for_links(1);
    // A session that says as little is timed out; so the time-out has passed for the links, too.
    peer.session().assert_closed_after_an_optional("timed_out");
    peer.session().assert_closed_after_an_optional("timed_out");
    neighbour.assert_works();
    assert_eq!([peer.count("links"), other.count("links")], [2, 1]);
}

#[test]
fn a_peer_dials_whom_it_knows_and_says_hello_as_the_protocol_wants() {
    let known = Canary::new();
    let peer = peer!().knows(&known.address()).start();
    let (socket, _) = known.listener().accept().unwrap();
    let mut session = integration_tests::session::Session::over(socket);
    let hello = session.line();
    assert_eq!([&hello["type"], &hello["role"]], ["hello", "peer"], "{hello}");
    assert_eq!(hello["port"], peer.address().port(), "{hello}");
    assert_eq!(hello["versions"], serde_json::json!([1]), "{hello}");
    let id = hello["process_id"].as_str().unwrap();
    let is_id = id.len() == 32 && id.chars().all(|digit| digit.is_ascii_hexdigit());
    assert!(is_id, "{hello}");
    drop(session);
    // It comes again, and this time it is welcome.
    let mut neighbour = Neighbour::accept(known.listener());
    neighbour.assert_works();
    peer.wait_for_links(1);
}

#[test]
fn whoever_is_dialled_may_search_too() {
    let known = Canary::new();
    let peer = peer!().knows(&known.address()).file("song.mp3", b"la").start();
    let mut neighbour = Neighbour::accept(known.listener());
    peer.wait_until_indexed();
    assert_eq!(neighbour.found_files("song").len(), 1);
    let asked = peer.ask("SEARCH anything 3");
    let search = neighbour.hear_a("search");
    assert_eq!([&search["ttl"], &search["hops"]], [3, 0], "{search}");
    assert_eq!(search["words"], "anything", "{search}");
    let id = search["search_id"].as_str().unwrap().to_owned();
    neighbour.send(&integration_tests::neighbour::result(&id, "anything at all"));
    let result = &asked.first_results(1)[0];
    assert_eq!(result["address"], known.address().to_string(), "where it was dialled");
    assert_eq!([&result["hops"], &result["byte_count"]], [1, 5], "{result}");
    assert_eq!(result["digest"], serde_json::Value::Null, "{result}");
}
