//! A daemon's service: a thread accepts, threads serve whoever has something to say, and a stop drains or cuts.
//!
//! Both daemons' sessions run here. Must not know what they say.

mod acceptor;
mod workers;
mod parking;
mod slot;
mod presence;
mod seats;
mod penalty;
mod block;

pub use slot::{Crowded, SessionSlot, SessionStatus, StoppingNow};

use super::{Door, Listener, Wake};
use crate::connection::Connection;
use crate::key::PublicKey;
use acceptor::Acceptor;
use crossbeam_channel::{Receiver, Sender, bounded};
use slot::Slots;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use workers::Workers;

/// What a session does with its connection. A panic ends this session alone.
pub trait Serve: Send + Sync + 'static {
    /// What a session knows between two requests.
    type Kept: Send + 'static;

    /// Serves a new session, to its end, or until it rests.
    fn open(&self, connection: Connection, slot: &SessionSlot) -> Option<Rest<Self::Kept>>;

    /// Goes on with one that rested: something has come, or it has waited as long as it may; whichever it is, the receiver
    /// says at once. To its end, or until it rests again.
    fn resume(&self, rest: Rest<Self::Kept>, slot: &SessionSlot) -> Option<Rest<Self::Kept>>;
}

/// A session that waits for its client, and needs no thread meanwhile.
#[derive(Debug)]
pub struct Rest<Kept> {
    /// Nothing is left in it that was received, or is to be sent.
    pub connection: Connection,
    /// What it knows.
    pub kept: Kept,
}

/// How many sessions at once, and how long each may wait.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// Sessions at once; one more is refused with `busy`.
    pub connections_max: usize,
    /// The longest wait without progress in a session.
    pub patience: Duration,
}

/// Ends sessions of whoever may have none any more, from any thread.
#[derive(Debug, Clone)]
pub struct Cutter(Arc<Slots>);

impl Cutter {
    /// Cuts every connection that was judged by the rules of a key (none: by those of everybody), under a name where it has one,
    /// for which `is_lost`; gives how many. See [`SessionSlot::belongs_to`].
    pub fn cut_where(&self, is_lost: impl Fn(Option<PublicKey>, Option<&str>) -> bool) -> usize {
        self.0.cut_where(&is_lost)
    }
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    slots: Arc<Slots>,
    wake: Arc<Wake>,
    address: SocketAddr,
    emptied: Receiver<()>,
    acceptor: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts accepting; every connection passes `door` before it is served or refused.
    ///
    /// # Errors
    /// When the process has no descriptor or thread left.
    pub fn start<S: Serve>(
        listener: Listener,
        admission: Admission,
        door: Door,
        serve: Arc<S>,
    ) -> io::Result<Self> {
        let (emptied_sender, emptied): (Sender<()>, _) = bounded(1);
        let slots = Arc::new(Slots::new(admission, emptied_sender));
        let wake = Arc::new(Wake::new()?);
        let address = listener.address();
        let workers = Workers::start(serve, door.clone(), Arc::clone(&slots))?;
        let shared = (Arc::clone(&slots), Arc::clone(&wake));
        let acceptor = Acceptor::new(listener, admission, (door, Arc::clone(&workers)), shared);
        match Builder::new().name("accept".into()).spawn(move || acceptor.run()) {
            Ok(thread) => Ok(Self { slots, wake, address, emptied, acceptor: Some(thread) }),
            Err(error) => {
                workers.finish();
                Err(error)
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every session now.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionStatus> {
        self.slots.statuses()
    }

    /// A handle that ends sessions of whoever may have none any more.
    #[must_use]
    pub fn cutter(&self) -> Cutter {
        Cutter(Arc::clone(&self.slots))
    }

    /// Begins the drain: idle sessions close at once, new requests get `stopping`; returns how many sessions
    /// still have a request running.
    pub fn drain(&self) -> usize {
        self.slots.drain()
    }

    /// Gets one word when a drain has nothing left to wait for.
    #[must_use]
    pub fn emptied(&self) -> &Receiver<()> {
        &self.emptied
    }

    /// Cuts every session that still runs; returns how many.
    pub fn cut(&self) -> usize {
        self.slots.cut()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.slots.cut();
        self.wake.call();
        if let Some(acceptor) = self.acceptor.take() {
            // What sessions throw is caught, so its own end is always orderly.
            let _ = acceptor.join();
        }
    }
}

#[cfg(test)]
mod tests;
