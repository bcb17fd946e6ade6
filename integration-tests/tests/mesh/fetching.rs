//! GET and LISTR: files come straight from their owner into one's own folder, verified, under their last name part.

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::patience::{eventually, eventually_true};
use integration_tests::peer::{Peer, WHOLE_WAIT};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::scratch::files_below;
use integration_tests::{peer, server};

fn get(path: &str, from: &Peer) -> String {
    format!("GET \"{path}\" {}", from.host_and_port())
}

/// A peer that has a file, and one that has none and no link.
fn holder_and_getter(path: &str, content: &[u8]) -> (Peer, Peer) {
    (peer!().file(path, content).start(), peer!().start())
}

#[test]
fn a_file_lands_verified_under_its_last_name_part() {
    for length in [0, 1, PIECE_BYTES, 3 * PIECE_BYTES + 77] {
        let content = bytes("song", length);
        let (holder, getter) = holder_and_getter("music/live/a song.mp3", &content);
        let line = getter.attach(&[&get("music/live/a song.mp3", &holder)]).expect_done().line();
        assert_eq!(line["command"], "get", "{line}");
        assert_eq!(line["path"], "music/live/a song.mp3", "{line}");
        assert_eq!([&line["byte_count"], &line["resumed_from"]], [length, 0], "{line}");
        assert_eq!(line["digest"], digest(&content), "{line}");
        assert!(line["local"].is_string() && line["seconds"].is_number(), "{line}");
        let source = &line["sources"][0];
        assert_eq!(source["address"], holder.address().to_string(), "{line}");
        assert_eq!(source["byte_count"], length, "{line}");
        assert!(getter.scratch().shared("a song.mp3") == content);
        assert_eq!(files_below(&getter.scratch().share()).len(), 1, "nothing else is left");
    }
}

#[test]
fn the_comma_form_fetches_too() {
    let (holder, getter) = holder_and_getter("a song.mp3", b"la");
    let command = format!("GET,a song.mp3,{},{}", holder.address().ip(), holder.address().port());
    getter.attach(&[&command]).expect_done();
    assert_eq!(getter.scratch().shared("a song.mp3"), b"la");
}

#[test]
fn a_name_taken_by_other_content_is_kept_unless_it_is_to_be_replaced() {
    let (holder, getter) = holder_and_getter("song.mp3", b"new song");
    getter.scratch().put("song.mp3", b"my own");
    let command = get("song.mp3", &holder);
    getter.attach(&[&command]).expect_error("exists", 1);
    assert_eq!(getter.scratch().shared("song.mp3"), b"my own");
    getter.attach(&[&command.replace("GET ", "GET --replace ")]).expect_done();
    assert_eq!(getter.scratch().shared("song.mp3"), b"new song");
}

#[test]
fn a_name_taken_by_other_content_of_the_same_length_is_taken_too() {
    for length in [4, 2 * PIECE_BYTES] {
        let (theirs, ours) = (bytes("theirs", length), bytes("ours", length));
        let (holder, getter) = holder_and_getter("song.mp3", &theirs);
        getter.scratch().put("song.mp3", &ours);
        let command = get("song.mp3", &holder);
        getter.attach(&[&command]).expect_error("exists", 1);
        assert!(getter.scratch().shared("song.mp3") == ours);
        getter.attach(&[&command.replace("GET ", "GET --replace ")]).expect_done();
        assert!(getter.scratch().shared("song.mp3") == theirs);
    }
}

#[test]
fn a_name_taken_by_the_same_content_is_fine() {
    let content = bytes("song", 2 * PIECE_BYTES);
    let (holder, getter) = holder_and_getter("song.mp3", &content);
    getter.attach(&[&get("song.mp3", &holder)]).expect_done();
    let line = getter.attach(&[&get("song.mp3", &holder)]).expect_done().line();
    assert_eq!(line["digest"], digest(&content));
    assert!(getter.scratch().shared("song.mp3") == content);
}

#[test]
fn a_server_answers_get_and_listr_too() {
    let content = bytes("film", PIECE_BYTES + 5);
    let server = server!().file("films/film.mov", &content).file("a.txt", b"a").start();
    let getter = peer!().start();
    let (host, port) = (server.address().ip(), server.address().port());
    let listed = getter.attach(&[&format!("LISTR {host} {port}")]).expect_done().lines();
    let mut paths: Vec<&str> = listed.iter().map(|line| line["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths.retain(|path| *path != "films");
    assert_eq!(paths, ["a.txt", "films/film.mov"]);
    assert!(listed.iter().all(|line| line["command"] == "listr"), "{listed:?}");
    getter.attach(&[&format!("GET films/film.mov {host} {port}")]).expect_done();
    assert!(getter.scratch().shared("film.mov") == content);
}

#[test]
fn another_peers_files_are_listed_as_it_lists_them_itself() {
    let holder = peer!().file("music/song.mp3", b"12345").file("note.txt", b"n").start();
    let getter = peer!().start();
    let mut own = holder.attach(&["LISTL"]).expect_done().lines();
    let mut seen = getter.attach(&[&format!("LISTR {}", holder.host_and_port())]).expect_done().lines();
    for (lines, command) in [(&mut own, "listl"), (&mut seen, "listr")] {
        assert!(lines.iter().all(|line| line["command"] == command), "{lines:?}");
        lines.iter_mut().for_each(|line| line["command"] = "either".into());
        lines.sort_by_key(|line| line["path"].to_string());
    }
    assert_eq!(own, seen);
    let song = own.iter().find(|line| line["path"] == "music/song.mp3").unwrap();
    assert_eq!([&song["kind"], &song["byte_count"]], [&serde_json::json!("music"), &serde_json::json!(5)]);
}

#[test]
fn what_is_not_there_is_not_found_and_who_is_not_there_is_no_connection() {
    let (mut holder, getter) = holder_and_getter("song.mp3", b"la");
    getter.attach(&[&get("missing.mp3", &holder)]).expect_error("not_found", 1);
    getter.attach(&[&get("../outside/secret.txt", &holder)]).expect_error("bad_path", 1);
    holder.kill();
    getter.attach(&[&get("song.mp3", &holder)]).expect_code(3);
    getter.attach(&[&format!("LISTR {}", holder.host_and_port())]).expect_code(3);
    assert!(files_below(&getter.scratch().share()).is_empty());
}

#[test]
fn get_by_words_searches_and_fetches_the_best() {
    let content = bytes("song", PIECE_BYTES + 1);
    let mesh = Mesh::start(&Wiring::line(3), |number| match number {
        2 => peer!().file("live/a rare song.mp3", &content),
        _ => peer!(),
    });
    for command in ["GET \"rare song\"", "GET,rare song"] {
        let line = mesh[0].attach_with(&["--json", "--wait", WHOLE_WAIT], &[command]).expect_done().line();
        assert_eq!(line["digest"], digest(&content), "{command}: {line}");
        assert_eq!(line["sources"][0]["address"], mesh[2].address().to_string(), "{command}: {line}");
        assert!(mesh[0].scratch().shared("a rare song.mp3") == content);
        std::fs::remove_file(mesh[0].scratch().share().join("a rare song.mp3")).unwrap();
    }
    let nothing = mesh[0].attach_with(&["--json", "--wait", "100ms"], &["GET \"nobody has this\""]);
    nothing.expect_error("not_found", 1);
}

#[test]
fn status_names_a_download_that_runs_and_how_far_it_is() {
    let content = bytes("film", 3 * PIECE_BYTES);
    let (holder, getter) = holder_and_getter("film.mov", &content);
    // It gives no more than the first piece, and never ends.
    let proxy = Proxy::start(holder.address(), |_| Fault::Stall(Direction::ToClient, 2 * PIECE_BYTES as u64));
    let (host, port) = (proxy.address().ip(), proxy.address().port());
    let mut attached = getter.start_attached(&["--json"], &[&format!("GET film.mov {host} {port}")]);
    let running = eventually("STATUS names the download", || {
        let status = getter.status();
        let running = status["running"].as_array().unwrap().first().cloned();
        running.filter(|running| running["byte_count"].as_u64() >= Some(PIECE_BYTES as u64))
    });
    assert_eq!(running["what"], "get film.mov", "{running}");
    assert_eq!(running["total"], content.len(), "{running}");
    let text = getter.attach_with(&[], &["STATUS"]).expect_done();
    assert!(text.text().contains("1 of this peer's own commands running"), "{text:?}");
    assert!(text.text().lines().any(|line| line.ends_with("  get film.mov")), "{text:?}");
    attached.kill();
    eventually_true("the command ends with its console", || {
        getter.status()["running"].as_array().unwrap().is_empty()
    });
}

#[test]
fn a_fetched_file_is_found_by_others() {
    let mesh = Mesh::start(&Wiring::line(3), |number| match number {
        2 => peer!().file("song.mp3", b"la"),
        _ => peer!(),
    });
    mesh[1].attach(&[&get("song.mp3", &mesh[2])]).expect_done();
    mesh[1].wait_until_found("song.mp3");
    let found = mesh.results(0, "SEARCH song", 2);
    assert_eq!(mesh.owners_and_hops(&found), [(1, 1), (2, 2)]);
}

#[test]
fn promise_2_damaged_bytes_never_get_the_files_name() {
    let content = bytes("song", 2 * PIECE_BYTES);
    let (holder, getter) = holder_and_getter("song.mp3", &content);
    // Past the lines before the payload, in every connection.
    let proxy = Proxy::start(holder.address(), |_| Fault::Flip(Direction::ToClient, 100_000));
    let (host, port) = (proxy.address().ip(), proxy.address().port());
    let outcome = getter.attach(&[&format!("GET song.mp3 {host} {port}")]);
    match outcome.code {
        // Only what was damaged is asked for again, and in the shorter answer the place is past the end.
        0 => assert!(getter.scratch().shared("song.mp3") == content),
        code => {
            assert_eq!(code, 4, "{outcome:?}");
            assert!(!getter.scratch().share().join("song.mp3").exists());
        }
    }
}

#[test]
fn several_commands_run_in_order_and_stop_at_the_first_that_fails() {
    let (holder, getter) = holder_and_getter("song.mp3", b"la");
    let missing = get("missing.mp3", &holder);
    let there = get("song.mp3", &holder);
    let outcome = getter.attach(&[&missing, &there]).expect_error("not_found", 1);
    assert_eq!(outcome.lines().len(), 1);
    assert!(!getter.scratch().share().join("song.mp3").exists());
    let lines = getter.attach(&[&there, "LISTL"]).expect_done().lines();
    assert_eq!([&lines[0]["command"], &lines[1]["command"]], ["get", "listl"]);
}
