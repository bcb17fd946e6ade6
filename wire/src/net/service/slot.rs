//! The table of sessions: who is there, what runs, and what a stop still waits for.

use super::Admission;
use crate::connection::Closer;
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The daemon is stopping: the request must be refused with `stopping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoppingNow;

/// As many sessions run as are allowed: this one must be refused with `busy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowded;

/// What STATUS shows of a session.
#[derive(Debug, Clone)]
pub struct SessionStatus {
    /// Its number since the daemon's start.
    pub id: u64,
    /// The other end.
    pub address: SocketAddr,
    /// When it was accepted.
    pub since: Instant,
    /// The request that runs, if any.
    pub running: Option<String>,
    /// Payload bytes in both directions, so far.
    pub byte_count: u64,
}

/// All sessions, and whether the daemon still takes new requests.
#[derive(Debug)]
pub(super) struct Slots {
    state: Mutex<State>,
    admission: Admission,
    emptied: Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<u64, Held>,
    last_id: u64,
    stopping: bool,
}

#[derive(Debug)]
struct Held {
    closer: Closer,
    address: SocketAddr,
    since: Instant,
    running: Option<String>,
    byte_count: Arc<AtomicU64>,
    role: Role,
}

/// What a connection turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It has not said yet.
    Opening,
    Session,
    /// A neighbour's: it has a cap of its own.
    Link,
}

impl Slots {
    pub(super) fn new(admission: Admission, emptied: Sender<()>) -> Self {
        Self { state: Mutex::default(), admission, emptied }
    }

    /// Enters a connection; `None` where the table is full.
    pub(super) fn enter(self: &Arc<Self>, closer: Closer, address: SocketAddr) -> Option<SessionSlot> {
        let mut state = self.lock();
        let room = self.admission.connections_max.saturating_add(self.admission.openings_max);
        if state.count(|role| role != Role::Link) >= room || state.stopping {
            return None;
        }
        state.last_id += 1;
        let (id, byte_count) = (state.last_id, Arc::new(AtomicU64::new(0)));
        let shown = Arc::clone(&byte_count);
        let since = Instant::now();
        let held = Held { closer, address, since, running: None, byte_count: shown, role: Role::Opening };
        state.sessions.insert(id, held);
        Some(SessionSlot { slots: Arc::clone(self), id, address, byte_count })
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    pub(super) fn statuses(&self) -> Vec<SessionStatus> {
        let state = self.lock();
        let sessions = state.sessions.iter().filter(|(_, held)| held.role != Role::Link);
        let mut all: Vec<_> = sessions.map(|(id, held)| held.status(*id)).collect();
        all.sort_by_key(|status| status.id);
        all
    }

    pub(super) fn drain(&self) -> usize {
        let mut state = self.lock();
        state.stopping = true;
        state.sessions.values().filter(|held| held.running.is_none()).for_each(|held| held.closer.close());
        let busy = state.sessions.values().filter(|held| held.running.is_some()).count();
        self.tell_if_empty(&state);
        busy
    }

    pub(super) fn cut(&self) -> usize {
        let mut state = self.lock();
        state.stopping = true;
        state.sessions.values().for_each(|held| held.closer.abort());
        self.tell_if_empty(&state);
        state.count(|role| role != Role::Link)
    }

    fn leave(&self, id: u64) {
        let mut state = self.lock();
        state.sessions.remove(&id);
        self.tell_if_empty(&state);
    }

    fn tell_if_empty(&self, state: &State) {
        if state.stopping && state.sessions.is_empty() {
            // One word is enough; a full channel has it already.
            let _ = self.emptied.try_send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change below is complete in itself, so a panic elsewhere leaves the table sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&self, wanted: impl Fn(Role) -> bool) -> usize {
        self.sessions.values().filter(|held| wanted(held.role)).count()
    }

    fn set_role(&mut self, id: u64, role: Role) {
        if let Some(held) = self.sessions.get_mut(&id) {
            held.role = role;
        }
    }
}

impl Held {
    fn status(&self, id: u64) -> SessionStatus {
        SessionStatus {
            id,
            address: self.address,
            since: self.since,
            running: self.running.clone(),
            byte_count: self.byte_count.load(Ordering::Relaxed),
        }
    }
}

/// One session's place in the table; leaving is dropping it.
#[derive(Debug)]
pub struct SessionSlot {
    slots: Arc<Slots>,
    id: u64,
    address: SocketAddr,
    byte_count: Arc<AtomicU64>,
}

impl SessionSlot {
    /// The session's number since the daemon's start.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The other end's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Marks that a request runs, so that a drain waits for it until [`SessionSlot::end`].
    ///
    /// # Errors
    /// When a stop has begun: the request must be refused. An earlier one that still runs goes on running.
    pub fn begin(&self, label: String) -> Result<(), StoppingNow> {
        let mut state = self.slots.lock();
        if state.stopping {
            return Err(StoppingNow);
        }
        if let Some(held) = state.sessions.get_mut(&self.id) {
            held.running = Some(label);
        }
        Ok(())
    }

    /// Marks that every answer has been sent: from now on a drain closes this session at once.
    pub fn end(&self) {
        let mut state = self.slots.lock();
        let stopping = state.stopping;
        if let Some(held) = state.sessions.get_mut(&self.id)
            && held.running.take().is_some()
            && stopping
        {
            held.closer.finish_receiving();
        }
    }

    /// This connection is a session from now on.
    ///
    /// # Errors
    /// When there are as many as are allowed: it must be refused.
    pub fn becomes_session(&self) -> Result<(), Crowded> {
        let mut state = self.slots.lock();
        if state.count(|role| role == Role::Session) >= self.slots.admission.connections_max {
            return Err(Crowded);
        }
        state.set_role(self.id, Role::Session);
        Ok(())
    }

    /// This connection is a neighbour's link from now on: it counts as no session and takes no session's place.
    pub fn becomes_link(&self) {
        self.slots.lock().set_role(self.id, Role::Link);
    }

    /// Counts payload bytes for STATUS.
    pub fn count_bytes(&self, byte_count: u64) {
        self.byte_count.fetch_add(byte_count, Ordering::Relaxed);
    }

    /// Whether a stop has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.slots.is_stopping()
    }
}

impl Drop for SessionSlot {
    fn drop(&mut self) {
        self.slots.leave(self.id);
    }
}
