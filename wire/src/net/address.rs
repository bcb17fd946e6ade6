//! `HOST:PORT` as people type it, and the socket addresses it stands for.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use thiserror::Error;

/// A host's name or number and a port; IPv6 numbers stand in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No colon before a port.
    #[error("an address is HOST:PORT, as 127.0.0.1:10000 or [::1]:10000")]
    NoPort,
    /// The port is no number from 0 to 65535.
    #[error("'{0}' is no port: a port is a number from 0 to 65535")]
    BadPort(String),
    /// Nothing before the port.
    #[error("the address names no host")]
    NoHost,
    /// An IPv6 number without brackets, or brackets around something else.
    #[error("an IPv6 address stands in brackets, as [::1]:10000")]
    BadBrackets,
}

impl Address {
    /// Puts the two together; a bare IPv6 number as host is taken as it is.
    ///
    /// # Errors
    /// When either is none.
    pub fn new(host: &str, port: &str) -> Result<Self, AddressError> {
        let number = port.parse().map_err(|_| AddressError::BadPort(port.to_owned()))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match host {
            "" => Err(AddressError::NoHost),
            _ if host.contains(['[', ']']) => Err(AddressError::BadBrackets),
            _ => Ok(Self { host: host.to_owned(), port: number }),
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The socket addresses to try, in order. `localhost` is 127.0.0.1 and ::1 whatever a resolver says.
    ///
    /// # Errors
    /// When the resolver knows no such host.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        if self.host.eq_ignore_ascii_case("localhost") {
            let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            return Ok(both.map(|number| SocketAddr::new(number, self.port)).to_vec());
        }
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }

    /// Whether it is this machine by name or number, without asking a resolver.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        let number = self.host.parse::<IpAddr>();
        self.host.eq_ignore_ascii_case("localhost") || number.is_ok_and(|number| number.is_loopback())
    }

    /// The same port by the usual names of this machine.
    pub(super) fn names_of_this_machine(&self) -> Vec<String> {
        let names = ["localhost", "127.0.0.1", "::1"];
        names.map(|host| Self { host: host.to_owned(), port: self.port }.to_string()).to_vec()
    }

    /// Whether any of its socket addresses leads beyond this machine, where bytes in plain text could be read and
    /// changed on the way.
    ///
    /// # Errors
    /// When the resolver knows no such host.
    pub fn is_beyond_loopback(&self) -> io::Result<bool> {
        Ok(are_beyond_loopback(&self.resolve()?))
    }
}

/// The same of what an address was resolved to, so that what was looked at is what is used.
pub(super) fn are_beyond_loopback(addresses: &[SocketAddr]) -> bool {
    addresses.iter().any(|address| !address.ip().is_loopback())
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.contains(':') && !bracketed {
            return Err(AddressError::BadBrackets);
        }
        Self::new(host, port)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in ["127.0.0.1:10000", "[::1]:1", "localhost:0", "files.example:65535"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!(Address::new("::1", "5").unwrap().to_string(), "[::1]:5");
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        assert_eq!("host".parse::<Address>(), Err(AddressError::NoPort));
        assert_eq!("host:65536".parse::<Address>(), Err(AddressError::BadPort("65536".into())));
        assert_eq!(":1".parse::<Address>(), Err(AddressError::NoHost));
        assert_eq!("::1:1".parse::<Address>(), Err(AddressError::BadBrackets));
        assert_eq!("[::1:1".parse::<Address>(), Err(AddressError::BadBrackets));
    }

    #[test]
    fn localhost_is_loopback_without_asking_a_resolver() {
        let addresses = "LocalHost:7".parse::<Address>().unwrap().resolve().unwrap();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()) && addresses.len() == 2);
    }

    #[test]
    fn one_address_beyond_loopback_is_enough_to_be_beyond_it() {
        let is_beyond = |text: &str| text.parse::<Address>().unwrap().is_beyond_loopback().unwrap();
        assert!(!["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"].into_iter().any(is_beyond));
        assert!(["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1"].into_iter().all(is_beyond));
        let mixed = ["127.0.0.1:1", "192.0.2.1:1"].map(|text| text.parse().unwrap());
        assert!(are_beyond_loopback(&mixed) && !are_beyond_loopback(&[]));
    }
}
