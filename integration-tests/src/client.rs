//! The real ioe-client, run by scripts: each command with `--cmd`, results as text or as JSON lines.
//!
//! It must not know what the commands do.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::process::Process;
use crate::scratch::Scratch;

/// A client of this address, built from the workspace's sources: `client!(server.scratch(), server.address())`.
#[macro_export]
macro_rules! client {
    ($scratch:expr, $address:expr) => {
        $crate::client::Client::new(env!("CARGO_BIN_EXE_ioe-client-under-test"), $scratch, $address)
    };
}

/// A client that is to be run, perhaps several times.
#[derive(Clone)]
pub struct Client {
    binary: PathBuf,
    local: PathBuf,
    home: PathBuf,
    options: Vec<OsString>,
    launcher: Vec<String>,
    address: Option<SocketAddr>,
}

/// How a client ended, and what it said.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub errors: String,
}

impl Client {
    /// A client with the scratch folders as its local folder and home.
    pub fn new(binary: impl Into<PathBuf>, scratch: &Scratch, address: SocketAddr) -> Self {
        let (local, home) = (scratch.local(), scratch.home());
        let (options, launcher) = (Vec::new(), Vec::new());
        Self { binary: binary.into(), local, home, options, launcher, address: Some(address) }
    }

    /// Adds options.
    pub fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(OsString::from));
        self
    }

    /// Started by this command line, such as one of [`crate::privilege`].
    pub fn launched_by(mut self, launcher: Vec<String>) -> Self {
        self.launcher = launcher;
        self
    }

    /// Connects to nobody at its start.
    pub fn without_address(mut self) -> Self {
        self.address = None;
        self
    }

    /// Runs these commands, and waits for the end.
    pub fn run(&self, commands: &[&str]) -> Outcome {
        let mut process = self.start(commands);
        process.close_input();
        Outcome::of(&mut process)
    }

    /// [`Client::run`] with `--json`.
    pub fn run_json(&self, commands: &[&str]) -> Outcome {
        self.clone().options(&["--json"]).run(commands)
    }

    /// Runs without commands, with these bytes as its standard input.
    pub fn run_with_input(&self, input: impl AsRef<[u8]>) -> Outcome {
        let mut process = self.start(&[]);
        process.type_in(input);
        process.close_input();
        Outcome::of(&mut process)
    }

    /// Starts with these commands and does not wait.
    pub fn start(&self, commands: &[&str]) -> Process {
        Process::start(&mut self.command(commands))
    }

    /// The command line with these commands, for a test that wants streams of its own.
    pub fn command(&self, commands: &[&str]) -> Command {
        let mut words = self.launcher.iter().map(OsString::from).chain([self.binary.clone().into()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command.arg("--dir").arg(&self.local).args(&self.options);
        command.args(commands.iter().flat_map(|text| ["--cmd", text]));
        command.args(self.address.map(|address| address.to_string()));
        command.env("HOME", &self.home).env_remove("RUST_LOG").env_remove("XDG_STATE_HOME");
        command.env_remove("NO_COLOR").env("TERM", "xterm");
        command
    }
}

impl Outcome {
    /// Waits for a client's end.
    pub fn of(process: &mut Process) -> Self {
        let code = process.exit_code();
        let outcome = Self { code, output: process.output.bytes(), errors: process.errors.text() };
        assert!(!outcome.errors.contains("panicked"), "the client panicked: {outcome:?}");
        outcome
    }

    /// Its standard output as text.
    ///
    /// # Panics
    /// When it is no UTF-8.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.output).expect("standard output is UTF-8")
    }

    /// Its standard output as JSON lines.
    ///
    /// # Panics
    /// When a line is no JSON object.
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| match serde_json::from_str(line) {
            Ok(Value::Object(object)) => Value::Object(object),
            _ => panic!("no JSON object: {line}"),
        };
        self.text().lines().map(parse).collect()
    }

    /// Its only JSON line.
    ///
    /// # Panics
    /// When there are more, or none.
    pub fn line(&self) -> Value {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines.into_iter().next().unwrap()
    }

    /// Checks the exit code.
    ///
    /// # Panics
    /// When it is another one.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{:?} {}", String::from_utf8_lossy(&self.output), self.errors);
        self
    }

    /// Checks that all was done.
    pub fn expect_done(self) -> Self {
        self.expect_code(0)
    }

    /// Checks for one JSON line about a failure with this code, and the exit code.
    ///
    /// # Panics
    /// When it is another line.
    pub fn expect_error(self, error_code: &str, exit_code: i32) -> Self {
        let outcome = self.expect_code(exit_code);
        let line = outcome.lines().pop().unwrap_or_else(|| panic!("no line at all: {outcome:?}"));
        assert_eq!(line["error"]["code"], error_code, "{line}");
        assert!(!line["error"]["message"].as_str().unwrap().is_empty(), "{line}");
        outcome
    }
}
