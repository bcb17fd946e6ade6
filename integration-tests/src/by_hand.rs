//! Messages written by hand, as bytes.
//!
//! It must not know what is answered to them.

use serde_json::{Value, json};

/// A `hello` of the process with this id.
pub fn hello(process_id: &str) -> Value {
    json!({"type": "hello", "agent": "by-hand/1", "versions": [1], "role": "client", "process_id": process_id})
}

/// The line of a message, with `"v":1` where no `v` stands.
///
/// # Panics
/// When it is no object.
pub fn line_of(message: &Value) -> String {
    let mut message = message.as_object().expect("a message is an object").clone();
    message.entry("v").or_insert(json!(1));
    format!("{}\n", Value::Object(message))
}

/// A request with an id.
pub fn with_id(mut request: Value, id: u64) -> Value {
    request["id"] = json!(id);
    request
}

/// A section line and its bytes.
pub fn section_of(id: u64, offset: u64, bytes: &[u8]) -> Vec<u8> {
    let section = json!({"type": "section", "id": id, "offset": offset, "byte_count": bytes.len()});
    [line_of(&section).as_bytes(), bytes].concat()
}
