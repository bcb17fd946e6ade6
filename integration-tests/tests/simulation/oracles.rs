//! Where every link takes equally long and nothing is lost, graph theory says what must come out.

use integration_tests::content::Dice;
use integration_tests::simulation::{Graph, Network, Options, Shape};

const LATENCY: u32 = 20;
const WORDS: &str = "a song";

/// One search in one network, played to its end.
struct Case {
    graph: Graph,
    ttl: usize,
    origin: usize,
    holders: Vec<usize>,
    network: Network,
}

fn case(shape: Shape, ttl: u8, seed: u64) -> Case {
    let mut dice = Dice::new(&format!("oracle {seed}"));
    let peers = 2 + dice.below(60);
    let graph = Graph::new(shape, peers, 2 + dice.below(4), &mut dice);
    let options = Options { peers, latency: LATENCY..=LATENCY, seed, ..Options::default() };
    let mut network = Network::new(&options, graph.clone());
    network.start().unwrap();
    let origin = dice.below(peers);
    let holders: Vec<usize> = (0..peers).filter(|_| dice.below(3) == 0).collect();
    holders.iter().for_each(|holder| network.put(*holder, &format!("{holder}/A song.mp3")));
    network.search_after(1, origin, WORDS, ttl);
    network.run_until(u64::MAX).unwrap();
    network.check_end().unwrap();
    Case { graph, ttl: usize::from(ttl), origin, holders, network }
}

fn for_each_case(check: impl Fn(&Case)) {
    for (seed, shape) in (0..5).flat_map(|seed| Shape::ALL.map(|shape| (seed, shape))) {
        (1..=7).for_each(|ttl| check(&case(shape, ttl, seed)));
    }
}

impl Case {
    /// Distances of those whom the search reaches.
    fn reached(&self) -> Vec<Option<usize>> {
        let distances = self.graph.distances(self.origin);
        distances.into_iter().map(|distance| distance.filter(|distance| *distance <= self.ttl)).collect()
    }

    /// Messages that carry the search: the origin asks all its neighbours, and everyone on the way to whom a link is
    /// left all but one.
    fn flood_messages(&self) -> usize {
        let links = self.graph.neighbours();
        let sent = |(peer, distance): (usize, Option<usize>)| match distance {
            Some(0) => links[peer].len(),
            Some(distance) if distance < self.ttl => links[peer].len() - 1,
            _ => 0,
        };
        self.reached().into_iter().enumerate().map(sent).sum()
    }

    fn sum(&self, of: impl Fn(&integration_tests::simulation::overlay::Counters) -> u64) -> usize {
        usize::try_from(self.network.counters().flatten().map(of).sum::<u64>()).unwrap()
    }
}

#[test]
fn a_search_reaches_exactly_the_peers_within_its_ttl() {
    for_each_case(|case| {
        let seen: Vec<bool> =
            case.network.counters().map(|counters| counters.unwrap().searches_seen == 1).collect();
        let expected: Vec<bool> =
            case.reached().iter().map(|distance| distance.is_some_and(|distance| distance > 0)).collect();
        assert_eq!(seen, expected);
    });
}

#[test]
fn a_search_costs_exactly_the_messages_that_the_graph_says() {
    for_each_case(|case| {
        let reached = case.reached();
        let floods = case.flood_messages();
        let homeward: usize = case.holders.iter().filter_map(|holder| reached[*holder]).sum();
        assert_eq!(usize::try_from(case.network.messages_sent()).unwrap(), floods + homeward);
        assert_eq!(case.sum(|counters| counters.messages_sent), floods + homeward);
        assert_eq!(case.sum(|counters| counters.messages_received), floods + homeward);
        // Everyone who was reached but the origin took one; all the others were duplicates.
        let taken = reached.iter().flatten().count() - 1;
        assert_eq!(case.sum(|counters| counters.duplicates_dropped), floods - taken);
        let dropped = |counters: &integration_tests::simulation::overlay::Counters| {
            counters.spent_dropped + counters.unasked_dropped + counters.over_budget_dropped
        };
        assert_eq!(case.sum(dropped), 0);
    });
}

#[test]
fn every_holder_within_reach_answers_once_by_the_shortest_way() {
    for_each_case(|case| {
        let reached = case.reached();
        let others = case.holders.iter().filter(|holder| **holder != case.origin);
        let mut expected: Vec<(usize, usize, u64)> = others
            .filter_map(|holder| Some((*holder, reached[*holder]?)))
            .map(|(holder, hops)| (holder, hops, 2 * u64::from(LATENCY) * hops as u64))
            .collect();
        expected.sort_unstable();
        let answers = &case.network.records()[0].answers;
        let mut found: Vec<(usize, usize, u64)> = answers
            .iter()
            .map(|answer| (answer.holder.unwrap(), usize::from(answer.hops), answer.after))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    });
}
