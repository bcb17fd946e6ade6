//! What sending many files would come to: the other end is asked what it has, and nothing is changed anywhere.

use super::{Likeness, Outgoing, SendError, Source};
use crate::catalogue::Remembered;
use crate::compare::{Rehearsed, bytes_in_common, digest_of, same_digest};
use crate::lane::{Asked, Jobs, Lane, LaneEnd, Transfer};
use crate::remote::{Found, PiecesOf, Remote, RemoteError, Repeat, Session, Watch};
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::limits::PIECE_BYTES;
use wire::message::Kind;

/// What sending one file would come to.
pub type SendRehearsal = Result<Rehearsed, SendError>;

/// Finds out for each job what [`super::send_many`] would send, until there are no more.
pub fn rehearse_sending<Job: AsRef<Outgoing>>(
    remote: &mut Remote,
    jobs: &mut dyn Jobs<Job, SendRehearsal>,
    watch: &dyn Watch,
    digests: &Remembered,
) -> LaneEnd {
    Lane::new(remote, Rehearsal { watch, digests }, jobs).run()
}

struct Rehearsal<'a> {
    watch: &'a dyn Watch,
    digests: &'a Remembered,
}

impl<Job: AsRef<Outgoing>> Transfer<Job> for Rehearsal<'_> {
    type Ticket = (u64, Source);
    type Output = Rehearsed;
    type Error = SendError;

    fn request_bytes(&self, job: &Job) -> usize {
        512 + 2 * job.as_ref().destination.path.as_str().len()
    }

    fn ask(&mut self, session: &mut Session, job: &Job) -> Result<Asked<(u64, Source)>, SendError> {
        let job = job.as_ref();
        let source = Source::open(&job.source)?;
        if source.byte_count > PIECE_BYTES {
            return Ok(Asked::Alone);
        }
        let wants_digest = job.likeness == Likeness::SameName || job.destination.if_digest.is_some();
        let id = session.ask_stat(Some(&job.destination.path), wants_digest)?;
        Ok(Asked::Sent((id, source)))
    }

    fn answer(&mut self, session: &mut Session, (id, source): (u64, Source), job: &Job) -> SendRehearsal {
        let outgoing = job.as_ref();
        let found = absent(session.found(id, Some(&outgoing.destination.path), self.watch))?;
        small((outgoing, &source), found.as_ref(), self.digests, self.watch)
    }

    fn alone(&mut self, remote: &mut Remote, (job, _): (&Job, bool), watch: &dyn Watch) -> SendRehearsal {
        let outgoing = job.as_ref();
        let source = Source::open(&outgoing.source)?;
        let path = &outgoing.destination.path;
        if source.byte_count > PIECE_BYTES {
            return large(remote, (outgoing, &source), self.digests, watch);
        }
        let found = absent(remote.ask(Repeat::Harmless, |session| session.stat(Some(path), true, watch)))?;
        small((outgoing, &source), found.as_ref(), self.digests, watch)
    }
}

fn small(
    (outgoing, source): (&Outgoing, &Source),
    found: Option<&Found>,
    digests: &Remembered,
    watch: &dyn Watch,
) -> SendRehearsal {
    if found.is_some_and(|found| found.entry.kind == Kind::Folder) {
        return Err(refused(ErrorCode::NotAFile, "a folder has the name"));
    }
    check(outgoing, found.map(|found| found.digest))?;
    let found = found.filter(|_| outgoing.likeness == Likeness::SameName);
    let same = found.and_then(|found| same_digest(&source.opened, found, digests, watch));
    let byte_count = source.byte_count;
    Ok(Rehearsed { byte_count, reused: if same.is_some() { byte_count } else { 0 } })
}

fn large(
    remote: &mut Remote,
    (outgoing, source): (&Outgoing, &Source),
    digests: &Remembered,
    watch: &dyn Watch,
) -> SendRehearsal {
    let path = &outgoing.destination.path;
    let there = absent(remote.ask(Repeat::Harmless, |session| session.pieces(path, watch)))?;
    check(outgoing, there.as_ref().map(|pieces| Some(pieces.digest)))?;
    let base = match (outgoing.likeness, there) {
        (Likeness::OtherName, there) => {
            elsewhere(remote, digest_of(&source.opened, digests, watch, &|| true), watch).or(there)
        }
        (_, None) => {
            let known = digests.of(&source.opened.status.identity);
            elsewhere(remote, known.map(|known| known.digest), watch)
        }
        (_, there) => there,
    };
    let byte_count = source.byte_count;
    let common =
        |pieces: PiecesOf| bytes_in_common(&source.opened, &pieces.values, (byte_count, pieces.byte_count));
    Ok(Rehearsed { byte_count, reused: base.map_or(0, common) })
}

/// What the other end has of that digest, where there is one, whatever its name.
fn elsewhere(remote: &mut Remote, digest: Option<Digest>, watch: &dyn Watch) -> Option<PiecesOf> {
    let digest = digest?;
    remote.ask(Repeat::Harmless, |session| session.pieces_of(digest, watch)).ok()
}

/// What is not there is no failure here; nor is what may not be read, of which nothing is reused.
fn absent<T>(found: Result<T, RemoteError>) -> Result<Option<T>, RemoteError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.refusal() {
            Some(ErrorCode::NotFound | ErrorCode::NotAllowed) => Ok(None),
            _ => Err(error),
        },
    }
}

/// The terms of the WRITE, held against what has the name, and its digest.
fn check(outgoing: &Outgoing, there: Option<Option<Digest>>) -> Result<(), SendError> {
    let wanted = outgoing.destination.if_digest;
    if wanted.is_some() && there.flatten() != wanted {
        return Err(refused(ErrorCode::Changed, "the file is not the version that was to be replaced"));
    }
    if there.is_some() && outgoing.destination.new {
        return Err(refused(ErrorCode::Exists, "the name is in use"));
    }
    Ok(())
}

fn refused(code: ErrorCode, message: &str) -> SendError {
    RemoteError::Refused { code, message: message.to_owned() }.into()
}
