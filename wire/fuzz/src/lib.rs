//! Bytes that nobody would send, against everything that reads bytes from outside.
//!
//! A target is a plain function over bytes that panics where a promise is broken; what it returns tells apart what the
//! input came to, so that inputs which came to something new are kept and changed further. Must not know who runs it:
//! `fuzz_target!(|bytes: &[u8]| { fuzz::targets::line(bytes); })` is all that libFuzzer needs.

pub mod targets;
pub mod mutate;
pub mod conversation;
pub mod chance;
pub mod recording;
pub mod seeds;
