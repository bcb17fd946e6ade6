//! Where connections are made: addresses, dialling, listening, admission, and stopping with or without a drain.
//!
//! Must not know what a session says; a [`service::Serve`] gets each connection with a slot of its own.

pub mod service;
mod address;
mod dial;
mod listener;
mod wake;

pub use address::{Address, AddressError};
pub use dial::{DialError, dial};
pub use listener::{ListenError, Listener, check_reach};
pub use wake::Wake;
