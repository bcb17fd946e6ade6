//! The mesh around the overlay: one thread owns it, two threads serve each link, and commands ask through a handle.
//!
//! Everything that happens reaches the owner as one event in one bounded channel; the owner never waits for
//! anything else. Must not know what a person typed, nor how answers look.

mod gate;
mod owner;
mod asked;
mod remembered;
mod dial;
mod link;
mod queue;
mod event;
mod answer;

pub(crate) use answer::{AskError, ConnectError, FoundFile, FoundPeer};
pub(crate) use asked::{Asked, Handle};
pub(crate) use event::{NeighbourStatus, NetworkStatus, Unreachable};

use crate::destination::Destination;
use crate::overlay::{Index, Overlay, Own, PeerId};
use crate::trust::Trust;
use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use event::Event;
use gate::Gate;
use owner::Owner;
use remembered::Remembered;
use shared_folder::remote::Cancel;
use shared_folder::serve::Host;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::thread::{Builder, JoinHandle};
use wire::message::Hello;
use wire::net::service::Serve;

/// Events on their way to the owner. Exceeded: whoever brings one waits, so that a link that floods is read no faster.
const EVENTS_MAX: usize = 256;

/// What the mesh side is told at the start.
pub(crate) struct Settings {
    pub(crate) agent: String,
    /// Where this peer listens.
    pub(crate) listening: SocketAddr,
    /// Where others reach it, if that differs.
    pub(crate) advertise: Option<SocketAddr>,
    /// Peers that the user named.
    pub(crate) peers: Vec<Destination>,
    pub(crate) links_max: usize,
    /// Who this peer is, and whom it trusts.
    pub(crate) trust: Trust,
    /// The folder where the peer list is remembered.
    pub(crate) state: PathBuf,
}

/// What all threads of the mesh side share.
struct Shared {
    hello: Hello,
    listening: SocketAddr,
    advertise: Option<SocketAddr>,
    trust: Trust,
    events: Sender<Event>,
    /// Ends when the owner does: whoever waits for its answer waits no longer.
    gone: Receiver<Infallible>,
    /// Links that ever were, in either direction.
    last_link: AtomicU32,
    /// Ends every link that this peer dialled, and every dialling.
    cancel: Cancel,
}

/// The running mesh side. Dropping it ends every link that this peer dialled and joins its threads.
pub(crate) struct Network {
    shared: Arc<Shared>,
    host: Arc<Host>,
    owner: Option<JoinHandle<()>>,
}

impl Network {
    /// Starts the owner; nothing is dialled before the first event, and nobody is admitted before [`Network::serve`].
    pub(crate) fn start(
        settings: Settings,
        host: Arc<Host>,
        index: Arc<dyn Index + Send + Sync>,
    ) -> io::Result<Self> {
        let (events, received): (Sender<Event>, Receiver<Event>) = bounded(EVENTS_MAX);
        let (alive, gone) = bounded(0);
        let shared = Arc::new(Shared::new(&settings, events, gone)?);
        let seed = u64::try_from(program::process_id::random_number()? >> 64).unwrap_or_default();
        let overlay = Overlay::new(Own {
            peer: PeerId::of(settings.trust.key()),
            addresses: [Some(settings.listening), settings.advertise].into_iter().flatten().collect(),
            links_max: settings.links_max,
            seed,
        });
        let remembered = Remembered::open(&settings.state);
        let owner = Owner::new(Arc::clone(&shared), overlay, index, remembered);
        let peers = settings.peers;
        let run = move || {
            owner.run(received, &peers);
            drop(alive);
        };
        let owner = Builder::new().name("overlay".into()).spawn(run)?;
        Ok(Self { shared, host, owner: Some(owner) })
    }

    /// What serves accepted connections: sessions are the host's, links the overlay's.
    pub(crate) fn serve(&self) -> Arc<impl Serve> {
        Arc::new(Gate::new(Arc::clone(&self.shared), Arc::clone(&self.host)))
    }

    /// How commands ask.
    pub(crate) fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared))
    }

    /// A stop begins: links close at once, what was asked gets no further results, and nothing new is asked.
    pub(crate) fn stop(&self) {
        // An owner that is gone has nothing left to stop.
        let _ = self.shared.events.send(Event::Stop);
        self.shared.cancel.cancel();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
        let _ = self.shared.events.send(Event::End);
        if let Some(owner) = self.owner.take() {
            // A panic in it was a bug that its log line has told of.
            let _ = owner.join();
        }
    }
}

impl Shared {
    fn new(settings: &Settings, events: Sender<Event>, gone: Receiver<Infallible>) -> io::Result<Self> {
        let hello = Hello::of_peer(&settings.agent, &settings.trust.process_id(), settings.listening.port());
        Ok(Self {
            hello,
            listening: settings.listening,
            advertise: settings.advertise,
            trust: settings.trust.clone(),
            events,
            gone,
            last_link: AtomicU32::new(0),
            cancel: Cancel::new()?,
        })
    }

    /// Puts a question to the owner and waits for its answer; `None` where the owner is gone, or ends meanwhile.
    fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Event) -> Option<T> {
        self.ask_until(&never(), question)
    }

    /// As [`Shared::ask`]; `None` also when `ended` is closed first.
    ///
    /// A channel keeps what nobody takes out of it any more, so the answer's own channel would stay open.
    fn ask_until<T>(
        &self,
        ended: &Receiver<Infallible>,
        question: impl FnOnce(Sender<T>) -> Event,
    ) -> Option<T> {
        let (reply, answer) = bounded(1);
        self.events.send(question(reply)).ok()?;
        select! {
            recv(answer) -> answer => answer.ok(),
            recv(self.gone) -> _ => answer.try_recv().ok(),
            recv(ended) -> _ => answer.try_recv().ok(),
        }
    }

    /// What is said over a connection whose own end is `local`: the address is offered where the other end could
    /// not find it by itself.
    fn advertised_from(&self, local: Option<SocketAddr>) -> Option<SocketAddr> {
        let number = self.listening.ip();
        let differs = local.is_none_or(|local| local.ip().to_canonical() != number.to_canonical());
        self.advertise.or_else(|| (!number.is_unspecified() && differs).then_some(self.listening))
    }
}

#[cfg(test)]
mod tests;
