//! Who this server is and where others find it: its key, and the address that stands in invitations.
//!
//! Must not know what anybody may do.

use program::secret_file::{SecretFileError, own_key};
use program::state_folder::StateFolder;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use thiserror::Error;
use wire::connection::Identity;
use wire::net::Address;

/// What invitations say of a server that never ran.
const USUAL: &str = "127.0.0.1:10000";
/// Keeps the address of the last start, for invitations that are made while no server runs.
const ADDRESS_FILE: &str = "address";
/// What becomes that file, once it is whole.
const NEW_ADDRESS_FILE: &str = "address.new";
/// A number that no host has (RFC 5737): what leads towards it leads out of this machine. Nothing is sent there.
const ELSEWHERE: (&str, u16) = ("192.0.2.1", 9);

/// The address for others is kept nowhere.
#[derive(Debug, Error)]
#[error("the address cannot be kept in {path}")]
pub(crate) struct NotKept {
    path: String,
    #[source]
    source: io::Error,
}

/// This server's key, made at its first start.
pub(crate) fn identity(state: &StateFolder) -> Result<Identity, SecretFileError> {
    own_key(state, Identity::generate_kept, Identity::from_pkcs8)
}

/// Where others reach a server that listens there: at the number by which this machine leaves, where it listens at all.
pub(crate) fn reachable(listening: SocketAddr) -> Address {
    let number = if listening.ip().is_unspecified() { own_number(listening.ip()) } else { None };
    SocketAddr::new(number.unwrap_or(listening.ip()), listening.port()).into()
}

/// Keeps it for invitations.
pub(crate) fn keep(state: &StateFolder, address: &Address) -> Result<(), NotKept> {
    let path = state.path().join(ADDRESS_FILE);
    let temporary = state.private_file(NEW_ADDRESS_FILE).unwrap_or_else(|| path.clone());
    fs::write(&temporary, format!("{address}\n"))
        .and_then(|()| fs::rename(&temporary, &path))
        .map_err(|source| NotKept { path: path.display().to_string(), source })
}

/// The address that was kept last.
pub(crate) fn kept(state: &Path) -> Option<Address> {
    let text = fs::read_to_string(state.join(ADDRESS_FILE)).ok();
    text.and_then(|text| text.trim().parse().ok()).or_else(|| USUAL.parse().ok())
}

fn own_number(listening: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((IpAddr::from([0, 0, 0, 0]), 0)).ok()?;
    socket.connect(ELSEWHERE).ok()?;
    let number = socket.local_addr().ok()?.ip();
    let loopback =
        if listening.is_ipv6() { Ipv6Addr::LOCALHOST.into() } else { IpAddr::from([127, 0, 0, 1]) };
    Some(if number.is_unspecified() { loopback } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_and_found_again_and_without_one_the_usual_one_is_meant() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(kept(state.path()).unwrap().to_string(), USUAL);
        keep(&StateFolder::open_shared(state.path()), &"[::1]:7".parse().unwrap()).unwrap();
        assert_eq!(kept(state.path()).unwrap().to_string(), "[::1]:7");
        fs::write(state.path().join(ADDRESS_FILE), "nonsense").unwrap();
        assert_eq!(kept(state.path()).unwrap().to_string(), USUAL);
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_at_one_number() {
        let one = SocketAddr::from(([127, 0, 0, 1], 5));
        assert_eq!(reachable(one), Address::from(one));
        let reached = reachable(SocketAddr::from(([0, 0, 0, 0], 5))).to_string();
        assert!(reached.ends_with(":5") && !reached.starts_with("0.0.0.0"), "{reached}");
    }
}
