//! A real server behind TLS by hand: whoever stands there passes sessions on, with a key of the test's choice, keeps each
//! `hello`, and cuts connections where it was told to.
//!
//! It must not know what the sessions are about.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::imposter::Imposter;
use crate::session::{Session, line_of};
use crate::stream::Stream;
use crate::tls::TlsKey;

/// What becomes of one connection.
#[derive(Clone)]
pub struct Passage {
    /// Whose key is shown.
    pub key: TlsKey,
    /// So many bytes pass to the client before it is cut, without TLS's own goodbye.
    pub byte_count_max: Option<u64>,
}

/// One who passes sessions on. Dropping it ends every connection.
pub struct Front {
    imposter: Imposter,
    hellos: Arc<Mutex<Vec<Value>>>,
}

impl Front {
    /// Passes all on, with this key.
    pub fn start(server: SocketAddr, key: &TlsKey) -> Self {
        let key = key.clone();
        Self::start_with(server, move |_| Passage { key: key.clone(), byte_count_max: None })
    }

    /// Passes on what `rule` says of each connection; they count from 0.
    pub fn start_with(server: SocketAddr, rule: impl Fn(usize) -> Passage + Send + Sync + 'static) -> Self {
        let hellos = Arc::new(Mutex::new(Vec::new()));
        let (heard, rule) = (Arc::clone(&hellos), Arc::new(rule));
        let key_rule = Arc::clone(&rule);
        let imposter = Imposter::over_tls(
            move |number| key_rule(number).key,
            move |number, session| {
                let Some(hello) = session.next_line() else { return };
                heard.lock().unwrap().push(hello.clone());
                pass(session, &hello, server, rule(number).byte_count_max);
            },
        );
        Self { imposter, hellos }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.imposter.address()
    }

    /// What each client has said first that took the key.
    ///
    /// # Panics
    /// When a thread has panicked.
    pub fn hellos(&self) -> Vec<Value> {
        self.hellos.lock().unwrap().clone()
    }
}

fn pass(session: &mut Session, hello: &Value, server: SocketAddr, byte_count_max: Option<u64>) {
    let mut there = TcpStream::connect(server).unwrap();
    // The server meets no network proof and no invitation: those are for the tests that look at them here.
    let mut hello = hello.clone();
    hello.as_object_mut().unwrap().remove("invitation");
    there.write_all(line_of(&hello).as_bytes()).unwrap();
    let (answers, back) = (there.try_clone().unwrap(), session.stream().clone());
    let answering = thread::spawn(move || give_back(answers, back, byte_count_max));
    session.pass_on(&mut there);
    let _ = there.shutdown(Shutdown::Write);
    answering.join().unwrap();
}

fn give_back(answers: TcpStream, mut back: Stream, byte_count_max: Option<u64>) {
    let mut answers = answers.take(byte_count_max.unwrap_or(u64::MAX));
    let is_passed = std::io::copy(&mut answers, &mut back).is_ok();
    let is_cut = !is_passed || answers.limit() == 0;
    match &mut back {
        Stream::Tls(stream) if !is_cut => stream.say_goodbye(),
        stream => {
            let _ = stream.socket().shutdown(Shutdown::Both);
        }
    }
    let _ = answers.into_inner().shutdown(Shutdown::Both);
}
