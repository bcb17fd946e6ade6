//! LIST: one folder, all below it, in batches, with honest counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use integration_tests::server;
use integration_tests::session::Session;
use serde_json::{Value, json};

fn paths(entries: &[Value]) -> BTreeSet<&str> {
    entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect()
}

#[test]
fn the_served_folder_is_listed_without_a_path() {
    let server = server!().file("a.txt", b"12345").file("music/song.mp3", b"la").start();
    let (entries, end) = server.session().listing(json!({"type": "list"}));
    assert_eq!(paths(&entries), BTreeSet::from(["a.txt", "music"]));
    let by_path: BTreeMap<_, _> = entries.iter().map(|e| (e["path"].as_str().unwrap(), e)).collect();
    assert_eq!((&by_path["a.txt"]["kind"], &by_path["a.txt"]["byte_count"]), (&json!("text"), &json!(5)));
    assert_eq!((&by_path["music"]["kind"], &by_path["music"]["byte_count"]), (&json!("folder"), &json!(0)));
    assert_eq!((&end["unnameable_count"], &end["left_out_count"]), (&json!(0), &json!(0)));
}

#[test]
fn a_folder_is_listed_with_paths_that_begin_at_the_served_folder() {
    let server = server!().file("a/b/c.txt", b"").file("a/b/d/e.txt", b"").file("a/x.txt", b"").start();
    let (entries, _) = server.session().listing(json!({"type": "list", "path": "a/b"}));
    assert_eq!(paths(&entries), BTreeSet::from(["a/b/c.txt", "a/b/d"]));
}

#[test]
fn a_recursive_listing_has_everything_and_each_folder_before_what_is_in_it() {
    let server = server!().file("a/b/c.txt", b"").file("a/b/d/e.txt", b"").file("f.txt", b"").start();
    let (entries, _) = server.session().listing(json!({"type": "list", "recursive": true}));
    assert_eq!(paths(&entries), BTreeSet::from(["a", "a/b", "a/b/c.txt", "a/b/d", "a/b/d/e.txt", "f.txt"]));
    let place = |path: &str| entries.iter().position(|entry| entry["path"] == path).unwrap();
    for (folder, inside) in [("a", "a/b"), ("a/b", "a/b/c.txt"), ("a/b", "a/b/d"), ("a/b/d", "a/b/d/e.txt")] {
        assert!(place(folder) < place(inside), "{folder} comes after {inside}");
    }
}

#[test]
fn a_recursive_listing_of_a_folder_stays_below_it() {
    let server = server!().file("a/b/c.txt", b"").file("other/d.txt", b"").start();
    let (entries, _) = server.session().listing(json!({"type": "list", "path": "a", "recursive": true}));
    assert_eq!(paths(&entries), BTreeSet::from(["a/b", "a/b/c.txt"]));
}

#[test]
fn an_empty_folder_has_no_entries() {
    let server = server!().start();
    fs::create_dir(server.scratch().share().join("empty")).unwrap();
    for request in [
        json!({"type": "list", "path": "empty"}),
        json!({"type": "list", "path": "empty", "recursive": true}),
    ] {
        assert!(server.session().listing(request).0.is_empty());
    }
}

#[test]
fn what_is_no_folder_is_refused_and_the_session_goes_on() {
    let server = server!().file("a.txt", b"").start();
    let mut session = server.session();
    session.ask_refused(json!({"type": "list", "path": "a.txt"}), "not_a_folder");
    session.ask_refused(json!({"type": "list", "path": "missing"}), "not_found");
    session.ask_refused(json!({"type": "list", "path": "missing/too"}), "not_found");
    session.assert_works();
}

#[test]
fn a_large_folder_comes_in_batches_and_nothing_is_missed_or_doubled() {
    const FILE_COUNT: usize = 3000;
    let setup = server!();
    // Long names, so that they cannot share one line.
    let name = |index: usize| format!("{index:04}-{}.txt", "long name ".repeat(20));
    (0..FILE_COUNT).for_each(|index| setup.scratch.put(&name(index), b""));
    let server = setup.start();
    let mut session = server.session();
    let id = session.request(json!({"type": "list"}));
    let (mut seen, mut batch_count) = (BTreeSet::new(), 0);
    let end = loop {
        let line = session.answer(id);
        if line["type"] != "entries" {
            break line;
        }
        batch_count += 1;
        for entry in line["entries"].as_array().unwrap() {
            let path = entry["path"].as_str().unwrap().to_owned();
            assert!(seen.insert(path), "{entry} comes twice");
        }
    };
    assert_eq!((&end["type"], &end["entry_count"]), (&json!("listed"), &json!(FILE_COUNT)));
    assert!(batch_count > 1 && seen == (0..FILE_COUNT).map(name).collect(), "{} names", seen.len());
}

#[test]
fn entries_made_and_deleted_meanwhile_neither_break_a_listing_nor_hide_those_that_stay() {
    let setup = server!();
    (0..2000).for_each(|index| setup.scratch.put(&format!("stays-{index}.txt"), b""));
    let server = setup.start();
    let share = server.scratch().share();
    std::thread::scope(|scope| {
        let listing = scope.spawn(|| {
            let mut session = server.session();
            (0..10).for_each(|_| assert_all_that_stay_are_there_once(&mut session));
        });
        while !listing.is_finished() {
            for index in 0..50 {
                fs::write(share.join(format!("goes-{index}.txt")), b"").unwrap();
            }
            for index in 0..50 {
                fs::remove_file(share.join(format!("goes-{index}.txt"))).unwrap();
            }
        }
    });
}

fn assert_all_that_stay_are_there_once(session: &mut Session) {
    let (entries, _) = session.listing(json!({"type": "list"}));
    let stayed = entries.iter().filter(|entry| entry["path"].as_str().unwrap().starts_with("stays-"));
    assert_eq!(stayed.clone().count(), 2000);
    assert_eq!(stayed.map(|entry| entry["path"].as_str().unwrap()).collect::<BTreeSet<_>>().len(), 2000);
}
