//! How another end is reached: where, as whom, and with how much patience.

use super::{Cancel, RemoteError, Session, Watched};
use std::time::Duration;
use wire::connection::{Connection, Membership, RateLimit, say_hello};
use wire::message::Hello;
use wire::net::{Address, DialError, Security, dial};

/// All that is needed to open a session, as often as it has to be opened.
#[derive(Debug, Clone)]
pub struct Dialer {
    address: Address,
    hello: Hello,
    patience: Duration,
    security: Security,
    membership: Option<Membership>,
    rate_limit: Option<RateLimit>,
}

impl Dialer {
    /// Reaches `address`, saying `hello`; `patience` is the longest wait without progress. Plain text, on this machine alone,
    /// unless more is said.
    #[must_use]
    pub fn new(address: Address, hello: Hello, patience: Duration) -> Self {
        let security = Security::none();
        Self { address, hello, patience, security, membership: None, rate_limit: None }
    }

    /// Protected like this.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// As a member of a private network, to other members alone.
    #[must_use]
    pub fn with_membership(mut self, membership: Option<Membership>) -> Self {
        self.membership = membership;
        self
    }

    /// No faster than this, together with all others under the same limit.
    #[must_use]
    pub fn with_rate_limit(mut self, rate_limit: Option<RateLimit>) -> Self {
        self.rate_limit = rate_limit;
        self
    }

    /// Without the invitation that has done its work.
    #[must_use]
    pub fn without_invitation(mut self) -> Self {
        self.hello.invitation = None;
        self
    }

    /// With another patience, for something that nobody waits for so long.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Where the other end is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The longest wait without progress.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Connects and opens a session.
    ///
    /// # Errors
    /// When nobody is there, or what is there opens no session.
    pub fn open(&self, cancel: &Cancel) -> Result<Session, RemoteError> {
        if cancel.is_cancelled() {
            return Err(RemoteError::Cancelled);
        }
        let (mut connection, watched) = match self.dial(cancel) {
            Err(_) if cancel.is_cancelled() => return Err(RemoteError::Cancelled),
            dialled => dialled?,
        };
        self.rate_limit.iter().for_each(|limit| connection.under(limit));
        match say_hello(&mut connection, &self.hello, self.membership.as_ref()) {
            Ok(opened) => Ok(Session::new(connection, opened.welcome, (cancel.clone(), watched))),
            Err(_) if cancel.is_cancelled() => Err(RemoteError::Cancelled),
            Err(source) => Err(RemoteError::Opening { address: self.address.to_string(), source }),
        }
    }

    fn dial(&self, cancel: &Cancel) -> Result<(Connection, Watched), DialError> {
        let dialled = dial(&self.address, self.patience, &self.security, cancel.wake())?;
        // From here on, whoever cancels ends the handshake.
        let watched = cancel.watch(&dialled.closer());
        Ok((dialled.secured()?, watched))
    }
}
