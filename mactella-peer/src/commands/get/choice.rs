//! Which of a search's results is the best: one whose content is known, that most peers hold, the nearest of them.
//!
//! Must not know how it is fetched.

use crate::network::FoundFile;
use shared_folder::fetch::SOURCES_MAX;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use wire::digest::Digest;
use wire::key::PublicKey;
use wire::path::SharedPath;

/// Holders that are asked: at once where the content is known, else one after the other. Further ones are left out.
const HOLDERS_TRIED_MAX: usize = SOURCES_MAX;

/// One peer that says it has the wanted content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) address: SocketAddr,
    /// Whose key must answer there.
    pub(super) key: Option<PublicKey>,
    pub(super) path: SharedPath,
    pub(super) digest: Option<Digest>,
    hops: u8,
    pub(super) byte_count: u64,
    /// Whether it is still arriving there.
    pub(super) is_partial: bool,
}

/// The holders of the best content in the order in which they are to be tried; none if there is no result.
pub(super) fn best_of(files: &[FoundFile]) -> Vec<Holder> {
    let mut holders: Vec<Holder> = files.iter().filter_map(Holder::of).collect();
    // Whoever has all of it comes first.
    holders.sort_by(|one, other| one.place().cmp(&other.place()));
    let mut by_digest: BTreeMap<Digest, Vec<Holder>> = BTreeMap::new();
    for holder in &holders {
        if let Some(digest) = holder.digest {
            by_digest.entry(digest).or_default().push(holder.clone());
        }
    }
    let contents = by_digest.into_values().map(each_once);
    let best = contents.max_by_key(|holders| {
        let first = holders.first().map(|first| (first.hops, first.path.clone()));
        (count_of(holders), Reverse(first))
    });
    let mut best = best.unwrap_or_else(|| unhashed(&holders));
    best.truncate(HOLDERS_TRIED_MAX);
    best
}

/// Without a digest, a file of the same name and length is the best guess at the same content.
fn unhashed(holders: &[Holder]) -> Vec<Holder> {
    let Some(first) = holders.first() else { return Vec::new() };
    let is_same =
        |other: &&Holder| other.path.name() == first.path.name() && other.byte_count == first.byte_count;
    each_once(holders.iter().filter(is_same).cloned().collect())
}

/// A peer that has the content under several paths is one holder. Where a result lies about an address, another one with that
/// key may tell the right one: both are tried.
fn each_once(holders: Vec<Holder>) -> Vec<Holder> {
    let mut seen = HashSet::new();
    holders.into_iter().filter(|holder| seen.insert((holder.address, holder.key))).collect()
}

/// How many peers these are: told apart by their keys, where there are any.
fn count_of(holders: &[Holder]) -> usize {
    let who = |holder: &Holder| holder.key.ok_or(holder.address);
    holders.iter().map(who).collect::<HashSet<_>>().len()
}

impl Holder {
    /// By what they are ordered.
    fn place(&self) -> (bool, u8, &SharedPath, SocketAddr, Option<PublicKey>) {
        (self.is_partial, self.hops, &self.path, self.address, self.key)
    }

    pub(super) fn of(file: &FoundFile) -> Option<Self> {
        let path = SharedPath::parse(&file.path).ok()?;
        let FoundFile { address, key, digest, hops, byte_count, is_partial, .. } = *file;
        // Without its digest nothing of it could be asked for.
        let is_of_use = digest.is_some() || !is_partial;
        is_of_use.then_some(Self { address, key, path, digest, hops, byte_count, is_partial })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(port: u16, path: &str, content: Option<&str>, hops: u8) -> FoundFile {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let digest = content.map(|content| Digest::of(content.as_bytes()));
        FoundFile { path: path.into(), byte_count: 5, digest, address, key: None, hops, is_partial: false }
    }

    fn ports(files: &[FoundFile]) -> Vec<u16> {
        best_of(files).iter().map(|holder| holder.address.port()).collect()
    }

    #[test]
    fn most_holders_win_and_the_nearest_of_them_comes_first() {
        let files = [
            file(1, "near", Some("alone"), 1),
            file(2, "a", Some("common"), 4),
            file(3, "b", Some("common"), 2),
            file(4, "c", None, 1),
        ];
        assert_eq!(ports(&files), [3, 2]);
    }

    #[test]
    fn among_equals_the_nearest_wins_and_then_the_first_name() {
        assert_eq!(ports(&[file(1, "a", Some("far"), 3), file(2, "b", Some("near"), 2)]), [2]);
        assert_eq!(ports(&[file(1, "b", Some("one"), 2), file(2, "a", Some("two"), 2)]), [2]);
    }

    #[test]
    fn one_peer_with_two_copies_is_one_holder() {
        let files = [
            file(1, "a", Some("twice"), 1),
            file(1, "b", Some("twice"), 1),
            file(2, "c", Some("both"), 3),
            file(3, "d", Some("both"), 3),
        ];
        assert_eq!(ports(&files), [2, 3]);
    }

    #[test]
    fn holders_are_told_apart_by_their_keys_and_every_address_that_was_told_is_tried() {
        let of = |port, seed: u8, content| {
            let key = Some(PublicKey([seed; 32]));
            FoundFile { key, ..file(port, "a", Some(content), u8::try_from(port).unwrap()) }
        };
        let files = [of(1, 1, "one"), of(2, 1, "one"), of(3, 3, "two"), of(4, 4, "two")];
        assert_eq!(ports(&files), [3, 4], "one peer at two addresses is one holder");
        assert_eq!(ports(&files[..2]), [1, 2]);
    }

    #[test]
    fn without_any_digest_the_nearest_is_taken_and_its_like_come_after_it() {
        let files = [file(1, "x/a", None, 3), file(2, "b", None, 2), file(3, "y/b", None, 4)];
        assert_eq!(ports(&files), [2, 3]);
        assert_eq!(ports(&[]), [0u16; 0]);
        assert_eq!(ports(&[file(1, "../a", None, 1)]), [0u16; 0]);
    }

    #[test]
    fn whoever_has_all_comes_before_those_at_which_it_is_still_arriving() {
        let arriving = |port, hops| FoundFile { is_partial: true, ..file(port, "a", Some("x"), hops) };
        assert_eq!(ports(&[arriving(1, 1), file(2, "a", Some("x"), 3), arriving(3, 2)]), [2, 1, 3]);
        let undigested = FoundFile { is_partial: true, ..file(1, "a", None, 1) };
        assert_eq!(ports(&[undigested]), [0u16; 0]);
    }

    #[test]
    fn no_more_holders_are_tried_than_the_limit() {
        let many: Vec<_> = (1..=20).map(|port| file(port, "a", Some("x"), 1)).collect();
        assert_eq!(ports(&many).len(), HOLDERS_TRIED_MAX);
    }
}
