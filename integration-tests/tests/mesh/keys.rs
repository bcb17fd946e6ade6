//! Keys of peers: who a neighbour is by TLS, what a named key is good for, and which keys results carry.

use integration_tests::neighbour::{NO_PORT, hello, new_id};
use integration_tests::peer;
use integration_tests::peer::Peer;
use integration_tests::session::Session;
use integration_tests::tls::{TlsKey, TlsStream};
use serde_json::{Value, json};

fn key_of(peer: &Peer) -> String {
    peer.status()["key"].as_str().unwrap().to_owned()
}

fn locator(peer: &Peer, key: &str) -> String {
    format!("ioe://{}/#{key}", peer.address())
}

/// A neighbour over TLS, by hand.
fn neighbour(peer: &Peer, key: &TlsKey, process_id: &str) -> Session {
    let (stream, _) = TlsStream::dial(peer.address(), key);
    let mut session = Session::over(stream);
    let mut words = hello(process_id);
    words["port"] = json!(NO_PORT);
    session.send(&words);
    let welcome = session.line();
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    session
}

fn hear_a(session: &mut Session, kind: &str) -> Value {
    std::iter::repeat_with(|| session.line()).find(|line| line["type"] == kind).unwrap()
}

#[test]
fn who_names_a_key_is_linked_in_tls_with_its_owner_and_with_nobody_else() {
    let there = peer!().start();
    let key = key_of(&there);
    assert_eq!(there.session().stream().socket().peer_addr().unwrap(), there.address(), "plain text here");
    let wrong = locator(&there, &"ab".repeat(32));
    let right = locator(&there, &key);
    let here = peer!().start();
    let outcome = here.attach(&[&format!("CONNECT {wrong}")]).expect_error("key_mismatch", 5);
    assert!(outcome.text().contains(&key) && outcome.text().contains(&"ab".repeat(32)), "{outcome:?}");
    assert_eq!(here.count("links"), 0);
    here.attach(&[&format!("LISTR {wrong}")]).expect_error("key_mismatch", 5);
    here.attach(&[&format!("LISTR {right}"), &format!("CONNECT {right}")]).expect_done();
    let neighbours = here.status()["neighbours"].clone();
    assert_eq!([&neighbours[0]["tls"], &neighbours[0]["peer"]], [&json!(true), &json!(key[..32])]);
    let third = peer!().knows(&right).start();
    third.wait_for_links(1);
    assert_eq!(third.status()["neighbours"][0]["tls"], true);
}

#[test]
fn what_is_no_address_of_this_machine_is_dialled_in_tls_whatever_key_answers() {
    let there = peer!().file("song.txt", "la").start();
    there.wait_until_indexed();
    let here = peer!().start();
    // No number of this machine's loopback, and yet it leads nowhere else.
    let place = format!("0.0.0.0 {}", there.address().port());
    here.attach(&[&format!("LISTR {place}"), &format!("CONNECT {place}")]).expect_done();
    here.wait_for_links(1);
    assert_eq!(here.status()["neighbours"][0]["tls"], true);
    let found = here.ask("SEARCH song").first_results(1).remove(0);
    assert_eq!(found["key"], key_of(&there), "{found}");
    here.attach(&["GET song"]).expect_done();
}

#[test]
fn a_link_in_plain_text_gives_way_to_whoever_proves_the_key_and_never_the_other_way() {
    let there = peer!().start();
    let key = key_of(&there);
    let here = peer!().knows(&there.address()).start();
    here.wait_for_links(1);
    assert_eq!(here.status()["neighbours"][0]["tls"], false);
    here.attach(&[&format!("CONNECT {}", locator(&there, &key))]).expect_done();
    here.wait_for_links(1);
    there.wait_for_links(1);
    assert_eq!(here.status()["neighbours"][0]["tls"], true);
    here.attach(&[&format!("CONNECT {}", there.host_and_port())]).expect_done();
    assert_eq!(
        [&here.status()["neighbours"][0]["tls"], &there.status()["neighbours"][0]["tls"]],
        [true, true]
    );
}

#[test]
fn over_tls_a_neighbour_is_who_its_key_says_whatever_it_calls_itself() {
    let peer = peer!().start();
    let key = TlsKey::generate();
    let _session = neighbour(&peer, &key, &new_id());
    peer.wait_for_links(1);
    assert_eq!(peer.status()["neighbours"][0]["peer"], key.public_hex()[..32]);
}

#[test]
fn the_neighbour_of_an_owner_writes_the_key_that_it_saw_and_no_other() {
    let peer = peer!().start();
    let key = TlsKey::generate();
    let (mut in_tls, mut asking) =
        (neighbour(&peer, &key, &new_id()), neighbour(&peer, &TlsKey::generate(), &new_id()));
    let mut plain = integration_tests::neighbour::Neighbour::open(peer.address());
    peer.wait_for_links(3);
    let id = new_id();
    asking.send(&json!({"type": "search", "search_id": id, "ttl": 3, "hops": 0, "words": "song"}));
    let lie = "cd".repeat(32);
    let answer = |hops: u64, address: &str| {
        json!({"type": "search_result", "search_id": id, "hops": hops, "address": address, "key": lie,
               "files": [{"path": "song", "byte_count": 1}]})
    };
    hear_a(&mut in_tls, "search");
    in_tls.send(&answer(0, "127.0.0.1:2"));
    let of_tls = hear_a(&mut asking, "search_result");
    assert_eq!(of_tls["key"], key.public_hex(), "{of_tls}");
    plain.hear_a("search");
    plain.send(&answer(0, "127.0.0.1:2"));
    let of_plain = hear_a(&mut asking, "search_result");
    assert!(of_plain["key"].is_null() && of_plain["address"] != "127.0.0.1:2", "{of_plain}");
    plain.send(&answer(1, "127.0.0.1:2"));
    let passed_on = hear_a(&mut asking, "search_result");
    assert_eq!([&passed_on["key"], &passed_on["address"]], [&lie, "127.0.0.1:2"], "{passed_on}");
}
