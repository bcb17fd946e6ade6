//! A whole mesh in one thread: the real overlay in every honest peer, links that exist only as events.
//!
//! A seed decides everything: who is linked to whom, how long each link takes, who crashes, lies and searches when.
//! The same options give the same events in the same order, and so the same trace hash. It must not know sockets,
//! files or clocks, nor anything of the product but the overlay, messages as data, their limits and what a word is.
//!
//! The modules stand in reading order, and each uses only modules below it.

mod play;
mod run;
mod report;
mod plan;
mod network;
mod liar;
mod watch;
mod node;
mod links;
mod trace;
mod queue;
mod graph;
mod options;

pub use graph::{Graph, Shape};
pub use network::{Answer, Network, Record};
pub use node::Driver;
pub use options::{Options, SCENARIOS, Vice};
pub use play::{Figures, Holding, Played, Question, play};
pub use report::Report;
pub use run::{Failure, run};

/// The parts of the overlay that whoever writes another [`Driver`] needs.
pub mod overlay {
    pub use mactella_peer::overlay::{
        Action, Counters, Index, Input, LinkId, Moment, Overlay, Own, PeerId, Wanted,
    };
    pub use wire::message::{FloodId, LinkMessage};
}
