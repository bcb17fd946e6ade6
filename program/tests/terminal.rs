//! The prompt and the console on a real terminal (a pseudo-terminal whose other end is the test).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking, in its helpers too")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

const PROGRAM: &str = env!("CARGO_BIN_EXE_program-under-test");
const PATIENCE: Duration = Duration::from_secs(50);

/// A program at its terminal; `setsid --ctty` makes that one what `/dev/tty` means.
struct AtTerminal {
    child: Child,
    terminal: File,
    /// Keeps the terminal's other end open, so that its modes can be looked at after the program.
    other_end: File,
    output: BufReader<ChildStdout>,
}

fn start(command: &[&str]) -> AtTerminal {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let open = || {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        File::from(rustix::fs::open(&name, flags, Mode::empty()).unwrap())
    };
    let mut child = Command::new("setsid")
        .arg("--ctty")
        .args(command)
        .env("TERM", "xterm")
        .env_remove("RUST_LOG")
        .stdin(open())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    AtTerminal { child, terminal: terminal.into(), other_end: open(), output }
}

fn start_prompt(state: &Path) -> AtTerminal {
    start(&[PROGRAM, "prompt", "--state-dir", state.to_str().unwrap()])
}

impl AtTerminal {
    fn has_line_mode(&self) -> bool {
        tcgetattr(&self.other_end).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Waits until the editor has taken the terminal over and has shown the prompt.
    fn wait_for_prompt(&mut self) {
        let mut seen = Vec::new();
        let mut buffer = [0; 256];
        while !String::from_utf8_lossy(&seen).contains("test> ") {
            let count = self.terminal.read(&mut buffer).unwrap();
            seen.extend(buffer.iter().take(count));
        }
        let start = Instant::now();
        while self.has_line_mode() {
            assert!(start.elapsed() < PATIENCE, "the editor never started");
        }
    }

    fn type_keys(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    fn next_output(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }
}

#[test]
fn lines_interrupts_and_the_end_arrive_and_output_holds_only_results() {
    let state = tempfile::tempdir().unwrap();
    let mut program = start_prompt(state.path());
    program.wait_for_prompt();
    program.type_keys("LIST a\r");
    assert_eq!(program.next_output(), "Line(\"LIST a\")\n");
    program.wait_for_prompt();
    program.type_keys("half\x03");
    assert_eq!(program.next_output(), "Interrupted\n");
    program.wait_for_prompt();
    program.type_keys("READ \t\r");
    assert_eq!(program.next_output(), "Line(\"READ completed\")\n");
    program.wait_for_prompt();
    program.type_keys("\x04");
    assert_eq!(program.next_output(), "End\n");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    assert!(program.has_line_mode());
}

#[test]
fn the_history_is_kept_in_the_state_folder() {
    let state = tempfile::tempdir().unwrap();
    for keys in ["STAT x\r", "\x1b[A\r"] {
        let mut program = start_prompt(state.path());
        program.wait_for_prompt();
        program.type_keys(keys);
        assert_eq!(program.next_output(), "Line(\"STAT x\")\n");
        program.wait_for_prompt();
        program.type_keys("\x04");
        assert_eq!(program.child.wait().unwrap().code(), Some(0));
    }
    let kept = std::fs::read_to_string(state.path().join("history")).unwrap();
    assert!(kept.contains("STAT x"), "{kept}");
}

#[test]
fn a_termination_in_the_middle_of_a_line_leaves_a_usable_terminal() {
    let state = tempfile::tempdir().unwrap();
    let mut program = start_prompt(state.path());
    program.wait_for_prompt();
    program.type_keys("REA");
    kill_process(Pid::from_child(&program.child), Signal::TERM).unwrap();
    assert_eq!(program.child.wait().unwrap().code(), Some(130));
    assert!(program.has_line_mode());
}

/// The state of each thread of a process, and how often it has gone to sleep.
struct Threads(Vec<(char, u64)>);

impl Threads {
    fn of(process: i32) -> Self {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let of_task = |path: PathBuf| {
            let status = std::fs::read_to_string(path.join("status")).unwrap();
            let after = |name: &str| {
                status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned())).unwrap()
            };
            let state = after("State:").chars().next().unwrap();
            (state, after("voluntary_ctxt_switches:").parse().unwrap())
        };
        Self(tasks.map(|task| of_task(task.unwrap().path())).collect())
    }

    /// How often they have gone to sleep, if all of them are asleep; stopped, they would not be.
    fn at_rest(&self) -> Option<u64> {
        assert!(self.0.iter().all(|(state, _)| *state != 'T'), "it was stopped");
        let switches = self.0.iter().map(|(_, switches)| switches).sum();
        self.0.iter().all(|(state, _)| *state == 'S').then_some(switches)
    }
}

fn eventually<T>(awaited: &str, look: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain until {awaited}");
        std::thread::yield_now();
    }
}

/// A read from the background would stop the process (SIGTTIN), with all its connections.
#[test]
fn a_console_in_the_background_is_not_stopped_by_what_is_typed_to_another_program() {
    let script = "set -m; \"$0\" echo-console & echo $!; sleep 60";
    let mut program = start(&["bash", "-c", script, PROGRAM]);
    let id: i32 = program.next_output().trim().parse().unwrap();
    let at_rest = || Threads::of(id).at_rest();
    let before = eventually("it waits for input", || at_rest().filter(|_| Threads::of(id).0.len() > 1));
    program.type_keys("for the foreground\n");
    // The console looks at once when something was typed.
    eventually("it has looked, and waits again", || at_rest().filter(|switches| *switches > before));
    kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
    program.child.kill().unwrap();
    program.child.wait().unwrap();
}
