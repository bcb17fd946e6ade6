//! One file from all its holders at once; who is lost is replaced by whoever a search for the digest finds, and who has come
//! since is found by one from time to time. What has arrived is offered to others meanwhile.
//!
//! Must not know how pieces are divided among them.

use super::choice::Holder;
use super::{Got, Order, content_here, other_version};
use crate::destination::Destination;
use crate::failure::Failure;
use crate::overlay::Wanted as Sought;
use crossbeam_channel::RecvTimeoutError;
use shared_folder::fetch::{FetchError, Gathered, Source, SourceShare, Supply, Wanted, gather};
use shared_folder::remote::{Cancel, RemoteError};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::key::PublicKey;
use wire::limits::TTL_MAX;
use wire::net::Address;
use wire::path::SharedPath;

/// How often others are searched for while one file is fetched.
const SEARCHES_MAX: usize = 8;
/// Between two looks whether others are still wanted.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// After so long, and from then on after twice the time each, others are searched for though nobody is lost: others who download the
/// file have some of it, too. What is over sooner needs nobody else.
const SEARCH_PAUSE_LEAST: Duration = Duration::from_secs(1);
const SEARCH_PAUSE_MOST: Duration = Duration::from_secs(60);

/// A file that is fetched from its holders.
pub(super) struct Gathering<'a> {
    order: &'a Order<'a>,
    holders: &'a [Holder],
    digest: Digest,
    asked: HashSet<(SocketAddr, Option<PublicKey>)>,
    searches: usize,
    next_look: Instant,
    pause: Duration,
}

impl<'a> Gathering<'a> {
    /// All of these told that digest.
    pub(super) fn new(order: &'a Order<'a>, holders: &'a [Holder], digest: Digest) -> Self {
        let asked = holders.iter().map(|holder| (holder.address, holder.key)).collect();
        let (next_look, pause) = (Instant::now() + SEARCH_PAUSE_LEAST, SEARCH_PAUSE_LEAST);
        Self { order, holders, digest, asked, searches: 0, next_look, pause }
    }

    /// Lets it land there, unless that content is there already.
    pub(super) fn into(mut self, target: &SharedPath, replace: bool) -> Result<Got, Failure> {
        let (begun, order, digest) = (Instant::now(), self.order, self.digest);
        let Some(first) = self.holders.first() else {
            return Err(Failure::refused(ErrorCode::NotFound, "nothing was found"));
        };
        order.will_get(first.byte_count);
        let local = order.peer.folder.join(target.as_str()).to_string_lossy().into_owned();
        let mut got = Got {
            path: first.path.as_str().to_owned(),
            local,
            byte_count: first.byte_count,
            digest,
            resumed_from: first.byte_count,
            time: Duration::ZERO,
            sources: Vec::new(),
        };
        if content_here(order, target, (first.byte_count, &mut || Ok(digest)), replace)?.is_some() {
            got.time = begun.elapsed();
            return Ok(got);
        }
        let share = &order.peer.host.share;
        // Until the end: what has landed is found as an ordinary file before nothing is found as an arriving one.
        let offer = Some(Arc::new(share.arriving.offer()));
        let wanted = Wanted { digest, attributes: None, target: target.clone(), new: !replace, offer };
        let sources = self.holders.iter().map(|holder| self.source(holder)).collect();
        let ends = (order.watch(), order.interruption.cancel());
        let Gathered { fetched, sources, .. } = gather(sources, (&share.folder, &wanted), &mut self, ends);
        let landed = fetched.map_err(explained)?;
        (got.byte_count, got.resumed_from) = (landed.byte_count, landed.reused);
        share.note_landed(target, landed);
        order.peer.library.look_again(target);
        let brought = sources.into_iter().filter(|share| share.byte_count > 0);
        got.sources = brought.map(|share| (share.address.to_string(), share.byte_count)).collect();
        if got.sources.is_empty() {
            // All of it was kept, or it is empty: what it is, somebody has told.
            got.sources.push((first.address.to_string(), 0));
        }
        got.time = begun.elapsed();
        Ok(got)
    }

    fn source(&self, holder: &Holder) -> Source {
        let from = Destination { address: Address::from(holder.address), key: holder.key };
        let remote = self.order.peer.remote(&from, self.order.interruption.cancel());
        Source { remote, path: Some(holder.path.clone()), is_partial: holder.is_partial }
    }

    /// The first holders that a search for the digest finds and that were not asked before.
    fn search(&mut self, over: &Cancel) -> Vec<Holder> {
        let (order, mut found) = (self.order, Vec::new());
        let sought = Sought::Digest(self.digest);
        let Ok(asked) = order.peer.mesh().search(sought, TTL_MAX, order.interruption.ended()) else {
            return found;
        };
        let begun = Instant::now();
        while begun.elapsed() < order.wait && !over.is_cancelled() && !order.interruption.is_interrupted() {
            let file = match asked.results.recv_timeout(LOOK_INTERVAL) {
                Ok(file) => file,
                Err(RecvTimeoutError::Timeout) if found.is_empty() => continue,
                Err(_) => break,
            };
            let holder = Holder::of(&file).filter(|holder| holder.digest == Some(self.digest));
            found.extend(holder.filter(|holder| self.asked.insert((holder.address, holder.key))));
        }
        found
    }
}

impl Supply for Gathering<'_> {
    fn more(&mut self, lost: &SourceShare, over: &Cancel) -> Vec<Source> {
        if let Some(fault) = &lost.fault {
            self.order.report.note(format_args!("not from {}: {fault}", lost.address));
            self.order.report.flush();
        }
        if self.searches == SEARCHES_MAX {
            return Vec::new();
        }
        self.searches += 1;
        let found = self.search(over);
        if found.is_empty() {
            // There are no others, and soon there will hardly be.
            self.searches = SEARCHES_MAX;
        }
        found.iter().map(|holder| self.source(holder)).collect()
    }

    fn next_look(&self) -> Option<Instant> {
        Some(self.next_look)
    }

    fn others(&mut self, over: &Cancel) -> Vec<Source> {
        let found = self.search(over);
        self.pause = (self.pause * 2).min(SEARCH_PAUSE_MOST);
        self.next_look = Instant::now() + self.pause;
        found.iter().map(|holder| self.source(holder)).collect()
    }
}

/// Who has another version than the search told has broken a promise.
fn explained(error: FetchError) -> Failure {
    match error {
        FetchError::OtherVersion { .. }
        | FetchError::Remote(RemoteError::Refused { code: ErrorCode::Changed, .. }) => other_version(),
        error => error.into(),
    }
}
