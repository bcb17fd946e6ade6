//! Fetching: files from another end to a folder here, verified, continued where an earlier transfer broke.
//!
//! A large file of which something is here already is fetched piece by piece, and only the pieces that differ; any
//! other is read as a whole. Must not know who wants it.

mod rehearse;
mod many;
mod gather;
mod stream;
mod whole;
mod ranges;
mod payload;
mod error;

pub use error::FetchError;
pub use gather::{Gathered, NoSupply, SOURCES_MAX, Source, SourceShare, Supply, Wanted, gather};
pub use many::{Brought, FetchOutcome, fetch_many};
pub use rehearse::{FetchRehearsal, rehearse_fetching};
pub use stream::fetch_to;

use crate::catalogue::{Hashed, Remembered};
use crate::folder::{Folder, OpenFile};
use crate::incoming::{Incoming, Landed, Landing};
use crate::lane::Failing as _;
use crate::remote::{Recovery, Remote, RemoteError, Retry, Unwatched, Watch};
use payload::Span;
use ranges::{after, byte_count, differing, requests};
use std::sync::Arc;
use wire::digest::Digest;
use wire::limits::PIECE_BYTES;
use wire::message::Entry;
use wire::path::SharedPath;

/// A file to fetch.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Its path at the other end.
    pub source: SharedPath,
    /// What the other end said of it.
    pub entry: Entry,
    /// Where it lands, below the folder here.
    pub target: SharedPath,
    /// Another file below the folder here that may well have the same content: what of it is the same is not fetched.
    pub alike: Option<SharedPath>,
    /// Nothing had the target's name a moment ago, as in a folder that was just made: what is there need not be looked for.
    pub is_target_free: bool,
    /// What it must be, and what it may replace.
    pub terms: FetchTerms,
}

impl Fetch {
    /// The other file here that may have the same content, unless its length tells that it has not.
    fn open_alike(&self, folder: &Folder) -> Option<OpenFile> {
        let opened = folder.without_links().open_file(self.alike.as_ref()?).ok()?;
        (opened.status.byte_count == self.entry.byte_count.get()).then_some(opened)
    }
}

/// On which terms a file is fetched; usually on none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchTerms {
    /// Only this version: the other end is asked for no other, and nothing else gets the name.
    pub version: Option<Digest>,
    /// Nothing may have the name already.
    pub new: bool,
}

/// A file that was fetched, verified and has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// Its length, in bytes.
    pub byte_count: u64,
    /// Its digest, computed from what arrived.
    pub digest: Digest,
    /// How many bytes of it did not have to be sent.
    pub reused: u64,
}

impl From<Landed> for Fetched {
    fn from(landed: Landed) -> Self {
        Self { byte_count: landed.byte_count, digest: landed.digest, reused: landed.reused }
    }
}

/// Fetches one file of any size, again and again where the connection is lost, as long as `remote` has patience. What came of a large
/// file is noted in `digests`.
///
/// # Errors
/// See [`FetchError`]; the old file is there, and of a large one what has arrived is kept.
pub fn fetch(
    remote: &mut Remote,
    folder: &Folder,
    fetch: &Fetch,
    watch: &dyn Watch,
    digests: &Remembered,
) -> Result<Fetched, FetchError> {
    let (retry, fetch) = (remote.retry(), fetch.clone());
    let (open, missing_least) = (None, u64::MAX);
    let mut attempts = Attempts { remote, folder, fetch, watch, digests, retry, open, missing_least };
    loop {
        let error = match attempts.once() {
            Ok(fetched) => return Ok(fetched),
            Err(FetchError::Remote(error)) => error,
            Err(own) => return Err(own),
        };
        watch.retrying(&error);
        // Another version than the one that is wanted is of no use.
        if attempts.fetch.terms.version.is_some() && error.recovery() == Recovery::StartOver {
            return Err(error.into());
        }
        if attempts.retry.after(error)? == Recovery::StartOver {
            attempts.refresh()?;
        }
    }
}

/// How a file is to land that the other end describes so.
fn landing_of(entry: &Entry, terms: FetchTerms) -> Landing {
    let byte_count = entry.byte_count.get();
    Landing {
        byte_count: Some(byte_count),
        modified: Some(entry.modified),
        executable: Some(entry.executable),
        new: terms.new,
        spares_links: true,
        resumable: byte_count > PIECE_BYTES,
        identified: byte_count > PIECE_BYTES,
        ..Landing::default()
    }
}

/// Whoever sends a file that landed need not hash it again.
fn remember(landed: &Landed, digests: &Remembered) {
    if let Some(identity) = &landed.identity {
        let hashed = Hashed { digest: landed.digest, pieces: landed.pieces.as_slice().into() };
        digests.note(identity, &hashed);
    }
}

/// The attempts at one file.
struct Attempts<'a> {
    remote: &'a mut Remote,
    folder: &'a Folder,
    fetch: Fetch,
    watch: &'a dyn Watch,
    digests: &'a Remembered,
    retry: Retry,
    /// What a lost connection left open: the next attempt continues at the very byte.
    open: Option<Open<'a>>,
    /// The fewest bytes that were missing when an attempt began.
    missing_least: u64,
}

/// A large file on its way.
struct Open<'a> {
    incoming: Incoming<'a>,
    /// The digest of the version that is fetched, where it is known.
    version: Option<Digest>,
    spans: Vec<Span>,
    /// How many bytes had arrived when the connection was made again.
    kept: u64,
}

impl<'a> Attempts<'a> {
    fn once(&mut self) -> Result<Fetched, FetchError> {
        if let Some(open) = self.open.take() {
            let version = match self.version_of(&open) {
                Ok(version) => version,
                Err(error) => return Err(self.keep_open(open, error)),
            };
            let kept = open.incoming.received();
            return self.fill(Open { version: Some(version), kept, ..open }, version);
        }
        self.watch.restarted();
        if self.fetch.entry.byte_count.get() <= PIECE_BYTES {
            return self.whole();
        }
        let stand_in = self.fetch.open_alike(self.folder).map(|opened| Arc::new(opened.file));
        let landing = Landing { stand_in, ..landing_of(&self.fetch.entry, self.fetch.terms) };
        let mut incoming = Incoming::begin(self.folder, &self.fetch.target, landing)?;
        let base = incoming.base(&mut |done, of| {
            self.watch.checking(done, of);
            !self.remote.cancel().is_cancelled()
        })?;
        if base.is_empty() {
            drop(incoming);
            return self.whole();
        }
        let pieces = self.remote.session()?.pieces(&self.fetch.source, self.watch)?;
        if pieces.byte_count != self.fetch.entry.byte_count.get() {
            return Err(changed().into());
        }
        if self.fetch.terms.version.is_some_and(|version| version != pieces.digest) {
            return Err(FetchError::OtherVersion { actual: pieces.digest });
        }
        let (spans, version) = (differing(&base, &pieces), pieces.digest);
        self.watch.reused(pieces.byte_count - byte_count(&spans));
        self.fill(Open { incoming, version: Some(version), spans, kept: 0 }, version)
    }

    /// The version that was being fetched, if the file is still the same.
    fn version_of(&mut self, open: &Open<'_>) -> Result<Digest, FetchError> {
        if let Some(version) = open.version {
            return Ok(version);
        }
        let found = self.remote.session()?.stat(Some(&self.fetch.source), true, self.watch)?;
        let (now, before) = (&found.entry, &self.fetch.entry);
        let is_same = now.byte_count == before.byte_count && now.modified == before.modified;
        Ok(found.digest.filter(|_| is_same).ok_or_else(changed)?)
    }

    /// Fetches what is missing of exactly that version, and lets the file land.
    fn fill(&mut self, mut open: Open<'a>, version: Digest) -> Result<Fetched, FetchError> {
        let missing = after(&open.spans, open.incoming.position());
        self.note_missing(byte_count(&missing));
        for spans in requests(&missing) {
            if let Err(error) = self.ranges(&mut open.incoming, spans, version) {
                return Err(self.keep_open(open, error));
            }
        }
        let kept = open.kept;
        match open.incoming.finish(self.fetch.entry.byte_count.get(), Some(version)).map_err(FetchError::from)
        {
            // What came before the connection was lost may be of another version: the pieces will tell.
            Err(FetchError::WrongDigest { .. }) if kept > 0 => Err(changed().into()),
            Err(error) => Err(error),
            Ok(landed) => {
                remember(&landed, self.digests);
                Ok(Fetched { reused: landed.reused + kept, ..landed.into() })
            }
        }
    }

    /// Keeps what has arrived for the next attempt, if there may be one.
    fn keep_open(&mut self, open: Open<'a>, error: FetchError) -> FetchError {
        if error.recovery() == Recovery::Reconnect {
            self.open = Some(open);
        }
        error
    }

    /// The file is another one now: asks what it is.
    fn refresh(&mut self) -> Result<(), RemoteError> {
        let found = self.remote.session()?.stat(Some(&self.fetch.source), false, &Unwatched)?;
        self.fetch.entry = found.entry;
        self.missing_least = u64::MAX;
        Ok(())
    }

    fn note_missing(&mut self, missing: u64) {
        if missing < self.missing_least {
            self.missing_least = missing;
            self.retry.advanced();
        }
    }
}

fn changed() -> RemoteError {
    let message = "the file changed while it was fetched".to_owned();
    RemoteError::Refused { code: wire::error_code::ErrorCode::Changed, message }
}
