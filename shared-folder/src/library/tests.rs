//! What is put into a share by hand is found soon, what goes is forgotten, and digests follow.

use super::*;
use crate::catalogue::Catalogue;
use crate::folder::Folder;
use crate::serve::{Observe, RequestRecord, Rules, Share};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Instant;
use tempfile::TempDir;
use wire::message::{Kind, Role};

const PATIENCE: Duration = Duration::from_secs(60);

struct Quiet;

impl Observe for Quiet {
    fn request(&self, _: &RequestRecord<'_>) {}
}

/// A share beside a folder that is not shared, on one file system.
struct Place {
    place: TempDir,
    rules: Rules,
}

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("share")).unwrap();
        fs::create_dir(place.path().join("outside")).unwrap();
        Self { place, rules: Rules::default() }
    }

    fn share(&self, name: &str) -> PathBuf {
        self.place.path().join("share").join(name)
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.place.path().join("outside").join(name)
    }

    fn host(&self) -> Arc<Host> {
        let folder = Folder::open(&self.share("")).unwrap();
        let share = Share::new(folder, Catalogue::open(None), self.rules.clone());
        let welcome = Host::welcome("test".into(), Role::Server, "0".repeat(32), &self.rules);
        Arc::new(Host::new(share, welcome, Box::new(Quiet)))
    }

    fn library(&self) -> Library {
        let library = Library::start(self.host()).unwrap();
        assert!(library.until_scanned(PATIENCE));
        library
    }
}

fn found(library: &Library, words: &str) -> Vec<String> {
    let hits = library.search(&Query::new(words).unwrap(), 1000);
    hits.into_iter().map(|hit| hit.path).collect()
}

#[track_caller]
fn until(library: &Library, is_so: impl Fn(&Library) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so(library) {
        let left = deadline.saturating_duration_since(Instant::now());
        let before = library.shelf.changes();
        assert!(!left.is_zero(), "waited in vain: {:?}", library.status());
        // A change between the look and the wait costs a moment, not the test.
        let _ = library.shelf.wait(Duration::from_millis(50), |progress| progress.changes != before);
    }
}

#[track_caller]
fn until_found(library: &Library, words: &str, expected: &[&str]) {
    until(library, |library| found(library, words) == expected);
}

#[test]
fn the_first_scan_takes_in_what_is_shared_and_nothing_else() {
    let mut place = Place::new();
    place.rules.kinds = Some(vec![Kind::Music]);
    fs::create_dir_all(place.share("a/b")).unwrap();
    for name in ["a/b/song.mp3", "song.txt", "a/.ioe-partial-song.mp3"] {
        fs::write(place.share(name), "x").unwrap();
    }
    symlink("a/b/song.mp3", place.share("link song.mp3")).unwrap();
    symlink("a", place.share("beyond")).unwrap();
    fs::write(place.outside("song.mp3"), "x").unwrap();
    symlink("../outside/song.mp3", place.share("secret song.mp3")).unwrap();
    let library = place.library();
    assert_eq!(found(&library, "song"), ["a/b/song.mp3", "link song.mp3"]);
    assert_eq!(library.status().files, 2);
    library.look_again(&SharedPath::parse("beyond/b/song.mp3").unwrap());
    assert_eq!(library.status().files, 2, "what is beyond a link is not listed");
}

#[test]
fn the_state_folder_is_not_indexed() {
    let place = Place::new();
    fs::create_dir_all(place.share("state")).unwrap();
    fs::write(place.share("state/digests"), "x").unwrap();
    let folder = Folder::open(&place.share("")).unwrap().hiding(&place.share("state")).unwrap();
    let share = Share::new(folder, Catalogue::open(None), Rules::default());
    let welcome = Host::welcome("test".into(), Role::Server, "0".repeat(32), &Rules::default());
    let library = Library::start(Arc::new(Host::new(share, welcome, Box::new(Quiet)))).unwrap();
    assert!(library.until_scanned(PATIENCE));
    library.look_again(&SharedPath::parse("state/digests").unwrap());
    assert_eq!(library.status().files, 0);
}

#[test]
fn a_file_is_followed_from_its_creation_to_its_end() {
    let place = Place::new();
    let library = place.library();
    fs::write(place.share("first song"), "x").unwrap();
    until_found(&library, "song", &["first song"]);
    fs::rename(place.share("first song"), place.share("second song")).unwrap();
    until_found(&library, "song", &["second song"]);
    fs::write(place.share("second song"), "longer").unwrap();
    until(&library, |library| library.search(&Query::new("song").unwrap(), 1)[0].byte_count == 6);
    fs::remove_file(place.share("second song")).unwrap();
    until_found(&library, "song", &[]);
}

#[test]
fn folders_move_in_and_out_with_all_that_is_in_them() {
    let place = Place::new();
    fs::create_dir_all(place.outside("album/disc")).unwrap();
    fs::write(place.outside("album/disc/song"), "x").unwrap();
    let library = place.library();
    fs::rename(place.outside("album"), place.share("album")).unwrap();
    until_found(&library, "song", &["album/disc/song"]);
    fs::write(place.share("album/disc/other song"), "x").unwrap();
    until_found(&library, "song", &["album/disc/other song", "album/disc/song"]);
    fs::rename(place.share("album"), place.share("renamed")).unwrap();
    until_found(&library, "song", &["renamed/disc/other song", "renamed/disc/song"]);
    fs::write(place.share("renamed/disc/third song"), "x").unwrap();
    until(&library, |library| found(library, "third song").len() == 1);
    fs::rename(place.share("renamed"), place.outside("album")).unwrap();
    until_found(&library, "song", &[]);
}

#[test]
fn a_deep_new_tree_is_found_to_its_bottom_and_forgotten_at_once() {
    let place = Place::new();
    let library = place.library();
    let deep = vec!["d"; 60].join("/");
    fs::create_dir_all(place.share(&deep)).unwrap();
    fs::write(place.share(&format!("{deep}/song")), "x").unwrap();
    until_found(&library, "song", &[&format!("{deep}/song")]);
    fs::write(place.share(&format!("{deep}/late song")), "x").unwrap();
    until(&library, |library| found(library, "late song").len() == 1);
    fs::remove_dir_all(place.share("d")).unwrap();
    until(&library, |library| library.status().files == 0);
}

#[test]
fn a_file_that_just_landed_is_found_at_once() {
    let place = Place::new();
    let library = place.library();
    fs::write(place.share("song"), "x").unwrap();
    library.look_again(&SharedPath::parse("song").unwrap());
    assert_eq!(found(&library, "song"), ["song"]);
    until(&library, |library| library.status().hashed == 1);
    let before = library.shelf.changes();
    library.look_again(&SharedPath::parse("song").unwrap());
    assert_eq!(library.shelf.changes(), before, "else hashing would go round for what cannot be hashed");
}

#[test]
fn every_file_gets_its_digest_and_loses_it_with_its_content() {
    let place = Place::new();
    let large = vec![7u8; 1 << 20];
    fs::write(place.share("small"), "content").unwrap();
    fs::write(place.share("same"), "content").unwrap();
    fs::write(place.share("large"), &large).unwrap();
    let library = place.library();
    until(&library, |library| library.status().hashed == 3);
    let paths = |digest| library.search_digest(digest, 9).into_iter().map(|hit| hit.path).collect::<Vec<_>>();
    assert_eq!(paths(Digest::of(b"content")), ["same", "small"]);
    assert_eq!(paths(Digest::of(&large)), ["large"]);
    fs::write(place.share("large"), "changed").unwrap();
    library.look_again(&SharedPath::parse("large").unwrap());
    assert!(paths(Digest::of(&large)).is_empty());
    until(&library, |_| paths(Digest::of(b"changed")) == ["large"]);
}

#[test]
fn lost_hints_are_made_good_by_a_scan() {
    let place = Place::new();
    let library = place.library();
    library.shelf.change(|index| {
        index.insert(crate::index::IndexedFile {
            path: Arc::new(SharedPath::parse("ghost").unwrap()),
            // Without it the hashing thread would want to read the file, and find out that it is gone.
            digest: Some(Digest::of(b"ghost")),
            ..index_file(&library)
        })
    });
    assert_eq!(found(&library, "ghost"), ["ghost"]);
    library.hints.lose();
    until_found(&library, "ghost", &[]);
}

fn index_file(library: &Library) -> crate::index::IndexedFile {
    let identity = library.shelf.host.share.folder.root_status().unwrap().identity;
    crate::index::IndexedFile::new(SharedPath::parse("any").unwrap(), identity)
}

#[test]
fn dropping_a_library_ends_a_scan_and_the_hash_of_a_huge_file() {
    let place = Place::new();
    let huge = fs::File::create(place.share("huge")).unwrap();
    huge.set_len(1 << 42).unwrap();
    (0..2000).for_each(|number| fs::create_dir_all(place.share(&format!("{number}/a/b"))).unwrap());
    drop(Library::start(place.host()).unwrap());
    let library = place.library();
    library.shelf.wait(Duration::from_secs(5), |_| false);
    let host = Arc::clone(&library.shelf.host);
    drop(library);
    assert_eq!(Arc::strong_count(&host), 1, "all threads are joined");
}

/// Fewer than usual, so that a test soon has them all; it is alone in a process of its own then.
const DESCRIPTORS: &str = "ulimit -n 64 && exec \"$0\" \"$@\"";
const IS_ALONE: &str = "LIBRARY_TEST_IS_ALONE";

#[test]
fn without_descriptors_nothing_is_forgotten_and_what_changed_is_found_afterwards() {
    if std::env::var_os(IS_ALONE).is_none() {
        let mut alone = std::process::Command::new("sh");
        alone.args(["-c", DESCRIPTORS]).arg(std::env::current_exe().unwrap());
        alone.args(["--exact", std::thread::current().name().unwrap()]).env(IS_ALONE, "yes");
        let output = alone.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        return;
    }
    let place = Place::new();
    fs::create_dir(place.share("folder")).unwrap();
    fs::write(place.share("folder/song.mp3"), "song").unwrap();
    let library = place.library();
    let hoard: Vec<fs::File> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
    fs::rename(place.share("folder/song.mp3"), place.share("folder/hymn.mp3")).unwrap();
    library.look_again(&SharedPath::parse("folder/song.mp3").unwrap());
    // Nobody can see that it has another name now.
    assert_eq!(found(&library, "song"), ["folder/song.mp3"]);
    drop(hoard);
    until_found(&library, "hymn", &["folder/hymn.mp3"]);
    until_found(&library, "song", &[]);
}
