//! Who this server is and where others find it: its key, and the address that stands in invitations.
//!
//! Must not know what anybody may do.

use crate::invited::Public;
use program::secret_file::{SecretFileError, own_key};
use program::state_folder::StateFolder;
use shared_folder::access::Rights;
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
/// Keeps what everybody may do since the last start.
const PUBLIC_FILE: &str = "public";
/// A number that no host has (RFC 5737): what leads towards it leads out of this machine. Nothing is sent there.
const ELSEWHERE: (&str, u16) = ("192.0.2.1", 9);

/// What has to outlive this run is kept nowhere.
#[derive(Debug, Error)]
#[error("nothing can be kept in {path}")]
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
    replace(state, ADDRESS_FILE, &address.to_string())
}

/// The address that was kept last; none where no server ran with this folder.
pub(crate) fn kept(state: &Path) -> Option<Address> {
    fs::read_to_string(state.join(ADDRESS_FILE)).ok()?.trim().parse().ok()
}

/// What is taken for it then.
pub(crate) fn usual() -> Option<Address> {
    USUAL.parse().ok()
}

/// Keeps what everybody may do since this start, for whoever asks why.
pub(crate) fn keep_public(state: &StateFolder, public: Option<Public>) -> Result<(), NotKept> {
    replace(state, PUBLIC_FILE, &public.map_or_else(String::new, |public| public.0.to_string()))
}

/// What everybody may do since the last start.
pub(crate) fn kept_public(state: &Path) -> Rights {
    let text = fs::read_to_string(state.join(PUBLIC_FILE)).unwrap_or_default();
    Rights::listed(text.trim()).unwrap_or_default()
}

/// Puts a line into a file, whole or not at all.
fn replace(state: &StateFolder, name: &str, line: &str) -> Result<(), NotKept> {
    let path = state.path().join(name);
    let temporary = state.private_file(&format!("{name}.new")).unwrap_or_else(|| path.clone());
    fs::write(&temporary, format!("{line}\n"))
        .and_then(|()| fs::rename(&temporary, &path))
        .map_err(|source| NotKept { path: path.display().to_string(), source })
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
        assert!(kept(state.path()).is_none() && usual().is_some());
        keep(&StateFolder::open_shared(state.path()), &"[::1]:7".parse().unwrap()).unwrap();
        assert_eq!(kept(state.path()).unwrap().to_string(), "[::1]:7");
        fs::write(state.path().join(ADDRESS_FILE), "nonsense").unwrap();
        assert!(kept(state.path()).is_none());
    }

    #[test]
    fn what_everybody_may_do_is_kept_and_nothing_is_nothing() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(kept_public(state.path()), Rights::NONE);
        let folder = StateFolder::open_shared(state.path());
        keep_public(&folder, Some(Public(Rights::read()))).unwrap();
        assert_eq!(kept_public(state.path()), Rights::read());
        keep_public(&folder, None).unwrap();
        assert_eq!(kept_public(state.path()), Rights::NONE);
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_at_one_number() {
        let one = SocketAddr::from(([127, 0, 0, 1], 5));
        assert_eq!(reachable(one), Address::from(one));
        let reached = reachable(SocketAddr::from(([0, 0, 0, 0], 5))).to_string();
        assert!(reached.ends_with(":5") && !reached.starts_with("0.0.0.0"), "{reached}");
    }
}
