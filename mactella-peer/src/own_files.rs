//! What this peer answers to searches: the library, as the overlay asks it. Must not know who searches.

use crate::overlay::{Index, Wanted};
use shared_folder::library::{Hit, Library};
use shared_folder::words::Query;
use std::sync::Arc;
use wire::message::ByteCount;
use wire::message::link::FileResult;

pub(crate) struct OwnFiles(pub(crate) Arc<Library>);

impl Index for OwnFiles {
    fn find(&self, wanted: &Wanted, max: usize) -> Vec<FileResult> {
        let hits = match wanted {
            Wanted::Words(words) => Query::new(words).map(|query| self.0.search(&query, max)),
            Wanted::Digest(digest) => Some(self.0.search_digest(*digest, max)),
        };
        hits.into_iter().flatten().map(result).collect()
    }
}

fn result(hit: Hit) -> FileResult {
    let Hit { path, byte_count, digest, is_partial } = hit;
    FileResult { path, byte_count: ByteCount::new(byte_count), digest, partial: is_partial }
}
