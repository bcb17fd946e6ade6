//! Sending many files over one session.

use super::small::{self, Ticket};
use super::{Likeness, Outgoing, SendError, Sent, Source, send};
use crate::catalogue::Remembered;
use crate::compare::{compare, same_digest};
use crate::lane::{Asked, Jobs, Lane, LaneEnd, Transfer};
use crate::remote::{Remote, RemoteError, Session, Watch};
use wire::error_code::ErrorCode;
use wire::limits::PIECE_BYTES;

/// What sending one file comes to.
pub type SendOutcome = Result<Sent, SendError>;

/// Sends jobs until there are no more: small files pipelined, and watched together by `watch`; large ones alone. Of what seems to
/// be the same at the other end only the digest is asked for, and nothing is sent where it is.
pub fn send_many<Job: AsRef<Outgoing>>(
    remote: &mut Remote,
    jobs: &mut dyn Jobs<Job, SendOutcome>,
    watch: &dyn Watch,
    digests: &Remembered,
) -> LaneEnd {
    Lane::new(remote, Uploads { watch, digests, buffer: Vec::new() }, jobs).run()
}

struct Uploads<'a> {
    watch: &'a dyn Watch,
    digests: &'a Remembered,
    buffer: Vec<u8>,
}

/// What was asked for a small file.
enum Question {
    Write(Ticket),
    /// The digest of what has the name, and the file here.
    Digest(u64, Source),
}

impl<Job: AsRef<Outgoing>> Transfer<Job> for Uploads<'_> {
    type Ticket = Question;
    type Output = Sent;
    type Error = SendError;

    fn request_bytes(&self, _: &Job) -> usize {
        // The other end reads all of it before it waits for anything: its answers are short.
        0
    }

    fn ask(&mut self, session: &mut Session, job: &Job) -> Result<Asked<Question>, SendError> {
        let job = job.as_ref();
        let source = Source::open(&job.source)?;
        if !source.is_small_for(session) {
            return Ok(Asked::Alone);
        }
        if job.likeness == Likeness::SameName {
            let id = session.ask_stat(Some(&job.destination.path), true)?;
            return Ok(Asked::Sent(Question::Digest(id, source)));
        }
        let ticket = small::ask(session, &source, &job.destination, &mut self.buffer)?;
        self.watch.moved(source.byte_count);
        Ok(Asked::Sent(Question::Write(ticket)))
    }

    fn answer(&mut self, session: &mut Session, ticket: Question, job: &Job) -> Result<Sent, SendError> {
        match ticket {
            Question::Write(ticket) => small::answer(session, &ticket, self.watch),
            Question::Digest(id, source) => self.unless_other(session, id, (&source, job.as_ref())),
        }
    }

    fn alone(
        &mut self,
        remote: &mut Remote,
        (job, repeated): (&Job, bool),
        watch: &dyn Watch,
    ) -> Result<Sent, SendError> {
        match unchanged(remote, job.as_ref(), self.digests, watch) {
            Some(sent) => Ok(sent),
            None => send(remote, job.as_ref(), repeated, watch, self.digests),
        }
    }
}

impl Uploads<'_> {
    /// A file that is another one after all starts over, alone, and is sent.
    fn unless_other(
        &self,
        session: &mut Session,
        id: u64,
        (source, outgoing): (&Source, &Outgoing),
    ) -> Result<Sent, SendError> {
        let found = match session.found(id, Some(&outgoing.destination.path), self.watch) {
            Err(RemoteError::Refused { .. }) => return Err(other().into()),
            found => found?,
        };
        let digest = same_digest(&source.opened, &found, self.digests, self.watch).ok_or_else(other)?;
        self.watch.reused(source.byte_count);
        Ok(Sent { byte_count: source.byte_count, digest, reused: source.byte_count })
    }
}

/// A large file that the other end has already under that name.
fn unchanged(
    remote: &mut Remote,
    outgoing: &Outgoing,
    digests: &Remembered,
    watch: &dyn Watch,
) -> Option<Sent> {
    let source = Source::open(&outgoing.source).ok().filter(|_| outgoing.likeness == Likeness::SameName)?;
    let byte_count = source.byte_count;
    if byte_count <= PIECE_BYTES {
        return None;
    }
    let digest = compare(remote, &outgoing.destination.path, &source.opened, digests, watch)?;
    watch.reused(byte_count);
    Some(Sent { byte_count, digest, reused: byte_count })
}

fn other() -> RemoteError {
    let message = "the file there is another one than it seemed".to_owned();
    RemoteError::Refused { code: ErrorCode::Changed, message }
}
