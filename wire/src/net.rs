//! Where connections are made: addresses, dialling, listening, admission, and stopping with or without a drain.
//!
//! Must not know what a session says; a [`service::Serve`] gets each connection with a slot of its own.

pub mod service;
mod dial;
mod security;
mod door;
mod listener;
mod locator;
mod known_keys;
mod address;
mod wake;

pub use address::{Address, AddressError};
pub use dial::{DialError, Dialled, WrongKey, dial};
pub use door::{Door, DoorError, PlainFrom};
pub use known_keys::{KnownKeys, KnownKeysError};
pub use listener::{ListenError, Listener};
pub use locator::{Locator, LocatorError};
pub use security::{Expected, PlainTo, Security};
pub use wake::{Ready, Wake};
