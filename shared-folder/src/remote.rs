//! A client's side of a conversation: a session that is dialled, asked in typed requests, and made again when it
//! is lost.
//!
//! Must not know why anything is asked, nor any local file.

mod retry;
mod dialer;
mod several;
mod listing;
mod session;
mod there;
mod error;
mod cancel;

pub use cancel::{Cancel, Watched};
pub use dialer::Dialer;
pub use error::{Recovery, RemoteError};
pub use listing::{Listed, ListedName, Listing};
pub use retry::Retry;
pub(crate) use session::EMPTY_SECTIONS_MAX;
pub use session::{Found, PiecesOf, Session};
pub use several::Several;
pub use there::There;

/// What a transfer tells while it runs; called by the thread that transfers.
pub trait Watch: Sync {
    /// So many payload bytes have crossed the connection.
    fn moved(&self, _byte_count: u64) {}

    /// So many bytes need not cross it, because they are there already.
    fn reused(&self, _byte_count: u64) {}

    /// Something is being verified, here or at the other end; in bytes.
    fn checking(&self, _done: u64, _of: u64) {}

    /// The other end gives so much to others that this waits, at this place of a queue.
    fn waiting(&self, _place: u64) {}

    /// The transfer begins again from what is kept: nothing that was told before counts any more.
    fn restarted(&self) {}

    /// The connection was lost or the other end is busy; the next attempt follows soon.
    fn retrying(&self, _why: &RemoteError) {}
}

/// Watches nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// One other end, with a session that is opened when it is needed and opened again when it was lost.
#[derive(Debug)]
pub struct Remote {
    dialer: Dialer,
    cancel: Cancel,
    session: Option<Session>,
}

/// Whether a request may be sent a second time when its answer was lost with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Asking twice does what asking once does.
    Harmless,
    /// A second time might meet what the first one did.
    Never,
}

impl Remote {
    /// Another end that nobody has dialled yet.
    #[must_use]
    pub fn new(dialer: Dialer, cancel: Cancel) -> Self {
        Self { dialer, cancel, session: None }
    }

    /// Sessions that are opened from now on present no invitation: it has done its work.
    pub fn forget_invitation(&mut self) {
        self.dialer = self.dialer.clone().without_invitation();
    }

    /// A second way to the same end, not yet dialled.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(self.dialer.clone(), self.cancel.clone())
    }

    /// How the other end is reached.
    #[must_use]
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// What ends this end's waits now.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// From now on, `cancel` ends the waits.
    pub fn set_cancel(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
        if let Some(session) = &mut self.session {
            session.set_cancel(cancel);
        }
    }

    /// The open session, or a new one where there is none or the other end has ended it meanwhile.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn session(&mut self) -> Result<&mut Session, RemoteError> {
        if !self.session.as_mut().is_some_and(Session::is_alive) {
            self.session = None;
        }
        match &mut self.session {
            Some(session) => Ok(session),
            empty => Ok(empty.insert(self.dialer.open(&self.cancel)?)),
        }
    }

    /// As [`Remote::session`]; with `answers_due`, what has arrived is the answer to something, not the end.
    pub(crate) fn session_in_use(&mut self, answers_due: bool) -> Result<&mut Session, RemoteError> {
        if !answers_due {
            return self.session();
        }
        self.session.as_mut().ok_or(RemoteError::Closed)
    }

    /// Whether a session is open, as far as this end knows.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Asks once, and once more on a new connection where an older one turns out to be dead.
    ///
    /// # Errors
    /// What the last attempt met.
    pub fn ask<T>(
        &mut self,
        repeat: Repeat,
        mut act: impl FnMut(&mut Session) -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        let was_open = self.is_open();
        match act(self.session()?) {
            Err(error) if was_open && repeat == Repeat::Harmless && error.is_gone() => {
                log::debug!("the request is sent again: {error}");
                self.session = None;
                act(self.session()?)
            }
            other => other,
        }
    }

    /// The rules by which a transfer over this end is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        Retry::new(self.dialer.patience(), self.cancel.clone())
    }

    /// Closes the session without a word, so that whatever runs in it is cancelled.
    pub fn abandon(&mut self) {
        self.session = None;
    }

    /// Ends the session in order, waiting for the other end's last word.
    ///
    /// # Errors
    /// When the other end does not answer; the session is over all the same.
    pub fn bye(&mut self) -> Result<(), RemoteError> {
        match self.session.take() {
            Some(session) => session.bye(),
            None => Ok(()),
        }
    }
}
