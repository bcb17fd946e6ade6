//! Standard error as a daemon writes it: whole lines, and never waiting long for whoever reads them.
//!
//! A daemon's sessions end with their log lines, so a reader that is stuck, a full pipe or a terminal after Ctrl-S,
//! must not hold them up. While the daemon runs, a thread writes what all others say: so they neither wait for each other nor for a
//! call of the system. It must not know what the lines say.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::{Errno, retry_on_intr};
use rustix::termios::isatty;

/// So much a pipe that poll(2) calls writable takes without blocking: `PIPE_BUF` of pipe(7). What is longer goes in
/// portions, each after a poll of its own; a socket that poll(2) calls writable takes more than that.
const PORTION_BYTES_MAX: usize = 4096;
/// The same for a terminal that cannot be opened once more: a guess, as it counts as writable from one byte on.
const TERMINAL_PORTION_BYTES_MAX: usize = 128;
/// So long a line waits for a reader that is slow. Those after it do not wait at all until bytes are taken again.
const SLOW_READER_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const NO_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// So long lines gather before they are written together.
const GATHER_TIME: Duration = Duration::from_millis(5);
/// So much gathers at most while the reader is waited for. What is more is lost and counted.
const GATHERED_BYTES_MAX: usize = 1 << 20;

/// All that a daemon says on standard error goes through here.
static STANDARD_ERROR: LazyLock<Mutex<Lines<Output>>> = LazyLock::new(|| Mutex::new(Lines::to(io::stderr())));

/// What waits for the thread that writes.
static GATHERED: Gathered = Gathered { state: Mutex::new(Waiting::none()), changed: Condvar::new() };

/// A descriptor, ours or the process's.
type Output = Box<dyn AsFd + Send>;

/// What a line about lost lines looks like: from the time and their count to a line with its end.
pub(crate) type LossLine = Box<dyn Fn(SystemTime, u64) -> String + Send>;

/// Standard error, for the logger. It takes whole lines and never fails.
pub(crate) struct ErrorOutput;

impl ErrorOutput {
    /// Standard error, which tells in such a line how many others were lost.
    pub(crate) fn telling_losses_with(loss_line: LossLine) -> Self {
        lines().loss_line = Some(loss_line);
        Self
    }
}

impl Write for ErrorOutput {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !GATHERED.takes(line) {
            lines().write(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread that writes what all others log, as long as this is held.
#[derive(Debug)]
pub(crate) struct LogWriter(Option<JoinHandle<()>>);

impl LogWriter {
    /// Starts it; where no thread can be started, everybody goes on writing by himself.
    pub(crate) fn start() -> Self {
        GATHERED.lock().is_on = true;
        let thread = Builder::new().name("log".into()).spawn(|| {
            let mut batch = Vec::new();
            while let Some(lost) = GATHERED.take(&mut batch) {
                let mut lines = lines();
                lines.lost = lines.lost.saturating_add(lost);
                lines.write(&batch);
            }
        });
        GATHERED.lock().is_on = thread.is_ok();
        Self(thread.ok())
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        GATHERED.lock().is_on = false;
        GATHERED.changed.notify_all();
        if let Some(thread) = self.0.take() {
            // It has written the last lines then, or panicked, and nobody can be told.
            let _ = thread.join();
        }
    }
}

/// Lines of all threads, in their order.
struct Gathered {
    state: Mutex<Waiting>,
    /// There is something, or there will be no more.
    changed: Condvar,
}

struct Waiting {
    is_on: bool,
    lines: Vec<u8>,
    lost: u64,
}

impl Waiting {
    const fn none() -> Self {
        Self { is_on: false, lines: Vec::new(), lost: 0 }
    }
}

impl Gathered {
    /// Takes a line, or loses and counts it; false where nobody would write it.
    fn takes(&self, line: &[u8]) -> bool {
        let mut waiting = self.lock();
        if !waiting.is_on {
            return false;
        }
        if waiting.lines.len() + line.len() > GATHERED_BYTES_MAX {
            waiting.lost = waiting.lost.saturating_add(1);
            return true;
        }
        waiting.lines.extend_from_slice(line);
        if waiting.lines.len() == line.len() {
            self.changed.notify_all();
        }
        true
    }

    /// Waits for lines and a moment for more, and moves them into `batch`; gives how many were lost. None at the end.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        batch.clear();
        let has_none = |waiting: &mut Waiting| waiting.is_on && waiting.lines.is_empty();
        let waiting = self.changed.wait_while(self.lock(), has_none).unwrap_or_else(PoisonError::into_inner);
        let more = self.changed.wait_timeout_while(waiting, GATHER_TIME, |waiting| waiting.is_on);
        let (mut waiting, _) = more.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.lines, batch);
        let lost = std::mem::take(&mut waiting.lost);
        (!batch.is_empty()).then_some(lost)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change is complete in itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lines() -> MutexGuard<'static, Lines<Output>> {
    STANDARD_ERROR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lines on their way to a descriptor. What does not get out is lost and counted.
struct Lines<F> {
    out: F,
    /// A file takes all at once and is never waited for.
    is_file: bool,
    portion_bytes_max: usize,
    slow_reader_wait: Timespec,
    loss_line: Option<LossLine>,
    /// Whether nothing was taken when it was last asked.
    is_stuck: bool,
    /// Whether the last line came out in part.
    is_broken: bool,
    lost: u64,
}

impl Lines<Output> {
    /// Lines into this descriptor. A terminal is opened once more, so as not to block for us alone.
    fn to(out: impl AsFd + Send + 'static) -> Self {
        if isatty(&out)
            && let Ok(again) = reopen_without_blocking(&out)
        {
            return Self { portion_bytes_max: PORTION_BYTES_MAX, ..Self::new(Box::new(again)) };
        }
        Self::new(Box::new(out))
    }
}

/// The flag belongs to what was opened, which the shell and other programs share with us: hence once more.
fn reopen_without_blocking(terminal: &impl AsFd) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let path = format!("/proc/self/fd/{}", terminal.as_fd().as_raw_fd());
    OpenOptions::new().write(true).custom_flags(flags).open(path)
}

impl<F: AsFd> Lines<F> {
    fn new(out: F) -> Self {
        let portion_bytes_max = if isatty(&out) { TERMINAL_PORTION_BYTES_MAX } else { PORTION_BYTES_MAX };
        let is_file =
            fstat(&out).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        Self {
            out,
            is_file,
            portion_bytes_max,
            slow_reader_wait: SLOW_READER_WAIT,
            loss_line: None,
            is_stuck: false,
            is_broken: false,
            lost: 0,
        }
    }

    /// Writes lines with their ends, behind what has to be said about those that were lost.
    fn write(&mut self, whole_lines: &[u8]) {
        let mut text = self.about_losses();
        let owed = text.len();
        text.extend_from_slice(whole_lines);
        let taken = self.send(&text);
        if let Some(last) = taken.checked_sub(1).and_then(|last| text.get(last)) {
            self.is_broken = *last != b'\n';
        }
        if taken >= owed {
            self.lost = 0;
        }
        let left = text.get(taken.max(owed)..).unwrap_or_default();
        self.lost = self.lost.saturating_add(left.iter().filter(|byte| **byte == b'\n').count() as u64);
    }

    fn about_losses(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.is_broken {
            text.push(b'\n');
        }
        if let Some(loss_line) = self.loss_line.as_ref().filter(|_| self.lost > 0) {
            text.extend_from_slice(loss_line(SystemTime::now(), self.lost).as_bytes());
        }
        text
    }

    /// Writes as much of the text as is taken without blocking; returns how much that was.
    fn send(&mut self, text: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = text.get(taken..).filter(|rest| !rest.is_empty()) {
            if !self.is_file && !self.takes_bytes() {
                break;
            }
            let portion = if self.is_file { rest } else { portion_of(rest, self.portion_bytes_max) };
            match retry_on_intr(|| rustix::io::write(&self.out, portion)) {
                Ok(count) if count > 0 => taken += count,
                Err(Errno::AGAIN) => {
                    self.is_stuck = true;
                    break;
                }
                // A full disk, a reader that has gone, a closed standard error: nobody can be told.
                _ => break,
            }
        }
        taken
    }

    fn takes_bytes(&mut self) -> bool {
        let wait = if self.is_stuck { NO_WAIT } else { self.slow_reader_wait };
        let ready = retry_on_intr(|| poll(&mut [PollFd::new(&self.out, PollFlags::OUT)], Some(&wait)));
        self.is_stuck = !matches!(ready, Ok(1..));
        !self.is_stuck
    }
}

/// As many whole lines as fit, so that none is broken where the reader gets stuck; of one that does not fit, a part.
fn portion_of(text: &[u8], bytes_max: usize) -> &[u8] {
    let first = text.get(..bytes_max).unwrap_or(text);
    let lines_end = first.iter().rposition(|byte| *byte == b'\n').map_or(first.len(), |end| end + 1);
    first.get(..lines_end).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Action, tcflow};
    use std::io::{BufRead, BufReader, Read};

    fn lines_into(out: File) -> Lines<Output> {
        let mut lines = Lines::to(out);
        lines.loss_line = Some(Box::new(|_, count| format!("LOST {count}\n")));
        lines
    }

    /// Lines into a pipe, and its other end.
    fn piped() -> (Lines<Output>, File) {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        (lines_into(writer.into()), reader.into())
    }

    /// Lines into a terminal, and whoever sits there.
    fn at_terminal() -> (Lines<Output>, File) {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        (lines_into(terminal), person.into())
    }

    /// Writes the line until it is lost; returns how often it got out.
    fn fill(lines: &mut Lines<Output>, line: &str) -> usize {
        let is_lost = |lines: &mut Lines<Output>| {
            lines.write(line.as_bytes());
            lines.lost > 0
        };
        (0..).find(|_| is_lost(lines)).unwrap()
    }

    fn rest(lines: Lines<Output>, mut reader: impl Read) -> String {
        drop(lines);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn lines_that_nobody_reads_are_dropped_whole_and_the_next_that_gets_out_tells_how_many() {
        let (mut lines, mut reader) = piped();
        let line = format!("{}\n", "x".repeat(99));
        let written = fill(&mut lines, &line);
        (0..9).for_each(|_| lines.write(line.as_bytes()));
        assert_eq!((lines.lost, lines.is_stuck, lines.is_broken), (10, true, false));
        let mut read = vec![0; written * line.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read == line.repeat(written).into_bytes());
        lines.write(b"next\n");
        lines.write(b"last\n");
        assert_eq!(rest(lines, reader), "LOST 10\nnext\nlast\n");
    }

    #[test]
    fn a_line_longer_than_the_room_is_broken_off_and_the_next_begins_a_line() {
        let (mut lines, mut reader) = piped();
        lines.write(format!("{}\n", "x".repeat(10_000_000)).as_bytes());
        assert_eq!((lines.lost, lines.is_broken), (1, true));
        let mut read = vec![0; PORTION_BYTES_MAX];
        reader.read_exact(&mut read).unwrap();
        lines.write(b"next\n");
        assert_eq!(rest(lines, reader).trim_start_matches('x'), "\nLOST 1\nnext\n");
    }

    #[test]
    fn a_long_line_comes_out_whole_for_a_reader_that_is_waited_for() {
        let (mut lines, reader) = piped();
        // Whatever else runs on this machine, the reader comes to its turn.
        lines.slow_reader_wait = Timespec { tv_sec: 60, tv_nsec: 0 };
        let reading =
            std::thread::spawn(move || BufReader::new(reader).lines().map(Result::unwrap).collect());
        let long = "x".repeat(1_000_000);
        lines.write(format!("{long}\n").as_bytes());
        lines.write(b"next\n");
        drop(lines);
        let read: Vec<String> = reading.join().unwrap();
        assert!(read == [long.as_str(), "next"], "{} lines", read.len());
    }

    #[test]
    fn of_lines_written_together_those_that_fit_come_out_whole_and_the_others_are_counted() {
        let (mut lines, mut reader) = piped();
        let line = format!("{}\n", "x".repeat(99));
        lines.write(line.repeat(10_000).as_bytes());
        let lost = usize::try_from(lines.lost).unwrap();
        assert!((1..10_000).contains(&lost) && !lines.is_broken, "{lost} were lost");
        let mut read = vec![0; (10_000 - lost) * line.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read == line.repeat(10_000 - lost).into_bytes());
        lines.write(b"next\n");
        assert_eq!(rest(lines, reader), format!("LOST {lost}\nnext\n"));
    }

    #[test]
    fn lines_gather_in_their_order_up_to_a_bound_and_the_last_ones_are_taken_at_the_end() {
        let gathered = Gathered { state: Mutex::new(Waiting::none()), changed: Condvar::new() };
        assert!(!gathered.takes(b"nobody would write it\n"));
        gathered.lock().is_on = true;
        assert!(gathered.takes(b"one\n") && gathered.takes(b"two\n"));
        assert!(gathered.takes(&vec![b'x'; GATHERED_BYTES_MAX]), "it is counted");
        gathered.lock().is_on = false;
        let mut batch = b"of the last time".to_vec();
        assert_eq!((gathered.take(&mut batch), batch.as_slice()), (Some(1), &b"one\ntwo\n"[..]));
        assert_eq!(gathered.take(&mut batch), None);
    }

    #[test]
    fn a_file_takes_any_number_of_lines_at_once() {
        let place = tempfile::NamedTempFile::new().unwrap();
        let mut lines = lines_into(place.reopen().unwrap());
        let text = format!("{}\n", "x".repeat(99)).repeat(10_000);
        lines.write(text.as_bytes());
        assert!(lines.lost == 0 && std::fs::read(place.path()).unwrap() == text.into_bytes());
    }

    #[test]
    fn lines_for_a_reader_that_has_gone_are_counted_and_no_error() {
        let (mut lines, reader) = piped();
        drop(reader);
        lines.write(b"one\n");
        lines.write(b"two\n");
        assert_eq!((lines.lost, lines.is_broken), (2, false));
    }

    #[test]
    fn a_terminal_whose_output_was_stopped_gets_the_count_when_it_goes_on() {
        let (mut lines, person) = at_terminal();
        tcflow(&lines.out, Action::OOff).unwrap();
        lines.write(b"one\n");
        lines.write(b"two\n");
        assert_eq!(lines.lost, 2);
        tcflow(&lines.out, Action::OOn).unwrap();
        lines.write(b"three\n");
        let shown: Vec<String> = BufReader::new(person).lines().take(2).map(Result::unwrap).collect();
        assert_eq!(shown, ["LOST 2", "three"]);
    }

    #[test]
    fn a_terminal_that_shows_nothing_any_more_holds_up_no_line_of_any_length() {
        for length in [1, 100, 127, 1000, 100_000] {
            let (mut lines, _person) = at_terminal();
            let line = format!("{}\n", "x".repeat(length));
            fill(&mut lines, &line);
            lines.write(line.as_bytes());
            assert_eq!(lines.lost, 2, "lines of {length} bytes");
        }
    }
}
