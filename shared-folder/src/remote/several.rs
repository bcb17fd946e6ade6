//! Several small requests without a round trip for each.
//!
//! What is asked before anything is read stays within what socket buffers hold, so that two ends that both write
//! never wait for each other.

use super::{Found, RemoteError, Session, Unwatched};
use std::collections::VecDeque;
use wire::path::SharedPath;

/// Bytes of requests, or of the answers to them, whichever is longer, that may be under way.
const UNDER_WAY_BYTES_MAX: usize = 48 * 1024;

/// What each request came to; a refusal is one outcome of many.
pub type Several<T> = Vec<Result<T, RemoteError>>;

impl Session {
    /// STATs without digests, in the order of `paths`; `None` is the share's root.
    ///
    /// # Errors
    /// What ends the session.
    pub fn stat_several(&mut self, paths: &[Option<SharedPath>]) -> Result<Several<Found>, RemoteError> {
        self.several(
            paths,
            |path| path.as_ref().map_or(0, |path| path.as_str().len()),
            |session, path| session.ask_stat(path.as_ref(), false),
            |session, id, path| session.found(id, path.as_ref(), &Unwatched),
        )
    }

    /// MKDIRs, in the order of `paths`.
    ///
    /// # Errors
    /// What ends the session.
    pub fn make_folders(&mut self, paths: &[SharedPath]) -> Result<Several<()>, RemoteError> {
        self.several(
            paths,
            |path| path.as_str().len(),
            |session, path| session.ask_make_folder(path),
            |session, id, _| session.made(id),
        )
    }

    fn several<Item, T>(
        &mut self,
        items: &[Item],
        path_bytes: impl Fn(&Item) -> usize,
        mut ask: impl FnMut(&mut Self, &Item) -> Result<u64, RemoteError>,
        mut answer: impl FnMut(&mut Self, u64, &Item) -> Result<T, RemoteError>,
    ) -> Result<Several<T>, RemoteError> {
        let (mut outcomes, mut asked, mut under_way) = (Vec::new(), VecDeque::new(), 0);
        let (window, mut rest) = (self.in_flight_max(), items.iter());
        loop {
            // Nothing is sent while more than half of them are under way, so that many leave at once.
            let is_to_ask = asked.len() <= window / 2;
            while is_to_ask && asked.len() < window && under_way < UNDER_WAY_BYTES_MAX {
                let Some(item) = rest.next() else { break };
                // JSON escapes a path to at most twice its length, and there are some fields around it.
                let bytes = 512 + 2 * path_bytes(item);
                asked.push_back((ask(self, item)?, item, bytes));
                under_way += bytes;
            }
            let Some((id, item, bytes)) = asked.pop_front() else { return Ok(outcomes) };
            under_way -= bytes;
            outcomes.push(match answer(self, id, item) {
                Err(error) if !error.keeps_session() => return Err(error),
                outcome => outcome,
            });
        }
    }
}
