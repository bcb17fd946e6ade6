//! The exit codes that scripts may rely on.
//!
//! It must not know what failed, only the word that scripts are told.

use std::process::{ExitCode, Termination};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitStatus {
    /// All was done; for a daemon, a drained stop.
    Done = 0,
    /// An operation was refused or failed; for a daemon, a forced stop.
    Failed = 1,
    /// Wrong usage, or an unknown command. clap exits with the same code.
    Usage = 2,
    /// No connection, or the connection was lost.
    ConnectionLost = 3,
    /// The data did not match its digest.
    DigestMismatch = 4,
    /// The other end's key is not the known one.
    KeyMismatch = 5,
    /// Interrupted by a signal.
    Interrupted = 130,
}

impl ExitStatus {
    /// What a program ends with whose first failure has this word in its JSON line.
    pub fn of_code(code: &str) -> Self {
        match code {
            "digest_mismatch" => Self::DigestMismatch,
            "usage" => Self::Usage,
            "not_connected" | "connection_failed" | "connection_lost" => Self::ConnectionLost,
            "key_mismatch" | "unknown_key" => Self::KeyMismatch,
            "interrupted" => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether all was done.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Done)
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

impl Termination for ExitStatus {
    fn report(self) -> ExitCode {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_contract() {
        use ExitStatus::*;
        let statuses = [Done, Failed, Usage, ConnectionLost, DigestMismatch, KeyMismatch, Interrupted];
        assert_eq!(statuses.map(ExitStatus::code), [0, 1, 2, 3, 4, 5, 130]);
        assert_eq!(ExitCode::from(Interrupted), ExitCode::from(130));
        assert!(Done.is_done() && !Failed.is_done());
        for code in ["key_mismatch", "unknown_key"] {
            assert_eq!(ExitStatus::of_code(code), KeyMismatch);
        }
    }
}
