//! Fetching many files over one session; large ones from other ends too, where others may have them.

use super::gather::{Gathered, NoSupply, Source, SourceShare, Wanted, gather};
use super::whole::{ask_whole, receive_whole};
use super::{Fetch, FetchError, FetchTerms, Fetched, changed, fetch, remember};
use crate::catalogue::Remembered;
use crate::compare::{compare, looks_same, same_digest};
use crate::folder::{Folder, Nearby, OpenFile};
use crate::incoming::is_begun;
use crate::lane::{Asked, Jobs, Lane, LaneEnd, Transfer};
use crate::remote::{Cancel, Dialer, Remote, Repeat, Retry, Session, Watch};
use wire::digest::Digest;
use wire::limits::PIECE_BYTES;

/// What fetching one file comes to.
pub type FetchOutcome = Result<Brought, FetchError>;

/// A file that was fetched, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The file.
    pub fetched: Fetched,
    /// Who was asked for it, where others were asked too.
    pub sources: Vec<SourceShare>,
}

/// Fetches jobs until there are no more: small files pipelined, and watched together by `watch`; large ones alone, from
/// the `others` too that have the same content. Of what seems to be the same here only the digest is asked for, and nothing is fetched
/// where it is.
pub fn fetch_many<Job: AsRef<Fetch>>(
    remote: &mut Remote,
    others: &[Dialer],
    folder: &Folder,
    jobs: &mut dyn Jobs<Job, FetchOutcome>,
    (watch, digests): (&dyn Watch, &Remembered),
) -> LaneEnd {
    let retry = remote.retry();
    let own = folder.without_links();
    let nearby = Nearby::default();
    Lane::new(remote, Downloads { others, folder, own, nearby, watch, digests, retry }, jobs).run()
}

struct Downloads<'a> {
    others: &'a [Dialer],
    folder: &'a Folder,
    /// The same, without what links lead to.
    own: Folder,
    /// The folder where the file before landed, for those that had come with it.
    nearby: Nearby,
    watch: &'a dyn Watch,
    digests: &'a Remembered,
    retry: Retry,
}

/// What was asked for a small file.
enum Question {
    Read(u64),
    /// The digest, and the file here.
    Digest(u64, OpenFile),
}

impl<Job: AsRef<Fetch>> Transfer<Job> for Downloads<'_> {
    type Ticket = Question;
    type Output = Brought;
    type Error = FetchError;

    fn request_bytes(&self, job: &Job) -> usize {
        // A path is escaped to at most twice its length, and there are some fields around it.
        128 + 2 * job.as_ref().source.as_str().len()
    }

    fn ask(&mut self, session: &mut Session, job: &Job) -> Result<Asked<Question>, FetchError> {
        let fetch = job.as_ref();
        if fetch.entry.byte_count.get() > PIECE_BYTES {
            return Ok(Asked::Alone);
        }
        Ok(Asked::Sent(match self.lookalike(fetch) {
            Some(here) => Question::Digest(session.ask_stat(Some(&fetch.source), true)?, here),
            None => Question::Read(ask_whole(session, &fetch.source, fetch.terms.version)?),
        }))
    }

    fn answer(&mut self, session: &mut Session, question: Question, job: &Job) -> FetchOutcome {
        let (id, here) = match question {
            Question::Digest(id, here) => (id, here),
            Question::Read(id) => {
                let (here, watched) = ((self.folder, &mut self.nearby), (self.watch, &mut self.retry));
                return receive_whole(session, id, job.as_ref(), here, watched).map(Brought::from);
            }
        };
        let found = session.found(id, Some(&job.as_ref().source), self.watch)?;
        // A file that is another one after all starts over, alone, and is fetched.
        let digest = same_digest(&here, &found, self.digests, self.watch).ok_or_else(changed)?;
        Ok(self.kept(here.status.byte_count, digest, self.watch))
    }

    fn alone(&mut self, remote: &mut Remote, (job, _): (&Job, bool), watch: &dyn Watch) -> FetchOutcome {
        let fetched = job.as_ref();
        let is_large = fetched.entry.byte_count.get() > PIECE_BYTES;
        // What is left of an earlier transfer lands with the usual one, which moves nothing of what is here either.
        let may_be_kept = is_large && !is_begun(self.folder, &fetched.target);
        if let Some(here) = self.lookalike(fetched).filter(|_| may_be_kept)
            && let Some(digest) = compare(remote, &fetched.source, &here, self.digests, watch)
        {
            return Ok(self.kept(here.status.byte_count, digest, watch));
        }
        match self.content(remote, job.as_ref(), watch) {
            Some((digest, cancel)) => self.gathered(remote, (job.as_ref(), digest), (watch, &cancel)),
            None => fetch(remote, self.folder, job.as_ref(), watch, self.digests).map(Brought::from),
        }
    }
}

impl Downloads<'_> {
    /// What has the name here, where it may well be the very file.
    fn lookalike(&self, fetch: &Fetch) -> Option<OpenFile> {
        // Most often nothing is here, and one call more for each small file is what may be spent on that.
        let is_worth_a_look = fetch.terms == FetchTerms::default() && !fetch.is_target_free;
        if !is_worth_a_look || !self.own.may_have(&fetch.target) {
            return None;
        }
        let here = self.own.open_file(&fetch.target).ok()?;
        looks_same(&here.status, &fetch.entry).then_some(here)
    }

    /// A file that was here already, byte for byte.
    fn kept(&self, byte_count: u64, digest: Digest, watch: &dyn Watch) -> Brought {
        watch.reused(byte_count);
        Fetched { byte_count, digest, reused: byte_count }.into()
    }

    /// What the file has to be for others to have it, too: large, with a digest that the first end tells.
    fn content(&self, remote: &mut Remote, fetch: &Fetch, watch: &dyn Watch) -> Option<(Digest, Cancel)> {
        // What is here needs no other end.
        let is_here = fetch.alike.is_some();
        if self.others.is_empty() || is_here || fetch.entry.byte_count.get() <= PIECE_BYTES {
            return None;
        }
        let mut told =
            || remote.ask(Repeat::Harmless, |session| session.stat(Some(&fetch.source), true, watch));
        // What goes wrong here goes wrong again in the fetch, which knows what to do about it.
        let digest = fetch.terms.version.or_else(|| told().ok()?.digest)?;
        Some((digest, remote.cancel().clone()))
    }

    fn gathered(
        &self,
        remote: &mut Remote,
        (fetch, digest): (&Fetch, Digest),
        (watch, cancel): (&dyn Watch, &Cancel),
    ) -> FetchOutcome {
        let wanted = Wanted {
            digest,
            attributes: Some((fetch.entry.modified, fetch.entry.executable)),
            target: fetch.target.clone(),
            new: fetch.terms.new,
            offer: None,
        };
        // The open session goes on as that of the first source.
        let first = remote.another();
        let first = std::mem::replace(remote, first);
        let others = self.others.iter().map(|dialer| Remote::new(dialer.clone(), cancel.clone()));
        let source = |remote| Source { remote, path: Some(fetch.source.clone()), is_partial: false };
        let sources = std::iter::once(first).chain(others).map(source).collect();
        let Gathered { fetched, sources, .. } =
            gather(sources, (self.folder, &wanted), &mut NoSupply, (watch, cancel));
        let landed = fetched?;
        remember(&landed, self.digests);
        Ok(Brought { fetched: landed.into(), sources })
    }
}

impl From<Fetched> for Brought {
    fn from(fetched: Fetched) -> Self {
        Self { fetched, sources: Vec::new() }
    }
}
