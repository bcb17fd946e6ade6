//! What can go wrong in a session, and what may be done about it: decided here alone.

use thiserror::Error;
use wire::codec::DecodeError;
use wire::connection::{HandshakeError, OpeningError, ReceiveError, SendError};
use wire::error_code::ErrorCode;
use wire::message::payload::Failed;
use wire::message::reply::Refused;
use wire::net::DialError;

/// Why a request was not answered as it was asked.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// Nobody could be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Somebody was reached, but no session opened.
    #[error("{}", opening_text(address, source))]
    Opening {
        /// Who was dialled.
        address: String,
        /// What happened instead.
        source: OpeningError,
    },
    /// The other end says no to this request; the session goes on.
    #[error("{}", refusal_text(*code, message))]
    Refused {
        /// Why.
        code: ErrorCode,
        /// The same for a person, as the other end wrote it.
        message: String,
    },
    /// The other end ends the session and says why.
    #[error("the other end ended the session: {message} ({code})")]
    Dismissed {
        /// Why.
        code: ErrorCode,
        /// The same for a person, as the other end wrote it.
        message: String,
    },
    /// The other end closed the connection before it had answered.
    #[error("the connection was closed before the answer came")]
    Closed,
    /// The connection was lost, or the other end was silent for too long.
    #[error(transparent)]
    Receive(ReceiveError),
    /// The connection was lost, or the other end takes nothing.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The other end said something that the protocol does not allow, or nothing but the same for too long.
    #[error("the other end breaks the protocol: {0}")]
    Protocol(&'static str),
    /// The other end said something that is no message.
    #[error("the other end breaks the protocol: {0}")]
    Message(ReceiveError),
    /// Somebody here has cancelled.
    #[error("interrupted")]
    Cancelled,
}

/// What may be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing: asking again would give the same.
    None,
    /// Connect anew and ask again.
    Reconnect,
    /// Ask again later.
    Later,
    /// Ask anew from the beginning: the file is not the version that it was.
    StartOver,
}

impl RemoteError {
    /// What may be done about it.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Closed | Self::Receive(_) | Self::Send(_) => Recovery::Reconnect,
            Self::Dial(DialError::Unreachable { .. }) => Recovery::Reconnect,
            // A connection may break there as anywhere else. Whose key is wrong, or who speaks no TLS, is not asked again.
            Self::Dial(DialError::Handshake { source, .. }) => handshake_recovery(source),
            Self::Opening { source, .. } => opening_recovery(source),
            Self::Dismissed { code, .. } => dismissal_recovery(*code),
            Self::Refused { code: ErrorCode::Busy | ErrorCode::Stopping, .. } => Recovery::Later,
            Self::Refused { code: ErrorCode::Changed, .. } => Recovery::StartOver,
            Self::Refused { .. } | Self::Dial(_) | Self::Protocol(_) | Self::Message(_) | Self::Cancelled => {
                Recovery::None
            }
        }
    }

    /// Whether the connection is gone, as it may be when nobody used it for a while; an end that is there and silent
    /// has been waited for long enough.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Receive(ReceiveError::TimedOut(_)) | Self::Send(SendError::TimedOut) => false,
            Self::Closed | Self::Receive(_) | Self::Send(_) | Self::Dismissed { .. } => {
                self.recovery() == Recovery::Reconnect
            }
            _ => false,
        }
    }

    /// Whether the session can be used for the next request.
    #[must_use]
    pub fn keeps_session(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// The code with which the other end refused, if that is what happened.
    #[must_use]
    pub fn refusal(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Whoever refuses may be wordless, but nobody should be told nothing.
fn refusal_text(code: ErrorCode, message: &str) -> String {
    if message.trim().is_empty() { format!("refused ({code})") } else { message.to_owned() }
}

fn opening_text(address: &str, error: &OpeningError) -> String {
    match error {
        // What exactly is wrong with the line of another protocol helps nobody.
        OpeningError::Receive(
            ReceiveError::Message(DecodeError::BadMessage { .. }) | ReceiveError::LineTooLong(_),
        ) => format!("{address} answers, but does not speak the ioe protocol"),
        // The code stands behind it wherever it is shown.
        OpeningError::Refused(Refused { code, message, .. }) => {
            format!("no session with {address}: {}", refusal_text(*code, message))
        }
        other => format!("no session with {address}: {other}"),
    }
}

fn opening_recovery(error: &OpeningError) -> Recovery {
    match error {
        OpeningError::Refused(refused) => dismissal_recovery(refused.code),
        OpeningError::Receive(ReceiveError::Message(_) | ReceiveError::LineTooLong(_))
        | OpeningError::Unexpected(_)
        | OpeningError::NoMember => Recovery::None,
        OpeningError::Receive(_) | OpeningError::Send(_) | OpeningError::Silent | OpeningError::GaveWay => {
            Recovery::Reconnect
        }
    }
}

fn handshake_recovery(error: &HandshakeError) -> Recovery {
    match error {
        HandshakeError::Lost(_) | HandshakeError::TimedOut => Recovery::Reconnect,
        HandshakeError::Failed(_) | HandshakeError::NoKey => Recovery::None,
    }
}

fn dismissal_recovery(code: ErrorCode) -> Recovery {
    match code {
        ErrorCode::Busy | ErrorCode::Stopping | ErrorCode::TimedOut => Recovery::Reconnect,
        _ => Recovery::None,
    }
}

impl From<ReceiveError> for RemoteError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Message(_) | ReceiveError::LineTooLong(_) => Self::Message(error),
            lost => Self::Receive(lost),
        }
    }
}

impl From<Refused> for RemoteError {
    fn from(Refused { code, message, .. }: Refused) -> Self {
        Self::Refused { code, message }
    }
}

impl From<Failed> for RemoteError {
    fn from(Failed { code, message }: Failed) -> Self {
        Self::Refused { code, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use wire::key::PublicKey;
    use wire::net::{Address, WrongKey};

    fn address() -> Address {
        "host:1".parse().unwrap()
    }

    #[test]
    fn whoever_has_not_the_right_key_is_not_asked_again() {
        let (expected, found) = (PublicKey([1; 32]), PublicKey([2; 32]));
        let wrong = DialError::WrongKey(Box::new(WrongKey { address: address(), expected, found }));
        for error in [wrong, DialError::UnknownKey { address: address(), found }] {
            assert_eq!(RemoteError::from(error).recovery(), Recovery::None);
        }
    }

    #[test]
    fn a_handshake_that_was_cut_is_tried_again_and_one_that_failed_is_not() {
        let recovery = |source| {
            let source = Box::new(source);
            RemoteError::from(DialError::Handshake { address: address(), source }).recovery()
        };
        let cut = io::ErrorKind::UnexpectedEof.into();
        assert_eq!(recovery(HandshakeError::Lost(cut)), Recovery::Reconnect);
        assert_eq!(recovery(HandshakeError::TimedOut), Recovery::Reconnect);
        assert_eq!(recovery(HandshakeError::NoKey), Recovery::None);
    }
}
