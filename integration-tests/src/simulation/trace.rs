//! One hash over everything that happened: two runs that did the same have the same. Must not know what it means.

use wire::message::LinkMessage;

/// Bytes that are gathered before they are hashed: BLAKE3 is fast only for many at a time.
const BUFFER_BYTES: usize = 1 << 16;

/// The hash as far as it has come.
pub(super) struct Trace {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    /// Events so far.
    pub(super) events: u64,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { hasher: blake3::Hasher::new(), buffer: Vec::with_capacity(BUFFER_BYTES + 512), events: 0 }
    }

    /// One event: when, which sort, and at which link, peer or other number.
    pub(super) fn event(&mut self, now: u64, sort: u8, place: u32) {
        self.events += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.hasher.update(&self.buffer);
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(&now.to_le_bytes());
        self.buffer.push(sort);
        self.buffer.extend_from_slice(&place.to_le_bytes());
    }

    /// What the last event's message said.
    pub(super) fn message(&mut self, message: &LinkMessage) {
        let (sort, id, numbers) = match message {
            LinkMessage::Search(search) => (0, search.search_id.0, [search.ttl, search.hops]),
            LinkMessage::Discover(discover) => (1, discover.discover_id.0, [discover.ttl, discover.hops]),
            LinkMessage::SearchResult(result) => (2, result.search_id.0, [0, result.hops]),
            LinkMessage::DiscoverResult(result) => (3, result.discover_id.0, [0, result.hops]),
            LinkMessage::Ping(_) | LinkMessage::Refused(_) => (4, 0, [0, 0]),
        };
        self.buffer.push(sort);
        self.buffer.extend_from_slice(&id.to_le_bytes());
        self.buffer.extend_from_slice(&numbers);
        if let LinkMessage::SearchResult(result) = message {
            let paths = result.files.iter().map(|file| file.path.as_bytes());
            paths.for_each(|path| self.buffer.extend_from_slice(path));
        }
    }

    /// The hash of everything so far, in hex digits.
    pub(super) fn hash(&self) -> String {
        self.hasher.clone().update(&self.buffer).finalize().to_hex().to_string()
    }
}
