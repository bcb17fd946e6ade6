//! The receiving half: bounded lines, messages, and raw sections that cannot be left half read.

use super::rate_limit::{RateLimit, Share};
use super::stream::{Stream, is_timeout};
use crate::codec::{self, DecodeError, Decoded, MessageSet};
use crate::limits::{LINE_TIME_MAX, LINGER_BYTES_MAX, LINGER_TIME_MAX, SECTION_TIME_MAX};
use crate::line::{LineBuffer, LineTooLong};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;

/// After a section of at least this length the next read asks only for a line's worth, so that the following
/// section's bytes go straight to their own buffer instead of through the line buffer.
const BULK_SECTION_BYTES: u64 = 256 * 1024;
const BULK_LINE_BYTES: usize = 1024;

/// What the receiver was waiting for when its patience ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The next message.
    Message,
    /// The rest of a line that has begun.
    Line,
    /// The raw bytes of a section.
    Section,
    /// The first line of a connection.
    Hello,
}

impl fmt::Display for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Message => "the next message",
            Self::Line => "the end of a line",
            Self::Section => "the bytes of a section",
            Self::Hello => "the first line",
        })
    }
}

/// Why nothing more can be received, or what arrived is not understood.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The other end closed the connection in the middle of something.
    #[error("the connection was closed in the middle of {0}")]
    Closed(Half),
    /// The other end was silent, or slower than an absolute deadline.
    #[error("timed out waiting for {0}")]
    TimedOut(Wait),
    /// A line without end.
    #[error(transparent)]
    LineTooLong(#[from] LineTooLong),
    /// A line that is no message here.
    #[error(transparent)]
    Message(#[from] DecodeError),
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Lost(#[source] io::Error),
}

/// What was only half there when a connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// A line without its line feed.
    Line,
    /// A section without its last bytes.
    Section,
}

impl fmt::Display for Half {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Line => "a line",
            Self::Section => "a section",
        })
    }
}

/// A message, or the orderly end of the stream.
pub type Received<Set> = Option<Decoded<Set>>;

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Receiver {
    stream: Arc<Stream>,
    buffer: LineBuffer,
    /// Raw bytes of the current section that nobody has read yet; the next line begins after them.
    unread: u64,
    read_ahead: usize,
    patience: Duration,
    /// What the socket's own timeout is now, so that it is set only when it changes.
    timeout: Option<Duration>,
    /// Since when a message is waited for in vain.
    silent_since: Option<Instant>,
    /// What such a wait ended with; the system tells it only once.
    broken: Option<ReceiveError>,
    arrivals: u64,
    share: Option<Share>,
}

impl Receiver {
    pub(super) fn new(stream: Arc<Stream>, patience: Duration) -> Self {
        let (buffer, unread, read_ahead) = (LineBuffer::default(), 0, usize::MAX);
        let (timeout, silent_since, broken, arrivals, share) = (None, None, None, 0, None);
        Self { stream, buffer, unread, read_ahead, patience, timeout, silent_since, broken, arrivals, share }
    }

    pub(super) fn under(&mut self, limit: &RateLimit) {
        self.share = Some(Share::of(limit));
    }

    /// How often bytes were taken from the connection: while that stays the same, all that is received had arrived before.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// The longest wait without a byte.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Waits for the next message of `Set`; `None` is the orderly end of the stream.
    ///
    /// # Errors
    /// See [`ReceiveError`]; after `Message(UnknownType)` the next message can be received.
    pub fn message<Set: MessageSet>(&mut self) -> Result<Received<Set>, ReceiveError> {
        self.message_by(None)
    }

    /// As [`Receiver::message`], with an absolute deadline for the whole line, as for a first line.
    ///
    /// # Errors
    /// As [`Receiver::message`].
    pub fn message_by<Set: MessageSet>(
        &mut self,
        by: Option<Instant>,
    ) -> Result<Received<Set>, ReceiveError> {
        self.discard_unread()?;
        self.broken.take().map_or(Ok(()), Err)?;
        let mut line_end = by;
        while !self.buffer.has_line() {
            // Another protocol (TLS, say) may never send a line feed; its first byte gives it away.
            if self.buffer.first().is_some_and(|first| first != b'{') {
                return Err(codec::no_object().into());
            }
            let (waiting, deadline) = if by.is_some() {
                (Wait::Hello, by)
            } else if self.buffer.is_empty() {
                self.check_silence()?;
                // No closer deadline than patience: to set another one for each message would cost a call of the system.
                (Wait::Message, None)
            } else {
                (Wait::Line, Some(*line_end.get_or_insert_with(|| Instant::now() + LINE_TIME_MAX)))
            };
            if !self.fill(waiting, deadline)? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ReceiveError::Closed(Half::Line)) };
            }
        }
        (self.read_ahead, self.silent_since) = (usize::MAX, None);
        match self.buffer.next_line()? {
            Some(line) => Ok(Some(codec::decode(line)?)),
            None => Err(ReceiveError::Closed(Half::Line)),
        }
    }

    /// From now on, or no longer, others can see whether a read waits for the other end.
    pub(super) fn watch(&self, is_opening: bool) {
        self.stream.watch(is_opening);
    }

    /// The first byte that has come and was not taken yet; none at the end of the stream.
    pub(super) fn peek(&mut self, by: Instant) -> Result<Option<u8>, ReceiveError> {
        self.set_timeout(Wait::Hello, Some(by))?;
        self.stream.peek().map_err(|error| broken(error, Wait::Hello))
    }

    /// Whether a whole message, the end of the stream or an error is there without waiting; takes what has arrived.
    pub fn is_ready(&mut self) -> bool {
        while !self.holds_line() {
            if self.unread > 0 || !self.stream.is_readable_now() {
                return false;
            }
            if !matches!(self.fill(Wait::Message, None), Ok(true)) {
                return true;
            }
        }
        true
    }

    /// Waits for something of the next message, for `pause` at most; false where there is nothing yet, and there may still be. True
    /// at the end of the stream, too, after an error, and where it has been waited for as long as patience allows, in however many
    /// goes: [`Receiver::message`] says so then without waiting.
    pub fn comes_within(&mut self, pause: Duration) -> bool {
        if self.unread > 0 || !self.buffer.is_empty() {
            return true;
        }
        self.silent_since.get_or_insert_with(Instant::now);
        let has_come = !pause.is_zero() && self.has_come_within(pause);
        has_come || self.check_silence().is_err()
    }

    /// Gives back what memory is not needed while nothing comes; gives the moment at which that has lasted too long.
    pub(super) fn rests(&mut self) -> Option<Instant> {
        self.buffer.release();
        self.silence_end()
    }

    fn has_come_within(&mut self, pause: Duration) -> bool {
        match self.wait_at_most(pause).and_then(|()| self.read_once(Wait::Message)) {
            Ok(has_come) => has_come.is_some(),
            Err(ReceiveError::TimedOut(_)) => false,
            Err(error) => {
                self.broken = Some(error);
                true
            }
        }
    }

    fn check_silence(&self) -> Result<(), ReceiveError> {
        let is_over = self.silence_end().is_some_and(|end| end <= Instant::now());
        if is_over { Err(ReceiveError::TimedOut(Wait::Message)) } else { Ok(()) }
    }

    fn silence_end(&self) -> Option<Instant> {
        self.silent_since?.checked_add(self.patience)
    }

    /// Whether a whole line has already been taken from the socket.
    pub fn holds_line(&mut self) -> bool {
        self.unread == 0 && self.buffer.has_line()
    }

    /// The `byte_count` raw bytes that follow the line just received.
    ///
    /// What its user leaves unread is skipped before the next message: no early return can turn payload into
    /// messages.
    pub fn section(&mut self, byte_count: u64) -> SectionBytes<'_> {
        self.unread = byte_count;
        if byte_count >= BULK_SECTION_BYTES {
            self.read_ahead = BULK_LINE_BYTES;
        }
        SectionBytes { receiver: self, deadline: None }
    }

    /// Reads on for a moment after the last words were sent, within bounds of time and bytes.
    pub fn linger(&mut self) {
        let deadline = Instant::now() + LINGER_TIME_MAX;
        self.patience = LINGER_TIME_MAX;
        let mut left = LINGER_BYTES_MAX;
        self.buffer.discard(u64::MAX);
        while left > 0 && matches!(self.fill(Wait::Message, Some(deadline)), Ok(true)) {
            left = left.saturating_sub(self.buffer.discard(u64::MAX));
        }
    }

    /// Reads and throws away until `by`, within a bound of bytes; false where the other end has left, or sent too much.
    pub(crate) fn wait_out(&mut self, by: Instant) -> bool {
        let mut left = LINGER_BYTES_MAX;
        loop {
            left = left.saturating_sub(self.buffer.discard(u64::MAX));
            match self.fill(Wait::Message, Some(by)) {
                Err(ReceiveError::TimedOut(_)) if Instant::now() >= by => return true,
                Ok(true) if left > 0 => {}
                Err(ReceiveError::TimedOut(_)) => {}
                _ => return false,
            }
        }
    }

    fn discard_unread(&mut self) -> Result<(), ReceiveError> {
        if self.unread == 0 {
            return Ok(());
        }
        let deadline = section_deadline();
        while self.unread > 0 {
            self.unread -= self.buffer.discard(self.unread);
            if self.unread > 0 && !self.fill(Wait::Section, Some(deadline))? {
                return Err(ReceiveError::Closed(Half::Section));
            }
        }
        Ok(())
    }

    /// Reads into the line buffer; false is the end of the stream.
    fn fill(&mut self, waiting: Wait, deadline: Option<Instant>) -> Result<bool, ReceiveError> {
        loop {
            self.set_timeout(waiting, deadline)?;
            if let Some(has_come) = self.read_once(waiting)? {
                return Ok(has_come);
            }
        }
    }

    /// Reads once; none where what came means nothing yet.
    fn read_once(&mut self, waiting: Wait) -> Result<Option<bool>, ReceiveError> {
        let room = self.buffer.room(self.read_ahead);
        if room.is_empty() {
            return Err(LineTooLong.into());
        }
        let count = self.stream.read(room).map_err(|error| broken(error, waiting))?;
        self.buffer.filled(count.unwrap_or_default());
        self.arrivals += u64::from(count.is_some());
        Ok(count.map(|count| count > 0))
    }

    fn set_timeout(&mut self, waiting: Wait, deadline: Option<Instant>) -> Result<(), ReceiveError> {
        let left = match deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => self.patience,
        };
        if left.is_zero() {
            return Err(ReceiveError::TimedOut(waiting));
        }
        // A deadline that is further away than our patience changes nothing until it is near.
        self.wait_at_most(left.min(self.patience))
    }

    fn wait_at_most(&mut self, timeout: Duration) -> Result<(), ReceiveError> {
        if self.timeout != Some(timeout) {
            self.stream.set_read_timeout(timeout).map_err(ReceiveError::Lost)?;
            self.timeout = Some(timeout);
        }
        Ok(())
    }
}

/// The raw bytes of one section, of which at most the announced number can be read.
#[derive(Debug)]
pub struct SectionBytes<'a> {
    receiver: &'a mut Receiver,
    /// By when all of them must be there: counted from the first wait for any of them.
    deadline: Option<Instant>,
}

impl SectionBytes<'_> {
    /// How many bytes were not read yet.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.receiver.unread
    }

    /// Whether some of them, or the end of the stream, are there without waiting.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.receiver.buffer.is_empty() || self.receiver.stream.is_readable_now()
    }

    /// Fills `target`, which must not be longer than what is left, and counts it as read.
    ///
    /// # Errors
    /// When the connection ends, breaks or stalls first.
    pub fn read_exact(&mut self, mut target: &mut [u8]) -> Result<(), ReceiveError> {
        while !target.is_empty() {
            let count = self.read_some(target)?;
            target = target.get_mut(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Puts at least one byte into `target`, and at most what is left; gives how many. None where nothing is left
    /// or `target` is empty.
    ///
    /// # Errors
    /// When the connection ends, breaks or stalls first.
    pub fn read_some(&mut self, target: &mut [u8]) -> Result<usize, ReceiveError> {
        let may_take = self.may_take()?;
        let receiver = &mut *self.receiver;
        let wanted = target.len().min(usize::try_from(receiver.unread.min(may_take)).unwrap_or(usize::MAX));
        let target = target.get_mut(..wanted).unwrap_or_default();
        let taken = receiver.buffer.take_into(target);
        let mut came = (taken > 0).then_some(taken);
        while came.is_none() {
            let deadline = *self.deadline.get_or_insert_with(section_deadline);
            receiver.set_timeout(Wait::Section, Some(deadline))?;
            came = receiver.stream.read(target).map_err(|error| broken(error, Wait::Section))?;
            receiver.arrivals += 1;
        }
        let count = came.unwrap_or_default();
        receiver.unread -= count as u64;
        receiver.share.iter_mut().for_each(|share| share.spend(count as u64));
        if count == 0 { Err(ReceiveError::Closed(Half::Section)) } else { Ok(count) }
    }
}

impl SectionBytes<'_> {
    /// How many bytes may be taken now; under a limit, waits until there are some. That wait is not the other end's fault.
    fn may_take(&mut self) -> Result<u64, ReceiveError> {
        let Receiver { stream, share: Some(share), .. } = &mut *self.receiver else { return Ok(u64::MAX) };
        let deadline = &mut self.deadline;
        let pause = |pause| {
            *deadline.get_or_insert_with(section_deadline) += pause;
            stream.pause(pause)
        };
        share.await_credit(1, pause).map_err(ReceiveError::Lost)?;
        Ok(share.credit())
    }
}

fn section_deadline() -> Instant {
    Instant::now() + SECTION_TIME_MAX
}

fn broken(error: io::Error, waiting: Wait) -> ReceiveError {
    if is_timeout(&error) { ReceiveError::TimedOut(waiting) } else { ReceiveError::Lost(error) }
}

#[cfg(test)]
mod tests {
    use super::super::Connection;
    use super::*;
    use crate::message::Request;
    use socket2::SockRef;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    const LONG: Duration = Duration::from_secs(20);

    fn sockets() -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (dialled, Connection::new(listener.accept().unwrap().0, LONG).unwrap())
    }

    #[test]
    fn silence_counts_from_the_first_wait_in_vain_to_the_next_message() {
        let (mut dialled, mut accepted) = sockets();
        let receiver = &mut accepted.receiver;
        assert!(receiver.rests().is_none() && !receiver.comes_within(Duration::ZERO));
        let end = receiver.rests().unwrap();
        assert!(!receiver.comes_within(Duration::from_millis(1)) && receiver.rests() == Some(end));
        dialled.write_all(b"{\"v\":1,\"type\":\"bye\",\"id\":1}\n").unwrap();
        assert!(receiver.comes_within(LONG));
        assert!(matches!(receiver.message::<Request>(), Ok(Some(_))));
        assert!(receiver.rests().is_none());
        // As long ago as patience lasts: what waits is told without another wait.
        receiver.silent_since = Instant::now().checked_sub(LONG);
        assert!(receiver.comes_within(Duration::ZERO));
        assert!(matches!(receiver.message::<Request>(), Err(ReceiveError::TimedOut(Wait::Message))));
    }

    #[test]
    fn a_connection_that_breaks_while_it_is_waited_for_is_told_of_as_broken() {
        let (dialled, mut accepted) = sockets();
        SockRef::from(&dialled).set_linger(Some(Duration::ZERO)).unwrap();
        drop(dialled);
        assert!(accepted.receiver.comes_within(LONG));
        assert!(matches!(accepted.receiver.message::<Request>(), Err(ReceiveError::Lost(_))));
    }

    #[test]
    fn a_receiver_at_rest_holds_no_memory_but_for_what_was_not_taken() {
        let (mut dialled, mut accepted) = sockets();
        dialled.write_all(b"{\"v\":1,\"type\":\"bye\",\"id\":1}\n{").unwrap();
        assert!(accepted.receiver.comes_within(LONG) && accepted.receiver.message::<Request>().is_ok());
        accepted.receiver.rests();
        assert!(accepted.receiver.comes_within(Duration::ZERO), "half a line is there");
        accepted.receiver.buffer.discard(u64::MAX);
        accepted.receiver.rests();
        assert_eq!(accepted.receiver.buffer.byte_count_reserved(), 0);
    }
}
