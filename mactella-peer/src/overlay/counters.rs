//! What STATUS and the simulator show. Must not decide anything.

use super::outbox::Dropped;

/// Counts since the start. Messages are `search`, `search_result`, `discover` and `discover_result` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages given to links.
    pub messages_sent: u64,
    /// Messages that arrived, whatever became of them.
    pub messages_received: u64,
    /// Searches of others that were evaluated here: each once.
    pub searches_seen: u64,
    /// Discovers of others that were answered here: each once.
    pub discovers_seen: u64,
    /// Searches and discovers that had been here before.
    pub duplicates_dropped: u64,
    /// Searches and discovers past a neighbour's budget or share of the memory, and results past its budget.
    pub over_budget_dropped: u64,
    /// Searches and discovers that were answered but not sent on, because their neighbour had used up its part.
    pub held_back: u64,
    /// Searches and discovers that had no link left to cross.
    pub spent_dropped: u64,
    /// Results that nobody asked that neighbour for, or whose way home is forgotten.
    pub unasked_dropped: u64,
    /// Files of results past what one search may bring home.
    pub surplus_dropped: u64,
    /// Messages that say something impossible.
    pub malformed_dropped: u64,
    /// Messages for a neighbour that does not take them.
    pub queue_full_dropped: u64,
}

impl Counters {
    /// Messages that were counted as sent have been dropped.
    pub(super) fn take_back(&mut self, dropped: Dropped) {
        let count = u64::from(dropped.floods) + u64::from(dropped.results);
        self.messages_sent = self.messages_sent.saturating_sub(count);
        self.queue_full_dropped += count;
    }
}
