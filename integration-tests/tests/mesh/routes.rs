//! What a peer passes on, seen by the neighbours around it: floods to all but their source, results only home.

use std::time::Duration;

use integration_tests::neighbour::{Neighbour, discover, new_id, result};
use integration_tests::peer;
use serde_json::{Value, json};

/// Long enough for what is on its way; where nothing must come, a slow machine lets the test pass.
const A_WHILE: Duration = Duration::from_millis(100);

#[test]
fn a_flood_goes_on_with_one_link_less_to_all_but_its_source() {
    let peer = peer!().start();
    let mut asker = Neighbour::open(peer.address());
    let mut others = [Neighbour::open(peer.address()), Neighbour::open(peer.address())];
    let id = asker.search("song live", 5);
    for other in &mut others {
        let passed = other.hear_a("search");
        let expected =
            json!({"v": 1, "type": "search", "search_id": id, "ttl": 4, "hops": 1, "words": "song live"});
        assert_eq!(passed, expected);
    }
    asker.assert_works();
    let id = new_id();
    asker.send(&discover(&id, 2));
    assert_eq!(asker.hear_a("discover_result")["discover_id"], id.as_str());
    for other in &mut others {
        let passed = other.hear_a("discover");
        assert_eq!([&passed["ttl"], &passed["hops"]], [1, 1], "{passed}");
        assert_eq!(passed["discover_id"], id.as_str(), "{passed}");
    }
    asker.assert_works();
}

#[test]
fn a_search_by_digest_goes_on_as_it_is() {
    let peer = peer!().start();
    let (mut asker, mut other) = (Neighbour::open(peer.address()), Neighbour::open(peer.address()));
    let digest = integration_tests::content::digest(b"content");
    asker.send(&json!({"type": "search", "search_id": new_id(), "ttl": 7, "hops": 0, "digest": digest}));
    let passed = other.hear_a("search");
    assert_eq!(passed["digest"], digest, "{passed}");
    assert_eq!(passed["words"], Value::Null, "{passed}");
}

#[test]
fn a_result_goes_home_alone_with_the_owners_address_and_one_hop_more() {
    let peer = peer!().start();
    let mut asker = Neighbour::open(peer.address());
    let mut owner = Neighbour::open_with(peer.address(), &json!({"port": 4711}));
    let mut third = Neighbour::open(peer.address());
    let id = asker.search("song", 3);
    owner.hear_a("search");
    third.hear_a("search");
    owner.send(&result(&id, "a song.mp3"));
    let home = asker.hear_a("search_result");
    let files = json!([{"path": "a song.mp3", "byte_count": 5}]);
    let expected = json!({
        "v": 1, "type": "search_result", "search_id": id, "hops": 1, "address": "127.0.0.1:4711", "files": files,
    });
    assert_eq!(home, expected);
    third.assert_works();
    owner.assert_works();
}

#[test]
fn an_address_that_was_written_is_passed_on_as_it_is() {
    let peer = peer!().start();
    let (mut asker, mut between) = (Neighbour::open(peer.address()), Neighbour::open(peer.address()));
    let id = asker.search("song", 7);
    between.hear_a("search");
    let mut far = result(&id, "song");
    far["hops"] = json!(3);
    far["address"] = json!("203.0.113.7:4711");
    between.send(&far);
    let home = asker.hear_a("search_result");
    assert_eq!([&home["hops"], &home["address"]], [&json!(4), &json!("203.0.113.7:4711")]);
}

#[test]
fn a_discover_result_goes_home_alone() {
    let peer = peer!().start();
    let mut asker = Neighbour::open(peer.address());
    let mut owner = Neighbour::open_with(peer.address(), &json!({"port": 4711}));
    let id = new_id();
    asker.send(&discover(&id, 2));
    asker.hear_a("discover_result");
    owner.hear_a("discover");
    owner.send(&json!({"type": "discover_result", "discover_id": id, "hops": 0}));
    let home = asker.hear_a("discover_result");
    assert_eq!([&home["hops"], &home["address"]], [&json!(1), &json!("127.0.0.1:4711")]);
    owner.assert_works();
}

#[test]
fn an_answer_of_the_peer_itself_leaves_the_address_to_its_neighbour() {
    let peer = peer!().file("music/song.mp3", b"12345").start();
    peer.wait_until_hashed("music/song.mp3");
    let mut asker = Neighbour::open(peer.address());
    let id = asker.search("song", 1);
    let answer = asker.hear_a("search_result");
    assert_eq!([&answer["search_id"], &answer["hops"]], [&json!(id), &json!(0)], "{answer}");
    assert_eq!(answer["address"], Value::Null, "{answer}");
    let digest = integration_tests::content::digest(b"12345");
    assert_eq!(answer["files"], json!([{"path": "music/song.mp3", "byte_count": 5, "digest": digest}]));
}

#[test]
fn an_id_that_was_seen_is_answered_and_passed_on_once_whoever_sends_it() {
    let peer = peer!().file("song.mp3", b"").start();
    peer.wait_until_indexed();
    let mut askers = [Neighbour::open(peer.address()), Neighbour::open(peer.address())];
    let mut third = Neighbour::open(peer.address());
    let dropped = peer.count("duplicates_dropped");
    let id = askers[0].search("song", 7);
    askers[0].hear_a("search_result");
    askers[1].hear_a("search");
    third.hear_a("search");
    for asker in &mut askers {
        asker.send(&integration_tests::neighbour::search(&id, "song", 7));
        asker.assert_works();
    }
    third.assert_works();
    assert_eq!(peer.count("duplicates_dropped"), dropped + 2);
}

#[test]
fn what_a_peer_asks_itself_is_not_answered_by_itself_when_it_comes_back() {
    let peer = peer!().file("song.mp3", b"").start();
    peer.wait_until_indexed();
    let mut neighbours = [Neighbour::open(peer.address()), Neighbour::open(peer.address())];
    let asked = peer.ask("SEARCH song");
    let mut search = neighbours[0].hear_a("search");
    search["hops"] = json!(1);
    search["ttl"] = json!(6);
    neighbours[1].hear_a("search");
    neighbours[1].send(&search);
    neighbours.iter_mut().for_each(Neighbour::assert_works);
    assert!(asked.first_results(0).is_empty());
}

#[test]
fn a_link_that_opens_later_gets_no_older_flood_but_answers_of_its_own() {
    let peer = peer!().start();
    let mut asker = Neighbour::open(peer.address());
    let id = asker.search("song", 7);
    asker.assert_works();
    let mut late = Neighbour::open(peer.address());
    assert!(!late.hears_within(A_WHILE));
    // It was never asked, so what it says about that search is dropped.
    late.send(&result(&id, "song"));
    late.assert_works();
    asker.assert_works();
}
