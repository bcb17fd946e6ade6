//! Case 49: whoever sends without end beyond what it announced is left, by READ and by GET.

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::imposter::Imposter;
use integration_tests::scratch::{Scratch, files_below};
use integration_tests::session::{Session, line_of, section_of};
use integration_tests::{client, peer};
use serde_json::{Value, json};

/// A file of one piece and a half, so that it is no small one.
const LENGTH: usize = PIECE_BYTES + PIECE_BYTES / 2;
const MEMORY_MAX: u64 = 64 << 20;

/// The section that comes again and again, for the request with this id.
type Endless = fn(u64, u64) -> Vec<u8>;

const ENDLESS: [(&str, Endless); 5] = [
    ("sections past the end", |id, turn| section_of(id, turn * PIECE_BYTES as u64, &vec![7; PIECE_BYTES])),
    ("the first section again", |id, _| section_of(id, 0, &vec![7; PIECE_BYTES])),
    ("a huge section", |id, turn| match turn {
        0 => line_of(&json!({"type": "section", "id": id, "offset": 0, "byte_count": 1u64 << 52})).into(),
        _ => vec![7; PIECE_BYTES],
    }),
    ("empty sections", |id, _| section_of(id, 0, b"").repeat(1000)),
    ("a line without an end", |_, _| vec![b'{'; PIECE_BYTES]),
];

/// A server with one file, whose READ answers never end.
fn imposter(endless: Endless) -> Imposter {
    let content = bytes("announced", LENGTH);
    let digest = digest(&content);
    Imposter::answering(move |session, request| answer(session, request, &digest, endless))
}

fn answer(session: &mut Session, request: &Value, digest: &str, endless: Endless) {
    let id = &request["id"];
    let entry = json!({"path": "film.mov", "kind": "video", "byte_count": LENGTH, "modified": "2026-11-20T12:00:00Z"});
    let answer = match request["type"].as_str().unwrap() {
        "stat" => json!({"type": "found", "id": id, "entry": entry, "digest": digest}),
        "bye" => json!({"type": "goodbye", "id": id}),
        "read" => json!({"type": "reading", "id": id, "entry": entry, "byte_count": LENGTH}),
        _ => json!({"type": "refused", "id": id, "code": "not_allowed", "message": "not here"}),
    };
    session.try_send_raw(line_of(&answer));
    if request["type"] == "read" {
        let id = id.as_u64().unwrap();
        let mut turn = 0;
        while session.try_send_raw(endless(id, turn)) {
            turn += 1;
        }
    }
}

#[test]
fn a_read_that_is_answered_without_end_fails_and_nothing_lands() {
    for (what, endless) in ENDLESS {
        let imposter = imposter(endless);
        let scratch = Scratch::new();
        scratch.put_local("film.mov", b"old");
        client!(&scratch, imposter.address()).run_json(&["READ film.mov"]).expect_error("bad_message", 1);
        assert_eq!(scratch.local_file("film.mov"), b"old", "{what}");
        let kept: u64 = files_below(&scratch.local()).iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(kept < 2 * LENGTH as u64, "{what}: {kept} bytes are kept on disk");
    }
}

#[test]
fn a_get_that_is_answered_without_end_fails_and_nothing_lands_and_the_peer_goes_on() {
    for (what, endless) in ENDLESS {
        // Each with a peer of its own: one that has a part already would ask for something else.
        let (getter, imposter) = (peer!().start(), imposter(endless));
        let (host, port) = (imposter.address().ip(), imposter.address().port());
        getter.attach(&[&format!("GET film.mov {host} {port}")]).expect_error("bad_message", 1);
        assert!(!getter.scratch().share().join("film.mov").exists(), "{what}");
        let kept: u64 =
            files_below(&getter.scratch().share()).iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(kept < 2 * LENGTH as u64, "{what}: {kept} bytes are kept on disk");
        getter.session().assert_works();
        let peak = getter.process().memory_peak();
        assert!(peak < MEMORY_MAX, "{what}: the peer held {peak} bytes");
    }
}
