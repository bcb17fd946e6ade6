//! Listings of real folders: complete, in bounds, and silent about nothing.

use super::*;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

fn scan_all(folder: &Folder, path: Option<&str>, recursive: bool) -> (Vec<String>, Counts) {
    let path = path.map(|path| SharedPath::parse(path).unwrap());
    let mut scan = Scan::new(folder, path, recursive).unwrap();
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while scan.next_batch(&mut batch).unwrap() {
        all.extend(batch.iter().map(|entry| entry.path.clone()));
    }
    (all, scan.counts())
}

#[test]
fn every_entry_is_listed_once_and_folders_before_what_is_in_them() {
    let place = tempfile::tempdir().unwrap();
    let mut expected = BTreeSet::new();
    for number in 0..40 {
        for below in ["", "/x", "/x/y"] {
            std::fs::create_dir_all(place.path().join(format!("f{number}{below}"))).unwrap();
            expected.insert(format!("f{number}{below}"));
        }
        for file in 0..200 {
            std::fs::write(place.path().join(format!("f{number}/{file}")), "").unwrap();
            expected.insert(format!("f{number}/{file}"));
        }
    }
    let (all, counts) = scan_all(&Folder::open(place.path()).unwrap(), None, true);
    assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!((all.len(), counts), (expected.len(), Counts::default()));
    let place_of = |path: &str| all.iter().position(|each| each == path).unwrap();
    assert!(place_of("f7") < place_of("f7/x") && place_of("f7/x") < place_of("f7/x/y"));
}

#[test]
fn folders_deeper_than_the_open_handles_are_listed_to_the_bottom() {
    let place = tempfile::tempdir().unwrap();
    let depth = HANDLES_MAX * 3;
    for level in 0..depth {
        let folder = place.path().join(vec!["d"; level].join("/"));
        std::fs::create_dir_all(folder.join("d")).unwrap();
        std::fs::create_dir_all(folder.join("e")).unwrap();
        std::fs::write(folder.join("e/file"), "").unwrap();
    }
    let (all, counts) = scan_all(&Folder::open(place.path()).unwrap(), None, true);
    assert_eq!((all.len(), counts), (depth * 3, Counts::default()));
}

#[test]
fn what_cannot_be_named_or_served_is_counted() {
    let place = tempfile::tempdir().unwrap();
    let share = place.path().join("share");
    std::fs::create_dir_all(share.join("inside")).unwrap();
    std::fs::write(share.join(std::ffi::OsStr::from_bytes(b"bad\xff")), "").unwrap();
    std::fs::write(share.join("line\nbreak"), "").unwrap();
    std::fs::write(share.join(".ioe-partial-0"), "").unwrap();
    symlink("..", share.join("up")).unwrap();
    symlink("ghost", share.join("dangling")).unwrap();
    symlink("inside", share.join("link")).unwrap();
    symlink(".", share.join("inside/loop")).unwrap();
    let (mut all, counts) = scan_all(&Folder::open(&share).unwrap(), None, true);
    all.sort();
    assert_eq!(all, ["inside", "inside/loop", "link"]);
    assert_eq!(counts, Counts { unnameable: 2, left_out: 2 });
}

#[test]
fn a_listing_below_a_folder_has_paths_from_the_root() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(place.path().join("a/b/c")).unwrap();
    let folder = Folder::open(place.path()).unwrap();
    assert_eq!(scan_all(&folder, Some("a"), true).0, ["a/b", "a/b/c"]);
    assert_eq!(scan_all(&folder, Some("a"), false).0, ["a/b"]);
    let missing = Scan::new(&folder, SharedPath::parse("ghost").ok(), false);
    assert!(matches!(missing, Err(FolderError::NotFound)));
}

/// Shows one folder with all in it, and the way to it.
#[derive(Debug)]
struct Only(&'static str);

impl Sight for Only {
    fn shows(&self, path: &SharedPath) -> bool {
        format!("{path}/").starts_with(self.0) || self.0.starts_with(&format!("{path}/"))
    }

    fn shows_nameless_in(&self, folder: Option<&SharedPath>) -> bool {
        folder.is_some_and(|folder| format!("{folder}/").starts_with(self.0))
    }
}

#[test]
fn what_is_hidden_is_neither_listed_nor_counted() {
    let place = tempfile::tempdir().unwrap();
    for folder in ["way/shown/inner", "way/hidden/inner", "hidden"] {
        let folder = place.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("line\nbreak"), "").unwrap();
        symlink("nowhere", folder.join("dangling")).unwrap();
    }
    std::fs::write(place.path().join("line\nbreak"), "").unwrap();
    let folder = Folder::open(place.path()).unwrap();
    let mut scan = Scan::new(&folder, None, true).unwrap().seen_with(&Only("way/shown/"));
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while scan.next_batch(&mut batch).unwrap() {
        all.extend(batch.iter().map(|entry| entry.path.clone()));
    }
    assert_eq!(all, ["way", "way/shown", "way/shown/inner"]);
    assert_eq!(scan.counts(), Counts { unnameable: 1, left_out: 1 });
}
