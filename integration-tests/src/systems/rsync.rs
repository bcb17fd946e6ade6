//! rsync with its daemon, in the three ways in which it deals with what is not whole yet.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::ground::Ground;
use super::system::{Action, Job, Ports, System, program, shown, version_in};

/// One of its ways.
pub(crate) struct Rsync {
    name: &'static str,
    options: &'static str,
    usual: &'static [&'static str],
    resuming: &'static [&'static str],
}

impl Rsync {
    /// Broken files stay in a folder of their own.
    pub(crate) const ASIDE: Self = Self {
        name: "rsync",
        options: "daemon, as root with `use chroot`; `-a --fsync --partial-dir=.rsync-partial`",
        usual: &["-a", "--fsync", "--partial-dir=.rsync-partial"],
        resuming: &["-a", "--fsync", "--partial-dir=.rsync-partial"],
    };
    /// Broken files get the final name.
    pub(crate) const PARTIAL: Self =
        Self { name: "rsync -P", options: "the same daemon; `-aP`", usual: &["-aP"], resuming: &["-aP"] };
    /// Files are written under their final name.
    pub(crate) const IN_PLACE: Self = Self {
        name: "rsync --inplace",
        options: "the same daemon; `-a --inplace`; resumed with `-a --append`",
        usual: &["-a", "--inplace"],
        resuming: &["-a", "--append"],
    };
}

impl System for Rsync {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        version_in("rsync --version", "version ", ' ')
    }

    fn options(&self) -> &'static str {
        self.options
    }

    fn needs(&self) -> &'static [(&'static str, &'static str)] {
        &[("rsync", "rsync")]
    }

    fn server(&self, ground: &Ground, ports: Ports) -> Command {
        let state = ground.state();
        let is_root = rustix::process::getuid().is_root();
        let root = if is_root { "use chroot = yes\nuid = root\ngid = root\n" } else { "use chroot = no\n" };
        let text = format!(
            "port = {}\naddress = 127.0.0.1\npid file = {}\nlog file = {}\n{root}[share]\npath = {}\n\
             read only = no\n",
            ports.main,
            shown(&state.join("rsyncd.pid")),
            shown(&state.join("rsyncd.log")),
            shown(&ground.share())
        );
        fs::write(state.join("rsyncd.conf"), text).unwrap();
        let mut command = program("rsync");
        command.args(["--daemon", "--no-detach", "--config"]).arg(state.join("rsyncd.conf"));
        command
    }

    fn client(&self, _: &Ground, job: &Job, address: SocketAddr) -> Command {
        let mut command = program("rsync");
        command.args(if job.is_resuming() { self.resuming } else { self.usual });
        if job.action == Action::DownloadLink {
            // Otherwise the link itself would be fetched.
            command.arg("-L");
        }
        let there = format!("rsync://{address}/share/{}", job.name);
        let (from, to) = if job.is_upload() { (job.name, &*there) } else { (&*there, job.name) };
        command.args([from, to]);
        command
    }
}
