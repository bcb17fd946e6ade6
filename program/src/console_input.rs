//! A daemon's console: the lines of standard input, read by a thread that can always be woken.
//!
//! It must not know any command, and it prints nothing.

use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use thiserror::Error;

use crate::input_line::{InputLine, LineSplitter};

/// Lines that may wait for the program; then the console waits, and typing goes on in the terminal.
const LINES_WAITING_MAX: usize = 16;

/// Bytes taken from the terminal at a time.
const READ_BYTES: usize = 4096;

/// How long a program in its terminal's background waits before it looks whether it was brought forward:
/// no event tells, and reading there would stop the whole process (SIGTTIN).
const BACKGROUND_WAIT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// What the console says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleEvent {
    /// A line, or why it cannot be used, which the program tells the person.
    Line(InputLine),
    /// There will be no more lines; the program goes on.
    End,
}

/// Why there is no console.
#[derive(Debug, Error)]
#[error("the console cannot be started")]
pub struct ConsoleInputError(#[from] io::Error);

/// The running console; its thread is woken and joined on drop.
#[derive(Debug)]
pub struct ConsoleInput {
    receiver: Receiver<ConsoleEvent>,
    /// Keeps the channel open after [`ConsoleEvent::End`]: a closed one would always be ready in a `select!`.
    _sender: Sender<ConsoleEvent>,
    wake: Arc<OwnedFd>,
    stop: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl ConsoleInput {
    /// Whether a daemon should have a console: when a person can type, or with `--console`.
    pub fn is_wanted(console_option: bool) -> bool {
        console_option || io::stdin().is_terminal()
    }

    /// Starts reading standard input. Nobody else may read it from then on.
    pub fn from_stdin() -> Result<Self, ConsoleInputError> {
        Self::from_descriptor(io::stdin().as_fd().try_clone_to_owned()?)
    }

    /// Starts reading any descriptor that `poll` knows.
    pub fn from_descriptor(input: OwnedFd) -> Result<Self, ConsoleInputError> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(io::Error::from)?;
        let wake = Arc::new(wake);
        let (sender, receiver) = bounded(LINES_WAITING_MAX);
        let (stop, stopped) = bounded(0);
        let reader = Reader { input, wake: wake.clone(), sender: sender.clone(), stopped };
        let thread = thread::Builder::new().name("console input".to_owned()).spawn(move || reader.run())?;
        Ok(Self { receiver, _sender: sender, wake, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the lines arrive.
    pub fn receiver(&self) -> &Receiver<ConsoleEvent> {
        &self.receiver
    }
}

impl Drop for ConsoleInput {
    fn drop(&mut self) {
        // The thread waits either in `poll` or for room in the channel: one wake for each.
        drop(self.stop.take());
        let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the console thread panicked");
        }
    }
}

/// The thread's part.
struct Reader {
    input: OwnedFd,
    wake: Arc<OwnedFd>,
    sender: Sender<ConsoleEvent>,
    stopped: Receiver<Infallible>,
}

/// The program stops, and with it the console.
struct Stopped;

impl Reader {
    fn run(self) {
        if let Ok(last) = self.read_to_end() {
            let end = last.map(ConsoleEvent::Line).into_iter().chain([ConsoleEvent::End]);
            for event in end {
                if self.send(event).is_err() {
                    return;
                }
            }
        }
    }

    /// Sends each line; gives the last one if it had no end.
    fn read_to_end(&self) -> Result<Option<InputLine>, Stopped> {
        let mut splitter = LineSplitter::default();
        let mut buffer = [0; READ_BYTES];
        loop {
            self.wait_for_input()?;
            match rustix::io::read(&self.input, &mut buffer) {
                Ok(0) => return Ok(splitter.finish()),
                Ok(count) => self.send_lines(&mut splitter, buffer.get(..count).unwrap_or_default())?,
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => {
                    log::warn!("the console ends: {errno}");
                    return Ok(splitter.finish());
                }
            }
        }
    }

    fn send_lines(&self, splitter: &mut LineSplitter, mut bytes: &[u8]) -> Result<(), Stopped> {
        while !bytes.is_empty() {
            let (line, after) = splitter.take(bytes);
            bytes = after;
            if let Some(line) = line {
                self.send(ConsoleEvent::Line(line))?;
            }
        }
        Ok(())
    }

    fn send(&self, event: ConsoleEvent) -> Result<(), Stopped> {
        select! {
            send(self.sender, event) -> sent => sent.map_err(|_| Stopped),
            recv(self.stopped) -> _ => Err(Stopped),
        }
    }

    /// Returns when there is something to read, or its end, and this process may read it.
    fn wait_for_input(&self) -> Result<(), Stopped> {
        loop {
            let mut waiting =
                [PollFd::new(&*self.wake, PollFlags::IN), PollFd::new(&self.input, PollFlags::IN)];
            let outcome = poll(&mut waiting, None);
            let [wake, input] = &waiting;
            match outcome {
                Ok(_) if !wake.revents().is_empty() => return Err(Stopped),
                Ok(_) if input.revents().is_empty() => {}
                Ok(_) if self.is_in_background() => self.wait_in_background()?,
                // An error of `poll` itself is left to `read`, which says what it is about.
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => return Ok(()),
            }
        }
    }

    fn wait_in_background(&self) -> Result<(), Stopped> {
        match poll(&mut [PollFd::new(&*self.wake, PollFlags::IN)], Some(&BACKGROUND_WAIT)) {
            Ok(count) if count > 0 => Err(Stopped),
            _ => Ok(()),
        }
    }

    /// Whether the input is this process's terminal, and another process group is in its foreground.
    fn is_in_background(&self) -> bool {
        rustix::termios::tcgetpgrp(&self.input).is_ok_and(|group| group != rustix::process::getpgrp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input_line::LineError;
    use crate::typed::LINE_BYTES_MAX;
    use std::io::Write;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn console() -> (ConsoleInput, io::PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        (ConsoleInput::from_descriptor(reader.into()).unwrap(), writer)
    }

    fn next(console: &ConsoleInput) -> ConsoleEvent {
        console.receiver().recv_timeout(PATIENCE).unwrap()
    }

    fn line(text: &str) -> ConsoleEvent {
        ConsoleEvent::Line(Ok(text.to_owned()))
    }

    #[test]
    fn lines_arrive_as_they_are_typed_and_the_end_ends_only_the_console() {
        let (console, mut writer) = console();
        writer.write_all(b"STATUS\nQU").unwrap();
        assert_eq!(next(&console), line("STATUS"));
        writer.write_all(b"IT").unwrap();
        drop(writer);
        assert_eq!(next(&console), line("QUIT"));
        assert_eq!(next(&console), ConsoleEvent::End);
        assert!(console.receiver().try_recv().unwrap_err().is_empty(), "the channel stays open");
    }

    #[test]
    fn a_line_that_is_too_long_is_reported_and_the_next_one_works() {
        let (console, mut writer) = console();
        let writing = thread::spawn(move || {
            writer.write_all(&vec![b'x'; LINE_BYTES_MAX + 2]).unwrap();
            writer.write_all(b"\nHELP\n").unwrap();
        });
        assert_eq!(next(&console), ConsoleEvent::Line(Err(LineError::TooLong)));
        assert_eq!(next(&console), line("HELP"));
        writing.join().unwrap();
    }

    #[test]
    fn a_console_nobody_types_into_is_joined_at_once() {
        let (console, _writer) = console();
        assert!(is_joined(console));
    }

    #[test]
    fn a_console_whose_lines_nobody_takes_is_joined_at_once() {
        let (console, mut writer) = console();
        writer.write_all(&b"HELP\n".repeat(LINES_WAITING_MAX + 5)).unwrap();
        while console.receiver().len() < LINES_WAITING_MAX {
            thread::yield_now();
        }
        assert!(is_joined(console));
    }

    /// Whether dropping it ends its thread, though nothing else does.
    fn is_joined(console: ConsoleInput) -> bool {
        let (say_so, joined) = bounded(1);
        thread::spawn(move || {
            drop(console);
            say_so.send(())
        });
        joined.recv_timeout(PATIENCE).is_ok()
    }
}
