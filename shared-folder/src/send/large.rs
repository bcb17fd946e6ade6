//! Sending a large file: ask, compare with what the other end has, send what differs. Where its digest is known, nothing of it is read
//! here: it goes straight from the page cache, and the other end verifies it.

use super::{Attempts, Likeness, SendError, Sent, Source, await_written, doubted, request};
use crate::catalogue::Hashed;
use crate::compare;
use crate::hashing::{BUFFER_BYTES, Hashing};
use crate::remote::{RemoteError, Retry, Session, Watch};
use std::convert::Infallible;
use wire::digest::{Digest, PieceValue, piece_count, piece_value};
use wire::error_code::ErrorCode;
use wire::limits::PIECE_BYTES;
use wire::message::reply::{Base, Ready};
use wire::message::request::Write;
use wire::message::{Abort, ByteCount, End, Reply};

impl Attempts<'_> {
    pub(super) fn large(&mut self, source: &Source) -> Result<Sent, SendError> {
        let identity = source.opened.status.identity;
        let known = self.digests.of(&identity);
        let announced = self.announced(source, known.as_ref());
        match self.large_as(source, announced, known.as_ref()) {
            // What was hashed before has changed without showing it.
            Err(SendError::Remote(error))
                if known.is_some() && error.refusal() == Some(ErrorCode::DigestMismatch) =>
            {
                log::debug!("the digest that was known is wrong: {error}");
                self.digests.forget(&identity);
                self.watch.restarted();
                let announced = self.announced(source, None);
                self.large_as(source, announced, None)
            }
            sent => sent,
        }
    }

    fn large_as(
        &mut self,
        source: &Source,
        announced: Option<Digest>,
        known: Option<&Hashed>,
    ) -> Result<Sent, SendError> {
        let session = self.remote.session()?;
        let base_wanted = source.byte_count > PIECE_BYTES;
        let write = request(Some(source), &self.outgoing.destination, base_wanted);
        let id = session.ask(&Write { digest: announced, ..write })?;
        let base = match await_ready(session, id, Some(source), self.watch) {
            Err(SendError::Remote(error)) => return Err(self.refused(source, error)),
            other => other?,
        };
        // Of the pieces that are left out the other end has only our word.
        let known = known.filter(|_| base.is_empty());
        let mut upload = Upload::new(session, id, Some(source.byte_count), (self.watch, &mut self.retry));
        let sent = match known {
            Some(known) => {
                log::debug!("the digest of a file of {} bytes is known", source.byte_count);
                upload.known(source).and_then(|()| upload.finish(known.digest))
            }
            None => upload.pieces_of(source, &base).and_then(|hashed| {
                let sent = upload.finish(hashed.digest)?;
                self.digests.note(&source.opened.status.identity, &hashed);
                Ok(sent)
            }),
        };
        if upload.reused > self.reused_most {
            self.reused_most = upload.reused;
            self.retry.advanced();
        }
        sent
    }

    /// By its digest the other end finds a file that it has under another name: told where it is known, or seems worth a hash.
    fn announced(&self, source: &Source, known: Option<&Hashed>) -> Option<Digest> {
        if source.byte_count <= PIECE_BYTES {
            return None;
        }
        let cancel = self.remote.cancel();
        let is_wanted = || !cancel.is_cancelled();
        let is_hinted = self.outgoing.likeness == Likeness::OtherName;
        let hash = || compare::digest_of(&source.opened, self.digests, self.watch, &is_wanted);
        known.map(|known| known.digest).or_else(|| if is_hinted { hash() } else { None })
    }

    /// A refusal before anything was sent; whether an earlier attempt caused it can only be told by the digest.
    fn refused(&self, source: &Source, error: RemoteError) -> SendError {
        match error.refusal() {
            Some(ErrorCode::Exists | ErrorCode::Changed) => match digest_of(source) {
                Ok(digest) => doubted(error, source.byte_count, digest),
                Err(own) => own,
            },
            _ => error.into(),
        }
    }
}

/// Waits until a large WRITE may send, and takes the values of the base that is offered.
pub(super) fn await_ready(
    session: &mut Session,
    id: u64,
    source: Option<&Source>,
    watch: &dyn Watch,
) -> Result<Vec<PieceValue>, SendError> {
    let ready = match session.reply(id, watch) {
        Ok(Reply::Ready(ready)) => ready,
        Ok(_) => return Err(session.violated("an answer that is none to write").into()),
        Err(error) => return Err(given_up(session, id, error).into()),
    };
    let Ready { base: Some(Base { byte_count, piece_count: count }) } = ready else { return Ok(Vec::new()) };
    let ours = source.map_or(0, |source| source.byte_count);
    let is_sound = count.get() == byte_count.get().div_ceil(PIECE_BYTES) && count.get() <= piece_count(ours);
    if !is_sound || ours <= PIECE_BYTES {
        return Err(session.violated("a base that fits no file of that length").into());
    }
    match session.piece_values(id, count.get()) {
        // A write that was admitted has nothing yet that could fail.
        Err(RemoteError::Refused { .. }) => Err(session.violated("a base that fails").into()),
        other => Ok(other?),
    }
}

/// A WRITE is closed with `abort` after a refusal too; it gets no answer then.
fn given_up(session: &mut Session, id: u64, error: RemoteError) -> RemoteError {
    if let RemoteError::Refused { code, .. } = &error
        && let Err(lost) = abort(session, id, *code)
    {
        return lost;
    }
    error
}

fn abort(session: &mut Session, id: u64, code: ErrorCode) -> Result<(), RemoteError> {
    session.send(|sender| sender.send(Some(id), &Abort { code, message: String::new() }))
}

/// What only the answer to a doubtful refusal needs: nothing was sent, so nothing was hashed yet.
fn digest_of(source: &Source) -> Result<Digest, SendError> {
    let mut hashing = Hashing::of_file(Some(source.byte_count));
    while hashing.position() < source.byte_count {
        let at = hashing.position();
        let room = hashing.room(source.byte_count - at);
        let count = source.read(at, room)?;
        if count < room.len() {
            return Err(SendError::Changed);
        }
        let Ok(()) = hashing.filled(count);
    }
    let Ok(hashed) = hashing.finish();
    hashed.map(|(digest, _)| digest).ok_or(SendError::HashLost)
}

/// A payload on its way, hashed beside.
pub(super) struct Upload<'a> {
    other: OtherEnd<'a>,
    hashing: Hashing<Infallible>,
    section_bytes: u64,
    reused: u64,
}

/// Where a payload goes, and how far that is.
struct OtherEnd<'a> {
    session: &'a mut Session,
    id: u64,
    watch: &'a dyn Watch,
    retry: &'a mut Retry,
    at: u64,
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        session: &'a mut Session,
        id: u64,
        byte_count: Option<u64>,
        (watch, retry): (&'a dyn Watch, &'a mut Retry),
    ) -> Self {
        let section_bytes = session.section_bytes_max().min(BUFFER_BYTES as u64);
        let other = OtherEnd { session, id, watch, retry, at: 0 };
        Self { other, hashing: Hashing::of_file(byte_count), section_bytes, reused: 0 }
    }

    /// Sends the pieces of `source` that `base` does not have.
    fn pieces_of(&mut self, source: &Source, base: &[PieceValue]) -> Result<Hashed, SendError> {
        let mut piece = Vec::new();
        for (index, theirs) in (0u64..).zip(base) {
            let (at, left) = (self.other.at, source.byte_count - self.other.at);
            piece.resize(usize::try_from(left.min(PIECE_BYTES)).unwrap_or(0), 0);
            self.other.listen()?;
            if source.read(at, &mut piece)? < piece.len() {
                return Err(self.changed());
            }
            self.known_piece(&piece, piece_value(index, &piece), *theirs)?;
        }
        while self.other.at < source.byte_count {
            let (at, left) = (self.other.at, source.byte_count - self.other.at);
            let room = self.room(left);
            let wanted = room.len();
            if source.read(at, room)? < wanted {
                return Err(self.changed());
            }
            self.section(wanted)?;
        }
        if source.has_changed()? { Err(self.changed()) } else { self.hashed() }
    }

    /// Sends all of `source`, of which it is known what it is.
    fn known(&mut self, source: &Source) -> Result<(), SendError> {
        while self.other.at < source.byte_count {
            let byte_count = (source.byte_count - self.other.at).min(PIECE_BYTES);
            if !self.other.send_of(source, byte_count)? {
                return Err(self.changed());
            }
        }
        if source.has_changed()? { Err(self.changed()) } else { Ok(()) }
    }

    /// Room for the next section, at most so many bytes: it lies within one piece.
    pub(super) fn room(&mut self, wanted: u64) -> &mut [u8] {
        self.hashing.room(wanted.min(self.section_bytes))
    }

    /// Sends what has come into the room, so many bytes, and has them hashed.
    pub(super) fn section(&mut self, count: usize) -> Result<(), SendError> {
        let bytes = self.hashing.room(count as u64);
        self.other.send(bytes)?;
        let Ok(()) = self.hashing.filled(count);
        Ok(())
    }

    /// What came of hashing all of it.
    pub(super) fn hashed(&mut self) -> Result<Hashed, SendError> {
        let Ok(hashed) = std::mem::replace(&mut self.hashing, Hashing::of_file(None)).finish();
        let (digest, pieces) = hashed.ok_or(SendError::HashLost)?;
        Ok(Hashed { digest, pieces: pieces.into() })
    }

    /// Says that all is sent, and waits until it is safe.
    pub(super) fn finish(&mut self, digest: Digest) -> Result<Sent, SendError> {
        let OtherEnd { session, id, watch, at, .. } = &mut self.other;
        let end = End { byte_count: ByteCount::new(*at), digest, file_digest: None };
        session.send(|sender| sender.send(Some(*id), &end))?;
        let sent = Sent { byte_count: *at, digest, reused: self.reused };
        await_written(session, *id, sent, *watch)
    }

    /// Gives up with `code`, and waits until the other end has heard it.
    pub(super) fn abort(&mut self, code: ErrorCode) -> Result<(), RemoteError> {
        let OtherEnd { session, id, watch, .. } = &mut self.other;
        abort(session, *id, code)?;
        match session.reply(*id, *watch) {
            Err(RemoteError::Refused { .. }) => Ok(()),
            Err(lost) => Err(lost),
            Ok(_) => Err(session.violated("an answer that is none to abort")),
        }
    }

    fn known_piece(&mut self, piece: &[u8], value: PieceValue, theirs: PieceValue) -> Result<(), SendError> {
        let byte_count = piece.len() as u64;
        if value == theirs {
            self.is_there(byte_count);
        } else {
            let section_bytes = usize::try_from(self.section_bytes).unwrap_or(usize::MAX);
            piece.chunks(section_bytes).try_for_each(|section| self.other.send(section))?;
        }
        self.hashing.value(value, byte_count);
        Ok(())
    }

    /// So many bytes need not be sent.
    fn is_there(&mut self, byte_count: u64) {
        self.other.at += byte_count;
        self.other.watch.reused(byte_count);
        self.reused += byte_count;
    }

    fn changed(&mut self) -> SendError {
        match self.abort(ErrorCode::Changed) {
            Ok(()) => SendError::Changed,
            Err(lost) => lost.into(),
        }
    }
}

impl OtherEnd<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.listen()?;
        let (id, at) = (self.id, self.at);
        self.session.send(|sender| sender.section(id, at, bytes))?;
        self.has_moved(bytes.len() as u64);
        Ok(())
    }

    /// Sends so many bytes, of one piece, straight from the file; false where it has no more.
    fn send_of(&mut self, source: &Source, byte_count: u64) -> Result<bool, SendError> {
        let (section_bytes, end) = (self.session.section_bytes_max(), self.at + byte_count);
        while self.at < end {
            self.listen()?;
            let (id, at, count) = (self.id, self.at, section_bytes.min(end - self.at));
            let file = &source.opened.file;
            if !self.session.send(|sender| sender.section_of_file(id, at, count, file))? {
                return Ok(false);
            }
            self.has_moved(count);
        }
        Ok(true)
    }

    fn has_moved(&mut self, byte_count: u64) {
        self.at += byte_count;
        self.watch.moved(byte_count);
        self.retry.moved();
    }

    /// Takes what the other end says meanwhile: a refusal ends the upload before all of it was sent.
    fn listen(&mut self) -> Result<(), SendError> {
        while self.session.has_news() {
            match self.session.news(self.id, self.watch) {
                Ok(()) => {}
                Err(error) => return Err(given_up(self.session, self.id, error).into()),
            }
        }
        Ok(())
    }
}
