//! The transport below the frames: a socket, plain at first, and over TLS from where both ends have shaken hands.

use super::EXPORTED_BYTES;
use super::tls::{HandshakeError, Tls};
use super::watch::Watch;
use crate::key::PublicKey;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustls::Connection as State;
use socket2::{SockRef, TcpKeepalive};
use std::fmt;
use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// An end that vanished without a word (a lost network, a power cut) is noticed after about half a minute, however
/// long it may be idle: what it was uploading can then be continued by its next start.
const PROBE_AFTER: Duration = Duration::from_secs(15);
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
const PROBES_MAX: u32 = 3;

/// A connected byte stream that two threads may use at once, one in each direction.
pub struct Stream {
    socket: TcpStream,
    /// Set once, before anything else is said.
    tls: OnceLock<Tls>,
    /// Whether the other end keeps us waiting, while it opens.
    watch: Watch,
}

impl Stream {
    pub(super) fn plain(socket: TcpStream, patience: Duration) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let probes =
            TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL).with_retries(PROBES_MAX);
        SockRef::from(&socket).set_tcp_keepalive(&probes)?;
        socket.set_write_timeout(Some(patience))?;
        Ok(Self { socket, tls: OnceLock::new(), watch: Watch::default() })
    }

    /// Shakes hands, all of it before `deadline`; from then on everything is encrypted. Gives the other end's key.
    pub(super) fn secure(&self, state: State, deadline: Instant) -> Result<PublicKey, HandshakeError> {
        let patience = self.socket.write_timeout().map_err(HandshakeError::Lost)?;
        let tls = Tls::shake_hands(state, (&self.socket, &self.watch), deadline)?;
        self.socket.set_write_timeout(patience).map_err(HandshakeError::Lost)?;
        Ok(self.tls.get_or_init(|| tls).peer())
    }

    pub(super) fn peer_key(&self) -> Option<PublicKey> {
        self.tls.get().map(Tls::peer)
    }

    pub(super) fn exported(&self, label: &[u8]) -> Option<[u8; EXPORTED_BYTES]> {
        self.tls.get()?.exported(label)
    }

    /// The first byte that has come and was not taken yet; none at the end of the stream.
    pub(super) fn peek(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        let count = self.watch.peek(&self.socket, &mut first)?;
        Ok((count > 0).then_some(first[0]))
    }

    pub(super) fn set_read_timeout(&self, patience: Duration) -> io::Result<()> {
        // Zero would mean "wait for ever".
        self.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))))
    }

    /// From now on, or no longer, others can see whether a read waits.
    pub(super) fn watch(&self, is_opening: bool) {
        self.watch.look(is_opening);
    }

    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    pub(super) fn set_write_timeout(&self, patience: Duration) -> io::Result<()> {
        self.socket.set_write_timeout(Some(patience.max(Duration::from_millis(1))))
    }

    /// Waits for bytes once; none where those that came mean nothing yet.
    pub(super) fn read(&self, target: &mut [u8]) -> io::Result<Option<usize>> {
        match self.tls.get() {
            Some(tls) => tls.read((&self.socket, &self.watch), target),
            None => self.watch.read(&self.socket, target).map(Some),
        }
    }

    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self.tls.get() {
            Some(tls) => tls.write_all(&self.socket, bytes),
            None => (&mut &self.socket).write_all(bytes),
        }
    }

    /// The socket that bytes may be spliced into without passing through this program; none under TLS.
    pub(super) fn raw_socket(&self) -> Option<BorrowedFd<'_>> {
        self.tls.get().is_none().then(|| self.socket.as_fd())
    }

    /// Whether a read would not wait: bytes or the end of the stream are there.
    pub(super) fn is_readable_now(&self) -> bool {
        match self.tls.get() {
            Some(tls) => tls.is_readable_now((&self.socket, &self.watch), || self.is_socket_readable()),
            None => self.is_socket_readable(),
        }
    }

    pub(super) fn finish_sending(&self) -> io::Result<()> {
        if let Some(tls) = self.tls.get() {
            tls.say_goodbye(&self.socket)?;
        }
        self.socket.shutdown(Shutdown::Write)
    }

    fn is_socket_readable(&self) -> bool {
        let mut set = [PollFd::new(&self.socket, PollFlags::IN)];
        let now = Timespec::default();
        poll(&mut set, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// Waits so long at most; whether the connection was closed by this end, or is broken.
    pub(super) fn is_gone_within(&self, pause: Duration) -> io::Result<bool> {
        // What is asked for nothing tells of this alone.
        let mut set = [PollFd::new(&self.socket, PollFlags::empty())];
        let pause = Timespec::try_from(pause).unwrap_or_default();
        Ok(poll(&mut set, Some(&pause))? > 0)
    }

    fn finish_receiving(&self) {
        // As below.
        let _ = self.socket.shutdown(Shutdown::Read);
    }

    fn abort(&self) {
        // If the option cannot be set, the other end learns of it later.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
        self.close();
    }

    fn close(&self) {
        // It may be closed already, which is what was wanted.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_secure = self.tls.get().is_some();
        formatter.debug_struct("Stream").field("socket", &self.socket).field("is_secure", &is_secure).finish()
    }
}

/// Ends a connection from another thread: every blocked read and write on it returns at once.
#[derive(Debug, Clone)]
pub struct Closer(pub(super) Arc<Stream>);

impl Closer {
    /// Closes both directions.
    pub fn close(&self) {
        self.0.close();
    }

    /// Closes both directions so that the other end sees it at once, even one that only sends and waits for room:
    /// what was under way is lost, and the connection is reset.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether this end waits for bytes, and there are none: the other end's turn.
    pub(crate) fn is_kept_waiting(&self) -> bool {
        // In this order: where what came is gone, whoever took it had ended its wait before.
        !self.0.is_socket_readable() && self.0.watch.waits()
    }

    /// As if somebody were in a read.
    #[cfg(test)]
    pub(crate) fn pretend_to_read(&self) {
        self.0.watch.pretend_to_wait();
    }

    /// Nothing more is waited for: what arrived can still be read, then comes the end of the stream.
    pub fn finish_receiving(&self) {
        self.0.finish_receiving();
    }
}

impl AsFd for Closer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.socket.as_fd()
    }
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
