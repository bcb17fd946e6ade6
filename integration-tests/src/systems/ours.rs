//! ioe-server and ioe-client, as they are without any option.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ground::Ground;
use super::system::{Job, Ports, System};
use crate::process::Process;
use crate::server::address_of;

/// Our own.
pub(crate) struct Ours {
    server: PathBuf,
    client: PathBuf,
    server_options: &'static [&'static str],
}

impl Ours {
    /// As they are built into this folder.
    pub(crate) fn in_folder(programs: &Path) -> Self {
        let place = |name| programs.join(name);
        let (server, client) = (place("ioe-server-under-test"), place("ioe-client-under-test"));
        Self { server, client, server_options: &[] }
    }

    /// With these options for its server.
    pub(crate) fn with(self, server_options: &'static [&'static str]) -> Self {
        Self { server_options, ..self }
    }

    /// The client, to carry out a command at an address as it is typed, in the local folder.
    pub(crate) fn command(&self, ground: &Ground, address: &str, line: &str) -> Command {
        let mut command = Command::new(&self.client);
        command.arg(address).arg("--dir").arg(ground.local()).args(["--cmd", line]);
        command.env_remove("RUST_LOG").env_remove("XDG_STATE_HOME");
        command
    }
}

impl System for Ours {
    fn name(&self) -> &'static str {
        "ioe"
    }

    fn version(&self) -> String {
        let said = Command::new(&self.server).arg("--version").output().unwrap().stdout;
        String::from_utf8_lossy(&said).split_whitespace().last().unwrap_or_default().to_owned()
    }

    fn options(&self) -> &'static str {
        "no options; `WRITE` and `READ`, which continue by themselves"
    }

    fn needs(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn server(&self, ground: &Ground, _: Ports) -> Command {
        let mut command = Command::new(&self.server);
        command.args(["--listen", "127.0.0.1:0"]).args(self.server_options);
        command.arg("--state-dir").arg(ground.state()).arg(ground.share());
        command.env("HOME", ground.home()).env_remove("RUST_LOG");
        command
    }

    fn client(&self, ground: &Ground, job: &Job, address: SocketAddr) -> Command {
        let word = if job.is_upload() { "WRITE" } else { "READ" };
        self.command(ground, &address.to_string(), &format!("{word} {}", job.name))
    }

    fn address(&self, server: &Process) -> Option<SocketAddr> {
        Some(address_of(server))
    }
}
