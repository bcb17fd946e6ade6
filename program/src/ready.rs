//! The first line of a daemon, by which scripts and tests learn its port.
//!
//! It must not know what is listened to.

use std::net::SocketAddr;

use crate::output::Output;

/// Writes and flushes `listening on ADDRESS`; call it as soon as connections are accepted, before any
/// other line.
pub fn announce(output: &Output, address: &SocketAddr) {
    output.line(format_args!("listening on {address}"));
    output.flush();
}
