//! Guests: invited by the program's own command, enrolled by a `hello` over TLS.
//!
//! It must not know what they may do.

use std::process::Command;

use integration_tests::server::Server;
use integration_tests::session::{PROCESS_ID, Session, hello};
use integration_tests::tls::{TlsKey, TlsStream};
use serde_json::{Value, json};

/// Somebody with a key.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) key: TlsKey,
}

impl Guest {
    /// Somebody whom nobody invited.
    pub(crate) fn stranger() -> Self {
        Self { name: "a stranger".to_owned(), key: TlsKey::generate() }
    }

    /// Invites and enrols somebody: `words` say to what, as in `--read --below team`.
    pub(crate) fn enrolled(server: &Server, name: &str, words: &[&str]) -> Self {
        let guest = Self { name: name.to_owned(), key: TlsKey::generate() };
        let secret = invited(server, name, words);
        let (_, answer) = guest.say_hello(server, Some(&secret));
        assert_eq!(answer["type"], "welcome", "{name}: {answer}");
        guest
    }

    /// A connection over which nothing was said.
    pub(crate) fn dial(&self, server: &Server) -> TlsStream {
        TlsStream::dial(server.address(), &self.key).0
    }

    /// Opens a session, or does not: what it was answered.
    pub(crate) fn say_hello(&self, server: &Server, invitation: Option<&str>) -> (Session, Value) {
        let mut session = Session::over(self.dial(server));
        let mut opening = hello(PROCESS_ID);
        if let Some(secret) = invitation {
            opening["invitation"] = json!(secret);
        }
        session.send(&opening);
        let answer = session.line();
        (session, answer)
    }

    /// A session that is open.
    pub(crate) fn session(&self, server: &Server) -> Session {
        let (session, answer) = self.say_hello(server, None);
        assert_eq!(answer["type"], "welcome", "{}: {answer}", self.name);
        session
    }
}

/// The secret of a new invitation; the key that stands beside it must be the server's.
pub(crate) fn invited(server: &Server, name: &str, words: &[&str]) -> String {
    let printed = manage(server, &[&["invite", name], words].concat());
    let (key, secret) = printed.trim().split_once("/#").unwrap().1.split_once('.').unwrap();
    let (_, shown) = TlsStream::dial(server.address(), &TlsKey::generate());
    assert_eq!(key, shown, "the key in {printed}");
    secret.to_owned()
}

/// Runs one of the server's subcommands on its state folder; what it printed.
pub(crate) fn manage(server: &Server, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ioe-server-under-test"));
    command.args(words).arg("--state-dir").arg(server.scratch().state());
    command.env("HOME", server.scratch().home()).env_remove("RUST_LOG").env_remove("XDG_STATE_HOME");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
