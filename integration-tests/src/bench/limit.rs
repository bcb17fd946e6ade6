//! What the kernel allows: two small programs that make just the system calls without which no file can be moved over a
//! connection. Whoever moves files is compared with them.
//!
//! It must not know any of the systems.

mod server;
mod client;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

pub(crate) use client::run as run_client;
pub(crate) use server::run as run_server;

use crate::process::Process;
use crate::server::address_of;
use crate::systems::ground::Ground;
use crate::systems::system::{Job, Ports, System};

/// The word that makes the program of the benchmarks the server.
pub(crate) const SERVER: &str = "limit-server";
/// The word that makes it the client.
pub(crate) const CLIENT: &str = "limit-client";
/// What a download reads at once.
const DOWNLOAD_BYTES: usize = 256 << 10;
/// What an upload reads at once.
const UPLOAD_BYTES: usize = 1 << 20;
/// How many requests for small files are under way.
const IN_FLIGHT: usize = 64;
/// How many small files are synced together.
const GROUP: usize = 32;
/// A digest.
const DIGEST_BYTES: usize = 32;

/// The two programs as a system.
pub(crate) struct Limit {
    /// The program of the benchmarks.
    pub program: PathBuf,
}

impl System for Limit {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn version(&self) -> String {
        String::new()
    }

    fn options(&self) -> &'static str {
        "just the system calls"
    }

    fn needs(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn server(&self, ground: &Ground, _: Ports) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(SERVER).arg(ground.share());
        command
    }

    fn client(&self, _: &Ground, _: &Job, _: SocketAddr) -> Command {
        unreachable!("its client is told what to do by the benchmarks")
    }

    fn address(&self, server: &Process) -> Option<SocketAddr> {
        Some(address_of(server))
    }
}
