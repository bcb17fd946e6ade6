//! Fetching many files over one session.

use super::whole::{ask_whole, receive_whole};
use super::{Fetch, FetchError, Fetched, fetch};
use crate::folder::Folder;
use crate::lane::{Asked, Jobs, Lane, LaneEnd, Transfer};
use crate::remote::{Recovery, Remote, RemoteError, Retry, Session, Watch};
use wire::limits::PIECE_BYTES;

/// What fetching one file comes to.
pub type FetchOutcome = Result<Fetched, FetchError>;

/// Fetches jobs until there are no more: small files pipelined, and watched together by `watch`; large ones alone.
pub fn fetch_many<Job: AsRef<Fetch>>(
    remote: &mut Remote,
    folder: &Folder,
    jobs: &mut dyn Jobs<Job, FetchOutcome>,
    watch: &dyn Watch,
) -> LaneEnd {
    let retry = remote.retry();
    Lane::new(remote, Downloads { folder, watch, retry }, jobs).run()
}

struct Downloads<'a> {
    folder: &'a Folder,
    watch: &'a dyn Watch,
    retry: Retry,
}

impl<Job: AsRef<Fetch>> Transfer<Job> for Downloads<'_> {
    type Ticket = u64;
    type Output = Fetched;
    type Error = FetchError;

    fn request_bytes(&self, job: &Job) -> usize {
        // A path is escaped to at most twice its length, and there are some fields around it.
        128 + 2 * job.as_ref().source.as_str().len()
    }

    fn ask(&mut self, session: &mut Session, job: &Job) -> Result<Asked<u64>, FetchError> {
        if job.as_ref().entry.byte_count.get() > PIECE_BYTES {
            return Ok(Asked::Alone);
        }
        Ok(Asked::Sent(ask_whole(session, &job.as_ref().source, job.as_ref().terms.version)?))
    }

    fn answer(&mut self, session: &mut Session, id: u64, job: &Job) -> Result<Fetched, FetchError> {
        receive_whole(session, id, job.as_ref(), self.folder, (self.watch, &mut self.retry))
    }

    fn alone(
        &mut self,
        remote: &mut Remote,
        (job, _): (&Job, bool),
        watch: &dyn Watch,
    ) -> Result<Fetched, FetchError> {
        fetch(remote, self.folder, job.as_ref(), watch)
    }

    fn recovery(error: &FetchError) -> Recovery {
        error.recovery()
    }

    fn keeps_session(error: &FetchError) -> bool {
        error.keeps_session()
    }

    fn into_remote(error: FetchError) -> Result<RemoteError, FetchError> {
        match error {
            FetchError::Remote(error) => Ok(error),
            own => Err(own),
        }
    }
}
