//! One line from a file, or from standard input without taking a byte more: the rest is for whoever reads there next.
//!
//! Must not know what stands in it, and no error says it.

use shared_folder::remote::Cancel;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Longer than any line with an invitation, or an answer to a question.
const BYTES_MAX: usize = 1024;

/// The first line of a file; `-` is standard input.
pub(crate) fn first_of(path: &Path, cancel: &Cancel) -> io::Result<String> {
    if path == Path::new("-") {
        return of_stdin(cancel);
    }
    let mut file = File::open(path)?;
    line_by(|byte| file.read(byte))
}

/// The next line of standard input; empty at its end.
pub(crate) fn of_stdin(cancel: &Cancel) -> io::Result<String> {
    let stdin = rustix::stdio::stdin();
    line_by(|byte| {
        if !cancel.until_readable(&stdin)? {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(rustix::io::retry_on_intr(|| rustix::io::read(stdin, &mut *byte))?)
    })
}

/// Byte by byte, up to the end of the line.
fn line_by(mut read: impl FnMut(&mut [u8; 1]) -> io::Result<usize>) -> io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while read(&mut byte)? == 1 && byte != *b"\n" {
        line.extend(byte);
        if line.len() > BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is too long"));
        }
    }
    let text = String::from_utf8(line);
    let text = text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "its first line is no text"))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> (io::Result<String>, String) {
        let mut rest = text.as_bytes();
        let line = line_by(|byte| rest.read(byte));
        (line, String::from_utf8_lossy(rest).into_owned())
    }

    #[test]
    fn one_line_is_taken_and_not_a_byte_more() {
        for (text, expected, left) in [("a b \r\nLIST\n", "a b", "LIST\n"), ("a", "a", ""), ("", "", "")] {
            let (line, rest) = line(text);
            assert_eq!((line.unwrap().as_str(), rest.as_str()), (expected, left));
        }
        assert!(line(&"x".repeat(BYTES_MAX + 1)).0.is_err());
    }
}
