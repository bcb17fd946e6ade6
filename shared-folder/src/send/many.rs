//! Sending many files over one session.

use super::small::{self, Ticket};
use super::{Outgoing, SendError, Sent, Source, send};
use crate::lane::{Asked, Jobs, Lane, LaneEnd, Transfer};
use crate::remote::{Recovery, Remote, RemoteError, Session, Watch};

/// What sending one file comes to.
pub type SendOutcome = Result<Sent, SendError>;

/// Sends jobs until there are no more: small files pipelined, and watched together by `watch`; large ones alone.
pub fn send_many<Job: AsRef<Outgoing>>(
    remote: &mut Remote,
    jobs: &mut dyn Jobs<Job, SendOutcome>,
    watch: &dyn Watch,
) -> LaneEnd {
    Lane::new(remote, Uploads { watch, buffer: Vec::new() }, jobs).run()
}

struct Uploads<'a> {
    watch: &'a dyn Watch,
    buffer: Vec<u8>,
}

impl<Job: AsRef<Outgoing>> Transfer<Job> for Uploads<'_> {
    type Ticket = Ticket;
    type Output = Sent;
    type Error = SendError;

    fn request_bytes(&self, _: &Job) -> usize {
        // The other end reads all of it before it waits for anything: its answers are short.
        0
    }

    fn ask(&mut self, session: &mut Session, job: &Job) -> Result<Asked<Ticket>, SendError> {
        let job = job.as_ref();
        let source = Source::open(&job.source)?;
        if !source.is_small_for(session) {
            return Ok(Asked::Alone);
        }
        let ticket = small::ask(session, &source, &job.destination, &mut self.buffer)?;
        self.watch.moved(source.byte_count);
        Ok(Asked::Sent(ticket))
    }

    fn answer(&mut self, session: &mut Session, ticket: Ticket, _: &Job) -> Result<Sent, SendError> {
        small::answer(session, &ticket, self.watch)
    }

    fn alone(
        &mut self,
        remote: &mut Remote,
        (job, repeated): (&Job, bool),
        watch: &dyn Watch,
    ) -> Result<Sent, SendError> {
        send(remote, job.as_ref(), repeated, watch)
    }

    fn recovery(error: &SendError) -> Recovery {
        error.recovery()
    }

    fn keeps_session(error: &SendError) -> bool {
        error.keeps_session()
    }

    fn into_remote(error: SendError) -> Result<RemoteError, SendError> {
        match error {
            SendError::Remote(error) => Ok(error),
            own => Err(own),
        }
    }
}
