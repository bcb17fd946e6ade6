//! The running peer, as its commands see it. Must not know who gives commands.

use crate::network::{Handle, Network};
use crate::running::Running;
use program::confinement::Confined;
use shared_folder::library::Library;
use shared_folder::remote::{Cancel, Dialer, Remote};
use shared_folder::serve::Host;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wire::message::Hello;
use wire::net::service::Service;
use wire::net::{Address, Security};

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
    /// How others are dialled.
    pub(crate) security: Security,
    /// What keeps this process from all that it does not need.
    pub(crate) confined: Confined,
}

impl Peer {
    pub(crate) fn mesh(&self) -> Handle {
        self.network.handle()
    }

    /// Another peer, or a server, as a client has it.
    pub(crate) fn remote(&self, address: &Address, cancel: &Cancel) -> Remote {
        let dialer = Dialer::new(address.clone(), self.hello.clone(), PATIENCE);
        Remote::new(dialer.with_security(self.security.clone()), cancel.clone())
    }
}
