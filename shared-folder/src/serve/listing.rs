//! LIST, SEARCH and STAT.

use super::permission::as_seen;
use super::pulse::Pulse;
use super::refusal::{Refusal, Stop};
use super::session::Session;
use super::share::Share;
use crate::access::Right;
use crate::folder::{FolderError, Shape};
use crate::scan::{Scan, entry_of};
use crate::words::Query;
use std::sync::Arc;
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::limits::{LINE_BYTES_MAX, SEARCH_BYTES_MAX};
use wire::message::reply::{Entries, Found, Listed};
use wire::message::request::{List, Search, Stat};
use wire::message::{ByteCount, Entry, Kind};
use wire::path::SharedPath;

/// What an entry takes on a line at most, besides its path; a path's bytes take at most two each (quotes and
/// backslashes; control characters are in no path).
const ENTRY_BYTES: usize = 160;
/// What a line of entries may take, with room for its head.
const ENTRIES_BYTES_MAX: usize = LINE_BYTES_MAX - 1024;

impl Session<'_> {
    pub(super) fn list(&mut self, id: u64, list: &List) -> Result<(), Stop> {
        let path = list.path.as_deref().map(Share::path).transpose()?;
        self.check_list(path.as_ref())?;
        let permit = Arc::clone(&self.permit);
        let scan = as_seen(Scan::new(self.folder(), path, list.recursive)?, &permit);
        self.stream(id, scan, |_| true)
    }

    pub(super) fn search(&mut self, id: u64, search: &Search) -> Result<(), Stop> {
        if search.words.len() > SEARCH_BYTES_MAX {
            return Err(Refusal::new(ErrorCode::BadMessage, "the words of a search are too long").into());
        }
        let none =
            || Refusal::new(ErrorCode::BadMessage, "a search needs at least one word of letters or digits");
        let query = Query::new(&search.words).ok_or_else(none)?;
        let permit = Arc::clone(&self.permit);
        let scan = as_seen(Scan::new(self.folder(), None, true)?, &permit);
        self.stream(id, scan, |entry| query.matches(&entry.path))
    }

    pub(super) fn stat(&mut self, id: u64, stat: &Stat) -> Result<(), Stop> {
        let found = match (&stat.path, stat.digest) {
            (None, None) => self.stat_root()?,
            (Some(text), None) => {
                let path = Share::path(text)?;
                self.check_stat(Some(&path))?;
                let status = self.folder().status(&path)?;
                match status.shape {
                    Shape::Special => {
                        return Err(Refusal::new(ErrorCode::NotAFile, "it is no regular file").into());
                    }
                    Shape::File if stat.with_digest => self.found_with_digest(id, &path)?,
                    Shape::File if !self.host.share.shares(path.name()) => {
                        return Err(FolderError::NotFound.into());
                    }
                    _ => {
                        let may_read = self.permit.allows(Right::Read, Some(&path));
                        let known = self.host.share.catalogue.known(&status.identity).filter(|_| may_read);
                        found(entry_of(&path, &status), known.map(|hashed| hashed.digest))
                    }
                }
            }
            (None, Some(digest)) => match self.open_by_digest(id, digest) {
                Ok((path, opened, hashed)) => found(entry_of(&path, &opened.status), Some(hashed.digest)),
                Err(missing) if stat.partial => self.found_arriving(digest, missing)?,
                Err(missing) => return Err(missing),
            },
            (Some(_), Some(_)) => return Err(both_named()),
        };
        Ok(self.connection.sender.queue(Some(id), &found)?)
    }

    fn stat_root(&self) -> Result<Found, Stop> {
        self.check_stat(None)?;
        let status = self.host.share.folder.root_status()?;
        let (path, kind) = (String::new(), Kind::Folder);
        let entry = Entry {
            path,
            kind,
            byte_count: ByteCount::default(),
            modified: status.modified,
            executable: false,
        };
        Ok(found(entry, None))
    }

    fn found_with_digest(&mut self, id: u64, path: &SharedPath) -> Result<Found, Stop> {
        let opened = self.open(path)?;
        let hashed = self.hash(id, &opened, path)?;
        Ok(found(entry_of(path, &opened.status), Some(hashed.digest)))
    }

    /// Sends a scan's entries as they are found, in lines below the limit.
    fn stream(&mut self, id: u64, mut scan: Scan<'_>, wanted: impl Fn(&Entry) -> bool) -> Result<(), Stop> {
        let share = &self.host.share;
        let (mut batch, mut line, mut line_bytes) = (Vec::new(), Vec::new(), 0);
        let is_wanted = |entry: &Entry| share.shares_kind(entry.kind) && wanted(entry);
        let (mut pulse, mut entry_count, mut looked_at) = (Pulse::new(id, share), 0u64, 0u64);
        let sender = &mut self.connection.sender;
        // Without all entries there is no `listed`; before the first one, the whole answer is a refusal.
        let stop = |error: FolderError, has_begun: bool| match error.into() {
            refusal if has_begun => Stop::Fail(refusal),
            refusal => Stop::Refuse(refusal),
        };
        while scan.next_batch(&mut batch).map_err(|error| stop(error, entry_count > 0))? {
            looked_at += batch.len() as u64;
            for entry in batch.drain(..).filter(is_wanted) {
                let entry_bytes = ENTRY_BYTES + 2 * entry.path.len();
                if line_bytes + entry_bytes > ENTRIES_BYTES_MAX {
                    sender.queue(Some(id), &Entries { entries: std::mem::take(&mut line) })?;
                    line_bytes = 0;
                }
                line_bytes += entry_bytes;
                entry_count += 1;
                line.push(entry);
            }
            if !line.is_empty() {
                sender.queue(Some(id), &Entries { entries: std::mem::take(&mut line) })?;
                line_bytes = 0;
                pulse.flush(sender)?;
            }
            pulse.beat(sender, looked_at, looked_at)?;
        }
        let counts = scan.counts();
        let listed = Listed {
            entry_count: ByteCount::new(entry_count),
            unnameable_count: ByteCount::new(counts.unnameable),
            left_out_count: ByteCount::new(counts.left_out),
        };
        Ok(sender.queue(Some(id), &listed)?)
    }
}

/// A file that is all there, or a folder.
fn found(entry: Entry, digest: Option<Digest>) -> Found {
    Found { entry, digest, have: None }
}

/// A request that names a file twice, or not at all, is one that its writer did not mean.
pub(super) fn both_named() -> Stop {
    Refusal::new(ErrorCode::BadMessage, "name the file by its path or by its digest, one of the two").into()
}
