//! One thing that a confined process may use, and how.
//!
//! It must not know how the system keeps it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What may be done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Everything but starting programs.
    Change,
    /// Reading files and listing folders.
    Read,
    /// Removing files.
    Remove,
}

/// A place and what may be done there.
#[derive(Debug)]
pub(super) struct Grant<'a> {
    place: Place<'a>,
    /// What may be done there.
    pub(super) right: Right,
}

#[derive(Debug)]
enum Place<'a> {
    Borrowed(BorrowedFd<'a>),
    Owned(OwnedFd),
}

impl<'a> Grant<'a> {
    pub(super) fn borrowed(place: BorrowedFd<'a>, right: Right) -> Self {
        Self { place: Place::Borrowed(place), right }
    }

    pub(super) fn owned(place: OwnedFd, right: Right) -> Self {
        Self { place: Place::Owned(place), right }
    }
}

impl AsFd for Grant<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.place {
            Place::Borrowed(place) => place.as_fd(),
            Place::Owned(place) => place.as_fd(),
        }
    }
}
