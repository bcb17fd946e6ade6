//! An open session in which each answer is kept byte for byte.
//!
//! It must not know what is asked, nor whether it may be.

use std::io::{BufRead, BufReader, Read, Write};

use integration_tests::content::digest;
use integration_tests::session::{PROCESS_ID, hello, line_of, section_of, with_id};
use integration_tests::tls::TlsStream;
use integration_tests::upload;
use serde_json::{Value, json};

/// Every request has this id, so that equal answers have equal bytes.
const ID: u64 = 7;
/// What may stand in an answer before its last line.
const NOT_LAST: [&str; 6] = ["entries", "reading", "piece_list", "section", "working", "ready"];

/// What was asked: a message, and for a WRITE the bytes of the file.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) message: Value,
    pub(crate) bytes: Vec<u8>,
}

/// All of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// As it came, but for `working`.
    pub(crate) raw: Vec<u8>,
    /// The bytes of its sections.
    pub(crate) payload: Vec<u8>,
    /// Its lines, but for sections and `working`.
    pub(crate) lines: Vec<Value>,
}

/// An open session.
pub(crate) struct Line {
    reader: BufReader<TlsStream>,
    stream: TlsStream,
}

impl Request {
    pub(crate) fn new(message: Value) -> Self {
        Self { message, bytes: Vec::new() }
    }

    pub(crate) fn kind(&self) -> &str {
        self.message["type"].as_str().unwrap()
    }

    pub(crate) fn path(&self) -> Option<&str> {
        self.message["path"].as_str()
    }

    pub(crate) fn says(&self, field: &str) -> bool {
        self.message[field] == true
    }

    fn is_large(&self) -> bool {
        self.message["byte_count"].as_u64().is_none_or(|count| count > upload::SMALL_WRITE_BYTES_MAX as u64)
    }
}

impl Answer {
    pub(crate) fn last(&self) -> &Value {
        self.lines.last().unwrap()
    }

    /// The code of a refusal, or else nothing.
    pub(crate) fn code(&self) -> &str {
        self.last()["code"].as_str().unwrap_or_default()
    }

    /// The entries of a listing.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let lists = self.lines.iter().filter_map(|line| line["entries"].as_array());
        lists.flatten().cloned().collect()
    }
}

impl Line {
    pub(crate) fn open(stream: TlsStream) -> Self {
        let mut line = Self { reader: BufReader::new(stream.clone()), stream };
        line.send(line_of(&hello(PROCESS_ID)));
        let (_, welcome) = line.next();
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        line
    }

    /// Asks, and takes all of the answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Answer {
        let mut message = with_id(request.message.clone(), ID);
        message.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let is_write = request.kind() == "write";
        if is_write && !request.is_large() {
            let small = [line_of(&message).into_bytes(), sent(&request.bytes)].concat();
            self.send(small);
            return self.answer(Answer { raw: Vec::new(), payload: Vec::new(), lines: Vec::new() });
        }
        self.send(line_of(&message));
        let mut answer = self.answer(Answer { raw: Vec::new(), payload: Vec::new(), lines: Vec::new() });
        if is_write && answer.last()["type"] != "ready" {
            self.send(line_of(&upload::abort(ID)));
        } else if is_write {
            if answer.last().get("base").is_some() {
                // Its payload ends like that of a READ.
                answer.lines.push(Value::Null);
                answer = self.answer(answer);
            }
            let bytes = match request.says("base_wanted") {
                true => line_of(&upload::abort(ID)).into_bytes(),
                false => sent(&request.bytes),
            };
            self.send(bytes);
            answer.lines.push(Value::Null);
            answer = self.answer(answer);
        }
        answer
    }

    /// Takes lines up to the last one, or up to a `ready`.
    fn answer(&mut self, mut answer: Answer) -> Answer {
        loop {
            let (raw, line) = self.next();
            let kind = line["type"].as_str().unwrap().to_owned();
            if kind == "working" {
                continue;
            }
            assert_eq!(line["id"], ID, "{line}");
            answer.raw.extend(raw);
            if kind == "section" {
                let mut bytes = vec![0; usize::try_from(line["byte_count"].as_u64().unwrap()).unwrap()];
                self.reader.read_exact(&mut bytes).unwrap();
                answer.raw.extend(&bytes);
                answer.payload.extend(bytes);
                continue;
            }
            answer.lines.retain(|line| !line.is_null());
            answer.lines.push(line);
            if !NOT_LAST.contains(&kind.as_str()) || kind == "ready" {
                return answer;
            }
        }
    }

    fn next(&mut self) -> (Vec<u8>, Value) {
        let mut raw = Vec::new();
        self.reader.read_until(b'\n', &mut raw).unwrap();
        let line = serde_json::from_slice(&raw)
            .unwrap_or_else(|_| panic!("no line: {:?}", String::from_utf8_lossy(&raw)));
        (raw, line)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }
}

/// The bytes of a file with the end of its upload.
fn sent(bytes: &[u8]) -> Vec<u8> {
    let end = json!({"type": "end", "id": ID, "byte_count": bytes.len(), "digest": digest(bytes)});
    [section_of(ID, 0, bytes), line_of(&end).into_bytes()].concat()
}
