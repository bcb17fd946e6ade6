//! The serving end of a session: requests in, answers out, in order, over any connection.
//!
//! Both daemons serve with it. Must not know where connections come from, nor how the log looks.

mod session;
mod writing;
mod arriving;
mod reading;
mod slots;
mod listing;
mod changing;
mod permission;
mod group;
mod sync_choice;
mod pulse;
mod refusal;
mod uploads;
mod share;
mod hot;
mod record;

pub use record::{Observe, Outcome, RequestRecord};
pub use share::{Rules, Share};
pub use slots::UploadSlots;

use crate::access::{Access, Guest, NoEntry};
pub use session::Kept;
use session::Session;
use wire::connection::{Connection, RateLimit, refuse, welcome};
use wire::error_code::ErrorCode;
use wire::message::{Hello, Role, SessionLimits, Welcome};
use wire::net::service::{Rest, Serve, SessionSlot};

/// A share and everything a session of it needs.
pub struct Host {
    /// What is served, and under which rules.
    pub share: Share,
    /// What this end says of itself.
    pub welcome: Welcome,
    /// Who may do what.
    pub access: Access,
    /// Who is told of every request.
    pub observer: Box<dyn Observe>,
    /// How fast payloads of all sessions together may move, if that is limited.
    pub rate_limit: Option<RateLimit>,
    /// How many large files are given at once, if that is limited.
    pub upload_slots: Option<UploadSlots>,
}

impl Host {
    /// A host that is open to all.
    #[must_use]
    pub fn new(share: Share, welcome: Welcome, observer: Box<dyn Observe>) -> Self {
        let (rate_limit, upload_slots) = (None, None);
        Self { share, welcome, access: Access::open_to_all(), observer, rate_limit, upload_slots }
    }

    /// What a serving end with these rules says of itself.
    #[must_use]
    pub fn welcome(agent: String, role: Role, process_id: String, rules: &Rules) -> Welcome {
        let features = if rules.refuses_changes.is_some() { vec!["search"] } else { vec!["search", "write"] };
        Welcome {
            version: wire::limits::PROTOCOL_VERSION,
            agent,
            role,
            process_id,
            features: features.into_iter().map(str::to_owned).collect(),
            limits: SessionLimits::ours(),
            advertise: None,
            network_proof: None,
        }
    }
}

impl Host {
    /// Ends all long work now, so that a forced stop waits for nothing.
    pub fn give_up(&self) {
        self.share.catalogue.give_up();
    }

    /// Serves a session whose `hello` has been received, to its end or its first rest.
    pub fn session(&self, connection: Connection, hello: &Hello, slot: &SessionSlot) -> Option<Rest<Kept>> {
        self.session_opened_with(&self.welcome, connection, hello, slot)
    }

    /// Goes on with one that rested.
    pub fn resume(&self, rest: Rest<Kept>, slot: &SessionSlot) -> Option<Rest<Kept>> {
        Session::woken(self, slot, rest).run()
    }

    /// As [`Host::session`], with these words instead of the usual ones.
    pub fn session_opened_with(
        &self,
        words: &Welcome,
        mut connection: Connection,
        hello: &Hello,
        slot: &SessionSlot,
    ) -> Option<Rest<Kept>> {
        let Some(guest) = self.let_in(&mut connection, hello, slot) else {
            connection.close_gently();
            return None;
        };
        // Who has shown to be in the same private network is no stranger.
        if slot.becomes_session(guest.name.is_some() || words.network_proof.is_some()).is_err() {
            let text = "too many connections just now: try again later";
            slot.turn_away(connection, ErrorCode::Busy, text);
            return None;
        }
        // Whoever lost everything before this was a session was not cut.
        if self.access.permit(guest.key).is_nothing() {
            slot.turn_away(connection, ErrorCode::NotAllowed, &NoEntry::Unknown.to_string());
            return None;
        }
        self.rate_limit.iter().for_each(|limit| connection.under(limit));
        if let Err(error) = welcome(&mut connection, words) {
            tell_unopened(slot, &error);
            return None;
        }
        log::debug!("session {} opened by {} from {}", slot.id(), hello.agent, slot.address());
        let kept = Kept::new(self, &connection, hello, guest);
        Session::new(self, slot, Rest { connection, kept }).run()
    }
}

impl Host {
    /// The guest at the other end; none where it may do nothing here, and has been told so.
    fn let_in(&self, connection: &mut Connection, hello: &Hello, slot: &SessionSlot) -> Option<Guest> {
        let key = connection.peer_key();
        slot.belongs_to(key);
        let entered = self.access.enter(key, hello.invitation.as_ref());
        match entered {
            Ok(guest) => {
                guest.name.iter().for_each(|name| slot.set_name(name.to_string()));
                Some(guest)
            }
            Err(error) => {
                tell_unopened(slot, &error);
                if slot.hold_back(connection) {
                    // It may have left already; then nobody needs the answer.
                    let _ = refuse(connection, ErrorCode::NotAllowed, &error.to_string());
                }
                None
            }
        }
    }
}

/// As a server: every connection is a session; links are refused.
impl Serve for Host {
    type Kept = Kept;

    fn open(&self, mut connection: Connection, slot: &SessionSlot) -> Option<Rest<Kept>> {
        match slot.receive_hello(&mut connection) {
            Ok(hello) if hello.role == Role::Client => return self.session(connection, &hello, slot),
            Ok(_) => {
                let text = "a server keeps no links: its files are there for sessions of role client";
                slot.turn_away(connection, ErrorCode::NotAllowed, text);
            }
            Err(error) => {
                tell_unopened(slot, &error);
                connection.close_gently();
            }
        }
        None
    }

    fn resume(&self, rest: Rest<Kept>, slot: &SessionSlot) -> Option<Rest<Kept>> {
        self.resume(rest, slot)
    }
}

/// The log line of a connection that became no session.
pub fn tell_unopened(slot: &SessionSlot, why: &dyn std::error::Error) {
    log::info!("session {} from {} did not open: {why}", slot.id(), slot.address());
}
