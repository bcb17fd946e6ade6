//! Case 20 at a peer: its folder turns into a link outside and back while it gets files, and a folder in it while others
//! search. With `MINUTES=1` in the environment each goes on for so long.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use integration_tests::content::{bytes, digest};
use integration_tests::flipper::{FLIP, Flipper, put_links, race_end};
use integration_tests::neighbour::Neighbour;
use integration_tests::patience::{HANG_TIME_MAX, eventually_true};
use integration_tests::scratch::CANARY;
use integration_tests::{flipper, peer};

const USUAL_TIME: Duration = Duration::from_secs(1);

#[test]
fn what_is_got_while_the_own_folder_flips_lands_in_the_folder_that_was_opened() {
    let content = bytes("song", 300_000);
    let holder = peer!().file("secret.txt", &content).file("large.bin", &content).start();
    let getter = peer!().start();
    let share = getter.scratch().share();
    let other = share.with_file_name("other");
    symlink("outside", &other).unwrap();
    let flipper = Flipper::of_two(env!("CARGO_BIN_EXE_flipper").as_ref(), &share, &other);
    let end = race_end(USUAL_TIME);
    let mut count = 0;
    while Instant::now() < end || count == 0 {
        for name in ["secret.txt", "large.bin"] {
            getter.attach(&[&format!("GET {name} {} --replace", holder.host_and_port())]).expect_done();
        }
        count += 1;
    }
    assert!(flipper.stop() > 0);
    getter.scratch().assert_outside_is_unchanged();
    // After the last flip the folder has its name again.
    let mut names: Vec<_> = fs::read_dir(&share).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["large.bin", "secret.txt"]);
    assert!(names.iter().all(|name| fs::read(share.join(name)).unwrap() == content));
}

#[test]
fn nothing_outside_is_found_listed_or_fetched_while_a_folder_of_the_share_flips() {
    let peer = peer!().file("lane/flip/secret.txt", b"mine").file("lane/inside/secret.txt", b"mine").start();
    let other = peer!().start();
    let lane = peer.scratch().share().join("lane");
    put_links(&lane, "lane");
    let flipper = flipper!(&[PathBuf::from(&lane)]);
    let mut neighbour = Neighbour::open(peer.address());
    let (end, last) = (race_end(USUAL_TIME), Instant::now() + HANG_TIME_MAX);
    let mut is_got = false;
    while Instant::now() < end || !is_got {
        assert!(Instant::now() < last.max(end), "nothing was ever got");
        for words in ["secret", "deep", "canary"] {
            for file in neighbour.found_files(words) {
                assert_is_ours(&file["path"].to_string(), &file);
                assert_ne!(file["digest"], digest(CANARY.as_bytes()), "{file}");
            }
        }
        for line in peer.attach(&["LISTL"]).expect_done().lines() {
            assert_is_ours(&line["path"].to_string(), &line);
        }
        let path = format!("lane/{FLIP}/secret.txt");
        let got = other.attach(&[&format!("GET {path} {} --replace", peer.host_and_port())]);
        if got.code == 0 {
            assert_eq!(other.scratch().shared("secret.txt"), b"mine");
            is_got = true;
        }
    }
    assert!(flipper.stop() > 0);
    peer.scratch().put("later.txt", b"");
    peer.wait_until_found("later.txt");
    eventually_true("what stands still is found", || {
        neighbour.found_files("secret").iter().any(|file| file["path"] == "lane/flip/secret.txt")
    });
}

/// Files of ours are as long as `mine`.
fn assert_is_ours(path: &str, entry: &serde_json::Value) {
    assert!(!path.contains("deep") && !path.contains(CANARY), "{entry}");
    assert!(
        entry["kind"] == "folder" || entry["byte_count"].as_u64().is_none_or(|count| count == 4),
        "{entry}"
    );
}
