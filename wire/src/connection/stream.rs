//! The transport below the frames: a plain socket now; TLS will be a second variant, with the same calls.

use rustix::fd::{AsFd, BorrowedFd};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// An end that vanished without a word (a lost network, a power cut) is noticed after about half a minute, however
/// long it may be idle: what it was uploading can then be continued by its next start.
const PROBE_AFTER: Duration = Duration::from_secs(15);
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
const PROBES_MAX: u32 = 3;

/// A connected byte stream that two threads may use at once, one in each direction.
#[derive(Debug)]
pub struct Stream(Transport);

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
}

impl Stream {
    pub(super) fn plain(socket: TcpStream, patience: Duration) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let probes =
            TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL).with_retries(PROBES_MAX);
        SockRef::from(&socket).set_tcp_keepalive(&probes)?;
        socket.set_write_timeout(Some(patience))?;
        Ok(Self(Transport::Plain(socket)))
    }

    pub(super) fn set_read_timeout(&self, patience: Duration) -> io::Result<()> {
        let Transport::Plain(socket) = &self.0;
        // Zero would mean "wait for ever".
        socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))))
    }

    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        let Transport::Plain(socket) = &self.0;
        socket.local_addr().ok()
    }

    pub(super) fn set_write_timeout(&self, patience: Duration) -> io::Result<()> {
        let Transport::Plain(socket) = &self.0;
        socket.set_write_timeout(Some(patience.max(Duration::from_millis(1))))
    }

    pub(super) fn read(&self, target: &mut [u8]) -> io::Result<usize> {
        let Transport::Plain(socket) = &self.0;
        retry_interrupted(|| (&mut &*socket).read(target))
    }

    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let Transport::Plain(socket) = &self.0;
        (&mut &*socket).write_all(bytes)
    }

    /// The socket that bytes may be spliced into without passing through this program; none under TLS.
    pub(super) fn raw_socket(&self) -> Option<BorrowedFd<'_>> {
        let Transport::Plain(socket) = &self.0;
        Some(socket.as_fd())
    }

    /// Whether a read would not wait: bytes or the end of the stream are there.
    pub(super) fn is_readable_now(&self) -> bool {
        let Transport::Plain(socket) = &self.0;
        let mut set = [rustix::event::PollFd::new(socket, rustix::event::PollFlags::IN)];
        let now = rustix::event::Timespec::default();
        rustix::event::poll(&mut set, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    pub(super) fn finish_sending(&self) -> io::Result<()> {
        let Transport::Plain(socket) = &self.0;
        socket.shutdown(Shutdown::Write)
    }

    fn finish_receiving(&self) {
        let Transport::Plain(socket) = &self.0;
        // As below.
        let _ = socket.shutdown(Shutdown::Read);
    }

    fn abort(&self) {
        let Transport::Plain(socket) = &self.0;
        // If the option cannot be set, the other end learns of it later.
        let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        self.close();
    }

    fn close(&self) {
        let Transport::Plain(socket) = &self.0;
        // It may be closed already, which is what was wanted.
        let _ = socket.shutdown(Shutdown::Both);
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

    /// Nothing more is waited for: what arrived can still be read, then comes the end of the stream.
    pub fn finish_receiving(&self) {
        self.0.finish_receiving();
    }
}

pub(super) fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
