//! How far a server may be reached: beyond this machine only where somebody has said who may come in.
//!
//! Must not know how it is listened.

use std::io;
use thiserror::Error;
use wire::net::Address;

/// Why a server does not listen there.
#[derive(Debug, Error)]
pub(crate) enum ReachError {
    #[error(
        "{address} can be reached from other machines, and nobody has said who may come in. Invite somebody: --invite NAME:write \
         (or NAME:read, NAME:drop, NAME:RIGHTS:FOLDER); or let everybody in: --public read; or listen on this machine alone: 127.0.0.1 or [::1]"
    )]
    OpenToAll { address: Address },
    #[error("cannot listen on {address}")]
    Unknown { address: Address, source: io::Error },
}

/// Checks an address before it is listened to; plain text beyond this machine is warned of.
pub(crate) fn check(address: &Address, is_controlled: bool, plaintext: bool) -> Result<(), ReachError> {
    let unknown = |source| ReachError::Unknown { address: address.clone(), source };
    if !address.is_beyond_loopback().map_err(unknown)? {
        return Ok(());
    }
    if !is_controlled {
        return Err(ReachError::OpenToAll { address: address.clone() });
    }
    if plaintext {
        log::warn!(
            "plain text is taken on {address}: everyone on the way can read and change what is sent without TLS"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_this_machine_somebody_has_to_be_invited_or_everybody() {
        let checked = |text: &str, is_controlled| check(&text.parse().unwrap(), is_controlled, false).is_ok();
        assert!(checked("127.0.0.1:1", false) && checked("[::1]:1", false) && checked("0.0.0.0:1", true));
        assert!(!checked("0.0.0.0:1", false) && !checked("192.0.2.1:1", false));
        let plain = check(&"0.0.0.0:1".parse().unwrap(), false, true).unwrap_err().to_string();
        assert!(plain.contains("--invite") && plain.contains("--public"), "{plain}");
    }
}
