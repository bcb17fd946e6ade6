//! WRITE spoken by hand: small at once, large after `ready`, and over a base only what differs.
//!
//! It must not know what the server makes of it.

use serde_json::{Value, json};

use crate::content::{PIECE_BYTES, digest, inner_piece_value, piece, piece_count};
use crate::session::{Session, section_of, with_id};

/// Up to this length a WRITE does not wait for `ready` (PROTOCOL.md, section 8).
pub const SMALL_WRITE_BYTES_MAX: usize = 1 << 20;

/// How a WRITE went.
#[derive(Debug)]
pub struct Uploaded {
    /// The last answer: `written` or `refused`.
    pub answer: Value,
    /// The base's piece values, where `ready` carried one.
    pub base: Option<Vec<[u8; 32]>>,
    /// How many bytes of the file were sent.
    pub sent_byte_count: usize,
}

/// What a `ready` line brought along.
#[derive(Debug)]
pub struct Ready {
    /// The request's id.
    pub id: u64,
    /// The base's piece values, where there is one.
    pub base: Option<Vec<[u8; 32]>>,
    /// The base's length; 0 without one.
    pub base_byte_count: usize,
}

/// Writes a file as an honest client does. `fields` are added to the request; where one is `null`, the field
/// is left out, so that `{"byte_count": null}` writes as from a pipe.
pub fn write(session: &mut Session, path: &str, bytes: &[u8], fields: &Value) -> Uploaded {
    let id = session.next_id();
    let request = with_id(write_request(path, bytes.len(), fields), id);
    session.send(&request);
    let mut base = None;
    if request.get("byte_count").is_none() || bytes.len() > SMALL_WRITE_BYTES_MAX {
        let answer = session.answer(id);
        if answer["type"] == "refused" {
            session.send(&abort(id));
            return Uploaded { answer, base: None, sent_byte_count: 0 };
        }
        base = take_base(session, id, &answer).base;
    }
    let differing = differing_pieces(bytes, base.as_deref().unwrap_or_default());
    let sent_byte_count = send_pieces(session, id, bytes, &differing);
    session.send(&end(id, bytes));
    Uploaded { answer: session.answer(id), base, sent_byte_count }
}

/// Writes a file that must be `written`, with the right length and digest.
///
/// # Panics
/// When it is not.
pub fn write_file(session: &mut Session, path: &str, bytes: &[u8]) {
    let uploaded = write(session, path, bytes, &json!({}));
    assert_written(&uploaded.answer, bytes);
}

/// Asks for a large WRITE of so many bytes, which must be answered with `ready`.
///
/// # Panics
/// When it is refused.
pub fn begin_large(session: &mut Session, path: &str, byte_count: usize, fields: &Value) -> Ready {
    let id = session.request(write_request(path, byte_count, fields));
    let ready = session.answer(id);
    take_base(session, id, &ready)
}

/// The WRITE request itself, with `fields` added; where one is `null`, the field is left out.
///
/// # Panics
/// When `fields` is no object.
pub fn write_request(path: &str, byte_count: usize, fields: &Value) -> Value {
    let mut request = json!({"type": "write", "path": path, "byte_count": byte_count});
    for (name, value) in fields.as_object().expect("fields are an object") {
        request[name.as_str()] = value.clone();
    }
    request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    request
}

/// A small WRITE as one run of bytes, with its `end`: for pipelining.
pub fn small_write(id: u64, path: &str, bytes: &[u8]) -> Vec<u8> {
    let request = with_id(write_request(path, bytes.len(), &json!({})), id);
    let lines = |message: &Value| crate::session::line_of(message).into_bytes();
    [lines(&request), section_of(id, 0, bytes), lines(&end(id, bytes))].concat()
}

/// The indices of the pieces of `bytes` that a base with these values does not have.
pub fn differing_pieces(bytes: &[u8], base: &[[u8; 32]]) -> Vec<usize> {
    let differs = |index: &usize| base.get(*index) != Some(&inner_piece_value(piece(bytes, *index), *index));
    match bytes.len() {
        0 => Vec::new(),
        length => (0..piece_count(length)).filter(differs).collect(),
    }
}

/// Sends whole pieces, and returns how many bytes that were.
pub fn send_pieces(session: &mut Session, id: u64, bytes: &[u8], indices: &[usize]) -> usize {
    let mut sent = 0;
    for index in indices {
        let piece = piece(bytes, *index);
        session.send_section(id, (index * PIECE_BYTES) as u64, piece);
        sent += piece.len();
    }
    sent
}

/// The honest `end` of a WRITE.
pub fn end(id: u64, bytes: &[u8]) -> Value {
    json!({"type": "end", "id": id, "byte_count": bytes.len(), "digest": digest(bytes)})
}

/// An `abort` with a code that only writers use.
pub fn abort(id: u64) -> Value {
    json!({"type": "abort", "id": id, "code": "changed", "message": "the local file changed"})
}

/// Checks a `written` line.
///
/// # Panics
/// When it is another line, or of another file.
pub fn assert_written(answer: &Value, bytes: &[u8]) {
    assert_eq!(answer["type"], "written", "{answer}");
    assert_eq!(answer["byte_count"], bytes.len(), "{answer}");
    assert_eq!(answer["digest"], digest(bytes), "{answer}");
}

/// Takes a `ready` line and the base that it may bring along.
///
/// # Panics
/// When it is another line.
pub fn take_base(session: &mut Session, id: u64, ready: &Value) -> Ready {
    assert_eq!(ready["type"], "ready", "{ready}");
    let Some(said) = ready.get("base").filter(|base| !base.is_null()) else {
        return Ready { id, base: None, base_byte_count: 0 };
    };
    let payload = session.payload(id);
    assert_eq!(payload.end["type"], "end", "{}", payload.end);
    let (values, rest) = payload.bytes.as_chunks::<32>();
    assert!(rest.is_empty() && said["piece_count"] == values.len(), "{ready}");
    let base_byte_count = usize::try_from(said["byte_count"].as_u64().unwrap()).unwrap();
    assert_eq!(values.len(), piece_count(base_byte_count), "{ready}");
    Ready { id, base: Some(values.to_vec()), base_byte_count }
}
