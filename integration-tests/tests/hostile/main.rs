//! What a hostile or broken client may send, and what must be seen: a refusal at most, no panic, no file
//! changed that should not be, nothing read or changed outside the share, and the next one still served.
//! The numbers are those of the cases in this package's README.
//!
//! It must not know the programs' code, nor their codec.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

mod openings;
mod half_open;
mod lines;
mod numbers;
mod payloads;
mod broken_writes;
mod refused_writes;
mod names;
mod links;
mod flipping_folders;
mod moved_share;
mod mounts;
mod permissions;
mod special_files;
mod floods;
mod costly_requests;
mod sequences;
mod tables;
mod everything;
mod every_state;
mod every_field;
