//! Lines from outside, a console, a script or standard input, none of which may grow without end.
//!
//! It must not know what a line means.

use std::io::{self, BufRead};

use thiserror::Error;

use crate::typed::LINE_BYTES_MAX;

/// Why a line cannot be used; the lines after it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineError {
    /// Longer than [`LINE_BYTES_MAX`]; nothing of it was kept.
    #[error("a line is at most {LINE_BYTES_MAX} bytes long")]
    TooLong,
    /// Not UTF-8.
    #[error("the line is not UTF-8 text")]
    NotText,
}

/// One line without its end (`\n` or `\r\n`), or why there is none.
pub type InputLine = Result<String, LineError>;

/// Puts lines together from bytes that come in pieces, and holds no more than one line.
#[derive(Debug, Default)]
pub struct LineSplitter {
    kept: Vec<u8>,
    too_long: bool,
}

impl LineSplitter {
    /// Takes bytes up to the next line end. Gives the line, if it is complete, and the bytes after it.
    pub fn take<'a>(&mut self, bytes: &'a [u8]) -> (Option<InputLine>, &'a [u8]) {
        let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
        self.keep(parts.next().unwrap_or_default());
        match parts.next() {
            Some(after) => {
                if self.kept.last() == Some(&b'\r') {
                    self.kept.pop();
                }
                (Some(self.finished_line()), after)
            }
            None => (None, &[]),
        }
    }

    /// The last line, where the input ended without a line end.
    pub fn finish(&mut self) -> Option<InputLine> {
        (self.too_long || !self.kept.is_empty()).then(|| self.finished_line())
    }

    fn keep(&mut self, bytes: &[u8]) {
        // One byte more than a line may have, which could be the `\r` of its end.
        if self.too_long || self.kept.len().saturating_add(bytes.len()) > LINE_BYTES_MAX.saturating_add(1) {
            self.too_long = true;
            self.kept.clear();
        } else {
            self.kept.extend_from_slice(bytes);
        }
    }

    fn finished_line(&mut self) -> InputLine {
        let line = std::mem::take(&mut self.kept);
        let too_long = std::mem::take(&mut self.too_long);
        if too_long || line.len() > LINE_BYTES_MAX {
            return Err(LineError::TooLong);
        }
        String::from_utf8(line).map_err(|_| LineError::NotText)
    }
}

/// The lines of a script or of standard input, read in a blocking way.
#[derive(Debug)]
pub struct BoundedLines<R> {
    reader: R,
    splitter: LineSplitter,
}

impl<R: BufRead> BoundedLines<R> {
    /// Reads lines until the reader ends.
    pub fn new(reader: R) -> Self {
        Self { reader, splitter: LineSplitter::default() }
    }
}

impl<R: BufRead> Iterator for BoundedLines<R> {
    type Item = io::Result<InputLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let bytes = match self.reader.fill_buf() {
                Ok([]) => return self.splitter.finish().map(Ok),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Some(Err(error)),
            };
            let (line, after) = self.splitter.take(bytes);
            let used = bytes.len().saturating_sub(after.len());
            self.reader.consume(used);
            if let Some(line) = line {
                return Some(Ok(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn lines(bytes: &[u8], buffer_bytes: usize) -> Vec<InputLine> {
        BoundedLines::new(BufReader::with_capacity(buffer_bytes, bytes)).map(Result::unwrap).collect()
    }

    fn ok(texts: &[&str]) -> Vec<InputLine> {
        texts.iter().map(|text| Ok((*text).to_owned())).collect()
    }

    #[test]
    fn both_line_ends_are_cut_off_and_the_last_line_needs_none() {
        assert_eq!(lines(b"a\r\n\nb c\nlast", 3), ok(&["a", "", "b c", "last"]));
        assert_eq!(lines(b"a\n", 8), ok(&["a"]));
        assert_eq!(lines(b"", 8), ok(&[]));
    }

    #[test]
    fn a_line_may_have_its_limit_and_one_byte_more_is_reported_and_skipped() {
        let longest = "x".repeat(LINE_BYTES_MAX);
        let input = format!("{longest}\r\n{longest}x\n{longest}{longest}\nnext\n");
        let error = Err(LineError::TooLong);
        let expected = vec![Ok(longest), error.clone(), error, Ok("next".to_owned())];
        assert_eq!(lines(input.as_bytes(), 1000), expected);
        assert_eq!(lines("x".repeat(LINE_BYTES_MAX + 2).as_bytes(), 1000), [Err(LineError::TooLong)]);
    }

    #[test]
    fn bytes_that_are_no_text_spoil_only_their_line() {
        assert_eq!(lines(b"\xff\nb\n", 8), [Err(LineError::NotText), Ok("b".to_owned())]);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_lines(text in "([a-c\r\n]){0,50}", size in 1usize..9) {
            prop_assert_eq!(lines(text.as_bytes(), size), ok(&text.lines().collect::<Vec<_>>()));
        }
    }
}
