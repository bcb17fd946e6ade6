//! The index says what the plain filter would say, forgets what goes, and keeps to its bounds.

use super::*;
use crate::folder::Inode;
use proptest::prelude::*;

fn path(text: &str) -> SharedPath {
    SharedPath::parse(text).unwrap()
}

fn identity(number: u64) -> Identity {
    let inode = Inode { device: 1, number };
    Identity { inode, byte_count: number, modified: (0, 0), changed: (0, 0) }
}

fn file(text: &str) -> IndexedFile {
    IndexedFile::new(path(text), identity(1))
}

fn with_limits(files: usize, path_bytes: usize) -> Index {
    Index { limits: Limits { files, path_bytes }, ..Index::default() }
}

fn paths(found: &[&IndexedFile]) -> Vec<String> {
    found.iter().map(|file| file.path.to_string()).collect()
}

fn find(index: &Index, text: &str) -> Vec<String> {
    paths(&index.find(&Query::new(text).unwrap(), usize::MAX))
}

#[test]
fn all_words_must_occur_and_results_stand_in_the_order_of_paths() {
    let mut index = Index::new();
    for name in ["b/My Song (live).mp3", "a/song live.mp3", "a/song.mp3", "c/songs live"] {
        assert!(index.insert(file(name)));
    }
    assert_eq!(find(&index, "live SONG"), ["a/song live.mp3", "b/My Song (live).mp3"]);
    assert_eq!(paths(&index.find(&Query::new("song").unwrap(), 2)), ["a/song live.mp3", "a/song.mp3"]);
    assert!(index.find(&Query::new("song").unwrap(), 0).is_empty());
    assert!(find(&index, "song unheard").is_empty());
}

#[test]
fn a_folder_is_forgotten_with_all_below_it_and_nothing_beside_it() {
    let mut index = Index::new();
    for name in ["a", "a!/x", "a-b/x", "a/x", "a/y/x", "a0/x", "b/a/x"] {
        index.insert(file(name));
    }
    assert_eq!(index.remove_below(&path("a")), 2);
    assert_eq!(find(&index, "x"), ["a!/x", "a-b/x", "a0/x", "b/a/x"]);
    assert!(index.remove(&path("a")) && !index.remove(&path("a")));
}

#[test]
fn a_digest_belongs_to_one_state_of_a_file_and_several_files_may_share_it() {
    let mut index = Index::new();
    let digest = Digest::of(b"content");
    for name in ["b", "a", "c"] {
        index.insert(file(name));
    }
    assert!(index.set_digest(&path("a"), &identity(1), digest));
    assert!(index.set_digest(&path("b"), &identity(1), digest));
    assert!(!index.set_digest(&path("c"), &identity(2), digest), "another state");
    assert_eq!(paths(&index.find_digest(digest, 9)), ["a", "b"]);
    assert_eq!(paths(&index.find_digest(digest, 1)), ["a"]);
    index.insert(file("a"));
    assert_eq!((index.hashed(), index.get(&path("a")).unwrap().digest), (2, Some(digest)));
    index.insert(IndexedFile::new(path("a"), identity(2)));
    assert_eq!((index.hashed(), index.get(&path("a")).unwrap().digest), (1, None));
    index.remove(&path("b"));
    assert!(index.find_digest(digest, 9).is_empty());
}

#[test]
fn the_version_tells_a_change_from_a_look_that_found_nothing_new() {
    let mut index = Index::new();
    index.insert(file("a"));
    index.set_digest(&path("a"), &identity(1), Digest::of(b""));
    let before = index.version();
    index.insert(file("a"));
    index.set_digest(&path("a"), &identity(1), Digest::of(b""));
    index.remove(&path("b"));
    assert_eq!(index.version(), before);
    index.insert(IndexedFile::new(path("a"), identity(2)));
    index.remove(&path("a"));
    assert_eq!(index.version(), before + 2);
}

#[test]
fn files_past_the_limit_are_left_out_and_counted() {
    let mut index = with_limits(2, 100);
    assert!(index.insert(file("a")) && index.insert(file("b")));
    assert!(!index.insert(file("c")) && index.insert(file("b")));
    assert_eq!((index.len(), index.left_out()), (2, 1));
    index.remove(&path("a"));
    assert!(index.insert(file("c")));
    index.begin_round(None);
    assert_eq!(index.left_out(), 0);
}

#[test]
fn paths_past_the_limit_of_bytes_are_left_out_and_counted() {
    let mut index = with_limits(9, 10);
    assert!(index.insert(file("12345")) && index.insert(file("67890")));
    assert!(!index.insert(file("1")));
    assert_eq!((index.len(), index.left_out()), (2, 1));
}

#[test]
fn a_round_forgets_what_it_did_not_come_across() {
    let mut index = Index::new();
    for name in ["a/1", "a/2", "b/1"] {
        index.insert(file(name));
    }
    let round = index.begin_round(Some(&path("a")));
    index.insert(file("a/2"));
    assert_eq!(index.end_round(Some(&path("a")), round), 1);
    assert_eq!(find(&index, "1"), ["b/1"]);
    let round = index.begin_round(None);
    index.insert(file("b/1"));
    assert_eq!(index.end_round(None, round), 1);
    assert_eq!((index.len(), find(&index, "b")), (1, vec!["b/1".to_owned()]));
}

#[test]
fn files_without_a_digest_are_met_once_in_steps() {
    let mut index = Index::new();
    (0..10).for_each(|number| assert!(index.insert(file(&number.to_string()))));
    index.set_digest(&path("3"), &identity(1), Digest::of(b""));
    index.remove(&path("5"));
    let (mut met, mut from) = (Vec::new(), Some(0));
    while let Some(place) = from {
        let (files, next) = index.unhashed(place, 3);
        met.extend(files.iter().map(|file| file.path.to_string()));
        from = next;
    }
    assert_eq!(met, ["0", "1", "2", "4", "6", "7", "8", "9"]);
}

#[test]
fn nothing_is_left_of_files_that_went_in_numbers() {
    let mut index = Index::new();
    let count = SINGLE_REMOVALS_MAX * 3;
    (0..count).for_each(|number| assert!(index.insert(file(&format!("a/same {number}")))));
    index.insert(file("b/same"));
    assert_eq!(index.remove_below(&path("a")), count);
    assert_eq!((index.len(), index.by_word.len(), index.path_bytes), (1, 2, 6));
    assert!(index.insert(file("c/other")));
    assert_eq!((index.files.len(), find(&index, "same")), (count + 1, vec!["b/same".to_owned()]));
}

#[derive(Debug, Clone)]
enum Step {
    Insert(String),
    Remove(String),
    RemoveBelow(String),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || "([ab]{1,2}|[Ss]ong|ß|İ)([ ./-]([ab]|live|LIVE|1)){0,3}";
    prop_oneof![
        4 => name().prop_map(Step::Insert),
        1 => name().prop_map(Step::Remove),
        1 => "[ab]{1,2}".prop_map(Step::RemoveBelow),
    ]
}

proptest! {
    #[test]
    fn a_search_finds_what_the_plain_filter_finds(
        steps in proptest::collection::vec(step(), 0..200),
        text in "([ab]{1,2}|song|live|1|ß|İ)( ([ab]|LIVE|1)){0,2}",
    ) {
        let (mut index, mut plain) = (Index::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Insert(name) => if let Ok(path) = SharedPath::parse(&name) {
                    index.insert(IndexedFile::new(path, identity(1)));
                    plain.insert(name);
                },
                Step::Remove(name) => if let Ok(path) = SharedPath::parse(&name) {
                    prop_assert_eq!(index.remove(&path), plain.remove(&name));
                },
                Step::RemoveBelow(name) => {
                    index.remove_below(&path(&name));
                    plain.retain(|each| !each.starts_with(&format!("{name}/")));
                }
            }
        }
        let query = Query::new(&text).unwrap();
        let expected: Vec<String> = plain.iter().filter(|path| query.matches(path)).cloned().collect();
        prop_assert_eq!(find(&index, &text), expected);
        prop_assert_eq!(index.len(), plain.len());
        let distinct: BTreeSet<String> = plain.iter().flat_map(|path| words(path)).collect();
        prop_assert_eq!(index.by_word.len(), distinct.len());
    }
}

/// Resident memory in bytes, as the system counts it.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Not a promise but a figure: `cargo test --release -p shared-folder figures -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn figures() {
    for count in [100_000u64, 1_000_000] {
        let before = resident_bytes();
        let started = std::time::Instant::now();
        let mut index = Index::new();
        for number in 0..count {
            let (artist, album, track) = (number / 120 % 5000, number / 12, number % 12 + 1);
            let text =
                format!("Music/Artist {artist}/Album of {album}/{track:02} - A Song Called {number}.mp3");
            index.insert(IndexedFile::new(path(&text), identity(number)));
        }
        let inserted = started.elapsed();
        let bare = resident_bytes() - before;
        for number in 0..count {
            let (artist, album, track) = (number / 120 % 5000, number / 12, number % 12 + 1);
            let text =
                format!("Music/Artist {artist}/Album of {album}/{track:02} - A Song Called {number}.mp3");
            index.set_digest(&path(&text), &identity(number), Digest::of(&number.to_le_bytes()));
        }
        let all = resident_bytes() - before;
        println!(
            "{count} files in {inserted:?}; {} bytes each, {} with digests; {} bytes of path each",
            bare / count,
            all / count,
            index.path_bytes as u64 / count
        );
        for text in ["song mp3 music", "artist 77 song", "called 4711", "01 a"] {
            let started = std::time::Instant::now();
            let found = index.find(&Query::new(text).unwrap(), 100).len();
            println!("  {text:?}: {found} in {:?}", started.elapsed());
        }
    }
}
