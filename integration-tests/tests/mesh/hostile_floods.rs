//! Floods that lie about their ttl, come too often, or are too long: what passes, and that others are served.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::neighbour::{Neighbour, discover, new_id, search};
use integration_tests::patience::eventually_true;
use integration_tests::peer;
use integration_tests::peer::{Peer, WHOLE_WAIT};
use integration_tests::session::line_of;
use serde_json::{Value, json};

/// So many floods of one neighbour pass at once (PROTOCOL.md, section 11).
const FLOODS_AT_ONCE_MAX: usize = 1000;
/// And so many more each second.
const FLOODS_PER_SECOND_MAX: usize = 100;
/// What a peer with a small folder and a few links never needs.
const MEMORY_MAX: u64 = 160 << 20;

/// A peer with a song, one who asks it, and one who hears what it passes on.
fn peer_with_two_neighbours() -> (Peer, Neighbour, Neighbour) {
    let peer = peer!().file("song.mp3", b"la").start();
    peer.wait_until_indexed();
    let (asker, other) = (Neighbour::open(peer.address()), Neighbour::open(peer.address()));
    (peer, asker, other)
}

/// Sends a search with these numbers; how the neighbour behind gets it, and whether it is answered.
fn passed(asker: &mut Neighbour, other: &mut Neighbour, (ttl, hops): (u64, u64)) -> (Option<Value>, bool) {
    let id = new_id();
    let mut flood = search(&id, "song", ttl);
    flood["hops"] = json!(hops);
    asker.send(&flood);
    let is_answered = !asker.files_until_answered().is_empty();
    // What was sent on to the other end comes before what is sent on after it.
    let sent_on = other.lines_until_marked_by(asker);
    (sent_on.into_iter().find(|line| line["search_id"] == id.as_str()), is_answered)
}

#[test]
fn promise_6_ttl_and_hops_together_never_exceed_seven_whatever_a_message_says() {
    let (_peer, mut asker, mut other) = peer_with_two_neighbours();
    for (sent, expected) in [
        ((7, 0), Some((6, 1))),
        ((255, 0), Some((6, 1))),
        ((2, 0), Some((1, 1))),
        ((7, 3), Some((3, 4))),
        ((255, 5), Some((1, 6))),
        ((1, 0), None),
        ((1, 6), None),
        ((255, 6), None),
    ] {
        let (onward, is_answered) = passed(&mut asker, &mut other, sent);
        let numbers = onward.map(|line| (line["ttl"].as_u64().unwrap(), line["hops"].as_u64().unwrap()));
        assert_eq!(numbers, expected, "{sent:?}");
        assert!(is_answered, "{sent:?}");
    }
}

#[test]
fn a_flood_without_a_link_left_is_dropped_without_a_word() {
    let (_peer, mut asker, mut other) = peer_with_two_neighbours();
    for sent in [(0, 0), (7, 7), (1, 255), (255, 255), (0, 7)] {
        assert_eq!(passed(&mut asker, &mut other, sent), (None, false), "{sent:?}");
    }
    let mut spent = discover(&new_id(), 0);
    asker.send(&spent);
    spent["ttl"] = json!(255);
    spent["hops"] = json!(200);
    asker.send(&spent);
    asker.assert_works();
    assert!(other.lines_until_marked_by(&mut asker).is_empty());
}

#[test]
fn an_id_that_comes_again_and_again_is_dropped_whatever_its_numbers_say() {
    let (peer, mut asker, mut other) = peer_with_two_neighbours();
    let id = new_id();
    asker.send(&search(&id, "song", 7));
    assert_eq!(asker.files_until_answered().len(), 1);
    other.hear_a("search");
    let seen = peer.count("searches_seen");
    for hops in 0..8 {
        let mut again = search(&id, "song", 255);
        again["hops"] = json!(hops);
        asker.send(&again);
        other.send(&again);
    }
    // The same id as a discover is the same id.
    asker.assert_works();
    other.assert_works();
    assert_eq!(peer.count("searches_seen"), seen);
}

#[test]
fn as_many_floods_as_the_common_half_of_the_budget_has_all_pass() {
    let (_peer, mut asker, mut other) = peer_with_two_neighbours();
    let mut heard = 0;
    // All that may be sent on is half of what neighbours take; each round takes two more: the discovers
    // by which it is awaited.
    for _ in 0..4 {
        let floods: String = (0..100).map(|_| line_of(&search(&new_id(), "nobody has this", 7))).collect();
        asker.session().send_raw(floods);
        asker.assert_works();
        heard += other.lines_until_marked_by(&mut asker).len();
    }
    assert_eq!(heard, 400);
}

#[test]
fn floods_past_the_budget_are_dropped_and_counted_and_others_are_served() {
    let mesh = Mesh::start(&Wiring::line(2), |number| match number {
        0 => peer!(),
        _ => peer!().file("song.mp3", b""),
    });
    let flooded = &mesh[0];
    let (mut flooding, mut other) = (Neighbour::open(flooded.address()), Neighbour::open(flooded.address()));
    let (received, begun) = (flooded.count("messages_received"), std::time::Instant::now());
    let count = 5 * FLOODS_AT_ONCE_MAX;
    let floods: String = (0..count).map(|_| line_of(&search(&new_id(), "nobody has this", 7))).collect();
    let is_sent = flooding.session().send_meanwhile(floods.into_bytes());
    // Those before it have passed or were dropped.
    let mut heard = 0;
    eventually_true("all that was sent has arrived", || {
        heard += other.lines_until_answered().len();
        flooded.count("messages_received") - received >= count as u64
    });
    assert!(is_sent.join().unwrap());
    let mut marking = Neighbour::open(flooded.address());
    heard += other.lines_until_marked_by(&mut marking).len();
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    let budget = FLOODS_AT_ONCE_MAX + seconds * FLOODS_PER_SECOND_MAX;
    assert!(heard <= budget, "{heard} floods passed, and {budget} were allowed");
    assert!(heard > 0, "none passed");
    // The neighbour behind still takes what this peer's own user asks.
    assert_eq!(flooded.results_within(WHOLE_WAIT, "SEARCH song").len(), 1);
    let seen = mesh[1].count("searches_seen");
    assert!(usize::try_from(seen).unwrap() <= budget + 10, "{seen} reached the peer behind");
}

#[test]
fn a_flood_of_ids_without_end_takes_bounded_memory() {
    let (peer, mut asker, _deaf) = peer_with_two_neighbours();
    let mut flooding = Neighbour::open(peer.address());
    let lines: String = (0..100_000_u64)
        .map(|number| {
            format!(
                "{{\"v\":1,\"type\":\"discover\",\"discover_id\":\"{number:032x}\",\"ttl\":7,\"hops\":0}}\n"
            )
        })
        .collect();
    let received = peer.count("messages_received");
    // Answers come back, and nobody reads them.
    let is_sent = flooding.session().send_meanwhile(lines.into_bytes());
    for _ in 0..5 {
        assert_eq!(asker.found_files_among_floods("song"), 1, "others are served meanwhile");
    }
    assert!(is_sent.join().unwrap());
    eventually_true("all of them have arrived", || peer.count("messages_received") - received >= 100_000);
    assert_eq!(asker.found_files_among_floods("song"), 1);
    assert!(peer.process().memory_peak() < MEMORY_MAX, "{}", peer.process().memory_peak());
}

#[test]
fn long_searches_are_answered_up_to_the_limit_and_dropped_beyond() {
    let (_peer, mut asker, mut other) = peer_with_two_neighbours();
    // As many words as fit.
    let most = format!("song {}", "a ".repeat(509));
    for (words, passes) in [
        (most.clone(), true),
        (format!("{most}b"), true),
        (format!("{most}bb"), false),
        ("word ".repeat(1000), false),
        ("x".repeat(60_000), false),
    ] {
        assert!((words.len() <= 1024) == passes, "the limit is 1024 bytes");
        let id = new_id();
        asker.send(&search(&id, &words, 7));
        asker.assert_works();
        let heard = other.lines_until_marked_by(&mut asker);
        assert_eq!(heard.len(), usize::from(passes), "{} bytes", words.len());
    }
}

#[test]
fn searches_without_words_find_nothing() {
    let (_peer, mut asker, _other) = peer_with_two_neighbours();
    for words in ["", " ", "...", "/", "\u{202e}", "🎵"] {
        assert!(asker.found_files(words).is_empty(), "{words}");
    }
}

#[test]
fn a_search_for_words_and_digest_or_for_neither_is_no_search() {
    let peer = peer!().file("song.mp3", b"la").start();
    peer.wait_until_indexed();
    let digest = integration_tests::content::digest(b"la");
    for fields in [json!({}), json!({"words": "song", "digest": digest})] {
        let mut asker = Neighbour::open(peer.address());
        let mut flood = json!({"type": "search", "search_id": new_id(), "ttl": 7, "hops": 0});
        flood.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        asker.send(&flood);
        asker.send(&discover(&new_id(), 1));
        // Whether it is dropped or the link closes: it is not answered.
        let answer = asker.hear();
        assert!(answer["code"] == "bad_message" || answer["type"] == "discover_result", "{answer}");
    }
}
