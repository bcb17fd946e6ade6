//! A neighbour of a peer, spoken by hand from PROTOCOL.md, section 9: it opens links, or takes them, and says
//! over them whatever a test wants said.
//!
//! It must not know the product's codec. What it hears is held against the rules of lines, as in a session.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::session::{Session, line_of};

/// The port of a neighbour that nobody is to reach: port 1 answers nowhere.
pub const NO_PORT: u16 = 1;
/// Ids of floods and processes that were drawn: none is used twice.
static LAST_ID: AtomicU64 = AtomicU64::new(0);

/// One link to a peer, spoken by hand.
pub struct Neighbour {
    session: Session,
    process_id: String,
}

/// A listener that nobody may contact, or only as often as the test says.
pub struct Canary(TcpListener);

impl Neighbour {
    /// Opens a link as a new peer that listens nowhere.
    ///
    /// # Panics
    /// When the link is refused.
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &json!({}))
    }

    /// Opens a link with these fields in its `hello`.
    ///
    /// # Panics
    /// When the link is refused.
    pub fn open_with(address: SocketAddr, fields: &Value) -> Self {
        let mut neighbour = Self::greeting(address, fields);
        let welcome = neighbour.session.line();
        assert_eq!([&welcome["type"], &welcome["role"]], ["welcome", "peer"], "{welcome}");
        neighbour
    }

    /// Says `hello` with these fields, and hears nothing yet.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn greeting(address: SocketAddr, fields: &Value) -> Self {
        Self::greeting_over(TcpStream::connect(address).unwrap(), fields)
    }

    /// [`Neighbour::greeting`] over a connection that is there already.
    ///
    /// # Panics
    /// When it is broken.
    pub fn greeting_over(socket: TcpStream, fields: &Value) -> Self {
        let mut session = Session::over(socket);
        let mut hello = hello(&new_id());
        hello.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let process_id = hello["process_id"].as_str().unwrap_or_default().to_owned();
        session.send(&hello);
        Self { session, process_id }
    }

    /// Takes the link that a peer opens, and greets it.
    ///
    /// # Panics
    /// When the peer says something else than the `hello` of a peer.
    pub fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().unwrap();
        let mut session = Session::over(socket);
        let hello = session.line();
        assert_eq!([&hello["type"], &hello["role"]], ["hello", "peer"], "{hello}");
        let process_id = new_id();
        session.send_raw(line_of(&welcome(&process_id)));
        Self { session, process_id }
    }

    /// Its id.
    pub fn process_id(&self) -> &str {
        &self.process_id
    }

    /// The connection below, for what is no message of a link.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Value) {
        self.session.send(message);
    }

    /// Sends a search for these words that may cross so many links; returns its id.
    pub fn search(&mut self, words: &str, ttl: u64) -> String {
        let id = new_id();
        self.send(&search(&id, words, ttl));
        id
    }

    /// The next message that is no `ping`.
    pub fn hear(&mut self) -> Value {
        loop {
            let line = self.session.line();
            if line["type"] != "ping" {
                return line;
            }
        }
    }

    /// The next message, which must be of this type.
    ///
    /// # Panics
    /// When it is of another.
    pub fn hear_a(&mut self, kind: &str) -> Value {
        let line = self.hear();
        assert_eq!(line["type"], kind, "{line}");
        line
    }

    /// The files that the peer itself has for these words. That it has none is seen from its answer to a
    /// discover, which comes later.
    pub fn found_files(&mut self, words: &str) -> Vec<Value> {
        self.search(words, 1);
        self.files_until_answered()
    }

    /// How many files the peer itself has for these words, however much is passed on meanwhile.
    ///
    /// # Panics
    /// When a result is none.
    pub fn found_files_among_floods(&mut self, words: &str) -> usize {
        let id = self.search(words, 1);
        let lines = self.lines_until_answered();
        let of_ours = lines.iter().filter(|line| line["search_id"] == id.as_str());
        of_ours.map(|line| line["files"].as_array().expect("files").len()).sum()
    }

    /// Asks the peer for an answer, and gives the files of all results that come before it.
    ///
    /// # Panics
    /// When it says something that answers no question.
    pub fn files_until_answered(&mut self) -> Vec<Value> {
        let mut files = Vec::new();
        for line in self.lines_until_answered() {
            assert_eq!(line["type"], "search_result", "{line}");
            files.extend(line["files"].as_array().expect("files").iter().cloned());
        }
        files
    }

    /// Asks the peer for an answer, which it gives after it has dealt with all that was sent before; gives all
    /// that it said until then.
    pub fn lines_until_answered(&mut self) -> Vec<Value> {
        let id = new_id();
        self.send(&discover(&id, 1));
        let mut lines = Vec::new();
        loop {
            let line = self.hear();
            if line["type"] == "discover_result" && line["discover_id"] == id.as_str() {
                return lines;
            }
            lines.push(line);
        }
    }

    /// All that the peer sends on until now. What others flood is held for a moment, and sent on in the order in which it
    /// came: `marking` floods last, and its flood is waited for.
    pub fn lines_until_marked_by(&mut self, marking: &mut Self) -> Vec<Value> {
        let id = new_id();
        marking.send(&discover(&id, 2));
        let mut lines = Vec::new();
        loop {
            let line = self.hear();
            if line["type"] == "discover" && line["discover_id"] == id.as_str() {
                // The answer to the marker is nothing that was sent on.
                marking.lines_until_answered();
                return lines;
            }
            lines.push(line);
        }
    }

    /// Sees that the peer still answers over this link, and says nothing else.
    ///
    /// # Panics
    /// When it does.
    pub fn assert_works(&mut self) {
        let lines = self.lines_until_answered();
        assert!(lines.is_empty(), "{lines:?}");
    }

    /// Whether the peer says something or closes within so much time.
    pub fn hears_within(&mut self, time: Duration) -> bool {
        self.session.hears_within(time)
    }
}

impl Default for Canary {
    fn default() -> Self {
        Self::new()
    }
}

impl Canary {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub fn new() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When the socket does not say.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The listener, for a test in which somebody does answer.
    pub fn listener(&self) -> &TcpListener {
        &self.0
    }

    /// How many connected since the last look. The system completes connections by itself, so none is missed
    /// that was tried before.
    ///
    /// # Panics
    /// When the socket refuses the option.
    pub fn contact_count(&self) -> usize {
        self.0.set_nonblocking(true).unwrap();
        let count = std::iter::from_fn(|| self.0.accept().ok()).count();
        self.0.set_nonblocking(false).unwrap();
        count
    }

    /// Fails the test if anybody connected.
    ///
    /// # Panics
    /// Then.
    pub fn assert_was_never_contacted(&self) {
        assert_eq!(self.contact_count(), 0, "somebody contacted an address that a message named");
    }
}

/// The `hello` of a peer with this id that listens nowhere.
pub fn hello(process_id: &str) -> Value {
    json!({
        "type": "hello", "agent": "by-hand/1", "versions": [1], "role": "peer",
        "process_id": process_id, "port": NO_PORT,
    })
}

/// The `welcome` of a peer with this id.
pub fn welcome(process_id: &str) -> Value {
    let mut welcome = crate::imposter::welcome();
    welcome["role"] = json!("peer");
    welcome["process_id"] = json!(process_id);
    welcome
}

/// A search that has crossed no link yet.
pub fn search(id: &str, words: &str, ttl: u64) -> Value {
    json!({"type": "search", "search_id": id, "ttl": ttl, "hops": 0, "words": words})
}

/// A discover that has crossed no link yet.
pub fn discover(id: &str, ttl: u64) -> Value {
    json!({"type": "discover", "discover_id": id, "ttl": ttl, "hops": 0})
}

/// A result with one file, of an owner who is the neighbour itself.
pub fn result(id: &str, path: &str) -> Value {
    json!({"type": "search_result", "search_id": id, "hops": 0, "files": [{"path": path, "byte_count": 5}]})
}

/// 32 hex digits that no other flood or process of this test program has.
pub fn new_id() -> String {
    let number = LAST_ID.fetch_add(1, Ordering::Relaxed);
    blake3::hash(&[std::process::id().to_le_bytes().as_slice(), &number.to_le_bytes()].concat()).to_hex()
        [..32]
        .to_owned()
}
