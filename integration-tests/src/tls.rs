//! Both ends of TLS 1.3 with raw public keys (PROTOCOL.md), as streams of bytes: whoever is there is taken at its word, and
//! its key is told, so that a test can be anybody.
//!
//! It must not know what is said over it, nor the product's own TLS.

mod config;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, HandshakeKind, ServerConnection};

use crate::patience::HANG_TIME_MAX;

/// What stands before an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Bytes of a value that is made for both ends of one connection.
const EXPORTED_BYTES: usize = 32;

/// An Ed25519 key, both halves.
#[derive(Clone)]
pub struct TlsKey {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl TlsKey {
    /// A new one.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn generate() -> Self {
        let kept = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::from_pkcs8(kept.as_ref())
    }

    /// The one that a program keeps in its state folder.
    ///
    /// # Panics
    /// When it is none.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Self {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).expect("a key in the form of PKCS #8");
        Self { pkcs8: pkcs8.to_vec(), public: pair.public_key().as_ref().to_vec() }
    }

    /// As a program keeps it.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Its public half, as 64 hex digits.
    pub fn public_hex(&self) -> String {
        hex(&self.public)
    }

    fn spki(&self) -> Vec<u8> {
        [SPKI_PREFIX, &self.public].concat()
    }
}

/// One end of a connection over TLS. Clones are the same end. What it drops without [`TlsStream::say_goodbye`] is cut off.
#[derive(Clone)]
pub struct TlsStream {
    socket: Arc<TcpStream>,
    state: Arc<Mutex<Connection>>,
    /// What is decrypted and was not read yet.
    plain: Arc<Mutex<VecDeque<u8>>>,
}

impl TlsStream {
    /// Dials and shakes hands as the owner of `key`; gives the other end's key, too.
    ///
    /// # Panics
    /// When nobody listens, or no TLS comes about.
    pub fn dial(address: SocketAddr, key: &TlsKey) -> (Self, String) {
        Self::try_dial(address, key).unwrap_or_else(|error| panic!("no TLS with {address}: {error}"))
    }

    /// [`TlsStream::dial`] of somebody who may not want it.
    ///
    /// # Errors
    /// What happened instead.
    pub fn try_dial(address: SocketAddr, key: &TlsKey) -> io::Result<(Self, String)> {
        Self::offer_over(TcpStream::connect(address)?, key)
    }

    /// Shakes hands as the end that dialled, over a connection that is there.
    ///
    /// # Errors
    /// What happened instead.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    pub fn offer_over(socket: TcpStream, key: &TlsKey) -> io::Result<(Self, String)> {
        Self::offer_so(socket, Arc::new(offer_of(key)))
    }

    /// [`TlsStream::offer_over`] in ways of the test's own, made from [`offer_of`].
    ///
    /// # Errors
    /// What happened instead.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    pub fn offer_so(socket: TcpStream, config: Arc<ClientConfig>) -> io::Result<(Self, String)> {
        let name = ServerName::try_from("ioe").unwrap();
        let state = ClientConnection::new(config, name).unwrap();
        Self::shake_hands(socket, state.into())
    }

    /// Shakes hands as the end that accepted, over a connection that is there.
    ///
    /// # Errors
    /// What happened instead.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    pub fn accept_over(socket: TcpStream, key: &TlsKey) -> io::Result<(Self, String)> {
        let state = ServerConnection::new(config::of_server(key)).unwrap();
        Self::shake_hands(socket, state.into())
    }

    fn shake_hands(mut socket: TcpStream, mut state: Connection) -> io::Result<(Self, String)> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(HANG_TIME_MAX))?;
        socket.set_write_timeout(Some(HANG_TIME_MAX))?;
        while state.is_handshaking() || state.wants_write() {
            state.complete_io(&mut socket)?;
        }
        let keys = state.peer_certificates().unwrap_or_default();
        let shown = keys.first().and_then(|key| key.strip_prefix(SPKI_PREFIX));
        let theirs = hex(shown.ok_or_else(|| io::Error::other("it shows no Ed25519 key"))?);
        Ok((
            Self { socket: Arc::new(socket), state: Arc::new(Mutex::new(state)), plain: Arc::default() },
            theirs,
        ))
    }

    /// A value of this connection that its two ends alone can make (RFC 8446, section 7.5).
    ///
    /// # Panics
    /// When TLS has none.
    pub fn exported(&self, label: &[u8]) -> [u8; EXPORTED_BYTES] {
        self.state().export_keying_material([0; EXPORTED_BYTES], label, None).unwrap()
    }

    /// Whether an earlier connection was continued, so that no key was shown.
    pub fn is_resumed(&self) -> bool {
        self.state().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Says that nothing more comes (close_notify), and closes this direction. That the other end has gone is no error.
    pub fn say_goodbye(&mut self) {
        self.state().send_close_notify();
        let _ = self.send_gathered();
        self.cut();
    }

    /// Closes this direction without a word, as somebody does who cuts the connection on its way.
    pub fn cut(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// What it is carried by.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// What is there to be read, if anything is.
    fn take_decrypted(&self, target: &mut [u8]) -> Option<usize> {
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        (!plain.is_empty()).then(|| plain.read(target).unwrap_or(0))
    }

    /// Takes all that is decrypted, because rustls takes no more before; whether the other end said goodbye.
    fn drain(&self) -> io::Result<bool> {
        let mut decrypted = Vec::new();
        let read = self.state().reader().read_to_end(&mut decrypted);
        self.plain.lock().unwrap_or_else(PoisonError::into_inner).extend(decrypted);
        match read {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn state(&self) -> MutexGuard<'_, Connection> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_gathered(&self) -> io::Result<()> {
        let mut state = self.state();
        while state.wants_write() {
            state.write_tls(&mut &*self.socket)?;
        }
        Ok(())
    }
}

impl Read for TlsStream {
    /// The end of the stream where the other end said goodbye; an error (`UnexpectedEof`) where it was cut off.
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            let drained = self.drain();
            if let Some(count) = self.take_decrypted(target) {
                return Ok(count);
            }
            if drained? {
                return Ok(0);
            }
            let mut cipher = [0; 16 * 1024];
            let count = (&*self.socket).read(&mut cipher)?;
            let mut arrived = &cipher[..count];
            // Also without any bytes: then it is the end.
            loop {
                self.state().read_tls(&mut arrived)?;
                self.state().process_new_packets().map_err(io::Error::other)?;
                if arrived.is_empty() {
                    break;
                }
                // An end comes last, and is looked at above.
                self.drain()?;
            }
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.state().writer().write(bytes)?;
        self.send_gathered().map(|()| count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_gathered()
    }
}

/// How the owner of `key` dials.
pub fn offer_of(key: &TlsKey) -> ClientConfig {
    config::of_client(key)
}

/// Somebody who accepts connections over TLS.
pub struct TlsListener {
    listener: TcpListener,
    key: TlsKey,
}

impl TlsListener {
    /// Listens on a free port of this machine, as the owner of `key`.
    ///
    /// # Panics
    /// When there is none.
    pub fn bind(key: TlsKey) -> Self {
        Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), key }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When the system does not tell.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Waits for the next connection and shakes hands; gives the other end's key, too.
    ///
    /// # Panics
    /// When no TLS comes about.
    pub fn accept(&self) -> (TlsStream, String) {
        self.try_accept().unwrap_or_else(|error| panic!("no TLS: {error}"))
    }

    /// [`TlsListener::accept`] of somebody who may not want it.
    ///
    /// # Errors
    /// What happened instead.
    pub fn try_accept(&self) -> io::Result<(TlsStream, String)> {
        TlsStream::accept_over(self.listener.accept()?.0, &self.key)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// What the accepting end hears of one that says `hello` and then leaves like this, and whose key it saw.
    fn heard(leave: impl FnOnce(&mut TlsStream)) -> (io::Result<String>, bool) {
        let (one, other) = (TlsKey::generate(), TlsKey::generate());
        let listener = TlsListener::bind(one.clone());
        let address = listener.address();
        let accepting = thread::spawn(move || {
            let (mut stream, theirs) = listener.accept();
            let mut text = String::new();
            let read = stream.read_to_string(&mut text).map(|_| text);
            (read, theirs, stream.exported(b"a test"))
        });
        let (mut stream, theirs) = TlsStream::dial(address, &other);
        stream.write_all(b"hello").unwrap();
        leave(&mut stream);
        let exported = stream.exported(b"a test");
        let (read, seen, exported_there) = accepting.join().unwrap();
        let are_right = theirs == one.public_hex() && seen == other.public_hex();
        (read, are_right && exported == exported_there)
    }

    #[test]
    fn both_ends_know_each_other_and_a_cut_is_told_from_a_goodbye() {
        let (read, are_right) = heard(TlsStream::say_goodbye);
        assert!(are_right && read.unwrap() == "hello");
        let (read, are_right) = heard(|stream| stream.cut());
        assert!(are_right && read.unwrap_err().kind() == io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_key_that_was_kept_is_the_same() {
        let key = TlsKey::generate();
        assert_eq!(TlsKey::from_pkcs8(key.pkcs8()).public_hex(), key.public_hex());
    }
}
