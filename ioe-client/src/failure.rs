//! What a command fails with, and what the program ends with then.
//!
//! Must not know how failures are shown.

pub(crate) use shared_folder::failure::{Code, Failure};

use program::exit::ExitStatus;
use wire::error_code::ErrorCode;

/// What the program ends with.
pub(crate) const fn exit_status(code: Code) -> ExitStatus {
    match code {
        Code::Remote(ErrorCode::DigestMismatch) => ExitStatus::DigestMismatch,
        Code::Remote(_) | Code::LocalFile => ExitStatus::Failed,
        Code::Usage => ExitStatus::Usage,
        Code::NotConnected | Code::ConnectionFailed | Code::ConnectionLost => ExitStatus::ConnectionLost,
        Code::Interrupted => ExitStatus::Interrupted,
    }
}

/// What needs a connection has none.
pub(crate) fn not_connected() -> Failure {
    Failure::new(Code::NotConnected, "connect to a server first")
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
            assert_eq!(exit_status(code).code(), exit, "{code:?}");
        }
    }
}
