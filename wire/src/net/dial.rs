//! Making a connection: each address of a host in turn, within one deadline.

use super::wake::Ready;
use super::{Address, Security, Wake};
use crate::connection::{Closer, Connection, HandshakeError};
use crate::key::PublicKey;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Why nobody could be reached.
#[derive(Debug, Error)]
pub enum DialError {
    /// The host's name is not known.
    #[error("{address} cannot be resolved: {source}")]
    Unresolved {
        /// What was dialled.
        address: Address,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nobody answers there.
    #[error("{address} cannot be reached: {source}")]
    Unreachable {
        /// What was dialled.
        address: Address,
        /// What the last attempt met.
        source: io::Error,
    },
    /// Bytes would leave this machine in plain text.
    #[error("{address} is not on this machine, and nobody without a key speaks TLS")]
    PlainBeyondLoopback {
        /// What was dialled.
        address: Address,
    },
    /// TLS did not come about.
    #[error("no secure connection with {address}: {source}")]
    Handshake {
        /// What was dialled.
        address: Address,
        /// What went wrong.
        source: Box<HandshakeError>,
    },
    /// Somebody else answers than who is known by that address.
    #[error(transparent)]
    WrongKey(Box<WrongKey>),
    /// Nobody knows the key that answers.
    #[error("the key of {address} is not known here: {found}")]
    UnknownKey {
        /// What was dialled.
        address: Address,
        /// The key that answered.
        found: PublicKey,
    },
}

/// Two keys that should be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the key of {address} is not the known one: expected {expected}, found {found}. Either it has been set up anew, or \
     somebody else answers in its place"
)]
pub struct WrongKey {
    /// What was dialled.
    pub address: Address,
    /// The key that is known.
    pub expected: PublicKey,
    /// The key that answered.
    pub found: PublicKey,
}

/// Somebody who was reached, and to whom nothing has been said.
#[derive(Debug)]
pub struct Dialled<'a> {
    connection: Connection,
    address: &'a Address,
    /// None where plain text is spoken.
    security: Option<&'a Security>,
    deadline: Instant,
}

/// Connects to `address`, with `patience` for that, for a handshake and, later, as the longest wait without progress. A call of
/// `wake` ends the attempt.
///
/// # Errors
/// See [`DialError`].
pub fn dial<'a>(
    address: &'a Address,
    patience: Duration,
    security: &'a Security,
    wake: &Wake,
) -> Result<Dialled<'a>, DialError> {
    let unresolved = |source| DialError::Unresolved { address: address.clone(), source };
    let candidates = address.resolve().map_err(unresolved)?;
    let security = (!security.is_plain_to(&candidates)).then_some(security);
    if security.is_some_and(|security| security.offer.is_none()) {
        return Err(DialError::PlainBeyondLoopback { address: address.clone() });
    }
    let deadline = Instant::now() + patience;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in candidates {
        match connect(candidate, deadline, wake).and_then(|socket| Connection::new(socket, patience)) {
            Ok(connection) => return Ok(Dialled { connection, address, security, deadline }),
            Err(error) => last = error,
        }
    }
    Err(DialError::Unreachable { address: address.clone(), source: last })
}

impl Dialled<'_> {
    /// With it, another thread can end the handshake, and all that follows.
    #[must_use]
    pub fn closer(&self) -> Closer {
        self.connection.closer()
    }

    /// The connection, once it is as secure as it has to be.
    ///
    /// # Errors
    /// See [`DialError`]; nothing was told to whoever is there.
    pub fn secured(mut self) -> Result<Connection, DialError> {
        if let Some(security) = self.security {
            // Nobody waits for a handshake for longer than for a `hello`.
            let deadline = self.deadline.min(self.connection.opening_deadline());
            security.secure(&mut self.connection, self.address, deadline)?;
        }
        Ok(self.connection)
    }
}

/// Connects without blocking, so that the wait for an outcome can be ended.
fn connect(candidate: SocketAddr, deadline: Instant, wake: &Wake) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(candidate), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&candidate.into()) {
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {
            await_outcome(&socket, deadline, wake)?;
        }
        other => other?,
    }
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}

fn await_outcome(socket: &Socket, deadline: Instant, wake: &Wake) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match wake.or_writable(socket, left) {
            Ok(Ready::Source) => return socket.take_error()?.map_or(Ok(()), Err),
            Ok(Ready::Wake) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Ok(Ready::Nothing) => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Expected, PlainTo};
    use super::*;
    use crate::connection::{Acceptor, Identity, Offer};
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// An address that neither accepts nor refuses: its backlog is full.
    fn crowded() -> (TcpListener, Vec<TcpStream>) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap().into();
        let attempt = |_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            assert!(
                socket
                    .connect(&address)
                    .is_err_and(|error| error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()))
            );
            TcpStream::from(socket)
        };
        // Of many attempts, one is taken in: then there is no room for another.
        let waiting: Vec<_> = (0..64).map(attempt).collect();
        while waiting.iter().all(|socket| socket.peer_addr().is_err()) {
            std::thread::yield_now();
        }
        (listener, waiting)
    }

    #[test]
    fn an_attempt_without_an_outcome_ends_at_its_deadline_or_when_it_is_called_off() {
        let (listener, _waiting) = crowded();
        let address = Address::from(listener.local_addr().unwrap());
        let wake = Wake::new().unwrap();
        let plain = Security::none();
        let timed_out = dial(&address, Duration::from_millis(50), &plain, &wake);
        assert!(
            matches!(timed_out, Err(DialError::Unreachable { source, .. }) if source.kind() == io::ErrorKind::TimedOut)
        );
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| wake.call());
            assert!(dial(&address, PATIENCE, &Security::none(), &wake).is_err());
        });
        assert!(begun.elapsed() < PATIENCE / 2);
    }

    #[test]
    fn where_nobody_listens_the_error_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::from(listener.local_addr().unwrap());
        drop(listener);
        let error = dial(&address, PATIENCE, &Security::none(), &Wake::new().unwrap()).unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }

    fn listening(ip: [u8; 4]) -> (TcpListener, Address) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = Address::from(SocketAddr::from((ip, listener.local_addr().unwrap().port())));
        (listener, address)
    }

    #[test]
    fn beyond_loopback_nobody_is_dialled_in_plain_text_unless_it_is_wanted() {
        // Not a number of loopback, and yet it leads nowhere else.
        let (listener, address) = listening([0, 0, 0, 0]);
        let (wake, mut security) = (Wake::new().unwrap(), Security::none());
        let refused = dial(&address, PATIENCE, &security, &wake);
        assert!(matches!(refused, Err(DialError::PlainBeyondLoopback { .. })));
        assert!(listener.accept().is_err(), "nobody was contacted");
        security.plain = PlainTo::Anywhere;
        assert!(dial(&address, PATIENCE, &security, &wake).unwrap().secured().is_ok());
    }

    /// Dials somebody with a key, expecting `expected` of it, given its key; tells also whether anything but TLS was said.
    fn dialled(ip: [u8; 4], expected: impl FnOnce(PublicKey) -> Expected) -> (Result<(), DialError>, bool) {
        let (listener, address) = listening(ip);
        listener.set_nonblocking(false).unwrap();
        let (ours, theirs) = (Identity::generate().unwrap().0, Identity::generate().unwrap().0);
        let acceptor = Acceptor::of(&theirs).unwrap();
        let accepting = std::thread::spawn(move || {
            let mut connection = Connection::new(listener.accept().unwrap().0, PATIENCE).unwrap();
            let deadline = connection.opening_deadline();
            let is_tls = connection.begins_with_tls(deadline).unwrap();
            is_tls && connection.accept_tls(&acceptor, deadline).is_ok()
        });
        let offer = Some(Offer::of(&ours).unwrap());
        let security = Security { offer, expected: expected(theirs.public()), plain: PlainTo::Loopback };
        let wake = Wake::new().unwrap();
        let outcome = dial(&address, PATIENCE, &security, &wake).and_then(Dialled::secured).map(drop);
        (outcome, accepting.join().unwrap())
    }

    #[test]
    fn whose_key_is_known_is_spoken_to_in_tls_even_on_this_machine() {
        assert!(matches!(dialled([127, 0, 0, 1], Expected::Key), (Ok(()), true)));
    }

    #[test]
    fn another_key_than_the_known_one_stops_whoever_dials_and_both_are_named() {
        let known = PublicKey([7; 32]);
        let (outcome, is_tls) = dialled([127, 0, 0, 1], |_| Expected::Key(known));
        let error = outcome.unwrap_err();
        let text = error.to_string();
        let DialError::WrongKey(wrong) = error else { panic!("{error}") };
        assert!(wrong.expected == known && is_tls);
        assert!(text.contains(&known.to_string()) && text.contains(&wrong.found.to_string()), "{text}");
    }

    #[test]
    fn a_key_that_nobody_knows_stops_whoever_wants_a_known_one() {
        let (outcome, is_tls) = dialled([0, 0, 0, 0], |_| Expected::Nothing);
        assert!(matches!(outcome, Err(DialError::UnknownKey { .. })) && is_tls);
        assert!(dialled([0, 0, 0, 0], |_| Expected::Anything).0.is_ok());
    }

    #[test]
    fn whoever_speaks_no_tls_is_not_spoken_to_in_plain_text_instead() {
        let (listener, address) = listening([127, 0, 0, 1]);
        listener.set_nonblocking(false).unwrap();
        let accepting = std::thread::spawn(move || {
            let mut socket = listener.accept().unwrap().0;
            socket.write_all(b"{\"v\":1,\"type\":\"refused\",\"code\":\"busy\",\"message\":\"\"}\n").unwrap();
            let mut said = Vec::new();
            // The dialling end may reset it.
            let _ = socket.read_to_end(&mut said);
            said
        });
        let offer = Some(Offer::of(&Identity::generate().unwrap().0).unwrap());
        let expected = Expected::Key(PublicKey([7; 32]));
        let security = Security { offer, expected, plain: PlainTo::Anywhere };
        let wake = Wake::new().unwrap();
        let outcome = dial(&address, PATIENCE, &security, &wake).unwrap().secured();
        assert!(matches!(outcome, Err(DialError::Handshake { .. })));
        assert_eq!(accepting.join().unwrap().first(), Some(&0x16));
    }
}
