//! Standard error as a daemon writes it: line by line, and never waiting long for whoever reads it.
//!
//! A daemon's sessions end with their log lines, so a reader that is stuck, a full pipe or a terminal after Ctrl-S,
//! must not hold them up. It must not know what the lines say.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
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

/// All that a daemon says on standard error goes through here.
static STANDARD_ERROR: LazyLock<Mutex<Lines<Output>>> = LazyLock::new(|| Mutex::new(Lines::to(io::stderr())));

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
        lines().write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines() -> MutexGuard<'static, Lines<Output>> {
    STANDARD_ERROR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lines on their way to a descriptor. What does not get out is lost and counted.
struct Lines<F> {
    out: F,
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
        Self {
            out,
            portion_bytes_max,
            slow_reader_wait: SLOW_READER_WAIT,
            loss_line: None,
            is_stuck: false,
            is_broken: false,
            lost: 0,
        }
    }

    /// Writes a line with its end, behind what has to be said about those that were lost.
    fn write(&mut self, line: &[u8]) {
        let mut text = self.about_losses();
        let owed = text.len();
        text.extend_from_slice(line);
        let taken = self.send(&text);
        if let Some(last) = taken.checked_sub(1).and_then(|last| text.get(last)) {
            self.is_broken = *last != b'\n';
        }
        if taken >= owed {
            self.lost = 0;
        }
        if taken < text.len() {
            self.lost = self.lost.saturating_add(1);
        }
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
        while let Some(portion) =
            text.get(taken..).and_then(|rest| rest.chunks(self.portion_bytes_max).next())
        {
            if !self.takes_bytes() {
                break;
            }
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
