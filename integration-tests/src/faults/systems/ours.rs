//! ioe-server and ioe-client, as they are without any option.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::faults::ground::Ground;
use crate::faults::system::{Job, Ports, System};
use crate::process::Process;
use crate::server::address_of;

/// Our own.
pub(crate) struct Ours {
    server: PathBuf,
    client: PathBuf,
}

impl Ours {
    /// As they are built into this folder.
    pub(crate) fn in_folder(programs: &Path) -> Self {
        let place = |name| programs.join(name);
        Self { server: place("ioe-server-under-test"), client: place("ioe-client-under-test") }
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
        command.args(["--listen", "127.0.0.1:0", "--state-dir"]).arg(ground.state()).arg(ground.share());
        command.env("HOME", ground.home()).env_remove("RUST_LOG");
        command
    }

    fn client(&self, ground: &Ground, job: &Job, address: SocketAddr) -> Command {
        let word = if job.is_upload() { "WRITE" } else { "READ" };
        let mut command = Command::new(&self.client);
        command.arg(address.to_string()).arg("--dir").arg(ground.local());
        command.args(["--cmd", &format!("{word} {}", job.name)]).env_remove("RUST_LOG");
        command.env_remove("XDG_STATE_HOME");
        command
    }

    fn address(&self, server: &Process) -> Option<SocketAddr> {
        Some(address_of(server))
    }
}
