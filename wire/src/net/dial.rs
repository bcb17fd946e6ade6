//! Making a connection: each address of a host in turn, within one deadline.

use super::Address;
use super::address::are_beyond_loopback;
use crate::connection::Connection;
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
/// Plain text goes to loopback only, unless `plaintext_anywhere`.
///
/// # Errors
/// See [`DialError`].
pub fn dial(
    address: &Address,
    patience: Duration,
    plaintext_anywhere: bool,
) -> Result<Connection, DialError> {
    let unresolved = |source| DialError::Unresolved { address: address.clone(), source };
    let candidates = address.resolve().map_err(unresolved)?;
    if !plaintext_anywhere && are_beyond_loopback(&candidates) {
        return Err(DialError::PlainBeyondLoopback { address: address.clone() });
    }
    let deadline = Instant::now() + patience;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in candidates {
        match connect(candidate, deadline).and_then(|socket| Connection::new(socket, patience)) {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(DialError::Unreachable { address: address.clone(), source: last })
}

fn connect(candidate: SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    TcpStream::connect_timeout(&candidate, left)
}
