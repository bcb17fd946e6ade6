//! Changes that know what an input is made of.

use super::{Mutator, NUMBERS};
use crate::conversation::{Item, join, mend, parse, values};
use wire::limits::BYTE_COUNT_MAX;

/// Lengths of payloads: nothing, a few bytes, about a piece value, more than is gathered into one send.
const PAYLOAD_LENGTHS: &[usize] = &[0, 1, 5, 31, 32, 33, 64, 160, 1024, 70_000];

impl Mutator {
    /// Changes lines and payloads; lengths, offsets and digests fit afterwards, most of the time.
    pub(super) fn change_conversation(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let mut items = parse(input);
        if items.is_empty() {
            return;
        }
        let place = self.chance.below(items.len());
        match self.chance.below(14) {
            0 => {
                items.remove(place);
            }
            1 => {
                let item = items[place].clone();
                items.insert(self.chance.below(items.len() + 1), item);
            }
            2 => {
                let other = self.chance.below(items.len());
                items.swap(place, other);
            }
            3 | 4 => self.insert_from(&mut items, corpus),
            5 | 6 => self.change_payload(&mut items),
            7..11 => self.change_value(&mut items[place].line),
            11 => match self.chance.below(3) {
                0 => self.put_word(&mut items[place].line),
                1 => self.change_number(&mut items[place].line),
                _ => self.leave_out_field(&mut items[place].line),
            },
            _ => {
                let id = self.chance.below(items.len()).to_string();
                items[place].set("id", &id);
            }
        }
        if self.chance.below(8) > 0 {
            mend(&mut items);
        }
        *input = join(&items);
    }

    /// Items of another input, most often one.
    fn insert_from(&mut self, items: &mut Vec<Item>, corpus: &[Vec<u8>]) {
        if corpus.is_empty() {
            return;
        }
        let others = parse(self.chance.one_of::<Vec<u8>>(corpus));
        let start = self.chance.below(others.len());
        let count = if self.chance.below(2) == 0 { 1 } else { 1 + self.chance.below(6) };
        let chosen: Vec<Item> = others.into_iter().skip(start).take(count).collect();
        let place = self.chance.below(items.len() + 1);
        items.splice(place..place, chosen);
    }

    fn change_payload(&mut self, items: &mut [Item]) {
        let sections: Vec<usize> =
            (0..items.len()).filter(|place| items[*place].kind() == b"\"section\"").collect();
        if sections.is_empty() {
            return;
        }
        let payload = &mut items[*self.chance.one_of(&sections)].payload;
        match self.chance.below(3) {
            0 => payload.resize(*self.chance.one_of(PAYLOAD_LENGTHS), b'p'),
            1 => self.flip(payload),
            _ => {
                let place = self.chance.below(payload.len() + 1);
                payload.splice(place..place, *b"{\"v\":1}\n");
            }
        }
    }

    /// Another value of the same sort: a text for a text, a number for a number.
    fn change_value(&mut self, line: &mut Vec<u8>) {
        let keys = values(line);
        let Some(value) = (!keys.is_empty()).then(|| self.chance.one_of(&keys).clone()) else { return };
        let new = match line[value.start] {
            b'"' => {
                let word = self.chance.one_of(&self.words).clone();
                let bare =
                    word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(&word);
                let is_plain = !bare.iter().any(|byte| b"\"\\\n\r\0".contains(byte));
                if !is_plain && self.chance.below(4) > 0 {
                    return;
                }
                [b"\"", bare, b"\""].concat()
            }
            b't' => b"false".to_vec(),
            b'f' => b"true".to_vec(),
            _ => {
                let number = self.chance.one_of(NUMBERS);
                let is_plain = number.parse::<u64>().is_ok_and(|number| number <= BYTE_COUNT_MAX);
                if !is_plain && self.chance.below(4) > 0 {
                    return;
                }
                number.as_bytes().to_vec()
            }
        };
        line.splice(value, new);
    }

    /// Leaves out what stands between two commas.
    fn leave_out_field(&mut self, line: &mut Vec<u8>) {
        let signs: Vec<usize> = (0..line.len()).filter(|place| b",}".contains(&line[*place])).collect();
        if signs.len() > 1 {
            let first = self.chance.below(signs.len() - 1);
            line.drain(signs[first]..signs[first + 1]);
        }
    }

    /// Changes, doubles, leaves out and moves whole operations; nothing after them is shifted by a part of one.
    pub(super) fn change_records(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>], length: usize) {
        let mut records: Vec<Vec<u8>> = input.chunks(length).map(<[u8]>::to_vec).collect();
        if let Some(last) = records.last_mut() {
            last.resize(length, 0);
        }
        let place = self.chance.below(records.len());
        let end = self.chance.below(records.len() + 1);
        match self.chance.below(8) {
            0 if !records.is_empty() => {
                records.remove(place);
            }
            1 if !records.is_empty() => {
                let record = records[place].clone();
                let times = if self.chance.below(16) == 0 { self.chance.below(300) } else { 1 };
                records.splice(end..end, vec![record; times]);
            }
            2 if !records.is_empty() => {
                let other = self.chance.below(records.len());
                records.swap(place, other);
            }
            3 if !corpus.is_empty() => {
                let others = self.chance.one_of(corpus);
                let skipped = self.chance.below(others.len().div_ceil(length));
                let taken = 1 + self.chance.below(8);
                let chosen: Vec<Vec<u8>> =
                    others.chunks(length).skip(skipped).take(taken).map(<[u8]>::to_vec).collect();
                records.splice(end..end, chosen);
            }
            4 => records.insert(end, (0..length).map(|_| self.chance.byte()).collect()),
            _ if !records.is_empty() => {
                let byte = self.chance.below(records[place].len());
                let small = u8::try_from(self.chance.below(20)).expect("less than 20");
                records[place][byte] = if self.chance.below(2) == 0 { small } else { self.chance.byte() };
            }
            _ => {}
        }
        *input = records.concat();
    }
}
