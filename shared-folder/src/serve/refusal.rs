//! Errors become answers here, and only here: whose fault, which code, does the connection live.

use super::record::Outcome;
use crate::catalogue::HashError;
use crate::folder::FolderError;
use crate::incoming::LandingError;
use std::borrow::Cow;
use std::error::Error;
use wire::codec::DecodeError;
use wire::connection::{ReceiveError, SendError, Sender, shortened};
use wire::error_code::ErrorCode;
use wire::message::payload::Failed;
use wire::message::reply::Refused;
use wire::path::PathError;

/// Answers no: a code and a short text, without local paths or texts of the operating system.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: Cow<'static, str>,
}

/// Why a request was not answered in full.
#[derive(Debug)]
pub(super) enum Stop {
    /// Say `refused`; the session goes on.
    Refuse(Refusal),
    /// The payload has begun: say `failed`; the session goes on.
    Fail(Refusal),
    /// A refusal that has been said already; the session goes on.
    Told(ErrorCode),
    /// The session is over.
    End(End),
}

/// Why a session ends.
#[derive(Debug)]
pub(super) enum End {
    /// The other end left, broke, or takes nothing any more; nothing can be said to it.
    Lost(String),
    /// The other end broke the protocol or was silent; it is told so before the connection closes.
    Fault { code: ErrorCode, message: String },
    /// It went on sending after a refusal, past the bound.
    TooMuch,
}

/// The one place where an error decides what the other end sees and whether the session lives.
pub(super) fn conclude(sender: &mut Sender, id: u64, result: Result<(), Stop>) -> (Outcome, Result<(), End>) {
    match result {
        Ok(()) => (Outcome::Done, Ok(())),
        Err(Stop::Refuse(Refusal { code, message })) => {
            (Outcome::Refused(code), say_refused(sender, id, code, &message))
        }
        Err(Stop::Told(code)) => (Outcome::Refused(code), Ok(())),
        Err(Stop::Fail(Refusal { code, message })) => {
            let failed = Failed { code, message: shortened(&message) };
            let sent = sender.queue(Some(id), &failed);
            (Outcome::Refused(code), sent.map_err(|error| End::Lost(error.to_string())))
        }
        Err(Stop::End(End::Fault { code, message })) => {
            (Outcome::Refused(code), Err(End::Fault { code, message }))
        }
        Err(Stop::End(end)) => (Outcome::Lost, Err(end)),
    }
}

pub(super) fn say_refused(sender: &mut Sender, id: u64, code: ErrorCode, message: &str) -> Result<(), End> {
    let refused = Refused { code, message: shortened(message), versions: None };
    sender.queue(Some(id), &refused).map_err(|error| End::Lost(error.to_string()))
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message) }
    }

    /// A link that leads nowhere is nothing to a reader, but stands in the way of whoever changes something.
    pub(super) fn of_change(error: FolderError) -> Self {
        let leads_nowhere = matches!(error, FolderError::LeadsNowhere);
        let refusal = Self::from(error);
        if leads_nowhere { Self { code: ErrorCode::NotAllowed, ..refusal } } else { refusal }
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self { code: ErrorCode::BadPath, message: error.to_string().into() }
    }
}

impl From<FolderError> for Refusal {
    fn from(error: FolderError) -> Self {
        let code = match &error {
            FolderError::NotFound | FolderError::NoFolder | FolderError::LeadsNowhere => ErrorCode::NotFound,
            FolderError::Exists => ErrorCode::Exists,
            FolderError::NotAFile => ErrorCode::NotAFile,
            FolderError::NotAFolder => ErrorCode::NotAFolder,
            FolderError::NotEmpty => ErrorCode::NotEmpty,
            FolderError::LeadsOutside
            | FolderError::TakenByDeadLink
            | FolderError::NotAllowed
            | FolderError::NotPermitted
            | FolderError::StateItself
            | FolderError::Mounted
            | FolderError::NotShared
            | FolderError::MayHoldNotShared
            | FolderError::OtherFileSystem => ErrorCode::NotAllowed,
            FolderError::IntoItself | FolderError::BadName => ErrorCode::BadPath,
            FolderError::ReadOnly => ErrorCode::ReadOnly,
            // Our own limit says `too_large`; one of the system's is a want of space like a quota.
            FolderError::NoSpace | FolderError::TooLarge => ErrorCode::NoSpace,
            FolderError::Unsteady => ErrorCode::Busy,
            FolderError::Failed(_) => ErrorCode::Internal,
        };
        if code == ErrorCode::Internal || code == ErrorCode::NoSpace {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            log::warn!("the file system: {error}: {cause}");
        }
        Self { code, message: error.to_string().into() }
    }
}

impl From<HashError> for Refusal {
    fn from(error: HashError) -> Self {
        let code = match error {
            HashError::Changed => ErrorCode::Changed,
            HashError::Unreadable => ErrorCode::Internal,
            HashError::Busy => ErrorCode::Busy,
        };
        Self { code, message: error.to_string().into() }
    }
}

impl<T: Into<Refusal>> From<T> for Stop {
    fn from(error: T) -> Self {
        Self::Refuse(error.into())
    }
}

impl From<SendError> for Stop {
    fn from(error: SendError) -> Self {
        Self::End(End::Lost(error.to_string()))
    }
}

impl From<ReceiveError> for Stop {
    fn from(error: ReceiveError) -> Self {
        Self::End(End::from(error))
    }
}

impl From<LandingError> for Stop {
    fn from(error: LandingError) -> Self {
        let code = match error {
            LandingError::Folder(error) => return Refusal::of_change(error).into(),
            LandingError::Receive(error) => return error.into(),
            LandingError::Misplaced { .. } | LandingError::PastEnd { .. } => {
                let message = error.to_string();
                return Self::End(End::Fault { code: ErrorCode::BadMessage, message });
            }
            LandingError::GivenUp => return Self::End(End::Lost(error.to_string())),
            LandingError::Busy => ErrorCode::Busy,
            LandingError::Changed => ErrorCode::Changed,
            LandingError::WrongLength { .. } | LandingError::WrongDigest { .. } => ErrorCode::DigestMismatch,
            LandingError::HashLost => ErrorCode::Internal,
        };
        Self::Refuse(Refusal { code, message: error.to_string().into() })
    }
}

impl From<ReceiveError> for End {
    fn from(error: ReceiveError) -> Self {
        let message = error.to_string();
        match error {
            ReceiveError::Closed(_) | ReceiveError::Lost(_) => Self::Lost(message),
            ReceiveError::TimedOut(_) => Self::Fault { code: ErrorCode::TimedOut, message },
            ReceiveError::LineTooLong(_) => Self::Fault { code: ErrorCode::BadMessage, message },
            // Where an unknown type is no reason to end, the session has answered it before it gets here.
            ReceiveError::Message(DecodeError::BadMessage { .. } | DecodeError::UnknownType { .. }) => {
                Self::Fault { code: ErrorCode::BadMessage, message }
            }
            ReceiveError::Message(DecodeError::UnsupportedVersion { .. }) => {
                Self::Fault { code: ErrorCode::UnsupportedVersion, message }
            }
        }
    }
}
