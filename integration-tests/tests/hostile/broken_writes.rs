//! Case 8: a payload that stops too early, in every way a connection can stop.

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{Session, assert_refused, line_of, section_of, with_id};
use integration_tests::upload::{assert_written, begin_large, send_pieces, write, write_request};
use serde_json::json;

const OLD: &[u8] = b"the old file";
/// How a client can stop.
const STOPS: [Stop; 3] = [Stop::Close, Stop::Reset, Stop::Silence];

#[derive(Debug, Clone, Copy)]
enum Stop {
    Close,
    Reset,
    Silence,
}

impl Stop {
    fn stop(self, server: &Server, mut session: Session) {
        match self {
            Self::Close => drop(session),
            Self::Reset => session.reset(),
            Self::Silence => {
                // What was in flight may still be answered; the last word is about the time.
                let mut last = session.line();
                while last["code"] != "timed_out" {
                    last = session.line();
                }
                assert_refused(&last, "timed_out");
                session.assert_closed();
            }
        }
        server.wait_until_alone();
    }
}

fn impatient_server() -> Server {
    server!().option_with("--idle-timeout", "2s").file("a.bin", OLD).start()
}

#[test]
fn a_small_write_that_stops_anywhere_leaves_the_old_file_and_no_descriptor() {
    let server = impatient_server();
    let content = bytes("small", 100_000);
    let request = line_of(&with_id(write_request("a.bin", content.len(), &json!({})), 1)).into_bytes();
    let whole = [request.clone(), section_of(1, 0, &content)].concat();
    let descriptors = server.descriptor_count();
    for stop in STOPS {
        for length in [request.len(), request.len() + 20, whole.len() / 2, whole.len() - 1, whole.len()] {
            let mut session = server.session();
            session.send_raw(&whole[..length]);
            stop.stop(&server, session);
            assert_eq!(server.scratch().shared("a.bin"), OLD, "{stop:?} after {length} bytes");
        }
    }
    assert!(server.scratch().partials().is_empty());
    assert!(server.descriptor_count() <= descriptors);
}

#[test]
fn a_large_write_that_stops_anywhere_leaves_the_old_file_and_no_descriptor() {
    let server = impatient_server();
    let content = bytes("large", 3 * PIECE_BYTES);
    let descriptors = server.descriptor_count();
    for stop in STOPS {
        for piece_count in 0..=3 {
            let mut session = server.session();
            let ready = begin_large(&mut session, "a.bin", content.len(), &json!({}));
            send_pieces(&mut session, ready.id, &content, &(0..piece_count).collect::<Vec<_>>());
            stop.stop(&server, session);
            assert_eq!(server.scratch().shared("a.bin"), OLD, "{stop:?} after {piece_count} pieces");
        }
    }
    assert!(server.scratch().partials().is_empty());
    assert!(server.descriptor_count() <= descriptors);
}

#[test]
fn a_large_write_that_stops_within_a_section_is_kept_for_resuming_where_that_was_wanted() {
    let content = bytes("kept", 4 * PIECE_BYTES);
    let server = impatient_server();
    let wanted = json!({"base_wanted": true});
    for stop in [Stop::Close, Stop::Silence] {
        let mut session = server.session();
        let ready = begin_large(&mut session, "a.bin", content.len(), &wanted);
        send_pieces(&mut session, ready.id, &content, &[0, 1]);
        let third = section_of(ready.id, 2 * PIECE_BYTES as u64, &content[2 * PIECE_BYTES..3 * PIECE_BYTES]);
        session.send_raw(&third[..third.len() / 2]);
        stop.stop(&server, session);
        assert_eq!(server.scratch().shared("a.bin"), OLD, "{stop:?}");
        let uploaded = write(&mut server.session(), "a.bin", &content, &wanted);
        assert_written(&uploaded.answer, &content);
        assert_eq!(uploaded.sent_byte_count, 2 * PIECE_BYTES, "{stop:?}");
        assert!(server.scratch().shared("a.bin") == content);
        server.scratch().put("a.bin", OLD);
    }
    assert!(server.scratch().partials().is_empty());
}

#[test]
fn a_name_is_free_for_the_next_upload_after_one_stopped() {
    let content = bytes("next", 2 * PIECE_BYTES);
    let server = impatient_server();
    let wanted = json!({"base_wanted": true});
    for (stop, sent_pieces) in
        [(Stop::Close, 0), (Stop::Close, 1), (Stop::Reset, 0), (Stop::Reset, 1), (Stop::Silence, 1)]
    {
        let mut first = Session::open_as(server.address(), &"a".repeat(32));
        let ready = begin_large(&mut first, "a.bin", content.len(), &wanted);
        send_pieces(&mut first, ready.id, &content, &(0..sent_pieces).collect::<Vec<_>>());
        stop.stop(&server, first);
        let mut second = Session::open_as(server.address(), &"b".repeat(32));
        assert_written(&write(&mut second, "a.bin", &content, &wanted).answer, &content);
        assert!(server.scratch().partials().is_empty(), "{stop:?} after {sent_pieces} pieces");
        server.scratch().put("a.bin", OLD);
    }
}
