//! Case 20 at the client: a local folder that turns into a link and back, again and again, while a recursive READ puts
//! files into it. With `MINUTES=1` in the environment it goes on for so long.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::flipper::{FLIP, put_links, race_end};
use integration_tests::patience::HANG_TIME_MAX;
use integration_tests::scratch::{PARTIAL_PREFIX, files_below};
use integration_tests::server::Server;
use integration_tests::{client, flipper, server};

const USUAL_TIME: Duration = Duration::from_secs(2);

/// What comes: under names that the canary has as well, many small ones, and one that is continued.
fn files() -> BTreeMap<String, Vec<u8>> {
    let small = (0..40).map(|index| format!("inner/{index}.txt"));
    let small = small.chain(["secret.txt", "inner/deep.txt"].map(str::to_owned));
    let mut files: BTreeMap<_, _> = small.map(|name| (name.clone(), bytes(&name, 1000))).collect();
    files.insert("large.bin".to_owned(), bytes("large", PIECE_BYTES + 77));
    files
}

#[test]
fn a_download_into_a_flipping_folder_changes_nothing_outside_and_every_file_is_whole() {
    let files = files();
    let server = server!().start();
    for (name, content) in &files {
        server.scratch().put(&format!("tree/flip/{name}"), content);
    }
    let tree = server.scratch().local().join("tree");
    [FLIP, "inside"].iter().for_each(|name| fs::create_dir_all(tree.join(name)).unwrap());
    put_links(&tree, "tree");
    let flipper = flipper!(&[tree]);
    let (end, last) = (race_end(USUAL_TIME), Instant::now() + HANG_TIME_MAX);
    let (mut done_count, mut failed_count) = (0, 0);
    let client = client!(server.scratch(), server.address());
    while Instant::now() < end || done_count == 0 || failed_count == 0 {
        assert!(Instant::now() < last.max(end), "{done_count} files came, {failed_count} failed");
        let outcome = client.run_json(&["READ -r tree"]);
        let failed = outcome.lines().iter().filter(|line| !line["error"].is_null()).count();
        assert_eq!(outcome.code, i32::from(failed > 0), "{outcome:?}");
        done_count += outcome.lines().len() - failed;
        failed_count += failed;
        assert_every_file_is_whole(&server, &files);
    }
    assert!(flipper.stop() > 0);
    server.scratch().assert_outside_is_unchanged();
    for target in ["tree/flip/", "tree/inside/"] {
        client.run_json(&[&format!("READ -r tree/flip/* {target}")]).expect_done();
    }
    assert_every_file_is_whole(&server, &files);
    // Twice all files, and nothing else: what was kept of the large one was continued.
    assert_eq!(files_below(&server.scratch().local()).len(), 2 * files.len());
}

/// Whatever has landed, wherever it did, is what the server has under that name.
fn assert_every_file_is_whole(server: &Server, files: &BTreeMap<String, Vec<u8>>) {
    let local = server.scratch().local().join("tree");
    for name in ["inside", FLIP, "link-1"] {
        for (path, content) in files {
            // What cannot be read is elsewhere at the moment.
            let Ok(landed) = fs::read(local.join(name).join(path)) else { continue };
            let is_canary = landed == integration_tests::scratch::CANARY.as_bytes();
            assert!(is_canary || landed == *content, "{name}/{path} is not whole");
        }
    }
    let names = fs::read_dir(&local).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names.into_iter().any(|name| name.starts_with(PARTIAL_PREFIX)));
}
