//! GET: a file of another peer into this peer's own folder, verified, under its last name part.
//!
//! Must not know how a file is transferred or lands.

mod gathering;
mod choice;

use super::search::{Results, find};
use super::{Order, Outcome};
use crate::command::shown;
use crate::destination::Destination;
use crate::failure::{Code, Failure, taken};
use crate::overlay::Wanted;
use crate::render::Got;
use choice::{Holder, best_of};
use gathering::Gathering;
use shared_folder::catalogue::{HashError, JobState, Remembered};
use shared_folder::fetch::{Fetch, FetchError, FetchTerms, fetch};
use shared_folder::folder::{FolderError, Shape};
use shared_folder::remote::{Remote, RemoteError, Repeat, Unwatched};
use std::time::{Duration, Instant};
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::limits::TTL_MAX;
use wire::message::{Entry, Kind};
use wire::net::Address;
use wire::path::SharedPath;

const COMMAND: &str = "get";
/// Between two looks whether a hash of one's own file is still wanted.
const HASH_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// One file of one holder, and what becomes of it.
struct Wish<'a> {
    source: &'a SharedPath,
    /// From whom: whose key answers is part of it, where the search told.
    holder: &'a Destination,
    /// The content that the search told.
    version: Option<Digest>,
    target: &'a SharedPath,
    replace: bool,
}

pub(super) fn from_peer(order: &Order<'_>, path: &str, holder: &Destination, replace: bool) -> Outcome {
    let got = SharedPath::parse(path).map_err(Failure::from).and_then(|source| {
        let target = SharedPath::parse(source.name())?;
        let wish = Wish { source: &source, holder, version: None, target: &target, replace };
        wish.fulfil(order)
    });
    conclude(order, path, got)
}

/// Searches, and gets the best result from the first holder that gives what it promised.
pub(super) fn best(order: &Order<'_>, wanted: &Wanted, replace: bool) -> Outcome {
    let text = shown(wanted);
    let (mut results, mut files) = (Results::of(wanted), Vec::new());
    let found = find(order, wanted, TTL_MAX, &mut |file| {
        if results.is_new(&file) {
            files.push(file);
        }
    });
    results.tell_dropped(order);
    let got = found.and_then(|()| {
        let holders = best_of(&files);
        let Some(first) = holders.first() else {
            return Err(Failure::refused(ErrorCode::NotFound, "nothing was found"));
        };
        // All of them have the same content: what one began, the next one continues.
        let target = SharedPath::parse(first.path.name())?;
        match first.digest {
            Some(digest) => Gathering::new(order, &holders, digest).into(&target, replace),
            None => from_any(order, &holders, &target, replace),
        }
    });
    conclude(order, &text, got)
}

fn from_any(
    order: &Order<'_>,
    holders: &[Holder],
    target: &SharedPath,
    replace: bool,
) -> Result<Got, Failure> {
    let mut worst: Option<Failure> = None;
    for holder in holders {
        let address = Address::from(holder.address);
        let from = Destination { address, key: holder.key };
        let wish = Wish { source: &holder.path, holder: &from, version: holder.digest, target, replace };
        let failure = match wish.fulfil(order) {
            Ok(got) => return Ok(got),
            Err(failure) => failure,
        };
        if !is_about_holder(failure.code) {
            return Err(failure);
        }
        if holders.len() > 1 {
            order.report.note(format_args!("not from {}: {}", from.address, failure.message));
            order.report.flush();
        }
        // A lie is worse than an absence, and the last absence as good as any.
        let is_lie = |failure: &Failure| {
            matches!(failure.code, Code::KeyMismatch | Code::Remote(ErrorCode::DigestMismatch))
        };
        if !worst.as_ref().is_some_and(is_lie) {
            worst = Some(failure);
        }
    }
    Err(worst.unwrap_or_else(|| Failure::refused(ErrorCode::NotFound, "nothing was found")))
}

/// Whether another holder may do better.
fn is_about_holder(code: Code) -> bool {
    match code {
        Code::Remote(ErrorCode::Exists | ErrorCode::Stopping) | Code::LocalFile | Code::Interrupted => false,
        Code::Remote(_) | Code::ConnectionFailed | Code::ConnectionLost => true,
        // Whoever answers there is not the holder; another one may be.
        Code::KeyMismatch | Code::UnknownKey => true,
        Code::Usage | Code::NotConnected => false,
    }
}

fn conclude(order: &Order<'_>, path: &str, got: Result<Got, Failure>) -> Outcome {
    match got {
        Ok(got) => {
            order.report.got(&got);
            Ok(())
        }
        Err(failure) => Err(order.failed(COMMAND, Some(path), &failure)),
    }
}

impl Wish<'_> {
    fn fulfil(&self, order: &Order<'_>) -> Result<Got, Failure> {
        let begun = Instant::now();
        let mut remote = order.peer.remote(self.holder, order.interruption.cancel());
        let entry = self.entry(&mut remote)?;
        let byte_count = entry.byte_count.get();
        order.will_get(byte_count);
        let local = order.peer.folder.join(self.target.as_str()).to_string_lossy().into_owned();
        let mut got = Got {
            path: self.source.as_str().to_owned(),
            local,
            byte_count,
            digest: Digest::of(b""),
            resumed_from: byte_count,
            time: Duration::ZERO,
            sources: Vec::new(),
        };
        let mut theirs = || self.their_digest(&mut remote);
        if let Some(digest) = content_here(order, self.target, (byte_count, &mut theirs), self.replace)? {
            (got.digest, got.time) = (digest, begun.elapsed());
            return Ok(got);
        }
        let terms = FetchTerms { version: self.version, new: !self.replace };
        let (source, target) = (self.source.clone(), self.target.clone());
        let wanted = Fetch { source, entry, target, alike: None, is_target_free: false, terms };
        let fetched =
            fetch(&mut remote, &order.peer.host.share.folder, &wanted, order.watch(), &Remembered::nothing())
                .map_err(|error| self.explained(error))?;
        order.peer.library.look_again(self.target);
        got.byte_count = fetched.byte_count;
        got.digest = fetched.digest;
        got.resumed_from = fetched.reused;
        got.sources =
            vec![(self.holder.address.to_string(), fetched.byte_count.saturating_sub(fetched.reused))];
        got.time = begun.elapsed();
        // Nobody waits for a last word that does not come.
        let _ = remote.bye();
        Ok(got)
    }

    fn entry(&self, remote: &mut Remote) -> Result<Entry, Failure> {
        let ask = remote.ask(Repeat::Harmless, |session| session.stat(Some(self.source), false, &Unwatched));
        let entry = ask?.entry;
        match entry.kind {
            Kind::Folder => Err(Failure::refused(ErrorCode::NotAFile, "it is a folder")),
            _ => Ok(entry),
        }
    }

    fn their_digest(&self, remote: &mut Remote) -> Result<Digest, Failure> {
        if let Some(version) = self.version {
            return Ok(version);
        }
        let ask = remote.ask(Repeat::Harmless, |session| session.stat(Some(self.source), true, &Unwatched));
        let none =
            || Failure::refused(ErrorCode::BadMessage, "the other end does not tell the file's digest");
        ask?.digest.ok_or_else(none)
    }

    /// Who has another version than the search told has broken a promise.
    fn explained(&self, error: FetchError) -> Failure {
        let is_other =
            matches!(&error, FetchError::Remote(RemoteError::Refused { code: ErrorCode::Changed, .. }));
        if self.version.is_some() && is_other { other_version() } else { error.into() }
    }
}

fn other_version() -> Failure {
    Failure::refused(ErrorCode::DigestMismatch, "the holder has another version than the search told")
}

/// The digest of what has the name here, if that is the very content that is wanted; nothing where the name is
/// free or may be taken.
fn content_here(
    order: &Order<'_>,
    target: &SharedPath,
    (byte_count, theirs): (u64, &mut dyn FnMut() -> Result<Digest, Failure>),
    replace: bool,
) -> Result<Option<Digest>, Failure> {
    let status = match order.peer.host.share.folder.status(target) {
        Ok(status) => status,
        Err(FolderError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if status.shape != Shape::File {
        return Err(Failure::refused(ErrorCode::Exists, "something that is no file has that name here"));
    }
    if status.byte_count == byte_count {
        let theirs = theirs()?;
        if own_digest(order, target)? == theirs {
            return Ok(Some(theirs));
        }
    }
    if replace { Ok(None) } else { Err(taken()) }
}

fn own_digest(order: &Order<'_>, target: &SharedPath) -> Result<Digest, Failure> {
    let share = &order.peer.host.share;
    let opened = share.folder.open_file(target)?;
    if let Some(known) = share.catalogue.known(&opened.status.identity) {
        return Ok(known.digest);
    }
    let waiting = share.catalogue.hash(&opened, target)?;
    loop {
        match waiting.wait(HASH_LOOK_INTERVAL) {
            JobState::Done(hashed) => {
                return Ok(hashed.map_err(|error: HashError| Failure::from(error))?.digest);
            }
            JobState::Working { .. } if order.interruption.is_interrupted() => {
                return Err(Failure::interrupted());
            }
            JobState::Working { .. } => {}
        }
    }
}
