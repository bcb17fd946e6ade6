//! What serves accepted connections: a client gets a session, a peer a link, and in a private network both only after they
//! have shown that they are in it. Must not know how either goes on.

use super::Shared;
use super::event::{Event, Verdict};
use super::link::end_of;
use crate::overlay::Neighbour;
use crate::trust::{NO_MEMBER, peer_of};
use shared_folder::serve::{Host, Kept, tell_unopened};
use std::net::SocketAddr;
use std::sync::Arc;
use wire::connection::{Connection, welcome};
use wire::error_code::ErrorCode;
use wire::message::{Hello, Role, Welcome};
use wire::net::service::{Rest, Serve, SessionSlot};

pub(super) struct Gate {
    shared: Arc<Shared>,
    host: Arc<Host>,
}

impl Gate {
    pub(super) fn new(shared: Arc<Shared>, host: Arc<Host>) -> Self {
        Self { shared, host }
    }

    fn link(&self, mut connection: Connection, hello: &Hello, slot: &SessionSlot) {
        if slot.is_stopping() {
            return slot.turn_away(connection, ErrorCode::Stopping, "this peer is stopping");
        }
        let (link, end) = (self.shared.next_link(), end_of(&connection));
        let neighbour = neighbour_of(hello, &connection);
        let hello = |reply| Event::Hello { link, neighbour, end: end.clone(), reply };
        match self.shared.ask(hello) {
            Some(Verdict::Welcome) => {}
            Some(Verdict::Refuse(code, text)) => return slot.turn_away(connection, code, text),
            None => return slot.turn_away(connection, ErrorCode::Stopping, "this peer is stopping"),
        }
        slot.becomes_link();
        let mut words = self.words(&connection);
        words.advertise = self.shared.advertised_from(connection.local_address());
        match welcome(&mut connection, &words) {
            Ok(()) => self.shared.run_link(link, neighbour, connection, &end),
            Err(error) => {
                tell_unopened(slot, &error);
                let _ = self.shared.events.send(Event::Closed { link });
            }
        }
    }

    /// What this peer says of itself over this connection.
    fn words(&self, connection: &Connection) -> Welcome {
        Welcome { network_proof: self.shared.trust.proof(connection), ..self.host.welcome.clone() }
    }
}

impl Serve for Gate {
    type Kept = Kept;

    fn open(&self, mut connection: Connection, slot: &SessionSlot) -> Option<Rest<Kept>> {
        match slot.receive_hello(&mut connection) {
            Ok(hello) if !self.shared.trust.admits(&connection, hello.network_proof) => {
                log::info!("session {} from {} is in no network with us", slot.id(), slot.address());
                if slot.hold_back(&mut connection) {
                    slot.turn_away(connection, ErrorCode::NotAllowed, NO_MEMBER);
                }
            }
            Ok(hello) if hello.role == Role::Peer => self.link(connection, &hello, slot),
            Ok(hello) => {
                let words = self.words(&connection);
                return self.host.session_opened_with(&words, connection, &hello, slot);
            }
            Err(error) => {
                tell_unopened(slot, &error);
                connection.close_gently();
            }
        }
        None
    }

    fn resume(&self, rest: Rest<Kept>, slot: &SessionSlot) -> Option<Rest<Kept>> {
        self.host.resume(rest, slot)
    }
}

/// Who dialled us: reached at the number that we see, with the port that it says.
fn neighbour_of(hello: &Hello, connection: &Connection) -> Neighbour {
    let seen = connection.address();
    Neighbour {
        peer: peer_of(connection, &hello.process_id),
        key: connection.peer_key(),
        address: SocketAddr::new(seen.ip().to_canonical(), hello.port.unwrap_or_default()),
        advertise: hello.advertise,
    }
}
