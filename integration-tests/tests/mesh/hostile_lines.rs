//! Lines over a link that are no messages, or none of a link's: what is refused, and what closes the link.

use integration_tests::content::Dice;
use integration_tests::neighbour::{Neighbour, discover, hello, new_id, result, search};
use integration_tests::peer;
use integration_tests::session::assert_refused;
use serde_json::{Value, json};

#[test]
fn an_unknown_type_is_refused_and_the_link_goes_on() {
    let peer = peer!().start();
    let mut neighbour = Neighbour::open(peer.address());
    for message in [
        json!({"type": "dance"}),
        json!({"type": "dance", "id": 5, "hops": 1}),
        json!({"type": "list", "id": 1}),
        json!({"type": "read", "id": 2, "path": "song.mp3"}),
        json!({"type": "stat", "id": 3}),
        json!({"type": "bye", "id": 4}),
        json!({"type": "delete", "id": 5, "path": "song.mp3"}),
    ] {
        neighbour.send(&message);
        let refusal = neighbour.hear();
        assert_refused(&refusal, "unknown_type");
        neighbour.assert_works();
    }
}

#[test]
fn what_asks_for_nothing_gets_no_answer() {
    let peer = peer!().start();
    let mut neighbour = Neighbour::open(peer.address());
    neighbour.send(&json!({"type": "ping"}));
    neighbour.send(&json!({"type": "ping", "unknown": [1, 2, {"x": 3}]}));
    neighbour.send(&json!({"type": "refused", "code": "unknown_type", "message": "what?"}));
    neighbour.send(&json!({"type": "refused", "code": "a code of the future", "message": "what?"}));
    neighbour.assert_works();
}

#[test]
fn what_is_no_message_closes_its_own_link_alone() {
    let peer = peer!().file("song.mp3", b"").start();
    peer.wait_until_indexed();
    let mut other = Neighbour::open(peer.address());
    let id = new_id();
    let lines: Vec<Vec<u8>> = vec![
        b"garbage\n".to_vec(),
        b"[1,\"search\"]\n".to_vec(),
        b"{\"v\":1}\n".to_vec(),
        b"{\"v\":1,\"type\":5}\n".to_vec(),
        b"{\"v\":1,\"type\":\"ping\",\"type\":\"ping\"}\n".to_vec(),
        b"{\"v\":1,\"type\":\"ping\",\"x\":\"\xff\"}\n".to_vec(),
        format!("{{\"v\":1,\"type\":\"ping\",\"x\":{}1{}}}\n", "[".repeat(9), "]".repeat(9)).into_bytes(),
        format!("{{\"v\":1,\"type\":\"ping\",\"x\":{}\n", "[".repeat(10_000)).into_bytes(),
        b"{\"v\":1,\"type\":\"section\",\"id\":1,\"offset\":0,\"byte_count\":5}\nhello".to_vec(),
        vec![b'x'; 70_000],
        [b"{\"v\":1,\"type\":\"ping\",\"x\":\"".to_vec(), vec![b'x'; 66_000], b"\"}\n".to_vec()].concat(),
        format!("{{\"v\":1,\"type\":\"search\",\"search_id\":\"{id}\",\"ttl\":7,\"hops\":0}}").into_bytes(),
    ];
    for line in &lines[..lines.len() - 1] {
        let mut neighbour = Neighbour::open(peer.address());
        // It may close before it has taken all of it.
        neighbour.session().try_send_raw(line);
        neighbour.session().assert_closed_after_an_optional("bad_message");
        other.assert_works();
    }
    // The last one is cut off before its end.
    let mut neighbour = Neighbour::open(peer.address());
    neighbour.session().send_raw(&lines[lines.len() - 1]);
    drop(neighbour);
    peer.wait_for_links(1);
    assert_eq!(other.found_files("song").len(), 1);
}

#[test]
fn wrong_fields_in_a_message_close_the_link() {
    let peer = peer!().start();
    let id = new_id();
    let changed = |message: Value, field: &str, value: Value| {
        let mut message = message;
        message[field] = value;
        message
    };
    for message in [
        changed(search(&id, "song", 7), "ttl", json!(256)),
        changed(search(&id, "song", 7), "ttl", json!(-1)),
        changed(search(&id, "song", 7), "ttl", json!("7")),
        changed(search(&id, "song", 7), "hops", json!(1.5)),
        changed(search(&id, "song", 7), "hops", Value::Null),
        changed(search(&id, "song", 7), "search_id", json!("short")),
        changed(search(&id, "song", 7), "search_id", json!("zz112233445566778899aabbccddeeff")),
        changed(search(&id, "song", 7), "search_id", json!(5)),
        changed(search(&id, "song", 7), "words", json!(["song"])),
        changed(search(&id, "song", 7), "digest", json!("abc")),
        changed(discover(&id, 7), "discover_id", json!("")),
        changed(discover(&id, 7), "ttl", json!(1e300)),
        changed(result(&id, "song"), "files", json!("song")),
        changed(result(&id, "song"), "files", json!([{"path": "song"}])),
        changed(result(&id, "song"), "files", json!([{"path": "song", "byte_count": -5}])),
        changed(result(&id, "song"), "files", json!([{"path": "song", "byte_count": 1_u64 << 53}])),
        changed(result(&id, "song"), "address", json!("somewhere")),
        json!({"type": "search"}),
        json!({"type": "discover_result", "discover_id": id}),
    ] {
        let mut neighbour = Neighbour::open(peer.address());
        neighbour.send(&message);
        let answer = neighbour.session().next_line();
        let answer = answer.unwrap_or_else(|| panic!("no refusal of {message}"));
        assert_eq!(answer["code"], "bad_message", "{message}");
        neighbour.session().assert_closed();
    }
    peer.wait_for_links(0);
}

#[test]
fn another_version_on_a_link_closes_it() {
    let peer = peer!().start();
    let mut neighbour = Neighbour::open(peer.address());
    neighbour.send(&json!({"v": 9, "type": "ping"}));
    neighbour.session().assert_closed_with("unsupported_version");
}

#[test]
fn a_second_hello_and_a_welcome_are_refused() {
    let peer = peer!().start();
    let mut other = Neighbour::open(peer.address());
    for message in [hello(&new_id()), integration_tests::neighbour::welcome(&new_id())] {
        let mut neighbour = Neighbour::open(peer.address());
        neighbour.send(&message);
        let refusal = neighbour.hear();
        match refusal["code"].as_str().unwrap() {
            "unknown_type" => neighbour.assert_works(),
            code => assert_eq!(code, "bad_message", "{refusal}"),
        }
        other.assert_works();
    }
    peer.wait_for_links(1);
}

#[test]
fn a_session_takes_no_messages_of_links() {
    let peer = peer!().file("song.mp3", b"").start();
    let mut session = peer.session();
    session.ask_refused(
        json!({"type": "discover", "discover_id": new_id(), "ttl": 7, "hops": 0}),
        "unknown_type",
    );
    session.assert_works();
}

/// A message that may be right or wrong in every field.
fn any_message(dice: &mut Dice, ids: &[String]) -> Value {
    let numbers = [json!(0), json!(1), json!(6), json!(7), json!(255), json!(256), json!(-1), json!("7")];
    let types = ["search", "discover", "search_result", "discover_result", "ping", "refused", "dance"];
    let words = ["song", "", "a b c", "🎵 song", "\u{202e}"];
    let addresses = ["127.0.0.1:1", "[::1]:1", "x", "255.255.255.255:65535", "0.0.0.0:0"];
    // Mostly right, so that much of it passes.
    let mut number = |right: u64| match dice.below(8) {
        0 => dice.pick(&numbers).clone(),
        _ => json!(right),
    };
    let (ttl, hops, byte_count) = (number(7), number(0), number(5));
    json!({
        "type": dice.pick(&types), "search_id": dice.pick(ids), "discover_id": dice.pick(ids), "ttl": ttl,
        "hops": hops, "words": dice.pick(&words), "address": dice.pick(&addresses), "code": "busy",
        "message": "no", "files": [{"path": dice.pick(&words), "byte_count": byte_count}],
    })
}

#[test]
fn random_messages_break_nothing() {
    let peer = peer!().file("song.mp3", b"").start();
    peer.wait_until_indexed();
    let ids: Vec<String> = (0..20).map(|_| new_id()).collect();
    for seed in 0..12 {
        let mut dice = Dice::new(&format!("messages over a link {seed}"));
        let mut neighbours: Vec<Neighbour> = (0..3).map(|_| Neighbour::open(peer.address())).collect();
        for _ in 0..150 {
            let message = any_message(&mut dice, &ids);
            let place = dice.below(neighbours.len());
            let line = integration_tests::session::line_of(&message);
            if !neighbours[place].session().try_send_raw(line) {
                neighbours[place] = Neighbour::open(peer.address());
            }
        }
    }
    peer.wait_for_links(0);
    assert_eq!(Neighbour::open(peer.address()).found_files("song").len(), 1);
}
