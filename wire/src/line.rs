//! Bytes as they arrive, cut into lines and raw runs within a bounded buffer. Must not know where they come from.

use crate::limits::LINE_BYTES_MAX;
use std::ops::Range;
use thiserror::Error;

/// Room at first: who never says much at once needs no more.
const ROOM_FIRST: usize = 2 * 1024;
/// So many bytes are searched at once for a line feed.
const CHUNK_BYTES: usize = 32;

/// What has arrived and was not taken yet: at most one line's worth of bytes and one read more.
#[derive(Debug, Default)]
pub struct LineBuffer {
    /// Grows to the longest line where so much comes at once.
    bytes: Vec<u8>,
    /// The bytes that were not taken yet.
    held: Range<usize>,
    /// How many of them are known to have no line feed.
    scanned: usize,
    /// Where the next line feed is, from the first of them, once it was found.
    line_feed: Option<usize>,
}

/// A line had no line feed within its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a line is longer than {LINE_BYTES_MAX} bytes")]
pub struct LineTooLong;

impl LineBuffer {
    /// Takes the next line, without its line feed, if it is complete.
    ///
    /// # Errors
    /// When the buffer is full and has no line feed.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, LineTooLong> {
        let Some(length) = self.find_line_feed() else {
            return if self.held.len() >= LINE_BYTES_MAX { Err(LineTooLong) } else { Ok(None) };
        };
        let line = self.held.start..self.held.start + length;
        self.take(length + 1);
        Ok(self.bytes.get(line))
    }

    /// Whether a whole line is held.
    pub fn has_line(&mut self) -> bool {
        self.find_line_feed().is_some()
    }

    /// The first byte that is held.
    #[must_use]
    pub fn first(&self) -> Option<u8> {
        self.bytes.get(self.held.clone()).and_then(<[u8]>::first).copied()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Moves raw bytes out, as many as are held and fit; returns how many.
    pub fn take_into(&mut self, target: &mut [u8]) -> usize {
        let count = target.len().min(self.held.len());
        let from = self.held.start..self.held.start + count;
        if let (Some(target), Some(source)) = (target.get_mut(..count), self.bytes.get(from)) {
            target.copy_from_slice(source);
        }
        self.take(count);
        count
    }

    /// Throws raw bytes away, as many as are held and wanted; returns how many.
    pub fn discard(&mut self, wanted: u64) -> u64 {
        let count = usize::try_from(wanted).unwrap_or(usize::MAX).min(self.held.len());
        self.take(count);
        count as u64
    }

    /// Gives the memory back, where nothing is held.
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// How much memory it has.
    #[cfg(test)]
    pub(crate) fn byte_count_reserved(&self) -> usize {
        self.bytes.len()
    }

    /// Room for the next bytes, at most `wanted` of it; empty only when a full line's worth is held.
    pub fn room(&mut self, wanted: usize) -> &mut [u8] {
        if self.held.start > 0 {
            self.bytes.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
        }
        if self.held.end == self.bytes.len() {
            self.grow();
        }
        let end = self.held.end.saturating_add(wanted).min(self.bytes.len());
        self.bytes.get_mut(self.held.end..end).unwrap_or_default()
    }

    /// Tells that `count` bytes were put into [`LineBuffer::room`].
    pub fn filled(&mut self, count: usize) {
        self.held.end = self.held.end.saturating_add(count).min(self.bytes.len());
        if self.held.end == self.bytes.len() {
            // Who sends so much at once goes on doing so: the next read is longer.
            self.grow();
        }
    }

    fn grow(&mut self) {
        let wanted = self.bytes.len().saturating_mul(8);
        self.bytes.resize(wanted.clamp(ROOM_FIRST, LINE_BYTES_MAX), 0);
    }

    fn find_line_feed(&mut self) -> Option<usize> {
        if self.line_feed.is_none() {
            let unseen = self.bytes.get(self.held.start + self.scanned..self.held.end).unwrap_or_default();
            self.line_feed = first_line_feed(unseen).map(|place| self.scanned + place);
            self.scanned = self.held.len();
        }
        self.line_feed
    }

    fn take(&mut self, count: usize) {
        self.held.start += count;
        self.scanned = 0;
        self.line_feed = None;
    }
}

/// Looks through a chunk at a time without stopping within it, which takes a few instructions for all its bytes together.
fn first_line_feed(bytes: &[u8]) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<CHUNK_BYTES>();
    let has_one =
        |chunk: &[u8; CHUNK_BYTES]| chunk.iter().fold(false, |found, byte| found | (*byte == b'\n'));
    let start = CHUNK_BYTES * chunks.iter().position(has_one).unwrap_or(chunks.len());
    let place = bytes.get(start..)?.iter().position(|byte| *byte == b'\n')?;
    Some(start + place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `bytes` in the given portions and takes every line as soon as it is complete.
    fn lines_of(bytes: &[u8], portions: &[usize]) -> (Vec<Vec<u8>>, Result<(), LineTooLong>) {
        let mut buffer = LineBuffer::default();
        let (mut lines, mut rest, mut turn) = (Vec::new(), bytes, 0);
        while !rest.is_empty() {
            let room = buffer.room(portions[turn % portions.len()]);
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            buffer.filled(count);
            (rest, turn) = (&rest[count..], turn + 1);
            loop {
                match buffer.next_line() {
                    Ok(Some(line)) => lines.push(line.to_vec()),
                    Ok(None) => break,
                    Err(error) => return (lines, Err(error)),
                }
            }
        }
        (lines, Ok(()))
    }

    #[test]
    fn a_line_holds_at_the_limit_and_not_one_past_it() {
        let mut line = vec![b'x'; LINE_BYTES_MAX - 1];
        line.push(b'\n');
        assert_eq!(lines_of(&line, &[1000]).0.len(), 1);
        line.insert(0, b'x');
        assert_eq!(lines_of(&line, &[1000]).1, Err(LineTooLong));
    }

    #[test]
    fn raw_bytes_and_lines_alternate_without_loss() {
        let mut buffer = LineBuffer::default();
        let bytes = b"ab\n\ncd\nrest";
        buffer.room(100)[..bytes.len()].copy_from_slice(bytes);
        buffer.filled(bytes.len());
        assert_eq!(buffer.next_line(), Ok(Some(&b"ab"[..])));
        let mut raw = [0; 3];
        assert_eq!(buffer.take_into(&mut raw), 3);
        assert_eq!(&raw, b"\ncd");
        assert_eq!(buffer.next_line(), Ok(Some(&b""[..])));
        assert_eq!(buffer.discard(100), 4);
        assert!(buffer.is_empty());
    }

    proptest! {
        #[test]
        fn any_chunking_of_the_bytes_gives_the_same_lines(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..2000),
            portions in proptest::collection::vec(1usize..70, 1..20),
        ) {
            let mut expected: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            expected.pop();
            prop_assert_eq!(lines_of(&bytes, &portions), (expected, Ok(())));
        }
    }
}
