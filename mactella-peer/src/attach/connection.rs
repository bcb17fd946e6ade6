//! The attached end of the control socket. Must not know where lines come from.

use super::bar::Bar;
use super::remark;
use crate::protocol::{REPLY_BYTES_MAX, ReadError, Reply, Request, read, write};
use program::output::Output;
use std::io::{self, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How long a peer may take to say that it is ready: longer than any that runs.
const READY_TIME_MAX: Duration = Duration::from_secs(10);

/// How results are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) json: bool,
    pub(super) columns: bool,
    /// Show how far a command is.
    pub(super) progress: bool,
    pub(super) wait: Duration,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) exit_code: u8,
    pub(super) leave: bool,
}

/// Why there is no peer to talk to.
#[derive(Debug, Error)]
pub(super) enum Lost {
    #[error("no peer answers at the control socket {}: is it running, and is that its --control path?", .path.display())]
    Absent { path: PathBuf, source: io::Error },
    #[error("too many consoles are attached to that peer: leave one of them first")]
    Busy,
    #[error("the peer has gone")]
    Ended,
    #[error("the peer has gone")]
    Unreadable(#[source] ReadError),
    #[error("the peer has gone")]
    Unsent(#[source] io::Error),
}

/// A connection to a peer that is ready for a command.
pub(super) struct Attached {
    stream: Arc<UnixStream>,
    reader: BufReader<UnixStream>,
    address: String,
}

impl Attached {
    pub(super) fn open(path: &Path) -> Result<Self, Lost> {
        let absent = |source| Lost::Absent { path: path.to_owned(), source };
        let stream = UnixStream::connect(path).map_err(absent)?;
        stream.set_read_timeout(Some(READY_TIME_MAX)).map_err(absent)?;
        let mut reader = BufReader::new(stream.try_clone().map_err(absent)?);
        let address = match next(&mut reader)? {
            Reply::Ready { address } => address,
            Reply::Busy => return Err(Lost::Busy),
            _ => return Err(Lost::Ended),
        };
        // From here on a command may take as long as it takes; the person can interrupt it.
        stream.set_read_timeout(None).map_err(absent)?;
        Ok(Self { stream: Arc::new(stream), reader, address })
    }

    /// Where the peer listens for others.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// With which a command that runs is cancelled.
    pub(super) fn canceller(&self) -> Arc<UnixStream> {
        Arc::clone(&self.stream)
    }

    /// Runs one line, printing what it says. Where nobody reads that, the rest is not waited for.
    pub(super) fn run(&mut self, line: &str, terms: Terms, output: &Output) -> Result<Ended, Lost> {
        let Terms { json, columns, progress, wait } = terms;
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let request = Request::Run { line: line.to_owned(), json, columns, progress, wait_ms };
        write(&mut &*self.stream, &request).map_err(Lost::Unsent)?;
        let mut bar = Bar::default();
        loop {
            // What has come is shown before the next wait.
            if self.reader.buffer().is_empty() {
                output.flush();
            }
            match next(&mut self.reader)? {
                Reply::Result { line } => {
                    bar.clear();
                    output.line(line);
                }
                Reply::Remark { line } => {
                    bar.clear();
                    output.flush();
                    remark(&line);
                }
                Reply::Progress(progress) => bar.show(&progress),
                Reply::Done { exit_code, leave } => return Ok(Ended { exit_code, leave }),
                Reply::Ready { .. } | Reply::Busy => return Err(Lost::Ended),
            }
            if output.is_closed() {
                return Ok(Ended { exit_code: 0, leave: true });
            }
        }
    }
}

/// Asks to cancel the command that runs.
pub(super) fn cancel(stream: &UnixStream) {
    // A peer that is gone has nothing to cancel.
    let _ = write(&mut &*stream, &Request::Cancel);
}

fn next(reader: &mut BufReader<UnixStream>) -> Result<Reply, Lost> {
    read(reader, REPLY_BYTES_MAX).map_err(Lost::Unreadable)?.ok_or(Lost::Ended)
}
