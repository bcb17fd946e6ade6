//! Many small transfers over one session, without a round trip for each, and large ones between them.
//!
//! A lane keeps as many requests in flight as the other end takes, repeats what a lost connection left unanswered,
//! and takes a large transfer only when nothing else is under way. Must not know in which direction bytes move.

use crate::remote::{Recovery, Remote, RemoteError, Retry, Session, Watch};
use std::collections::VecDeque;

/// Bytes of requests in flight while nothing is read: what socket buffers hold, so that two ends that both write
/// never wait for each other.
const ASKED_BYTES_MAX: usize = 48 * 1024;

/// Where a lane's jobs come from, and where their outcomes go.
pub trait Jobs<Job, Outcome> {
    /// The next job. Without `wait`, `None` says only that none is there now; with it, that there are no more.
    fn next(&mut self, wait: bool) -> Option<Job>;

    /// A job is over.
    fn done(&mut self, job: Job, outcome: Outcome);

    /// Who watches a job that runs alone.
    fn watch(&mut self, job: &Job) -> Box<dyn Watch>;
}

/// How a lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEnd {
    /// There were no more jobs.
    Complete,
    /// The other end is lost, or somebody cancelled: the last outcome says why, and what was under way or not yet
    /// begun will have none.
    Lost,
}

/// What happened to a request that was to be sent.
pub(crate) enum Asked<Ticket> {
    /// It is under way.
    Sent(Ticket),
    /// Nothing was sent: this job runs alone.
    Alone,
}

/// One kind of transfer.
pub(crate) trait Transfer<Job> {
    /// What is remembered between request and answer.
    type Ticket;
    /// What a done job gives.
    type Output;
    /// Why a job failed.
    type Error: Failing;

    /// Bytes of the request that may wait unread, roughly.
    fn request_bytes(&self, job: &Job) -> usize;

    /// Sends the request of a small job.
    fn ask(&mut self, session: &mut Session, job: &Job) -> Result<Asked<Self::Ticket>, Self::Error>;

    /// Takes the answer.
    fn answer(
        &mut self,
        session: &mut Session,
        ticket: Self::Ticket,
        job: &Job,
    ) -> Result<Self::Output, Self::Error>;

    /// Carries out a job while nothing else is under way, and whether it may have been done already, over a
    /// connection that was lost before the answer came.
    fn alone(
        &mut self,
        remote: &mut Remote,
        job_repeated: (&Job, bool),
        watch: &dyn Watch,
    ) -> Result<Self::Output, Self::Error>;
}

/// An error of a job: the session's, or one of its own, about which nothing can be done, and after which the session goes on.
pub(crate) trait Failing: From<RemoteError> {
    /// The session's error, where this is one.
    fn remote(&self) -> Option<&RemoteError>;

    /// The same.
    fn into_remote(self) -> Result<RemoteError, Self>;

    /// What may be done about it.
    fn recovery(&self) -> Recovery {
        self.remote().map_or(Recovery::None, RemoteError::recovery)
    }

    /// Whether the session can be used for the next job.
    fn keeps_session(&self) -> bool {
        self.remote().is_none_or(RemoteError::keeps_session)
    }
}

/// What a job comes to.
pub(crate) type Outcome<T, Job> = Result<<T as Transfer<Job>>::Output, <T as Transfer<Job>>::Error>;

/// One lane at work.
pub(crate) struct Lane<'a, T: Transfer<Job>, Job> {
    remote: &'a mut Remote,
    transfer: T,
    jobs: &'a mut dyn Jobs<Job, Outcome<T, Job>>,
    retry: Retry,
    flying: VecDeque<Flying<T::Ticket, Job>>,
    flying_bytes: usize,
    window: usize,
    /// What a lost connection left unanswered, in its order.
    again: VecDeque<Job>,
    /// What has to wait until nothing is under way, and whether it was asked for before.
    alone: VecDeque<(Job, bool)>,
}

struct Flying<Ticket, Job> {
    ticket: Ticket,
    job: Job,
    repeated: bool,
}

/// The lane cannot go on; the outcome that says why has been handed over.
struct Lost;

impl<'a, T: Transfer<Job>, Job> Lane<'a, T, Job> {
    pub(crate) fn new(
        remote: &'a mut Remote,
        transfer: T,
        jobs: &'a mut dyn Jobs<Job, Outcome<T, Job>>,
    ) -> Self {
        let retry = remote.retry();
        let (flying, again, alone) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { remote, transfer, jobs, retry, flying, flying_bytes: 0, window: 1, again, alone }
    }

    /// Works until there are no more jobs, or the other end is lost.
    pub(crate) fn run(mut self) -> LaneEnd {
        match self.work() {
            Ok(()) => LaneEnd::Complete,
            Err(Lost) => LaneEnd::Lost,
        }
    }

    fn work(&mut self) -> Result<(), Lost> {
        loop {
            self.top_up()?;
            if let Some(flying) = self.flying.pop_front() {
                self.land(flying)?;
            } else if let Some((job, repeated)) = self.alone.pop_front() {
                self.run_alone(job, repeated)?;
            } else if self.again.is_empty() {
                return Ok(());
            }
        }
    }

    /// Sends requests until enough are in flight. Nothing is sent while more than half of them are, so that many
    /// leave at once.
    fn top_up(&mut self) -> Result<(), Lost> {
        if self.flying.len() > self.window / 2 {
            return Ok(());
        }
        while self.alone.is_empty() && self.flying_bytes < ASKED_BYTES_MAX {
            let Some((job, repeated)) = self.next_job() else { break };
            self.send(job, repeated)?;
            if self.flying.len() >= self.window {
                break;
            }
        }
        Ok(())
    }

    fn next_job(&mut self) -> Option<(Job, bool)> {
        match self.again.pop_front() {
            Some(job) => Some((job, true)),
            None => self.jobs.next(self.flying.is_empty()).map(|job| (job, false)),
        }
    }

    fn send(&mut self, job: Job, repeated: bool) -> Result<(), Lost> {
        let session = match self.remote.session_in_use(!self.flying.is_empty()) {
            Ok(session) => session,
            Err(error) => return self.lost(job, error),
        };
        self.window = session.in_flight_max();
        match self.transfer.ask(session, &job) {
            Ok(Asked::Sent(ticket)) => {
                self.flying_bytes += self.transfer.request_bytes(&job);
                self.flying.push_back(Flying { ticket, job, repeated });
                Ok(())
            }
            Ok(Asked::Alone) => {
                self.alone.push_back((job, repeated));
                Ok(())
            }
            Err(error) => self.failed(job, repeated, error),
        }
    }

    fn land(&mut self, flying: Flying<T::Ticket, Job>) -> Result<(), Lost> {
        let Flying { ticket, job, repeated } = flying;
        self.flying_bytes = self.flying_bytes.saturating_sub(self.transfer.request_bytes(&job));
        let session = match self.remote.session_in_use(true) {
            Ok(session) => session,
            Err(error) => return self.lost(job, error),
        };
        match self.transfer.answer(session, ticket, &job) {
            Ok(output) => {
                self.retry.advanced();
                self.jobs.done(job, Ok(output));
                Ok(())
            }
            Err(error) => self.failed(job, repeated, error),
        }
    }

    fn run_alone(&mut self, job: Job, repeated: bool) -> Result<(), Lost> {
        let watch = self.jobs.watch(&job);
        let outcome = self.transfer.alone(self.remote, (&job, repeated), &*watch);
        let is_lost = outcome.as_ref().is_err_and(|error| !error.keeps_session());
        self.jobs.done(job, outcome);
        self.retry.advanced();
        if is_lost { Err(Lost) } else { Ok(()) }
    }

    fn failed(&mut self, job: Job, repeated: bool, error: T::Error) -> Result<(), Lost> {
        if !error.keeps_session() {
            return match error.into_remote() {
                Ok(error) => self.lost(job, error),
                Err(own) => {
                    self.jobs.done(job, Err(own));
                    Ok(())
                }
            };
        }
        if repeated || error.recovery() != Recovery::None {
            // Alone, it can be found out whether it was done already, or asked for again later.
            self.alone.push_back((job, repeated));
        } else {
            self.jobs.done(job, Err(error));
        }
        Ok(())
    }

    /// The session is gone: whatever has no answer is asked again over another one.
    fn lost(&mut self, job: Job, error: RemoteError) -> Result<(), Lost> {
        self.remote.abandon();
        match self.retry.after(error) {
            Ok(_) => {
                let unanswered = std::mem::take(&mut self.flying).into_iter().map(|flying| flying.job);
                let later = std::mem::take(&mut self.again);
                self.again = std::iter::once(job).chain(unanswered).chain(later).collect();
                self.flying_bytes = 0;
                Ok(())
            }
            Err(error) => {
                self.jobs.done(job, Err(error.into()));
                Err(Lost)
            }
        }
    }
}
