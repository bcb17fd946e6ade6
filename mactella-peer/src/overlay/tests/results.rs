//! Results on their way home.

use super::*;
use wire::limits::{RESULT_BYTES_MAX, RESULTS_AT_ONCE_MAX, SEARCH_FILES_MAX, SEARCH_RESULTS_PER_LINK_MAX};
use wire::message::link::DiscoverResult;

/// A hub of four that has passed a search from neighbour 1 on.
fn passed() -> Overlay {
    let mut hub = hub(4);
    receive(&mut hub, 1, search(ID, 7, 0));
    hub
}

#[test]
fn promise_6_a_result_goes_to_the_link_that_the_search_came_from_and_to_no_other() {
    assert_eq!(receivers(&receive(&mut passed(), 3, result(ID, 0, None))), [link(1)]);
}

#[test]
fn the_owners_neighbour_writes_the_address_whatever_the_result_says() {
    for claimed in [None, Some(address(666))] {
        let onward = sent(&receive(&mut passed(), 3, result(ID, 0, claimed)));
        assert_eq!(onward, result(ID, 1, Some(address(3))));
    }
    let onward = sent(&receive(&mut passed(), 3, result(ID, 4, Some(address(9)))));
    assert_eq!(onward, result(ID, 5, Some(address(9))), "others pass it on");
}

#[test]
fn results_that_nobody_asked_that_link_for_are_dropped_and_counted() {
    let mut hub = passed();
    assert_eq!(receive(&mut hub, 3, result(FloodId(1), 0, None)), [], "an unknown id");
    assert_eq!(receive(&mut hub, 1, result(ID, 0, None)), [], "from where the search came");
    hello(&mut hub, 5);
    assert_eq!(receive(&mut hub, 5, result(ID, 0, None)), [], "from a link that opened later");
    receive(&mut hub, 1, search(FloodId(2), 1, 0));
    assert_eq!(receive(&mut hub, 3, result(FloodId(2), 0, None)), [], "of a search that went no further");
    assert_eq!(hub.counters().unasked_dropped, 4);
}

#[test]
fn a_result_whose_way_home_is_gone_is_dropped() {
    let mut hub = passed();
    hub.handle(Moment(0), Input::Closed { link: link(1) }, &NOTHING);
    assert_eq!(receive(&mut hub, 3, result(ID, 0, None)), []);
    assert_eq!(hub.counters().unasked_dropped, 1);
}

#[test]
fn results_that_say_something_impossible_are_dropped_and_counted() {
    let with = |files: Vec<FileResult>| {
        LinkMessage::SearchResult(SearchResult { search_id: ID, hops: 0, address: None, key: None, files })
    };
    let long = |count| vec![file(&"x".repeat(count))];
    let mut hub = passed();
    let impossible = [
        result(ID, 1, None),
        result(ID, 6, Some(address(9))),
        result(ID, 255, Some(address(9))),
        with(Vec::new()),
        with(vec![file("x"); SEARCH_FILES_MAX + 1]),
        with(long(RESULT_BYTES_MAX)),
    ];
    for message in &impossible {
        assert_eq!(receive(&mut hub, 3, message.clone()), []);
    }
    assert_eq!(hub.counters().malformed_dropped, impossible.len() as u64);
    for message in [result(ID, 5, Some(address(9))), with(vec![file("x"); SEARCH_FILES_MAX])] {
        assert_eq!(receivers(&receive(&mut hub, 3, message)), [link(1)]);
    }
}

#[test]
fn a_result_that_comes_home_may_have_crossed_as_many_links_as_its_search() {
    let mut hub = hub(2);
    hub.handle(Moment(0), Input::Search { id: ID, wanted: words("song"), ttl: 7 }, &NOTHING);
    assert_eq!(receive(&mut hub, 2, result(ID, 6, Some(address(9)))).len(), 1);
    assert_eq!(receive(&mut hub, 2, result(ID, 7, Some(address(9)))), []);
}

#[test]
fn promise_5_no_neighbour_brings_home_more_files_than_its_share_of_a_search() {
    let mut hub = passed();
    let files = vec![file("x"); SEARCH_FILES_MAX];
    let full =
        LinkMessage::SearchResult(SearchResult { search_id: ID, hops: 0, address: None, key: None, files });
    let share = SEARCH_RESULTS_PER_LINK_MAX as usize / SEARCH_FILES_MAX;
    let passed = (0..share + 3).filter(|_| !receive(&mut hub, 3, full.clone()).is_empty()).count();
    assert_eq!(passed, share);
    assert_eq!(hub.counters().surplus_dropped, 3 * SEARCH_FILES_MAX as u64);
    assert_eq!(receivers(&receive(&mut hub, 4, full)), [link(1)], "others have a share of their own");
}

#[test]
fn promise_5_results_have_a_budget_too() {
    let mut hub = passed();
    for _ in 0..RESULTS_AT_ONCE_MAX {
        receive(&mut hub, 3, result(FloodId(1), 0, None));
    }
    assert_eq!(hub.counters().over_budget_dropped, 0);
    receive(&mut hub, 3, result(ID, 0, None));
    assert_eq!(hub.counters().over_budget_dropped, 1);
}

#[test]
fn own_results_are_given_to_the_user_and_a_replayed_one_counts_against_its_share() {
    let mut hub = hub(2);
    hub.handle(Moment(0), Input::Search { id: ID, wanted: words("song"), ttl: 3 }, &NOTHING);
    let found = receive(&mut hub, 2, result(ID, 0, None));
    let files = vec![file("a song")];
    assert_eq!(found, [Action::Found { id: ID, address: address(2), key: None, hops: 1, files }]);
}

#[test]
fn a_discovered_peer_is_added_once_and_neighbours_are_in_the_list_already() {
    let mut hub = hub(2);
    hub.handle(Moment(0), Input::Discover { id: ID, ttl: 3 }, &NOTHING);
    let message = |hops, address| {
        LinkMessage::DiscoverResult(DiscoverResult { discover_id: ID, hops, address, key: None })
    };
    let added = |actions: Vec<Action>| match actions.as_slice() {
        [Action::Discovered { added, .. }] => *added,
        other => panic!("{other:?}"),
    };
    assert!(!added(receive(&mut hub, 2, message(0, None))));
    assert!(added(receive(&mut hub, 2, message(1, Some(address(50))))));
    assert!(!added(receive(&mut hub, 2, message(1, Some(address(50))))));
    assert!(!added(receive(&mut hub, 2, message(1, Some(address(1000))))), "its own address");
}

#[test]
fn an_advertised_address_is_used_only_after_somebody_answered_there() {
    let mut hub = hub(2);
    let advertise = Some(address(4444));
    let offering = Neighbour { advertise, ..neighbour(3) };
    let actions = hub.handle(Moment(0), Input::Hello { link: link(3), neighbour: offering }, &NOTHING);
    let verify = Action::Verify { link: link(3), peer: offering.peer, address: address(4444) };
    assert_eq!(actions, [Action::Welcome { link: link(3) }, verify]);
    receive(&mut hub, 1, search(ID, 7, 0));
    assert_eq!(sent(&receive(&mut hub, 3, result(ID, 0, None))), result(ID, 1, Some(address(3))));
    hub.handle(Moment(0), Input::Verified { link: link(3), address: address(4444) }, &NOTHING);
    assert_eq!(sent(&receive(&mut hub, 3, result(ID, 0, None))), result(ID, 1, Some(address(4444))));
}

#[test]
fn promise_5_whoever_opens_link_after_link_has_few_addresses_dialled() {
    let mut own = overlay(1000);
    let mut verified = 0;
    for number in 0..500u16 {
        let offering = Neighbour { advertise: Some(address(4444)), ..neighbour(2000 + number) };
        let opened = Input::Hello { link: link(number), neighbour: offering };
        let actions = own.handle(Moment(0), opened, &NOTHING);
        verified += actions.iter().filter(|action| matches!(action, Action::Verify { .. })).count();
        own.handle(Moment(0), Input::Closed { link: link(number) }, &NOTHING);
    }
    assert_eq!(verified, 32);
}
