//! What the system refuses: space, descriptors, threads, a log (cases 26, 45 and 47). The service goes on.

use std::time::Duration;

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::patience::eventually;
use integration_tests::server::Server;
use integration_tests::session::{PROCESS_ID, Session, hello, line_of};
use integration_tests::upload::{
    assert_written, begin_large, end, send_pieces, small_write, write, write_file,
};
use integration_tests::{client, peer, privilege, server};
use serde_json::json;

/// Of a server that does nothing but wait for better times, as little as a slow machine allows.
const PROCESSOR_TIME_MAX: Duration = Duration::from_millis(500);

#[test]
fn a_write_that_the_system_cuts_off_leaves_the_old_file_and_nothing_else_and_the_next_works() {
    const LENGTH: usize = 24 * PIECE_BYTES;
    // As a full disk or a quota, from the point of view of whoever writes.
    let limits = "ulimit -f 16384";
    let server = server!().after_shell(limits).file("film.mov", b"old").start();
    let content = bytes("too much", LENGTH);
    for fields in [json!({}), json!({"base_wanted": true}), json!({"byte_count": null})] {
        let mut session = server.session();
        let ready = begin_large(&mut session, "film.mov", LENGTH, &fields);
        let sent = session.send_meanwhile(sections_and_end(ready.id, &content));
        let refusal = session.answer(ready.id);
        assert!(refusal["code"] == "no_space" || refusal["code"] == "internal", "{refusal}");
        // What is refused is thrown away up to a bound, then the connection closes.
        sent.join().unwrap();
        drop(session);
        server.wait_until_alone();
        assert_eq!(server.scratch().shared("film.mov"), b"old");
        assert!(server.scratch().partials().is_empty(), "{:?}", server.scratch().partials());
    }
    let fits = bytes("fits", 2 * PIECE_BYTES);
    write_file(&mut server.session(), "film.mov", &fits);
    assert!(server.scratch().shared("film.mov") == fits);
}

#[test]
fn a_limit_on_the_length_of_files_costs_a_daemon_its_digest_database_and_nothing_else() {
    // Less than a new database has.
    let limits = "ulimit -f 488";
    let says_so = |line: &str| line.contains("digest") && line.contains("WARN");
    let server = server!().after_shell(limits).file("a.txt", b"hello").start();
    let found = server.session().ask(json!({"type": "stat", "path": "a.txt", "with_digest": true}));
    assert_eq!(found["digest"], digest(b"hello"), "{found}");
    server.wait_for_log("that there is no database", says_so);
    let peer = peer!().after_shell(limits).file("a.txt", b"hello").start();
    assert_eq!(peer.session().read_file("a.txt"), b"hello");
    peer.process().errors.wait_for_line("that there is no database", says_so);
}

fn sections_and_end(id: u64, content: &[u8]) -> Vec<u8> {
    let section = |(index, piece): (usize, &[u8])| {
        integration_tests::session::section_of(id, (index * PIECE_BYTES) as u64, piece)
    };
    let sections = content.chunks(PIECE_BYTES).enumerate().flat_map(section);
    sections.chain(line_of(&end(id, content)).into_bytes()).collect()
}

#[test]
fn a_server_without_descriptors_serves_those_it_has_and_recovers() {
    let server = server!().after_shell("ulimit -n 40").file("a.txt", b"hello").start();
    let mut first = server.session();
    let crowd: Vec<Session> = (0..100).map(|_| Session::dial(server.address())).collect();
    let before = server.process().processor_time();
    // The longest pause comes after all shorter ones: whoever tries in a loop has used up a second by then.
    server.wait_for_log("the longest pause", |line| line.contains("trying again in 1s"));
    let used = server.process().processor_time() - before;
    assert!(used < PROCESSOR_TIME_MAX, "{used:?} for waiting");
    // What needs a descriptor may be refused now; the session goes on.
    first.assert_works();
    drop(crowd);
    let mut next = eventually("a new client is served", || welcomed(&server));
    assert_eq!(next.read_file("a.txt"), b"hello");
    assert_eq!(first.read_file("a.txt"), b"hello");
    write_file(&mut first, "b.txt", b"still here");
}

#[test]
fn small_files_that_wait_for_each_other_never_use_up_the_descriptors() {
    const FILE_COUNT: usize = 200;
    let server = server!().after_shell("ulimit -n 96").file("folder/under", b"").start();
    let mut sessions: Vec<_> = (0..4).map(|_| server.session()).collect();
    let mut under_way = Vec::new();
    for (number, session) in sessions.iter_mut().enumerate() {
        let ids: Vec<u64> = (0..FILE_COUNT).map(|_| session.next_id()).collect();
        let all = ids.iter().flat_map(|id| small_write(*id, &format!("folder/{number}-{id}"), b"small"));
        under_way.push((session.send_meanwhile(all.collect()), ids));
    }
    for (session, (sent, ids)) in sessions.iter_mut().zip(under_way) {
        ids.iter().for_each(|id| assert_eq!(session.answer(*id)["type"], "written"));
        assert!(sent.join().unwrap());
    }
}

#[test]
fn a_server_without_threads_serves_those_it_has_and_recovers() {
    let Some(launcher) = privilege::as_user_without_processes() else { return };
    // Three threads more than a server has that serves nobody: whoever opens needs one for a moment.
    let idle = server!().start();
    idle.wait_until_quiet();
    let limit = format!("ulimit -u {}", idle.thread_count() + 3);
    let server = server!().launched_by(launcher).after_shell(&limit).file("a.txt", b"hello").start();
    let mut first = server.session();
    first.assert_works();
    let mut crowd: Vec<Session> = (0..50).filter_map(|_| welcomed(&server)).collect();
    // Whoever found one needs none while it rests, and is served again by those that stand by.
    crowd.iter_mut().for_each(Session::assert_works);
    // Nobody waits in a loop for a thread.
    let before = server.process().processor_time();
    server.wait_until_quiet();
    let used = server.process().processor_time() - before;
    assert!(used < PROCESSOR_TIME_MAX, "{used:?} for waiting");
    // Whatever else wants a thread for itself does without.
    let large = bytes("large", 3 * PIECE_BYTES);
    for fields in [json!({}), json!({"base_wanted": true}), json!({"byte_count": null})] {
        assert_written(&write(&mut first, "large.bin", &large, &fields).answer, &large);
        assert!(first.read_file("large.bin") == large);
    }
    let found = first.ask(json!({"type": "stat", "path": "a.txt", "with_digest": true}));
    assert_eq!(found["digest"], digest(b"hello"), "{found}");
    assert_eq!(first.listing(json!({"type": "list", "recursive": true})).0.len(), 2);
    drop(crowd);
    let mut next = eventually("a new client is served", || welcomed(&server));
    write_file(&mut next, "b.txt", &large);
    write_file(&mut first, "c.txt", b"still here");
    assert!(next.read_file("b.txt") == large);
}

#[test]
fn what_a_server_without_descriptors_cannot_list_is_never_passed_over_in_silence() {
    // Deeper than the folders for which there are descriptors.
    const DEPTH: usize = 40;
    let server = server!().after_shell("ulimit -n 32").start();
    let folders = vec!["d"; DEPTH];
    let mut names: Vec<String> = (1..=DEPTH).map(|depth| folders[..depth].join("/") + "/wanted").collect();
    names.iter().for_each(|name| server.scratch().put(name, b""));
    let mut session = server.session();
    for request in [json!({"type": "list", "recursive": true}), json!({"type": "search", "words": "wanted"})]
    {
        let id = session.request(request);
        let (entries, end) = session.entries(id);
        assert!(!entries.is_empty());
        assert_eq!((&end["type"], &end["code"]), (&json!("failed"), &json!("internal")), "{end}");
    }
    drop(session);
    let client = client!(server.scratch(), server.address());
    for command in ["READ -r d", "LIST -r", "SEARCH wanted"] {
        client.run_json(&[command]).expect_error("internal", 1);
    }
    // What is not as deep is listed whole by the same server.
    names.truncate(3);
    std::fs::remove_dir_all(server.scratch().share().join(folders[..4].join("/"))).unwrap();
    client.run(&["READ -r d"]).expect_done();
    names.iter().for_each(|name| assert_eq!(server.scratch().local_file(name), b"", "{name}"));
}

/// A session, if the server has room for one.
fn welcomed(server: &Server) -> Option<Session> {
    let mut session = Session::dial(server.address());
    session.try_send_raw(line_of(&hello(PROCESS_ID)));
    session.next_line().filter(|line| line["type"] == "welcome").map(|_| session)
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    for broken_log in ["exec 2>/dev/full", "exec 2>&-"] {
        let mut server = server!().after_shell(broken_log).file("a.txt", b"hello").start();
        let mut session = server.session();
        for _ in 0..100 {
            assert_eq!(session.read_file("a.txt"), b"hello");
        }
        Session::dial(server.address()).try_send_raw(b"garbage\n");
        session.assert_works();
        drop(session);
        server.terminate();
        assert_eq!(server.exit_code(), 0, "{broken_log}");
    }
}

#[test]
fn an_upload_is_not_disturbed_by_a_crowd_at_the_door() {
    let content = bytes("content", 4 * PIECE_BYTES);
    let server = server!().option_with("--max-connections", "4").start();
    let mut busy = server.session();
    let ready = begin_large(&mut busy, "film.mov", content.len(), &json!({}));
    for index in 0..4 {
        let crowd: Vec<Session> = (0..200).map(|_| Session::dial(server.address())).collect();
        send_pieces(&mut busy, ready.id, &content, &[index]);
        drop(crowd);
    }
    busy.send(&end(ready.id, &content));
    assert_written(&busy.answer(ready.id), &content);
}
