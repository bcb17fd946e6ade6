//! Options that bound what a server does, from the command line and from the environment.

use integration_tests::server;
use integration_tests::session::{Session, assert_refused};
use integration_tests::upload::{write, write_file};
use serde_json::json;

#[test]
fn options_are_environment_variables_too() {
    let server = server!().variable("IOE_READ_ONLY", "1").variable("IOE_MAX_CONNECTIONS", "1").start();
    let mut session = server.session();
    session.ask_refused(json!({"type": "mkdir", "path": "a"}), "read_only");
    Session::assert_busy(server.address());
}

#[test]
fn what_is_typed_wins_over_the_environment() {
    let server =
        server!().variable("IOE_MAX_FILE_SIZE", "1KiB").option_with("--max-file-size", "2KiB").start();
    let mut session = server.session();
    write_file(&mut session, "a.bin", &[0; 2048]);
    assert_refused(&write(&mut session, "b.bin", &[0; 2049], &json!({})).answer, "too_large");
}

#[test]
fn a_read_only_server_serves_everything_else() {
    let server = server!().option("--read-only").file("in/a song.mp3", b"hello").start();
    let mut session = server.session();
    assert_eq!(session.read_file("in/a song.mp3"), b"hello");
    assert_eq!(session.listing(json!({"type": "list", "recursive": true})).0.len(), 2);
    assert_eq!(session.listing(json!({"type": "search", "words": "song"})).0.len(), 1);
    let stat = json!({"type": "stat", "path": "in/a song.mp3", "with_digest": true});
    assert_eq!(session.ask(stat)["type"], "found");
}

#[test]
fn a_small_file_at_the_largest_size_lands_and_one_byte_more_is_too_large() {
    let server = server!().option_with("--max-file-size", "1000").start();
    let mut session = server.session();
    write_file(&mut session, "a.bin", &[1; 1000]);
    assert_refused(&write(&mut session, "a.bin", &[2; 1001], &json!({})).answer, "too_large");
    assert_eq!(session.read_file("a.bin"), [1; 1000]);
}
