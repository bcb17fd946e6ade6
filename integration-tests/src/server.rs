//! The real ioe-server on a free port of this machine, with a share of its own.
//!
//! It must not know what is said in its sessions. Whatever a test does, the server must not panic and must
//! leave everything outside its share alone: that is looked at when the handle is dropped.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use rustix::process::Signal;

use crate::patience::eventually_true;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::session::Session;

/// A server that is to be started, built from the workspace's sources: `server!().option("--read-only").start()`.
#[macro_export]
macro_rules! server {
    () => {
        $crate::server::ServerSetup::new(env!("CARGO_BIN_EXE_ioe-server-under-test"))
    };
}

/// How a server is to be started.
pub struct ServerSetup {
    binary: PathBuf,
    options: Vec<OsString>,
    listen: String,
    environment: Vec<(String, String)>,
    served: Option<PathBuf>,
    state: Option<PathBuf>,
    prologue: Option<String>,
    launcher: Vec<String>,
    /// Its folders; the test may fill them before the start.
    pub scratch: Scratch,
}

/// A running server.
pub struct Server {
    process: Process,
    address: SocketAddr,
    /// The sockets that it has open while nobody is connected.
    own_socket_count: usize,
    setup: ServerSetup,
}

impl ServerSetup {
    /// A server without options beyond the port and the state folder.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            options: Vec::new(),
            listen: "127.0.0.1:0".to_owned(),
            environment: Vec::new(),
            served: None,
            state: None,
            prologue: None,
            launcher: Vec::new(),
            scratch: Scratch::new(),
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

    /// Serves this folder instead of the scratch share.
    pub fn serving(mut self, folder: impl Into<PathBuf>) -> Self {
        self.served = Some(folder.into());
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

    /// Sets an environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it from a shell that does this first, such as `ulimit -n 40`.
    pub fn after_shell(mut self, prologue: &str) -> Self {
        self.prologue = Some(prologue.to_owned());
        self
    }

    /// Starts it, and that shell, by this command line, such as one of [`crate::privilege`].
    pub fn launched_by(mut self, launcher: Vec<String>) -> Self {
        self.launcher = launcher;
        self
    }

    /// Puts a file into the share.
    pub fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.scratch.put(path, bytes);
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Server {
        let process = self.start_process();
        let address = address_of(&process);
        Server { own_socket_count: socket_count(&process), process, address, setup: self }
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
        let mut command = self.program();
        command.args(["--listen", &self.listen]).arg("--state-dir");
        command.arg(self.state.clone().unwrap_or_else(|| self.scratch.state()));
        command.args(&self.options).arg(self.served.clone().unwrap_or_else(|| self.scratch.share()));
        command.env("HOME", self.scratch.home()).env_remove("RUST_LOG").env_remove("XDG_STATE_HOME");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Process::start(&mut command)
    }

    /// The program itself, perhaps below a launcher and a shell that become it one after the other.
    fn program(&self) -> Command {
        let mut words: Vec<OsString> = self.launcher.iter().map(OsString::from).collect();
        if let Some(prologue) = &self.prologue {
            words.extend(["bash".into(), "-c".into(), format!("{prologue}; exec \"$0\" \"$@\"").into()]);
        }
        words.push(self.binary.clone().into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folders.
    pub fn scratch(&self) -> &Scratch {
        &self.setup.scratch
    }

    /// A new session with it.
    pub fn session(&self) -> Session {
        Session::open(self.address)
    }

    /// Waits until its log has a line of which this is true, and returns the line.
    pub fn wait_for_log(&self, awaited: &str, is_it: impl Fn(&str) -> bool) -> String {
        self.process.errors.wait_for_line(awaited, is_it)
    }

    /// What it logged until now.
    pub fn log(&self) -> String {
        self.process.errors.text()
    }

    /// Waits until it has printed a line of which this is true, and returns the line.
    pub fn wait_for_output(&self, awaited: &str, is_it: impl Fn(&str) -> bool) -> String {
        self.process.output.wait_for_line(awaited, is_it)
    }

    /// What it printed until now.
    pub fn output(&self) -> String {
        self.process.output.text()
    }

    /// Types a line into its console.
    pub fn type_in(&mut self, line: &str) {
        self.process.type_in(format!("{line}\n"));
    }

    /// Ends its standard input.
    pub fn close_input(&mut self) {
        self.process.close_input();
    }

    /// Asks it to stop, as `kill` does.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Asks it to stop, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.process.signal(Signal::INT);
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

    /// Starts it again in the same folders, after it has ended; it listens on another port.
    pub fn start_again(&mut self) {
        self.assert_no_panic();
        self.process = self.setup.start_process();
        self.address = address_of(&self.process);
        self.own_socket_count = socket_count(&self.process);
    }

    /// [`Server::start_again`], where it listened before.
    pub fn start_again_there(&mut self) {
        self.setup.listen = self.address.to_string();
        self.start_again();
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until it has closed every connection, and so has done with every session.
    pub fn wait_until_alone(&self) {
        eventually_true("the server has closed every connection", || {
            socket_count(&self.process) <= self.own_socket_count
        });
    }

    /// Waits until it has dealt with all that has arrived.
    pub fn wait_until_quiet(&self) {
        self.process.wait_until_quiet();
    }

    /// How many descriptors it has open.
    ///
    /// # Panics
    /// When it has ended.
    pub fn descriptor_count(&self) -> usize {
        fs::read_dir(self.proc_folder().join("fd")).unwrap().count()
    }

    /// How many threads it runs.
    ///
    /// # Panics
    /// When it has ended.
    pub fn thread_count(&self) -> usize {
        fs::read_dir(self.proc_folder().join("task")).unwrap().count()
    }

    /// The most memory that it ever held, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    pub fn memory_peak(&self) -> u64 {
        self.process.memory_peak()
    }

    fn proc_folder(&self) -> PathBuf {
        self.process.proc_folder()
    }

    fn assert_no_panic(&self) {
        let log = self.log();
        let bug = log.lines().find(|line| line.contains("panicked") || line.contains("ended by a bug"));
        assert!(bug.is_none(), "the server panicked: {bug:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.assert_no_panic();
            return;
        }
        // A failed test is understood from what the server logged.
        let log = self.log();
        let last_lines: Vec<&str> = log.lines().rev().take(20).collect();
        let last_lines: String = last_lines.iter().rev().flat_map(|line| ["\n  ", line]).collect();
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("the server's last log lines:{last_lines}\n").as_bytes(),
        );
    }
}

fn socket_count(process: &Process) -> usize {
    let descriptors = fs::read_dir(process.proc_folder().join("fd")).unwrap();
    let is_socket = |path: &PathBuf| path.to_string_lossy().starts_with("socket:");
    descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).filter(is_socket).count()
}

/// Where a daemon listens, as its ready line says, which is waited for.
///
/// # Panics
/// When its first line says something else.
pub fn address_of(process: &Process) -> SocketAddr {
    let line = process.output.wait_for_line("the ready line", |_| true);
    let address = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("no ready line: {line}"));
    address.parse().unwrap_or_else(|_| panic!("no address: {line}"))
}
