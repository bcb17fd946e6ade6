//! Why a file could not be sent.

use crate::folder::FolderError;
use crate::lane::Failing;
use crate::remote::RemoteError;
use std::io;
use thiserror::Error;
use wire::digest::Digest;

/// Why a file was not sent.
#[derive(Debug, Error)]
pub enum SendError {
    /// The other end, or the way to it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The other end refused because of what stands at the target, which may be this very file.
    #[error("{error}")]
    Doubted {
        /// The refusal.
        error: RemoteError,
        /// The length of the file here.
        byte_count: u64,
        /// The digest of the file here.
        digest: Digest,
    },
    /// There is no such file here.
    #[error("file not found")]
    NotFound,
    /// The local file cannot be used.
    #[error(transparent)]
    Local(#[from] FolderError),
    /// The local file became another version while it was sent, as far as its length and time can tell.
    #[error("the local file changed while it was sent")]
    Changed,
    /// What is sent cannot be read.
    #[error("the input cannot be read")]
    Input(#[source] io::Error),
    /// The hashing thread is gone: a bug of ours.
    #[error("the hash was lost")]
    HashLost,
}

impl Failing for SendError {
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
