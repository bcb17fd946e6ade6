//! The threads that serve sessions: each takes whoever is ready, until that one is over or rests.
//!
//! A session may keep its thread for as long as it likes (for a large file, say): where nobody comes for those who are
//! ready, there will be more threads. Must not know what a session says.

use super::parking::Parking;
use super::seats::STANDING_BY_MAX;
use super::slot::{SessionSlot, Slots};
use super::{Rest, Serve};
use crate::connection::Connection;
use crate::net::{Door, Wake};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Where those who are ready saw no thread come for so long, all threads are held up, and there will be more.
const HELD_UP_TIME: Duration = Duration::from_millis(5);
/// After so many such times in which threads stood by, nobody looks any more until all are busy again.
const CALM_LOOKS: u32 = 200;
/// Nobody waits longer in one go.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);

/// All of them, and those whom they serve.
pub(super) struct Workers<S: Serve> {
    serve: Arc<S>,
    door: Door,
    slots: Arc<Slots>,
    parking: Parking<Task<S::Kept>>,
    /// Sessions that were ready and taken, so far.
    taken: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
    watch: Watch,
}

/// What the thread that keeps watch has to look after.
struct Watch {
    /// Ends its wait.
    called: Wake,
    /// All threads were busy not long ago.
    is_busy: AtomicBool,
    /// It will look after the session whose time is over first.
    knows_end: AtomicBool,
    is_over: AtomicBool,
}

/// A session that somebody has to serve.
struct Task<K> {
    slot: SessionSlot,
    step: Box<Step<K>>,
}

enum Step<K> {
    Open(Connection),
    Resume(Rest<K>),
}

impl<S: Serve> Workers<S> {
    /// Starts those that stay, and the one that keeps watch.
    ///
    /// # Errors
    /// When the process has no descriptor or thread left.
    pub(super) fn start(serve: Arc<S>, door: Door, slots: Arc<Slots>) -> io::Result<Arc<Self>> {
        let (is_busy, knows_end, is_over, taken, threads) = Default::default();
        let watch = Watch { called: Wake::new()?, is_busy, knows_end, is_over };
        let parking = Parking::new()?;
        let workers = Arc::new(Self { serve, door, slots, parking, taken, threads, watch });
        let started = (0..STANDING_BY_MAX).try_for_each(|_| workers.spawn(None));
        let watching = Arc::clone(&workers);
        match started.and_then(|()| workers.start_thread("watch-sessions", move || watching.keep_watch())) {
            Ok(()) => Ok(workers),
            Err(error) => {
                workers.finish();
                Err(error)
            }
        }
    }

    /// Serves a new connection, in a thread of its own at first: who opens waits for nobody.
    pub(super) fn open(self: &Arc<Self>, connection: Connection, slot: SessionSlot) {
        self.spawn_for(Task { slot, step: Box::new(Step::Open(connection)) });
    }

    /// Waits until nobody is served any more, and ends all threads. Every connection must have been closed before.
    pub(super) fn finish(&self) {
        self.slots.wait_until_empty();
        self.watch.is_over.store(true, Ordering::SeqCst);
        self.watch.called.call();
        self.parking.end();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // What sessions throw is caught; nothing is left to be told.
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }

    fn work(&self, first: Option<Task<S::Kept>>) {
        let mut next = first;
        while let Some(task) = next.or_else(|| self.next()) {
            next = self.run(task);
        }
    }

    /// Whoever is ready next; none where enough threads stand by, or all is over.
    fn next(&self) -> Option<Task<S::Kept>> {
        let standing = self.slots.seats().stand_by()?;
        let task = self.parking.next()?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        if standing.was_last() && !self.watch.is_busy.swap(true, Ordering::SeqCst) {
            self.watch.called.call();
        }
        Some(task)
    }

    /// Serves a session until it is over or rests; gives it back where nothing watches over its rest.
    fn run(&self, Task { slot, step }: Task<S::Kept>) -> Option<Task<S::Kept>> {
        let served = catch_unwind(AssertUnwindSafe(|| match *step {
            Step::Open(connection) => self.let_in(connection, &slot),
            Step::Resume(rest) => self.serve.resume(rest, &slot),
        }));
        match served {
            Ok(Some(rest)) => self.park(rest, slot),
            Ok(None) => None,
            Err(_) => {
                log::error!("session {} of {} ended by a bug in this program", slot.id(), slot.address());
                None
            }
        }
    }

    fn let_in(&self, mut connection: Connection, slot: &SessionSlot) -> Option<Rest<S::Kept>> {
        let deadline = connection.opening_deadline();
        match self.door.enter(&mut connection, deadline) {
            Ok(()) => self.serve.open(connection, slot),
            Err(error) => {
                log::info!("session {} from {} did not open: {error}", slot.id(), slot.address());
                slot.stays_outside(&mut connection, &error);
                connection.close_gently();
                None
            }
        }
    }

    fn park(&self, mut rest: Rest<S::Kept>, slot: SessionSlot) -> Option<Task<S::Kept>> {
        let (id, closer) = (slot.id(), rest.connection.closer());
        let until = rest.connection.rests();
        let task = Task { slot, step: Box::new(Step::Resume(rest)) };
        let given_back = self.parking.park(id, &closer, until, task).err();
        if until.is_some() && !self.watch.knows_end.swap(true, Ordering::SeqCst) {
            self.watch.called.call();
        }
        given_back
    }

    /// Looks after those whose time is over, and after those who are ready where all threads are held up.
    fn keep_watch(self: &Arc<Self>) {
        let (mut next_end, mut relief) = (None, Relief::default());
        while !self.watch.is_over.load(Ordering::SeqCst) {
            let is_busy = self.watch.is_busy.load(Ordering::SeqCst);
            let until_end = next_end.map(|end: Instant| end.saturating_duration_since(Instant::now()));
            let pauses = [is_busy.then_some(HELD_UP_TIME), until_end, Some(PAUSE_MAX)];
            if self.watch.called.within(pauses.into_iter().flatten().min().unwrap_or(PAUSE_MAX)) {
                self.watch.called.reset();
            }
            if next_end.is_none_or(|end| end <= Instant::now()) {
                next_end = self.resume_overdue();
            }
            if is_busy {
                self.relieve(&mut relief);
            }
        }
    }

    /// Has those go on whose time is over; gives when that of the next one is.
    fn resume_overdue(self: &Arc<Self>) -> Option<Instant> {
        // Before the look, so that whoever comes after it calls.
        self.watch.knows_end.store(false, Ordering::SeqCst);
        let (overdue, next_end) = self.parking.take_overdue(Instant::now());
        overdue.into_iter().for_each(|task| self.spawn_for(task));
        if next_end.is_some() {
            self.watch.knows_end.store(true, Ordering::SeqCst);
        }
        next_end
    }

    /// Starts threads where nobody came for those who are ready since the last look.
    fn relieve(self: &Arc<Self>, relief: &mut Relief) {
        let taken = self.taken.load(Ordering::Relaxed);
        let stands_by = self.slots.seats().somebody_stands_by();
        let is_held_up = !stands_by && taken == relief.taken && self.parking.has_ready();
        relief.taken = taken;
        relief.threads = if is_held_up { (relief.threads * 2).max(1) } else { 0 };
        // Where none can be started, those who are ready go on waiting for those that there are.
        let _ = (0..relief.threads).try_for_each(|_| self.spawn(None));
        relief.calm_looks = if stands_by { relief.calm_looks + 1 } else { 0 };
        if relief.calm_looks >= CALM_LOOKS {
            relief.calm_looks = 0;
            self.watch.is_busy.store(false, Ordering::SeqCst);
            let is_busy = !self.slots.seats().somebody_stands_by();
            self.watch.is_busy.fetch_or(is_busy, Ordering::SeqCst);
        }
    }

    fn spawn_for(self: &Arc<Self>, task: Task<S::Kept>) {
        if let Err(error) = self.spawn(Some(task)) {
            // The task was dropped with the thread; the other end sees the connection close.
            log::warn!("no thread can be started now: {error}");
        }
    }

    fn spawn(self: &Arc<Self>, first: Option<Task<S::Kept>>) -> io::Result<()> {
        let workers = Arc::clone(self);
        self.start_thread("worker", move || workers.work(first))
    }

    fn start_thread(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = Builder::new().name(name.to_owned()).spawn(work)?;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() == threads.capacity() {
            threads.retain(|thread| !thread.is_finished());
        }
        threads.push(thread);
        Ok(())
    }
}

/// What the one that keeps watch remembers from one look to the next.
#[derive(Default)]
struct Relief {
    /// How many were taken at the last look.
    taken: u64,
    /// How many threads it started then.
    threads: usize,
    calm_looks: u32,
}
