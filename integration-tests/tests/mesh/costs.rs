//! What a flood costs: it is evaluated once by every peer and crosses each link at most once in each direction.
//!
//! A peer sends a flood on once, to all neighbours but the one that it came from first. So the number that each
//! peer *sends* does not depend on which way was the fastest: it is the number of its links, and one less for all
//! but the origin. That holds while no ttl ends, and in a mesh of at most seven peers no way is longer than a ttl of
//! seven. What each peer *receives* does depend on it in a mesh with circles; only the sum does not.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::peer;

const FULL_TTL: &str = "SEARCH nobody has this 7";

/// What each peer sends of one flood.
fn floods_sent(wiring: &Wiring, origin: usize) -> Vec<u64> {
    let links = wiring.neighbours().into_iter().map(|linked| linked.len() as u64).enumerate();
    links.map(|(number, count)| count - u64::from(number != origin)).collect()
}

/// A mesh in which nobody has anything, so that nothing but floods is counted.
fn empty_mesh(wiring: &Wiring) -> Mesh {
    Mesh::start(wiring, |_| peer!())
}

fn assert_costs_what_theory_says(mesh: &Mesh, wiring: &Wiring, origin: usize) {
    let counters = ["messages_sent", "messages_received", "searches_seen", "duplicates_dropped"];
    let counts = || counters.map(|name| mesh.counts(name));
    let before = counts();
    assert!(mesh.results(origin, FULL_TTL, 0).is_empty());
    let mut after = counts();
    let differences = after.iter_mut().zip(before).map(|(after, before)| {
        after.iter_mut().zip(before).map(|(after, before)| *after - before).collect::<Vec<u64>>()
    });
    let [sent, received, seen, dropped] = differences.collect::<Vec<_>>().try_into().unwrap();
    let sum = |counts: &[u64]| counts.iter().sum::<u64>();
    assert_eq!(sent, floods_sent(wiring, origin), "sent by each");
    assert_eq!(sum(&received), sum(&sent), "nothing is lost");
    let seen_once: Vec<u64> = (0..wiring.count).map(|number| u64::from(number != origin)).collect();
    assert_eq!(seen, seen_once, "evaluated once by each but the origin");
    assert_eq!(
        sum(&dropped),
        sum(&sent) - (wiring.count as u64 - 1),
        "all but the first to each are duplicates"
    );
    let most = wiring.neighbours().into_iter().map(|linked| linked.len() as u64);
    let within = received.iter().zip(most).all(|(received, most)| *received <= most);
    assert!(within, "at most once over each link: {received:?}");
}

#[test]
fn promise_6_along_a_line_a_flood_crosses_each_link_once() {
    let wiring = Wiring::line(5);
    let mesh = empty_mesh(&wiring);
    assert_eq!(floods_sent(&wiring, 0), [1, 1, 1, 1, 0], "the theory itself");
    assert_costs_what_theory_says(&mesh, &wiring, 0);
    assert_costs_what_theory_says(&mesh, &wiring, 2);
}

#[test]
fn promise_6_in_a_star_a_flood_crosses_each_link_once() {
    let wiring = Wiring::star(5);
    let mesh = empty_mesh(&wiring);
    assert_costs_what_theory_says(&mesh, &wiring, 0);
    assert_costs_what_theory_says(&mesh, &wiring, 1);
}

#[test]
fn promise_6_around_a_ring_a_flood_costs_one_message_more_than_there_are_links() {
    // Both halves go on until they have met: one link is crossed in both directions, whichever it is.
    for count in [4, 5] {
        let wiring = Wiring::ring(count);
        assert_eq!(floods_sent(&wiring, 0).iter().sum::<u64>(), count as u64 + 1, "the theory itself");
        assert_costs_what_theory_says(&empty_mesh(&wiring), &wiring, 0);
    }
}

#[test]
fn promise_6_in_a_full_mesh_a_flood_costs_one_message_for_each_link_and_direction_but_those_home() {
    let wiring = Wiring::full(5);
    assert_eq!(floods_sent(&wiring, 0).iter().sum::<u64>(), 4 + 4 * 3, "the theory itself");
    let mesh = empty_mesh(&wiring);
    assert_costs_what_theory_says(&mesh, &wiring, 0);
    assert_costs_what_theory_says(&mesh, &wiring, 3);
}

#[test]
fn promise_6_a_flood_that_ends_before_the_circle_closes_costs_one_message_a_link() {
    // In a ring of six, two links either way leave the far peer out: nothing meets, so nothing depends on time.
    let mesh = empty_mesh(&Wiring::ring(6));
    let act = |mesh: &Mesh| assert!(mesh.results(0, "SEARCH nobody has this 2", 0).is_empty());
    assert_eq!(mesh.growth("messages_sent", act), [2, 1, 0, 0, 0, 1]);
    assert_eq!(mesh.growth("searches_seen", act), [0, 1, 1, 0, 1, 1]);
    assert_eq!(mesh.growth("duplicates_dropped", act), [0; 6]);
}

#[test]
fn promise_6_each_result_costs_one_message_for_each_link_on_its_way_home() {
    let mesh = Mesh::start(&Wiring::line(5), |number| match number {
        2 | 4 => peer!().file("song.mp3", b"la").file("more/song.mp3", b"lala"),
        _ => peer!(),
    });
    // Both files of a holder go in one message.
    let act = |mesh: &Mesh| assert_eq!(mesh.results(0, "SEARCH song", 4).len(), 4);
    assert_eq!(mesh.growth("messages_sent", act), [1, 3, 3, 2, 1]);
    assert_eq!(mesh.growth("messages_received", act), [2, 3, 2, 2, 1]);
}

#[test]
fn promise_6_a_discover_costs_what_a_search_costs_that_everybody_answers() {
    let mesh = empty_mesh(&Wiring::star(4));
    let act = |mesh: &Mesh| assert_eq!(mesh.results(1, "DISCOVER 7", 3).len(), 3);
    // The origin asks the middle, which answers, asks the two others, and passes their answers on.
    assert_eq!(mesh.growth("messages_sent", act), [1 + 2 + 2, 1, 1, 1]);
    assert_eq!(mesh.growth("messages_received", act), [1 + 2, 3, 1, 1]);
    assert_eq!(mesh.growth("searches_seen", act), [0; 4], "a discover is no search");
}

#[test]
fn what_scripts_ask_costs_the_mesh_nothing() {
    let mesh = empty_mesh(&Wiring::line(2));
    let act = |mesh: &Mesh| {
        let listing = format!("LISTR {}", mesh[1].host_and_port());
        mesh[0].attach(&["STATUS", "PEERS", "LISTL", &listing]).expect_done();
    };
    assert_eq!(mesh.growth("messages_sent", act), [0, 0]);
}
