//! The accepting thread: admits, refuses, backs off when descriptors or threads run out.

use super::slot::{Entry, Slots};
use super::workers::Workers;
use super::{Admission, Serve};
use crate::connection::{Connection, refuse};
use crate::error_code::ErrorCode;
use crate::limits::LINGER_TIME_MAX;
use crate::net::{Door, Listener, Wake};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Refusals that are being said at once, each for at most the linger time. Exceeded: closed without a word.
const REFUSALS_MAX: usize = 64;
/// The first pause when nothing can be accepted; doubled up to the last.
const BACK_OFF_FIRST: Duration = Duration::from_millis(10);
const BACK_OFF_LAST: Duration = Duration::from_secs(1);

pub(super) struct Acceptor<S: Serve> {
    listener: Listener,
    admission: Admission,
    door: Door,
    workers: Arc<Workers<S>>,
    slots: Arc<Slots>,
    wake: Arc<Wake>,
    refusals: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl<S: Serve> Acceptor<S> {
    pub(super) fn new(
        listener: Listener,
        admission: Admission,
        (door, workers): (Door, Arc<Workers<S>>),
        (slots, wake): (Arc<Slots>, Arc<Wake>),
    ) -> Self {
        let (refusals, threads) = (Arc::default(), Vec::new());
        Self { listener, admission, door, workers, slots, wake, refusals, threads }
    }

    /// Accepts until woken, then waits for every session.
    pub(super) fn run(mut self) {
        let mut back_off = BACK_OFF_FIRST;
        loop {
            match self.listener.accept(&self.wake) {
                Ok(Some(socket)) => {
                    self.admit(socket);
                    back_off = BACK_OFF_FIRST;
                }
                Ok(None) => break,
                Err(error) => {
                    log::warn!("no connection can be accepted now: {error}; trying again in {back_off:?}");
                    if self.wake.within(back_off) {
                        break;
                    }
                    back_off = (back_off * 2).min(BACK_OFF_LAST);
                }
            }
        }
        self.workers.finish();
        self.threads.drain(..).for_each(join);
    }

    fn admit(&mut self, socket: TcpStream) {
        let connection = match Connection::new(socket, self.admission.patience) {
            Ok(connection) => connection,
            Err(error) => return log::debug!("a connection was gone before it was admitted: {error}"),
        };
        connection.watch_opening();
        let (closer, address) = (connection.closer(), connection.address());
        match self.slots.enter(closer, address) {
            Entry::Entered(slot) => self.workers.open(connection, slot),
            Entry::Stopping => self.refuse(connection, ErrorCode::Stopping, "this daemon is stopping"),
            Entry::Overrun => log::debug!("a connection was closed: too many have not ended yet"),
        }
    }

    fn refuse(&mut self, mut connection: Connection, code: ErrorCode, message: &'static str) {
        let refusals = Arc::clone(&self.refusals);
        if refusals.fetch_add(1, Ordering::Relaxed) >= REFUSALS_MAX {
            refusals.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let door = self.door.clone();
        let say = move || {
            // Nothing is read of plain text: whoever is refused need not have said anything.
            let is_in = door.enter_to_be_refused(&mut connection, Instant::now() + LINGER_TIME_MAX);
            if is_in && refuse(&mut connection, code, message).is_ok() {
                connection.close_gently();
            }
            refusals.fetch_sub(1, Ordering::Relaxed);
        };
        self.spawn(say);
    }

    fn spawn(&mut self, work: impl FnOnce() + Send + 'static) {
        self.join_ended();
        match Builder::new().name("refusal".to_owned()).spawn(work) {
            Ok(thread) => self.threads.push(thread),
            // The connection was dropped with the closure; whoever dialled sees it close.
            Err(error) => log::warn!("no thread can be started now: {error}"),
        }
    }

    fn join_ended(&mut self) {
        let (ended, running) = self.threads.drain(..).partition(JoinHandle::is_finished);
        self.threads = running;
        let ended: Vec<JoinHandle<()>> = ended;
        ended.into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    // A refusal that panicked has nothing to be told.
    let _ = thread.join();
}
