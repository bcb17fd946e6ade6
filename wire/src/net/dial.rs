//! Making a connection: each address of a host in turn, within one deadline.

use super::address::are_beyond_loopback;
use super::wake::Ready;
use super::{Address, Wake};
use crate::connection::Connection;
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
    #[error(
        "{address} is not on this machine, and the connection would be readable by everyone on the way: \
         use --plaintext if that is what you want"
    )]
    PlainBeyondLoopback {
        /// What was dialled.
        address: Address,
    },
}

/// Connects to `address`, with `patience` for connecting and, later, as the longest wait without progress.
/// Plain text goes to loopback only, unless `plaintext_anywhere`. A call of `wake` ends the attempt.
///
/// # Errors
/// See [`DialError`].
pub fn dial(
    address: &Address,
    patience: Duration,
    plaintext_anywhere: bool,
    wake: &Wake,
) -> Result<Connection, DialError> {
    let unresolved = |source| DialError::Unresolved { address: address.clone(), source };
    let candidates = address.resolve().map_err(unresolved)?;
    if !plaintext_anywhere && are_beyond_loopback(&candidates) {
        return Err(DialError::PlainBeyondLoopback { address: address.clone() });
    }
    let deadline = Instant::now() + patience;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in candidates {
        match connect(candidate, deadline, wake).and_then(|socket| Connection::new(socket, patience)) {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(DialError::Unreachable { address: address.clone(), source: last })
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
    use super::*;
    use std::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// An address that neither accepts nor refuses: its backlog is full.
    fn crowded() -> (TcpListener, Vec<TcpStream>) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let short = Duration::from_millis(200);
        let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&address, short).ok());
        let waiting: Vec<_> = waiting.take(64).collect();
        (listener, waiting)
    }

    #[test]
    fn an_attempt_without_an_outcome_ends_at_its_deadline_or_when_it_is_called_off() {
        let (listener, _waiting) = crowded();
        let address = Address::from(listener.local_addr().unwrap());
        let wake = Wake::new().unwrap();
        let timed_out = dial(&address, Duration::from_millis(50), false, &wake);
        assert!(
            matches!(timed_out, Err(DialError::Unreachable { source, .. }) if source.kind() == io::ErrorKind::TimedOut)
        );
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| wake.call());
            assert!(dial(&address, PATIENCE, false, &wake).is_err());
        });
        assert!(begun.elapsed() < PATIENCE / 2);
    }

    #[test]
    fn where_nobody_listens_the_error_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::from(listener.local_addr().unwrap());
        drop(listener);
        let error = dial(&address, PATIENCE, false, &Wake::new().unwrap()).unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }

    #[test]
    fn beyond_loopback_nobody_is_dialled_in_plain_text_unless_it_is_wanted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        // Not a number of loopback, and yet it leads nowhere else.
        let address = Address::from(SocketAddr::from(([0, 0, 0, 0], listener.local_addr().unwrap().port())));
        let wake = Wake::new().unwrap();
        let refused = dial(&address, PATIENCE, false, &wake);
        assert!(matches!(refused, Err(DialError::PlainBeyondLoopback { .. })));
        assert!(listener.accept().is_err(), "nobody was contacted");
        assert!(dial(&address, PATIENCE, true, &wake).is_ok());
    }
}
