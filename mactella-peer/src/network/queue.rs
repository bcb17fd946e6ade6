//! What waits to be sent over one link, between the owner that puts it there and the thread that sends it.

use crate::overlay::{Dropped, Outbox};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wire::message::LinkMessage;

/// What a message takes on its line besides its texts, at most.
const HEAD_BYTES: usize = 256;
/// What a file in a result takes besides its path, at most.
const FILE_BYTES: usize = 160;

/// A link's outbox with its lock.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    outbox: Outbox,
    is_finished: bool,
}

/// What the sending thread is to do next.
pub(super) enum Next {
    Send(Arc<LinkMessage>),
    /// Nothing came for the time that was given.
    Silent,
    /// Nothing will come any more.
    Finished,
}

impl Queue {
    /// Adds a message without ever waiting; tells what was dropped for it.
    pub(super) fn push(&self, message: Arc<LinkMessage>) -> Dropped {
        let byte_count = byte_count(&message);
        let dropped = self.lock().outbox.push(message, byte_count);
        self.changed.notify_one();
        dropped
    }

    /// The next message, if one waits.
    pub(super) fn take(&self) -> Option<Arc<LinkMessage>> {
        self.lock().outbox.pop()
    }

    /// Waits for the next message.
    pub(super) fn next(&self, silence: Duration) -> Next {
        let is_idle = |state: &mut State| state.outbox.is_empty() && !state.is_finished;
        let waited = self.changed.wait_timeout_while(self.lock(), silence, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match state.outbox.pop() {
            Some(message) => Next::Send(message),
            None if state.is_finished => Next::Finished,
            None => Next::Silent,
        }
    }

    /// Nothing more will be added; what waits is still sent.
    pub(super) fn finish(&self) {
        self.lock().is_finished = true;
        self.changed.notify_one();
    }

    /// Nothing more will be added, and of what waits only `last` is still sent.
    pub(super) fn finish_with(&self, last: LinkMessage) {
        let mut state = self.lock();
        state.outbox = Outbox::default();
        state.outbox.push(Arc::new(last), HEAD_BYTES);
        state.is_finished = true;
        self.changed.notify_one();
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().outbox.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete in itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message takes on the wire, at most: JSON escapes a path to at most twice its length.
fn byte_count(message: &LinkMessage) -> usize {
    HEAD_BYTES
        + match message {
            LinkMessage::Search(search) => 2 * search.words.as_ref().map_or(0, String::len),
            LinkMessage::SearchResult(result) => {
                result.files.iter().map(|file| FILE_BYTES + 2 * file.path.len()).sum()
            }
            LinkMessage::Refused(refused) => 2 * refused.message.len(),
            LinkMessage::Discover(_) | LinkMessage::DiscoverResult(_) | LinkMessage::Ping(_) => 0,
        }
}
