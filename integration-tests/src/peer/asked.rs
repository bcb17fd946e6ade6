//! A command that runs at a peer, and whose results are looked at as they come.
//!
//! It must not know what it asks.

use serde_json::Value;

use super::Peer;
use crate::process::{Process, wait_until_all_quiet};

/// A command that runs. Dropping it leaves.
pub struct Asked(Process);

impl Asked {
    /// The command of this process.
    pub(super) fn over(process: Process) -> Self {
        Self(process)
    }

    /// Waits for so many results, then until these peers have dealt with everything, and returns all results
    /// that came until then: more would have come, too.
    ///
    /// # Panics
    /// When the command ends before.
    pub fn results<'a>(&self, count: usize, peers: impl IntoIterator<Item = &'a Peer>) -> Vec<Value> {
        self.text(count, peers);
        self.lines()
    }

    /// [`Asked::results`], as the text in which they are written, one in a line.
    ///
    /// # Panics
    /// When the command ends before.
    pub fn text<'a>(&self, count: usize, peers: impl IntoIterator<Item = &'a Peer>) -> String {
        self.wait_for_lines(count);
        let processes: Vec<&Process> = peers.into_iter().map(|peer| &peer.process).chain([&self.0]).collect();
        wait_until_all_quiet(&processes);
        self.0.output.text()
    }

    /// Waits for so many results.
    ///
    /// # Panics
    /// When the command ends before.
    pub fn first_results(&self, count: usize) -> Vec<Value> {
        self.wait_for_lines(count);
        self.lines()
    }

    fn wait_for_lines(&self, count: usize) {
        let has_come = |text: &str| (text.matches('\n').count() >= count).then_some(());
        self.0.output.wait_for(&format!("{count} results"), has_come);
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.0.output.text();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        text[..whole].lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
