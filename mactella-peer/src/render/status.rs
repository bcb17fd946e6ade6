//! STATUS: links, files, connections and counters, as text and as JSON.
//!
//! Must not know where the numbers come from.

use super::json::{NeighbourObject, RunningObject, StatusLine};
use crate::network::{NeighbourStatus, NetworkStatus};
use crate::running::CommandStatus;
use program::escape::Escaped;
use program::quantity;
use program::results::json_line;
use program::status::{Session, summary};
use shared_folder::library::LibraryStatus;
use std::net::SocketAddr;
use wire::key::PublicKey;
use wire::net::service::SessionStatus;

/// All that STATUS shows.
pub(crate) struct ShownStatus {
    pub(crate) address: SocketAddr,
    /// This peer's own.
    pub(crate) key: PublicKey,
    /// Whether it is in a private network.
    pub(crate) is_private: bool,
    pub(crate) network: NetworkStatus,
    pub(crate) library: LibraryStatus,
    pub(crate) sessions: Vec<SessionStatus>,
    /// Commands of this peer's own users that run beside this one.
    pub(crate) commands: Vec<CommandStatus>,
    /// What keeps the process from all that it does not need.
    pub(crate) confinement: String,
}

impl ShownStatus {
    /// For scripts.
    pub(super) fn json(&self) -> String {
        let counters = &self.network.counters;
        json_line(&StatusLine {
            command: "status",
            address: self.address.to_string(),
            key: self.key.to_string(),
            private: self.is_private,
            links: self.network.neighbours.len(),
            messages_sent: counters.messages_sent,
            messages_received: counters.messages_received,
            searches_seen: counters.searches_seen,
            discovers_seen: counters.discovers_seen,
            duplicates_dropped: counters.duplicates_dropped,
            over_budget_dropped: counters.over_budget_dropped,
            held_back: counters.held_back,
            spent_dropped: counters.spent_dropped,
            unasked_dropped: counters.unasked_dropped,
            surplus_dropped: counters.surplus_dropped,
            malformed_dropped: counters.malformed_dropped,
            queue_full_dropped: counters.queue_full_dropped,
            files: self.library.files,
            hashed: self.library.hashed,
            left_out: self.library.left_out,
            scanning: self.library.scanning,
            connections: self.sessions.len(),
            transfers: self.sessions.iter().filter(|session| session.running.is_some()).count(),
            commands: self.commands.len(),
            running: self.commands.iter().map(running).collect(),
            confinement: &self.confinement,
            neighbours: self.network.neighbours.iter().map(object).collect(),
        })
    }

    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let sessions: Vec<_> = self.sessions.iter().map(session).collect();
        let network = if self.is_private { "in a private network" } else { "in no private network" };
        let mut lines = vec![format!("key {}, {network}", self.key), links(self.network.neighbours.len())];
        lines.extend(self.network.neighbours.iter().map(neighbour));
        lines.push(summary(&sessions));
        lines.extend(sessions.iter().map(ToString::to_string));
        if !self.commands.is_empty() {
            lines.push(format!("{} of this peer's own commands running", self.commands.len()));
            lines.extend(self.commands.iter().map(command));
        }
        lines.push(self.files());
        lines.extend(self.counters());
        lines.push(self.confinement.clone());
        lines
    }

    fn files(&self) -> String {
        let LibraryStatus { files, hashed, left_out, scanning } = self.library;
        let scanning = if scanning { ", looking for more" } else { "" };
        let left_out = match left_out {
            0 => String::new(),
            count => format!(", {count} shared but not found by searches"),
        };
        format!("{files} files, {hashed} of them hashed{left_out}{scanning}")
    }

    fn counters(&self) -> [String; 3] {
        let counters = &self.network.counters;
        [
            format!("messages: {} sent, {} received", counters.messages_sent, counters.messages_received),
            format!(
                "of others: {} searches and {} discovers seen, {} not sent on",
                counters.searches_seen, counters.discovers_seen, counters.held_back
            ),
            format!(
                "dropped: {} duplicates, {} spent, {} over budget, {} unasked, {} surplus, {} malformed, {} for \
                 full queues",
                counters.duplicates_dropped,
                counters.spent_dropped,
                counters.over_budget_dropped,
                counters.unasked_dropped,
                counters.surplus_dropped,
                counters.malformed_dropped,
                counters.queue_full_dropped,
            ),
        ]
    }
}

fn links(count: usize) -> String {
    match count {
        1 => "1 link".to_owned(),
        many => format!("{many} links"),
    }
}

fn neighbour(status: &NeighbourStatus) -> String {
    let way = if status.dialled { "dialled" } else { "accepted" };
    let tls = if status.is_tls { "TLS" } else { "plain" };
    let seconds = status.since.elapsed().as_secs();
    let waiting = status.waiting;
    format!("        {:<21}  {seconds:>6}s  {way}, {tls}, {waiting} messages waiting", status.address)
}

fn command(status: &CommandStatus) -> String {
    let CommandStatus { what, age, byte_count, total, place } = status;
    let rate = quantity::rate(quantity::bytes_per_second(*byte_count, *age));
    let of = total.map(|total| format!(" of {}", quantity::size(total))).unwrap_or_default();
    let (seconds, size, what) = (age.as_secs(), quantity::size(*byte_count) + &of, Escaped(what));
    let waiting = place.map(|place| format!(", waits at place {place} of a queue")).unwrap_or_default();
    format!("        {seconds:>6}s  {size:>22}  {rate:>12}  {what}{waiting}")
}

fn running(status: &CommandStatus) -> RunningObject<'_> {
    let CommandStatus { what, age, byte_count, total, place } = status;
    let (byte_count, total, queue) = (*byte_count, *total, *place);
    RunningObject { what, seconds: quantity::seconds(*age), byte_count, total, queue }
}

fn object(status: &NeighbourStatus) -> NeighbourObject {
    NeighbourObject {
        address: status.address.to_string(),
        peer: status.peer.to_string(),
        tls: status.is_tls,
        dialled: status.dialled,
        seconds: quantity::seconds(status.since.elapsed()),
        waiting: status.waiting,
    }
}

fn session(status: &SessionStatus) -> Session<'_> {
    Session {
        id: status.id,
        address: status.address,
        age: status.since.elapsed(),
        byte_count: status.byte_count,
        running: status.running.as_deref(),
        who: status.who.as_deref(),
    }
}
