//! A daemon's service: a thread accepts, a thread for each session serves, and a stop drains or cuts.
//!
//! Both daemons' sessions run here. Must not know what they say.

mod acceptor;
mod slot;
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
use std::thread::JoinHandle;
use std::time::Duration;

/// What a session does with its connection. It returns when the session is over.
pub trait Serve: Send + Sync + 'static {
    /// Serves one session to its end. A panic ends this session alone.
    fn serve(&self, connection: Connection, slot: &SessionSlot);
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
    pub fn start(
        listener: Listener,
        admission: Admission,
        door: Door,
        serve: Arc<dyn Serve>,
    ) -> io::Result<Self> {
        let (emptied_sender, emptied): (Sender<()>, _) = bounded(1);
        let slots = Arc::new(Slots::new(admission, emptied_sender));
        let wake = Arc::new(Wake::new()?);
        let address = listener.address();
        let acceptor =
            Acceptor::new(listener, admission, (door, serve), (Arc::clone(&slots), Arc::clone(&wake)));
        let thread = std::thread::Builder::new().name("accept".into()).spawn(move || acceptor.run())?;
        Ok(Self { slots, wake, address, emptied, acceptor: Some(thread) })
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
            // It catches what sessions throw, so its own end is always orderly.
            let _ = acceptor.join();
        }
    }
}

#[cfg(test)]
mod tests;
