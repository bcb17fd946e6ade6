//! Case 21: FIFOs, sockets and devices are refused without being opened.

use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use integration_tests::server;
use integration_tests::upload::write;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use serde_json::json;

fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}

#[test]
fn a_fifo_and_a_socket_are_no_files_for_any_request_and_no_thread_hangs_on_them() {
    let server = server!().start();
    let share = server.scratch().share();
    make_fifo(&share.join("fifo"));
    let _socket = UnixListener::bind(share.join("socket")).unwrap();
    symlink("fifo", share.join("link")).unwrap();
    for path in ["fifo", "socket", "link"] {
        let mut session = server.session();
        session.ask_refused(json!({"type": "read", "path": path}), "not_a_file");
        session.ask_refused(json!({"type": "pieces", "path": path}), "not_a_file");
        session.ask_refused(json!({"type": "stat", "path": path, "with_digest": true}), "not_a_file");
        session.ask_refused(json!({"type": "list", "path": path}), "not_a_folder");
        session.ask_refused(json!({"type": "mkdir", "path": path}), "not_a_folder");
        let answer = write(&mut session, path, b"planted", &json!({})).answer;
        assert!(answer["type"] == "refused", "{path}: {answer}");
        session.assert_works();
    }
    assert!(share.join("fifo").symlink_metadata().unwrap().file_type().is_fifo());
}

#[test]
fn a_writer_that_waits_at_a_fifo_is_not_woken() {
    let server = server!().start();
    let fifo = server.scratch().share().join("fifo");
    make_fifo(&fifo);
    let mut session = server.session();
    session.ask_refused(json!({"type": "read", "path": "fifo"}), "not_a_file");
    session.listing(json!({"type": "list", "recursive": true}));
    // Opening for writing without waiting fails as long as nobody has it open for reading.
    let opened = open(&fifo, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
    assert_eq!(opened.unwrap_err(), rustix::io::Errno::NXIO);
}
