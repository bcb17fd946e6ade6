//! What fetching many files would come to: the other end is asked what it has, and nothing is changed anywhere.

use super::{Fetch, FetchError};
use crate::catalogue::Remembered;
use crate::compare::{Rehearsed, bytes_in_common, looks_same, same_digest};
use crate::folder::{Folder, FolderError, OpenFile};
use crate::incoming::LandingError;
use crate::lane::{Asked, Jobs, Lane, LaneEnd, Transfer};
use crate::remote::{Remote, Repeat, Session, Watch};
use wire::limits::PIECE_BYTES;

/// What fetching one file would come to.
pub type FetchRehearsal = Result<Rehearsed, FetchError>;

/// Finds out for each job what [`super::fetch_many`] would fetch to `folder`, if there is one yet, until there are no more.
pub fn rehearse_fetching<Job: AsRef<Fetch>>(
    remote: &mut Remote,
    folder: Option<&Folder>,
    jobs: &mut dyn Jobs<Job, FetchRehearsal>,
    (watch, digests): (&dyn Watch, &Remembered),
) -> LaneEnd {
    let folder = folder.map(Folder::without_links);
    Lane::new(remote, Rehearsal { folder, watch, digests }, jobs).run()
}

struct Rehearsal<'a> {
    folder: Option<Folder>,
    watch: &'a dyn Watch,
    digests: &'a Remembered,
}

/// A question, and what is here already.
type Question = (u64, Option<OpenFile>);

impl<Job: AsRef<Fetch>> Transfer<Job> for Rehearsal<'_> {
    type Ticket = Question;
    type Output = Rehearsed;
    type Error = FetchError;

    fn request_bytes(&self, job: &Job) -> usize {
        512 + 2 * job.as_ref().source.as_str().len()
    }

    fn ask(&mut self, session: &mut Session, job: &Job) -> Result<Asked<Question>, FetchError> {
        let fetch = job.as_ref();
        let here = self.here(fetch)?;
        if here.is_some() && fetch.entry.byte_count.get() > PIECE_BYTES {
            return Ok(Asked::Alone);
        }
        let wants_digest = here.as_ref().is_some_and(|here| looks_same(&here.status, &fetch.entry));
        Ok(Asked::Sent((session.ask_stat(Some(&fetch.source), wants_digest)?, here)))
    }

    fn answer(&mut self, session: &mut Session, (id, here): Question, job: &Job) -> FetchRehearsal {
        let found = session.found(id, Some(&job.as_ref().source), self.watch)?;
        let same = here.and_then(|here| same_digest(&here, &found, self.digests, self.watch));
        let byte_count = found.entry.byte_count.get();
        Ok(Rehearsed { byte_count, reused: if same.is_some() { byte_count } else { 0 } })
    }

    fn alone(&mut self, remote: &mut Remote, (job, _): (&Job, bool), watch: &dyn Watch) -> FetchRehearsal {
        let fetch = job.as_ref();
        let ask = remote.ask(Repeat::Harmless, |session| session.pieces(&fetch.source, watch));
        let (pieces, here) = (ask?, self.here(fetch)?);
        let byte_count = pieces.byte_count;
        let is_large = byte_count > PIECE_BYTES;
        let common = |here: OpenFile| bytes_in_common(&here, &pieces.values, (byte_count, byte_count));
        Ok(Rehearsed { byte_count, reused: here.filter(|_| is_large).map_or(0, common) })
    }
}

impl Rehearsal<'_> {
    /// What is like the file here, or else what has the name; something that no file may replace is a failure, as it will be in the
    /// transfer.
    fn here(&self, fetch: &Fetch) -> Result<Option<OpenFile>, FetchError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let named = match folder.open_file(&fetch.target) {
            Err(FolderError::NotAFile) => return Err(LandingError::Folder(FolderError::NotAFile).into()),
            named => named.ok(),
        };
        Ok(fetch.open_alike(folder).or(named))
    }
}
