//! What a command fails with, and what the program ends with then.
//!
//! Must not know how failures are shown.

pub(crate) use shared_folder::failure::{Code, Failure};

use program::exit::ExitStatus;

/// What the program ends with.
pub(crate) fn exit_status(code: Code) -> ExitStatus {
    ExitStatus::of_code(code.as_str())
}

/// What needs a connection has none.
pub(crate) fn not_connected() -> Failure {
    Failure::new(Code::NotConnected, "connect to a server first")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::error_code::ErrorCode;

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
            (Code::KeyMismatch, 5),
            (Code::UnknownKey, 5),
            (Code::Interrupted, 130),
        ];
        for (code, exit) in exits {
            assert_eq!(exit_status(code).code(), exit, "{code:?}");
        }
    }
}
