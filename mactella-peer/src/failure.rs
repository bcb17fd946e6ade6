//! What a command fails with, and what a program that ran nothing else ends with then.
//!
//! Must not know how failures are shown.

pub(crate) use shared_folder::failure::{Code, Failure};

use crate::network::{AskError, ConnectError};
use program::exit::ExitStatus;
use wire::error_code::ErrorCode;

/// What a program that ran nothing but this command ends with.
pub(crate) fn exit_status(code: Code) -> ExitStatus {
    ExitStatus::of_code(code.as_str())
}

/// The peer takes no new command.
pub(crate) fn stopping() -> Failure {
    Failure::refused(ErrorCode::Stopping, "this peer is stopping")
}

/// Another file has the name of what is fetched: what helps.
pub(crate) fn taken() -> Failure {
    Failure::refused(ErrorCode::Exists, "another file has that name here: --replace takes its place")
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoLinks => Self::new(Code::NotConnected, error.to_string()),
            AskError::Stopping => stopping(),
            AskError::NoId => Self::local(error.to_string()),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let message = error.to_string();
        match error {
            ConnectError::Unreachable(_) => Self::new(Code::ConnectionFailed, message),
            ConnectError::Refused { code, .. } => Self::refused(code, message),
            ConnectError::OtherKey(_) => Self::new(Code::KeyMismatch, message),
            ConnectError::Itself => Self::refused(ErrorCode::NotAllowed, message),
            ConnectError::Stopping => stopping(),
        }
    }
}
