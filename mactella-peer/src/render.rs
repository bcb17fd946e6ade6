//! Everything that commands show: results and remarks, as text or as JSON lines.
//!
//! Both kinds of console get their lines from here, through a [`Sink`]. Must not know how any of it came about.

mod json;
mod listing;
mod status;

pub(crate) use listing::ShownListing;
pub(crate) use status::ShownStatus;

use crate::failure::{Code, Failure};
use crate::network::{FoundFile, FoundPeer, Unreachable};
use crate::overlay::PeerStatus;
use json::{AddressLine, DiscoverLine, GetLine, PeerLine, ResetLine, SearchLine, SourceObject, TopicLine};
use program::escape::{Escaped, for_log};
use program::quantity;
use program::results::{ErrorObject, FailureLine, json_line};
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;
use wire::digest::Digest;

/// Where lines go.
pub(crate) trait Sink {
    /// A result.
    fn result(&self, line: &str);

    /// A remark or, as text, a failure.
    fn remark(&self, line: &str);

    /// What was written is to be seen now.
    fn flush(&self);

    /// Whether nobody reads any more.
    fn is_closed(&self) -> bool;
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) is_json: bool,
    /// A person reads them on a terminal.
    pub(crate) has_columns: bool,
}

/// Writes what one command has to say.
pub(crate) struct Report<'a> {
    sink: &'a dyn Sink,
    style: Style,
}

/// One file that was fetched.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) local: String,
    pub(crate) byte_count: u64,
    pub(crate) digest: Digest,
    pub(crate) resumed_from: u64,
    pub(crate) time: Duration,
    /// Who gave how many bytes.
    pub(crate) sources: Vec<(String, u64)>,
}

/// A command, as HELP shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HelpLine {
    pub(crate) usage: &'static str,
    pub(crate) text: &'static str,
    pub(crate) example: &'static str,
}

impl<'a> Report<'a> {
    pub(crate) fn new(sink: &'a dyn Sink, style: Style) -> Self {
        Self { sink, style }
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sink.is_closed()
    }

    pub(crate) fn flush(&self) {
        self.sink.flush();
    }

    /// A remark for people. What others wrote is escaped.
    pub(crate) fn note(&self, text: impl Display) {
        self.sink.remark(&for_log(&text.to_string()));
    }

    /// A result that only people are told.
    pub(crate) fn say(&self, text: &str) {
        if !self.style.is_json {
            self.sink.result(text);
        }
    }

    pub(crate) fn failure(&self, command: &str, path: Option<&str>, failure: &Failure) {
        let Failure { code, message } = failure;
        let line = FailureLine { command, path, error: ErrorObject { code: code.as_str(), message } };
        if self.style.is_json {
            return self.sink.result(&json_line(&line));
        }
        // These say all there is to say, and people look for exactly these words.
        match code {
            Code::Usage | Code::NotConnected | Code::Interrupted => self.note(message),
            _ => self.note(line),
        }
    }

    pub(crate) fn found(&self, file: &FoundFile) {
        let FoundFile { path, byte_count, digest, address, key, hops, is_partial } = file;
        let (byte_count, hops, partial) = (*byte_count, *hops, *is_partial);
        if self.style.is_json {
            let (digest, address) = (digest.map(|digest| digest.to_string()), address.to_string());
            let key = key.map(|key| key.to_string());
            let line =
                SearchLine { command: "search", path, byte_count, digest, address, key, hops, partial };
            return self.sink.result(&json_line(&line));
        }
        let (place, size) = (place(*address), quantity::size(byte_count));
        let state = if partial { ", still arriving there" } else { "" };
        self.sink.result(&format!("found at {place}: {}, {size}{state}", Escaped(path)));
    }

    pub(crate) fn discovered(&self, peer: FoundPeer) {
        let FoundPeer { address, key, hops, added } = peer;
        if self.style.is_json {
            let (address, key) = (address.to_string(), key.map(|key| key.to_string()));
            let line = DiscoverLine { command: "discover", address, key, hops, added };
            return self.sink.result(&json_line(&line));
        }
        let what = if added { "has been added" } else { "is already in the list" };
        self.sink.result(&format!("{} {what}", place(address)));
    }

    /// A known peer that could not be asked.
    pub(crate) fn unreachable(&self, peer: &Unreachable) {
        let Unreachable { name, why } = peer;
        self.note(format_args!("a known peer cannot be reached now: {name}: {why}"));
    }

    pub(crate) fn got(&self, got: &Got) {
        let Got { path, local, byte_count, digest, resumed_from, time, sources } = got;
        let (byte_count, resumed_from) = (*byte_count, *resumed_from);
        if self.style.is_json {
            let sources = sources
                .iter()
                .map(|(address, byte_count)| SourceObject { address, byte_count: *byte_count })
                .collect();
            let (digest, seconds) = (digest.to_string(), quantity::seconds(*time));
            let command = "get";
            let line = GetLine { command, path, local, byte_count, digest, resumed_from, seconds, sources };
            return self.sink.result(&json_line(&line));
        }
        let (path, local, size) = (Escaped(path), Escaped(local), quantity::size(byte_count));
        if sources.is_empty() {
            return self.sink.result(&format!("{local} is here already with that content, {size}"));
        }
        let kept = match resumed_from {
            0 => String::new(),
            kept => format!(", {} of it was here", quantity::size(kept)),
        };
        let from = match sources.as_slice() {
            [(address, _)] => format!(" from {address}"),
            several => format!(" from {} peers", several.len()),
        };
        self.sink.result(&format!("received {path}{from} as {local}, {size}{kept}"));
    }

    pub(crate) fn connected(&self, address: &str, was_linked: bool) {
        if self.style.is_json {
            return self.sink.result(&json_line(&AddressLine { command: "connect", address }));
        }
        let what = if was_linked { "a link stands already to" } else { "linked to" };
        self.sink.result(&format!("{what} {}", Escaped(address)));
    }

    pub(crate) fn peer(&self, peer: &PeerStatus) {
        let name = &*peer.name;
        let address = peer.address.map_or_else(|| name.to_owned(), |address| address.to_string());
        let PeerStatus { linked, known, learned, reached, .. } = *peer;
        if self.style.is_json {
            let line = PeerLine { command: "peers", address, name, linked, known, learned, reached };
            return self.sink.result(&json_line(&line));
        }
        // Whoever dialled us is in the list only while its link stands.
        let origin = match (known, learned) {
            (true, _) => "known",
            (false, true) => "learned",
            (false, false) => "visitor",
        };
        let state = match (linked, reached) {
            (true, _) => "linked",
            (false, true) => "not linked",
            (false, false) => "not reached yet",
        };
        let alias = if address == name { String::new() } else { format!("  ({})", Escaped(name)) };
        self.sink.result(&format!("{address:<21}  {origin:<7}  {state}{alias}"));
    }

    pub(crate) fn reset(&self, forgotten: usize) {
        if self.style.is_json {
            return self.sink.result(&json_line(&ResetLine { command: "reset", forgotten }));
        }
        let addresses = if forgotten == 1 { "address" } else { "addresses" };
        self.sink.result(&format!("{forgotten} learned {addresses} forgotten"));
    }

    pub(crate) fn help(&self, line: HelpLine) {
        let HelpLine { usage, text, example } = line;
        if self.style.is_json {
            self.sink.result(&json_line(&TopicLine { command: "help", usage, text, example }));
        } else {
            self.sink.result(&format!("{usage}\n    {text}\n    example: {example}"));
        }
    }

    pub(crate) fn status(&self, status: &ShownStatus) {
        if self.style.is_json {
            return self.sink.result(&status.json());
        }
        status.lines().iter().for_each(|line| self.sink.result(line));
    }

    /// Begins to show the entries of `command`.
    pub(crate) fn listing(&self, command: &'static str) -> ShownListing<'_> {
        ShownListing::new(self.sink, self.style, command)
    }
}

/// An address as results for people have it.
fn place(address: SocketAddr) -> String {
    format!("IP:{},Port:{}", address.ip(), address.port())
}

#[cfg(test)]
mod tests;
