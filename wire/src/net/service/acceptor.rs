//! The accepting thread: admits, refuses, backs off when descriptors or threads run out, joins what has ended.

use super::slot::{Entry, SessionSlot, Slots};
use super::{Admission, Serve};
use crate::connection::{Connection, refuse};
use crate::error_code::ErrorCode;
use crate::limits::LINGER_TIME_MAX;
use crate::net::{Door, DoorError, Listener, Wake};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Refusals that are being said at once, each for at most the linger time. Exceeded: closed without a word.
const REFUSALS_MAX: usize = 64;
/// The first pause when nothing can be accepted; doubled up to the last.
const BACK_OFF_FIRST: Duration = Duration::from_millis(10);
const BACK_OFF_LAST: Duration = Duration::from_secs(1);

pub(super) struct Acceptor {
    listener: Listener,
    admission: Admission,
    door: Door,
    serve: Arc<dyn Serve>,
    slots: Arc<Slots>,
    wake: Arc<Wake>,
    refusals: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Acceptor {
    pub(super) fn new(
        listener: Listener,
        admission: Admission,
        (door, serve): (Door, Arc<dyn Serve>),
        (slots, wake): (Arc<Slots>, Arc<Wake>),
    ) -> Self {
        let (refusals, threads) = (Arc::default(), Vec::new());
        Self { listener, admission, door, serve, slots, wake, refusals, threads }
    }

    /// Accepts until woken, then joins every session.
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
            self.join_ended();
        }
        self.threads.drain(..).for_each(join);
    }

    fn admit(&mut self, socket: TcpStream) {
        let connection = match Connection::new(socket, self.admission.patience) {
            Ok(connection) => connection,
            Err(error) => return log::debug!("a connection was gone before it was admitted: {error}"),
        };
        let (closer, address) = (connection.closer(), connection.address());
        match self.slots.enter(closer, address) {
            Entry::Entered(slot) => self.start_session(connection, slot),
            Entry::Stopping => self.refuse(connection, ErrorCode::Stopping, "this daemon is stopping"),
            Entry::Overrun => log::debug!("a connection was closed: too many have not ended yet"),
        }
    }

    fn start_session(&mut self, mut connection: Connection, slot: SessionSlot) {
        let (door, serve) = (self.door.clone(), Arc::clone(&self.serve));
        let name = format!("session-{}", slot.id());
        let session = move || {
            let served = catch_unwind(AssertUnwindSafe(|| {
                let deadline = connection.opening_deadline();
                match door.enter(&mut connection, deadline) {
                    Ok(()) => serve.serve(connection, &slot),
                    Err(error) => turn_away(connection, &slot, &error),
                }
            }));
            if served.is_err() {
                log::error!("session {} of {} ended by a bug in this program", slot.id(), slot.address());
            }
        };
        self.spawn(name, session);
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
        self.spawn("refusal".to_owned(), say);
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) {
        match Builder::new().name(name).spawn(work) {
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

/// Ends a connection that did not come in.
fn turn_away(mut connection: Connection, slot: &SessionSlot, error: &DoorError) {
    log::info!("session {} from {} did not open: {error}", slot.id(), slot.address());
    slot.stays_outside(&mut connection, error);
    connection.close_gently();
}

fn join(thread: JoinHandle<()>) {
    // Sessions catch their own panics; nothing is left to be told.
    let _ = thread.join();
}
