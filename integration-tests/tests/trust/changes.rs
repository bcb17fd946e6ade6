//! Rights that change while sessions run: what is in force for the next request, and what is cut at once.
//!
//! It must not know how the server hears of a change.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, assert_refused};
use integration_tests::upload::{assert_written, begin_large, end, write, write_file};
use serde_json::json;

use crate::guests::{Guest, invited, manage};

/// Files that a server may remove between two looks at the rules, with room.
const LOOK_INTERVAL: usize = 1000;

/// More than a connection holds on its way, so that whoever reads none of it keeps its sender waiting.
const STUCK_BYTES: usize = 48 << 20;

fn two_guests(server: &Server) -> [Guest; 2] {
    ["anna", "ben"].map(|name| Guest::enrolled(server, name, &["--write", "--below", "team"]))
}

#[test]
fn who_is_revoked_is_cut_in_the_middle_of_a_download_and_others_go_on() {
    let server = server!().start();
    server.scratch().put("team/large.mov", bytes("large", STUCK_BYTES));
    let [anna, ben] = two_guests(&server);
    let request = json!({"type": "read", "path": "team/large.mov"});
    let [mut cut, mut other] = [anna.session(&server), ben.session(&server)];
    let ids = [cut.request(request.clone()), other.request(request)];
    assert_eq!(cut.answer(ids[0])["type"], "reading");
    assert_eq!(other.answer(ids[1])["type"], "reading");
    manage(&server, &["revoke", "anna"]);
    let mut left = 0u64;
    while let Some(section) = cut.next_line() {
        assert_eq!(section["type"], "section", "{section}");
        left += section["byte_count"].as_u64().unwrap();
        if !cut.try_skip(section["byte_count"].as_u64().unwrap()) {
            break;
        }
    }
    assert!(left < STUCK_BYTES as u64, "all {left} bytes came after the grant was revoked");
    let payload = other.payload(ids[1]);
    assert_eq!((payload.end["type"].as_str(), payload.bytes.len()), (Some("end"), STUCK_BYTES));
    other.assert_works();
    let (mut closed, refusal) = anna.say_hello(&server, None);
    assert_refused(&refusal, "not_allowed");
    closed.assert_closed();
}

#[test]
fn who_is_revoked_in_the_middle_of_an_upload_leaves_the_old_file_and_a_partial() {
    let server = server!().file("team/film.mov", "the old one").start();
    let [anna, ben] = two_guests(&server);
    let content = bytes("film", 3 * PIECE_BYTES);
    let fields = json!({"base_wanted": true});
    let (mut cut, mut other) = (anna.session(&server), ben.session(&server));
    let ready = begin_large(&mut cut, "team/film.mov", content.len(), &fields);
    cut.send_section(ready.id, 0, &content[..PIECE_BYTES]);
    let of_other = begin_large(&mut other, "team/others.mov", content.len(), &json!({}));
    other.send_section(of_other.id, 0, &content[..PIECE_BYTES]);
    manage(&server, &["revoke", "anna"]);
    cut.assert_closed();
    assert_eq!(server.scratch().shared("team/film.mov"), b"the old one");
    assert_eq!(server.scratch().partials().len(), 2);
    for index in [1, 2] {
        let offset = index * PIECE_BYTES;
        other.send_section(of_other.id, offset as u64, &content[offset..][..PIECE_BYTES]);
    }
    other.send(&end(of_other.id, &content));
    assert_written(&other.answer(of_other.id), &content);
    // Whoever may read there goes on with what is left of it.
    let uploaded = write(&mut other, "team/film.mov", &content, &fields);
    assert_written(&uploaded.answer, &content);
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn what_is_denied_is_denied_to_the_next_request_of_a_session_that_runs() {
    let server = server!().file("team/secret/x.txt", "secret").file("team/y.txt", "mine").start();
    let [anna, ben] = two_guests(&server);
    let (mut denied, mut other) = (anna.session(&server), ben.session(&server));
    let read = json!({"type": "read", "path": "team/secret/x.txt"});
    // As often as it takes to be one of those that are kept open.
    for _ in 0..4 {
        assert_eq!(denied.read_file("team/secret/x.txt"), b"secret");
    }
    // An upload that runs is judged again when it has arrived.
    let begun = begin_large(&mut denied, "team/secret/new.txt", 3, &json!({"byte_count": null}));
    manage(&server, &["deny", "anna", "all", "--below", "team/secret"]);
    denied.send_section(begun.id, 0, b"new");
    denied.send(&end(begun.id, b"new"));
    assert_refused(&denied.answer(begun.id), "not_found");
    denied.ask_refused(read, "not_found");
    denied.ask_refused(json!({"type": "stat", "path": "team/secret"}), "not_found");
    denied.ask_refused(json!({"type": "delete", "path": "team", "recursive": true}), "not_allowed");
    denied.ask_refused(json!({"type": "rename", "path": "team", "to": "team/inner"}), "not_allowed");
    assert_eq!(denied.read_file("team/y.txt"), b"mine");
    assert_eq!(other.read_file("team/secret/x.txt"), b"secret");
}

#[test]
fn what_the_same_key_is_granted_later_holds_at_once_and_what_is_revoked_of_it_goes_alone() {
    let server = server!().file("one/x.txt", "one").file("two/x.txt", "two").start();
    let guest = Guest::enrolled(&server, "first", &["--read", "--below", "one"]);
    let mut session = guest.session(&server);
    session.ask_refused(json!({"type": "read", "path": "two/x.txt"}), "not_found");
    let secret = invited(&server, "second", &["--read", "--below", "two"]);
    session.ask_refused(json!({"type": "read", "path": "two/x.txt"}), "not_found");
    let (mut later, welcome) = guest.say_hello(&server, Some(&secret));
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    assert_files(&mut later, &["one", "two"]);
    assert_files(&mut session, &["one", "two"]);
    manage(&server, &["revoke", "first"]);
    session.ask_refused(json!({"type": "read", "path": "one/x.txt"}), "not_found");
    assert_files(&mut session, &["two"]);
    assert_files(&mut later, &["two"]);
}

fn assert_files(session: &mut Session, folders: &[&str]) {
    for folder in folders {
        assert_eq!(session.read_file(&format!("{folder}/x.txt")), folder.as_bytes());
    }
    let (entries, _) = session.listing(json!({"type": "list"}));
    let mut paths: Vec<&str> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, folders);
}

#[test]
fn a_deletion_that_runs_ends_when_its_guest_is_revoked() {
    // Where all was gone before the guest was, there has to be more.
    for count in [4_000, 16_000, 64_000] {
        let server = server!().start();
        let heap = server.scratch().share().join("heap");
        std::fs::create_dir(&heap).unwrap();
        (0..count).for_each(|number| drop(std::fs::File::create(heap.join(number.to_string())).unwrap()));
        let guest = Guest::enrolled(&server, "guest", &["--write"]);
        let mut session = guest.session(&server);
        session.send(&json!({"type": "delete", "id": 7, "path": "heap", "recursive": true}));
        manage(&server, &["revoke", "guest"]);
        let left = || std::fs::read_dir(&heap).map_or(0, Iterator::count);
        let at_return = left();
        server.wait_until_alone();
        if at_return > LOOK_INTERVAL {
            assert!(left() >= at_return - LOOK_INTERVAL, "{} of {at_return} files", left());
            return;
        }
    }
    panic!("the server deletes faster than anybody can be revoked");
}

#[test]
fn a_name_of_somebody_elses_in_ones_own_folder_gives_no_right_to_the_other_name() {
    let server = server!().file("root.txt", "one file by two names").start();
    server.scratch().put("team/x.txt", "");
    let share = server.scratch().share();
    std::fs::hard_link(share.join("root.txt"), share.join("team/same.txt")).unwrap();
    let guest = Guest::enrolled(&server, "guest", &["--write", "--below", "team"]);
    let mut session = guest.session(&server);
    assert_eq!(session.read_file("team/same.txt"), b"one file by two names");
    session.ask_refused(json!({"type": "read", "path": "root.txt"}), "not_found");
    write_file(&mut session, "team/same.txt", b"mine now");
    assert_eq!(server.scratch().shared("root.txt"), b"one file by two names");
}

#[test]
fn a_copy_that_is_hidden_does_not_hide_the_file_of_that_digest_that_may_be_read() {
    let server =
        server!().file("team/mine.txt", "the same bytes").file("other/copy.txt", "the same bytes").start();
    let guest = Guest::enrolled(&server, "guest", &["--write", "--below", "team"]);
    let owner = Guest::enrolled(&server, "owner", &["--write"]);
    let (mut guest, mut owner) = (guest.session(&server), owner.session(&server));
    let stat = |path: &str| json!({"type": "stat", "path": path, "with_digest": true});
    let found = guest.ask(stat("team/mine.txt"));
    let by_digest = json!({"type": "stat", "digest": found["digest"]});
    assert_eq!(guest.ask(by_digest.clone())["entry"]["path"], "team/mine.txt");
    // Somebody else looks at the copy: if that hid the guest's own, it would tell that there is one.
    assert_eq!(owner.ask(stat("other/copy.txt"))["type"], "found");
    let told = guest.ask(by_digest);
    assert_eq!(told["entry"]["path"], "team/mine.txt", "{told}");
}
