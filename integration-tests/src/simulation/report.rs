//! The figures of one simulation. Must not know how they are shown.

use super::network::{Network, Record};
use super::options::Options;
use std::collections::BTreeSet;

/// What a simulation came to. Figures of many searches are means, medians and 90th percentiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Searches that were made.
    pub searches: usize,
    /// Messages that crossed links for each search: floods and results, those of liars too.
    pub messages_per_search: f64,
    /// The share of searches that found something.
    pub answered: f64,
    /// The share of the copies in the network that a search found.
    pub recall: f64,
    /// The share of all other peers that a search reached; the searches of liars count as if they were of these.
    pub reached: f64,
    /// Links to the first result: median and 90th percentile of the searches that found something.
    pub hops: (u64, u64),
    /// Milliseconds to the first result, likewise.
    pub milliseconds: (u64, u64),
    /// Floods that were dropped because they had been there before, for each search.
    pub duplicates_per_search: f64,
    /// Events of all sorts.
    pub events: u64,
    /// The hash of all events.
    pub trace_hash: String,
    /// Events in a second of real time.
    pub events_per_second: f64,
    /// Resident memory that the network took while it ran, in bytes for each peer.
    pub bytes_per_peer: u64,
}

impl Report {
    /// The figures of a network that has run; how fast and in how much memory is for its runner to say.
    pub(super) fn new<'a>(options: &Options, network: &'a Network) -> Self {
        let records = network.records();
        let searches = records.len();
        let mean = |sum: f64| sum / searches.max(1) as f64;
        let true_ones = |record: &'a Record| record.answers.iter().filter(|answer| network.is_true(answer));
        let firsts: Vec<_> = records.iter().filter_map(|record| true_ones(record).next()).collect();
        let places =
            |record| true_ones(record).map(|answer| (answer.holder, &answer.path)).collect::<BTreeSet<_>>();
        let found: usize = records.iter().map(|record| places(record).len()).sum();
        let copies = options.copies.min(options.peers.saturating_sub(1)).max(1);
        let counted = |of: fn(&super::overlay::Counters) -> u64| {
            mean(network.counters().flatten().map(of).sum::<u64>() as f64)
        };
        Self {
            searches,
            messages_per_search: mean(network.messages_sent() as f64),
            answered: mean(firsts.len() as f64),
            recall: mean(found as f64 / copies as f64),
            reached: counted(|counters| counters.searches_seen)
                / options.peers.saturating_sub(1).max(1) as f64,
            hops: spread(firsts.iter().map(|first| u64::from(first.hops)).collect()),
            milliseconds: spread(firsts.iter().map(|first| first.after).collect()),
            duplicates_per_search: counted(|counters| counters.duplicates_dropped),
            events: network.events(),
            trace_hash: network.trace_hash(),
            events_per_second: 0.0,
            bytes_per_peer: 0,
        }
    }
}

/// Median and 90th percentile.
fn spread(mut values: Vec<u64>) -> (u64, u64) {
    values.sort_unstable();
    let at = |tenths: usize| values.get(values.len() * tenths / 10).copied().unwrap_or(0);
    (at(5), at(9))
}
