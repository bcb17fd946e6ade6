//! How another end is reached: where, as whom, and with how much patience.

use super::{Cancel, RemoteError, Session};
use std::time::Duration;
use wire::connection::say_hello;
use wire::message::Hello;
use wire::net::{Address, dial};

/// All that is needed to open a session, as often as it has to be opened.
#[derive(Debug, Clone)]
pub struct Dialer {
    address: Address,
    hello: Hello,
    patience: Duration,
    plaintext_anywhere: bool,
}

impl Dialer {
    /// Reaches `address`, saying `hello`; `patience` is the longest wait without progress.
    #[must_use]
    pub fn new(address: Address, hello: Hello, patience: Duration) -> Self {
        Self { address, hello, patience, plaintext_anywhere: false }
    }

    /// Speaks plain text beyond this machine too.
    #[must_use]
    pub fn with_plaintext_anywhere(mut self, anywhere: bool) -> Self {
        self.plaintext_anywhere = anywhere;
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
        let mut connection = match dial(&self.address, self.patience, self.plaintext_anywhere, cancel.wake())
        {
            Err(_) if cancel.is_cancelled() => return Err(RemoteError::Cancelled),
            dialled => dialled?,
        };
        let watched = cancel.watch(&connection.closer());
        match say_hello(&mut connection, &self.hello) {
            Ok(opened) => Ok(Session::new(connection, opened.welcome, (cancel.clone(), watched))),
            Err(_) if cancel.is_cancelled() => Err(RemoteError::Cancelled),
            Err(source) => Err(RemoteError::Opening { address: self.address.to_string(), source }),
        }
    }
}
