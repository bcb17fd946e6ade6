//! A session spoken by hand, as somebody would write it who has only PROTOCOL.md: lines are text or
//! `serde_json` values, payloads are bytes, and what the server says is held against the rules.
//!
//! It must not know the product's codec. Its checks fail the test: a server that breaks a rule is found by
//! every test that meets it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

pub use crate::by_hand::{hello, line_of, section_of, with_id};
use crate::content::{PIECE_BYTES, digest};
use crate::patience::HANG_TIME_MAX;
use crate::scratch::assert_is_not_from_outside;
use crate::stream::Stream;

/// The longest control line, with its line feed (PROTOCOL.md, section 11).
pub const LINE_BYTES_MAX: usize = 65536;
/// The largest number (PROTOCOL.md, section 11).
pub const BYTE_COUNT_MAX: u64 = (1 << 53) - 1;
/// The process id of sessions that do not care for one.
pub const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";

/// One end of a connection, spoken by hand.
pub struct Session {
    stream: Stream,
    reader: BufReader<Stream>,
    last_id: u64,
}

/// A payload, with what was said about it.
#[derive(Debug)]
pub struct Payload {
    /// The bytes of all sections.
    pub bytes: Vec<u8>,
    /// Offset and length of each section.
    pub sections: Vec<(u64, usize)>,
    /// The line that ended it: `end`, `sent` or `failed`.
    pub end: Value,
}

impl Session {
    /// Connects and says nothing.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn dial(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}")))
    }

    /// Speaks over a connection that is there already, a socket or TLS over one.
    ///
    /// # Panics
    /// When the connection is broken.
    pub fn over(stream: impl Into<Stream>) -> Self {
        let stream = stream.into();
        stream.socket().set_nodelay(true).unwrap();
        stream.socket().set_read_timeout(Some(HANG_TIME_MAX)).unwrap();
        stream.socket().set_write_timeout(Some(HANG_TIME_MAX)).unwrap();
        let reader = BufReader::with_capacity(256 * 1024, stream.clone());
        Self { stream, reader, last_id: 0 }
    }

    /// Passes on all that comes, until it ends; whether it ended in order.
    pub fn pass_on(&mut self, target: &mut impl Write) -> bool {
        std::io::copy(&mut self.reader, target).is_ok()
    }

    /// What it speaks over.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Connects, says `hello` and hears `welcome`.
    pub fn open(address: SocketAddr) -> Self {
        Self::open_as(address, PROCESS_ID)
    }

    /// [`Session::open`] as the process with this id.
    pub fn open_as(address: SocketAddr, process_id: &str) -> Self {
        let mut session = Self::dial(address);
        session.send(&hello(process_id));
        let welcome = session.line();
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        session
    }

    /// Connects, says `hello` and is told that there is no room.
    ///
    /// # Panics
    /// When the answer is another one.
    pub fn assert_busy(address: SocketAddr) {
        let mut session = Self::dial(address);
        session.send(&hello(PROCESS_ID));
        session.assert_closed_with("busy");
    }

    /// Our own address, by which the other end's log names us.
    ///
    /// # Panics
    /// When the socket has none.
    pub fn local_address(&self) -> SocketAddr {
        self.stream.socket().local_addr().unwrap()
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the other end takes none for [`HANG_TIME_MAX`], or has closed.
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the other end takes our bytes");
    }

    /// Sends bytes to somebody who may have closed meanwhile; returns whether all were taken.
    pub fn try_send_raw(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends one line; the line feed is added.
    pub fn send_line(&mut self, line: &str) {
        self.send_raw(format!("{line}\n"));
    }

    /// Sends a message; `"v":1` is added where no `v` stands.
    pub fn send(&mut self, message: &Value) {
        self.send_raw(line_of(message));
    }

    /// Sends a request under a new id, and returns the id.
    pub fn request(&mut self, request: Value) -> u64 {
        let id = self.next_id();
        self.send(&with_id(request, id));
        id
    }

    /// An id that was not used before.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Sends a request and waits for the first line of its answer.
    pub fn ask(&mut self, request: Value) -> Value {
        let id = self.request(request);
        self.answer(id)
    }

    /// Sends a request that must be refused with this code, and the session goes on.
    ///
    /// # Panics
    /// When the answer is another one.
    pub fn ask_refused(&mut self, request: Value, code: &str) -> Value {
        let answer = self.ask(request);
        assert_refused(&answer, code);
        answer
    }

    /// The next line, or nothing where the other end closed or reset the connection.
    ///
    /// # Panics
    /// When the line breaks a rule of PROTOCOL.md, section 1, or nothing comes for [`HANG_TIME_MAX`].
    pub fn next_line(&mut self) -> Option<Value> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line);
        match read {
            Err(error) if is_timeout(&error) => panic!("no line came within {HANG_TIME_MAX:?}"),
            Err(_) | Ok(0) => return None,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        assert!(line.len() <= LINE_BYTES_MAX, "a line of more than {LINE_BYTES_MAX} bytes: {:.80}", text);
        assert!(line.starts_with(b"{") && line.ends_with(b"\n"), "no line: {text:?}");
        let message: Value = serde_json::from_slice(&line).unwrap_or_else(|_| panic!("no JSON: {text:?}"));
        assert_eq!(message["v"], 1, "{text}");
        assert_is_not_from_outside(&line);
        assert!(message["type"].is_string(), "{text}");
        Some(message)
    }

    /// The next line.
    ///
    /// # Panics
    /// When the other end closes instead.
    pub fn line(&mut self) -> Value {
        self.next_line().expect("the other end closed the connection instead of sending a line")
    }

    /// The next line that is not `working`; it must have this id, or be the refusal that closes the connection.
    ///
    /// # Panics
    /// When it has another one.
    pub fn answer(&mut self, id: u64) -> Value {
        loop {
            let line = self.line();
            if line["type"] == "refused" && line["id"].is_null() {
                return line;
            }
            assert_eq!(line["id"], id, "an answer to another request: {line}");
            if line["type"] != "working" {
                return line;
            }
        }
    }

    /// Lines up to one of another type than `entries`: all entries, and that line.
    pub fn entries(&mut self, id: u64) -> (Vec<Value>, Value) {
        let mut entries = Vec::new();
        loop {
            let line = self.answer(id);
            if line["type"] != "entries" {
                return (entries, line);
            }
            entries.extend(line["entries"].as_array().expect("entries are an array").iter().cloned());
        }
    }

    /// Asks for a listing and returns its entries and the `listed` line.
    ///
    /// # Panics
    /// When it is refused or fails, or the number of entries is not the one that was said.
    pub fn listing(&mut self, request: Value) -> (Vec<Value>, Value) {
        let id = self.request(request);
        let (entries, end) = self.entries(id);
        assert_eq!(end["type"], "listed", "{end}");
        assert_eq!(end["entry_count"], entries.len(), "{end}");
        (entries, end)
    }

    /// Sections up to `end`, `sent` or `failed`, held against PROTOCOL.md, section 5.
    ///
    /// # Panics
    /// When they break a rule of that section.
    pub fn payload(&mut self, id: u64) -> Payload {
        let (mut bytes, mut sections, mut least_offset) = (Vec::new(), Vec::new(), 0);
        loop {
            let line = self.answer(id);
            if line["type"] != "section" {
                let kind = line["type"].as_str().unwrap();
                assert!(["end", "sent", "failed"].contains(&kind), "{line}");
                assert!(kind == "failed" || line["byte_count"] == bytes.len(), "{line}");
                assert!(kind != "end" || line["digest"] == digest(&bytes), "{line}");
                assert_is_not_from_outside(&bytes);
                return Payload { bytes, sections, end: line };
            }
            let offset = line["offset"].as_u64().unwrap();
            let byte_count = usize::try_from(line["byte_count"].as_u64().unwrap()).unwrap();
            assert_is_section(offset, byte_count, least_offset);
            least_offset = offset + byte_count as u64;
            sections.push((offset, byte_count));
            bytes.extend(self.raw(byte_count));
        }
    }

    /// So many raw bytes.
    ///
    /// # Panics
    /// When the connection ends before, or stalls.
    pub fn raw(&mut self, byte_count: usize) -> Vec<u8> {
        let mut bytes = vec![0; byte_count];
        self.reader.read_exact(&mut bytes).expect("the bytes that were announced");
        bytes
    }

    /// Skips raw bytes of somebody who may leave meanwhile; returns whether all came.
    pub fn try_skip(&mut self, count: u64) -> bool {
        std::io::copy(&mut (&mut self.reader).take(count), &mut std::io::sink()).is_ok_and(|n| n == count)
    }

    /// Sends a READ; returns its `reading` line and its payload.
    ///
    /// # Panics
    /// When it is refused, or the payload has another length than was said.
    pub fn read(&mut self, request: Value) -> (Value, Payload) {
        let id = self.request(request);
        let reading = self.answer(id);
        assert_eq!(reading["type"], "reading", "{reading}");
        let payload = self.payload(id);
        assert_eq!(reading["byte_count"], payload.bytes.len(), "{reading}");
        (reading, payload)
    }

    /// All bytes of a file.
    ///
    /// # Panics
    /// When it cannot be read whole.
    pub fn read_file(&mut self, path: &str) -> Vec<u8> {
        let (_, payload) = self.read(json!({"type": "read", "path": path}));
        assert_eq!(payload.end["type"], "end", "{path}: {}", payload.end);
        payload.bytes
    }

    /// Sends a section line and its bytes.
    pub fn send_section(&mut self, id: u64, offset: u64, bytes: &[u8]) {
        self.send_raw(section_of(id, offset, bytes));
    }

    /// Whether the other end says something or closes within so much time; nothing is taken.
    ///
    /// # Panics
    /// When the socket refuses the timeout.
    pub fn hears_within(&mut self, time: Duration) -> bool {
        self.stream.socket().set_read_timeout(Some(time)).unwrap();
        let heard = !matches!(self.reader.fill_buf(), Err(error) if is_timeout(&error));
        self.stream.socket().set_read_timeout(Some(HANG_TIME_MAX)).unwrap();
        heard
    }

    /// Closes our sending side only.
    pub fn finish_sending(&mut self) {
        // The other end may have closed already, which leads to the same.
        let _ = self.stream.socket().shutdown(Shutdown::Write);
    }

    /// Closes with a reset instead of an orderly end.
    ///
    /// # Panics
    /// When the socket refuses the option.
    pub fn reset(self) {
        rustix::net::sockopt::set_socket_linger(self.stream.socket(), Some(Duration::ZERO)).unwrap();
    }

    /// Waits for the connection's end; nothing more may be said before.
    ///
    /// # Panics
    /// When something is said.
    pub fn assert_closed(&mut self) {
        if let Some(line) = self.next_line() {
            panic!("the connection should be closed, but there came {line}");
        }
    }

    /// Waits for a refusal after which the connection closes.
    ///
    /// # Panics
    /// When anything else comes.
    pub fn assert_closed_with(&mut self, code: &str) -> Value {
        let refusal = self.line();
        assert_refused(&refusal, code);
        self.assert_closed();
        refusal
    }

    /// Waits for the connection's end, before which a refusal with this code may be said.
    ///
    /// # Panics
    /// When anything else comes.
    pub fn assert_closed_after_an_optional(&mut self, code: &str) {
        if let Some(last_words) = self.next_line() {
            assert_refused(&last_words, code);
            self.assert_closed();
        }
    }

    /// Sees that requests are still answered in this session.
    ///
    /// # Panics
    /// When they are not.
    pub fn assert_works(&mut self) {
        let answer = self.ask(json!({"type": "help"}));
        assert_eq!(answer["type"], "topics", "{answer}");
    }

    /// Sends from a thread of its own while this one reads, as a client must that sends much.
    ///
    /// # Panics
    /// When the connection cannot be shared.
    pub fn send_meanwhile(&self, bytes: Vec<u8>) -> thread::JoinHandle<bool> {
        let mut stream = self.stream.clone();
        thread::spawn(move || stream.write_all(&bytes).is_ok())
    }
}

/// Checks a refusal, or a failure within an answer.
///
/// # Panics
/// When it is another answer, has another code, or no text for people of at most 512 bytes.
pub fn assert_refused(answer: &Value, code: &str) {
    assert_eq!(answer["code"], code, "{answer}");
    assert_eq!(answer["type"], "refused", "{answer}");
    let message = answer["message"].as_str().expect("a refusal has a text for people");
    assert!(!message.is_empty() && message.len() <= 512, "{message}");
}

fn assert_is_section(offset: u64, byte_count: usize, least_offset: u64) {
    assert!(byte_count <= PIECE_BYTES, "a section of {byte_count} bytes");
    assert!(offset >= least_offset || byte_count == 0, "sections go backwards at {offset}");
    let last = offset + byte_count.saturating_sub(1) as u64;
    let (first_piece, last_piece) = (offset / PIECE_BYTES as u64, last / PIECE_BYTES as u64);
    assert_eq!(first_piece, last_piece, "the section at {offset} of {byte_count} bytes crosses a piece");
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
