//! The real mactella-peer, alone and in meshes of real processes: what floods reach and cost, what GET and the
//! peer list do, how peers stop, and what hostile links may say. The sixth promise is shown here.
//!
//! It must not know the programs' code, nor their codec.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod shapes;
mod costs;
mod like_simulated;
mod reach;
mod searching;
mod looking;
mod discovering;
mod fetching;
mod broken_fetching;
mod many_sources;
mod sharing;
mod share;
mod flipping_folders;
mod clients;
mod peer_list;
mod links;
mod addresses;
mod failing;
mod stopping;
mod keys;
mod private;
mod outsiders;
mod attaching;
mod starting;
mod routes;
mod hostile_floods;
mod hostile_results;
mod hostile_sources;
mod hostile_openings;
mod hostile_lines;
mod every_link_state;
mod every_answer;
mod fifty;
