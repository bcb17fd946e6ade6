//! One source: asked over a session of its own for what the board gives it, as long as it gives what is right.

use super::Source;
use super::arriving::Arriving;
use super::board::{Next, Use};
use super::ground::{First, Ground, is_lie};
use super::remains::{Beginning, Beginnings};
use crate::fetch::FetchError;
use crate::fetch::payload::{Due, Span, receive_parts};
use crate::fetch::whole::await_reading;
use crate::incoming::Proof;
use crate::remote::{Cancel, PiecesOf, Recovery, Remote, RemoteError, Retry, Session, Unwatched};
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;
use wire::connection::SectionBytes;
use wire::error_code::ErrorCode;
use wire::message::Entry;
use wire::message::request::Read;
use wire::path::SharedPath;
use wire::timestamp::Timestamp;

/// Before a source at which the file is still arriving is asked again what it has: longer and longer while that is nothing new.
const PAUSE_LEAST: Duration = Duration::from_millis(50);
const PAUSE_MOST: Duration = Duration::from_secs(2);
/// How often in a row it may have nothing that is missing here, where nobody has all of the file: about fifteen seconds.
const VAIN_LOOKS_MAX: u32 = 10;

/// The bytes that prove a length, and what was told of the file: when it was changed, and whether it can be run.
type LastPiece = (Vec<u8>, Option<(Timestamp, bool)>);

/// A request, for pieces of which others have brought some beginnings.
struct Asked {
    id: u64,
    pieces: Range<usize>,
    beginnings: Beginnings,
}

/// What one thread does.
pub(super) struct Errand<'a, 'b> {
    ground: &'a Ground<'b>,
    number: usize,
    remote: Remote,
    path: Option<SharedPath>,
    /// What is wrong with the file of that path, once it is known.
    of_path: Option<FetchError>,
    /// Whether it was ever there.
    was_reached: bool,
    retry: Retry,
    /// Whether the file may still be arriving there, and what came of asking for that.
    is_partial: bool,
    pause: Duration,
    vain_looks: u32,
    /// Asked for and not answered, in order.
    asked: VecDeque<Asked>,
    arriving: Arriving,
}

impl<'a, 'b> Errand<'a, 'b> {
    pub(super) fn new(ground: &'a Ground<'b>, number: usize, source: Source, cancel: &Cancel) -> Self {
        let Source { mut remote, path, is_partial } = source;
        remote.set_cancel(cancel);
        let retry = remote.retry();
        Self {
            ground,
            number,
            remote,
            // Under its path is nothing yet, or something else.
            path: path.filter(|_| !is_partial),
            of_path: None,
            was_reached: false,
            retry,
            is_partial,
            pause: PAUSE_LEAST,
            vain_looks: 0,
            asked: VecDeque::new(),
            arriving: Arriving::default(),
        }
    }

    pub(super) fn run(mut self) {
        loop {
            let Err(fault) = self.work() else { break };
            let is_settled = self.release(&fault);
            if is_settled {
                continue;
            }
            if self.ground.is_over() {
                return;
            }
            match self.recover(fault) {
                Err(fault) if !self.ground.is_over() => return self.ground.lost(self.number, fault),
                _ => {}
            }
        }
    }

    /// Gives back what does not come because of `fault`; whether that is only because it is not wanted any more.
    fn release(&mut self, fault: &FetchError) -> bool {
        let mut beginnings = self.leave_unanswered();
        let is_settled = std::mem::take(&mut self.arriving.is_settled);
        let (own, others) = self.arriving.leave(self.number);
        beginnings.extend(others);
        let mut vain = 0;
        for (piece, beginning) in own {
            if is_settled || is_lie(fault) {
                vain += beginning.byte_count();
            } else {
                beginnings.insert(piece, beginning);
            }
        }
        self.ground.release(self.number, beginnings, (vain, is_settled));
        is_settled
    }

    /// Gives up what was asked for behind what failed. Its answers would come all the same, so the session ends with it.
    fn leave_unanswered(&mut self) -> Beginnings {
        if !self.asked.is_empty()
            && let Ok(session) = self.remote.session_in_use(true)
        {
            let _ = session.broken(RemoteError::Closed);
        }
        self.asked.drain(..).flat_map(|asked| asked.beginnings).collect()
    }

    /// What may be done about it; the error itself where it is nothing.
    fn recover(&mut self, fault: FetchError) -> Result<(), FetchError> {
        let error = match fault {
            FetchError::Remote(error) => error,
            FetchError::Local(error) => {
                self.ground.failed(FetchError::Local(error));
                return Ok(());
            }
            lie => return Err(lie),
        };
        if self.path.is_some() && is_about_path(&error) {
            self.path = None;
            self.of_path = Some(error.into());
            return Ok(());
        }
        if error.refusal() == Some(ErrorCode::NotFound) {
            // What was found under its path tells more.
            return Err(self.of_path.take().unwrap_or(error.into()));
        }
        if !self.was_reached {
            // Nobody has begun anything there that could be continued.
            return Err(error.into());
        }
        if error.recovery() != Recovery::None {
            self.ground.watch.retrying(&error);
        }
        if std::mem::take(&mut self.arriving.has_stored) {
            self.retry.advanced();
        }
        self.ground.note_trouble(self.number, Some(&error));
        self.retry.after(error)?;
        Ok(())
    }

    fn work(&mut self) -> Result<(), FetchError> {
        self.remote.session()?;
        self.was_reached = true;
        self.ground.note_trouble(self.number, None);
        loop {
            match self.ground.first() {
                First::Nothing => return Ok(()),
                First::Fetch => break,
                First::Prove => {
                    if let Err(error) = self.prove() {
                        self.ground.not_proven();
                        return Err(error);
                    }
                }
            }
        }
        if self.is_partial {
            self.look()?;
        }
        while self.ask()? {
            self.take()?;
        }
        Ok(())
    }

    /// Asks what is there by now of a file that is still arriving.
    fn look(&mut self) -> Result<(), FetchError> {
        let Some(proof) = self.ground.proof() else { return Ok(()) };
        let there = self.remote.session()?.there_of(proof.digest, proof.byte_count)?;
        match self.ground.holds(self.number, &there) {
            None => self.is_partial = false,
            Some(Use::Now) => (self.pause, self.vain_looks) = (PAUSE_LEAST, 0),
            Some(found) => {
                self.pause = (self.pause * 2).min(PAUSE_MOST);
                let is_vain = found == Use::Nothing && !self.ground.has_whole_source();
                self.vain_looks = if is_vain { self.vain_looks + 1 } else { 0 };
            }
        }
        if self.vain_looks > VAIN_LOOKS_MAX { Err(FetchError::NothingMore) } else { Ok(()) }
    }

    /// Proves what the file is: by the list of its pieces and the last of them, which binds the length. Both come
    /// from one source, so it is known who lies where they do not fit.
    fn prove(&mut self) -> Result<(), FetchError> {
        let (wanted, session) = (self.ground.wanted, self.remote.session()?);
        let list = match &self.path {
            Some(path) => session.pieces(path, self.ground.watch)?,
            None => session.pieces_of(wanted.digest, self.ground.watch)?,
        };
        let PiecesOf { byte_count, digest, values } = list;
        if digest != wanted.digest {
            let other = FetchError::OtherVersion { actual: digest };
            if self.path.take().is_none() {
                return Err(other);
            }
            self.of_path = Some(other);
            return self.prove();
        }
        if !self.ground.is_unproven() {
            return Ok(());
        }
        let proof = Proof { byte_count, digest, values };
        let place = proof.piece_count().saturating_sub(1);
        let (last, told) = self.last_piece(&proof, place)?;
        let is_empty = byte_count == 0 && digest == wire::digest::Digest::of(b"");
        if !is_empty && !proof.has(place, &last) {
            return Err(FetchError::WrongPiece { piece: place as u64 });
        }
        self.retry.advanced();
        self.ground.proven(self.number, proof, (&last, told))
    }

    fn last_piece(&mut self, proof: &Proof, place: usize) -> Result<LastPiece, FetchError> {
        let (spans, mut last) = (spans_of(proof, &(place..place + 1), &Beginnings::new()), Vec::new());
        if spans.is_empty() {
            return Ok((last, None));
        }
        self.ask_for(proof, place..place + 1, Beginnings::new())?;
        let Some(Asked { id, .. }) = self.asked.pop_back() else { return Ok((last, None)) };
        let mut sink = |_: u64, bytes: &mut SectionBytes<'_>| {
            let kept = last.len();
            last.resize(kept + usize::try_from(bytes.left()).unwrap_or(0), 0);
            let read = bytes.read_exact(last.get_mut(kept..).unwrap_or_default());
            read.map_err(|error| FetchError::Remote(error.into()))
        };
        let due = Due::new(spans);
        let told = await_ranges(self.remote.session_in_use(true)?, id, (&self.path, self.ground), &due)?;
        let session = self.remote.session_in_use(true)?;
        let due = (self.ground.wanted.digest, due);
        receive_parts(session, id, due, &mut sink, (&Unwatched, &mut self.retry))?;
        Ok((last, Some((told.modified, told.executable))))
    }

    /// Asks for as much as the board gives; waits for it where nothing is under way. False when all is over.
    fn ask(&mut self) -> Result<bool, FetchError> {
        loop {
            let room = self.remote.session_in_use(true)?.in_flight_max();
            if self.asked.len() >= room {
                return Ok(true);
            }
            match self.ground.next(self.number, self.asked.is_empty()) {
                Next::Over => return Ok(false),
                Next::Wait => return Ok(true),
                Next::Look if !self.asked.is_empty() => return Ok(true),
                Next::Look => {
                    self.ground.rest(self.number, self.pause);
                    self.look()?;
                }
                Next::Take(pieces) => {
                    let Some(proof) = self.ground.proof() else { return Ok(false) };
                    if self.asked.is_empty() {
                        // It may have ended while nothing was asked.
                        self.remote.session()?;
                    }
                    let beginnings = self.ground.beginnings(&pieces);
                    self.ask_for(proof, pieces, beginnings)?;
                }
            }
        }
    }

    fn ask_for(
        &mut self,
        proof: &Proof,
        pieces: Range<usize>,
        beginnings: Beginnings,
    ) -> Result<(), FetchError> {
        let path = self.path.as_ref().map(|path| path.as_str().to_owned());
        let version = self.ground.wanted.digest;
        let (digest, if_digest) = if path.is_some() { (None, Some(version)) } else { (Some(version), None) };
        let ranges = Some(spans_of(proof, &pieces, &beginnings).into_iter().map(Span::to_range).collect());
        let read = Read { path, digest, ranges, if_digest, unhashed: true };
        let asked = self.remote.session_in_use(true).and_then(|session| session.ask(&read));
        // Should that have failed, what others have brought is given back with all the rest.
        let id = asked.as_ref().copied().unwrap_or_default();
        self.asked.push_back(Asked { id, pieces, beginnings });
        asked?;
        Ok(())
    }

    /// Takes the answer to the oldest request.
    fn take(&mut self) -> Result<(), FetchError> {
        let Some(Asked { id, pieces, beginnings }) = self.asked.pop_front() else { return Ok(()) };
        let Some(proof) = self.ground.proof() else { return Ok(()) };
        let (ground, number) = (self.ground, self.number);
        let due = Due::new(spans_of(proof, &pieces, &beginnings));
        self.arriving.expect(beginnings);
        let session = self.remote.session_in_use(true)?;
        await_ranges(session, id, (&self.path, ground), &due)?;
        let arriving = &mut self.arriving;
        let mut sink = |offset: u64, bytes: &mut SectionBytes<'_>| {
            arriving.section((ground, number), proof, offset, bytes)
        };
        let due = (ground.wanted.digest, due);
        receive_parts(session, id, due, &mut sink, (&Unwatched, &mut self.retry))?;
        if std::mem::take(&mut self.arriving.has_stored) {
            self.retry.advanced();
        }
        for piece in self.arriving.spoiled() {
            self.ask_for(proof, piece..piece + 1, Beginnings::new())?;
        }
        Ok(())
    }
}

/// Waits for the start of the answer, which must be of that file, and of these bytes.
fn await_ranges(
    session: &mut Session,
    id: u64,
    (path, ground): (&Option<SharedPath>, &Ground<'_>),
    due: &Due,
) -> Result<Entry, FetchError> {
    let reading = await_reading(session, id, path.as_ref(), &Unwatched)?;
    let is_other = reading.file_digest.is_some_and(|digest| digest != ground.wanted.digest);
    if reading.byte_count.get() != due.left() || is_other {
        return Err(session.violated("other ranges than those asked for").into());
    }
    Ok(reading.entry)
}

/// What is to come of these pieces: all but their beginnings.
fn spans_of(proof: &Proof, pieces: &Range<usize>, beginnings: &Beginnings) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for piece in pieces.clone() {
        let whole = proof.span(piece);
        let start = whole.start + beginnings.get(&piece).map_or(0, Beginning::byte_count);
        match spans.last_mut() {
            Some(last) if last.end == start => last.end = whole.end,
            _ if start < whole.end => spans.push(Span { start, end: whole.end }),
            _ => {}
        }
    }
    spans
}

/// Whether what is known under another path may be the file.
fn is_about_path(error: &RemoteError) -> bool {
    use ErrorCode::{BadPath, Changed, NotAFile, NotAllowed, NotFound};
    matches!(error.refusal(), Some(Changed | NotFound | NotAFile | NotAllowed | BadPath))
}
