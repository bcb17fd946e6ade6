//! A listing as it arrives: entry after entry, in constant memory, each one checked to be where it was asked for.

use super::{RemoteError, Session, Unwatched};
use std::vec;
use wire::message::{Entry, Reply};
use wire::path::SharedPath;

/// Batches without an entry that are taken in a row: an endless listing of nothing has to end.
const EMPTY_BATCHES_MAX: usize = 64;
/// Entries of one listing: more than any share has; an endless one has to end.
const ENTRIES_MAX: u64 = 1_000_000_000;

/// One entry of a listing, with its path checked.
#[derive(Debug, Clone)]
pub enum ListedName {
    /// A name that lies where it was asked for.
    Sound(SharedPath, Entry),
    /// A name that is no shared path, or lies elsewhere: to be reported, not to be used.
    Unsound(String),
}

/// What the other end counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Listed {
    /// Names that cannot stand on the wire.
    pub unnameable_count: u64,
    /// Things that are not served.
    pub left_out_count: u64,
}

/// The answer to LIST or SEARCH as it comes. What is not read to its end closes the session.
#[derive(Debug)]
pub struct Listing<'a> {
    session: &'a mut Session,
    id: u64,
    scope: Scope,
    batch: vec::IntoIter<Entry>,
    entry_count: u64,
    empty_batches: usize,
    end: Option<Listed>,
}

#[derive(Debug)]
enum Scope {
    Anywhere,
    Folder { path: Option<SharedPath>, recursive: bool },
}

impl<'a> Listing<'a> {
    pub(super) fn of_folder(
        session: &'a mut Session,
        id: u64,
        path: Option<SharedPath>,
        recursive: bool,
    ) -> Self {
        Self::new(session, id, Scope::Folder { path, recursive })
    }

    pub(super) fn of_search(session: &'a mut Session, id: u64) -> Self {
        Self::new(session, id, Scope::Anywhere)
    }

    fn new(session: &'a mut Session, id: u64, scope: Scope) -> Self {
        let batch = Vec::new().into_iter();
        Self { session, id, scope, batch, entry_count: 0, empty_batches: 0, end: None }
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// Refusals, and what ends the session.
    pub fn next_entry(&mut self) -> Result<Option<ListedName>, RemoteError> {
        loop {
            if let Some(entry) = self.batch.next() {
                self.entry_count += 1;
                return Ok(Some(self.scope.check(entry)));
            }
            if self.end.is_some() {
                return Ok(None);
            }
            self.next_batch()?;
        }
    }

    /// Whether the next entry is there without waiting.
    pub fn is_ready(&mut self) -> bool {
        self.batch.len() > 0 || self.session.has_news()
    }

    /// What was counted; known once the last entry has come.
    #[must_use]
    pub fn listed(&self) -> Option<Listed> {
        self.end
    }

    fn next_batch(&mut self) -> Result<(), RemoteError> {
        let has_begun = self.entry_count > 0 || self.empty_batches > 0;
        let reply = if has_begun {
            self.session.more(self.id, &Unwatched)
        } else {
            self.session.reply(self.id, &Unwatched)
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                self.end = Some(Listed::default());
                return Err(error);
            }
        };
        match reply {
            Reply::Entries(entries) => self.begin_batch(entries.entries),
            Reply::Listed(listed) if listed.entry_count.get() != self.entry_count => {
                Err(self.session.violated("a listing of another length than announced"))
            }
            Reply::Listed(listed) => {
                let unnameable_count = listed.unnameable_count.get();
                self.end = Some(Listed { unnameable_count, left_out_count: listed.left_out_count.get() });
                Ok(())
            }
            Reply::Failed(failed) => {
                self.end = Some(Listed::default());
                Err(failed.into())
            }
            _ => Err(self.session.violated("a line that is no part of a listing")),
        }
    }

    fn begin_batch(&mut self, entries: Vec<Entry>) -> Result<(), RemoteError> {
        self.empty_batches = if entries.is_empty() { self.empty_batches + 1 } else { 0 };
        if self.empty_batches > EMPTY_BATCHES_MAX || self.entry_count > ENTRIES_MAX {
            return Err(self.session.violated("a listing without end"));
        }
        self.batch = entries.into_iter();
        Ok(())
    }
}

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        // What was not read would be taken for the next request's answer.
        if self.end.is_none() {
            let _ = self.session.broken(RemoteError::Cancelled);
        }
    }
}

impl Scope {
    fn check(&self, entry: Entry) -> ListedName {
        match SharedPath::parse(&entry.path) {
            Ok(path) if self.has(&path) => ListedName::Sound(path, entry),
            _ => ListedName::Unsound(entry.path),
        }
    }

    fn has(&self, candidate: &SharedPath) -> bool {
        let Self::Folder { path, recursive } = self else { return true };
        let rest = match path {
            None => Some(candidate.as_str()),
            Some(folder) => {
                candidate.as_str().strip_prefix(folder.as_str()).and_then(|rest| rest.strip_prefix('/'))
            }
        };
        rest.is_some_and(|rest| *recursive || !rest.contains('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(folder: &str, recursive: bool, candidate: &str) -> bool {
        let path = (!folder.is_empty()).then(|| SharedPath::parse(folder).unwrap());
        Scope::Folder { path, recursive }.has(&SharedPath::parse(candidate).unwrap())
    }

    #[test]
    fn only_names_in_the_folder_that_was_asked_for_are_sound() {
        assert!(
            has("", false, "a") && has("", true, "a/b") && has("a", false, "a/b") && has("a", true, "a/b/c")
        );
        assert!(!has("", false, "a/b") && !has("a", false, "a/b/c") && !has("a", true, "ab/c"));
        assert!(!has("a", true, "a") && !has("a/b", true, "a/c"));
    }
}
