//! Fetching only the pieces that differ.

use super::payload::{Due, Span, receive_parts};
use super::whole::await_reading;
use super::{Attempts, FetchError};
use crate::incoming::Incoming;
use crate::remote::PiecesOf;
use wire::connection::SectionBytes;
use wire::digest::{Digest, PieceValue};
use wire::limits::{PIECE_BYTES, RANGES_MAX};
use wire::message::ByteCount;
use wire::message::request::{Range, Read};

/// Compares what is here with what the file is to be: what has to be fetched, in spans of whole pieces that ascend
/// and do not touch.
pub(super) fn differing(base: &[PieceValue], pieces: &PiecesOf) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (index, value) in (0u64..).zip(&pieces.values) {
        let place = usize::try_from(index).ok();
        if place.and_then(|place| base.get(place)) == Some(value) {
            continue;
        }
        let start = index * PIECE_BYTES;
        let end = (start + PIECE_BYTES).min(pieces.byte_count);
        match spans.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => spans.push(Span { start, end }),
        }
    }
    spans
}

/// What is left of `spans` from `position` on.
pub(super) fn after(spans: &[Span], position: u64) -> Vec<Span> {
    let open = spans.iter().filter(|span| span.end > position);
    open.map(|span| Span { start: span.start.max(position), end: span.end }).collect()
}

/// How many bytes the spans have together.
pub(super) fn byte_count(spans: &[Span]) -> u64 {
    spans.iter().map(|span| span.byte_count()).sum()
}

/// As many spans at a time as one READ may have.
pub(super) fn requests(spans: &[Span]) -> impl Iterator<Item = &[Span]> {
    spans.chunks(RANGES_MAX)
}

impl Attempts<'_> {
    /// Fetches some spans of exactly that version of the file.
    pub(super) fn ranges(
        &mut self,
        incoming: &mut Incoming<'_>,
        spans: &[Span],
        version: Digest,
    ) -> Result<(), FetchError> {
        let session = self.remote.session()?;
        let ranges = spans.iter().map(|span| span.to_range()).collect();
        let path = Some(self.fetch.source.as_str().to_owned());
        // The whole is hashed as it lands.
        let (if_digest, unhashed) = (Some(version), true);
        let id = session.ask(&Read { path, ranges: Some(ranges), if_digest, unhashed, digest: None })?;
        let reading = await_reading(session, id, Some(&self.fetch.source), self.watch)?;
        let due = Due::new(spans.to_vec());
        if reading.byte_count.get() != due.left()
            || reading.file_digest.is_some_and(|digest| digest != version)
        {
            return Err(session.violated("other ranges than those asked for").into());
        }
        let mut sink = |offset: u64, bytes: &mut SectionBytes<'_>| Ok(incoming.section(offset, bytes)?);
        receive_parts(session, id, (version, due), &mut sink, (self.watch, &mut self.retry))
    }
}

impl Span {
    pub(super) fn to_range(self) -> Range {
        Range { offset: ByteCount::new(self.start), byte_count: ByteCount::new(self.byte_count()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(values: &[u8], byte_count: u64) -> PiecesOf {
        let values = values.iter().map(|value| [*value; 32]).collect();
        PiecesOf { byte_count, digest: Digest([0; 32]), values }
    }

    fn spans(base: &[u8], new: &[u8], byte_count: u64) -> Vec<(u64, u64)> {
        let base: Vec<PieceValue> = base.iter().map(|value| [*value; 32]).collect();
        differing(&base, &pieces(new, byte_count)).iter().map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn neighbouring_pieces_are_one_span_and_the_last_ends_with_the_file() {
        let end = 4 * PIECE_BYTES + 7;
        assert_eq!(
            spans(&[1, 2, 3], &[1, 9, 3, 4, 5], end),
            [(PIECE_BYTES, 2 * PIECE_BYTES), (3 * PIECE_BYTES, end)]
        );
        assert_eq!(spans(&[], &[1, 2], PIECE_BYTES + 1), [(0, PIECE_BYTES + 1)]);
    }

    #[test]
    fn equal_pieces_and_those_past_the_new_end_need_nothing() {
        assert_eq!(spans(&[1, 2, 3, 4], &[1, 2], 2 * PIECE_BYTES), []);
    }

    #[test]
    fn more_spans_than_one_read_may_have_make_several() {
        let new: Vec<u8> = (0..=255).collect();
        let values: Vec<u8> = new.iter().cycle().take(1026).copied().collect();
        let base: Vec<PieceValue> =
            values.iter().enumerate().map(|(i, v)| [if i % 2 == 0 { *v } else { v ^ 1 }; 32]).collect();
        let spans = differing(&base, &pieces(&values, 1026 * PIECE_BYTES));
        let sizes: Vec<usize> = requests(&spans).map(<[Span]>::len).collect();
        assert_eq!(sizes, [256, 256, 1]);
        assert_eq!(byte_count(&spans), 513 * PIECE_BYTES);
    }

    #[test]
    fn a_broken_transfer_continues_within_a_span() {
        let spans = [Span { start: 0, end: 10 }, Span { start: 20, end: 30 }];
        assert_eq!(after(&spans, 0), spans);
        assert_eq!(after(&spans, 7), [Span { start: 7, end: 10 }, Span { start: 20, end: 30 }]);
        assert_eq!(after(&spans, 10), [Span { start: 20, end: 30 }]);
        assert_eq!(after(&spans, 30), []);
    }
}
