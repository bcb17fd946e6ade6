//! Which files have which words in their paths, and which have which digest: in memory, rebuilt at every start.
//!
//! A search gives exactly what `Query::matches` would say of every path. Files are numbered; a word has the
//! ascending numbers of its files, so that words are intersected without looking at any path. Must not know where
//! files come from: no folder, no thread, no clock.

mod postings;

use crate::folder::Identity;
use crate::words::{Query, words};
use postings::{insert_number, intersect, remove_number};
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;
use wire::digest::Digest;
use wire::path::SharedPath;
use wire::timestamp::Timestamp;

/// Files of one share in memory, at less than half a KiB each. Exceeded: the file is left out and counted.
pub const FILES_MAX: usize = 1_000_000;
/// Bytes of all their paths together, and so of all their words. Exceeded: the file is left out and counted.
pub const PATHS_BYTES_MAX: usize = 256 << 20;
/// Up to so many files are taken out of the words one by one; more, by going through each word once.
const SINGLE_REMOVALS_MAX: usize = 64;

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedFile {
    /// Its path below the share's root; shared with the index's own tables.
    pub path: Arc<SharedPath>,
    /// Which state of which file it is.
    pub identity: Identity,
    /// The digest of that state, once it is known.
    pub digest: Option<Digest>,
}

/// The files of a share by path, word and digest.
#[derive(Debug, Default)]
pub struct Index {
    limits: Limits,
    /// By number; numbers of removed files are free and used again.
    files: Vec<Option<Slot>>,
    free: Vec<u32>,
    by_path: BTreeMap<Key, u32>,
    by_word: HashMap<Box<str>, Vec<u32>>,
    /// The first bytes of a digest and a number: the whole digest is in the file.
    by_digest: BTreeSet<(u64, u32)>,
    path_bytes: usize,
    left_out: u64,
    round: Round,
    version: u64,
}

/// A look through the whole share or a part of it: what it does not come across is not there any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Round(u32);

#[derive(Debug)]
struct Limits {
    files: usize,
    path_bytes: usize,
}

#[derive(Debug)]
struct Slot {
    file: IndexedFile,
    /// The round in which it was seen last.
    seen: Round,
}

/// A path that is found by its text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(Arc<SharedPath>);

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { files: FILES_MAX, path_bytes: PATHS_BYTES_MAX }
    }
}

impl IndexedFile {
    /// A file whose digest is not known yet.
    #[must_use]
    pub fn new(path: SharedPath, identity: Identity) -> Self {
        Self { path: Arc::new(path), identity, digest: None }
    }

    /// Its length, in bytes.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        self.identity.byte_count
    }

    /// When its content last changed.
    #[must_use]
    pub fn modified(&self) -> Timestamp {
        Timestamp::from_unix(self.identity.modified.0, self.identity.modified.1)
    }
}

impl Index {
    /// Without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a file in, in the place of what had its path. The digest that was known stays if the state is the
    /// same and none is given. False if it was left out, because there are too many.
    pub fn insert(&mut self, file: IndexedFile) -> bool {
        match self.number_of(&file.path) {
            Some(number) => {
                self.replace(number, file);
                true
            }
            None => self.add(file),
        }
    }

    /// Forgets the file at `path`; false if none was known.
    pub fn remove(&mut self, path: &SharedPath) -> bool {
        let number = self.number_of(path);
        self.remove_numbers(number.as_slice());
        number.is_some()
    }

    /// Forgets all files below the folder `path`; how many they were.
    pub fn remove_below(&mut self, path: &SharedPath) -> usize {
        let numbers = self.numbers_below(Some(path), |_| true);
        self.remove_numbers(&numbers);
        numbers.len()
    }

    /// Notes the digest of a file, if it is still in that state.
    pub fn set_digest(&mut self, path: &SharedPath, identity: &Identity, digest: Digest) -> bool {
        let Some(number) = self.number_of(path) else { return false };
        let Some(file) = self.file_mut(number).filter(|file| file.identity == *identity) else {
            return false;
        };
        let before = file.digest.replace(digest);
        self.version += u64::from(before != Some(digest));
        self.note_digest(number, before, Some(digest));
        true
    }

    /// The files whose paths have all words of `query`: the first `max` of them, in the order of their paths.
    #[must_use]
    pub fn find(&self, query: &Query, max: usize) -> Vec<&IndexedFile> {
        let lists: Option<Vec<&[u32]>> =
            query.words().map(|word| self.by_word.get(word).map(Vec::as_slice)).collect();
        let numbers = lists.map(intersect);
        self.first_by_path(numbers.into_iter().flatten().filter_map(|number| self.file(number)), max)
    }

    /// The files with that content: the first `max` of them, in the order of their paths.
    #[must_use]
    pub fn find_digest(&self, digest: Digest, max: usize) -> Vec<&IndexedFile> {
        let start = start_of(digest);
        let range = self.by_digest.range((start, 0)..=(start, u32::MAX));
        let files = range.filter_map(|(_, number)| self.file(*number));
        self.first_by_path(files.filter(|file| file.digest == Some(digest)), max)
    }

    /// The file at `path`.
    #[must_use]
    pub fn get(&self, path: &SharedPath) -> Option<&IndexedFile> {
        self.file(self.number_of(path)?)
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether there is no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// How many of them have a digest.
    #[must_use]
    pub fn hashed(&self) -> usize {
        self.by_digest.len()
    }

    /// Another number after every change of what the index says; the same if a file is inserted as it was.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many files were left out since the round that began last for the whole share.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Begins to look through the share: what is inserted from now on was seen in this round.
    pub fn begin_round(&mut self, below: Option<&SharedPath>) -> Round {
        if below.is_none() {
            self.left_out = 0;
        }
        self.round = Round(self.round.0.wrapping_add(1));
        self.round
    }

    /// Ends it: forgets what lies below that folder (or the root) and was not seen since; how many they were.
    pub fn end_round(&mut self, below: Option<&SharedPath>, round: Round) -> usize {
        let numbers = self.numbers_below(below, |slot| slot.seen < round);
        self.remove_numbers(&numbers);
        numbers.len()
    }

    /// Files without a digest, looking at `looked_at_max` places from number `from` on; and the number to go on
    /// with, none at the end.
    #[must_use]
    pub fn unhashed(&self, from: usize, looked_at_max: usize) -> (Vec<IndexedFile>, Option<usize>) {
        let to = from.saturating_add(looked_at_max).min(self.files.len());
        let places = self.files.get(from..to).unwrap_or_default();
        let files = places.iter().flatten().map(|slot| &slot.file).filter(|file| file.digest.is_none());
        (files.cloned().collect(), (to < self.files.len()).then_some(to))
    }

    fn add(&mut self, file: IndexedFile) -> bool {
        let path_bytes = self.path_bytes + file.path.as_str().len();
        let place = self.free.last().copied().or_else(|| u32::try_from(self.files.len()).ok());
        let Some(number) = place.filter(|_| self.has_room(path_bytes)) else {
            self.left_out += 1;
            return false;
        };
        if self.free.pop().is_none() {
            self.files.push(None);
        }
        self.version += 1;
        self.path_bytes = path_bytes;
        self.by_path.insert(Key(Arc::clone(&file.path)), number);
        for word in words_once(&file.path) {
            insert_number(self.by_word.entry(word).or_default(), number);
        }
        self.note_digest(number, None, file.digest);
        self.put(number, file);
        true
    }

    fn has_room(&self, path_bytes: usize) -> bool {
        self.by_path.len() < self.limits.files && path_bytes <= self.limits.path_bytes
    }

    /// The path stays, and with it the words.
    fn replace(&mut self, number: u32, mut file: IndexedFile) {
        let Some(before) = self.file(number) else { return };
        if file.digest.is_none() && before.identity == file.identity {
            file.digest = before.digest;
        }
        file.path = Arc::clone(&before.path);
        let is_changed = *before != file;
        self.note_digest(number, before.digest, file.digest);
        self.version += u64::from(is_changed);
        self.put(number, file);
    }

    fn put(&mut self, number: u32, file: IndexedFile) {
        let seen = self.round;
        if let Some(place) = self.files.get_mut(place_of(number)) {
            *place = Some(Slot { file, seen });
        }
    }

    fn note_digest(&mut self, number: u32, before: Option<Digest>, now: Option<Digest>) {
        if let Some(before) = before {
            self.by_digest.remove(&(start_of(before), number));
        }
        if let Some(now) = now {
            self.by_digest.insert((start_of(now), number));
        }
    }

    fn remove_numbers(&mut self, numbers: &[u32]) {
        let mut emptied = HashSet::new();
        let singly = numbers.len() <= SINGLE_REMOVALS_MAX;
        self.version += u64::from(!numbers.is_empty());
        for number in numbers {
            let Some(slot) = self.files.get_mut(place_of(*number)).and_then(Option::take) else { continue };
            self.path_bytes -= slot.file.path.as_str().len();
            self.by_path.remove(slot.file.path.as_str());
            self.note_digest(*number, slot.file.digest, None);
            for word in words_once(&slot.file.path) {
                if singly {
                    remove_number(&mut self.by_word, &word, *number);
                } else {
                    emptied.insert(word);
                }
            }
        }
        for word in emptied {
            self.remove_freed(&word);
        }
        // Not earlier: a word may not keep the number of a file that went when another file gets it.
        self.free.extend_from_slice(numbers);
    }

    /// Takes the numbers of all files that are gone out of one word.
    fn remove_freed(&mut self, word: &str) {
        let files = &self.files;
        let Some(list) = self.by_word.get_mut(word) else { return };
        list.retain(|number| matches!(files.get(place_of(*number)), Some(Some(_))));
        list.shrink_to_fit();
        if list.is_empty() {
            self.by_word.remove(word);
        }
    }

    fn numbers_below(&self, folder: Option<&SharedPath>, wanted: impl Fn(&Slot) -> bool) -> Vec<u32> {
        let (from, to) = match folder {
            // '0' is the character after '/': between these are the paths below the folder, and no others.
            Some(folder) => (format!("{folder}/"), Some(format!("{folder}0"))),
            None => (String::new(), None),
        };
        let to = to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.by_path.range::<str, _>((Bound::Included(from.as_str()), to));
        let is_wanted = |number: &u32| self.slot(*number).is_some_and(&wanted);
        range.map(|(_, number)| *number).filter(is_wanted).collect()
    }

    /// The least `max` by path, without sorting all.
    fn first_by_path<'a>(
        &self,
        files: impl Iterator<Item = &'a IndexedFile>,
        max: usize,
    ) -> Vec<&'a IndexedFile> {
        let mut least: BinaryHeap<ByPath<'a>> = BinaryHeap::new();
        for file in files.map(ByPath) {
            if least.len() < max {
                least.push(file);
            } else if let Some(mut greatest) = least.peek_mut()
                && file < *greatest
            {
                *greatest = file;
            }
        }
        least.into_sorted_vec().into_iter().map(|file| file.0).collect()
    }

    fn number_of(&self, path: &SharedPath) -> Option<u32> {
        self.by_path.get(path.as_str()).copied()
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        self.files.get(place_of(number))?.as_ref()
    }

    fn file(&self, number: u32) -> Option<&IndexedFile> {
        self.slot(number).map(|slot| &slot.file)
    }

    fn file_mut(&mut self, number: u32) -> Option<&mut IndexedFile> {
        self.files.get_mut(place_of(number))?.as_mut().map(|slot| &mut slot.file)
    }
}

/// Ordered by path, which is unique.
struct ByPath<'a>(&'a IndexedFile);

impl Ord for ByPath<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.path.cmp(&other.0.path)
    }
}

impl PartialOrd for ByPath<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByPath<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByPath<'_> {}

fn words_once(path: &SharedPath) -> BTreeSet<Box<str>> {
    words(path.as_str()).map(String::into_boxed_str).collect()
}

fn start_of(digest: Digest) -> u64 {
    digest.0.first_chunk().map_or(0, |start| u64::from_be_bytes(*start))
}

fn place_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
