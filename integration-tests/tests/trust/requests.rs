//! Every request that there is, about a place in the share.
//!
//! It must not know what may be done there. The types are those of PROTOCOL.md: one that is new there has no requests here,
//! and fails the tests until it has.

use integration_tests::content::digest;
use integration_tests::document;
use integration_tests::upload::write_request;
use serde_json::{Value, json};

use crate::line::Request;
use crate::tree::{Node, Tree};

/// A file and a folder of the guests' own, and free names on both sides of their border.
pub(crate) const OWN_FILE: &str = "way/team/plain.txt";
const OWN_FOLDER: &str = "way/team/full";
const FREE_INSIDE: &str = "way/team/renamed.txt";
const FREE_OUTSIDE: &str = "other/renamed.txt";
const FOREIGN_FILE: &str = "other/outlying.txt";

/// All requests about `place`, the share itself where it is empty. Those that say goodbye are left to `partings`.
pub(crate) fn all_about(place: &str, tree: &Tree) -> Vec<Request> {
    let types = document::request_types();
    types.iter().flat_map(|kind| of_type(kind, place, tree)).collect()
}

fn of_type(kind: &str, place: &str, tree: &Tree) -> Vec<Request> {
    let messages = match kind {
        "list" => with_fields(kind, place, &[json!({}), json!({"recursive": true})]),
        "search" => vec![json!({"type": "search", "words": words_of(place)})],
        "help" => vec![json!({"type": "help"})],
        "bye" => Vec::new(),
        "stat" => stats(place, tree),
        _ if place.is_empty() => Vec::new(),
        "read" => reads(place, tree),
        "pieces" => [with_fields(kind, place, &[json!({})]), by_digest(kind, place, tree)].concat(),
        "rename" => renames(place),
        "delete" => with_fields(kind, place, &[json!({}), json!({"recursive": true})]),
        "mkdir" => {
            let below = format!("{place}/made/below");
            [with_fields(kind, place, &[json!({})]), with_fields(kind, &below, &[json!({})])].concat()
        }
        "write" => return writes(place, tree),
        other => panic!(
            "PROTOCOL.md has a request {other}: say here how it is asked for, and in `expected` who may do it"
        ),
    };
    messages.into_iter().map(Request::new).collect()
}

/// A request whose path is the place, once for each set of further fields.
fn with_fields(kind: &str, place: &str, fields: &[Value]) -> Vec<Value> {
    let path = if place.is_empty() { Value::Null } else { json!(place) };
    let request = |fields: &Value| {
        let mut request = json!({"type": kind, "path": path});
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        request
    };
    fields.iter().map(request).collect()
}

/// The digest of what the place leads to where links lead, so that a link is no way to it.
fn digest_at(place: &str, tree: &Tree) -> Option<String> {
    let target = match place {
        "way/team/near.txt" | "way/team/chained.txt" => "way/team2/plain-two.txt",
        "way/team/within.txt" => OWN_FILE,
        "way/team/up/outlying.txt" => FOREIGN_FILE,
        other => other,
    };
    match tree.0.get(target) {
        Some(Node::File(bytes)) => Some(digest(bytes)),
        _ => None,
    }
}

fn by_digest(kind: &str, place: &str, tree: &Tree) -> Vec<Value> {
    digest_at(place, tree).map(|digest| json!({"type": kind, "digest": digest})).into_iter().collect()
}

fn stats(place: &str, tree: &Tree) -> Vec<Value> {
    let by_path = with_fields("stat", place, &[json!({}), json!({"with_digest": true})]);
    let by_path = if place.is_empty() { by_path[..1].to_vec() } else { by_path };
    [by_path, by_digest("stat", place, tree)].concat()
}

fn reads(place: &str, tree: &Tree) -> Vec<Value> {
    let right = digest_at(place, tree).unwrap_or_else(wrong_digest);
    let ranges = json!({"ranges": [{"offset": 2, "byte_count": 5}]});
    let fields = [json!({}), ranges, json!({"if_digest": right}), json!({"if_digest": wrong_digest()})];
    [with_fields("read", place, &fields), by_digest("read", place, tree)].concat()
}

fn writes(place: &str, tree: &Tree) -> Vec<Request> {
    let bytes = format!("written-to-{}", place.replace('/', "+")).into_bytes();
    let right = digest_at(place, tree).unwrap_or_else(wrong_digest);
    let fields = [
        json!({}),
        json!({"new": true}),
        json!({"byte_count": null}),
        json!({"if_digest": right}),
        json!({"if_digest": right, "new": true}),
        json!({"if_digest": wrong_digest()}),
        json!({"base_wanted": true, "byte_count": 2 << 20}),
        json!({"base_wanted": true, "byte_count": 2 << 20, "if_digest": right}),
    ];
    let request = |fields: &Value| {
        let message = write_request(place, bytes.len(), fields);
        Request { message, bytes: bytes.clone() }
    };
    fields.iter().map(request).collect()
}

fn renames(place: &str) -> Vec<Value> {
    let rename = |(from, to): (&str, &str), replace: bool| json!({"type": "rename", "path": from, "to": to, "replace": replace});
    let pairs = [
        (place, FREE_INSIDE),
        (place, FREE_OUTSIDE),
        (OWN_FILE, place),
        (OWN_FOLDER, place),
        (FOREIGN_FILE, place),
    ];
    let differing = pairs.into_iter().filter(|(from, to)| from != to);
    differing.flat_map(|pair| [rename(pair, false), rename(pair, true)]).collect()
}

/// The words of the last name, or one that all texts have.
fn words_of(place: &str) -> String {
    let name = place.rsplit('/').next().unwrap();
    let words: String =
        name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { ' ' }).collect();
    if words.trim().is_empty() { "txt".to_owned() } else { words.trim().to_owned() }
}

fn wrong_digest() -> String {
    digest(b"no file has these bytes")
}
