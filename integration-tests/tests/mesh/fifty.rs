//! Fifty real peers on one machine.

use integration_tests::content::Dice;
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::peer;
use integration_tests::peer::Peer;

const COUNT: usize = 50;
/// Every so many peers have a song.
const HOLDER_EVERY: usize = 3;

fn is_holder(number: usize) -> bool {
    number.is_multiple_of(HOLDER_EVERY)
}

/// Each peer but the first knows one of the four before it: long branches, so that a ttl of seven ends inside.
fn tree() -> Wiring {
    let mut dice = Dice::new("a tree of fifty peers");
    let links = (1..COUNT).map(|number| (number - 1 - dice.below(number.min(4)), number)).collect();
    Wiring { count: COUNT, links }
}

/// The tree, and as many links between any two.
fn tangle() -> Wiring {
    let mut dice = Dice::new("a tangle of fifty peers");
    let mut tangle = tree();
    while tangle.links.len() < 2 * COUNT {
        let (one, other) = (dice.below(COUNT), dice.below(COUNT));
        let link = (one.min(other), one.max(other));
        if one != other && !tangle.links.contains(&link) {
            tangle.links.push(link);
        }
    }
    tangle
}

/// The holders within seven links of a peer, with their distances.
fn holders_within_reach(wiring: &Wiring, origin: usize) -> Vec<(usize, u64)> {
    let distances = wiring.distances_from(origin).into_iter().enumerate();
    let found = distances.filter_map(|(number, distance)| Some((number, distance? as u64)));
    found.filter(|(number, distance)| is_holder(*number) && (1..=7).contains(distance)).collect()
}

fn start(wiring: &Wiring) -> Mesh {
    Mesh::start(wiring, |number| match is_holder(number) {
        true => peer!().file(&format!("song {number}.mp3"), b"la"),
        false => peer!(),
    })
}

fn assert_all_stop(mut mesh: Mesh) {
    mesh.peers().iter().for_each(Peer::terminate);
    for peer in mesh.peers_mut() {
        assert_eq!(peer.exit_code(), 0, "{}", peer.log());
    }
}

#[test]
fn promise_6_in_a_tree_of_fifty_peers_a_search_finds_whom_breadth_first_search_finds() {
    let wiring = tree();
    let mesh = start(&wiring);
    let mut counts = Vec::new();
    for origin in [0, COUNT / 2] {
        let expected = holders_within_reach(&wiring, origin);
        let found = mesh.results(origin, "SEARCH song", expected.len());
        assert_eq!(mesh.owners_and_hops(&found), expected, "from {origin}");
        counts.push(expected.len());
    }
    let holders = (0..COUNT).filter(|number| is_holder(*number)).count();
    assert!(counts.iter().any(|count| *count < holders - 1), "some are too far: {counts:?} of {holders}");
    assert_all_stop(mesh);
}

#[test]
fn promise_6_in_a_tangle_of_fifty_peers_nobody_answers_twice() {
    let wiring = tangle();
    let mesh = start(&wiring);
    let expected = holders_within_reach(&wiring, 1);
    // A message that was faster on a longer way has fewer links left, so one or another holder may be missed.
    let sent_before: u64 = mesh.counts("messages_sent").iter().sum();
    let near = expected.iter().filter(|(_, distance)| *distance == 1).count();
    let searching = mesh[1].ask("SEARCH song");
    let found = mesh.owners_and_hops(&searching.results(near, mesh.peers()));
    let mut owners: Vec<usize> = found.iter().map(|(owner, _)| *owner).collect();
    assert!(owners.iter().all(|owner| expected.iter().any(|(number, _)| number == owner)), "{owners:?}");
    assert!(owners.len() > expected.len() / 2, "{} of {}", owners.len(), expected.len());
    owners.dedup();
    assert_eq!(owners.len(), found.len(), "twice");
    let sent = mesh.counts("messages_sent").iter().sum::<u64>() - sent_before;
    let results: u64 = found.iter().map(|(_, hops)| hops).sum();
    let floods_at_most = (2 * wiring.links.len() - (COUNT - 1)) as u64;
    assert!(sent <= floods_at_most + results, "{sent} messages for {results} of results");
    assert_all_stop(mesh);
}
