//! Messages with something wrong in them, made from right ones: each field missing, null, of every other type, too large, too
//! long, twice.
//!
//! It must not know what any message is for: it sees JSON, and which fields may be left out.

use serde_json::{Value, json};

use crate::document::{optional_fields_of, type_of};
use crate::session::line_of;

/// Longer than any text may be, and still within a line.
const LONG_TEXT_BYTES: usize = 60_000;

/// Texts that have a form, so that other text is no message.
const FORMED: [&str; 11] = [
    "key",
    "process_id",
    "search_id",
    "discover_id",
    "digest",
    "if_digest",
    "file_digest",
    "modified",
    "address",
    "advertise",
    "role",
];

/// A message of which one thing was changed.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// Its line, with the line feed.
    pub line: String,
    /// What was done to it.
    pub what: String,
    /// No end may take it for a message; otherwise it is one, though perhaps of something impossible.
    pub is_no_message: bool,
}

/// Every mutant of a message.
pub fn mutants(message: &Value) -> Vec<Mutant> {
    places(message, "").iter().flat_map(|place| mutants_at(message, place)).collect()
}

/// Every field and the first element of every array, at any depth, as JSON pointers.
fn places(value: &Value, at: &str) -> Vec<String> {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (format!("{at}/{name}"), value)).collect(),
        Value::Array(elements) => {
            elements.first().map(|first| (format!("{at}/0"), first)).into_iter().collect()
        }
        _ => Vec::new(),
    };
    let deeper = |(place, value): &(String, &Value)| {
        let mut all = vec![place.clone()];
        all.extend(places(value, place));
        all
    };
    below.iter().flat_map(deeper).collect()
}

fn mutants_at(message: &Value, place: &str) -> Vec<Mutant> {
    let (parent, name) = place.rsplit_once('/').unwrap_or_default();
    let is_optional = optional_fields_of(message).iter().any(|field| field == name);
    let mutant = |what: &str, line: String, is_no_message| Mutant {
        what: format!("{}: {place} {what}", type_of(message)),
        line,
        is_no_message,
    };
    let with = |value: &Value| {
        let mut changed = message.clone();
        *changed.pointer_mut(place).unwrap() = value.clone();
        line_of(&changed)
    };
    let value = message.pointer(place).unwrap();
    let has_form = FORMED.contains(&name);
    let wrong = wrong_values(value);
    let mut all: Vec<Mutant> =
        wrong.iter().map(|wrong| mutant(&format!("is {wrong}"), with(wrong), true)).collect();
    all.push(mutant("is null", with(&Value::Null), !is_optional));
    if value.is_string() {
        all.push(mutant("is too long", with(&json!("x".repeat(LONG_TEXT_BYTES))), has_form));
        all.push(mutant("is empty", with(&json!("")), has_form));
    }
    if let Some(fields) = message.pointer(parent).and_then(Value::as_object) {
        let mut changed = message.clone();
        changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        if name != "v" {
            all.push(mutant("is missing", line_of(&changed), !is_optional));
        }
        let whole = Value::Object(fields.clone()).to_string();
        let twice = format!("{{\"{name}\":{value},{}", &whole[1..]);
        all.push(mutant("stands twice", line_of(message).replacen(&whole, &twice, 1), true));
    }
    all
}

/// Values that can stand nowhere in the place of this one.
fn wrong_values(value: &Value) -> Vec<Value> {
    let others = [json!(true), json!("7"), json!([]), json!({}), json!(1.5), json!(7)];
    let is_other = |other: &&Value| std::mem::discriminant(*other) != std::mem::discriminant(value);
    let mut wrong: Vec<Value> = others.iter().filter(is_other).cloned().collect();
    if value.is_number() {
        wrong.extend([json!(1.5), json!(-1), json!(1e3), json!(1e300), json!(1_u64 << 53), json!(u64::MAX)]);
    }
    wrong
}
