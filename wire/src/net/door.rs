//! What an accepted connection passes before its first line: its first byte tells TLS from plain text, and plain text is
//! spoken with this machine alone unless more is wanted.
//!
//! Must not know whom to trust: every key that proves itself passes.

use crate::connection::{Acceptor, Connection, HandshakeError, ReceiveError, refuse};
use crate::error_code::ErrorCode;
use std::time::Instant;
use thiserror::Error;

/// How connections are taken.
#[derive(Debug, Clone)]
pub struct Door {
    acceptor: Option<Acceptor>,
    plain: PlainFrom,
    /// What plain text is refused with.
    text: &'static str,
}

const TLS_ALONE: &str =
    "this daemon speaks TLS alone: plain text could be read and changed by everyone on the way";

/// Who may speak plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainFrom {
    /// Nobody.
    Nowhere,
    /// Whoever dials from this machine.
    Loopback,
    /// Everybody: whoever is on the way can read and change what is said.
    Anywhere,
}

/// Why a connection did not pass.
#[derive(Debug, Error)]
pub enum DoorError {
    /// Its first byte did not come.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// TLS did not come about.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// It speaks plain text, which is not wanted here; it has been told so.
    #[error("plain text is not taken from there")]
    Plain,
}

impl DoorError {
    /// Whether the other end spoke, and spoke a TLS that is none: neither silence nor a lost connection is that.
    pub(super) fn breaks_protocol(&self) -> bool {
        matches!(self, Self::Handshake(HandshakeError::Failed(_) | HandshakeError::NoKey))
    }
}

impl Door {
    /// Takes plain text from everywhere, and no TLS.
    #[must_use]
    pub fn plain() -> Self {
        Self { acceptor: None, plain: PlainFrom::Anywhere, text: TLS_ALONE }
    }

    /// Takes TLS, and plain text from some.
    #[must_use]
    pub fn new(acceptor: Acceptor, plain: PlainFrom) -> Self {
        Self { acceptor: Some(acceptor), plain, text: TLS_ALONE }
    }

    /// Refuses plain text in these words.
    #[must_use]
    pub fn telling(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    /// Lets a connection in that was just accepted: all of it before `deadline`.
    ///
    /// # Errors
    /// See [`DoorError`].
    pub fn enter(&self, connection: &mut Connection, deadline: Instant) -> Result<(), DoorError> {
        let Some(acceptor) = &self.acceptor else { return Ok(()) };
        if connection.begins_with_tls(deadline)? {
            connection.accept_tls(acceptor, deadline)?;
            return Ok(());
        }
        let may_be_plain = match self.plain {
            PlainFrom::Nowhere => false,
            PlainFrom::Loopback => connection.address().ip().to_canonical().is_loopback(),
            PlainFrom::Anywhere => true,
        };
        if may_be_plain {
            return Ok(());
        }
        // It may have left already; then nobody needs the answer.
        let _ = refuse(connection, ErrorCode::NotAllowed, self.text);
        Err(DoorError::Plain)
    }

    /// Lets a connection in so far that it can read why it is refused; false where it cannot.
    pub(super) fn enter_to_be_refused(&self, connection: &mut Connection, deadline: Instant) -> bool {
        match &self.acceptor {
            // Whoever has said nothing by then is told in plain text.
            Some(acceptor) if matches!(connection.begins_with_tls(deadline), Ok(true)) => {
                connection.accept_tls(acceptor, deadline).is_ok()
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decoded;
    use crate::connection::{Identity, Offer};
    use crate::message::Reply;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn sockets() -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (dialled, Connection::new(listener.accept().unwrap().0, PATIENCE).unwrap())
    }

    fn door(plain: PlainFrom) -> Door {
        Door::new(Acceptor::of(&Identity::generate().unwrap().0).unwrap(), plain)
    }

    fn soon() -> Instant {
        Instant::now() + PATIENCE
    }

    #[test]
    fn plain_text_passes_from_where_it_may_and_is_told_so_elsewhere() {
        for (plain, passes) in
            [(PlainFrom::Nowhere, false), (PlainFrom::Loopback, true), (PlainFrom::Anywhere, true)]
        {
            let (mut dialled, mut accepted) = sockets();
            dialled.write_all(b"{").unwrap();
            assert_eq!(door(plain).enter(&mut accepted, soon()).is_ok(), passes, "{plain:?}");
            drop(accepted);
            let mut said = Vec::new();
            // The byte that nobody read may reset the connection behind the refusal.
            let _ = dialled.read_to_end(&mut said);
            let said = String::from_utf8(said).unwrap();
            assert_eq!(said.contains("\"not_allowed\""), !passes, "{plain:?}: {said}");
        }
    }

    #[test]
    fn whoever_begins_with_tls_gets_it_on_the_same_port() {
        let (dialled, mut accepted) = sockets();
        let client = Identity::generate().unwrap().0;
        let mut dialling = Connection::new(dialled, PATIENCE).unwrap();
        let offer = Offer::of(&client).unwrap();
        let offered = std::thread::spawn(move || dialling.offer_tls(&offer, soon()).unwrap());
        door(PlainFrom::Nowhere).enter(&mut accepted, soon()).unwrap();
        offered.join().unwrap();
        assert_eq!(accepted.peer_key(), Some(client.public()));
    }

    #[test]
    fn whoever_is_refused_can_read_it_in_tls_and_in_plain_text() {
        let (dialled, mut accepted) = sockets();
        let mut dialling = Connection::new(dialled, PATIENCE).unwrap();
        let offer = Offer::of(&Identity::generate().unwrap().0).unwrap();
        let offered = std::thread::spawn(move || {
            dialling.offer_tls(&offer, soon()).unwrap();
            matches!(
                dialling.receiver.message::<Reply>(),
                Ok(Some(Decoded { message: Reply::Refused(_), .. }))
            )
        });
        assert!(door(PlainFrom::Nowhere).enter_to_be_refused(&mut accepted, soon()));
        refuse(&mut accepted, ErrorCode::Busy, "").unwrap();
        assert!(offered.join().unwrap());
        let (_silent, mut accepted) = sockets();
        assert!(door(PlainFrom::Nowhere).enter_to_be_refused(&mut accepted, Instant::now()));
    }

    #[test]
    fn garbage_and_silence_are_no_tls() {
        let (mut dialled, mut accepted) = sockets();
        dialled.write_all(&[0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5]).unwrap();
        let error = door(PlainFrom::Anywhere).enter(&mut accepted, soon()).unwrap_err();
        assert!(matches!(error, DoorError::Handshake(HandshakeError::Failed(_))), "{error:?}");
        let (_silent, mut accepted) = sockets();
        let passed = Instant::now();
        let error = door(PlainFrom::Anywhere).enter(&mut accepted, passed).unwrap_err();
        assert!(matches!(error, DoorError::Receive(ReceiveError::TimedOut(_))), "{error:?}");
    }
}
