//! One attached console: a thread hears it, and a second one runs its commands, one at a time.
//!
//! Must not know what a command does.

use crate::commands::{Order, Step};
use crate::failure::exit_status;
use crate::peer::Peer;
use crate::protocol::{Progress, REQUEST_BYTES_MAX, ReadError, Reply, Request, read, write};
use crate::render::{Report, Sink, Style};
use crate::running::{CommandStatus, Interruption, Place};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use program::exit::ExitStatus;
use program::quantity::DURATION_MAX;
use program::stop::StopHandle;
use program::typed::parse;
use std::convert::Infallible;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, scope};
use std::time::Duration;

/// How long a console that is turned away may take to hear why.
const LAST_WORD_TIME_MAX: Duration = Duration::from_millis(100);

/// Between two words about how far a command is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

pub(super) struct Connection<'a> {
    peer: &'a Peer,
    stop: &'a StopHandle,
    stream: UnixStream,
    output: Replies,
    /// The command that runs, if any.
    running: Mutex<Option<Interruption>>,
}

/// A command line with how its results are wanted.
struct Asked {
    line: String,
    style: Style,
    /// Whether somebody wants to see how far it is.
    progress: bool,
    wait: Duration,
    interruption: Interruption,
}

/// Tells one console too many that there is no room.
pub(super) fn turn_away(stream: &UnixStream) {
    let _ = stream.set_write_timeout(Some(LAST_WORD_TIME_MAX));
    // It sees that the connection ends, if not why.
    let _ = write(&mut &*stream, &Reply::Busy);
}

impl<'a> Connection<'a> {
    pub(super) fn new(peer: &'a Peer, stop: &'a StopHandle, stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        let output = Replies::new(stream.try_clone()?);
        Ok(Self { peer, stop, stream, output, running: Mutex::default() })
    }

    /// Serves the console until it goes, or all are ended.
    pub(super) fn serve(self, number: u64) {
        self.output.send(&Reply::Ready { address: self.peer.service.address().to_string() });
        self.output.flush();
        let (sender, orders) = bounded(1);
        scope(|scope| {
            let worker = Builder::new()
                .name(format!("command-{number}"))
                .spawn_scoped(scope, || orders.iter().for_each(|asked: Asked| self.run(asked)));
            let Ok(worker) = worker else { return };
            if let Err(error) = self.hear(&sender) {
                log::info!("an attached console is let go: {error}");
            }
            // The worker ends with its orders.
            drop(sender);
            // Whoever is gone waits for nothing any more.
            self.interrupt();
            let _ = self.stream.shutdown(Shutdown::Both);
            if worker.join().is_err() {
                log::error!("a command ended by a bug in this program");
            }
        });
    }

    fn hear(&self, orders: &Sender<Asked>) -> Result<(), ReadError> {
        let mut reader = BufReader::new(&self.stream);
        while let Some(request) = read::<Request>(&mut reader, REQUEST_BYTES_MAX)? {
            match request {
                Request::Cancel => self.interrupt(),
                Request::Run { line, json, columns, progress, wait_ms } => {
                    let interruption = Interruption::new()?;
                    let style = Style { is_json: json, has_columns: columns };
                    let wait = Duration::from_millis(wait_ms).min(DURATION_MAX);
                    if self.running().replace(interruption.clone()).is_some()
                        || orders.try_send(Asked { line, style, progress, wait, interruption }).is_err()
                    {
                        return Err(io::Error::other("a second command while one runs").into());
                    }
                }
            }
        }
        Ok(())
    }

    fn run(&self, asked: Asked) {
        let Asked { line, style, progress, wait, interruption } = asked;
        let report = Report::new(&self.output, style);
        // Held until the last word is on its way: a drain waits for that, too.
        let place = self.peer.running.begin(&interruption);
        let own = place.as_ref().ok();
        let order = Order { peer: self.peer, report: &report, wait, interruption: &interruption, place: own };
        let step = match own.filter(|_| progress) {
            Some(place) => self.while_watching(place, || order.run(parse(&line))),
            None => order.run(parse(&line)),
        };
        // Before the last word, after which the next command may come.
        *self.running() = None;
        self.output.send(&done(step));
        self.output.flush();
        drop(place);
        match step {
            Step::Quit => self.stop.drain(),
            Step::ForceQuit => self.stop.force(),
            Step::Done | Step::Failed(_) | Step::Leave => {}
        }
    }

    /// Says how far `act` is until it ends.
    fn while_watching(&self, place: &Place<'_>, act: impl FnOnce() -> Step) -> Step {
        let (acts, over) = bounded(0);
        scope(|scope| {
            let watch = move || self.tell_progress(place, &over);
            // Without it, the result is seen all the same.
            let _ = Builder::new().name("progress".to_owned()).spawn_scoped(scope, watch);
            let step = act();
            drop(acts);
            step
        })
    }

    fn tell_progress(&self, place: &Place<'_>, over: &Receiver<Infallible>) {
        while over.recv_timeout(PROGRESS_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let CommandStatus { what, byte_count, total, place, .. } = place.progress().status();
            if total.is_some() || place.is_some() {
                self.output.send(&Reply::Progress(Progress { what, byte_count, total, place }));
                self.output.flush();
            }
        }
    }

    fn interrupt(&self) {
        if let Some(interruption) = &*self.running() {
            interruption.interrupt();
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Interruption>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn done(step: Step) -> Reply {
    let (status, leave) = match step {
        Step::Done => (ExitStatus::Done, false),
        Step::Failed(code) => (exit_status(code), false),
        Step::Leave | Step::Quit | Step::ForceQuit => (ExitStatus::Done, true),
    };
    Reply::Done { exit_code: status.code(), leave }
}

/// The lines to a console. After the first that could not be written there are no more.
struct Replies(Mutex<Option<BufWriter<UnixStream>>>);

impl Replies {
    fn new(stream: UnixStream) -> Self {
        Self(Mutex::new(Some(BufWriter::new(stream))))
    }

    fn send(&self, reply: &Reply) {
        self.act(|writer| write(writer, reply));
    }

    fn act(&self, act: impl FnOnce(&mut BufWriter<UnixStream>) -> io::Result<()>) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.as_mut().is_some_and(|writer| act(writer).is_err()) {
            // Taken apart, because a dropped `BufWriter` would try the failed write once more.
            drop(writer.take().map(BufWriter::into_parts));
        }
    }
}

impl Sink for Replies {
    fn result(&self, line: &str) {
        self.send(&Reply::Result { line: line.to_owned() });
    }

    fn remark(&self, line: &str) {
        self.send(&Reply::Remark { line: line.to_owned() });
    }

    fn flush(&self) {
        self.act(BufWriter::flush);
    }

    fn is_closed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Code;

    #[test]
    fn every_end_of_a_command_has_its_exit_code() {
        let exit = |step| match done(step) {
            Reply::Done { exit_code, leave } => (exit_code, leave),
            other => panic!("{other:?}"),
        };
        assert_eq!(exit(Step::Done), (0, false));
        assert_eq!(exit(Step::Failed(Code::NotConnected)), (3, false));
        assert_eq!(exit(Step::Failed(Code::Interrupted)), (130, false));
        assert_eq!([exit(Step::Leave), exit(Step::Quit), exit(Step::ForceQuit)], [(0, true); 3]);
    }

    #[test]
    fn a_console_that_is_gone_closes_its_output() {
        let (one, other) = UnixStream::pair().unwrap();
        let replies = Replies::new(one);
        replies.result("heard");
        replies.flush();
        assert!(!replies.is_closed());
        drop(other);
        replies.result("unheard");
        replies.flush();
        assert!(replies.is_closed());
    }
}
