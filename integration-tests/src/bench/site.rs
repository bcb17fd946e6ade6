//! A system at work for a benchmark, on a ground of its own.
//!
//! It must not know what is measured.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::sizes::Sizes;
use super::usage;
use crate::process::Process;
use crate::systems::ground::{Ground, Rights};
use crate::systems::ours::Ours;
use crate::systems::running::{self, Running};
use crate::systems::system::System;
use crate::systems::tree;

/// Who takes part: a server, and how its client is told what to do.
pub(crate) struct Contender {
    /// What its row is called.
    pub name: &'static str,
    /// The programs that it needs beside ours, each with the package that brings it.
    pub needs: &'static [(&'static str, &'static str)],
    /// Its server, with our programs in this folder.
    pub system: fn(&Path) -> Box<dyn System>,
    /// Its client.
    pub client: fn(&Site, &Sizes) -> Command,
    /// Whether its server begins each round with an empty state.
    pub is_fresh: bool,
}

/// A running server with its folders.
pub(crate) struct Site {
    /// Its folders.
    pub ground: Ground,
    /// The server.
    pub server: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// The system.
    pub system: Box<dyn System>,
    programs: PathBuf,
}

impl Site {
    /// Makes the folders, fills them, and starts the server.
    pub(crate) fn open(
        system: Box<dyn System>,
        programs: &Path,
        rights: Rights,
        fill: impl FnOnce(&Ground),
    ) -> Self {
        Self::open_below(system, programs, rights, fill, |command| command)
    }

    /// The same, with the server's command below another one.
    pub(crate) fn open_below(
        system: Box<dyn System>,
        programs: &Path,
        rights: Rights,
        fill: impl FnOnce(&Ground),
        wrap: impl Fn(Command) -> Command,
    ) -> Self {
        let ground = Ground::new(rights, false);
        fill(&ground);
        let Running { process, main, .. } = running::start(system.as_ref(), &ground, wrap);
        Self { ground, server: process, address: main, system, programs: programs.to_owned() }
    }

    /// Starts the server again as if it had never run.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn start_afresh(&mut self) {
        tree::kill(&mut self.server);
        fs::remove_dir_all(self.ground.state()).unwrap();
        fs::create_dir(self.ground.state()).unwrap();
        let running = running::start(self.system.as_ref(), &self.ground, |command| command);
        (self.server, self.address) = (running.process, running.main);
    }

    /// Waits until the server does nothing.
    pub(crate) fn wait_until_at_rest(&self) {
        usage::wait_until_at_rest(self.server.id());
    }

    /// Our own client, over plain text.
    pub(crate) fn ours(&self, line: &str) -> Command {
        Ours::in_folder(&self.programs).command(&self.ground, &self.address.to_string(), line)
    }

    /// Our own client, over TLS, with the invitation that the server printed.
    pub(crate) fn ours_over_tls(&self, line: &str) -> Command {
        let address = self.server.output.wait_for_line("an invitation", |line| line.starts_with("ioe://"));
        Ours::in_folder(&self.programs).command(&self.ground, &address, line)
    }

    /// The program of the benchmarks itself, to do a part of them as a process of its own.
    pub(crate) fn itself(&self) -> Command {
        Command::new(itself(&self.programs))
    }

    /// Nobody's client, where it depends on more what it is to do.
    pub(crate) fn nothing(&self, _: &Sizes) -> Command {
        Command::new("true")
    }

    /// A client as it is to be started: in the local folder, with a home of its own.
    pub(crate) fn in_local(&self, mut command: Command) -> Command {
        command.env("HOME", self.ground.home()).env("LC_ALL", "C").current_dir(self.ground.local());
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        tree::kill(&mut self.server);
    }
}

/// The program of the benchmarks.
pub(crate) fn itself(programs: &Path) -> PathBuf {
    programs.join("bench")
}
