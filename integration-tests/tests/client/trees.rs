//! Folders with all in them, and globs, both ways.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use integration_tests::content::{BOUNDARY_LENGTHS, bytes};
use integration_tests::scratch::files_below;
use integration_tests::{client, server};

/// A tree with files of all sizes, an empty folder, and names that trip scripts.
fn plant(root: &Path) {
    let contents =
        BOUNDARY_LENGTHS.iter().enumerate().map(|(index, length)| (format!("size/{index}.bin"), *length));
    let odd = ["a b/c d.txt", "deep/er/and/deeper.txt", "don't.txt", "-rf", "❤\u{fe0f}.txt", "*.txt"];
    for (name, length) in contents.chain(odd.iter().map(|name| ((*name).to_owned(), 5))) {
        let path = root.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes(&name, length)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000 + length as u64);
        File::open(&path).unwrap().set_modified(time).unwrap();
    }
    fs::create_dir_all(root.join("empty")).unwrap();
}

/// Names, contents and times of all files below a folder.
fn files_of(root: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let describe = |path: &std::path::PathBuf| {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        (name, fs::read(path).unwrap(), fs::metadata(path).unwrap().modified().unwrap())
    };
    files_below(root).iter().map(describe).collect()
}

fn assert_same_files(one: &Path, other: &Path) {
    let (one, other) = (files_of(one), files_of(other));
    let names = |files: &[(String, Vec<u8>, _)]| files.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    assert!(one == other, "other bytes or times");
}

#[test]
fn a_folder_is_read_with_all_in_it_and_keeps_its_name() {
    let setup = server!();
    plant(&setup.scratch.share().join("in/tree"));
    let server = setup.start();
    let client = client!(server.scratch(), server.address());
    let outcome = client.run_json(&["READ -r in/tree"]).expect_done();
    let (shared, local) = (server.scratch().share().join("in/tree"), server.scratch().local().join("tree"));
    assert_same_files(&shared, &local);
    assert!(local.join("empty").is_dir(), "an empty folder is a part of the tree");
    assert_eq!(outcome.lines().len(), files_below(&shared).len(), "one line for each file");
}

#[test]
fn a_folder_is_written_with_all_in_it_and_keeps_its_name() {
    let server = server!().file("in/x", b"").start();
    plant(&server.scratch().local().join("tree"));
    let client = client!(server.scratch(), server.address());
    client.run_json(&["WRITE -r tree", "WRITE -r tree in/", "WRITE -r tree other"]).expect_done();
    let local = server.scratch().local().join("tree");
    for path in ["tree", "in/tree"] {
        assert_same_files(&local, &server.scratch().share().join(path));
        assert!(server.scratch().share().join(path).join("empty").is_dir());
    }
    assert!(server.scratch().share().join("other").is_dir());
}

#[test]
fn many_small_files_go_both_ways() {
    let server = server!().start();
    let local = server.scratch().local();
    (0..2000).for_each(|i| {
        server.scratch().put_local(&format!("tree/{}/{i}.bin", i % 7), bytes(&i.to_string(), 4096));
    });
    let client = client!(server.scratch(), server.address());
    client.run_json(&["WRITE -r tree"]).expect_done();
    assert_same_files(&local.join("tree"), &server.scratch().share().join("tree"));
    fs::create_dir_all(local.join("copy")).unwrap();
    client.run_json(&["READ -r tree copy/"]).expect_done();
    assert_same_files(&local.join("copy/tree"), &server.scratch().share().join("tree"));
}

#[test]
fn a_folder_without_r_is_refused_both_ways() {
    let server = server!().file("folder/a.txt", b"a").start();
    server.scratch().put_local("local/b.txt", b"b");
    let client = client!(server.scratch(), server.address());
    client.run_json(&["READ folder"]).expect_error("not_a_file", 1);
    client.run_json(&["WRITE local"]).expect_error("local_file", 1);
    assert!(!server.scratch().share().join("local").exists());
}

#[test]
fn globs_choose_files_on_either_side() {
    let server = server!()
        .file("a1.txt", b"1")
        .file("a2.txt", b"2")
        .file("b.mp3", b"3")
        .file("in/a3.txt", b"4")
        .start();
    let client = client!(server.scratch(), server.address());
    client.run_json(&["READ a*.txt"]).expect_done();
    let names = |folder: &Path| {
        files_below(folder).iter().map(|p| p.file_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&server.scratch().local()), ["a1.txt", "a2.txt"]);
    fs::create_dir(server.scratch().share().join("up")).unwrap();
    client.run_json(&["WRITE a?.txt up/"]).expect_done();
    assert_eq!(names(&server.scratch().share().join("up")), ["a1.txt", "a2.txt"]);
    client.run_json(&["READ in/*.txt"]).expect_done();
    assert_eq!(server.scratch().local_file("a3.txt"), b"4");
}

#[test]
fn a_glob_that_matches_nothing_is_a_failure_and_several_files_need_a_folder() {
    let server = server!().file("a1.txt", b"1").file("a2.txt", b"2").start();
    let client = client!(server.scratch(), server.address());
    client.run_json(&["READ z*"]).expect_error("not_found", 1);
    client.run_json(&["WRITE z*"]).expect_error("local_file", 1);
    let outcome = client.run_json(&["READ a*.txt one.txt"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!(files_below(&server.scratch().local()).is_empty(), "{outcome:?}");
}

#[test]
fn a_name_with_glob_characters_that_exists_is_that_file() {
    let server =
        server!().file("what?.txt", b"mark").file("whatx.txt", b"x").file("[a].txt", b"class").start();
    let client = client!(server.scratch(), server.address());
    client.run_json(&["READ [a].txt"]).expect_done();
    assert_eq!(server.scratch().local_file("[a].txt"), b"class");
}

#[test]
fn a_file_that_vanishes_fails_alone_and_the_rest_goes_on() {
    let setup = server!();
    (0..20).for_each(|index| setup.scratch.put(&format!("tree/{index:02}.txt"), b"here"));
    // It is listed, and cannot be read: a file of which only the name is there for us.
    std::os::unix::fs::symlink("00.txt", setup.scratch.share().join("tree/link.txt")).unwrap();
    let server = setup.start();
    let imposter = super::hostile_answers::server_that_loses(&server, "tree/07.txt");
    let outcome = client!(server.scratch(), imposter.address()).run_json(&["READ -r tree"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let lines = outcome.lines();
    let failed: Vec<_> = lines.iter().filter(|line| line.get("error").is_some()).collect();
    assert_eq!(failed.len(), 1, "{lines:?}");
    assert_eq!(failed[0]["path"], "tree/07.txt");
    assert_eq!(files_below(&server.scratch().local()).len(), 20);
}
