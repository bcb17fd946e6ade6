//! Searches and discovers on their way out.

use super::*;
use wire::limits::{FLOODS_AT_ONCE_MAX, FLOODS_PER_SECOND_MAX, FLOODS_REMEMBERED_MAX, SEARCH_BYTES_MAX};

#[test]
fn promise_6_a_search_is_evaluated_once_and_crosses_each_link_at_most_once_in_each_direction() {
    let mut mesh = Mesh::full(10);
    mesh.give(0, Input::Search { id: ID, wanted: words("song"), ttl: 7 });
    // Nine from the origin; each of nine others sends it on to the eight that it did not get it from; nine results.
    assert_eq!(mesh.messages, 9 + 9 * 8 + 9);
    assert_eq!(mesh.looked(), [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(mesh.found.len(), 9);
    let dropped: u64 = mesh.peers.iter().map(|(peer, _)| peer.counters().duplicates_dropped).sum();
    assert_eq!(dropped, 9 * 8);
}

#[test]
fn promise_6_a_search_reaches_exactly_the_peers_within_its_ttl() {
    for ttl in 1..=7 {
        let mut mesh = Mesh::line(10);
        mesh.give(0, Input::Search { id: ID, wanted: words("song"), ttl });
        let expected: Vec<_> =
            (1..=ttl).map(|hops| (u16::from(hops), hops, format!("song of {hops}"))).collect();
        assert_eq!(mesh.found, expected);
        mesh.give(0, Input::Discover { id: FloodId(78), ttl });
        assert_eq!(
            mesh.discovered,
            expected.iter().map(|(peer, hops, _)| (*peer, *hops)).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_ring_is_searched_from_both_sides_and_every_holder_found_once() {
    let links: Vec<_> = (0..6).map(|number| (number, (number + 1) % 6)).collect();
    let mut mesh = Mesh::new(6, &links);
    mesh.give(2, Input::Search { id: ID, wanted: words("song"), ttl: 7 });
    mesh.found.sort();
    let owners: Vec<_> = mesh.found.iter().map(|(owner, hops, _)| (*owner, *hops)).collect();
    assert_eq!(owners, [(0, 2), (1, 1), (3, 1), (4, 2), (5, 3)]);
}

#[test]
fn a_flood_never_goes_back_to_where_it_came_from() {
    let mut hub = hub(4);
    assert_eq!(receivers(&receive(&mut hub, 2, search(ID, 5, 0))), [link(1), link(3), link(4)]);
    assert_eq!(receivers(&receive(&mut hub, 3, search(ID, 5, 0))), []);
    assert_eq!(hub.counters().duplicates_dropped, 1);
}

#[test]
fn whatever_ttl_and_hops_a_message_claims_it_leaves_within_the_maximum() {
    for (ttl, hops) in [(255, 0), (7, 3), (255, 6), (8, 0), (2, 5)] {
        let mut hub = hub(2);
        let actions = receive(&mut hub, 1, search(ID, ttl, hops));
        match actions.as_slice() {
            [] => assert!(ttl.min(7 - hops) == 1, "{ttl} {hops}"),
            actions => {
                let LinkMessage::Search(onward) = sent(actions) else { panic!() };
                assert!(onward.ttl >= 1 && onward.ttl + onward.hops <= 7 && onward.hops == hops + 1);
            }
        }
    }
    let mut hub = hub(2);
    for (ttl, hops) in [(0, 0), (1, 7), (255, 255)] {
        assert_eq!(receive(&mut hub, 1, search(ID, ttl, hops)), []);
    }
    assert_eq!((hub.counters().spent_dropped, hub.counters().searches_seen), (3, 0));
}

#[test]
fn a_search_that_wants_nothing_or_too_much_is_dropped_and_counted() {
    let id = |number| FloodId(number);
    let both = Some(wire::digest::Digest::of(b""));
    let searches = [
        LinkSearch { search_id: id(1), ttl: 7, hops: 0, words: None, digest: None },
        LinkSearch { search_id: id(2), ttl: 7, hops: 0, words: Some("a".into()), digest: both },
        LinkSearch {
            search_id: id(3),
            ttl: 7,
            hops: 0,
            words: Some("a".repeat(SEARCH_BYTES_MAX + 1)),
            digest: None,
        },
    ];
    let mut hub = hub(2);
    for search in searches {
        assert_eq!(receive(&mut hub, 1, LinkMessage::Search(search)), []);
    }
    assert_eq!(hub.counters().malformed_dropped, 3);
    let longest = "a".repeat(SEARCH_BYTES_MAX);
    let search = LinkSearch { search_id: id(4), ttl: 7, hops: 0, words: Some(longest), digest: None };
    assert_eq!(receivers(&receive(&mut hub, 1, LinkMessage::Search(search))), [link(2)]);
}

#[test]
fn promise_5_a_neighbour_that_floods_spends_its_own_budget_and_no_other() {
    let mut hub = hub(3);
    let many = FLOODS_AT_ONCE_MAX + 50;
    let passed = (0..many)
        .filter(|number| !receive(&mut hub, 1, discover(FloodId(u128::from(*number)), 7, 0)).is_empty())
        .count();
    assert_eq!(passed, FLOODS_AT_ONCE_MAX as usize);
    assert_eq!(hub.counters().over_budget_dropped, 50);
    assert!(!receive(&mut hub, 2, discover(FloodId(u128::MAX), 7, 0)).is_empty());
}

#[test]
fn promise_5_what_one_neighbour_floods_leaves_every_other_its_part() {
    let mut hub = hub(4);
    let sent_on = |hub: &mut Overlay, from: u16, count: u32| {
        let flood = |number: u32| search(FloodId(u128::from(from) << 64 | u128::from(number)), 7, 0);
        (0..count).filter(|number| !receivers(&receive(hub, from, flood(*number))).is_empty()).count()
    };
    // Half of what neighbours take, and a fifth of the other half: there are four of them, and the user.
    assert_eq!(sent_on(&mut hub, 1, 1000), 500 + 100);
    assert_eq!(sent_on(&mut hub, 2, 1000), 100);
    assert_eq!(sent_on(&mut hub, 3, 100), 100);
    assert_eq!(hub.counters().held_back, 400 + 900);
    let own = hub.handle(Moment(0), Input::Search { id: ID, wanted: words("song"), ttl: 7 }, &NOTHING);
    assert_eq!(receivers(&own).len(), 4);
    assert_eq!(hub.counters().searches_seen, 2100, "they are answered all the same");
}

#[test]
fn promise_5_a_flooder_silences_nobody_behind_its_neighbour() {
    // 0 floods 1; 3 searches through 1 for what 2 has, and finds it.
    let mut mesh = Mesh::new(4, &[(0, 1), (1, 2), (1, 3)]);
    for number in 0..2000u128 {
        mesh.give(0, Input::Search { id: FloodId(number << 64), wanted: words("nothing"), ttl: 7 });
    }
    let dropped = |mesh: &Mesh, peer: usize| mesh.peers[peer].0.counters().over_budget_dropped;
    assert_eq!((dropped(&mesh, 1), dropped(&mesh, 2), dropped(&mesh, 3)), (1000, 0, 0));
    mesh.give(3, Input::Search { id: ID, wanted: words("song of 2"), ttl: 7 });
    assert_eq!(mesh.found, [(2, 2, "song of 2".to_owned())]);
}

#[test]
fn promise_5_what_is_remembered_for_one_neighbour_is_bounded_and_others_have_room() {
    let mut hub = hub(2);
    let mut passed = 0;
    let flood = |hub: &mut Overlay, from: u16, second: u64, number: u32| {
        let id = FloodId(u128::from(from) << 64 | u128::from(number));
        let input = Input::Received { link: link(from), message: discover(id, 1, 0) };
        u32::from(!hub.handle(Moment(second * 1000), input, &NOTHING).is_empty())
    };
    // As much as the budget has and more, for the whole life of a generation.
    for second in 0..60 {
        for number in 0..FLOODS_AT_ONCE_MAX {
            passed +=
                flood(&mut hub, 1, second, u32::try_from(second).unwrap() * FLOODS_AT_ONCE_MAX + number);
        }
    }
    assert_eq!(passed, FLOODS_AT_ONCE_MAX + 59 * FLOODS_PER_SECOND_MAX);
    assert!(passed <= FLOODS_REMEMBERED_MAX, "the budget never meets this limit first");
    assert_eq!(hub.remembered_count(), passed as usize);
    assert_eq!(flood(&mut hub, 2, 59, 0), 1);
    // The next generation has room for both again.
    assert_eq!(flood(&mut hub, 1, 61, u32::MAX), 1);
}

#[test]
fn a_message_of_a_link_that_is_gone_is_nobodys() {
    let mut hub = hub(2);
    hub.handle(Moment(0), Input::Closed { link: link(1) }, &NOTHING);
    assert_eq!(receive(&mut hub, 1, search(ID, 7, 0)), []);
    assert_eq!((hub.counters().messages_received, hub.remembered_count()), (0, 0));
}

#[test]
fn what_a_full_queue_dropped_was_not_sent() {
    let mut hub = hub(3);
    receive(&mut hub, 1, search(ID, 7, 0));
    assert_eq!(hub.counters().messages_sent, 2);
    hub.handle(Moment(0), Input::Dropped { dropped: Dropped { floods: 1, results: 0 } }, &NOTHING);
    assert_eq!((hub.counters().messages_sent, hub.counters().queue_full_dropped), (1, 1));
}
