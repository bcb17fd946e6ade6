//! Addresses: IPv6, both at once, and `--advertise`; a result's address is one that its owner was seen at.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::neighbour::{Canary, Neighbour, new_id};
use integration_tests::patience::eventually;
use integration_tests::peer;
use integration_tests::peer::Peer;
use serde_json::json;

#[test]
fn a_mesh_on_ipv6_finds_discovers_and_fetches() {
    let mesh = Mesh::start(&Wiring::line(3), |number| {
        peer!().listening_on("[::1]:0").file(&format!("song {number}.mp3"), number.to_string())
    });
    assert!(mesh[0].address().is_ipv6());
    let found = mesh.results(0, "SEARCH song", 2);
    assert_eq!(mesh.owners_and_hops(&found), [(1, 1), (2, 2)]);
    let discovered = mesh.results(0, "DISCOVER 7", 2);
    assert_eq!(mesh.owners_and_hops(&discovered), [(1, 1), (2, 2)]);
    mesh[0].attach(&[&format!("GET \"song 2.mp3\" {}", mesh[2].host_and_port())]).expect_done();
    assert_eq!(mesh[0].scratch().shared("song 2.mp3"), b"2");
    let text = mesh[0].ask_as_text("SEARCH song").text(2, mesh.peers());
    let start = format!("found at IP:::1,Port:{}:", mesh[2].address().port());
    let bracketed = format!("found at IP:[::1],Port:{}:", mesh[2].address().port());
    assert!(text.contains(&start) || text.contains(&bracketed), "{text:?}");
}

#[test]
fn between_ipv4_and_ipv6_each_is_found_where_it_listens() {
    let four = peer!().file("four.mp3", b"4").start();
    let six = peer!().listening_on("[::1]:0").knows(&four.address()).file("six.mp3", b"6").start();
    for peer in [&four, &six] {
        peer.wait_until_indexed();
        peer.wait_for_links(1);
    }
    for (peer, words, there) in [(&four, "six", &six), (&six, "four", &four)] {
        // That a neighbour listens elsewhere than it dials from is believed only once it was reached there.
        let command = format!("SEARCH {words}");
        let address = there.address().to_string();
        eventually(&format!("{words} is found at {address}"), || {
            let found = peer.ask(&command).first_results(1);
            (found[0]["address"] == address.as_str()).then_some(())
        });
        peer.attach(&[&format!("GET {words}.mp3 {}", there.host_and_port())]).expect_done();
    }
}

#[test]
fn an_advertised_address_takes_the_others_place_once_the_same_peer_answers_there() {
    let peer = peer!().start();
    let listener = Canary::new();
    let advertise = listener.address().to_string();
    let id = new_id();
    let mut neighbour =
        Neighbour::open_with(peer.address(), &json!({"process_id": id, "advertise": advertise}));
    // It is dialled to see who answers.
    let (socket, _) = listener.listener().accept().unwrap();
    let mut session = integration_tests::session::Session::over(socket);
    assert_eq!(session.line()["type"], "hello");
    session.send(&integration_tests::neighbour::welcome(&id));
    eventually("the advertised address is believed", || {
        let found = ask_and_answer(&peer, &mut neighbour);
        (found == advertise).then_some(())
    });
}

#[test]
fn an_advertised_address_where_somebody_else_answers_is_not_believed() {
    let peer = peer!().start();
    let other = peer!().start();
    let advertise = other.address().to_string();
    let mut neighbour = Neighbour::open_with(peer.address(), &json!({"advertise": advertise}));
    peer.wait_until_quiet();
    other.wait_until_quiet();
    assert_ne!(ask_and_answer(&peer, &mut neighbour), advertise);
}

#[test]
fn an_advertised_address_is_dialled_once_at_most_and_only_when_the_link_opens() {
    let peer = peer!().start();
    let canary = Canary::new();
    let advertise = canary.address().to_string();
    let mut neighbour = Neighbour::open_with(peer.address(), &json!({"advertise": advertise}));
    neighbour.assert_works();
    // Nobody answers there, so the address stays what it was.
    let (socket, _) = canary.listener().accept().unwrap();
    drop(socket);
    for _ in 0..3 {
        let found = ask_and_answer(&peer, &mut neighbour);
        assert_ne!(found, advertise);
    }
    drop(neighbour);
    peer.wait_for_links(0);
    peer.wait_until_quiet();
    canary.assert_was_never_contacted();
}

#[test]
fn a_peer_says_what_it_advertises() {
    let known = Canary::new();
    let _peer = peer!().option_with("--advertise", "203.0.113.7:10001").knows(&known.address()).start();
    let (socket, _) = known.listener().accept().unwrap();
    let hello = integration_tests::session::Session::over(socket).line();
    assert_eq!(hello["advertise"], "203.0.113.7:10001", "{hello}");
}

#[test]
fn what_a_result_says_of_its_own_address_is_overwritten_by_the_neighbour() {
    let peer = peer!().start();
    let canary = Canary::new();
    let mut neighbour = Neighbour::open(peer.address());
    let asked = peer.ask("SEARCH song");
    let id = neighbour.hear_a("search")["search_id"].clone();
    let files = json!([{"path": "song", "byte_count": 1}]);
    let address = canary.address().to_string();
    neighbour.send(
        &json!({"type": "search_result", "search_id": id, "hops": 0, "address": address, "files": files}),
    );
    assert_eq!(asked.first_results(1)[0]["address"], "127.0.0.1:1");
    peer.wait_until_quiet();
    canary.assert_was_never_contacted();
}

/// The address under which a result of this neighbour, its only one, is printed.
fn ask_and_answer(peer: &Peer, neighbour: &mut Neighbour) -> String {
    let asked = peer.ask("SEARCH song");
    let id = neighbour.hear_a("search")["search_id"].as_str().unwrap().to_owned();
    neighbour.send(&integration_tests::neighbour::result(&id, "song"));
    asked.first_results(1)[0]["address"].as_str().unwrap().to_owned()
}
