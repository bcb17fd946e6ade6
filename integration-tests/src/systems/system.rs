//! What the harness must know of a system to put it to work: how its server is started, and how its client is told to
//! move one file.
//!
//! It must not know what for.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ground::Ground;
use crate::process::Process;

/// A server and its client, as those that compare systems see them.
pub(crate) trait System: Sync {
    /// What its column is called.
    fn name(&self) -> &'static str;

    /// Its version, as it tells it.
    fn version(&self) -> String;

    /// How its server and its client are told to work.
    fn options(&self) -> &'static str;

    /// The programs that it needs beside ours, each with the package that brings it.
    fn needs(&self) -> &'static [(&'static str, &'static str)];

    /// The server, to be started on these ports.
    fn server(&self, ground: &Ground, ports: Ports) -> Command;

    /// The client, to do this at this address.
    fn client(&self, ground: &Ground, job: &Job, address: SocketAddr) -> Command;

    /// Where the server listens, if it says so itself; otherwise it listens where it was told to.
    fn address(&self, _server: &Process) -> Option<SocketAddr> {
        None
    }

    /// Whether files go over connections of their own, to the second of the ports.
    fn has_data_port(&self) -> bool {
        false
    }
}

/// Free ports of this machine. (That somebody else takes one meanwhile is noticed, and others are tried.)
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    /// Where the server is to listen.
    pub main: u16,
    /// Where it is to take files, if that is another one.
    pub data: u16,
}

/// What a client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send a file from the local folder, under the same name.
    Upload,
    /// Continue what an upload has left.
    ResumeUpload,
    /// Fetch a file into the local folder, under the same name.
    Download,
    /// Continue what a download has left.
    ResumeDownload,
    /// Fetch what a link leads to.
    DownloadLink,
}

/// An action, and with which file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// What to do.
    pub action: Action,
    /// With which file.
    pub name: &'static str,
}

impl Job {
    /// Whether it sends.
    pub(crate) fn is_upload(&self) -> bool {
        matches!(self.action, Action::Upload | Action::ResumeUpload)
    }

    /// Whether it continues.
    pub(crate) fn is_resuming(&self) -> bool {
        matches!(self.action, Action::ResumeUpload | Action::ResumeDownload)
    }
}

/// Where a program is, looked for where only root looks, too.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(usual);
    folders.map(|folder| folder.join(program)).find(|place| place.is_file())
}

/// A program that was looked for before.
pub(crate) fn program(name: &str) -> Command {
    Command::new(find(name).unwrap_or_else(|| name.into()))
}

/// The part of what a program says to a shell that comes between these, as in `version 3.2 (`.
pub(crate) fn version_in(line: &str, before: &str, until: char) -> String {
    let said = Command::new("bash").args(["-c", line]).env("PATH", wide_path()).stdin(Stdio::null()).output();
    let said = said.map(|said| [said.stdout, said.stderr].concat()).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let found = said.split_once(before).map_or("", |(_, rest)| rest);
    found.split(until).next().unwrap_or_default().trim().to_owned()
}

fn wide_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin");
    path
}

/// The same command below a shell that does something first, or below another program.
pub(crate) fn below(outer: &[&str], inner: &Command) -> Command {
    let mut command = Command::new(outer[0]);
    command.args(&outer[1..]).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = inner.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

/// A path as an argument in a configuration file.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
