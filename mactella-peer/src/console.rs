//! The daemon's own console: its lines are carried out by one thread, in their order, so that the daemon's loop never
//! waits for a command. Answers go to standard output; standard error has the log.
//!
//! Must not know what a command does.

use crate::commands::{Order, Step};
use crate::peer::Peer;
use crate::render::{Report, Sink, Style};
use crate::running::Interruption;
use crossbeam_channel::{Receiver, Sender, bounded};
use program::output::Output;
use program::stop::StopHandle;
use program::typed::Typed;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Lines that wait for the one that runs. Exceeded: refused, which the person is told.
const LINES_WAITING_MAX: usize = 64;

/// The thread; dropping it joins it, after what runs was interrupted by whoever stops the peer.
pub(crate) struct Console {
    lines: Option<Sender<Line>>,
    thread: Option<JoinHandle<()>>,
}

enum Line {
    Command(Typed),
    Quit(StopHandle),
}

impl Console {
    pub(crate) fn start(peer: Arc<Peer>, output: Output, wait: Duration) -> io::Result<Self> {
        let (lines, received) = bounded(LINES_WAITING_MAX);
        let has_columns = io::stdout().is_terminal();
        let worker = Worker { peer, output, wait, style: Style { is_json: false, has_columns } };
        let thread = Builder::new().name("console commands".into()).spawn(move || worker.run(&received))?;
        Ok(Self { lines: Some(lines), thread: Some(thread) })
    }

    /// Carries out a line after those before it.
    pub(crate) fn obey(&self, typed: &Typed, output: &Output) {
        if !self.put(Line::Command(typed.clone())) {
            output.line("too many commands are waiting: try again when some have ended");
        }
    }

    /// Asks to stop: at a terminal at once, for a person sees what still runs; else once the lines before have ended,
    /// as a script wants it.
    pub(crate) fn quit(&self, stop: &StopHandle) {
        if io::stdin().is_terminal() || !self.put(Line::Quit(stop.clone())) {
            stop.drain();
        }
    }

    fn put(&self, line: Line) -> bool {
        self.lines.as_ref().is_some_and(|lines| lines.try_send(line).is_ok())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the console's thread ended by a bug in this program");
        }
    }
}

struct Worker {
    peer: Arc<Peer>,
    output: Output,
    wait: Duration,
    style: Style,
}

impl Worker {
    fn run(&self, lines: &Receiver<Line>) {
        for line in lines {
            match line {
                Line::Command(typed) => self.command(typed),
                Line::Quit(stop) => stop.drain(),
            }
        }
    }

    fn command(&self, typed: Typed) {
        let interruption = match Interruption::new() {
            Ok(interruption) => interruption,
            Err(error) => {
                self.output.line(format_args!("no command can be run now: {error}"));
                return self.output.flush();
            }
        };
        let sink = OnOutput(&self.output);
        let report = Report::new(&sink, self.style);
        let (peer, wait) = (&*self.peer, self.wait);
        let place = peer.running.begin(&interruption);
        let place = place.as_ref().ok();
        let order = Order { peer, report: &report, wait, interruption: &interruption, place };
        if order.run(Ok(Some(typed))) == Step::Leave {
            self.output.line("this is the peer's own console: QUIT stops the peer");
            self.output.flush();
        }
    }
}

/// Results and remarks on the same output, as a person reads them.
struct OnOutput<'a>(&'a Output);

impl Sink for OnOutput<'_> {
    fn result(&self, line: &str) {
        self.0.line(line);
    }

    fn remark(&self, line: &str) {
        self.0.line(line);
    }

    fn flush(&self) {
        self.0.flush();
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
