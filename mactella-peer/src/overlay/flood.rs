//! Searches and discovers: begun here, or passing. Each is answered once and sent on to everyone but its source.

use super::memory::Source;
use super::{Action, LinkId, Overlay, Turn, Wanted};
use std::sync::Arc;
use wire::codec::encoded_len;
use wire::limits::{RESULT_BYTES_MAX, SEARCH_BYTES_MAX, SEARCH_FILES_MAX, TTL_MAX};
use wire::message::link::{Discover, DiscoverResult, FileResult, LinkSearch, SearchResult};
use wire::message::{FloodId, LinkMessage};

/// What a result's line takes besides its files, at most.
const RESULT_HEAD_BYTES: usize = 256;

/// How far a flood has come and may still go, after the link that it just crossed.
#[derive(Debug, Clone, Copy)]
struct Reach {
    ttl: u8,
    hops: u8,
}

impl Overlay {
    /// Begins a search of this peer's user. Its own files are no results.
    pub(super) fn search(&mut self, turn: &mut Turn<'_>, id: FloodId, wanted: Wanted, ttl: u8) {
        let reach = Reach { ttl: ttl.clamp(1, TTL_MAX), hops: 0 };
        self.memory.note(id, Source::Own, self.link_number);
        self.portions.count_own(turn.now, self.links.len());
        self.send_on(turn, None, LinkMessage::Search(search_message(id, wanted, reach)));
    }

    /// Begins a discover of this peer's user.
    pub(super) fn discover(&mut self, turn: &mut Turn<'_>, id: FloodId, ttl: u8) {
        let ttl = ttl.clamp(1, TTL_MAX);
        self.memory.note(id, Source::Own, self.link_number);
        self.portions.count_own(turn.now, self.links.len());
        self.send_on(turn, None, LinkMessage::Discover(Discover { discover_id: id, ttl, hops: 0 }));
    }

    pub(super) fn search_received(&mut self, turn: &mut Turn<'_>, place: usize, search: LinkSearch) {
        let id = search.search_id;
        let Some((source, reach)) = self.admit(turn, place, id, (search.ttl, search.hops)) else { return };
        let Some(wanted) = wanted(search) else {
            self.counters.malformed_dropped += 1;
            return;
        };
        self.counters.searches_seen += 1;
        for files in in_lines(turn.index.find(&wanted, SEARCH_FILES_MAX)) {
            let result = SearchResult { search_id: id, hops: 0, address: None, key: None, files };
            self.send(turn, source, LinkMessage::SearchResult(result));
        }
        if reach.ttl > 0 {
            self.send_on(turn, Some(source), LinkMessage::Search(search_message(id, wanted, reach)));
        }
    }

    pub(super) fn discover_received(&mut self, turn: &mut Turn<'_>, place: usize, discover: &Discover) {
        let id = discover.discover_id;
        let Some((source, reach)) = self.admit(turn, place, id, (discover.ttl, discover.hops)) else {
            return;
        };
        self.counters.discovers_seen += 1;
        let result = DiscoverResult { discover_id: id, hops: 0, address: None, key: None };
        self.send(turn, source, LinkMessage::DiscoverResult(result));
        if reach.ttl > 0 {
            let onward = Discover { discover_id: id, ttl: reach.ttl, hops: reach.hops };
            self.send_on(turn, Some(source), LinkMessage::Discover(onward));
        }
    }

    /// Whether a flood is new here and within all bounds; it is remembered then.
    fn admit(
        &mut self,
        turn: &Turn<'_>,
        place: usize,
        id: FloodId,
        (ttl, hops): (u8, u8),
    ) -> Option<(LinkId, Reach)> {
        self.counters.messages_received += 1;
        let links = self.links.len();
        let link = self.links.get_mut(place)?;
        if !link.may_flood(turn.now) {
            self.counters.over_budget_dropped += 1;
            return None;
        }
        let Some(mut reach) = reach(ttl, hops) else {
            self.counters.spent_dropped += 1;
            return None;
        };
        if self.memory.holds(id) {
            self.counters.duplicates_dropped += 1;
            return None;
        }
        if self.memory.is_full() || !link.may_be_remembered() {
            self.counters.over_budget_dropped += 1;
            return None;
        }
        if reach.ttl > 0 && !self.portions.admits(turn.now, link, links) {
            self.counters.held_back += 1;
            reach.ttl = 0;
        }
        let asked = if reach.ttl > 0 { self.link_number } else { 0 };
        let source = link.id;
        self.memory.note(id, Source::Link(source), asked);
        Some((source, reach))
    }

    /// Sends one message to every neighbour but the one that it came from.
    fn send_on(&mut self, turn: &mut Turn<'_>, source: Option<LinkId>, message: LinkMessage) {
        let message = Arc::new(message);
        for link in self.links.iter().map(|link| link.id).filter(|link| Some(*link) != source) {
            self.counters.messages_sent += 1;
            turn.actions.push(Action::Send { link, message: Arc::clone(&message) });
        }
    }
}

/// What is left after the link that a flood just crossed: `ttl` and `hops` together never exceed [`TTL_MAX`],
/// whatever the message says. `None` for one that had no link left to cross.
fn reach(ttl: u8, hops: u8) -> Option<Reach> {
    let ttl = ttl.min(TTL_MAX.saturating_sub(hops));
    Some(Reach { ttl: ttl.checked_sub(1)?, hops: hops + 1 })
}

fn search_message(id: FloodId, wanted: Wanted, Reach { ttl, hops }: Reach) -> LinkSearch {
    let (words, digest) = match wanted {
        Wanted::Words(words) => (Some(words), None),
        Wanted::Digest(digest) => (None, Some(digest)),
    };
    LinkSearch { search_id: id, ttl, hops, words, digest }
}

fn wanted(search: LinkSearch) -> Option<Wanted> {
    match (search.words, search.digest) {
        (Some(words), None) if words.len() <= SEARCH_BYTES_MAX => Some(Wanted::Words(words)),
        (None, Some(digest)) => Some(Wanted::Digest(digest)),
        _ => None,
    }
}

/// The files in portions that fit into a result's line each.
fn in_lines(files: Vec<FileResult>) -> Vec<Vec<FileResult>> {
    let mut lines: Vec<Vec<FileResult>> = Vec::new();
    let mut left = 0;
    for file in files {
        // One more for the comma.
        let byte_count = encoded_len(&file) + 1;
        match lines.last_mut() {
            Some(line) if byte_count <= left => line.push(file),
            _ => {
                lines.push(vec![file]);
                left = RESULT_BYTES_MAX - RESULT_HEAD_BYTES;
            }
        }
        left = left.saturating_sub(byte_count);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::message::ByteCount;

    #[test]
    fn ttl_and_hops_together_are_cut_to_the_maximum() {
        let after = |ttl, hops| reach(ttl, hops).map(|reach| (reach.ttl, reach.hops));
        assert_eq!(after(7, 0), Some((6, 1)));
        assert_eq!(after(255, 0), Some((6, 1)));
        assert_eq!(after(7, 3), Some((3, 4)));
        assert_eq!(after(1, 6), Some((0, 7)));
        assert_eq!([after(0, 0), after(1, 7), after(255, 255)], [None; 3]);
    }

    #[test]
    fn files_that_do_not_fit_into_one_line_go_in_several() {
        let file = |number: usize| FileResult {
            path: format!("{number}/{}", "x".repeat(4000)),
            byte_count: ByteCount::new(u64::MAX),
            digest: None,
            partial: false,
        };
        let lines = in_lines((0..40).map(file).collect());
        assert!(lines.len() == 3 && lines.iter().map(Vec::len).sum::<usize>() == 40);
        for files in lines {
            let result = SearchResult { search_id: FloodId(1), hops: 0, address: None, key: None, files };
            assert!(encoded_len(&result) < RESULT_BYTES_MAX);
        }
    }
}
