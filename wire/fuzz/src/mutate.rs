//! Inputs made from others: bits, bytes, lines and words are changed, doubled, left out and put together anew; most
//! changes keep to what the inputs of a target are made of, so that what comes after a change still means something.

mod structured;

use crate::chance::Chance;

/// Longer inputs are cut: what fits into the sockets' buffers never waits for a reader.
pub const INPUT_BYTES_MAX: usize = 160 * 1024;

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "5",
    "7",
    "63",
    "64",
    "65",
    "255",
    "256",
    "257",
    "512",
    "65535",
    "65536",
    "65537",
    "1048575",
    "1048576",
    "1048577",
    "8388609",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "18446744073709551615",
    "18446744073709551616",
    "1e3",
    "0.5",
    "-0",
    "01",
    "null",
    "true",
    "\"1\"",
    "[]",
    "{}",
];

const TEXTS: &[&str] = &[
    "..",
    ".",
    "/",
    "../",
    "//",
    "\\u0000",
    "\\n",
    "\\ud800",
    "\\ud83d\\ude00",
    "%2e%2e%2f",
    ".ioe-partial-1",
    "out",
    "out/secret",
    "loop",
    "a song.mp3",
    "folder",
    "folder/deep.txt",
    "empty",
    "\u{0}",
    "\u{202e}",
    "\u{feff}",
    "\u{85}",
    "\r\n",
    "\n",
    "\n\n",
    " ",
    "\"",
    "\\",
    "}",
    "{",
    "[",
    "]",
    ",",
    ":",
    "1969-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "127.0.0.1:1",
    "[::1]:65535",
    "0.0.0.0:0",
];

/// What the inputs of a target are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing but bytes.
    Bytes,
    /// Lines and payloads.
    Conversation,
    /// Operations, so many bytes each.
    Records(usize),
}

/// Makes inputs.
#[derive(Debug)]
pub struct Mutator {
    chance: Chance,
    form: Form,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// Takes its words from the seeds: every quoted word, with its quotation marks.
    #[must_use]
    pub fn new(chance: Chance, seeds: &[Vec<u8>], form: Form) -> Self {
        let mut words: Vec<Vec<u8>> =
            NUMBERS.iter().chain(TEXTS).map(|word| word.as_bytes().to_vec()).collect();
        for seed in seeds {
            let quoted = seed.split(|byte| *byte == b'"').skip(1).step_by(2);
            words.extend(quoted.filter(|word| word.len() < 80).map(|word| [b"\"", word, b"\""].concat()));
        }
        words.sort();
        words.dedup();
        Self { chance, form, words }
    }

    /// One more input, from one or two of `corpus`; now and then from nothing.
    pub fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = if self.chance.below(64) == 0 || corpus.is_empty() {
            (0..self.chance.below(2048)).map(|_| self.chance.byte()).collect()
        } else {
            self.chance.one_of(corpus).clone()
        };
        // In a conversation, one line that is none ends all: few changes show more than many.
        let doublings = if self.form == Form::Conversation { 3 } else { 5 };
        for _ in 0..1 << self.chance.below(doublings) {
            self.change(&mut input, corpus);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        match self.form {
            Form::Conversation if self.chance.below(8) > 0 => self.change_conversation(input, corpus),
            Form::Records(length) if self.chance.below(8) > 0 => self.change_records(input, corpus, length),
            _ => self.change_bytes(input, corpus),
        }
    }

    fn change_bytes(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        match self.chance.below(12) {
            0 => self.flip(input),
            1 => self.set_byte(input),
            2 => self.leave_out(input),
            3 => self.double(input),
            4 => self.splice(input, corpus),
            5 | 6 => self.put_word(input),
            7 | 8 => self.change_number(input),
            9 => self.swap_lines(input),
            10 => self.double_line(input),
            _ => self.truncate(input),
        }
    }

    fn flip(&mut self, input: &mut [u8]) {
        let place = self.chance.below(input.len());
        if let Some(byte) = input.get_mut(place) {
            *byte ^= 1 << self.chance.below(8);
        }
    }

    fn set_byte(&mut self, input: &mut [u8]) {
        let place = self.chance.below(input.len());
        if let Some(byte) = input.get_mut(place) {
            *byte = self.chance.byte();
        }
    }

    /// A run within `bytes`, more often a short one.
    fn run(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.chance.below(bytes.len() + 1);
        let length_max = 1 << self.chance.below(13);
        start..(start + self.chance.below(length_max)).min(bytes.len())
    }

    fn leave_out(&mut self, input: &mut Vec<u8>) {
        let run = self.run(input);
        input.drain(run);
    }

    fn double(&mut self, input: &mut Vec<u8>) {
        let run = self.run(input);
        let times = if self.chance.below(8) == 0 { self.chance.below(200) } else { 1 };
        let more = input[run.clone()].repeat(times.min(INPUT_BYTES_MAX / run.len().max(1)));
        input.splice(run.end..run.end, more);
    }

    fn splice(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        if corpus.is_empty() {
            return;
        }
        let other = self.chance.one_of(corpus).clone();
        let (from, to) = (self.run(&other), self.run(input));
        input.splice(to, other[from].to_vec());
    }

    fn put_word(&mut self, input: &mut Vec<u8>) {
        let word = self.chance.one_of(&self.words).clone();
        let quotes: Vec<usize> = (0..input.len()).filter(|place| input[*place] == b'"').collect();
        if quotes.len() < 2 || self.chance.below(4) == 0 {
            let place = self.chance.below(input.len() + 1);
            input.splice(place..place, word);
        } else {
            let first = self.chance.below(quotes.len() - 1);
            let bare = word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(&word);
            input.splice(quotes[first] + 1..quotes[first + 1], bare.to_vec());
        }
    }

    fn change_number(&mut self, input: &mut Vec<u8>) {
        let begins = |place: &usize| {
            input[*place].is_ascii_digit()
                && place.checked_sub(1).is_none_or(|before| !input[before].is_ascii_digit())
        };
        let places: Vec<usize> = (0..input.len()).filter(begins).collect();
        if places.is_empty() {
            return;
        }
        let start = *self.chance.one_of(&places);
        let end = (start..input.len()).find(|place| !input[*place].is_ascii_digit()).unwrap_or(input.len());
        let number = *self.chance.one_of(NUMBERS);
        input.splice(start..end, number.bytes());
    }

    fn swap_lines(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> =
            input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        if lines.len() < 2 {
            return;
        }
        let (one, other) = (self.chance.below(lines.len()), self.chance.below(lines.len()));
        lines.swap(one, other);
        *input = lines.concat();
    }

    fn double_line(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> =
            input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        if lines.is_empty() {
            return;
        }
        let line = self.chance.one_of(&lines).clone();
        let place = self.chance.below(lines.len() + 1);
        lines.insert(place, line);
        *input = lines.concat();
    }

    fn truncate(&mut self, input: &mut Vec<u8>) {
        if self.chance.below(4) == 0 {
            let length = self.chance.below(input.len() + 1);
            input.truncate(length);
        }
    }
}
