//! What a command fails with: a code for scripts, a text for people, and the exit code, decided here alone.
//!
//! Must not know how failures are shown.

use program::exit::ExitStatus;
use program::logging::WithCauses;
use shared_folder::fetch::FetchError;
use shared_folder::folder::FolderError;
use shared_folder::incoming::LandingError;
use shared_folder::remote::RemoteError;
use shared_folder::send::SendError;
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
    /// The command needs a connection, and there is none.
    NotConnected,
    /// No connection could be made.
    ConnectionFailed,
    /// The connection was lost.
    ConnectionLost,
    /// A local file or folder.
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

    /// What the program ends with.
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

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::new(Code::LocalFile, message)
    }

    pub(crate) fn not_connected() -> Self {
        Self::new(Code::NotConnected, "connect to a server first")
    }

    /// With a text that says what helps, where `code` is what the other end refused with. JSON keeps what that wrote.
    pub(crate) fn explained(self, is_json: bool, code: ErrorCode, text: impl FnOnce(&str) -> String) -> Self {
        if is_json || self.code != Code::Remote(code) {
            self
        } else {
            Self::new(self.code, text(&self.message))
        }
    }

    /// Something on this side, with what the operating system says.
    pub(crate) fn of_local(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::local(WithCauses(error).to_string())
    }
}

impl From<&RemoteError> for Code {
    fn from(error: &RemoteError) -> Self {
        match error {
            RemoteError::Dial(_) | RemoteError::Opening { .. } => match opening_code(error) {
                Some(ErrorCode::UnsupportedVersion) => Self::Remote(ErrorCode::UnsupportedVersion),
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
            FetchError::WrongDigest { .. } => {
                Self::new(Code::Remote(ErrorCode::DigestMismatch), error.to_string())
            }
            FetchError::Output(_) => Self::of_local(&error),
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Remote(error) | SendError::Doubted { error, .. } => error.into(),
            SendError::Shrank => Self::new(Code::Remote(ErrorCode::Changed), error.to_string()),
            other => Self::of_local(&other),
        }
    }
}

impl From<LandingError> for Failure {
    fn from(error: LandingError) -> Self {
        let message = match &error {
            LandingError::Folder(FolderError::NotFound) => "there is no such local folder".to_owned(),
            LandingError::Folder(FolderError::NotAFile) => "the local target is no regular file".to_owned(),
            LandingError::Folder(FolderError::LeadsOutside | FolderError::LeadsNowhere) => {
                format!("the local target cannot be used: {error}")
            }
            LandingError::Busy => "another transfer to that local file is running".to_owned(),
            _ => format!("the local file: {}", WithCauses(&error)),
        };
        Self::local(message)
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Self::new(Code::Remote(ErrorCode::BadPath), error.to_string())
    }
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
}
