//! Case 47: whoever gives a daemon a standard error and does not read it loses log lines, and nothing else.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use integration_tests::session::Session;
use integration_tests::{peer, server};
use rustix::pipe::{PipeFlags, pipe_with};
use serde_json::json;

/// Their lines are several times what a pipe holds.
const REQUESTS_LEAST: usize = 3000;
/// Several times as long as a daemon waits for the reader of its log before it gives lines up.
const ASKING_TIME: Duration = Duration::from_millis(500);

/// A pipe for a log, of which nobody reads anything before the test does.
struct UnreadLog {
    reader: File,
    writer: OwnedFd,
}

impl UnreadLog {
    fn new() -> Self {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        Self { reader: reader.into(), writer }
    }

    /// What a shell does to give it to a program as its standard error.
    fn redirection(&self) -> String {
        format!("exec 2>/proc/{}/fd/{}", std::process::id(), self.writer.as_raw_fd())
    }

    /// Reads once, as much as a pipe holds.
    fn make_room(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 20];
        let count = self.reader.read(&mut bytes).unwrap();
        bytes.truncate(count);
        bytes
    }

    /// All that is left after the end of the program.
    fn rest(mut self) -> Vec<u8> {
        drop(self.writer);
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes).unwrap();
        bytes
    }
}

/// Asks until lines must have been lost; gives how often.
fn ask_often(session: &mut Session) -> usize {
    let (begun, mut count) = (Instant::now(), 0);
    while count < REQUESTS_LEAST || begun.elapsed() < ASKING_TIME {
        session.ask_refused(json!({"type": "stat", "path": "nothing"}), "not_found");
        count += 1;
    }
    count
}

#[test]
fn a_server_whose_log_nobody_reads_answers_everybody_and_ends_when_told() {
    for format in ["text", "json"] {
        let log = UnreadLog::new();
        let setup = server!().after_shell(&log.redirection()).option_with("--log-format", format);
        let mut server = setup.file("a.txt", b"hello").start();
        let mut sessions = [server.session(), server.session()];
        let asked: usize = sessions.iter_mut().map(ask_often).sum();
        assert_eq!(server.session().read_file("a.txt"), b"hello");
        server.terminate();
        assert_eq!(server.exit_code(), 0, "{format}");
        let log = String::from_utf8(log.rest()).unwrap();
        let lines = log.lines().count();
        assert!(lines > 10 && lines < asked, "{lines} lines");
        assert!(log.ends_with('\n'), "no line is broken: {:?}", log.lines().last());
    }
}

#[test]
fn a_log_that_is_read_again_says_how_many_lines_were_lost() {
    for format in ["text", "json"] {
        let mut log = UnreadLog::new();
        let mut server =
            server!().after_shell(&log.redirection()).option_with("--log-format", format).start();
        let mut session = server.session();
        let asked = ask_often(&mut session);
        let mut text = log.make_room();
        session.ask_refused(json!({"type": "stat", "path": "the-next"}), "not_found");
        drop(session);
        server.terminate();
        assert_eq!(server.exit_code(), 0, "{format}");
        text.extend(log.rest());
        let text = String::from_utf8(text).unwrap();
        let (before, after) = text.split_once(" log lines were lost").expect("a line that tells of losses");
        assert!(after.contains("the-next"), "{after}");
        // Those that came out and those that were lost are all of them.
        let told = before.rsplit(|mark: char| !mark.is_ascii_digit()).next().unwrap();
        let told: usize = told.parse().unwrap();
        let written = text.lines().filter(|line| line.contains("nothing")).count();
        assert_eq!(told + written, asked, "{told} lost and {written} written");
    }
}

#[test]
fn a_peer_whose_log_nobody_reads_answers_everybody_and_ends_when_told() {
    let log = UnreadLog::new();
    let mut peer = peer!().after_shell(&log.redirection()).file("a.txt", b"hello").start();
    let mut session = peer.session();
    ask_often(&mut session);
    assert_eq!(peer.session().read_file("a.txt"), b"hello");
    peer.terminate();
    assert_eq!(peer.exit_code(), 0);
    assert!(log.rest().ends_with(b"\n"));
}
