//! READ of parts by whoever holds them against the pieces of the file: the server need not hash them, and says so.

use std::fs::File;
use std::os::unix::fs::FileExt;

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::server;
use integration_tests::session::Session;
use serde_json::{Value, json};

const LENGTH: usize = 3 * PIECE_BYTES + 5;

fn parts() -> Value {
    let range = |offset: usize, byte_count: usize| json!({"offset": offset, "byte_count": byte_count});
    json!([range(PIECE_BYTES, PIECE_BYTES), range(3 * PIECE_BYTES, 5), range(7, 2)])
}

fn parts_of(content: &[u8]) -> Vec<u8> {
    [&content[7..9], &content[PIECE_BYTES..2 * PIECE_BYTES], &content[3 * PIECE_BYTES..]].concat()
}

/// Waits until the server knows the digest of a file.
fn hash(session: &mut Session, path: &str) {
    let id = session.request(json!({"type": "stat", "path": path, "with_digest": true}));
    assert_eq!(session.answer(id)["type"], "found");
}

#[test]
fn parts_of_a_hashed_file_end_without_a_digest_for_whoever_asks_so() {
    let content = bytes("unhashed", LENGTH);
    let server = server!().file("film.mov", &content).start();
    let mut session = server.session();
    hash(&mut session, "film.mov");
    let version = digest(&content);
    for named in [json!({"path": "film.mov", "if_digest": version}), json!({"digest": version})] {
        let mut request = json!({"type": "read", "ranges": parts(), "unhashed": true});
        request.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        let (reading, payload) = session.read(request);
        assert_eq!(reading["file_digest"], version, "{reading}");
        assert!(payload.bytes == parts_of(&content));
        assert_eq!((&payload.end["type"], &payload.end["file_digest"]), (&json!("sent"), &json!(version)));
    }
}

#[test]
fn whoever_does_not_ask_so_gets_the_digest_of_what_was_sent() {
    let content = bytes("hashed", LENGTH);
    let server = server!().file("film.mov", &content).start();
    let mut session = server.session();
    hash(&mut session, "film.mov");
    let whole = json!({"type": "read", "path": "film.mov", "unhashed": true});
    let some = json!({"type": "read", "path": "film.mov", "ranges": parts()});
    let mut said = some.clone();
    said["unhashed"] = json!(false);
    for (request, expected) in
        [(whole, content.clone()), (some, parts_of(&content)), (said, parts_of(&content))]
    {
        let (_, payload) = session.read(request);
        assert_eq!(payload.end["type"], "end", "{}", payload.end);
        assert!(payload.bytes == expected);
    }
}

#[test]
fn a_file_that_changes_while_parts_of_it_are_sent_unhashed_ends_as_failed() {
    let content = bytes("changes", 64 * PIECE_BYTES);
    let server = server!().file("film.mov", &content).start();
    let mut session = server.session();
    hash(&mut session, "film.mov");
    let all = json!([{"offset": 0, "byte_count": content.len()}]);
    let parts = json!({"type": "read", "digest": digest(&content), "ranges": all, "unhashed": true});
    let id = session.request(parts);
    assert_eq!(session.answer(id)["file_digest"], digest(&content));
    // Much more is announced than the sockets hold, so the server cannot have come to its end.
    let file = File::options().write(true).open(server.scratch().share().join("film.mov")).unwrap();
    file.write_all_at(b"other", 0).unwrap();
    let payload = session.payload(id);
    assert_eq!(payload.end["type"], "failed", "{}", payload.end);
    session.assert_works();
}
