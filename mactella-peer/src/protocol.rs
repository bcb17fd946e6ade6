//! What `--attach` and a running peer say to each other over the control socket.
//!
//! One JSON object a line, in both directions; both ends are the same program, so that nothing here is promised to
//! others. The peer begins:
//!
//! - `{"type":"ready","address":"127.0.0.1:10001"}`, or `{"type":"busy"}` and the end, where too many are attached.
//!
//! Then one command at a time:
//!
//! - `{"type":"run","line":"SEARCH song","json":true,"columns":false,"progress":false,"wait_ms":2000}` asks;
//!   `columns` says that a person reads the results on a terminal, `progress` that one wants to see how far it is.
//! - `{"type":"result","line":"…"}` and `{"type":"remark","line":"…"}` are lines for standard output and standard
//!   error, as they are to be written.
//! - `{"type":"progress","what":"get song.mp3","byte_count":5,"total":9,"place":1}` says how far a command that moves bytes is,
//!   every now and then; `total` and `place` (in the queue elsewhere) where they are known.
//! - `{"type":"done","exit_code":0,"leave":false}` ends the command; `leave` says that the console ends with it.
//! - `{"type":"cancel"}` interrupts the command that runs; closing the connection does, too.
//!
//! A line that is none of these, or a second command while one runs, ends the connection. Must not know any command.

use program::typed::LINE_BYTES_MAX;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read as _, Write};
use thiserror::Error;

/// A command line, each byte of which may be escaped as six, and what stands around it. Exceeded: the connection ends.
pub(crate) const REQUEST_BYTES_MAX: usize = 6 * LINE_BYTES_MAX + 1024;
/// A result: the longest path, escaped twice, and far more. Exceeded: the connection ends.
pub(crate) const REPLY_BYTES_MAX: usize = 1 << 20;

/// What `--attach` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Request {
    Run { line: String, json: bool, columns: bool, progress: bool, wait_ms: u64 },
    Cancel,
}

/// What the peer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Reply {
    Ready { address: String },
    Busy,
    Result { line: String },
    Remark { line: String },
    Progress(Progress),
    Done { exit_code: u8, leave: bool },
}

/// How far a command is that moves bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Not escaped.
    pub(crate) what: String,
    pub(crate) byte_count: u64,
    pub(crate) total: Option<u64>,
    pub(crate) place: Option<u64>,
}

/// Why no line could be read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Lost(#[from] io::Error),
    #[error("a line is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("a line is no message")]
    NoMessage(#[from] serde_json::Error),
}

/// Writes one line.
pub(crate) fn write<T: Serialize>(writer: &mut impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    writer.write_all(&line)
}

/// Reads the next line; none at the end.
pub(crate) fn read<T: DeserializeOwned>(
    reader: &mut impl BufRead,
    max: usize,
) -> Result<Option<T>, ReadError> {
    let mut line = Vec::new();
    reader.take(max as u64).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        Some(_) if line.len() >= max => Err(ReadError::TooLong { max }),
        Some(_) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: String) -> Request {
        Request::Run { line, json: true, columns: false, progress: false, wait_ms: 2000 }
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        let requests = [run("SEARCH a\u{1b}\"b\nc".into()), Request::Cancel];
        let mut bytes = Vec::new();
        requests.iter().for_each(|request| write(&mut bytes, request).unwrap());
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 2);
        let mut reader = bytes.as_slice();
        for request in requests {
            assert_eq!(read::<Request>(&mut reader, REQUEST_BYTES_MAX).unwrap(), Some(request));
        }
        assert!(read::<Request>(&mut reader, REQUEST_BYTES_MAX).unwrap().is_none());
    }

    #[test]
    fn the_longest_command_line_fits_whatever_is_in_it() {
        let request = run("\u{1}".repeat(LINE_BYTES_MAX));
        let mut bytes = Vec::new();
        write(&mut bytes, &request).unwrap();
        assert_eq!(read::<Request>(&mut bytes.as_slice(), REQUEST_BYTES_MAX).unwrap(), Some(request));
    }

    #[test]
    fn a_line_may_have_its_limit_and_not_one_byte_more() {
        let line = b"{\"type\":\"cancel\"}\n";
        assert!(read::<Request>(&mut &line[..], line.len()).is_ok());
        let error = read::<Request>(&mut &line[..], line.len() - 1).unwrap_err();
        assert!(matches!(error, ReadError::TooLong { .. }), "{error}");
    }

    #[test]
    fn what_is_no_message_and_what_is_cut_off_are_errors() {
        for line in ["\n", "{}\n", "{\"type\":\"other\"}\n", "{\"type\":\"cancel\"}"] {
            assert!(read::<Request>(&mut line.as_bytes(), REQUEST_BYTES_MAX).is_err(), "{line}");
        }
    }
}
