//! Who counts as one, where limits are per address: pure, so that it must not know what is limited.

#[cfg(test)]
use std::net::Ipv4Addr;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The bits of an IPv6 address that tell one customer from another: the others, each may choose as he likes.
const V6_PREFIX: u128 = !0 << 64;

/// One IPv4 address, mapped into IPv6 or not, or one /64 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Block(IpAddr);

impl Block {
    pub(super) fn of(address: SocketAddr) -> Self {
        Self(match address.ip().to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                Ipv6Addr::from_bits(address.to_bits() & V6_PREFIX).into()
            }
            other => other,
        })
    }

    /// This machine's own: whoever is here can harm the daemon in other ways.
    pub(super) fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }

    /// The one with this number among many.
    #[cfg(test)]
    pub(super) fn numbered(number: u32) -> Self {
        Self(Ipv4Addr::from_bits(number).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(address: &str) -> Block {
        Block::of(SocketAddr::new(address.parse().unwrap(), 4711))
    }

    #[test]
    fn an_ipv4_address_is_one_mapped_or_not_and_its_neighbour_another() {
        assert_eq!(block("192.0.2.1"), block("::ffff:192.0.2.1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
    }

    #[test]
    fn ipv6_addresses_of_one_64_are_one() {
        assert_eq!(block("2001:db8:0:1::1"), block("2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert_ne!(block("2001:db8:0:1::1"), block("2001:db8:0:2::1"));
    }

    #[test]
    fn loopback_is_told_in_each_form() {
        assert!(
            ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
                .map(block)
                .iter()
                .all(|one| one.is_loopback())
        );
        assert!(!["::2", "10.0.0.1", "2001:db8::1"].map(block).iter().any(|one| one.is_loopback()));
    }
}
