//! The serving end of a session: requests in, answers out, in order, over any connection.
//!
//! Both daemons serve with it. Must not know where connections come from, nor how the log looks.

mod session;
mod writing;
mod reading;
mod listing;
mod changing;
mod pulse;
mod refusal;
mod uploads;
mod share;
mod record;

pub use record::{Observe, Outcome, RequestRecord};
pub use share::{Rules, Share};

use session::Session;
use wire::connection::{Connection, accept_hello};
use wire::message::{Role, SessionLimits, Welcome};
use wire::net::service::{Serve, SessionSlot};

/// A share and everything a session of it needs.
pub struct Host {
    /// What is served, and under which rules.
    pub share: Share,
    /// What this end says of itself.
    pub welcome: Welcome,
    /// Who is told of every request.
    pub observer: Box<dyn Observe>,
}

impl Host {
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
        }
    }
}

impl Host {
    /// Ends all long work now, so that a forced stop waits for nothing.
    pub fn give_up(&self) {
        self.share.catalogue.give_up();
    }
}

impl Serve for Host {
    fn serve(&self, mut connection: Connection, slot: &SessionSlot) {
        match accept_hello(&mut connection, &self.welcome) {
            Ok(hello) => Session::new(self, slot, connection, hello).run(),
            Err(error) => {
                log::info!("session {} from {} did not open: {error}", slot.id(), slot.address());
                connection.close_gently();
            }
        }
    }
}
