//! Many at one name: writers and readers, deletions and renames meanwhile (cases 29 and 30).

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::patience::DoneWhenDropped;
use integration_tests::server;
use integration_tests::session::Session;
use integration_tests::upload::write;
use serde_json::{Value, json};

/// Two sessions write at the same moment; their answers.
fn write_at_once(sessions: &mut [Session; 2], contents: &[Vec<u8>; 2], fields: &Value) -> [Value; 2] {
    let start = Barrier::new(2);
    let [first, second] = sessions;
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            start.wait();
            write(first, "film.mov", &contents[0], fields).answer
        });
        start.wait();
        let answer = write(second, "film.mov", &contents[1], fields).answer;
        [writing.join().unwrap(), answer]
    })
}

#[test]
fn of_two_new_writes_of_one_name_exactly_one_succeeds() {
    let server = server!().start();
    let mut sessions = [server.session(), server.session()];
    for length in [1000, 2 * PIECE_BYTES] {
        for round in 0..10 {
            let contents = [bytes(&format!("one {round}"), length), bytes(&format!("two {round}"), length)];
            let answers = write_at_once(&mut sessions, &contents, &json!({"new": true}));
            let winners: Vec<usize> = (0..2).filter(|index| answers[*index]["type"] == "written").collect();
            assert_eq!(winners.len(), 1, "{answers:?}");
            assert_eq!(answers[1 - winners[0]]["code"], "exists", "{answers:?}");
            assert!(server.scratch().shared("film.mov") == contents[winners[0]]);
            assert_eq!(sessions[0].ask(json!({"type": "delete", "path": "film.mov"}))["type"], "deleted");
        }
    }
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn of_two_replacing_writes_one_stays_entire_and_both_are_told_the_truth() {
    let server = server!().start();
    let mut sessions = [server.session(), server.session()];
    for length in [1000, 3 * PIECE_BYTES] {
        for round in 0..10 {
            let contents = [bytes(&format!("one {round}"), length), bytes(&format!("two {round}"), length)];
            let answers = write_at_once(&mut sessions, &contents, &json!({}));
            for (answer, content) in answers.iter().zip(&contents) {
                assert_eq!(answer["digest"], digest(content), "{answer}");
            }
            let stayed = server.scratch().shared("film.mov");
            assert!(contents.contains(&stayed), "a mixture");
        }
    }
}

#[test]
fn of_two_writes_that_replace_the_same_version_exactly_one_succeeds() {
    let server = server!().start();
    let mut sessions = [server.session(), server.session()];
    for round in 0..20 {
        let old = bytes(&format!("old {round}"), 1000);
        server.scratch().put("film.mov", &old);
        let contents = [bytes(&format!("one {round}"), 1000), bytes(&format!("two {round}"), 1000)];
        let answers = write_at_once(&mut sessions, &contents, &json!({"if_digest": digest(&old)}));
        let winner_count = answers.iter().filter(|answer| answer["type"] == "written").count();
        assert_eq!(winner_count, 1, "{answers:?}");
        assert!(answers.iter().any(|answer| answer["code"] == "changed"), "{answers:?}");
    }
}

#[test]
fn readers_see_all_of_one_version_while_writers_replace_it() {
    let versions: Vec<Vec<u8>> =
        (0..4).map(|index| bytes(&format!("version {index}"), PIECE_BYTES + 1 + index)).collect();
    let server = server!().file("film.mov", &versions[0]).start();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = versions
            .iter()
            .map(|version| {
                let mut session = server.session();
                scope.spawn(move || {
                    (0..15).for_each(|_| {
                        let answer = write(&mut session, "film.mov", version, &json!({})).answer;
                        assert_eq!(answer["type"], "written", "{answer}");
                    });
                })
            })
            .collect();
        let (is_done, versions) = (&is_done, &versions);
        for _ in 0..4 {
            let mut session = server.session();
            scope.spawn(move || read_until(is_done, versions, &mut session));
        }
        let _done = DoneWhenDropped(is_done);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
}

fn read_until(is_done: &AtomicBool, versions: &[Vec<u8>], session: &mut Session) {
    while !is_done.load(Ordering::Relaxed) {
        let content = session.read_file("film.mov");
        assert!(versions.contains(&content), "a mixture of {} bytes", content.len());
    }
}

/// Begins to read a file larger than the sockets hold, then lets `meanwhile` happen: the reader must get
/// the old bytes to the end.
fn assert_a_reader_finishes(meanwhile: impl FnOnce(&mut Session)) {
    let content = bytes("old", 48 * PIECE_BYTES);
    let server = server!().file("film.mov", &content).file("other.mov", b"other").start();
    let mut reader = server.session();
    let id = reader.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(reader.answer(id)["type"], "reading");
    meanwhile(&mut server.session());
    let payload = reader.payload(id);
    assert_eq!(payload.end["type"], "end", "{}", payload.end);
    assert!(payload.bytes == content);
}

#[test]
fn a_reader_finishes_with_the_old_bytes_when_the_file_is_deleted() {
    assert_a_reader_finishes(|session| {
        assert_eq!(session.ask(json!({"type": "delete", "path": "film.mov"}))["type"], "deleted");
    });
}

#[test]
fn a_reader_finishes_with_the_old_bytes_when_the_file_is_renamed_or_replaced_by_a_rename() {
    assert_a_reader_finishes(|session| {
        let renaming = json!({"type": "rename", "path": "film.mov", "to": "b.mov"});
        assert_eq!(session.ask(renaming)["type"], "renamed");
    });
    assert_a_reader_finishes(|session| {
        let replacing = json!({"type": "rename", "path": "other.mov", "to": "film.mov", "replace": true});
        assert_eq!(session.ask(replacing)["type"], "renamed");
    });
}

#[test]
fn a_reader_finishes_with_the_old_bytes_when_the_file_is_replaced() {
    assert_a_reader_finishes(|session| {
        assert_eq!(write(session, "film.mov", b"new", &json!({})).answer["type"], "written");
    });
}
