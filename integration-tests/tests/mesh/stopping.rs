//! A drained stop loses nothing: links close at once, running transfers come to their end, new requests and new
//! commands get `stopping`, and what forces a stop ends it at once.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::neighbour::Neighbour;
use integration_tests::peer;
use integration_tests::peer::Peer;
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::session::Session;
use serde_json::json;

/// Longer than any test waits, so that a drain which waits for the wrong thing fails.
const FOR_EVER: &str = "1h";
/// More than the sockets between two processes hold.
const LENGTH: usize = 48 * PIECE_BYTES;

/// A peer that has begun to stop while somebody reads a file. That the drain has begun is seen from a link,
/// which closes.
fn draining_peer(content: &[u8]) -> (Peer, Session, u64) {
    let peer = peer!().option_with("--drain-timeout", FOR_EVER).file("film.mov", content).start();
    let mut link = Neighbour::open(peer.address());
    let mut busy = peer.session();
    let id = busy.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(busy.answer(id)["type"], "reading");
    peer.terminate();
    link.session().assert_closed_after_an_optional("stopping");
    (peer, busy, id)
}

#[test]
fn promise_7_an_idle_peer_with_links_stops_at_once() {
    let mut mesh = Mesh::start(&Wiring::star(4), |_| peer!().option_with("--drain-timeout", FOR_EVER));
    let mut idle = mesh[0].session();
    let mut link = Neighbour::open(mesh[0].address());
    mesh[0].terminate();
    assert_eq!(mesh[0].exit_code(), 0, "{}", mesh[0].log());
    idle.assert_closed_after_an_optional("stopping");
    link.session().assert_closed_after_an_optional("stopping");
    (1..4).for_each(|number| mesh[number].wait_for_links(0));
}

#[test]
fn promise_7_a_download_that_runs_is_completed_before_the_peer_stops() {
    let content = bytes("film", LENGTH);
    let (mut peer, mut busy, id) = draining_peer(&content);
    assert!(busy.payload(id).bytes == content);
    assert_eq!(peer.exit_code(), 0, "{}", peer.log());
}

#[test]
fn promise_7_a_get_that_runs_is_completed_before_the_peer_stops() {
    let content = bytes("film", LENGTH);
    let source = peer!().file("film.mov", &content).start();
    let mut taker = peer!().option_with("--drain-timeout", FOR_EVER).start();
    let mut link = Neighbour::open(taker.address());
    let get = format!("GET film.mov {}", source.host_and_port());
    // The source is frozen in the middle, so that the drain finds the transfer running.
    let mut process = taker.start_attached(&["--json"], &[&get]);
    let has_begun = || files_in(&taker) > 0;
    integration_tests::patience::eventually_true("the download has begun", has_begun);
    source.process().signal(rustix::process::Signal::STOP);
    taker.terminate();
    link.session().assert_closed_after_an_optional("stopping");
    source.process().signal(rustix::process::Signal::CONT);
    let code = process.exit_code();
    assert_eq!(taker.exit_code(), 0, "{}", taker.log());
    assert!(taker.scratch().shared("film.mov") == content);
    assert_eq!(code, 0, "{}{}", process.output.text(), process.errors.text());
}

/// Files in a peer's folder, unfinished ones too.
fn files_in(peer: &Peer) -> usize {
    std::fs::read_dir(peer.scratch().share()).unwrap().count()
}

#[test]
fn commands_links_and_requests_are_refused_while_the_peer_drains() {
    let content = bytes("film", LENGTH);
    let (mut peer, mut busy, id) = draining_peer(&content);
    for command in ["LISTL", "SEARCH song", "CONNECT 127.0.0.1 9"] {
        let outcome = peer.attach(&[command]);
        assert_ne!(outcome.code, 0, "{outcome:?}");
        let said = format!("{}{}", outcome.text(), outcome.errors);
        assert!(said.contains("stopping"), "{command}: {said}");
    }
    // Whether it still listens is its business; it must not serve.
    if let Ok(socket) = std::net::TcpStream::connect(peer.address()) {
        let mut late = Neighbour::greeting_over(socket, &json!({}));
        late.session().assert_closed_after_an_optional("stopping");
    }
    let late = busy.request(json!({"type": "list"}));
    assert!(busy.payload(id).bytes == content);
    if let Some(answer) = busy.next_line() {
        assert_eq!(answer["code"], "stopping", "{answer} to {late}");
    }
    assert_eq!(peer.exit_code(), 0, "{}", peer.log());
}

#[test]
fn a_second_signal_stops_at_once_with_exit_code_one() {
    let content = bytes("film", LENGTH);
    let (mut peer, _busy, _) = draining_peer(&content);
    peer.terminate();
    assert_eq!(peer.exit_code(), 1, "{}", peer.log());
}

#[test]
fn when_the_drain_timeout_passes_the_rest_is_cut_and_the_exit_code_is_one() {
    let content = bytes("film", LENGTH);
    let mut peer = peer!().option_with("--drain-timeout", "300ms").file("film.mov", &content).start();
    let mut busy = peer.session();
    let id = busy.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(busy.answer(id)["type"], "reading");
    peer.terminate();
    assert_eq!(peer.exit_code(), 1, "{}", peer.log());
}

#[test]
fn quit_over_the_control_socket_drains_and_forcequit_cuts() {
    for command in ["QUIT", "quit"] {
        let mut peer = peer!().option_with("--drain-timeout", FOR_EVER).start();
        let mut link = Neighbour::open(peer.address());
        peer.attach_with(&[], &[command]).expect_done();
        assert_eq!(peer.exit_code(), 0, "{}", peer.log());
        link.session().assert_closed_after_an_optional("stopping");
    }
    let mut peer = peer!().option_with("--drain-timeout", FOR_EVER).file("f", bytes("f", LENGTH)).start();
    let mut busy = peer.session();
    let id = busy.request(json!({"type": "read", "path": "f"}));
    assert_eq!(busy.answer(id)["type"], "reading");
    peer.attach_with(&[], &["FORCEQUIT"]);
    assert_eq!(peer.exit_code(), 1, "{}", peer.log());
}

#[test]
fn the_console_quits_too() {
    let mut peer = peer!().option("--console").start();
    let _link = Neighbour::open(peer.address());
    peer.type_in("status");
    peer.type_in("QUIT");
    assert_eq!(peer.exit_code(), 0, "{}", peer.log());
}

#[test]
fn a_search_that_runs_does_not_hold_up_a_stop() {
    let mut mesh = Mesh::start(&Wiring::line(2), |_| peer!().option_with("--drain-timeout", FOR_EVER));
    let sent = mesh[0].count("messages_sent");
    let asked = mesh[0].ask("SEARCH nothing");
    integration_tests::patience::eventually_true("the search is on its way", || {
        mesh[0].count("messages_sent") > sent
    });
    mesh[0].terminate();
    assert_eq!(mesh[0].exit_code(), 0, "{}", mesh[0].log());
    drop(asked);
}

#[test]
fn a_peer_stops_although_its_neighbours_are_stuck() {
    let peer_that_hangs = peer!().start();
    let proxy = Proxy::start(peer_that_hangs.address(), |_| Fault::Stall(Direction::ToClient, 0));
    // One never welcomes it, one takes nothing any more.
    let mut peer = peer!().option_with("--drain-timeout", FOR_EVER).knows(&proxy.address()).start();
    let _stuck = Neighbour::open(peer.address());
    integration_tests::patience::eventually_true("it dials", || proxy.connection_count() > 0);
    peer.terminate();
    assert_eq!(peer.exit_code(), 0, "{}", peer.log());
}
