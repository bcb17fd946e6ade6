//! One session: requests out, the answers in their order, and every answer checked to be one to that request.

use super::listing::Listing;
use super::there::There;
use super::{Cancel, RemoteError, Watch, Watched};
use std::time::{Duration, Instant};
use wire::codec::Message;
use wire::connection::{Connection, SendError, Sender};
use wire::digest::{Digest, PieceValue, check_piece_list, piece_count};
use wire::limits::SECTION_BYTES_MAX;
use wire::message::reply::{PieceList, Topic, Working};
use wire::message::request::{Bye, Delete, Help, List, Mkdir, Pieces, Rename, Search, Stat};
use wire::message::{End, Entry, Reply, Welcome};
use wire::path::SharedPath;

/// The longest time for which `working` may tell the same number: a huge file is landed in less.
const WORKING_SAME_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// Sections without a byte in one payload: they mean nothing, so a payload of them alone has to end.
pub(crate) const EMPTY_SECTIONS_MAX: usize = 64;
/// Pieces of a list that room is made for before their values have come: what an honest list of 64 GiB has.
const PIECES_RESERVED_MAX: u64 = 64 * 1024;
/// How long the last word of a session is waited for: whoever leaves has no use for it.
const BYE_TIME_MAX: Duration = Duration::from_secs(2);
/// Requests in flight are bounded here too, whatever the other end would take.
const IN_FLIGHT_MAX: u64 = 64;

/// An open session. An error other than a refusal ends it.
#[derive(Debug)]
pub struct Session {
    pub(crate) connection: Connection,
    welcome: Welcome,
    last_id: u64,
    cancel: Cancel,
    watched: Watched,
    is_broken: bool,
}

/// What a STAT found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The file or folder.
    pub entry: Entry,
    /// Its digest, where it is known or was waited for.
    pub digest: Option<Digest>,
}

/// The proven pieces of a file.
#[derive(Debug, Clone)]
pub struct PiecesOf {
    /// The file's length, in bytes.
    pub byte_count: u64,
    /// The file's digest.
    pub digest: Digest,
    /// The value of each piece; they merge to the digest.
    pub values: Vec<PieceValue>,
}

impl Session {
    pub(super) fn new(
        connection: Connection,
        welcome: Welcome,
        (cancel, watched): (Cancel, Watched),
    ) -> Self {
        Self { connection, welcome, last_id: 0, cancel, watched, is_broken: false }
    }

    /// What the other end said of itself.
    #[must_use]
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// How many requests may be sent before the first one's answer is complete.
    #[must_use]
    pub fn in_flight_max(&self) -> usize {
        usize::try_from(self.welcome.limits.requests_in_flight_max.clamp(1, IN_FLIGHT_MAX)).unwrap_or(1)
    }

    /// The longest section that may be sent, in bytes.
    pub(crate) fn section_bytes_max(&self) -> u64 {
        self.welcome.limits.section_bytes_max.clamp(1, SECTION_BYTES_MAX)
    }

    /// Whether the session can take a request: nothing is under way, so anything that has arrived can only be the
    /// end of it.
    pub fn is_alive(&mut self) -> bool {
        !self.is_broken && !self.cancel.is_cancelled() && !self.connection.receiver.is_ready()
    }

    pub(super) fn set_cancel(&mut self, cancel: &Cancel) {
        self.watched = cancel.watch(&self.connection.closer());
        self.cancel = cancel.clone();
    }

    /// Lists a folder (`None`: the share's root), or all below it.
    ///
    /// # Errors
    /// When it cannot be asked for; refusals come with the listing itself.
    pub fn list(&mut self, path: Option<&SharedPath>, recursive: bool) -> Result<Listing<'_>, RemoteError> {
        let id = self.ask(&List { path: path.map(text), recursive })?;
        Ok(Listing::of_folder(self, id, path.cloned(), recursive))
    }

    /// Entries whose path has all the words.
    ///
    /// # Errors
    /// As [`Session::list`].
    pub fn search(&mut self, words: &str) -> Result<Listing<'_>, RemoteError> {
        let id = self.ask(&Search { words: words.to_owned() })?;
        Ok(Listing::of_search(self, id))
    }

    /// One file or folder (`None`: the share's root); with `with_digest`, waits for the file's digest.
    ///
    /// # Errors
    /// Refusals, and what ends the session.
    pub fn stat(
        &mut self,
        path: Option<&SharedPath>,
        with_digest: bool,
        watch: &dyn Watch,
    ) -> Result<Found, RemoteError> {
        let id = self.ask_stat(path, with_digest)?;
        self.found(id, path, watch)
    }

    pub(crate) fn ask_stat(
        &mut self,
        path: Option<&SharedPath>,
        with_digest: bool,
    ) -> Result<u64, RemoteError> {
        self.ask(&Stat { path: path.map(text), with_digest, ..Stat::default() })
    }

    pub(crate) fn found(
        &mut self,
        id: u64,
        path: Option<&SharedPath>,
        watch: &dyn Watch,
    ) -> Result<Found, RemoteError> {
        match self.reply(id, watch)? {
            Reply::Found(found) if found.entry.path == path.map_or("", SharedPath::as_str) => {
                Ok(Found { entry: found.entry, digest: found.digest })
            }
            Reply::Found(_) => Err(self.violated("another entry than the one asked for")),
            _ => Err(self.violated("an answer that is none to stat")),
        }
    }

    /// What the other end has of the file with that content, which may still be arriving there.
    ///
    /// # Errors
    /// Refusals, and what ends the session; what fits to no file of `byte_count` bytes is one.
    pub fn there_of(&mut self, digest: Digest, byte_count: u64) -> Result<There, RemoteError> {
        let id = self.ask(&Stat { digest: Some(digest), partial: true, ..Stat::default() })?;
        let Reply::Found(found) = self.reply(id, &super::Unwatched)? else {
            return Err(self.violated("an answer that is none to stat"));
        };
        let is_other = found.digest.is_some_and(|other| other != digest);
        if is_other || found.entry.byte_count.get() != byte_count {
            return Err(self.violated("another file than the one asked for"));
        }
        let there = There::of(found.have.as_deref(), byte_count);
        there.ok_or_else(|| self.violated("ranges that are no pieces of the file"))
    }

    /// Gives a file or folder another path.
    ///
    /// # Errors
    /// Refusals, and what ends the session.
    pub fn rename(&mut self, path: &SharedPath, to: &SharedPath, replace: bool) -> Result<(), RemoteError> {
        let id = self.ask(&Rename { path: text(path), to: text(to), replace })?;
        match self.reply(id, &super::Unwatched)? {
            Reply::Renamed(_) => Ok(()),
            _ => Err(self.violated("an answer that is none to rename")),
        }
    }

    /// Removes a file, an empty folder, or with `recursive` a folder with all in it.
    ///
    /// # Errors
    /// Refusals, and what ends the session.
    pub fn delete(&mut self, path: &SharedPath, recursive: bool) -> Result<(), RemoteError> {
        let id = self.ask(&Delete { path: text(path), recursive })?;
        match self.reply(id, &super::Unwatched)? {
            Reply::Deleted(_) => Ok(()),
            _ => Err(self.violated("an answer that is none to delete")),
        }
    }

    /// Makes a folder with its parents.
    ///
    /// # Errors
    /// Refusals, and what ends the session.
    pub fn make_folder(&mut self, path: &SharedPath) -> Result<(), RemoteError> {
        let id = self.ask_make_folder(path)?;
        self.made(id)
    }

    pub(super) fn ask_make_folder(&mut self, path: &SharedPath) -> Result<u64, RemoteError> {
        self.ask(&Mkdir { path: text(path) })
    }

    pub(super) fn made(&mut self, id: u64) -> Result<(), RemoteError> {
        match self.reply(id, &super::Unwatched)? {
            Reply::Made(_) => Ok(()),
            _ => Err(self.violated("an answer that is none to mkdir")),
        }
    }

    /// What can be asked at the other end.
    ///
    /// # Errors
    /// Refusals, and what ends the session.
    pub fn topics(&mut self) -> Result<Vec<Topic>, RemoteError> {
        let id = self.ask(&Help {})?;
        match self.reply(id, &super::Unwatched)? {
            Reply::Topics(topics) => Ok(topics.topics),
            _ => Err(self.violated("an answer that is none to help")),
        }
    }

    /// The pieces of a file, proven against its digest and length.
    ///
    /// # Errors
    /// Refusals, and what ends the session; a list that proves nothing is one.
    pub fn pieces(&mut self, path: &SharedPath, watch: &dyn Watch) -> Result<PiecesOf, RemoteError> {
        let id = self.ask(&Pieces { path: Some(text(path)), digest: None })?;
        self.proven_pieces(id, watch)
    }

    /// As [`Session::pieces`], of whatever file there has that digest.
    ///
    /// # Errors
    /// As there, and where the list is that of another one.
    pub fn pieces_of(&mut self, digest: Digest, watch: &dyn Watch) -> Result<PiecesOf, RemoteError> {
        let id = self.ask(&Pieces { path: None, digest: Some(digest) })?;
        let pieces = self.proven_pieces(id, watch)?;
        if pieces.digest == digest {
            Ok(pieces)
        } else {
            Err(self.violated("the pieces of another file than the one asked for"))
        }
    }

    fn proven_pieces(&mut self, id: u64, watch: &dyn Watch) -> Result<PiecesOf, RemoteError> {
        let Reply::PieceList(PieceList { byte_count, digest, piece_count: count }) = self.reply(id, watch)?
        else {
            return Err(self.violated("an answer that is none to pieces"));
        };
        let byte_count = byte_count.get();
        if count.get() != piece_count(byte_count) {
            return Err(self.violated("a piece list of another length than its file"));
        }
        let values = self.piece_values(id, count.get())?;
        match check_piece_list(&values, digest, byte_count) {
            Ok(()) => Ok(PiecesOf { byte_count, digest, values }),
            Err(_) => Err(self.violated("a piece list that is no proof of its file")),
        }
    }

    /// Ends the session and waits for the other end's last word.
    ///
    /// # Errors
    /// When there is none.
    pub fn bye(mut self) -> Result<(), RemoteError> {
        self.connection.receiver.set_patience(BYE_TIME_MAX);
        let id = self.ask(&Bye {})?;
        match self.reply(id, &super::Unwatched)? {
            Reply::Goodbye(_) => Ok(()),
            _ => Err(self.violated("an answer that is none to bye")),
        }
    }

    /// Gathers a request; it leaves before the next wait for an answer.
    pub(crate) fn ask<M: Message>(&mut self, request: &M) -> Result<u64, RemoteError> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(|sender| sender.queue(Some(id), request))?;
        Ok(id)
    }

    /// Sends with `act`; what fails there ends the session.
    pub(crate) fn send<T>(
        &mut self,
        act: impl FnOnce(&mut Sender) -> Result<T, SendError>,
    ) -> Result<T, RemoteError> {
        act(&mut self.connection.sender).map_err(|error| self.broken(error.into()))
    }

    /// Waits for the next line of the answer to `id`, passing over `working`.
    pub(crate) fn reply(&mut self, id: u64, watch: &dyn Watch) -> Result<Reply, RemoteError> {
        self.send(Sender::flush)?;
        let mut working = WorkingClock::default();
        loop {
            match self.line(id)? {
                Reply::Working(now) => {
                    let Ok(is_news) = working.hears(now) else {
                        return Err(self.violated("it works without getting on"));
                    };
                    if is_news {
                        note_place(now);
                    }
                    tell(now, watch);
                }
                Reply::Refused(refused) => return Err(refused.into()),
                other => return Ok(other),
            }
        }
    }

    /// Waits for the next line of an answer of which a part has come: it can fail by now, and not be refused.
    pub(crate) fn more(&mut self, id: u64, watch: &dyn Watch) -> Result<Reply, RemoteError> {
        match self.reply(id, watch) {
            Err(RemoteError::Refused { .. }) => Err(self.violated("a refusal in the midst of an answer")),
            other => other,
        }
    }

    /// Whether a line has arrived that the next [`Session::reply`] would take without waiting.
    pub(crate) fn has_news(&mut self) -> bool {
        self.connection.receiver.is_ready()
    }

    /// Takes one line that has arrived while nothing was due: `working`, or a refusal.
    pub(crate) fn news(&mut self, id: u64, watch: &dyn Watch) -> Result<(), RemoteError> {
        match self.line(id)? {
            Reply::Working(now) => tell(now, watch),
            Reply::Refused(refused) => return Err(refused.into()),
            _ => return Err(self.violated("an answer before the request was complete")),
        }
        Ok(())
    }

    /// The values of `count` pieces: a payload of 32 bytes each.
    pub(crate) fn piece_values(&mut self, id: u64, count: u64) -> Result<Vec<PieceValue>, RemoteError> {
        let room = usize::try_from(count.min(PIECES_RESERVED_MAX)).unwrap_or(0);
        let mut values = ValueReader { values: Vec::with_capacity(room), part: Vec::new() };
        let (byte_count, mut at, mut empty) = (count.saturating_mul(32), 0, 0);
        loop {
            match self.more(id, &super::Unwatched)? {
                Reply::Section(section) => {
                    let length = section.byte_count.get();
                    empty += usize::from(length == 0);
                    let fits = section.offset.get() == at && length <= byte_count - at;
                    if !fits || length > SECTION_BYTES_MAX || empty > EMPTY_SECTIONS_MAX {
                        return Err(self.violated("piece values that were not announced"));
                    }
                    values.take(self, length)?;
                    at += length;
                }
                Reply::End(end) => return values.finish(&end, byte_count).map_err(|why| self.violated(why)),
                Reply::Failed(failed) => return Err(failed.into()),
                _ => return Err(self.violated("a line that is no part of a payload")),
            }
        }
    }

    /// The other end broke the protocol; the session is over.
    pub(crate) fn violated(&mut self, what: &'static str) -> RemoteError {
        self.broken(RemoteError::Protocol(what))
    }

    /// An error that ends the session; an interruption explains all of them.
    pub(crate) fn broken(&mut self, error: RemoteError) -> RemoteError {
        self.is_broken = true;
        self.connection.closer().close();
        if self.cancel.is_cancelled() { RemoteError::Cancelled } else { error }
    }

    fn line(&mut self, id: u64) -> Result<Reply, RemoteError> {
        let decoded = match self.connection.receiver.message::<Reply>() {
            Ok(Some(decoded)) => decoded,
            Ok(None) => return Err(self.broken(RemoteError::Closed)),
            Err(error) => return Err(self.broken(error.into())),
        };
        match (decoded.id, decoded.message) {
            (Some(of), message) if of == id => Ok(message),
            (None, Reply::Refused(refused)) => {
                let (code, message) = (refused.code, refused.message);
                Err(self.broken(RemoteError::Dismissed { code, message }))
            }
            _ => Err(self.violated("an answer to something that was not asked")),
        }
    }
}

fn text(path: &SharedPath) -> String {
    path.as_str().to_owned()
}

fn note_place(now: Working) {
    if let Some(place) = now.queue {
        log::info!("waiting at place {}", place.get());
    }
}

fn tell(now: Working, watch: &dyn Watch) {
    match now.queue {
        Some(place) => watch.waiting(place.get()),
        None => watch.checking(now.done.get(), now.of.get()),
    }
}

/// Notices `working` that says the same for too long.
#[derive(Default)]
struct WorkingClock(Option<([u64; 2], Instant)>);

/// The same was said for too long.
struct Stuck;

impl WorkingClock {
    /// Whether it is something else than before.
    fn hears(&mut self, now: Working) -> Result<bool, Stuck> {
        let done = [now.done.get(), now.queue.map_or(0, |place| place.get())];
        match self.0 {
            Some((before, since)) if before == done && since.elapsed() > WORKING_SAME_TIME_MAX => Err(Stuck),
            Some((before, _)) if before == done => Ok(false),
            _ => {
                self.0 = Some((done, Instant::now()));
                Ok(true)
            }
        }
    }
}

/// Cuts raw bytes into piece values, keeping what is less than one.
struct ValueReader {
    values: Vec<PieceValue>,
    part: Vec<u8>,
}

impl ValueReader {
    fn take(&mut self, session: &mut Session, byte_count: u64) -> Result<(), RemoteError> {
        let kept = self.part.len();
        self.part.resize(kept + usize::try_from(byte_count).unwrap_or(0), 0);
        let mut section = session.connection.receiver.section(byte_count);
        let target = self.part.get_mut(kept..).unwrap_or_default();
        if let Err(error) = section.read_exact(target) {
            return Err(session.broken(error.into()));
        }
        let (whole, rest) = self.part.as_chunks::<32>();
        self.values.extend_from_slice(whole);
        self.part = rest.to_vec();
        Ok(())
    }

    fn finish(self, end: &End, byte_count: u64) -> Result<Vec<PieceValue>, &'static str> {
        let bytes = self.values.as_flattened();
        if end.byte_count.get() != byte_count || bytes.len() as u64 != byte_count {
            return Err("fewer piece values than were announced");
        }
        if Digest::of(bytes) != end.digest {
            return Err("piece values that are not those that were sent");
        }
        Ok(self.values)
    }
}
