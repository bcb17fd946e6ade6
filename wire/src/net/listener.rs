//! Listening: a socket with a deep backlog whose wait for the next connection can be ended.

use super::{Address, Wake};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use thiserror::Error;

/// Connections that the kernel completes before we accept them: a smaller backlog costs a burst whole seconds of
/// repeated SYNs. The kernel clamps it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Why nobody can be listened to.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address is not ours, is taken, or names no host.
    #[error("cannot listen on {address}")]
    Unusable {
        /// Where.
        address: Address,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens at the first of `address`'s socket addresses; port 0 picks a free one.
    ///
    /// # Errors
    /// When it cannot be resolved, is not ours, or is taken.
    pub fn bind(address: &Address) -> Result<Self, ListenError> {
        Self::open(address).map_err(|source| ListenError::Unusable { address: address.clone(), source })
    }

    fn open(address: &Address) -> io::Result<Self> {
        let nowhere = || io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
        let address = address.resolve()?.into_iter().next().ok_or_else(nowhere)?;
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from(socket);
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next connection; `None` once `wake` was called.
    ///
    /// # Errors
    /// When none can be accepted now (descriptors or memory are short); it may be called again later.
    pub fn accept(&self, wake: &Wake) -> io::Result<Option<TcpStream>> {
        loop {
            match self.socket.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false)?;
                    return Ok(Some(socket));
                }
                Err(error) if is_passing(&error) => match wake.or_readable(&self.socket) {
                    Ok(false) => return Ok(None),
                    Ok(true) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
    }
}

/// Nobody is there yet, or whoever was there has left again.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted | ConnectionAborted | ConnectionReset)
}
