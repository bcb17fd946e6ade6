//! TLS 1.3 below the frames, with raw public keys at both ends (RFC 8446, RFC 7250): no certificates, no resumption, no
//! early data.
//!
//! Two threads may use it at once. A lock is around the state of the connection alone, and nobody waits for the socket
//! while holding it: what was received is taken in under the lock, what is to be sent is encrypted under it into a
//! buffer. Whoever reads never writes; what TLS itself wants to say leaves with the next words. Must not know whom to trust.

mod config;

pub use config::{Acceptor, Offer};

use super::EXPORTED_BYTES;
use super::identity::key_of_spki;
use super::watch::Watch;
use crate::key::PublicKey;
use rustls::Connection as State;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Bytes of ciphertext taken from the socket at a time: several full records.
const CIPHER_BYTES: usize = 128 * 1024;
/// The same where little comes, or nothing: idle connections are many.
const CIPHER_BYTES_IDLE: usize = 4 * 1024;
/// Bytes encrypted at a time, between two calls to the socket.
const ENCRYPT_BYTES: usize = 256 * 1024;

/// Why no secure connection came about.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// The other end is silent, or too slow.
    #[error("timed out in the TLS handshake")]
    TimedOut,
    /// The connection broke.
    #[error("the connection was lost in the TLS handshake: {0}")]
    Lost(#[source] io::Error),
    /// The other end speaks no TLS as it is needed here, or lies.
    #[error("the TLS handshake failed: {0}")]
    Failed(#[source] rustls::Error),
    /// The other end shows no key of ours.
    #[error("the other end shows no Ed25519 key")]
    NoKey,
}

/// A socket, and what others see of whoever reads from it.
pub(super) type Watched<'a> = (&'a TcpStream, &'a Watch);

/// A connection's TLS.
pub(super) struct Tls {
    state: Mutex<State>,
    reading: Mutex<Reading>,
    /// What is encrypted and not sent yet; held while it is sent, so that words leave in their order.
    writing: Mutex<Vec<u8>>,
    peer: PublicKey,
}

struct Reading {
    cipher: Vec<u8>,
    /// What is decrypted and was not taken yet, from `taken` on.
    plain: Vec<u8>,
    taken: usize,
    /// The other end has said that nothing more comes.
    is_ended: bool,
    /// What a look ahead met, and the next read tells.
    failed: Option<io::Error>,
}

impl Tls {
    /// Shakes hands over the socket, all of it before `deadline`.
    pub(super) fn shake_hands(
        mut state: State,
        (socket, watch): Watched<'_>,
        deadline: Instant,
    ) -> Result<Self, HandshakeError> {
        state.set_buffer_limit(None);
        let mut received = Reading::new();
        while state.is_handshaking() || state.wants_write() {
            if state.wants_write() {
                say(&mut state, socket, deadline)?;
            } else {
                hear(&mut state, (socket, watch), &mut received, deadline)?;
            }
        }
        let peer = state.peer_certificates().and_then(|keys| keys.first());
        let peer = peer.and_then(|key| key_of_spki(key)).ok_or(HandshakeError::NoKey)?;
        Ok(Self { state: Mutex::new(state), reading: Mutex::new(received), writing: Mutex::default(), peer })
    }

    /// The key of the other end, which has proven that it has its secret half.
    pub(super) fn peer(&self) -> PublicKey {
        self.peer
    }

    /// A value of this connection that its two ends alone can know.
    pub(super) fn exported(&self, label: &[u8]) -> Option<[u8; EXPORTED_BYTES]> {
        lock(&self.state).export_keying_material([0; EXPORTED_BYTES], label, None).ok()
    }

    /// Reads from the socket once at most: none where what came was no whole record yet. So drips extend no deadline
    /// of who reads.
    pub(super) fn read(&self, socket: Watched<'_>, target: &mut [u8]) -> io::Result<Option<usize>> {
        let mut reading = lock(&self.reading);
        if let Some(count) = reading.take(target)? {
            return Ok(Some(count));
        }
        match self.receive(&mut reading, socket, target)? {
            0 => reading.take(target),
            count => Ok(Some(count)),
        }
    }

    /// Whether a read would not wait; `is_readable` says so of the socket.
    pub(super) fn is_readable_now(&self, socket: Watched<'_>, is_readable: impl Fn() -> bool) -> bool {
        let mut reading = lock(&self.reading);
        while !reading.has_something() && is_readable() {
            if let Err(error) = self.receive(&mut reading, socket, &mut []) {
                reading.failed = Some(error);
            }
        }
        reading.has_something()
    }

    pub(super) fn write_all(&self, socket: &TcpStream, bytes: &[u8]) -> io::Result<()> {
        let mut encrypted = lock(&self.writing);
        for portion in bytes.chunks(ENCRYPT_BYTES) {
            let mut state = lock(&self.state);
            state.writer().write_all(portion)?;
            drain_into(&mut state, &mut encrypted)?;
            drop(state);
            send(socket, &mut encrypted)?;
        }
        Ok(())
    }

    /// Says that nothing more comes (close_notify): without it, the other end must take what it has for cut off.
    pub(super) fn say_goodbye(&self, socket: &TcpStream) -> io::Result<()> {
        let mut encrypted = lock(&self.writing);
        let mut state = lock(&self.state);
        state.send_close_notify();
        drain_into(&mut state, &mut encrypted)?;
        drop(state);
        send(socket, &mut encrypted)
    }

    /// Reads from the socket once; gives how much of what that brought is in `target` already.
    fn receive(
        &self,
        reading: &mut Reading,
        (socket, watch): Watched<'_>,
        target: &mut [u8],
    ) -> io::Result<usize> {
        let count = watch.read(socket, &mut reading.cipher)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut off without a goodbye"));
        }
        let mut state = lock(&self.state);
        reading.take_in(&mut state, count, target)
    }
}

impl Reading {
    fn new() -> Self {
        let cipher = vec![0; CIPHER_BYTES_IDLE];
        Self { cipher, plain: Vec::new(), taken: 0, is_ended: false, failed: None }
    }

    fn has_something(&self) -> bool {
        self.taken < self.plain.len() || self.is_ended || self.failed.is_some()
    }

    /// What is there; none where something has to arrive first.
    fn take(&mut self, target: &mut [u8]) -> io::Result<Option<usize>> {
        let left = self.plain.get(self.taken..).unwrap_or_default();
        let count = left.len().min(target.len());
        if let (Some(target), Some(left)) = (target.get_mut(..count), left.get(..count)) {
            target.copy_from_slice(left);
        }
        self.taken += count;
        if count > 0 {
            return Ok(Some(count));
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(self.is_ended.then_some(0)),
        }
    }

    /// Decrypts the first `count` bytes of the ciphertext, into `target` as far as there is room and nothing waits; gives how
    /// much that was. An error behind something that was decrypted is told by the next read.
    fn take_in(&mut self, state: &mut State, count: usize, target: &mut [u8]) -> io::Result<usize> {
        let cipher = std::mem::take(&mut self.cipher);
        let mut left = cipher.get(..count).unwrap_or_default();
        let (mut outcome, mut filled) = (Ok(()), 0);
        while !left.is_empty() && outcome.is_ok() {
            outcome = state.read_tls(&mut left).and_then(|_| {
                let told = state.process_new_packets().map_err(invalid)?;
                self.is_ended |= told.peer_has_closed();
                filled += self.drain(state, target.get_mut(filled..).unwrap_or_default())?;
                Ok(())
            });
        }
        self.cipher = cipher;
        self.make_room_after(count);
        match outcome {
            Err(error) if filled > 0 => self.failed = Some(error),
            outcome => outcome?,
        }
        Ok(filled)
    }

    /// The next read is expected to bring about as much as the last, which brought `count` bytes.
    fn make_room_after(&mut self, count: usize) {
        let room = self.cipher.len();
        if count == room && room < CIPHER_BYTES {
            self.cipher.resize((8 * room).min(CIPHER_BYTES), 0);
        } else if count < room / 32 && room > CIPHER_BYTES_IDLE {
            self.cipher = vec![0; CIPHER_BYTES_IDLE];
        }
    }

    fn drain(&mut self, state: &mut State, target: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.plain.len() {
            self.plain.clear();
            self.taken = 0;
        }
        let mut filled = 0;
        while self.plain.is_empty() && filled < target.len() {
            match or_nothing(state.reader().read(target.get_mut(filled..).unwrap_or_default()))? {
                0 => return Ok(filled),
                count => filled += count,
            }
        }
        or_nothing(state.reader().read_to_end(&mut self.plain))?;
        Ok(filled)
    }
}

/// What is not there yet is no error.
fn or_nothing(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

fn say(state: &mut State, socket: &TcpStream, deadline: Instant) -> Result<(), HandshakeError> {
    let mut encrypted = Vec::new();
    drain_into(state, &mut encrypted).map_err(HandshakeError::Lost)?;
    socket.set_write_timeout(Some(left_until(deadline)?)).map_err(HandshakeError::Lost)?;
    send(socket, &mut encrypted).map_err(broken)
}

/// What follows the handshake may have come with its end, and is kept for whoever reads.
fn hear(
    state: &mut State,
    (socket, watch): Watched<'_>,
    received: &mut Reading,
    deadline: Instant,
) -> Result<(), HandshakeError> {
    socket.set_read_timeout(Some(left_until(deadline)?)).map_err(HandshakeError::Lost)?;
    let count = watch.read(socket, &mut received.cipher).map_err(broken)?;
    if count == 0 {
        return Err(HandshakeError::Lost(io::ErrorKind::UnexpectedEof.into()));
    }
    let taken = received.take_in(state, count, &mut []).map(drop);
    taken.map_err(|error| {
        // The alert says why; if it cannot be sent, the other end sees the connection close.
        let _ = say(state, socket, deadline);
        error.downcast().map_or_else(HandshakeError::Lost, HandshakeError::Failed)
    })
}

fn left_until(deadline: Instant) -> Result<Duration, HandshakeError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(HandshakeError::TimedOut) } else { Ok(left.max(Duration::from_millis(1))) }
}

fn drain_into(state: &mut State, encrypted: &mut Vec<u8>) -> io::Result<()> {
    while state.wants_write() {
        state.write_tls(encrypted)?;
    }
    Ok(())
}

fn send(socket: &TcpStream, encrypted: &mut Vec<u8>) -> io::Result<()> {
    let sent = (&mut &*socket).write_all(encrypted);
    encrypted.clear();
    sent
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn broken(error: io::Error) -> HandshakeError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => HandshakeError::TimedOut,
        _ => HandshakeError::Lost(error),
    }
}

/// A panic of another thread in between leaves what TLS then refuses to decrypt: nothing wrong is passed on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
