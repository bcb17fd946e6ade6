//! Dialling: a link to a neighbour, or only a look whether it answers where it says that it can be reached.
//!
//! Each runs in a thread of its own, which then hears the link. Must not know why anyone is dialled.

use super::event::Event;
use super::link::end_of;
use super::{Shared, peer_id};
use crate::overlay::{LinkId, Neighbour, PeerId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wire::connection::{Connection, OpeningError, say_hello};
use wire::error_code::ErrorCode;
use wire::message::{Hello, Role, Welcome};
use wire::net::{Address, DialError, dial};

/// The longest wait for a neighbour to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why no link opened.
struct Unopened {
    code: Option<ErrorCode>,
    why: String,
}

/// Whoever is told knows the address already.
impl From<DialError> for Unopened {
    fn from(error: DialError) -> Self {
        let why = match error {
            DialError::Unresolved { source, .. } | DialError::Unreachable { source, .. } => {
                source.to_string()
            }
            DialError::PlainBeyondLoopback { .. } => {
                "it is not on this machine, and this peer was not started with --plaintext".to_owned()
            }
            error @ (DialError::WrongKey(_) | DialError::UnknownKey { .. }) => error.to_string(),
            DialError::Handshake { source, .. } => source.to_string(),
        };
        Self { code: None, why }
    }
}

impl Shared {
    /// Opens a link to whoever is there, and serves it until it ends.
    pub(super) fn dial_link(&self, name: Arc<str>) {
        let (connection, welcome) = match self.open_link(&name) {
            Ok(opened) => opened,
            Err(Unopened { code, why }) => {
                log::info!("no link with {name}: {why}");
                // An owner that is gone needs no word.
                let _ = self.events.send(Event::DialFailed { name, code, why });
                return;
            }
        };
        let (link, end) = (self.next_link(), end_of(&connection));
        let peer = peer_id(&welcome.process_id);
        let neighbour = Neighbour { peer, address: connection.address(), advertise: welcome.advertise };
        let _watched = self.cancel.watch(&end.closer);
        let opened = Event::Opened { link, name, neighbour, end: end.clone() };
        if self.events.send(opened).is_ok() {
            self.run_link(link, neighbour, connection, &end);
        }
    }

    /// Looks whether `peer` answers at `address`, in a session that asks for nothing.
    pub(super) fn verify(&self, link: LinkId, peer: PeerId, address: SocketAddr) {
        let hello = Hello::of_client(&self.hello.agent, &self.hello.process_id);
        match self.open(&Address::from(address), hello) {
            Ok((_, welcome)) if peer_id(&welcome.process_id) == peer => {
                let _ = self.events.send(Event::Verified { link, address });
            }
            Ok(_) => log::info!("somebody else than peer {peer} answers at {address}"),
            Err(Unopened { why, .. }) => log::info!("peer {peer} does not answer at {address}: {why}"),
        }
    }

    fn open_link(&self, name: &str) -> Result<(Connection, Welcome), Unopened> {
        let address: Address = name
            .parse()
            .map_err(|error: wire::net::AddressError| Unopened { code: None, why: error.to_string() })?;
        let (connection, welcome) = self.open(&address, self.hello.clone())?;
        match welcome.role {
            Role::Peer => Ok((connection, welcome)),
            _ => Err(Unopened { code: None, why: "it is no peer".to_owned() }),
        }
    }

    fn open(&self, address: &Address, hello: Hello) -> Result<(Connection, Welcome), Unopened> {
        let dialled = dial(address, PATIENCE, &self.security, self.cancel.wake()).map_err(Unopened::from)?;
        let _watched = self.cancel.watch(&dialled.closer());
        let mut connection = dialled.secured().map_err(Unopened::from)?;
        let advertise = self.advertised_from(connection.local_address());
        match say_hello(&mut connection, &Hello { advertise, ..hello }, None) {
            Ok(opened) => Ok((connection, opened.welcome)),
            Err(OpeningError::Refused(refused)) => {
                Err(Unopened { code: Some(refused.code), why: refused.message })
            }
            Err(error) => Err(Unopened { code: None, why: error.to_string() }),
        }
    }
}
