//! What may be wrong with a link's opening, and what must be seen.

use integration_tests::neighbour::{Neighbour, discover, hello, new_id};
use integration_tests::peer;
use integration_tests::session::{Session, line_of};
use serde_json::{Value, json};

#[test]
fn a_hello_of_a_peer_without_a_port_where_it_listens_is_no_message() {
    let peer = peer!().start();
    for port in [json!(0), json!(65_536), json!(-1), json!("10001"), json!(1.5), Value::Null] {
        let mut neighbour = Neighbour::greeting(peer.address(), &json!({"port": port}));
        neighbour.session().assert_closed_with("bad_message");
    }
    let mut without = hello(&new_id());
    without.as_object_mut().unwrap().remove("port");
    let mut session = Session::dial(peer.address());
    session.send(&without);
    session.assert_closed_with("bad_message");
    assert_eq!(peer.count("links"), 0);
}

#[test]
fn wrong_fields_in_a_hello_are_no_message() {
    let peer = peer!().start();
    for fields in [
        json!({"process_id": "short"}),
        json!({"process_id": "zz23456789abcdef0123456789abcdef"}),
        json!({"process_id": 5}),
        json!({"role": "king"}),
        json!({"advertise": "nowhere"}),
        json!({"advertise": 5}),
        json!({"advertise": "localhost:4711"}),
        json!({"versions": "1"}),
        json!({"agent": "x".repeat(129)}),
    ] {
        let mut neighbour = Neighbour::greeting(peer.address(), &fields);
        neighbour.session().assert_closed_with("bad_message");
    }
    let mut neighbour = Neighbour::greeting(peer.address(), &json!({"versions": [9]}));
    let refusal = neighbour.session().assert_closed_with("unsupported_version");
    assert_eq!(refusal["versions"], json!([1]));
    Neighbour::open_with(peer.address(), &json!({"unknown": "field"})).assert_works();
}

#[test]
fn a_peer_that_meets_its_own_id_refuses() {
    let peer = peer!().start();
    let mut first = Session::dial(peer.address());
    first.send(&hello(&new_id()));
    let own = first.line()["process_id"].as_str().unwrap().to_owned();
    let mut neighbour = Neighbour::greeting(peer.address(), &json!({"process_id": own}));
    neighbour.session().assert_closed_with("not_allowed");
}

#[test]
fn a_second_link_of_the_same_peer_is_refused_and_the_first_goes_on() {
    let peer = peer!().start();
    let mut first = Neighbour::open(peer.address());
    let id = first.process_id().to_owned();
    for _ in 0..3 {
        let mut second = Neighbour::greeting(peer.address(), &json!({"process_id": id}));
        second.session().assert_closed_with("exists");
        first.assert_works();
    }
    assert_eq!(peer.count("links"), 1);
    drop(first);
    peer.wait_for_links(0);
    Neighbour::open_with(peer.address(), &json!({"process_id": id})).assert_works();
}

#[test]
fn what_is_sent_right_after_hello_is_answered_after_welcome() {
    let peer = peer!().start();
    let mut session = Session::dial(peer.address());
    let id = new_id();
    session.send_raw(line_of(&hello(&new_id())) + &line_of(&discover(&id, 1)));
    assert_eq!(session.line()["type"], "welcome");
    assert_eq!(session.line()["discover_id"], id.as_str());
}

#[test]
fn a_crowd_of_links_is_told_busy_and_those_that_stand_work() {
    let peer = peer!().start();
    let mut links: Vec<Neighbour> = Vec::new();
    // More than any default allows.
    let refusal = (0..2000).find_map(|_| {
        let mut neighbour = Neighbour::greeting(peer.address(), &json!({}));
        let answer = neighbour.session().line();
        if answer["type"] == "welcome" {
            links.push(neighbour);
            return None;
        }
        Some(answer)
    });
    assert_eq!(refusal.expect("there is a limit")["code"], "busy");
    assert_eq!(peer.count("links"), links.len() as u64);
    links[0].assert_works();
    peer.session().assert_works();
    links.pop();
    peer.wait_for_links(links.len() as u64);
    Neighbour::open(peer.address()).assert_works();
}

#[test]
fn one_link_more_than_allowed_is_told_busy_and_a_free_place_is_used_again() {
    let peer = peer!().option_with("--max-links", "2").start();
    let mut first = Neighbour::open(peer.address());
    let mut second = Neighbour::open(peer.address());
    let mut third = Neighbour::greeting(peer.address(), &json!({}));
    third.session().assert_closed_with("busy");
    first.assert_works();
    second.assert_works();
    drop(first);
    peer.wait_for_links(1);
    Neighbour::open(peer.address()).assert_works();
    peer.session().assert_works();
}

#[test]
fn links_take_no_place_of_a_session() {
    let peer = peer!().option_with("--max-connections", "1").start();
    let mut links: Vec<Neighbour> = (0..4).map(|_| Neighbour::open(peer.address())).collect();
    let mut session = peer.session();
    session.assert_works();
    links.iter_mut().for_each(Neighbour::assert_works);
}

#[test]
fn other_protocols_get_one_line_at_most() {
    let peer = peer!().start();
    for first in
        [b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"GNUTELLA CONNECT/0.4\n\n", &[0x16, 3, 1, 0, 5], b"\n"]
    {
        let mut session = Session::dial(peer.address());
        session.send_raw(first);
        session.finish_sending();
        if session.next_line().is_some() {
            session.assert_closed();
        }
    }
    peer.session().assert_works();
}
