//! One run of a client against a server, and what it cost both ends.
//!
//! It must not know what they do.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::usage;
use crate::process::Process;

/// So often the memory of both ends is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// No run takes as long.
const TIME_MAX: Duration = Duration::from_secs(300);

/// What a run took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trial {
    /// From the client's start to its end.
    pub seconds: f64,
    /// From its start to its first line, if it said any.
    pub first_line_seconds: Option<f64>,
    /// Processor seconds.
    pub client_cpu: f64,
    /// Processor seconds.
    pub server_cpu: f64,
    /// The most memory in bytes.
    pub client_peak: u64,
    /// The most memory in bytes.
    pub server_peak: u64,
    /// What the server held before, in bytes.
    pub server_before: u64,
    /// What the client said.
    pub output: Vec<u8>,
}

/// Runs a client to its end.
///
/// # Panics
/// When it does not succeed.
pub(crate) fn run(command: &mut Command, server: &Process) -> Trial {
    usage::forget_peak(server.id());
    let server_before = usage::peak(server.id());
    let cpu_before = usage::processor_seconds(server.id());
    let begin = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = listen(child.stdout.take().unwrap(), begin);
    let complained = listen(child.stderr.take().unwrap(), begin);
    let mut trial = watch(&child, server, begin);
    trial.client_cpu = usage::seconds_with_children(child.id());
    let status = child.wait().unwrap();
    let (output, first_line_seconds) = said.join().unwrap();
    let errors = String::from_utf8_lossy(&complained.join().unwrap().0).into_owned();
    assert!(status.success(), "{command:?} ends with {status}: {errors}");
    usage::wait_until_at_rest(server.id());
    trial.server_cpu = trial.server_cpu.max(usage::processor_seconds(server.id()) - cpu_before);
    Trial { output, first_line_seconds, server_before, ..trial }
}

/// Waits until it has ended, and looks at the memory of both ends meanwhile.
fn watch(child: &Child, server: &Process, begin: Instant) -> Trial {
    let mut trial = Trial::default();
    let before: BTreeMap<u32, f64> = usage::seconds_of_each(server.id()).into_iter().collect();
    let mut seen = before.clone();
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    let interval = Timespec { tv_sec: 0, tv_nsec: LOOK_INTERVAL.subsec_nanos().into() };
    loop {
        trial.client_peak = trial.client_peak.max(usage::peak(child.id()));
        trial.server_peak = trial.server_peak.max(usage::peak(server.id()));
        seen.extend(usage::seconds_of_each(server.id()).into_iter().filter(|(_, seconds)| *seconds > 0.0));
        if poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&interval)).unwrap() > 0 {
            break;
        }
        assert!(begin.elapsed() < TIME_MAX, "a client still runs after {TIME_MAX:?}");
    }
    trial.seconds = begin.elapsed().as_secs_f64();
    trial.server_peak = trial.server_peak.max(usage::peak(server.id()));
    trial.server_cpu = seen.values().sum::<f64>() - before.values().sum::<f64>();
    trial
}

/// Takes all that comes, and when the first line was whole.
fn listen(mut stream: impl Read + Send + 'static, begin: Instant) -> JoinHandle<(Vec<u8>, Option<f64>)> {
    thread::spawn(move || {
        let (mut all, mut first) = (Vec::new(), None);
        let mut buffer = vec![0; 1 << 16];
        loop {
            // An error is the end, too: there will be no more.
            let count = stream.read(&mut buffer).unwrap_or(0);
            if count == 0 {
                return (all, first);
            }
            all.extend_from_slice(&buffer[..count]);
            if first.is_none() && buffer[..count].contains(&b'\n') {
                first = Some(begin.elapsed().as_secs_f64());
            }
        }
    })
}
