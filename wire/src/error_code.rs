//! The codes that refusals and failures carry. Must not know which request they answer.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),* $(,)?) => {
        /// Why something was refused or failed, in one word for scripts.
        ///
        /// An unknown code is read as [`ErrorCode::Internal`], so that a newer end may have finer ones.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode { $($(#[$doc])* #[serde(rename = $text)] $variant),* }

        impl ErrorCode {
            /// Every code, in the order of `PROTOCOL.md`.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it stands on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

error_codes! {
    /// Nothing has that name, or no file with that digest is known.
    NotFound = "not_found",
    /// The name is taken and the request said not to replace.
    Exists = "exists",
    /// A folder, link, device, socket or FIFO stands where a file is needed.
    NotAFile = "not_a_file",
    /// Something else stands where a folder is needed.
    NotAFolder = "not_a_folder",
    /// The folder has entries and the request was not recursive.
    NotEmpty = "not_empty",
    /// The text is no shared path.
    BadPath = "bad_path",
    /// This end does not do that, for this client or at all.
    NotAllowed = "not_allowed",
    /// The daemon was started to change nothing.
    ReadOnly = "read_only",
    /// No place just now; try again.
    Busy = "busy",
    /// Over the daemon's limit for one file.
    TooLarge = "too_large",
    /// The disk or a quota is full.
    NoSpace = "no_space",
    /// The file is not, or no longer, the version that was named.
    Changed = "changed",
    /// The bytes that arrived are not those that were sent.
    DigestMismatch = "digest_mismatch",
    /// The line is no message, or stands where it may not.
    BadMessage = "bad_message",
    /// None of the versions offered is spoken here.
    UnsupportedVersion = "unsupported_version",
    /// The type of the message is unknown here.
    UnknownType = "unknown_type",
    /// The other end was silent for too long.
    TimedOut = "timed_out",
    /// The daemon is stopping and takes no new request.
    Stopping = "stopping",
    /// A fault of this end; its log has more.
    #[serde(other)]
    Internal = "internal",
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
