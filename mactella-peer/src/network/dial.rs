//! Dialling: a link to a neighbour, or only a look whether it answers where it says that it can be reached.
//!
//! Each runs in a thread of its own, which then hears the link. Must not know why anyone is dialled.

use super::Shared;
use super::event::Event;
use super::link::end_of;
use crate::destination::{Destination, DestinationError};
use crate::overlay::{LinkId, Neighbour, PeerId};
use crate::trust::peer_of;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wire::connection::{Connection, OpeningError, say_hello};
use wire::error_code::ErrorCode;
use wire::key::PublicKey;
use wire::message::{Hello, Role, Welcome};
use wire::net::{Address, DialError, dial};

/// The longest wait for a neighbour to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why no link opened.
struct Unopened {
    code: Option<ErrorCode>,
    why: String,
    is_other_key: bool,
}

impl Unopened {
    fn because(why: &dyn ToString) -> Self {
        Self { code: None, why: why.to_string(), is_other_key: false }
    }
}

/// Whoever is told knows the address already.
impl From<DialError> for Unopened {
    fn from(error: DialError) -> Self {
        let why = match error {
            DialError::Unresolved { source, .. } | DialError::Unreachable { source, .. } => {
                source.to_string()
            }
            DialError::Handshake { source, .. } => source.to_string(),
            DialError::WrongKey(wrong) => {
                return Self { is_other_key: true, ..Self::because(&wrong) };
            }
            error @ (DialError::PlainBeyondLoopback { .. } | DialError::UnknownKey { .. }) => {
                error.to_string()
            }
        };
        Self::because(&why)
    }
}

impl Shared {
    /// Opens a link to whoever is there, and serves it until it ends.
    pub(super) fn dial_link(&self, name: Arc<str>) {
        let (connection, welcome) = match self.open_link(&name) {
            Ok(opened) => opened,
            Err(Unopened { code, why, is_other_key }) => {
                log::info!("no link with {name}: {why}");
                // An owner that is gone needs no word.
                let _ = self.events.send(Event::DialFailed { name, code, why, is_other_key });
                return;
            }
        };
        let (link, end) = (self.next_link(), end_of(&connection));
        let neighbour = Neighbour {
            peer: peer_of(&connection, &welcome.process_id),
            key: connection.peer_key(),
            address: connection.address(),
            advertise: welcome.advertise,
        };
        let _watched = self.cancel.watch(&end.closer);
        let opened = Event::Opened { link, name, neighbour, end: end.clone() };
        if self.events.send(opened).is_ok() {
            self.run_link(link, neighbour, connection, &end);
        }
    }

    /// Looks whether `peer` answers at `address`, with its key if one is known, in a session that asks for nothing.
    pub(super) fn verify(&self, link: LinkId, (peer, key): (PeerId, Option<PublicKey>), address: SocketAddr) {
        let hello = Hello::of_client(&self.hello.agent, &self.hello.process_id);
        match self.open(&Destination { address: Address::from(address), key }, hello) {
            Ok((connection, welcome)) if peer_of(&connection, &welcome.process_id) == peer => {
                let _ = self.events.send(Event::Verified { link, address });
            }
            Ok(_) => log::info!("somebody else than peer {peer} answers at {address}"),
            Err(Unopened { why, .. }) => log::info!("peer {peer} does not answer at {address}: {why}"),
        }
    }

    fn open_link(&self, name: &str) -> Result<(Connection, Welcome), Unopened> {
        let destination: Destination =
            name.parse().map_err(|error: DestinationError| Unopened::because(&error))?;
        let (connection, welcome) = self.open(&destination, self.hello.clone())?;
        match welcome.role {
            Role::Peer => Ok((connection, welcome)),
            _ => Err(Unopened::because(&"it is no peer")),
        }
    }

    fn open(&self, destination: &Destination, hello: Hello) -> Result<(Connection, Welcome), Unopened> {
        let (address, security) = (&destination.address, self.trust.towards(destination.key));
        let dialled = dial(address, PATIENCE, &security, self.cancel.wake()).map_err(Unopened::from)?;
        let _watched = self.cancel.watch(&dialled.closer());
        let mut connection = dialled.secured().map_err(Unopened::from)?;
        let advertise = self.advertised_from(connection.local_address());
        match say_hello(&mut connection, &Hello { advertise, ..hello }, self.trust.membership()) {
            Ok(opened) => Ok((connection, opened.welcome)),
            Err(OpeningError::Refused(refused)) => {
                Err(Unopened { code: Some(refused.code), ..Unopened::because(&refused.message) })
            }
            Err(error) => Err(Unopened::because(&error)),
        }
    }
}
