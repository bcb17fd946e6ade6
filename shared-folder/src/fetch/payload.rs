//! A payload as it arrives: every section must be the one that is due, to the byte.

use super::FetchError;
use crate::remote::{EMPTY_SECTIONS_MAX, RemoteError, Retry, Session, Watch};
use wire::connection::SectionBytes;
use wire::digest::Digest;
use wire::limits::{PIECE_BYTES, SECTION_BYTES_MAX};
use wire::message::{End, Reply, Section, Sent};

/// What may be left of a payload that nobody here can take, so that it is read to its end instead of closing the
/// connection with all that is under way in it.
const UNWANTED_BYTES_MAX: u64 = 4 << 20;

/// From one byte to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Span {
    pub(super) fn byte_count(self) -> u64 {
        self.end - self.start
    }
}

/// Where the bytes of a payload go.
pub(super) trait Sink {
    fn section(&mut self, offset: u64, bytes: &mut SectionBytes<'_>) -> Result<(), FetchError>;
}

impl<F: FnMut(u64, &mut SectionBytes<'_>) -> Result<(), FetchError>> Sink for F {
    fn section(&mut self, offset: u64, bytes: &mut SectionBytes<'_>) -> Result<(), FetchError> {
        self(offset, bytes)
    }
}

/// The bytes that are still to come: ascending spans, none missing, none twice.
#[derive(Debug)]
pub(super) struct Due {
    spans: Vec<Span>,
    next: usize,
    left: u64,
    empty_sections: usize,
}

impl Due {
    /// `spans` ascend, do not touch, and are not empty.
    pub(super) fn new(spans: Vec<Span>) -> Self {
        let left = spans.iter().map(|span| span.byte_count()).sum();
        Self { spans, next: 0, left, empty_sections: 0 }
    }

    pub(super) fn whole(byte_count: u64) -> Self {
        let all = Span { start: 0, end: byte_count };
        Self::new(if byte_count == 0 { Vec::new() } else { vec![all] })
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Takes the announced section off what is due.
    fn take(&mut self, section: Section) -> Result<(), &'static str> {
        let (offset, byte_count) = (section.offset.get(), section.byte_count.get());
        if byte_count == 0 {
            self.empty_sections += 1;
            return if self.empty_sections > EMPTY_SECTIONS_MAX {
                Err("sections of nothing")
            } else {
                Ok(())
            };
        }
        let Some(span) = self.spans.get_mut(self.next) else { return Err("more bytes than were announced") };
        if offset != span.start || byte_count > span.byte_count() {
            return Err("a section that is not the one due");
        }
        let last = offset + (byte_count - 1);
        if byte_count > SECTION_BYTES_MAX || offset / PIECE_BYTES != last / PIECE_BYTES {
            return Err("a section that crosses a piece");
        }
        span.start += byte_count;
        self.left -= byte_count;
        if span.start == span.end {
            self.next += 1;
        }
        Ok(())
    }
}

/// What ends a payload that came whole.
enum Ending {
    Hashed(End),
    Unhashed(Sent),
}

/// Receives the payload of `id` into `sink`, to its `end`.
pub(super) fn receive(
    session: &mut Session,
    id: u64,
    due: Due,
    sink: &mut dyn Sink,
    (watch, retry): (&dyn Watch, &mut Retry),
) -> Result<End, FetchError> {
    match receive_any(session, id, due, sink, (watch, retry))? {
        Ending::Hashed(end) => Ok(end),
        Ending::Unhashed(_) => Err(session.violated("a payload without a digest").into()),
    }
}

/// The same, for parts of `version` that were asked for unhashed: the sink holds them against its pieces.
pub(super) fn receive_parts(
    session: &mut Session,
    id: u64,
    (version, due): (Digest, Due),
    sink: &mut dyn Sink,
    (watch, retry): (&dyn Watch, &mut Retry),
) -> Result<(), FetchError> {
    match receive_any(session, id, due, sink, (watch, retry))? {
        Ending::Unhashed(sent) if sent.file_digest != version => {
            Err(session.violated("parts of another version than the one asked for").into())
        }
        Ending::Hashed(_) | Ending::Unhashed(_) => Ok(()),
    }
}

fn receive_any(
    session: &mut Session,
    id: u64,
    mut due: Due,
    sink: &mut dyn Sink,
    (watch, retry): (&dyn Watch, &mut Retry),
) -> Result<Ending, FetchError> {
    let byte_count = due.left();
    let mut failure: Option<FetchError> = None;
    loop {
        let section = match session.more(id, watch)? {
            Reply::Section(section) => section,
            Reply::End(_) | Reply::Sent(_) if failure.is_some() => break,
            Reply::End(End { byte_count: sent, .. }) | Reply::Sent(Sent { byte_count: sent, .. })
                if due.left() > 0 || sent.get() != byte_count =>
            {
                return Err(session.violated("a payload that is shorter than announced").into());
            }
            Reply::End(end) => return Ok(Ending::Hashed(end)),
            Reply::Sent(sent) => return Ok(Ending::Unhashed(sent)),
            Reply::Failed(failed) => return Err(failure.unwrap_or_else(|| RemoteError::from(failed).into())),
            _ => return Err(session.violated("a line that is no part of a payload").into()),
        };
        due.take(section).map_err(|why| session.violated(why))?;
        let mut bytes = session.connection.receiver.section(section.byte_count.get());
        if failure.is_none()
            && let Err(error) = sink.section(section.offset.get(), &mut bytes)
        {
            failure = Some(unwanted(session, &due, error)?);
        }
        watch.moved(section.byte_count.get());
        retry.moved();
    }
    Err(failure.unwrap_or(RemoteError::Closed.into()))
}

/// Reads the payload of `id` to its end without keeping it, because of `failure`.
pub(super) fn refuse(
    session: &mut Session,
    id: u64,
    due: Due,
    failure: FetchError,
    retry: &mut Retry,
) -> FetchError {
    let failure = match unwanted(session, &due, failure) {
        Ok(failure) => failure,
        Err(closed) => return closed,
    };
    let mut nowhere = |_: u64, _: &mut SectionBytes<'_>| Ok(());
    match receive(session, id, due, &mut nowhere, (&crate::remote::Unwatched, retry)) {
        Err(lost @ FetchError::Remote(RemoteError::Cancelled)) => lost,
        _ => failure,
    }
}

/// Whether the rest of the payload can be read over; otherwise the session is closed and the error final.
fn unwanted(session: &mut Session, due: &Due, error: FetchError) -> Result<FetchError, FetchError> {
    match error {
        FetchError::Remote(lost) => Err(session.broken(lost).into()),
        own if due.left() > UNWANTED_BYTES_MAX => {
            let _ = session.broken(RemoteError::Closed);
            Err(own)
        }
        own => Ok(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::message::ByteCount;

    fn section(offset: u64, byte_count: u64) -> Section {
        Section { offset: ByteCount::new(offset), byte_count: ByteCount::new(byte_count) }
    }

    #[test]
    fn sections_come_in_order_and_to_the_byte() {
        let spans = vec![Span { start: 5, end: 10 }, Span { start: PIECE_BYTES, end: PIECE_BYTES + 2 }];
        let mut due = Due::new(spans);
        assert_eq!(due.left(), 7);
        assert!(due.take(section(6, 1)).is_err() && due.take(section(5, 6)).is_err());
        due.take(section(5, 2)).unwrap();
        due.take(section(99, 0)).unwrap();
        due.take(section(7, 3)).unwrap();
        assert!(due.take(section(10, 1)).is_err());
        due.take(section(PIECE_BYTES, 2)).unwrap();
        assert_eq!(due.left(), 0);
        assert!(due.take(section(PIECE_BYTES + 2, 1)).is_err());
    }

    #[test]
    fn a_section_across_pieces_is_refused() {
        let mut due = Due::whole(2 * PIECE_BYTES);
        due.take(section(0, 10)).unwrap();
        assert!(due.take(section(10, PIECE_BYTES)).is_err());
    }

    #[test]
    fn sections_of_nothing_are_taken_only_so_often() {
        let mut due = Due::whole(0);
        let taken = (0..1000).take_while(|_| due.take(section(0, 0)).is_ok()).count();
        assert_eq!(taken, EMPTY_SECTIONS_MAX);
    }
}
