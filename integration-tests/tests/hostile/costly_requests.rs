//! Case 46: what a client asked for at great cost is given up when the client leaves.

use std::fs::File;

use integration_tests::patience::eventually_true;
use integration_tests::server;
use integration_tests::server::{Server, ServerSetup};
use integration_tests::session::{Session, line_of, with_id};
use serde_json::json;

/// Nobody hashes that many bytes within a test.
const HUGE_BYTES: u64 = 2 << 40;
const FOLDER_COUNT: usize = 50;
const FILES_PER_FOLDER: usize = 100;
const REQUEST_COUNT: usize = 1000;

/// How a client leaves: in an orderly way, or with a reset.
const WAYS_TO_LEAVE: [fn(Session); 2] = [drop, Session::reset];

/// What a server has open while nobody is connected.
fn start_and_count(setup: ServerSetup) -> (Server, usize, usize) {
    let server = setup.start();
    server.session().assert_works();
    server.wait_until_alone();
    let (descriptors, threads) = (server.descriptor_count(), server.thread_count());
    (server, descriptors, threads)
}

fn assert_all_is_back(server: &Server, descriptors: usize, threads: usize) {
    server.wait_until_alone();
    eventually_true("descriptors and threads are back where they were", || {
        server.descriptor_count() <= descriptors && server.thread_count() <= threads
    });
    // A server that goes on working for nobody is never quiet.
    server.wait_until_quiet();
    server.session().assert_works();
}

#[test]
fn hashing_a_huge_file_is_given_up_when_all_who_asked_have_left() {
    let setup = server!();
    File::create(setup.scratch.share().join("huge.bin")).unwrap().set_len(HUGE_BYTES).unwrap();
    let (server, descriptors, threads) = start_and_count(setup);
    let requests = [
        json!({"type": "stat", "path": "huge.bin", "with_digest": true}),
        json!({"type": "pieces", "path": "huge.bin"}),
    ];
    let mut sessions = Vec::new();
    for (request, leave) in requests.iter().flat_map(|request| WAYS_TO_LEAVE.map(|leave| (request, leave))) {
        let mut session = server.session();
        let id = session.request(request.clone());
        sessions.push((session, id, leave));
    }
    for (session, id, _) in &mut sessions {
        let working = session.line();
        assert_eq!((&working["type"], &working["id"]), (&json!("working"), &json!(id)), "{working}");
    }
    sessions.into_iter().for_each(|(session, _, leave)| leave(session));
    assert_all_is_back(&server, descriptors, threads);
}

#[test]
fn searches_and_listings_of_a_large_tree_are_given_up_when_their_client_leaves() {
    let setup = server!();
    for index in 0..FOLDER_COUNT * FILES_PER_FOLDER {
        setup.scratch.put(&format!("folder-{}/file-{index}.txt", index % FOLDER_COUNT), b"");
    }
    let (server, descriptors, threads) = start_and_count(setup);
    for request in [
        json!({"type": "search", "words": "nothing is called that"}),
        json!({"type": "search", "words": "file"}),
        json!({"type": "list", "recursive": true}),
    ] {
        for leave in WAYS_TO_LEAVE {
            let mut session = server.session();
            let address = session.local_address().to_string();
            let all = (1..=REQUEST_COUNT as u64).map(|id| line_of(&with_id(request.clone(), id)));
            let _ = session.send_meanwhile(all.collect::<String>().into_bytes());
            assert_eq!(session.entries(1).1["type"], "listed");
            leave(session);
            assert_all_is_back(&server, descriptors, threads);
            let done = server.log().lines().filter(|line| line.contains(&address)).count();
            assert!(done < REQUEST_COUNT / 2, "{done} of {REQUEST_COUNT} were done for nobody: {request}");
        }
    }
}
