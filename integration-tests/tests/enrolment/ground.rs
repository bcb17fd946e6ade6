//! What these tests share: guests with keys of their own, and the server's commands beside it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use integration_tests::process::Process;
use integration_tests::server::Server;
use integration_tests::session::{PROCESS_ID, Session, hello, line_of};
use integration_tests::tls::{TlsKey, TlsStream};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use serde_json::{Value, json};
use std::io::{Read, Write};

/// What is said to all whom nobody knows.
pub(crate) const UNKNOWN: &str = "only invited guests may come in here: ask the owner for an invitation";
/// What is said to who comes with an invitation that another key used.
pub(crate) const USED: &str = "this invitation was used already: ask the owner for another one";
/// What is said to who comes too late.
pub(crate) const EXPIRED: &str = "this invitation has expired: ask the owner for another one";

/// What stands in a line that lets somebody in.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    pub(crate) address: SocketAddr,
    /// Of the server.
    pub(crate) key: String,
    pub(crate) secret: String,
}

/// How one of the server's commands ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Told {
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// A connection from an address of this machine that nobody used before, so that no failure of another one counts.
pub(crate) fn dial(address: SocketAddr) -> TcpStream {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let own = SocketAddrV4::new(Ipv4Addr::from_bits(0x7f01_0001 + number), 0);
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &own).unwrap();
    connect(&socket, &address).unwrap_or_else(|error| panic!("{address}: {error}"));
    TcpStream::from(socket)
}

/// TLS with a server, from an address of its own.
pub(crate) fn dial_tls(address: SocketAddr, key: &TlsKey) -> TlsStream {
    TlsStream::offer_over(dial(address), key).unwrap().0
}

/// The first words of somebody, perhaps with the secret of an invitation.
pub(crate) fn hello_with(invitation: Option<&str>) -> Value {
    let mut message = hello(PROCESS_ID);
    if let Some(secret) = invitation {
        message["invitation"] = json!(secret);
    }
    message
}

/// Says `hello`; the session and the first line that is answered.
pub(crate) fn knock(address: SocketAddr, key: &TlsKey, invitation: Option<&str>) -> (Session, Value) {
    let mut session = Session::over(dial_tls(address, key));
    session.send(&hello_with(invitation));
    let first = session.line();
    (session, first)
}

/// Comes in.
pub(crate) fn enter(address: SocketAddr, key: &TlsKey, invitation: Option<&str>) -> Session {
    let (session, first) = knock(address, key, invitation);
    assert_eq!(first["type"], "welcome", "{first}");
    session
}

/// Sees that this one is not let in, and is told this.
pub(crate) fn assert_kept_out(address: SocketAddr, key: &TlsKey, invitation: Option<&str>, message: &str) {
    let (mut session, first) = knock(address, key, invitation);
    assert_eq!((first["code"].as_str(), first["message"].as_str()), (Some("not_allowed"), Some(message)));
    session.assert_closed();
}

/// All that is answered to a `hello`, as bytes, up to the end of the connection.
pub(crate) fn answer_to(mut stream: impl Read + Write, invitation: Option<&str>) -> String {
    stream.write_all(line_of(&hello_with(invitation)).as_bytes()).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    String::from_utf8(said).unwrap()
}

/// The command line of one of the server's commands, for the state folder of this one.
pub(crate) fn command(server: &Server, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ioe-server-under-test"));
    command.arg("--state-dir").arg(server.scratch().state()).args(words);
    command.env("HOME", server.scratch().home()).env_remove("RUST_LOG").env_remove("XDG_STATE_HOME");
    command
}

/// Runs one of the server's commands, whether it runs or not.
pub(crate) fn manage(server: &Server, words: &[&str]) -> Told {
    let mut process = Process::start(&mut command(server, words));
    process.close_input();
    told(&mut process)
}

/// Waits for a command's end.
pub(crate) fn told(process: &mut Process) -> Told {
    let told =
        Told { code: process.exit_code(), output: process.output.text(), errors: process.errors.text() };
    assert!(!told.errors.contains("panicked"), "{told:?}");
    told
}

/// Invites somebody: `invite` and these words.
pub(crate) fn invite(server: &Server, words: &[&str]) -> Invitation {
    let told = manage(server, &[&["invite"], words].concat()).expect_code(0);
    let lines: Vec<&str> = told.output.lines().collect();
    assert_eq!(lines.len(), 1, "{told:?}");
    invitation_of(lines[0])
}

/// Reads the line that lets somebody in.
pub(crate) fn invitation_of(line: &str) -> Invitation {
    let rest = line.strip_prefix("ioe://").unwrap_or_else(|| panic!("no invitation: {line}"));
    let (address, fragment) = rest.split_once("/#").unwrap();
    let (key, secret) = fragment.split_once('.').unwrap();
    assert_eq!((key.len(), secret.len()), (64, 32), "{line}");
    let (key, secret) = (key.to_owned(), secret.to_owned());
    Invitation { address: address.parse().unwrap(), key, secret }
}

/// What `grants --json` says: name, state and key of each.
pub(crate) fn grants(server: &Server) -> Vec<(String, String, Option<String>)> {
    let told = manage(server, &["grants", "--json"]).expect_code(0);
    let of = |value: &Value| value.as_str().map(str::to_owned);
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        (of(&line["name"]).unwrap(), of(&line["state"]).unwrap(), of(&line["key"]))
    };
    told.output.lines().map(read).collect()
}

/// Somebody who was let in, as [`grants`] tells it.
pub(crate) fn guest(name: &str, key: &TlsKey) -> (String, String, Option<String>) {
    (name.to_owned(), "guest".to_owned(), Some(key.public_hex()))
}

/// Somebody who has not come yet, or is too late.
pub(crate) fn invited(name: &str, state: &str) -> (String, String, Option<String>) {
    (name.to_owned(), state.to_owned(), None)
}
