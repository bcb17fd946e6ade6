//! Whatever arrives in whatever portions: the buffer gives back exactly those bytes, in order, and never too long a line.

use super::Seen;
use std::collections::BTreeSet;
use wire::limits::LINE_BYTES_MAX;
use wire::line::{LineBuffer, LineTooLong};

/// Two bytes decide about each step, the bytes themselves are what arrives.
pub fn line(bytes: &[u8]) -> Seen {
    let (mut buffer, mut arrived, mut taken) = (LineBuffer::default(), 0, 0);
    let mut seen = BTreeSet::new();
    for step in bytes.chunks(2) {
        let (act, amount) = (step.first().copied().unwrap_or(0), step.last().copied().unwrap_or(0));
        arrived += fill(&mut buffer, &bytes[arrived..], 1 << (amount % 17));
        let held = &bytes[taken..arrived];
        assert_eq!(buffer.first(), held.first().copied());
        assert_eq!(buffer.is_empty(), held.is_empty());
        assert!(held.len() <= LINE_BYTES_MAX, "more is held than a line");
        let (count, kind) = match act % 5 {
            0 => take_raw(&mut buffer, held, usize::from(amount)),
            1 => throw_away(&mut buffer, held, u64::from(amount)),
            2 => (0, u8::from(buffer.has_line() == held.contains(&b'\n')) + 10),
            _ => take_line(&mut buffer, held),
        };
        assert_ne!(kind, 10, "a line that is held and not seen, or the reverse");
        taken += count;
        seen.insert((kind, count.min(4)));
        if kind == TOO_LONG {
            break;
        }
    }
    Seen::of(seen)
}

const TOO_LONG: u8 = 30;

fn fill(buffer: &mut LineBuffer, bytes: &[u8], wanted: usize) -> usize {
    let room = buffer.room(wanted);
    let count = room.len().min(bytes.len());
    room[..count].copy_from_slice(&bytes[..count]);
    buffer.filled(count);
    count
}

fn take_raw(buffer: &mut LineBuffer, held: &[u8], wanted: usize) -> (usize, u8) {
    let mut raw = vec![0; wanted];
    let count = buffer.take_into(&mut raw);
    assert_eq!(count, wanted.min(held.len()));
    assert_eq!(raw[..count], held[..count], "other bytes than those that arrived");
    (count, 0)
}

fn throw_away(buffer: &mut LineBuffer, held: &[u8], wanted: u64) -> (usize, u8) {
    let count = buffer.discard(wanted);
    assert_eq!(count, wanted.min(held.len() as u64));
    (usize::try_from(count).expect("no more than is held"), 1)
}

fn take_line(buffer: &mut LineBuffer, held: &[u8]) -> (usize, u8) {
    let expected = held.iter().position(|byte| *byte == b'\n').map(|end| &held[..end]);
    match buffer.next_line() {
        Ok(line) => {
            assert_eq!(line, expected, "another line than the one that arrived");
            (line.map_or(0, |line| line.len() + 1), 20)
        }
        Err(LineTooLong) => {
            assert!(expected.is_none() && held.len() == LINE_BYTES_MAX, "too long for no reason");
            (0, TOO_LONG)
        }
    }
}
