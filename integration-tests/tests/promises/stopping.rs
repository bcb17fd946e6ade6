//! A drained stop loses nothing: idle sessions close at once, running requests come to their end, new ones
//! get `stopping`, and a second signal ends it at once (case 50).

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, assert_refused, line_of, section_of};
use integration_tests::upload::{assert_written, begin_large, end, send_pieces};
use serde_json::json;

/// Longer than any test waits, so that a drain which waits for the wrong thing fails.
const FOR_EVER: &str = "1h";

/// A server that has begun to stop while an upload of `content` is half done. That the drain has begun is
/// seen from an idle session, which closes.
fn draining_server(content: &[u8]) -> (Server, Session, u64) {
    let server = server!().option_with("--drain-timeout", FOR_EVER).start();
    let mut idle = server.session();
    let mut busy = server.session();
    let id = begin_large(&mut busy, "film.mov", content.len(), &json!({})).id;
    send_pieces(&mut busy, id, content, &[0]);
    server.terminate();
    idle.assert_closed_after_an_optional("stopping");
    (server, busy, id)
}

#[test]
fn an_idle_server_stops_at_once_with_exit_code_zero() {
    for signal in [Server::terminate, Server::interrupt] {
        let mut server = server!().option_with("--drain-timeout", FOR_EVER).start();
        let mut idle = [server.session(), server.session()];
        idle.iter_mut().for_each(Session::assert_works);
        signal(&server);
        assert_eq!(server.exit_code(), 0, "{}", server.log());
        idle.iter_mut().for_each(|session| session.assert_closed_after_an_optional("stopping"));
    }
}

#[test]
fn a_server_stops_although_somebody_has_connected_and_said_nothing() {
    let mut server = server!().option_with("--drain-timeout", FOR_EVER).start();
    let _silent = Session::dial(server.address());
    // Whoever connects later is served first: the silent one is known by then.
    server.session().assert_works();
    server.terminate();
    assert_eq!(server.exit_code(), 0, "{}", server.log());
}

#[test]
fn an_upload_that_runs_is_completed_before_the_server_stops() {
    let content = bytes("content", 3 * PIECE_BYTES);
    let (mut server, mut busy, id) = draining_server(&content);
    send_pieces(&mut busy, id, &content, &[1, 2]);
    busy.send(&end(id, &content));
    assert_written(&busy.answer(id), &content);
    assert_eq!(server.exit_code(), 0, "{}", server.log());
    assert!(server.scratch().shared("film.mov") == content);
}

#[test]
fn a_download_that_runs_is_completed_before_the_server_stops() {
    let content = bytes("content", 48 * PIECE_BYTES);
    let mut server = server!().option_with("--drain-timeout", FOR_EVER).file("film.mov", &content).start();
    let (mut idle, mut busy) = (server.session(), server.session());
    let id = busy.request(json!({"type": "read", "path": "film.mov"}));
    assert_eq!(busy.answer(id)["type"], "reading");
    server.terminate();
    idle.assert_closed_after_an_optional("stopping");
    assert!(busy.payload(id).bytes == content);
    assert_eq!(server.exit_code(), 0, "{}", server.log());
}

#[test]
fn a_new_request_in_a_stopping_session_is_told_so() {
    let content = bytes("content", 2 * PIECE_BYTES);
    let (mut server, mut busy, id) = draining_server(&content);
    let late = line_of(&json!({"type": "list", "id": id + 1}));
    let rest = section_of(id, PIECE_BYTES as u64, &content[PIECE_BYTES..]);
    busy.send_raw([rest, line_of(&end(id, &content)).into_bytes(), late.into_bytes()].concat());
    assert_written(&busy.answer(id), &content);
    assert_refused(&busy.line(), "stopping");
    busy.assert_closed();
    assert_eq!(server.exit_code(), 0, "{}", server.log());
}

#[test]
fn a_new_connection_to_a_stopping_server_is_refused() {
    let content = bytes("content", 2 * PIECE_BYTES);
    let (server, _busy, _) = draining_server(&content);
    // Whether it still listens is its business; it must not serve.
    if let Ok(socket) = std::net::TcpStream::connect(server.address()) {
        let mut late = Session::over(socket);
        late.assert_closed_after_an_optional("stopping");
    }
}

#[test]
fn a_second_signal_stops_at_once_with_exit_code_one_and_leaves_the_old_file() {
    let content = bytes("content", 2 * PIECE_BYTES);
    let (mut server, mut busy, _) = draining_server(&content);
    server.terminate();
    assert_eq!(server.exit_code(), 1, "{}", server.log());
    while busy.next_line().is_some() {}
    assert!(!server.scratch().share().join("film.mov").exists());
}

#[test]
fn when_the_drain_timeout_passes_the_rest_is_cut_and_the_exit_code_is_one() {
    let mut server = server!().option_with("--drain-timeout", "300ms").start();
    let mut busy = server.session();
    begin_large(&mut busy, "film.mov", 2 * PIECE_BYTES, &json!({}));
    server.terminate();
    assert_eq!(server.exit_code(), 1, "{}", server.log());
    assert!(!server.scratch().share().join("film.mov").exists());
}

#[test]
fn after_a_stop_nothing_is_left_in_the_share() {
    let mut server = server!().option_with("--drain-timeout", "100ms").start();
    let mut busy = server.session();
    begin_large(&mut busy, "film.mov", 2 * PIECE_BYTES, &json!({}));
    server.terminate();
    assert_eq!(server.exit_code(), 1);
    assert!(server.scratch().partials().is_empty(), "{:?}", server.scratch().partials());
}
