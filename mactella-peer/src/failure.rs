//! What a command fails with: a code for scripts, a text for people, and the exit code, decided here alone.
//!
//! Must not know how failures are shown.

use crate::network::{AskError, ConnectError};
use program::exit::ExitStatus;
use program::logging::WithCauses;
use shared_folder::catalogue::HashError;
use shared_folder::fetch::FetchError;
use shared_folder::folder::FolderError;
use shared_folder::incoming::LandingError;
use shared_folder::remote::RemoteError;
use wire::connection::OpeningError;
use wire::error_code::ErrorCode;
use wire::path::PathError;

/// Why, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// A refusal by the other end, or what would have been one.
    Remote(ErrorCode),
    /// A command that makes no sense.
    Usage,
    /// The command needs a link, and there is none.
    NotConnected,
    /// No connection could be made.
    ConnectionFailed,
    /// The connection was lost.
    ConnectionLost,
    /// A file of one's own, or its folder.
    LocalFile,
    /// Somebody interrupted it.
    Interrupted,
}

/// Why, for scripts and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Code {
    /// The word of the contract.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Remote(code) => code.as_str(),
            Self::Usage => "usage",
            Self::NotConnected => "not_connected",
            Self::ConnectionFailed => "connection_failed",
            Self::ConnectionLost => "connection_lost",
            Self::LocalFile => "local_file",
            Self::Interrupted => "interrupted",
        }
    }

    /// What a program that ran nothing but this command ends with.
    pub(crate) const fn exit_status(self) -> ExitStatus {
        match self {
            Self::Remote(ErrorCode::DigestMismatch) => ExitStatus::DigestMismatch,
            Self::Remote(_) | Self::LocalFile => ExitStatus::Failed,
            Self::Usage => ExitStatus::Usage,
            Self::NotConnected | Self::ConnectionFailed | Self::ConnectionLost => ExitStatus::ConnectionLost,
            Self::Interrupted => ExitStatus::Interrupted,
        }
    }
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(Code::Remote(code), message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Code::Interrupted, "interrupted")
    }

    pub(crate) fn stopping() -> Self {
        Self::refused(ErrorCode::Stopping, "this peer is stopping")
    }

    /// Something on this side, with what the operating system says.
    pub(crate) fn of_local(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(Code::LocalFile, WithCauses(error).to_string())
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoLinks => Self::new(Code::NotConnected, error.to_string()),
            AskError::Stopping => Self::stopping(),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let message = error.to_string();
        match error {
            ConnectError::Unreachable(_) => Self::new(Code::ConnectionFailed, message),
            ConnectError::Refused { code, .. } => Self::refused(code, message),
            ConnectError::Itself => Self::refused(ErrorCode::NotAllowed, message),
            ConnectError::Stopping => Self::stopping(),
        }
    }
}

impl From<&RemoteError> for Code {
    fn from(error: &RemoteError) -> Self {
        match error {
            RemoteError::Dial(_) => Self::ConnectionFailed,
            RemoteError::Opening { source: OpeningError::Refused(refused), .. }
                if refused.code == ErrorCode::UnsupportedVersion =>
            {
                Self::Remote(refused.code)
            }
            RemoteError::Opening { .. } => Self::ConnectionFailed,
            RemoteError::Refused { code, .. } => Self::Remote(*code),
            RemoteError::Dismissed { code: ErrorCode::TimedOut | ErrorCode::Busy, .. } => {
                Self::ConnectionLost
            }
            RemoteError::Dismissed { code, .. } => Self::Remote(*code),
            RemoteError::Closed | RemoteError::Receive(_) | RemoteError::Send(_) => Self::ConnectionLost,
            RemoteError::Protocol(_) | RemoteError::Message(_) => Self::Remote(ErrorCode::BadMessage),
            RemoteError::Cancelled => Self::Interrupted,
        }
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
            FetchError::WrongDigest { .. } | FetchError::OtherVersion { .. } => {
                Self::refused(ErrorCode::DigestMismatch, error.to_string())
            }
            FetchError::Output(_) => Self::of_local(&error),
        }
    }
}

impl From<LandingError> for Failure {
    fn from(error: LandingError) -> Self {
        let message = match &error {
            LandingError::Folder(FolderError::Exists) => return Self::refused(ErrorCode::Exists, taken()),
            LandingError::Busy => "another transfer to that name is running".to_owned(),
            _ => format!("the own file: {}", WithCauses(&error)),
        };
        Self::new(Code::LocalFile, message)
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
        Self::refused(ErrorCode::BadPath, error.to_string())
    }
}

/// Why a name cannot be used for what was fetched, and what helps.
pub(crate) fn taken() -> &'static str {
    "another file has that name here: --replace takes its place"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_exit_code_of_the_contract() {
        let exits = [
            (Code::Remote(ErrorCode::NotFound), 1),
            (Code::LocalFile, 1),
            (Code::Usage, 2),
            (Code::NotConnected, 3),
            (Code::ConnectionFailed, 3),
            (Code::ConnectionLost, 3),
            (Code::Remote(ErrorCode::DigestMismatch), 4),
            (Code::Interrupted, 130),
        ];
        for (code, exit) in exits {
            assert_eq!(code.exit_status().code(), exit, "{code:?}");
        }
    }

    #[test]
    fn a_name_that_is_taken_says_what_helps() {
        let failure = Failure::from(FetchError::Local(LandingError::Folder(FolderError::Exists)));
        assert_eq!(failure.code, Code::Remote(ErrorCode::Exists));
        assert!(failure.message.contains("--replace"));
    }
}
