//! One of our programs as a process: what it says is collected while it runs, every wait for it has a
//! deadline, and it ends with its handle.
//!
//! It must not know which program it is.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::patience::{HANG_TIME_MAX, eventually_true};

/// So many looks in a row find a quiet program unchanged.
pub(crate) const QUIET_LOOKS: usize = 20;
/// The unit in which Linux tells processor times, whatever its own clock ticks at.
const TICK_MILLISECONDS: u64 = 10;
/// Wide enough that no line of a test is broken.
const TERMINAL_SIZE: Winsize = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };

/// A running program. Dropping it kills it.
pub struct Process {
    child: Child,
    input: Option<File>,
    /// What it wrote on standard output.
    pub output: Collected,
    /// What it wrote on standard error.
    pub errors: Collected,
    collectors: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a program with all three streams in our hands.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (output, errors) = (Collected::default(), Collected::default());
        let collectors = vec![
            output.clone().collect_from(child.stdout.take().unwrap()),
            errors.clone().collect_from(child.stderr.take().unwrap()),
        ];
        let input = child.stdin.take().map(|stdin| File::from(OwnedFd::from(stdin)));
        Self { input, child, output, errors, collectors }
    }

    /// Starts a program at a terminal of its own: what we type is its input, and all that it says is its
    /// output.
    ///
    /// # Panics
    /// When it cannot be started, or the system has no terminal left.
    pub fn start_at_terminal(command: &mut Command) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        tcsetwinsize(&terminal, TERMINAL_SIZE).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let end = || File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        // The command keeps its ends of the terminal, and with them open it would never end for us.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let ours = File::from(terminal);
        let output = Collected::default();
        let collectors = vec![output.clone().collect_from(ours.try_clone().unwrap())];
        Self { child, input: Some(ours), output, errors: Collected::default(), collectors }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input. That it has ended meanwhile is no error.
    ///
    /// # Panics
    /// When the input was closed before.
    pub fn type_in(&mut self, text: impl AsRef<[u8]>) {
        let input = self.input.as_mut().expect("its standard input was closed before");
        let _ = input.write_all(text.as_ref()).and_then(|()| input.flush());
    }

    /// Ends its standard input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended and its end was seen.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended already, which is what was wanted.
        let _ = self.child.kill();
        self.wait();
    }

    /// [`wait_until_all_quiet`] for this one.
    pub fn wait_until_quiet(&self) {
        wait_until_all_quiet(&[self]);
    }

    /// The most memory that it ever held, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    pub fn memory_peak(&self) -> u64 {
        self.memory_line("VmHWM:")
    }

    /// The memory that it holds now, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    pub fn memory(&self) -> u64 {
        self.memory_line("VmRSS:")
    }

    /// The processor time that it has used, whatever the clock says.
    ///
    /// # Panics
    /// When it has ended.
    pub fn processor_time(&self) -> Duration {
        let text = fs::read_to_string(self.proc_folder().join("stat")).unwrap();
        // Its name may hold anything; what follows the last bracket are numbers.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * TICK_MILLISECONDS)
    }

    fn memory_line(&self, name: &str) -> u64 {
        let status = fs::read_to_string(self.proc_folder().join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    }

    /// What the system tells about it.
    pub fn proc_folder(&self) -> PathBuf {
        Path::new("/proc").join(self.id().to_string())
    }

    /// Waits until it has ended and all that it said is collected.
    ///
    /// # Panics
    /// When it still runs after [`HANG_TIME_MAX`]; the message shows what it said.
    pub fn wait(&mut self) -> ExitStatus {
        assert!(
            self.ends_within(HANG_TIME_MAX),
            "the program still runs after {HANG_TIME_MAX:?}\nstdout: {}\nstderr: {}",
            self.output.text(),
            self.errors.text()
        );
        let status = self.child.wait().unwrap();
        self.collectors.drain(..).for_each(|collector| collector.join().unwrap());
        status
    }

    /// Waits until it has ended, and returns its exit code; a signal that killed it counts as in a shell.
    pub fn exit_code(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let status = self.wait();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }

    /// Whether it ends before so much time has passed.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        if self.child.try_wait().unwrap().is_some() {
            return true;
        }
        let ended = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty()).unwrap();
        let time = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
        poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&time)).unwrap() > 0
    }
}

/// Waits until no thread of these programs has anything to do, as when all that has arrived is dealt with. They
/// are looked at together, so that what one of them sends to another meanwhile is seen.
///
/// # Panics
/// When they are busy all the time, or one of them has ended.
pub fn wait_until_all_quiet(processes: &[&Process]) {
    let (mut last, mut look_count) = (None, 0);
    eventually_true("the programs are quiet", || {
        let now: Option<Vec<_>> = processes.iter().map(|process| threads_at_rest(process.id())).collect();
        look_count = if now.is_some() && now == last { look_count + 1 } else { 0 };
        last = now;
        look_count >= QUIET_LOOKS
    });
}

/// How often each thread of a process was scheduled, if all of them sleep.
pub(crate) fn threads_at_rest(id: u32) -> Option<Vec<String>> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    tasks
        .map(|task| {
            fs::read_to_string(task.ok()?.path().join("status")).ok().filter(|status| is_at_rest(status))
        })
        .collect()
}

fn is_at_rest(status: &str) -> bool {
    status.lines().any(|line| line.starts_with("State:\tS"))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for collector in self.collectors.drain(..) {
            let _ = collector.join();
        }
    }
}

/// Bytes that somebody else writes, as far as they have come.
#[derive(Clone, Default)]
pub struct Collected {
    shared: Arc<(Mutex<Collection>, Condvar)>,
}

#[derive(Default)]
struct Collection {
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Collected {
    /// All bytes until now.
    pub fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap().bytes.clone()
    }

    /// All text until now; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.shared.0.lock().unwrap().bytes).into_owned()
    }

    /// Waits for something in the text, which is looked at whenever more has come.
    ///
    /// # Panics
    /// When it has not come at the stream's end, or after [`HANG_TIME_MAX`].
    pub fn wait_for<T>(&self, awaited: &str, look: impl Fn(&str) -> Option<T>) -> T {
        let (lock, more) = &*self.shared;
        let deadline = Instant::now() + HANG_TIME_MAX;
        let mut collection = lock.lock().unwrap();
        loop {
            let text = String::from_utf8_lossy(&collection.bytes).into_owned();
            if let Some(found) = look(&text) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let why = if collection.has_ended { "the stream ended" } else { "time is up" };
            assert!(!collection.has_ended && !left.is_zero(), "waited for {awaited}, but {why}: {text}");
            collection = more.wait_timeout(collection, left).unwrap().0;
        }
    }

    /// Waits for the first whole line that this is true of, and returns it.
    pub fn wait_for_line(&self, awaited: &str, is_it: impl Fn(&str) -> bool) -> String {
        let whole = |text: &str| text.rfind('\n').map_or(0, |end| end + 1);
        self.wait_for(awaited, |text| text[..whole(text)].lines().find(|line| is_it(line)).map(str::to_owned))
    }

    fn collect_from(self, mut stream: impl Read + Send + 'static) -> JoinHandle<()> {
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                // An error is the end, too: there will be no more.
                let count = stream.read(&mut buffer).unwrap_or(0);
                let mut collection = self.shared.0.lock().unwrap();
                collection.bytes.extend_from_slice(&buffer[..count]);
                collection.has_ended = count == 0;
                self.shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        })
    }
}
