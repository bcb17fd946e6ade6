//! A drop box: who may only create leaves files there, and sees and changes nothing, not even what is their own.
//!
//! It must not know how names are taken.

use integration_tests::server;
use integration_tests::session::assert_refused;
use integration_tests::upload::{assert_written, write};
use serde_json::json;

use crate::guests::Guest;

#[test]
fn who_may_only_create_leaves_files_and_nothing_else() {
    let server = server!().file("box/others.txt", "of somebody else").start();
    let [anna, ben] =
        ["anna", "ben"].map(|name| Guest::enrolled(&server, name, &["--drop", "--below", "box"]));
    let (mut anna, mut ben) = (anna.session(&server), ben.session(&server));
    assert_written(&write(&mut anna, "box/mine.txt", b"by anna", &json!({})).answer, b"by anna");
    // The name is taken, for whoever comes second and for its maker, too.
    assert_refused(&write(&mut ben, "box/mine.txt", b"by ben", &json!({})).answer, "exists");
    assert_refused(&write(&mut anna, "box/mine.txt", b"again", &json!({})).answer, "exists");
    let large = write(&mut anna, "box/mine.txt", b"by a pipe", &json!({"byte_count": null}));
    assert_refused(&large.answer, "exists");
    for path in ["box/mine.txt", "box/others.txt", "box/missing.txt"] {
        for kind in ["stat", "read", "pieces", "delete", "list"] {
            anna.ask_refused(json!({"type": kind, "path": path}), "not_found");
        }
        let to = "box/renamed.txt";
        anna.ask_refused(json!({"type": "rename", "path": path, "to": to}), "not_found");
    }
    anna.ask_refused(json!({"type": "list", "path": "box"}), "not_allowed");
    anna.ask_refused(json!({"type": "delete", "path": "box", "recursive": true}), "not_allowed");
    assert_eq!(anna.ask(json!({"type": "mkdir", "path": "box/folder/inner"}))["type"], "made");
    let (entries, listed) = anna.listing(json!({"type": "list", "recursive": true}));
    let paths: Vec<&str> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["box"], "{listed}");
    assert_eq!(server.scratch().shared("box/mine.txt"), b"by anna");
    assert_eq!(server.scratch().shared("box/others.txt"), b"of somebody else");
}

#[test]
fn of_two_uploads_of_one_name_that_run_at_once_one_is_written_and_the_other_finds_it_taken() {
    let server = server!().file("box/x", "").start();
    let mut sessions = ["anna", "ben"]
        .map(|name| Guest::enrolled(&server, name, &["--drop", "--below", "box"]).session(&server));
    let ids = [0, 1].map(|place: usize| {
        let ready = integration_tests::upload::begin_large(
            &mut sessions[place],
            "box/new.txt",
            5,
            &json!({"byte_count": null}),
        );
        ready.id
    });
    let ends = [0, 1].map(|place: usize| {
        let bytes = [b"first", b"other"][place];
        sessions[place].send_section(ids[place], 0, bytes);
        sessions[place].send(&integration_tests::upload::end(ids[place], bytes));
        sessions[place].answer(ids[place])
    });
    assert_written(&ends[0], b"first");
    assert_refused(&ends[1], "exists");
    assert_eq!(server.scratch().shared("box/new.txt"), b"first");
    assert!(server.scratch().partials().is_empty());
}
