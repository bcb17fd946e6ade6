//! The table of connections: who is there, what runs, who must give way, and what a stop still waits for.

use super::Admission;
use super::block::Block;
use super::penalty::Penalties;
use super::presence::Presence;
use super::seats::{Seat, Seats};
use crate::connection::{Closer, Connection, OpeningError, Receiver, hear_hello, refuse, refuse_opening};
use crate::error_code::ErrorCode;
use crate::key::PublicKey;
use crate::limits::{OPENINGS_MAX, OPENINGS_PER_ADDRESS_MAX};
use crate::message::Hello;
use crate::net::DoorError;
use crossbeam_channel::Sender;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The limits of openings are for those that keep us waiting. A prompt crowd that waits for us may be this many times as large.
const CROWD_FACTOR: usize = 2;
/// Openings and those that gave way and whose threads have not ended yet. Exceeded: closed without a word.
const UNOPENED_MAX: usize = (CROWD_FACTOR + 1) * OPENINGS_MAX;
/// Who came in a crowd gets this long to say who he is before he gives way to the next.
const GRACE: Duration = Duration::from_millis(10);
/// So many such times the next connection waits at most while nobody opens or leaves, until those in front of it that wait for us
/// are heard. Counted, and not measured: a machine that stood still all the while gave nobody the time to open.
const VAIN_WAITS_MAX: usize = 10;
/// What strangers of one address may take of all places for sessions: the rest is for others.
const SHARE_OF_STRANGERS: (usize, usize) = (3, 4);

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
    /// Whose session it is, where that is known.
    pub who: Option<String>,
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
    /// Somebody opened or left.
    changed: Condvar,
    /// Set before any session is asked whether it runs a request.
    stopping: AtomicBool,
    seats: Seats,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<u64, Held>,
    penalties: Penalties,
    last_id: u64,
}

#[derive(Debug)]
struct Held {
    presence: Arc<Presence>,
    address: SocketAddr,
    block: Block,
    since: Instant,
    who: Option<String>,
    /// By whose rules it was judged, where it was: of a key, or of everybody.
    owner: Option<Option<PublicKey>>,
    role: Role,
}

/// What a connection turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It has not said yet.
    Opening,
    /// It failed, and waits to be told or was told.
    Refused,
    /// It was closed to make room, and its thread has yet to see it.
    GaveWay,
    /// Of somebody known, or of this machine.
    Session,
    /// Of anybody.
    StrangersSession,
    /// A neighbour's: it has a cap of its own.
    Link,
}

/// What becomes of a connection that was accepted.
#[derive(Debug)]
pub(super) enum Entry {
    Entered(SessionSlot),
    /// The daemon is stopping.
    Stopping,
    /// Those that gave way have not even ended yet.
    Overrun,
}

impl Slots {
    pub(super) fn new(admission: Admission, emptied: Sender<()>) -> Self {
        let (state, changed, stopping, seats) = Default::default();
        Self { state, admission, emptied, changed, stopping, seats }
    }

    /// Where sessions wait for their next request.
    pub(super) fn seats(&self) -> &Seats {
        &self.seats
    }

    /// Enters a connection; where too many are opening, another gives way.
    pub(super) fn enter(self: &Arc<Self>, closer: Closer, address: SocketAddr) -> Entry {
        let block = Block::of(address);
        let mut state = self.lock();
        let mut vain_waits = 0;
        while !self.is_stopping() && state.is_crowded(block) && vain_waits < VAIN_WAITS_MAX {
            let waited = self.changed.wait_timeout(state, GRACE).unwrap_or_else(PoisonError::into_inner);
            vain_waits += usize::from(waited.1.timed_out());
            state = waited.0;
        }
        if self.is_stopping() {
            return Entry::Stopping;
        }
        if !state.make_room(block) {
            return Entry::Overrun;
        }
        state.last_id += 1;
        let (id, presence) = (state.last_id, Arc::new(Presence::new(closer)));
        state.sessions.insert(id, Held::opening(Arc::clone(&presence), address));
        Entry::Entered(SessionSlot { slots: Arc::clone(self), id, address, presence })
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Waits until everybody has left.
    pub(super) fn wait_until_empty(&self) {
        let state = self.changed.wait_while(self.lock(), |state| !state.sessions.is_empty());
        drop(state.unwrap_or_else(PoisonError::into_inner));
    }

    /// Cuts every session that is judged by the rules of somebody for whom `is_lost`; gives how many. Who is not in yet
    /// has nothing to lose, and is to hear why he is not let in.
    pub(super) fn cut_where(&self, is_lost: &dyn Fn(Option<PublicKey>, Option<&str>) -> bool) -> usize {
        let state = self.lock();
        let sessions = state.sessions.values().filter(|held| held.role.is_in());
        let lost =
            sessions.filter(|held| held.owner.is_some_and(|owner| is_lost(owner, held.who.as_deref())));
        lost.map(|held| held.presence.closer().abort()).count()
    }

    pub(super) fn statuses(&self) -> Vec<SessionStatus> {
        let state = self.lock();
        let sessions = state.sessions.iter().filter(|(_, held)| held.role.is_shown());
        let mut all: Vec<_> = sessions.map(|(id, held)| held.status(*id)).collect();
        all.sort_by_key(|status| status.id);
        all
    }

    pub(super) fn drain(&self) -> usize {
        let state = self.lock();
        self.stopping.store(true, Ordering::SeqCst);
        let busy = state.sessions.values().filter(|held| !held.presence.close_if_idle()).count();
        self.tell_if_empty(&state);
        busy
    }

    pub(super) fn cut(&self) -> usize {
        let state = self.lock();
        self.stopping.store(true, Ordering::SeqCst);
        state.sessions.values().for_each(|held| held.presence.closer().abort());
        self.tell_if_empty(&state);
        state.sessions.values().filter(|held| held.role.is_shown()).count()
    }

    fn leave(&self, id: u64) {
        let mut state = self.lock();
        state.sessions.remove(&id);
        self.changed.notify_all();
        self.tell_if_empty(&state);
    }

    fn set_role(&self, mut state: MutexGuard<'_, State>, id: u64, role: Role) {
        if let Some(held) = state.sessions.get_mut(&id)
            && held.role != Role::GaveWay
        {
            held.role = role;
            self.changed.notify_all();
        }
    }

    fn tell_if_empty(&self, state: &State) {
        if self.is_stopping() && state.sessions.is_empty() {
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
    fn count(&self, wanted: impl Fn(&Held) -> bool) -> usize {
        self.sessions.values().filter(|held| wanted(held)).count()
    }

    fn unopened(&self) -> usize {
        self.count(|held| held.role.is_opening() || held.role == Role::GaveWay)
    }

    /// Whether another one of `block` would drive out somebody who came just now, or find too many threads.
    fn is_crowded(&self, block: Block) -> bool {
        let came_now = |held: &Held| held.role == Role::Opening && held.since.elapsed() < GRACE;
        let driven_out = self.next_to_give_way(block).and_then(|id| self.sessions.get(&id));
        driven_out.is_some_and(|held| came_now(held) || held.waits_for_us())
            || self.unopened() >= UNOPENED_MAX
    }

    /// Lets one give way to another one of `block`, where that must be; false where it is no use any more.
    fn make_room(&mut self, block: Block) -> bool {
        if self.unopened() >= UNOPENED_MAX {
            return false;
        }
        let next = self.next_to_give_way(block);
        if let Some(held) = next.and_then(|id| self.sessions.get_mut(&id)) {
            held.presence.closer().close();
            held.role = Role::GaveWay;
        }
        true
    }

    /// Where `block` has as many openings as it may: one of its own. Where all together are too many: one of them all.
    /// Those that failed go first, then those of the block that has most, the oldest first; who waits for us does not,
    /// while there is room.
    fn next_to_give_way(&self, block: Block) -> Option<u64> {
        let openings = || self.sessions.iter().filter(|(_, held)| held.role.is_opening());
        let mut weights: HashMap<Block, usize> = HashMap::new();
        openings().for_each(|(_, held)| *weights.entry(held.block).or_default() += 1);
        let weight = |block: Block| weights.get(&block).copied().unwrap_or_default();
        let (own, all) = (weight(block), weights.values().sum::<usize>());
        let is_block_full = own >= OPENINGS_PER_ADDRESS_MAX;
        if !is_block_full && all < OPENINGS_MAX {
            return None;
        }
        let mut candidates: Vec<_> =
            openings().filter(|(_, held)| !is_block_full || held.block == block).collect();
        candidates.sort_by_key(|(id, held)| (held.role != Role::Refused, Reverse(weight(held.block)), **id));
        let must = own >= CROWD_FACTOR * OPENINGS_PER_ADDRESS_MAX || all >= CROWD_FACTOR * OPENINGS_MAX;
        let keeps_waiting = candidates.iter().find(|(_, held)| !held.waits_for_us());
        keeps_waiting.or_else(|| candidates.first().filter(|_| must)).map(|(id, _)| **id)
    }

    /// Whether one more session of this kind would be too many.
    fn is_full(&self, role: Role, block: Block, connections_max: usize) -> bool {
        if self.count(|held| held.role.is_session()) >= connections_max {
            return true;
        }
        let (share, whole) = SHARE_OF_STRANGERS;
        let strangers_max = (connections_max.saturating_mul(share) / whole).max(1);
        let same = |held: &Held| held.role == Role::StrangersSession && held.block == block;
        role == Role::StrangersSession && self.count(same) >= strangers_max
    }
}

impl Role {
    fn is_opening(self) -> bool {
        matches!(self, Self::Opening | Self::Refused)
    }

    fn is_session(self) -> bool {
        matches!(self, Self::Session | Self::StrangersSession)
    }

    fn is_in(self) -> bool {
        self.is_session() || self == Self::Link
    }

    fn is_shown(self) -> bool {
        !matches!(self, Self::Link | Self::GaveWay)
    }
}

impl Held {
    fn opening(presence: Arc<Presence>, address: SocketAddr) -> Self {
        let (since, block) = (Instant::now(), Block::of(address));
        let (who, owner, role) = (None, None, Role::Opening);
        Self { presence, address, block, since, who, owner, role }
    }

    /// Whether the next step is ours: its thread has yet to begin, to read what came, or to decide.
    fn waits_for_us(&self) -> bool {
        self.role == Role::Opening && !self.presence.closer().is_kept_waiting()
    }

    fn status(&self, id: u64) -> SessionStatus {
        SessionStatus {
            id,
            address: self.address,
            since: self.since,
            who: self.who.clone(),
            running: self.presence.running(),
            byte_count: self.presence.byte_count(),
        }
    }
}

/// One session's place in the table; leaving is dropping it.
#[derive(Debug)]
pub struct SessionSlot {
    slots: Arc<Slots>,
    id: u64,
    address: SocketAddr,
    presence: Arc<Presence>,
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

    /// Marks that a request runs, so that a drain waits for it until [`SessionSlot::end`]; STATUS shows these words of it.
    ///
    /// # Errors
    /// When a stop has begun: the request must be refused. An earlier one that still runs goes on running.
    pub fn begin(&self, command: &str, path: &str) -> Result<(), StoppingNow> {
        if self.presence.begin(&self.slots.stopping, command, path) { Ok(()) } else { Err(StoppingNow) }
    }

    /// From now on STATUS shows this of the request that runs.
    pub fn relabel(&self, label: &str) {
        self.presence.relabel(label);
    }

    /// Marks that every answer has been sent: from now on a drain closes this session at once.
    pub fn end(&self) {
        self.presence.end(&self.slots.stopping);
    }

    /// Waits a moment for the next request, where threads may wait; false where none came: the session is to rest until
    /// then. True as well where it has waited as long as it may: [`Receiver::message`] says so.
    pub fn awaits_request(&self, receiver: &mut Receiver) -> bool {
        let seat = self.slots.seats.take();
        receiver.comes_within(seat.as_ref().map_or(Duration::ZERO, Seat::time))
    }

    /// Takes the other end's `hello`; who says nothing of the kind is told so, later and later.
    ///
    /// # Errors
    /// See [`OpeningError`]; whoever broke the protocol has been told so.
    pub fn receive_hello(&self, connection: &mut Connection) -> Result<Hello, OpeningError> {
        let heard = hear_hello(connection);
        if self.gave_way() {
            return Err(OpeningError::GaveWay);
        }
        heard.inspect_err(|error| {
            self.takes_role(Role::Refused);
            if !error.breaks_protocol() || self.stumbles(connection) {
                refuse_opening(connection, error);
            }
        })
    }

    /// This connection is a session from now on: of somebody whom this daemon knows and trusts, or of a stranger, who
    /// cannot take all places from one address unless it is this machine.
    ///
    /// # Errors
    /// When there are as many as are allowed: it must be refused.
    pub fn becomes_session(&self, is_trusted: bool) -> Result<(), Crowded> {
        let (state, block) = (self.slots.lock(), Block::of(self.address));
        let is_stranger = !is_trusted && !block.is_loopback();
        let role = if is_stranger { Role::StrangersSession } else { Role::Session };
        if state.is_full(role, block, self.slots.admission.connections_max) {
            self.slots.set_role(state, self.id, Role::Refused);
            return Err(Crowded);
        }
        self.slots.set_role(state, self.id, role);
        Ok(())
    }

    /// This connection is a neighbour's link from now on: it counts as no session and takes no session's place.
    pub fn becomes_link(&self) {
        self.takes_role(Role::Link);
    }

    /// Refuses this connection as a whole, and closes it.
    pub fn turn_away(&self, mut connection: Connection, code: ErrorCode, message: &str) {
        self.takes_role(Role::Refused);
        // It may have left already; then nobody needs the answer.
        let _ = refuse(&mut connection, code, message);
        connection.close_gently();
    }

    /// Whose session STATUS says this is.
    pub fn set_name(&self, name: String) {
        self.change(|held| held.who = Some(name));
    }

    /// By whose rules this connection is judged: those of a key, or those of everybody. A [`Cutter`](super::Cutter) finds
    /// it once it is a session: so the rules are to be looked at again AFTER it became one, or what was lost before is not seen.
    pub fn belongs_to(&self, key: Option<PublicKey>) {
        self.change(|held| held.owner = Some(key));
    }

    /// The opening failed. Holds the answer back as long as this address must wait by now, reading on meanwhile; the
    /// same for every reason. The wait ends when the daemon stops, or others need the place. False where nobody is to
    /// be answered any more: who sends too much, leaves or closes his sending side before that is closed.
    pub fn hold_back(&self, connection: &mut Connection) -> bool {
        let mut state = self.slots.lock();
        let now = Instant::now();
        let wait = state.penalties.fails(Block::of(self.address), now);
        self.slots.set_role(state, self.id, Role::Refused);
        let is_served = wait.is_zero() || connection.receiver.wait_out(now + wait);
        if !is_served {
            connection.closer().close();
        }
        is_served
    }

    /// As [`SessionSlot::hold_back`], for who says nothing that can be understood: that gains him nothing, so programs of
    /// this machine, which may be under test, do not wait.
    pub fn stumbles(&self, connection: &mut Connection) -> bool {
        Block::of(self.address).is_loopback() || self.hold_back(connection)
    }

    /// This connection did not pass the door: whoever failed in the handshake counts as one who failed to open.
    pub(super) fn stays_outside(&self, connection: &mut Connection, error: &DoorError) {
        self.takes_role(Role::Refused);
        if error.breaks_protocol() {
            // Nothing more is said in any case: only the end of the connection is held back.
            self.stumbles(connection);
        }
    }

    /// Counts payload bytes for STATUS.
    pub fn count_bytes(&self, byte_count: u64) {
        self.presence.count_bytes(byte_count);
    }

    /// Whether a stop has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.slots.is_stopping()
    }
}

impl SessionSlot {
    fn gave_way(&self) -> bool {
        let state = self.slots.lock();
        state.sessions.get(&self.id).is_some_and(|held| held.role == Role::GaveWay)
    }

    fn takes_role(&self, role: Role) {
        self.slots.set_role(self.slots.lock(), self.id, role);
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.slots.lock().sessions.get_mut(&self.id) {
            change(held);
        }
    }
}

impl Drop for SessionSlot {
    fn drop(&mut self) {
        self.slots.leave(self.id);
    }
}

#[cfg(test)]
mod tests;
