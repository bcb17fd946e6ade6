//! The running peer, as its commands see it. Must not know who gives commands.

use crate::destination::Destination;
use crate::network::{Handle, Network};
use crate::running::Running;
use crate::trust::Trust;
use program::confinement::Confined;
use shared_folder::library::Library;
use shared_folder::remote::{Cancel, Dialer, Remote};
use shared_folder::serve::Host;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wire::message::Hello;
use wire::net::service::Service;

/// The longest wait without progress for another end, in LISTR and GET.
const PATIENCE: Duration = Duration::from_secs(30);

/// All parts that commands need. Fields are dropped in this order: what uses others comes first.
pub(crate) struct Peer {
    pub(crate) network: Network,
    pub(crate) service: Service,
    pub(crate) library: Arc<Library>,
    pub(crate) host: Arc<Host>,
    pub(crate) running: Running,
    /// The shared folder, as it was named at the start.
    pub(crate) folder: PathBuf,
    /// What this peer says of itself where it is a client.
    pub(crate) hello: Hello,
    /// Who this peer is, and whom it trusts.
    pub(crate) trust: Trust,
    /// What keeps this process from all that it does not need.
    pub(crate) confined: Confined,
}

impl Peer {
    pub(crate) fn mesh(&self) -> Handle {
        self.network.handle()
    }

    /// Another peer, or a server, as a client has it.
    pub(crate) fn remote(&self, destination: &Destination, cancel: &Cancel) -> Remote {
        let dialer = Dialer::new(destination.address.clone(), self.hello.clone(), PATIENCE);
        let dialer = dialer.with_security(self.trust.towards(destination.key));
        // What this peer fetches counts as what others fetch from it.
        let dialer = dialer.with_rate_limit(self.host.rate_limit.clone());
        Remote::new(dialer.with_membership(self.trust.membership().cloned()), cancel.clone())
    }
}
