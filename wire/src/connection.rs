//! A framed byte stream: control lines and raw runs in both directions, each wait with a deadline and a reason.
//!
//! One [`Connection`] carries every conversation: a client's session, a server's, and later a peer's link. It
//! splits into halves that two threads may use at once. Must not know what any message means.

mod opening;
mod membership;
mod receiver;
mod sender;
mod rate_limit;
mod stream;
mod tls;
mod watch;
mod identity;

pub use crate::message::text::shortened;
pub use identity::{Identity, NoIdentity};
pub use membership::Membership;
pub use opening::{Opened, OpeningError, refuse, say_hello, welcome};
pub(crate) use opening::{hear_hello, refuse_opening};
pub use rate_limit::RateLimit;
pub use receiver::{Half, ReceiveError, Received, Receiver, SectionBytes, Wait};
pub use sender::{SendError, Sender};
pub use stream::{Closer, Stream};
pub use tls::{Acceptor, HandshakeError, Offer};

use crate::key::PublicKey;
use crate::limits::HELLO_TIME_MAX;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first byte of a TLS connection: a record of type handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Bytes of [`Connection::exported`].
pub const EXPORTED_BYTES: usize = 32;

/// Both halves of one framed byte stream.
#[derive(Debug)]
pub struct Connection {
    /// What comes in.
    pub receiver: Receiver,
    /// What goes out.
    pub sender: Sender,
    address: SocketAddr,
    since: Instant,
}

impl Connection {
    /// Takes over a connected socket; `patience` is the longest wait without progress, for either direction.
    ///
    /// # Errors
    /// When the socket's options cannot be set or it is no longer connected.
    pub fn new(socket: TcpStream, patience: Duration) -> std::io::Result<Self> {
        let address = socket.peer_addr()?;
        let stream = Arc::new(Stream::plain(socket, patience)?);
        let receiver = Receiver::new(Arc::clone(&stream), patience);
        Ok(Self { receiver, sender: Sender::new(stream), address, since: Instant::now() })
    }

    /// Makes it secure from the dialling end, all of it before `deadline`; gives the key of the other end, of which
    /// nothing more is known yet. To be called before anything else is said.
    ///
    /// # Errors
    /// See [`HandshakeError`]; the connection is of no use then.
    pub fn offer_tls(&mut self, offer: &Offer, deadline: Instant) -> Result<PublicKey, HandshakeError> {
        let state = offer.connection().map_err(HandshakeError::Failed)?;
        self.sender.secure(state, deadline)
    }

    /// As [`Connection::offer_tls`], from the listening end.
    ///
    /// # Errors
    /// See [`HandshakeError`]; the connection is of no use then.
    pub fn accept_tls(
        &mut self,
        acceptor: &Acceptor,
        deadline: Instant,
    ) -> Result<PublicKey, HandshakeError> {
        let state = acceptor.connection().map_err(HandshakeError::Failed)?;
        self.sender.secure(state, deadline)
    }

    /// Whether the other end begins with TLS, as its first byte tells; waits for that byte until `deadline`.
    ///
    /// # Errors
    /// When it does not come.
    pub fn begins_with_tls(&mut self, deadline: Instant) -> Result<bool, ReceiveError> {
        Ok(self.receiver.peek(deadline)? == Some(TLS_HANDSHAKE))
    }

    /// The key of the other end, which it has proven to have; none in plain text.
    #[must_use]
    pub fn peer_key(&self) -> Option<PublicKey> {
        self.sender.peer_key()
    }

    /// A value that both ends of this very connection have, and nobody else (RFC 8446, section 7.5); none in plain text.
    #[must_use]
    pub fn exported(&self, label: &[u8]) -> Option<[u8; EXPORTED_BYTES]> {
        self.sender.exported(label)
    }

    /// Until when its `hello` must be whole, all that comes before included.
    #[must_use]
    pub fn opening_deadline(&self) -> Instant {
        self.since + HELLO_TIME_MAX
    }

    /// The other end's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// This end's own address; none where the connection is broken.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.sender.local_address()
    }

    /// Until its `hello` is there, [`Closer::is_kept_waiting`] can tell.
    pub(crate) fn watch_opening(&self) {
        self.receiver.watch(true);
    }

    /// A handle with which another thread can end every wait on this connection.
    #[must_use]
    pub fn closer(&self) -> Closer {
        self.sender.closer()
    }

    /// Makes it a connection that stands: silence is no fault any more; whoever takes nothing for `stall` is given up.
    ///
    /// # Errors
    /// When it is no longer connected.
    pub fn stands(&mut self, stall: Duration) -> std::io::Result<()> {
        self.receiver.set_patience(Duration::MAX);
        self.sender.set_patience(stall)
    }

    /// Gives back what memory is not needed while nothing is said; gives the moment at which the silence has lasted too long.
    pub(crate) fn rests(&mut self) -> Option<Instant> {
        self.sender.rests();
        self.receiver.rests()
    }

    /// From now on payload bytes move in both directions as fast as this allows.
    pub fn under(&mut self, limit: &RateLimit) {
        self.receiver.under(limit);
        self.sender.under(limit);
    }

    /// Sends what is queued, closes the sending side and reads on briefly, so that the last words arrive: a
    /// socket that is dropped with unread bytes resets the connection, and a reset destroys what was under way.
    pub fn close_gently(mut self) {
        if self.sender.flush().is_ok() && self.sender.finish().is_ok() {
            self.receiver.linger();
        }
    }
}
