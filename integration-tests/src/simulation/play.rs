//! A small network that is played through once, for those who compare it with real processes.
//!
//! All links stand before the first question and take equally long, and each question waits until nothing of the last one
//! is under way. Real processes see messages in another order each time, so compare only what does not
//! depend on it. `n` peers, `e` links, ttl at least `n`, so that it never runs out:
//!
//! | figure | line, star, tree | ring, full mesh |
//! |---|---|---|
//! | which paths were found, and at whom | fixed | fixed |
//! | `searches_seen` of each peer | fixed | fixed: 1 for each search of another |
//! | `hops` of an answer | fixed | at least that of here; more where a longer way was faster |
//! | `messages_sent` of each peer, if nothing is found | fixed | fixed: its links for its own search, else one less |
//! | `messages_sent` of each peer | fixed | results cross as many links as their `hops` says: the sum over all peers is 2e − n + 1 for each search, and the `hops` of its answers |
//! | `messages_received`, `duplicates_dropped` of each peer | fixed | depend on who was first; their sums do not: received = sent, and 2e − 2n + 2 duplicates for each search |
//!
//! (In a full mesh too, somebody may hear of a search through a third peer before the one who asked reaches it. The
//! sums hold if no budget is exceeded and each answer fits into one message.) With a ttl below `n` all depends on
//! the order, except on a line, star or tree.

use super::graph::{Graph, Shape};
use super::network::{Answer, Network};
use super::options::Options;
use crate::content::Dice;

/// Milliseconds that each link takes.
const LATENCY: u32 = 10;
/// Milliseconds between two questions: enough for the longest way there and back.
const PAUSE: u64 = 1000;

/// What one peer shares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holding(pub Vec<String>);

/// Who searches for what, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The peer that asks.
    pub origin: usize,
    /// The words.
    pub words: String,
    /// Links that the search may cross.
    pub ttl: u8,
}

/// What one peer counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// As [`super::overlay::Counters::messages_sent`].
    pub messages_sent: u64,
    /// As [`super::overlay::Counters::messages_received`].
    pub messages_received: u64,
    /// As [`super::overlay::Counters::searches_seen`].
    pub searches_seen: u64,
    /// As [`super::overlay::Counters::duplicates_dropped`].
    pub duplicates_dropped: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The answers to each question, ordered by holder and path.
    pub answers: Vec<Vec<Answer>>,
    /// The figures of each peer after all questions.
    pub figures: Vec<Figures>,
}

/// Plays one network: a peer for each holding, linked in that shape (random ones have degree 3), asked one
/// question after another. Panics where an invariant does not hold.
#[must_use]
pub fn play(shape: Shape, holdings: &[Holding], questions: &[Question]) -> Played {
    let options = Options { peers: holdings.len(), latency: LATENCY..=LATENCY, ..Options::default() };
    let graph = Graph::new(shape, holdings.len(), 3, &mut Dice::new("play"));
    let mut network = Network::new(&options, graph);
    network.start().unwrap();
    for (number, Holding(paths)) in holdings.iter().enumerate() {
        paths.iter().for_each(|path| network.put(number, path));
    }
    for (question, after) in questions.iter().zip((PAUSE..).step_by(usize::try_from(PAUSE).unwrap())) {
        network.search_after(after, question.origin, &question.words, question.ttl);
    }
    network.run_until(u64::MAX).unwrap();
    let answers = network.records().iter().map(|record| sorted(record.answers.clone())).collect();
    let counters = network.counters().map(|counters| counters.copied().unwrap_or_default());
    let figures = counters.map(|counters| Figures {
        messages_sent: counters.messages_sent,
        messages_received: counters.messages_received,
        searches_seen: counters.searches_seen,
        duplicates_dropped: counters.duplicates_dropped,
    });
    Played { answers, figures: figures.collect() }
}

fn sorted(mut answers: Vec<Answer>) -> Vec<Answer> {
    answers.sort_by(|a, b| (a.holder, &a.path).cmp(&(b.holder, &b.path)));
    answers
}
