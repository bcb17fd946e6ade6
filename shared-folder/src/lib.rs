//! What one machine does with a folder: catalogue, digests, safe landing of files, serving it and fetching into it.
//!
//! Modules stand in reading order: each one uses only modules declared below it. Only this crate opens files of
//! a share. Must not know any command line or terminal.

pub mod library;
pub mod sweeper;
pub mod serve;
pub mod access;
pub mod failure;
pub mod fetch;
pub mod send;
pub mod lane;
pub mod compare;
pub mod remote;
pub mod incoming;
pub mod catalogue;
pub mod hashing;
pub mod index;
pub mod scan;
pub mod words;
pub mod kinds;
pub mod folder;
