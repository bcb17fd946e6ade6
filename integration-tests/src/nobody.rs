//! An address at which nobody listens, kept so that nobody else gets it meanwhile.
//!
//! A port that was merely free a moment ago may belong to another test by now.

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use std::net::{Ipv4Addr, SocketAddr};

/// Connections to it are refused for as long as this lives.
#[derive(Debug)]
pub struct Nobody {
    address: SocketAddr,
    _socket: OwnedFd,
}

impl Nobody {
    /// Takes a port, and does not listen.
    ///
    /// # Panics
    /// When no port is to be had.
    #[must_use]
    pub fn there() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
        let address = getsockname(&socket).expect("its name").try_into().expect("an internet address");
        Self { address, _socket: socket }
    }

    /// Where nobody is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn connections_are_refused_and_the_port_is_taken() {
        let nobody = Nobody::there();
        let refused = TcpStream::connect(nobody.address()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(TcpListener::bind(nobody.address()).unwrap_err().kind(), ErrorKind::AddrInUse);
    }
}
