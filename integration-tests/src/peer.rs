//! The real mactella-peer on a free port of this machine, with a share, a state folder and a control socket
//! of its own; commands go to it as scripts give them, with `--attach`.
//!
//! It must not know what the commands do. Whatever a test does, the peer must not panic and must leave
//! everything outside its share alone: that is looked at when the handle is dropped.

mod asked;

pub use asked::Asked;

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::client::Outcome;
use crate::neighbour::Neighbour;
use crate::patience::eventually_true;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::server::address_of;
use crate::session::Session;

/// How long a command waits for results that nobody will wait for: the test ends it when it has seen all.
const LONG_WAIT: &str = "50s";
/// How long a command waits that takes all of its time: whoever is to answer must be heard by then, on a slow machine, too.
pub const WHOLE_WAIT: &str = "4s";

/// A peer that is to be started, built from the workspace's sources: `peer!().knows(&address).start()`.
#[macro_export]
macro_rules! peer {
    () => {
        $crate::peer::PeerSetup::new(env!("CARGO_BIN_EXE_mactella-peer-under-test"))
    };
}

/// How a peer is to be started.
pub struct PeerSetup {
    binary: PathBuf,
    options: Vec<OsString>,
    listen: String,
    known: Vec<String>,
    state: Option<PathBuf>,
    prologue: Option<String>,
    /// Its folders; the test may fill them before the start.
    pub scratch: Scratch,
    files: Vec<String>,
}

/// A running peer.
pub struct Peer {
    process: Process,
    address: SocketAddr,
    setup: PeerSetup,
}

impl PeerSetup {
    /// A peer that knows nobody.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            options: Vec::new(),
            listen: "127.0.0.1:0".to_owned(),
            known: Vec::new(),
            state: None,
            prologue: None,
            scratch: Scratch::new(),
            files: Vec::new(),
        }
    }

    /// Adds an option, or an option's value.
    pub fn option(mut self, option: impl AsRef<OsStr>) -> Self {
        self.options.push(option.as_ref().to_owned());
        self
    }

    /// Adds an option with its value.
    pub fn option_with(self, option: &str, value: impl AsRef<OsStr>) -> Self {
        self.option(option).option(value)
    }

    /// Knows the peer there.
    pub fn knows(mut self, address: &impl ToString) -> Self {
        self.known.push(address.to_string());
        self
    }

    /// Listens there instead of on a free port of 127.0.0.1.
    pub fn listening_on(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Uses this state folder instead of the scratch one.
    pub fn with_state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// Starts it from a shell that does this first, such as `ulimit -n 40`.
    pub fn after_shell(mut self, prologue: &str) -> Self {
        self.prologue = Some(prologue.to_owned());
        self
    }

    /// Puts a file into the share.
    pub fn file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.scratch.put(path, bytes);
        self.files.push(path.to_owned());
        self
    }

    /// Runs the program with these words alone, and waits for its end.
    pub fn run(&self, words: &[&str]) -> Outcome {
        let mut process = Process::start(self.program().args(words));
        process.close_input();
        Outcome::of(&mut process)
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Peer {
        let process = self.start_process();
        let address = address_of(&process);
        Peer { process, address, setup: self }
    }

    /// Starts it where it must not come to listen; returns its exit code and standard error.
    ///
    /// # Panics
    /// When it listens.
    pub fn start_refused(&self) -> (i32, String) {
        let mut process = self.start_process();
        let code = process.exit_code();
        assert!(!process.output.text().contains("listening on"), "{}", process.output.text());
        (code, process.errors.text())
    }

    fn start_process(&self) -> Process {
        let mut command = self.daemon();
        command.args(["--listen", &self.listen]).arg("--control").arg(self.scratch.control());
        command.arg("--state-dir").arg(self.state.clone().unwrap_or_else(|| self.scratch.state()));
        match self.known.as_slice() {
            [] => command.arg("--no-peer"),
            known => command.args(known.iter().flat_map(|address| ["--peer", address])),
        };
        command.args(&self.options).arg(self.scratch.share());
        Process::start(&mut command)
    }

    /// The program as a daemon, perhaps below a shell that becomes it.
    fn daemon(&self) -> Command {
        let Some(prologue) = &self.prologue else { return self.program() };
        let mut command = self.in_environment(Command::new("bash"));
        command.arg("-c").arg(format!("{prologue}; exec \"$0\" \"$@\"")).arg(&self.binary);
        command
    }

    fn program(&self) -> Command {
        self.in_environment(Command::new(&self.binary))
    }

    fn in_environment(&self, mut command: Command) -> Command {
        command.env("HOME", self.scratch.home()).env_remove("RUST_LOG").env_remove("XDG_STATE_HOME");
        command.env_remove("NO_COLOR").env("TERM", "xterm");
        command
    }
}

impl Peer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as arguments of a command: `127.0.0.1 4711`.
    pub fn host_and_port(&self) -> String {
        format!("{} {}", self.address.ip(), self.address.port())
    }

    /// Its folders.
    pub fn scratch(&self) -> &Scratch {
        &self.setup.scratch
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// A new session with it, as a client has one.
    pub fn session(&self) -> Session {
        Session::open(self.address)
    }

    /// Gives it these commands, and waits for the end.
    pub fn attach(&self, commands: &[&str]) -> Outcome {
        self.attach_with(&["--json"], commands)
    }

    /// [`Peer::attach`] with these options instead of `--json`.
    pub fn attach_with(&self, options: &[&str], commands: &[&str]) -> Outcome {
        Outcome::of(&mut self.start_attached(options, commands))
    }

    /// Gives it these commands, and does not wait.
    pub fn start_attached(&self, options: &[&str], commands: &[&str]) -> Process {
        let mut process = Process::start(&mut self.attach_command(options, commands));
        process.close_input();
        process
    }

    /// The command line that gives it these commands.
    pub fn attach_command(&self, options: &[&str], commands: &[&str]) -> Command {
        let mut command = self.setup.program();
        command.arg("--attach").arg(self.scratch().control()).args(options);
        command.args(commands.iter().flat_map(|text| ["-c", text]));
        command
    }

    /// Gives it a command whose results are looked at as they come.
    pub fn ask(&self, command: &str) -> Asked {
        Asked::over(self.start_attached(&["--json", "--wait", LONG_WAIT], &[command]))
    }

    /// [`Peer::ask`], for the text that a user sees.
    pub fn ask_as_text(&self, command: &str) -> Asked {
        Asked::over(self.start_attached(&["--wait", LONG_WAIT], &[command]))
    }

    /// The results of a command that waits for so long, all of which was done.
    pub fn results_within(&self, wait: &str, command: &str) -> Vec<Value> {
        self.attach_with(&["--json", "--wait", wait], &[command]).expect_done().lines()
    }

    /// The one line of STATUS.
    pub fn status(&self) -> Value {
        self.attach(&["STATUS"]).expect_done().line()
    }

    /// One number of STATUS.
    ///
    /// # Panics
    /// When it is not there.
    pub fn count(&self, name: &str) -> u64 {
        let status = self.status();
        status[name].as_u64().unwrap_or_else(|| panic!("no {name}: {status}"))
    }

    /// The lines of PEERS.
    pub fn peers(&self) -> Vec<Value> {
        self.attach(&["PEERS"]).expect_done().lines()
    }

    /// The addresses that PEERS gives, sorted.
    pub fn peer_addresses(&self) -> Vec<String> {
        let address = |line: &Value| line["address"].as_str().expect("an address").to_owned();
        let mut addresses: Vec<String> = self.peers().iter().map(address).collect();
        addresses.sort();
        addresses
    }

    /// Waits until so many links stand.
    pub fn wait_for_links(&self, count: u64) {
        eventually_true(&format!("{count} links stand"), || self.count("links") == count);
    }

    /// Waits until its neighbours find all files that it was given before its start.
    pub fn wait_until_indexed(&self) {
        for path in &self.setup.files {
            self.wait_until_found(path);
        }
    }

    /// Waits until its neighbours find a file under that path.
    pub fn wait_until_found(&self, path: &str) {
        // The last name part alone, for a search is shorter than the longest path.
        let words = path.rsplit('/').next().unwrap_or(path);
        let mut neighbour = Neighbour::open(self.address);
        eventually_true(&format!("{path} is found"), || {
            neighbour.found_files(words).iter().any(|file| file["path"] == path)
        });
    }

    /// Waits until its neighbours are told the digest of the file under that path.
    pub fn wait_until_hashed(&self, path: &str) {
        let mut neighbour = Neighbour::open(self.address);
        eventually_true(&format!("{path} is hashed"), || {
            neighbour.found_files(path).iter().any(|file| file["path"] == path && file["digest"].is_string())
        });
    }

    /// Waits until it has dealt with all that has arrived.
    pub fn wait_until_quiet(&self) {
        self.process.wait_until_quiet();
    }

    /// What it logged until now.
    pub fn log(&self) -> String {
        self.process.errors.text()
    }

    /// Asks it to stop, as `kill` does.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits for its end; returns its exit code.
    pub fn exit_code(&mut self) -> i32 {
        self.process.exit_code()
    }

    /// Whether it ends within so much time.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        self.process.ends_within(time)
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Types a line into its console.
    pub fn type_in(&mut self, line: &str) {
        self.process.type_in(format!("{line}\n"));
    }

    /// Starts it again in the same folders, after it has ended, where it listened before.
    pub fn start_again(&mut self) {
        self.assert_no_panic();
        self.setup.listen = self.address.to_string();
        self.process = self.setup.start_process();
        assert_eq!(address_of(&self.process), self.address);
    }

    /// Knows one more peer when it is started the next time.
    pub fn also_knows(&mut self, address: &impl ToString) {
        self.setup.known.push(address.to_string());
    }

    fn assert_no_panic(&self) {
        let log = self.log();
        let bug = log.lines().find(|line| line.contains("panicked") || line.contains("ended by a bug"));
        assert!(bug.is_none(), "the peer panicked: {bug:?}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.assert_no_panic();
            return;
        }
        // A failed test is understood from what the peer logged.
        let log = self.log();
        let last_lines: Vec<&str> = log.lines().rev().take(8).collect();
        let last_lines: String = last_lines.iter().rev().flat_map(|line| ["\n  ", line]).collect();
        let text = format!("the last log lines of the peer at {}:{last_lines}\n", self.address);
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }
}
