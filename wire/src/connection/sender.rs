//! The sending half: lines gathered into one buffer, sections from memory, and sections straight from a file.

use super::EXPORTED_BYTES;
use super::rate_limit::{RateLimit, Share};
use super::stream::{Closer, Stream, is_timeout};
use super::tls::HandshakeError;
use crate::codec::{self, Message, MessageSet};
use crate::key::PublicKey;
use crate::limits::SECTION_BYTES_MAX;
use crate::message::{ByteCount, Section};
use rustix::fd::AsFd;
use rustls::Connection as State;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Lines are gathered up to this many bytes before they are sent without being asked to.
const GATHER_BYTES: usize = 64 * 1024;
/// Room for most answers at once: lines that grow byte by byte would be moved again and again.
const GATHER_BYTES_FIRST: usize = 1024;
/// Bytes read at a time from a file that cannot be sent straight from the page cache.
const COPY_BYTES: usize = 256 * 1024;

/// Why nothing more can be sent.
#[derive(Debug, Error)]
pub enum SendError {
    /// The other end takes nothing any more.
    #[error("timed out: the other end does not take what is sent to it")]
    TimedOut,
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Lost(#[source] io::Error),
}

/// The sending half of a connection.
#[derive(Debug)]
pub struct Sender {
    stream: Arc<Stream>,
    gathered: Vec<u8>,
    copy: Vec<u8>,
    sent: u64,
    share: Option<Share>,
}

impl Sender {
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self { stream, gathered: Vec::new(), copy: Vec::new(), sent: 0, share: None }
    }

    pub(super) fn under(&mut self, limit: &RateLimit) {
        self.share = Some(Share::of(limit));
    }

    pub(super) fn secure(&self, state: State, deadline: Instant) -> Result<PublicKey, HandshakeError> {
        self.stream.secure(state, deadline)
    }

    pub(super) fn peer_key(&self) -> Option<PublicKey> {
        self.stream.peer_key()
    }

    pub(super) fn exported(&self, label: &[u8]) -> Option<[u8; EXPORTED_BYTES]> {
        self.stream.exported(label)
    }

    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        self.stream.local_address()
    }

    /// The longest wait for the other end to take something.
    pub(super) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.set_write_timeout(patience)
    }

    /// Raw payload bytes sent so far.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.sent
    }

    /// Gathers a message; it leaves with the next [`Sender::flush`], or when much has gathered.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn queue<M: Message>(&mut self, id: Option<u64>, message: &M) -> Result<(), SendError> {
        codec::encode(id, message, self.room());
        self.flush_if_large()
    }

    /// As [`Sender::queue`], for a member of a message set.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn queue_any<Set: MessageSet>(&mut self, id: Option<u64>, message: &Set) -> Result<(), SendError> {
        message.encode_body(id, self.room());
        self.flush_if_large()
    }

    /// Sends a message now, with all that was gathered before it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send<M: Message>(&mut self, id: Option<u64>, message: &M) -> Result<(), SendError> {
        codec::encode(id, message, self.room());
        self.flush()
    }

    /// Whether something has gathered that was not sent yet.
    #[must_use]
    pub fn has_gathered(&self) -> bool {
        !self.gathered.is_empty()
    }

    /// Sends what was gathered.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn flush(&mut self) -> Result<(), SendError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let result = self.stream.write_all(&self.gathered).map_err(broken);
        self.gathered.clear();
        result
    }

    /// Gives back what memory is not needed while nothing is said.
    pub(super) fn rests(&mut self) {
        self.copy = Vec::new();
        if self.gathered.is_empty() {
            self.gathered = Vec::new();
        }
    }

    /// Sends a section from memory; short ones are only gathered. Under a limit, a long one goes as several.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn section(&mut self, id: u64, offset: u64, bytes: &[u8]) -> Result<(), SendError> {
        let step = self.step(bytes.len() as u64);
        let (mut offset, mut left) = (offset, bytes);
        while left.len() as u64 > step {
            let (now, later) = left.split_at(usize::try_from(step).unwrap_or(usize::MAX));
            self.one_section(id, offset, now)?;
            (offset, left) = (offset + step, later);
        }
        self.one_section(id, offset, left)
    }

    fn one_section(&mut self, id: u64, offset: u64, bytes: &[u8]) -> Result<(), SendError> {
        self.await_turn(bytes.len() as u64)?;
        self.announce(id, offset, bytes.len() as u64);
        self.sent += bytes.len() as u64;
        if bytes.len() < GATHER_BYTES {
            self.gathered.extend_from_slice(bytes);
            return self.flush_if_large();
        }
        self.flush_with_more();
        self.flush()?;
        self.stream.write_all(bytes).map_err(broken)
    }

    /// Sends a section of `byte_count` bytes (at most [`SECTION_BYTES_MAX`]) straight from `file`, from its page
    /// cache where the transport allows; under a limit, as several. Returns false, having padded with zeros, when the
    /// file has no more.
    ///
    /// # Errors
    /// See [`SendError`]; a file that cannot be read is a padded section, not an error.
    pub fn section_of_file(
        &mut self,
        id: u64,
        offset: u64,
        byte_count: u64,
        file: impl AsFd,
    ) -> Result<bool, SendError> {
        debug_assert!(byte_count <= SECTION_BYTES_MAX);
        let step = self.step(byte_count);
        let (mut at, end) = (offset, offset + byte_count);
        while end - at > step {
            if !self.one_section_of_file(id, (at, step), &file)? {
                return Ok(false);
            }
            at += step;
        }
        self.one_section_of_file(id, (at, end - at), &file)
    }

    fn one_section_of_file(
        &mut self,
        id: u64,
        (offset, byte_count): (u64, u64),
        file: &impl AsFd,
    ) -> Result<bool, SendError> {
        self.await_turn(byte_count)?;
        self.announce(id, offset, byte_count);
        self.flush_with_more();
        self.flush()?;
        self.sent += byte_count;
        let sent = self.send_file(file, offset, byte_count)?;
        let sent = sent + self.copy_file(file, offset + sent, byte_count - sent)?;
        self.pad(byte_count - sent)?;
        Ok(sent == byte_count)
    }

    /// Closes the sending side: the other end sees the end of the stream after all that was sent.
    ///
    /// # Errors
    /// When the connection is broken already.
    pub fn finish(&self) -> Result<(), SendError> {
        self.stream.finish_sending().map_err(SendError::Lost)
    }

    pub(super) fn closer(&self) -> Closer {
        Closer(Arc::clone(&self.stream))
    }

    /// How many of so many bytes one section has at most: under a limit, those of one turn.
    #[must_use]
    pub fn step(&self, byte_count: u64) -> u64 {
        self.share.as_ref().map_or(byte_count, Share::turn_bytes)
    }

    /// Under a limit, waits until so many bytes may be sent.
    fn await_turn(&mut self, byte_count: u64) -> Result<(), SendError> {
        let Self { stream, gathered, share: Some(share), .. } = self else { return Ok(()) };
        share
            .await_credit(byte_count, |pause| {
                // What has gathered need not wait as well.
                stream.write_all(gathered)?;
                gathered.clear();
                stream.pause(pause)
            })
            .map_err(broken)?;
        share.spend(byte_count);
        Ok(())
    }

    fn announce(&mut self, id: u64, offset: u64, byte_count: u64) {
        let section = Section { offset: ByteCount::new(offset), byte_count: ByteCount::new(byte_count) };
        codec::encode(Some(id), &section, self.room());
    }

    /// Where the next line goes.
    fn room(&mut self) -> &mut Vec<u8> {
        if self.gathered.capacity() == 0 {
            self.gathered.reserve(GATHER_BYTES_FIRST);
        }
        &mut self.gathered
    }

    fn flush_if_large(&mut self) -> Result<(), SendError> {
        if self.gathered.len() >= GATHER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Hands the kernel what was gathered with the promise of more, so that a section's line and its first bytes
    /// share a packet. What it does not take at once, an ordinary flush sends.
    fn flush_with_more(&mut self) {
        let Some(socket) = self.stream.raw_socket() else { return };
        let flags = rustix::net::SendFlags::MORE | rustix::net::SendFlags::NOSIGNAL;
        if let Ok(taken) = rustix::net::send(socket, &self.gathered, flags) {
            self.gathered.drain(..taken.min(self.gathered.len()));
        }
    }

    /// From page cache to socket; returns how far that went before the file or the mechanism ended.
    #[cfg(target_os = "linux")]
    fn send_file(&self, file: &impl AsFd, offset: u64, byte_count: u64) -> Result<u64, SendError> {
        let Some(socket) = self.stream.raw_socket() else { return Ok(0) };
        let (mut at, end) = (offset, offset + byte_count);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX);
            match rustix::fs::sendfile(socket, file, Some(&mut at), wanted) {
                Ok(0) => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::IO) => break,
                Err(error) => return Err(broken(error.into())),
            }
        }
        Ok(at - offset)
    }

    #[cfg(not(target_os = "linux"))]
    fn send_file(&self, _: &impl AsFd, _: u64, _: u64) -> Result<u64, SendError> {
        Ok(0)
    }

    /// Through a buffer; returns how far the file went.
    fn copy_file(&mut self, file: &impl AsFd, offset: u64, byte_count: u64) -> Result<u64, SendError> {
        let mut done = 0;
        while done < byte_count {
            self.copy.resize(COPY_BYTES, 0);
            let wanted = usize::try_from(byte_count - done).unwrap_or(usize::MAX).min(COPY_BYTES);
            let target = self.copy.get_mut(..wanted).unwrap_or_default();
            let count = match rustix::io::pread(file, target, offset + done) {
                Ok(0) => break,
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => break,
            };
            self.stream.write_all(self.copy.get(..count).unwrap_or_default()).map_err(broken)?;
            done += count as u64;
        }
        Ok(done)
    }

    fn pad(&mut self, byte_count: u64) -> Result<(), SendError> {
        let mut left = usize::try_from(byte_count).unwrap_or(usize::MAX);
        const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];
        while left > 0 {
            let now = ZEROS.get(..left.min(ZEROS.len())).unwrap_or(&ZEROS);
            self.stream.write_all(now).map_err(broken)?;
            left -= now.len();
        }
        Ok(())
    }
}

fn broken(error: io::Error) -> SendError {
    if is_timeout(&error) { SendError::TimedOut } else { SendError::Lost(error) }
}
