//! Bytes as what they say: lines, each with the payload that it announces, and the few fields that tie them together.
//!
//! Text is changed in place and never written anew, so that odd spellings stay as they are.

use std::ops::Range;
use wire::digest::Digest;

/// A line with its line feed, and the bytes that a section announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Up to and with the line feed, if there is one.
    pub line: Vec<u8>,
    /// What follows a section's line; as long as it says, unless the bytes end before.
    pub payload: Vec<u8>,
}

impl Item {
    /// The value of `type`, if there is one.
    #[must_use]
    pub fn kind(&self) -> &[u8] {
        value(&self.line, "type").and_then(|range| self.line.get(range)).map_or(b"", |text| text.trim_ascii())
    }

    /// The number after `key`, in its last place.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        let text = self.line.get(value(&self.line, key)?)?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// The value after `key` as it is written.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<Vec<u8>> {
        value(&self.line, key).map(|range| self.line[range].to_vec())
    }

    /// Writes a new value after every `key`.
    pub fn set_all(&mut self, key: &str, new: &str) {
        let (mut done, mut rest) = (Vec::new(), std::mem::take(&mut self.line));
        while let Some(range) = value(&rest, key) {
            done.splice(0..0, rest.split_off(range.end));
            done.splice(0..0, new.bytes());
            rest.truncate(range.start);
            let name_start = rest.len().saturating_sub(key.len() + 3);
            done.splice(0..0, rest.split_off(name_start));
        }
        rest.extend(done);
        self.line = rest;
    }

    /// Writes a new value after the last `key`, if it stands there.
    pub fn set(&mut self, key: &str, new: &str) {
        if let Some(range) = value(&self.line, key) {
            self.line.splice(range, new.bytes());
        }
    }
}

/// Cuts bytes into items. Nothing is lost: [`join`] gives the same bytes.
#[must_use]
pub fn parse(mut bytes: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |place| place + 1);
        let (line, rest) = bytes.split_at(end);
        let mut item = Item { line: line.to_vec(), payload: Vec::new() };
        bytes = rest;
        if item.kind() == b"\"section\"" {
            let announced = item.number("byte_count").and_then(|count| usize::try_from(count).ok());
            let (payload, rest) = rest.split_at(announced.unwrap_or(0).min(rest.len()));
            item.payload = payload.to_vec();
            bytes = rest;
        }
        items.push(item);
    }
    items
}

/// The items' bytes.
#[must_use]
pub fn join(items: &[Item]) -> Vec<u8> {
    items.iter().flat_map(|item| [&item.line[..], &item.payload]).flatten().copied().collect()
}

/// Makes lengths, offsets and digests fit the payloads again, where a payload begins at its start.
pub fn mend(items: &mut [Item]) {
    let (mut opener, mut bytes, mut is_from_start) = (None, Vec::new(), true);
    for place in 0..items.len() {
        let kind = items[place].kind().to_vec();
        match &kind[..] {
            b"\"write\"" | b"\"reading\"" | b"\"piece_list\"" => {
                (opener, is_from_start) = (Some(place), true);
                bytes.clear();
            }
            // The last one may be cut, and stays so.
            b"\"section\"" if place + 1 < items.len() => {
                let item = &mut items[place];
                item.set("byte_count", &item.payload.len().to_string());
                is_from_start &= !bytes.is_empty() || item.number("offset") == Some(0);
                if is_from_start {
                    item.set("offset", &bytes.len().to_string());
                }
                bytes.extend(&item.payload);
            }
            b"\"end\"" if is_from_start => {
                let (count, digest) = (bytes.len().to_string(), format!("\"{}\"", Digest::of(&bytes)));
                items[place].set("byte_count", &count);
                items[place].set("digest", &digest);
                items[place].set("file_digest", &digest);
                if let Some(opener) = opener.map(|opener| &mut items[opener])
                    && opener.kind() != b"\"piece_list\""
                {
                    opener.set("byte_count", &count);
                }
                bytes.clear();
            }
            _ => {}
        }
    }
}

/// Where the values of a line stand that are texts, numbers and the like, but for `v`.
#[must_use]
pub fn values(line: &[u8]) -> Vec<Range<usize>> {
    let ends_key = |place: &usize| line[*place..].starts_with(b"\":") && !line[..*place].ends_with(b"{\"v");
    let starts = (0..line.len()).filter(ends_key).map(|place| place + 2);
    starts
        .filter_map(|start| value_at(line, start))
        .filter(|value| !b"[{".contains(&line[value.start]))
        .collect()
}

/// Where the value after the last `key` stands.
fn value(line: &[u8], key: &str) -> Option<Range<usize>> {
    let key = format!("\"{key}\":");
    let start = line.windows(key.len()).rposition(|run| run == key.as_bytes())? + key.len();
    value_at(line, start)
}

/// A quoted text without escapes, or what reaches to the next sign.
fn value_at(line: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = line.get(start..)?;
    let length = match rest.first()? {
        b'"' => rest.iter().skip(1).position(|byte| *byte == b'"')? + 2,
        _ => rest.iter().position(|byte| b",}]\n".contains(byte)).unwrap_or(rest.len()),
    };
    Some(start..start + length)
}
