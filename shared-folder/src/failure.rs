//! What a command of the asking end fails with: a code for scripts and a text for people, decided here alone.
//!
//! Must not know how failures are shown, nor what a program ends with.

use crate::catalogue::HashError;
use crate::fetch::FetchError;
use crate::folder::FolderError;
use crate::incoming::LandingError;
use crate::remote::RemoteError;
use crate::send::SendError;
use std::error::Error;
use wire::connection::OpeningError;
use wire::error_code::ErrorCode;
use wire::net::DialError;
use wire::path::PathError;

/// Why, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A refusal by the other end, or what would have been one.
    Remote(ErrorCode),
    /// A command that makes no sense.
    Usage,
    /// The command needs a connection, and there is none.
    NotConnected,
    /// No connection could be made.
    ConnectionFailed,
    /// The connection was lost.
    ConnectionLost,
    /// Somebody else answers than whose key is known.
    KeyMismatch,
    /// The key that answers is not known.
    UnknownKey,
    /// A local file or folder.
    LocalFile,
    /// Somebody interrupted it.
    Interrupted,
}

/// Why, for scripts and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For scripts.
    pub code: Code,
    /// For people; not escaped.
    pub message: String,
}

impl Code {
    /// The word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Remote(code) => code.as_str(),
            Self::Usage => "usage",
            Self::NotConnected => "not_connected",
            Self::ConnectionFailed => "connection_failed",
            Self::ConnectionLost => "connection_lost",
            Self::KeyMismatch => "key_mismatch",
            Self::UnknownKey => "unknown_key",
            Self::LocalFile => "local_file",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Failure {
    /// A failure with its text.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A refusal by the other end, or what would have been one.
    #[must_use]
    pub fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(Code::Remote(code), message)
    }

    /// Somebody interrupted it.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(Code::Interrupted, "interrupted")
    }

    /// A command that makes no sense.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// Something on this side.
    #[must_use]
    pub fn local(message: impl Into<String>) -> Self {
        Self::new(Code::LocalFile, message)
    }

    /// With a text that says what helps, where `code` is what the other end refused with. JSON keeps what that wrote.
    #[must_use]
    pub fn explained(self, is_json: bool, code: ErrorCode, text: impl FnOnce(&str) -> String) -> Self {
        if is_json || self.code != Code::Remote(code) {
            self
        } else {
            Self::new(self.code, text(&self.message))
        }
    }

    /// Something on this side, with what the operating system says.
    #[must_use]
    pub fn of_local(error: &(dyn Error + 'static)) -> Self {
        Self::local(with_causes(error))
    }
}

impl From<&RemoteError> for Code {
    fn from(error: &RemoteError) -> Self {
        match error {
            RemoteError::Dial(DialError::WrongKey(_)) => Self::KeyMismatch,
            RemoteError::Dial(DialError::UnknownKey { .. }) => Self::UnknownKey,
            RemoteError::Dial(_) | RemoteError::Opening { .. } => match opening_code(error) {
                Some(code @ (ErrorCode::UnsupportedVersion | ErrorCode::NotAllowed)) => Self::Remote(code),
                _ => Self::ConnectionFailed,
            },
            RemoteError::Refused { code, .. } => Self::Remote(*code),
            RemoteError::Dismissed { code, .. } => match code {
                ErrorCode::TimedOut | ErrorCode::Busy => Self::ConnectionLost,
                other => Self::Remote(*other),
            },
            RemoteError::Closed | RemoteError::Receive(_) | RemoteError::Send(_) => Self::ConnectionLost,
            RemoteError::Protocol(_) | RemoteError::Message(_) => Self::Remote(ErrorCode::BadMessage),
            RemoteError::Cancelled => Self::Interrupted,
        }
    }
}

fn opening_code(error: &RemoteError) -> Option<ErrorCode> {
    match error {
        RemoteError::Opening { source: OpeningError::Refused(refused), .. } => Some(refused.code),
        _ => None,
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::new(Code::from(&error), error.to_string())
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Remote(error) => error.into(),
            FetchError::Local(error) => error.into(),
            FetchError::WrongDigest { .. } | FetchError::WrongPiece { .. } => {
                Self::refused(ErrorCode::DigestMismatch, error.to_string())
            }
            FetchError::OtherVersion { .. } => Self::refused(ErrorCode::Changed, error.to_string()),
            FetchError::NothingMore => Self::refused(ErrorCode::NotFound, error.to_string()),
            FetchError::Output(_) => Self::of_local(&error),
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Remote(error) | SendError::Doubted { error, .. } => error.into(),
            SendError::Changed => Self::refused(ErrorCode::Changed, error.to_string()),
            other => Self::of_local(&other),
        }
    }
}

impl From<LandingError> for Failure {
    fn from(error: LandingError) -> Self {
        let message = match &error {
            LandingError::Folder(FolderError::Exists) => {
                return Self::refused(ErrorCode::Exists, "another file has that name here");
            }
            LandingError::Folder(FolderError::NotFound) => "there is no such local folder".to_owned(),
            LandingError::Folder(FolderError::NotAFile) => "the local target is no regular file".to_owned(),
            LandingError::Folder(FolderError::LeadsOutside | FolderError::LeadsNowhere) => {
                format!("the local target cannot be used: {error}")
            }
            LandingError::Busy => "another transfer to that local file is running".to_owned(),
            _ => format!("the local file: {}", with_causes(&error)),
        };
        Self::local(message)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        Self::of_local(&error)
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        Self::of_local(&error)
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Self::new(Code::Remote(ErrorCode::BadPath), error.to_string())
    }
}

/// The error's text, and behind it those of what caused it.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| Error::source(*cause));
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
