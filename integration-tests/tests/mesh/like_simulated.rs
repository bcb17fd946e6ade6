//! The same small mesh twice: five real processes, and five simulated peers that run the same overlay. Both must
//! find the same and send the same number of messages, wherever that does not depend on who was faster.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::peer;
use integration_tests::simulation::{Holding, Played, Question, Shape, play};

const COUNT: usize = 5;
const ORIGIN: usize = 0;

/// Everybody but the origin has a song of their own, and two have one more.
fn paths(number: usize) -> Vec<String> {
    let own = (number != ORIGIN).then(|| format!("music/song of {number}.mp3"));
    let more = [2, 4].contains(&number).then(|| "old song.ogg".to_owned());
    own.into_iter().chain(more).collect()
}

fn simulated(shape: Shape) -> Played {
    let holdings: Vec<_> = (0..COUNT).map(|number| Holding(paths(number))).collect();
    play(shape, &holdings, &[Question { origin: ORIGIN, words: "song".into(), ttl: 7 }])
}

struct Real {
    /// Holder and path of each result, sorted.
    found: Vec<(usize, String)>,
    hops: u64,
    /// What each peer sent and received, and how many duplicates it dropped, because of the search.
    sent: Vec<u64>,
    received: Vec<u64>,
    seen: Vec<u64>,
    dropped: Vec<u64>,
}

fn real(wiring: &Wiring) -> Real {
    let setup = |number| paths(number).iter().fold(peer!(), |peer, path| peer.file(path, "a song"));
    let mesh = Mesh::start(wiring, setup);
    let names = ["messages_sent", "messages_received", "searches_seen", "duplicates_dropped"];
    let before = names.map(|name| mesh.counts(name));
    let count = (0..COUNT).map(|number| paths(number).len()).sum();
    let results = mesh.results(ORIGIN, "SEARCH song 7", count);
    mesh.wait_until_quiet();
    let after = names.map(|name| mesh.counts(name));
    let growth = |place: usize| after[place].iter().zip(&before[place]).map(|(a, b)| a - b).collect();
    let holder = |line: &serde_json::Value| {
        mesh.peers().iter().position(|peer| line["address"] == peer.address().to_string()).unwrap()
    };
    let mut found: Vec<_> =
        results.iter().map(|line| (holder(line), line["path"].as_str().unwrap().to_owned())).collect();
    found.sort();
    let hops = results.iter().map(|line| (holder(line), line["hops"].as_u64().unwrap()));
    // One result message carries all files of a peer.
    let hops: std::collections::BTreeMap<_, _> = hops.collect();
    let (sent, received, seen, dropped) = (growth(0), growth(1), growth(2), growth(3));
    Real { found, hops: hops.values().sum(), sent, received, seen, dropped }
}

fn found(played: &Played) -> Vec<(usize, String)> {
    let mut found: Vec<_> =
        played.answers[0].iter().map(|answer| (answer.holder.unwrap(), answer.path.clone())).collect();
    found.sort();
    found
}

/// Where there is one way between two peers, every number is the same.
fn assert_same_everywhere(wiring: &Wiring, shape: Shape) {
    let (real, played) = (real(wiring), simulated(shape));
    assert_eq!(real.found, found(&played));
    let figures = |of: fn(&integration_tests::simulation::Figures) -> u64| {
        played.figures.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(real.sent, figures(|figures| figures.messages_sent));
    assert_eq!(real.received, figures(|figures| figures.messages_received));
    assert_eq!(real.seen, figures(|figures| figures.searches_seen));
    assert_eq!(real.dropped, figures(|figures| figures.duplicates_dropped));
}

/// Where there are several, a result may come home another way; what floods cost is the same, and so are the sums.
fn assert_same_in_all(wiring: &Wiring, shape: Shape) {
    let (real, played) = (real(wiring), simulated(shape));
    assert_eq!(real.found, found(&played));
    let sum = |of: fn(&integration_tests::simulation::Figures) -> u64| -> u64 {
        played.figures.iter().map(of).sum()
    };
    let hops: std::collections::BTreeMap<_, _> =
        played.answers[0].iter().map(|answer| (answer.holder, u64::from(answer.hops))).collect();
    let floods = sum(|figures| figures.messages_sent) - hops.values().sum::<u64>();
    assert_eq!(real.sent.iter().sum::<u64>() - real.hops, floods, "searches that were sent");
    assert_eq!(real.received.iter().sum::<u64>(), real.sent.iter().sum::<u64>());
    assert_eq!(real.dropped.iter().sum::<u64>(), sum(|figures| figures.duplicates_dropped));
    assert_eq!(real.seen, played.figures.iter().map(|figures| figures.searches_seen).collect::<Vec<_>>());
}

#[test]
fn a_line_of_processes_does_what_a_simulated_line_does() {
    assert_same_everywhere(&Wiring::line(COUNT), Shape::Line);
}

#[test]
fn a_star_of_processes_does_what_a_simulated_star_does() {
    assert_same_everywhere(&Wiring::star(COUNT), Shape::Star);
}

#[test]
fn a_ring_of_processes_does_what_a_simulated_ring_does() {
    assert_same_in_all(&Wiring::ring(COUNT), Shape::Ring);
}

#[test]
fn a_full_mesh_of_processes_does_what_a_simulated_one_does() {
    assert_same_in_all(&Wiring::full(COUNT), Shape::Mesh);
}
