//! Whatever the line: no panic, and what is understood is written and read again as the same.

use super::Seen;
use super::seen::kind_of;
use std::collections::BTreeSet;
use wire::codec::{Decoded, MessageSet, decode};
use wire::limits::LINE_BYTES_MAX;
use wire::message::hello::Opening;
use wire::message::payload::Upload;
use wire::message::{LinkMessage, Reply, Request};

/// Fields that may be left out are written, so a line may become longer: the longest ones are only read.
const AGAIN_BYTES_MAX: usize = LINE_BYTES_MAX / 4;

/// Each line of the bytes as a message of every set.
pub fn message(bytes: &[u8]) -> Seen {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| line.len() < LINE_BYTES_MAX).take(64);
    let seen: BTreeSet<_> = lines
        .map(|line| {
            let closed = (again::<Opening>(line), again::<Request>(line), again::<Upload>(line));
            (closed, again::<Reply>(line), again::<LinkMessage>(line))
        })
        .collect();
    Seen::of(seen)
}

fn again<Set: MessageSet + PartialEq + std::fmt::Debug>(line: &[u8]) -> String {
    let decoded: Decoded<Set> = match decode(line) {
        Ok(decoded) => decoded,
        Err(error) => return kind_of(&error.to_string()),
    };
    if line.len() <= AGAIN_BYTES_MAX {
        let written = write(&decoded);
        let (feed, text) = written.split_last().expect("a line is never empty");
        assert!(*feed == b'\n' && !text.contains(&b'\n'), "a message is one line");
        let read: Decoded<Set> = decode(text).expect("what we write, we read");
        assert_eq!(read, decoded, "what was written is what was read");
        assert_eq!(write(&read), written, "the same message is the same text");
    }
    decoded.message.type_name().to_owned()
}

fn write<Set: MessageSet>(decoded: &Decoded<Set>) -> Vec<u8> {
    let mut line = Vec::new();
    decoded.message.encode_body(decoded.id, &mut line);
    line
}
