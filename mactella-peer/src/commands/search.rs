//! SEARCH and DISCOVER: results shown as they come, until the time is over.
//!
//! Must not know how they cross the mesh.

use super::{Order, Outcome};
use crate::command::shown;
use crate::failure::{Failure, stopping};
use crate::network::{AskError, Asked, FoundFile};
use crate::overlay::Wanted;
use crossbeam_channel::{after, select};
use shared_folder::words::Query;
use std::collections::HashSet;
use std::net::SocketAddr;
use wire::digest::Digest;
use wire::key::PublicKey;
use wire::limits::SEARCH_RESULTS_MAX;
use wire::path::SharedPath;

/// Results of one search that are told apart: more than that many never come home. Exceeded: dropped.
const RESULTS_MAX: usize = SEARCH_RESULTS_MAX as usize;

pub(super) fn search(order: &Order<'_>, wanted: &Wanted, ttl: u8) -> Outcome {
    let mut results = Results::of(wanted);
    let searched = find(order, wanted, ttl, &mut |file| {
        if results.is_new(&file) {
            order.report.found(&file);
        }
    });
    let text = shown(wanted);
    results.tell_dropped(order);
    searched.map_err(|failure| order.failed("search", Some(&text), &failure))?;
    if results.seen.is_empty() {
        order.report.note("nothing was found");
    }
    Ok(())
}

pub(super) fn discover(order: &Order<'_>, ttl: u8) -> Outcome {
    let mut seen = HashSet::new();
    let failed = |failure: Failure| order.failed("discover", None, &failure);
    let asked = asked(order, order.peer.mesh().discover(ttl, order.interruption.ended())).map_err(failed)?;
    let discovered = take_all(order, &asked, &mut |peer| {
        if seen.len() < RESULTS_MAX && seen.insert((peer.address, peer.key)) {
            order.report.discovered(peer);
        }
    });
    discovered.map_err(|failure| order.failed("discover", None, &failure))?;
    if seen.is_empty() {
        order.report.note("nobody answered");
    }
    Ok(())
}

/// Searches, and gives every result to `take` as it comes.
pub(super) fn find(
    order: &Order<'_>,
    wanted: &Wanted,
    ttl: u8,
    take: &mut dyn FnMut(FoundFile),
) -> Result<(), Failure> {
    let asked = asked(order, order.peer.mesh().search(wanted.clone(), ttl, order.interruption.ended()))?;
    take_all(order, &asked, take)
}

/// Names the known peers that cannot be asked, whether or not anybody else was.
fn asked<T>(order: &Order<'_>, asked: Result<Asked<T>, AskError>) -> Result<Asked<T>, Failure> {
    if order.interruption.is_interrupted() {
        return Err(Failure::interrupted());
    }
    if asked.as_ref().err() != Some(&AskError::Stopping) {
        order.peer.mesh().unreachable().iter().for_each(|peer| order.report.unreachable(peer));
    }
    Ok(asked?)
}

fn take_all<T>(order: &Order<'_>, asked: &Asked<T>, take: &mut dyn FnMut(T)) -> Result<(), Failure> {
    let deadline = after(order.wait);
    while !order.report.is_closed() {
        select! {
            recv(asked.results) -> result => match result {
                Ok(result) => {
                    take(result);
                    // What has come is shown before the next wait.
                    if asked.results.is_empty() {
                        order.report.flush();
                    }
                }
                Err(_) => return Err(stopping()),
            },
            recv(deadline) -> _ => return Ok(()),
            recv(order.interruption.ended()) -> _ => return Err(Failure::interrupted()),
        }
    }
    Ok(())
}

/// Tells new results from those that were there before, and from those that nobody can use.
pub(super) struct Results {
    wanted: Filter,
    seen: HashSet<(SocketAddr, Option<PublicKey>, SharedPath, Option<Digest>)>,
    no_paths: usize,
    unwanted: usize,
    surplus: usize,
}

/// What a result must be: whoever sends another one lies.
enum Filter {
    Words(Option<Query>),
    Digest(Digest),
}

impl Filter {
    fn wants(&self, file: &FoundFile) -> bool {
        match self {
            Self::Words(query) => query.as_ref().is_some_and(|query| query.matches(&file.path)),
            Self::Digest(digest) => file.digest == Some(*digest),
        }
    }
}

impl Results {
    /// None yet of a search for that.
    pub(super) fn of(wanted: &Wanted) -> Self {
        let wanted = match wanted {
            Wanted::Words(words) => Filter::Words(Query::new(words)),
            Wanted::Digest(digest) => Filter::Digest(*digest),
        };
        Self { wanted, seen: HashSet::new(), no_paths: 0, unwanted: 0, surplus: 0 }
    }

    /// Whether the result is a file that was not there before.
    pub(super) fn is_new(&mut self, file: &FoundFile) -> bool {
        let Ok(path) = SharedPath::parse(&file.path) else {
            self.no_paths += 1;
            return false;
        };
        if !self.wanted.wants(file) {
            self.unwanted += 1;
            return false;
        }
        let result = (file.address, file.key, path, file.digest);
        if self.seen.len() >= RESULTS_MAX && !self.seen.contains(&result) {
            self.surplus += 1;
            return false;
        }
        self.seen.insert(result)
    }

    /// Says what was not shown.
    pub(super) fn tell_dropped(&self, order: &Order<'_>) {
        if self.no_paths > 0 {
            order.report.note(format_args!("results whose names are no paths: {}", self.no_paths));
        }
        if self.unwanted > 0 {
            order.report.note(format_args!("results that are not what was searched for: {}", self.unwanted));
        }
        if self.surplus > 0 {
            order.report.note(format_args!("results beyond the first {RESULTS_MAX}: {}", self.surplus));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, port: u16, digest: Option<Digest>) -> FoundFile {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        FoundFile { path: path.into(), byte_count: 1, digest, address, key: None, hops: 1, is_partial: false }
    }

    #[test]
    fn the_same_file_of_the_same_holder_is_one_result() {
        let mut results = Results::of(&Wanted::Words("a".into()));
        assert!(results.is_new(&file("a", 1, None)) && !results.is_new(&file("a", 1, None)));
        assert!(results.is_new(&file("a", 2, None)) && results.is_new(&file("b a", 1, None)));
        assert!(results.is_new(&file("a", 1, Some(Digest::of(b"")))));
    }

    #[test]
    fn what_is_no_path_is_no_result_and_counted() {
        let mut results = Results::of(&Wanted::Words("a".into()));
        for path in ["", "/etc/passwd", "../x", "a//b", "a\nb"] {
            assert!(!results.is_new(&file(path, 1, None)), "{path:?}");
        }
        assert_eq!((results.no_paths, results.seen.len()), (5, 0));
    }

    #[test]
    fn what_was_not_searched_for_is_no_result_and_counted() {
        let mut results = Results::of(&Wanted::Words("holiday photo".into()));
        assert!(results.is_new(&file("photo/of a Holiday.jpg", 1, None)));
        assert!(!results.is_new(&file("unrelated.sh", 1, None)));
        let mut results = Results::of(&Wanted::Digest(Digest::of(b"x")));
        assert!(results.is_new(&file("any", 1, Some(Digest::of(b"x")))));
        assert!(
            !results.is_new(&file("any", 2, Some(Digest::of(b"y"))))
                && !results.is_new(&file("any", 3, None))
        );
        assert_eq!(results.unwanted, 2);
    }

    #[test]
    fn results_are_kept_up_to_the_limit_and_not_one_more() {
        let mut results = Results::of(&Wanted::Words("a".into()));
        let named = |number: &dyn std::fmt::Display| file(&format!("a {number}"), 1, None);
        let count = (0..RESULTS_MAX).filter(|number| results.is_new(&named(number))).count();
        assert_eq!(count, RESULTS_MAX);
        assert!(!results.is_new(&named(&"one more")) && !results.is_new(&named(&0)));
        assert_eq!(results.surplus, 1);
    }
}
