//! Why a file could not be fetched.

use crate::incoming::LandingError;
use crate::lane::Failing;
use crate::remote::RemoteError;
use std::io;
use thiserror::Error;
use wire::digest::Digest;

/// Why a file was not fetched. What had its name before is there, byte for byte.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The other end, or the way to it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// It cannot land here.
    #[error(transparent)]
    Local(LandingError),
    /// What arrived is not what the other end said it sent.
    #[error("what arrived does not match its digest: {actual} arrived")]
    WrongDigest {
        /// What arrived has this digest.
        actual: Digest,
    },
    /// The other end has another version than the one that is wanted.
    #[error("the other end has another version of the file: {actual}")]
    OtherVersion {
        /// What it has, by its own account.
        actual: Digest,
    },
    /// A piece that arrived is not that of the file.
    #[error("piece {piece} of what arrived is not that of the file")]
    WrongPiece {
        /// Its number, from 0.
        piece: u64,
    },
    /// The file is still arriving there, and for long it had nothing that is missing here.
    #[error("the other end has not got any further with the file than this one")]
    NothingMore,
    /// Where the bytes were to go takes no more.
    #[error("the output takes no more")]
    Output(#[source] io::Error),
}

impl From<LandingError> for FetchError {
    fn from(error: LandingError) -> Self {
        match error {
            LandingError::Receive(lost) => Self::Remote(lost.into()),
            LandingError::WrongDigest { actual } => Self::WrongDigest { actual },
            other => Self::Local(other),
        }
    }
}

impl Failing for FetchError {
    fn remote(&self) -> Option<&RemoteError> {
        match self {
            Self::Remote(error) => Some(error),
            _ => None,
        }
    }

    fn into_remote(self) -> Result<RemoteError, Self> {
        match self {
            Self::Remote(error) => Ok(error),
            own => Err(own),
        }
    }
}
