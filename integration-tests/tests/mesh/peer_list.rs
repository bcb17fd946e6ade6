//! CONNECT, PEERS and RESET, and what is remembered when a peer is started again.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::nobody::Nobody;
use integration_tests::peer;
use integration_tests::peer::Peer;

fn connect(from: &Peer, to: &Peer) -> serde_json::Value {
    from.attach(&[&format!("CONNECT {}", to.host_and_port())]).expect_done().line()
}

fn listed(peer: &Peer) -> Vec<(String, bool)> {
    let lines = peer.peers();
    let mut listed: Vec<_> = lines
        .iter()
        .map(|line| (line["address"].as_str().unwrap().to_owned(), line["linked"].as_bool().unwrap()))
        .collect();
    listed.sort();
    listed
}

#[test]
fn connect_opens_a_link_and_both_ends_list_each_other() {
    let (one, other) = (peer!().start(), peer!().start());
    assert!(listed(&one).is_empty());
    let line = connect(&one, &other);
    assert_eq!(line["command"], "connect", "{line}");
    assert_eq!(line["address"], other.address().to_string(), "{line}");
    assert_eq!(listed(&one), [(other.address().to_string(), true)]);
    other.wait_for_links(1);
    assert_eq!(listed(&other), [(one.address().to_string(), true)]);
    connect(&one, &other);
    assert_eq!([one.count("links"), other.count("links")], [1, 1], "a second CONNECT changes nothing");
}

#[test]
fn connect_in_the_comma_form_and_as_text() {
    let (one, other) = (peer!().start(), peer!().start());
    let (host, port) = (other.address().ip(), other.address().port());
    one.attach_with(&[], &[&format!("CONNECT,{host},{port}")]).expect_done();
    assert_eq!(one.count("links"), 1);
    let text = one.attach_with(&[], &["PEERS"]).expect_done();
    assert!(text.text().contains(&port.to_string()), "{text:?}");
}

#[test]
fn connect_to_nobody_fails() {
    let peer = peer!().start();
    let nobody = Nobody::there();
    let free = nobody.address();
    let command = format!("CONNECT {} {}", free.ip(), free.port());
    peer.attach(&[&command]).expect_error("connection_failed", 3);
    for command in ["CONNECT", "CONNECT 127.0.0.1", "CONNECT 127.0.0.1 0", "CONNECT 127.0.0.1 70000"] {
        peer.attach(&[command]).expect_error("usage", 2);
    }
}

#[test]
fn known_peers_are_listed_before_they_are_reached() {
    let nobody = Nobody::there();
    let peer = peer!().knows(&nobody.address()).start();
    assert_eq!(listed(&peer), [(nobody.address().to_string(), false)]);
}

#[test]
fn reset_forgets_the_learned_and_keeps_the_known_and_the_links() {
    let mesh = Mesh::start(&Wiring::line(4), |_| peer!());
    mesh.results(1, "DISCOVER 7", 3);
    let before = listed(&mesh[1]);
    assert_eq!(before.len(), 3);
    mesh[1].attach(&["RESET"]).expect_done();
    let linked: Vec<_> = before.into_iter().filter(|(_, is_linked)| *is_linked).collect();
    assert_eq!(listed(&mesh[1]), linked);
    assert_eq!(mesh[1].count("links"), 2);
    let again = mesh.results(1, "DISCOVER 7", 3);
    assert_eq!(again.iter().filter(|line| line["added"] == true).count(), 1, "{again:?}");
}

#[test]
fn learned_peers_are_there_after_a_restart_with_the_same_state() {
    let mut mesh = Mesh::start(&Wiring::line(4), |_| peer!());
    mesh.results(0, "DISCOVER 7", 3);
    let learned = mesh[0].peer_addresses();
    assert_eq!(learned.len(), 3);
    mesh[0].terminate();
    assert_eq!(mesh[0].exit_code(), 0);
    mesh[0].start_again();
    for address in &learned {
        let listed = mesh[0].peer_addresses();
        // Its old neighbour may have linked itself already, or will.
        assert!(listed.contains(address) || *address == mesh[1].address().to_string(), "{listed:?}");
    }
}

#[test]
fn what_was_reset_is_not_there_after_a_restart() {
    let mut mesh = Mesh::start(&Wiring::line(4), |_| peer!());
    mesh.results(0, "DISCOVER 7", 3);
    mesh[0].attach(&["RESET"]).expect_done();
    mesh[0].terminate();
    assert_eq!(mesh[0].exit_code(), 0);
    mesh[0].start_again();
    let far = [mesh[2].address().to_string(), mesh[3].address().to_string()];
    assert!(mesh[0].peer_addresses().iter().all(|address| !far.contains(address)));
}

#[test]
fn status_names_what_scripts_read() {
    let mesh = Mesh::start(&Wiring::line(2), |_| peer!());
    let status = mesh[0].status();
    assert_eq!(status["command"], "status");
    assert_eq!(status["links"], 1);
    for name in ["messages_sent", "messages_received", "searches_seen", "duplicates_dropped"] {
        assert!(status[name].is_u64(), "{name}: {status}");
    }
    let text = mesh[0].attach_with(&[], &["STATUS"]).expect_done();
    assert!(text.text().contains("link"), "{text:?}");
}
