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
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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
    /// How often a thread was done with a session for now, so far.
    done: AtomicU64,
    /// Threads that were started for whoever is ready, and do not run yet.
    starting: AtomicUsize,
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
        let (is_busy, knows_end, is_over) = Default::default();
        let (done, starting, threads) = Default::default();
        let watch = Watch { called: Wake::new()?, is_busy, knows_end, is_over };
        let parking = Parking::new()?;
        let workers = Arc::new(Self { serve, door, slots, parking, done, starting, threads, watch });
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
        let task = Task { slot, step: Box::new(Step::Open(connection)) };
        if let Err(error) = self.spawn(Some(task)) {
            // The task was dropped with the thread; the other end sees the connection close.
            log::warn!("no thread can be started now: {error}");
        }
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
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whoever is ready next; none where enough threads stand by, or all is over.
    fn next(&self) -> Option<Task<S::Kept>> {
        let standing = self.slots.seats().stand_by()?;
        let task = self.parking.next()?;
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
                next_end = self.call_overdue();
            }
            if is_busy {
                self.relieve(&mut relief);
            }
        }
    }

    /// Has those go on whose time is over, as if something had come; gives when that of the next one is.
    fn call_overdue(&self) -> Option<Instant> {
        // Before the look, so that whoever comes after it calls.
        self.watch.knows_end.store(false, Ordering::SeqCst);
        let next_end = self.parking.call_overdue(Instant::now());
        if next_end.is_some() {
            self.watch.knows_end.store(true, Ordering::SeqCst);
        }
        next_end
    }

    /// Starts threads where nobody has come for those who are ready.
    fn relieve(self: &Arc<Self>, relief: &mut Relief) {
        let stands_by = self.slots.seats().somebody_stands_by();
        let look = Look {
            stands_by,
            is_somebody_ready: !stands_by && self.parking.has_ready(),
            are_starting: self.starting.load(Ordering::SeqCst) > 0,
            done: self.done.load(Ordering::Relaxed),
        };
        // Where none can be started, those who are ready go on waiting for those that there are.
        let _ = (0..relief.threads_wanted(&look)).try_for_each(|_| self.spawn(None));
        if relief.is_calm() {
            self.watch.is_busy.store(false, Ordering::SeqCst);
            let is_busy = !self.slots.seats().somebody_stands_by();
            self.watch.is_busy.fetch_or(is_busy, Ordering::SeqCst);
        }
    }

    fn spawn(self: &Arc<Self>, first: Option<Task<S::Kept>>) -> io::Result<()> {
        let workers = Arc::clone(self);
        self.starting.fetch_add(1, Ordering::SeqCst);
        let work = move || {
            workers.starting.fetch_sub(1, Ordering::SeqCst);
            workers.work(first);
        };
        self.start_thread("worker", work).inspect_err(|_| _ = self.starting.fetch_sub(1, Ordering::SeqCst))
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

/// What the one that keeps watch sees at a moment.
struct Look {
    stands_by: bool,
    is_somebody_ready: bool,
    are_starting: bool,
    /// How often a thread was done with a session, so far.
    done: u64,
}

/// What it remembers from one look to the next.
#[derive(Default)]
struct Relief {
    done: u64,
    /// How many threads it started when it last started some.
    threads: usize,
    calm_looks: u32,
}

impl Relief {
    /// Threads are held up where somebody is ready and none of them was done with anything since the last look: then twice as
    /// many are started as the last time, once those do run; as long as sessions go on, half as many the next time.
    fn threads_wanted(&mut self, look: &Look) -> usize {
        let goes_on = std::mem::replace(&mut self.done, look.done) != look.done;
        self.calm_looks = if look.stands_by { self.calm_looks + 1 } else { 0 };
        if look.stands_by || goes_on {
            self.threads /= 2;
            return 0;
        }
        if !look.is_somebody_ready || look.are_starting {
            return 0;
        }
        self.threads = (self.threads * 2).max(1);
        self.threads
    }

    /// Whether threads have stood by for so long that nobody needs to look.
    fn is_calm(&mut self) -> bool {
        let is_calm = self.calm_looks >= CALM_LOOKS;
        if is_calm {
            self.calm_looks = 0;
        }
        is_calm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody is ready, and nobody stands by.
    fn look(done: u64, are_starting: bool) -> Look {
        Look { stands_by: false, is_somebody_ready: true, are_starting, done }
    }

    #[test]
    fn while_nothing_is_done_twice_as_many_threads_are_started_each_time_the_last_ones_run() {
        let mut relief = Relief { done: 7, ..Relief::default() };
        let wanted: Vec<_> = [false, false, true, true, false]
            .map(|are_starting| relief.threads_wanted(&look(7, are_starting)))
            .into();
        assert_eq!(wanted, [1, 2, 0, 0, 4]);
    }

    #[test]
    fn where_sessions_go_on_or_nobody_is_ready_none_is_started() {
        let mut relief = Relief::default();
        assert_eq!([1, 2, 3, 4].map(|done| relief.threads_wanted(&look(done, false))), [0; 4]);
        let nobody = Look { is_somebody_ready: false, ..look(4, false) };
        assert_eq!(relief.threads_wanted(&nobody), 0);
        assert_eq!(relief.threads_wanted(&look(4, false)), 1);
    }

    #[test]
    fn one_that_goes_on_among_many_that_do_not_slows_the_relief_and_does_not_begin_it_anew() {
        let mut relief = Relief::default();
        let wanted: usize = (0..40).map(|number| relief.threads_wanted(&look(number / 4, false))).sum();
        assert!(wanted > 100, "{wanted}");
    }

    #[test]
    fn it_is_calm_when_threads_stood_by_at_so_many_looks_without_a_break() {
        let mut relief = Relief::default();
        let stands_by = Look { stands_by: true, ..look(0, false) };
        for _ in 1..CALM_LOOKS {
            relief.threads_wanted(&stands_by);
        }
        assert!(!relief.is_calm());
        relief.threads_wanted(&look(0, false));
        relief.threads_wanted(&stands_by);
        assert!(!relief.is_calm());
        for _ in 1..CALM_LOOKS {
            relief.threads_wanted(&stands_by);
        }
        assert!(relief.is_calm() && !relief.is_calm());
    }
}
