//! How somebody comes to be let in, what is held against those who are not yet, and that nothing which passes in between
//! gives a secret away: the real server, guests who speak TLS by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, and so do the tools of tests"
)]

mod invitations;
mod interrupted;
mod at_start;
mod commands;
mod access_file;
mod secrets;
mod handshakes;
mod crowds;
mod recorded;
mod tampered;

mod records;
mod ground;
