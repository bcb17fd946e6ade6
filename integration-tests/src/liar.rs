//! A server that is honest up to one place of one answer, and what it says there is given. Which command of `ioe-client`, and
//! which GET of a peer, leads to which state of an answer stands here.
//!
//! It must not know what is wrong with what it says.

use std::sync::Arc;

use crate::content::{PIECE_BYTES, digest, inner_piece_value, piece, piece_count};
use crate::imposter::{Imposter, welcome};
use crate::session::{Session, line_of, section_of};
use serde_json::{Value, json};

/// What small files hold at both ends, once they are transferred.
pub const CONTENT: &[u8] = b"hello";
/// Stands for the request's id in what is to be said.
pub const ID: u64 = 424_242;
/// Beyond what is small, and of several pieces.
const LARGE_BYTES: usize = PIECE_BYTES + 345;

/// How a client comes into a state of an answer.
#[derive(Clone, Copy)]
pub struct Way {
    /// The state, as PROTOCOL.md calls it.
    pub state: &'static str,
    /// The command lines; `{}` stands for a name of the case's own.
    pub command: &'static str,
    /// What STAT says of that name.
    there: There,
    /// The message at which honesty ends.
    trigger: &'static str,
    /// What is still right of the answer to it.
    before: fn(&Value) -> Vec<u8>,
}

#[derive(Clone, Copy)]
enum There {
    Nothing,
    Small,
    Large,
    Folder,
}

/// Something that is said at one place.
#[derive(Clone)]
pub struct Case {
    /// Where it is said.
    pub way: Way,
    /// What is said; where [`ID`] stands in it, the request's id is meant.
    pub bytes: Vec<u8>,
    /// What follows.
    pub then: Then,
}

/// What follows what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// A refusal, which ends whatever the client still waits for.
    Refuses,
    /// The end of the connection.
    Closes,
    /// The end of one direction.
    ClosesHalf,
    /// Nothing at all.
    Silence,
}

/// All ways into a state. A state that is new in PROTOCOL.md needs one here.
///
/// # Panics
/// When there is none.
pub fn ways_into(state: &str) -> Vec<Way> {
    let found: Vec<Way> = WAYS.iter().filter(|way| way.state == state).copied().collect();
    assert!(
        !found.is_empty() || state == "greeting",
        "PROTOCOL.md has a state {state:?}: say here which command leads a client into it"
    );
    found
}

const fn way(state: &'static str, command: &'static str, there: There, trigger: &'static str) -> Way {
    Way { state, command, there, trigger, before: |_| Vec::new() }
}

const fn after(before: fn(&Value) -> Vec<u8>, way: Way) -> Way {
    Way { before, ..way }
}

impl Way {
    /// The path that the case of that number asks for.
    pub fn path(&self, number: usize) -> String {
        let name = self.command.split([' ', '\n']).find(|word| word.contains("{}")).unwrap_or("{}");
        name.replace("{}", &name_of(number))
    }

    /// Whether a part of the answer has come, so that it cannot be refused any more.
    pub fn has_begun(&self) -> bool {
        let before = (self.before)(&json!({"type": "any", "id": ID, "path": "any"}));
        !before.is_empty() && self.state != "taking"
    }
}

const WAYS: [Way; 23] = [
    way("listing", "LIST {}", There::Folder, "list"),
    way("listing", "SEARCH {}", There::Nothing, "search"),
    way("listing", "READ -r {}", There::Folder, "list"),
    after(one_entry, way("listing", "LIST -r {}", There::Folder, "list")),
    way("finding", "STAT {}", There::Small, "stat"),
    way("finding", "READ {}", There::Small, "stat"),
    way("opening", "READ {}", There::Small, "read"),
    way("opening", "READ {} film.mov", There::Large, "read"),
    after(reading, way("payload", "READ {}", There::Small, "read")),
    after(reading_some, way("payload", "READ {}", There::Small, "read")),
    after(piece_list, way("payload", "READ {} film.mov", There::Large, "pieces")),
    after(reading_all, way("parts", "READ {} film.mov", There::Large, "read")),
    way("proving", "READ {} film.mov", There::Large, "pieces"),
    way("renaming", "RENAME {} another", There::Nothing, "rename"),
    way("deleting", "DELETE {}", There::Nothing, "delete"),
    way("making", "MKDIR {}", There::Nothing, "mkdir"),
    way("explaining", "STAT {}\nHELP", There::Nothing, "help"),
    way("parting", "STAT {}\nBYE\nCONNECT @", There::Nothing, "bye"),
    way("admitting", "WRITE large.bin {}", There::Nothing, "write"),
    after(ready_with_base, way("base", "WRITE large.bin {}", There::Nothing, "write")),
    after(ready, way("taking", "WRITE large.bin {}", There::Nothing, "write")),
    way("landing", "WRITE small.txt {}", There::Nothing, "end"),
    way("landing", "WRITE large.bin {}", There::Nothing, "end"),
];

const GETS: [Way; 8] = [
    way("finding", "GET {} @", There::Small, "stat"),
    way("opening", "GET {} @", There::Small, "read"),
    way("opening", "GET {} @", There::Large, "read"),
    way("proving", "GET --replace {}/film.mov @", There::Large, "pieces"),
    after(reading, way("payload", "GET {} @", There::Small, "read")),
    after(reading_some, way("payload", "GET {} @", There::Small, "read")),
    after(piece_list, way("payload", "GET --replace {}/film.mov @", There::Large, "pieces")),
    after(reading_all, way("parts", "GET --replace {}/film.mov @", There::Large, "read")),
];

/// All ways of a peer that gets a file.
pub fn ways_of_get() -> Vec<Way> {
    GETS.to_vec()
}

/// The local files that the commands need, before any of them has run.
pub fn local_files() -> [(&'static str, Vec<u8>); 3] {
    [("small.txt", CONTENT.to_vec()), ("large.bin", large()), ("film.mov", vec![3; LARGE_BYTES])]
}

/// What large files hold.
pub fn large() -> Vec<u8> {
    vec![7; LARGE_BYTES]
}

/// The name that stands for a case in its commands.
pub fn name_of(number: usize) -> String {
    format!("case-{number}")
}

/// The commands of a case; [`Case::way`] says `@` for the server's address.
pub fn commands(case: &Case, number: usize, server: &Imposter) -> String {
    let address = format!("{} {}", server.address().ip(), server.address().port());
    case.way.command.replace("{}", &name_of(number)).replace('@', &address)
}

/// A server for these cases.
pub fn liar(cases: &[Case]) -> Imposter {
    let cases: Arc<[Case]> = cases.into();
    Imposter::start(move |session| {
        let Some(_hello) = session.next_line() else { return };
        session.try_send_raw(line_of(&welcome()));
        let mut case = None;
        while let Some(message) = session.next_line() {
            case = number_in(&message).map(|number| &cases[number]).or(case);
            let is_going_on = case.is_some_and(|case| answer(session, &message, case));
            if !is_going_on {
                return;
            }
        }
    })
}

/// The number of the case whose name a message has.
fn number_in(message: &Value) -> Option<usize> {
    let text = message["path"].as_str().or(message["words"].as_str())?;
    text.split_once("case-")?.1.split('/').next()?.parse().ok()
}

/// Answers a message; false where the connection ends.
fn answer(session: &mut Session, message: &Value, case: &Case) -> bool {
    if message["type"] == "section" && !session.try_skip(message["byte_count"].as_u64().unwrap()) {
        return false;
    }
    if message["type"] != case.way.trigger {
        return session.try_send_raw(honest(message, case));
    }
    let (id, said) = (&message["id"], String::from_utf8_lossy(&case.bytes));
    session.try_send_raw((case.way.before)(message));
    session.try_send_raw(said.replace(&format!("\"id\":{ID}"), &format!("\"id\":{id}")));
    match case.then {
        Then::Refuses => drop(session.try_send_raw(line_of(&refused(id)))),
        Then::Closes => return false,
        Then::ClosesHalf => session.finish_sending(),
        Then::Silence => {}
    }
    true
}

/// What an honest server says to it.
fn honest(message: &Value, case: &Case) -> Vec<u8> {
    let id = &message["id"];
    let line = |message: Value| line_of(&message).into_bytes();
    match message["type"].as_str().unwrap() {
        "stat" => match case.way.there {
            There::Nothing => {
                line(json!({"type": "refused", "id": id, "code": "not_found", "message": "nothing"}))
            }
            There::Small => {
                line(json!({"type": "found", "id": id, "entry": entry(message, "text", CONTENT.len())}))
            }
            There::Large => {
                line(json!({"type": "found", "id": id, "entry": entry(message, "video", LARGE_BYTES)}))
            }
            There::Folder => line(json!({"type": "found", "id": id, "entry": entry(message, "folder", 0)})),
        },
        "pieces" => [piece_list(message), piece_values(id)].concat(),
        "write" if message["byte_count"].as_u64() > Some(1 << 20) => ready(message),
        "write" | "section" | "end" | "abort" => Vec::new(),
        "bye" => line(json!({"type": "goodbye", "id": id})),
        _ => line(refused(id)),
    }
}

/// The last word about a request.
pub fn refused(id: &Value) -> Value {
    json!({"type": "refused", "id": id, "code": "not_allowed", "message": "that is all"})
}

fn entry(message: &Value, kind: &str, byte_count: usize) -> Value {
    json!({"path": message["path"], "kind": kind, "byte_count": byte_count, "modified": "2026-11-20T12:00:00Z"})
}

fn one_entry(message: &Value) -> Vec<u8> {
    let mut entry = entry(message, "text", 5);
    entry["path"] = json!(format!("{}/inner.txt", message["path"].as_str().unwrap()));
    line_of(&json!({"type": "entries", "id": message["id"], "entries": [entry]})).into_bytes()
}

fn reading(message: &Value) -> Vec<u8> {
    let byte_count = CONTENT.len();
    let entry = entry(message, "text", byte_count);
    line_of(&json!({"type": "reading", "id": message["id"], "entry": entry, "byte_count": byte_count}))
        .into_bytes()
}

fn reading_some(message: &Value) -> Vec<u8> {
    let id = message["id"].as_u64().unwrap();
    [reading(message), section_of(id, 0, &CONTENT[..2])].concat()
}

fn reading_all(message: &Value) -> Vec<u8> {
    let (id, entry) = (&message["id"], entry(message, "video", LARGE_BYTES));
    let ranges = json!([{"offset": 0, "byte_count": LARGE_BYTES}]);
    let said =
        json!({"type": "reading", "id": id, "entry": entry, "byte_count": LARGE_BYTES, "ranges": ranges});
    line_of(&said).into_bytes()
}

fn piece_list(message: &Value) -> Vec<u8> {
    let count = piece_count(LARGE_BYTES);
    let said = json!({"byte_count": LARGE_BYTES, "digest": digest(&large()), "piece_count": count});
    let mut list = json!({"type": "piece_list", "id": message["id"]});
    list.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    line_of(&list).into_bytes()
}

fn piece_values(id: &Value) -> Vec<u8> {
    let large = large();
    let values =
        (0..piece_count(LARGE_BYTES)).flat_map(|index| inner_piece_value(piece(&large, index), index));
    let values: Vec<u8> = values.collect();
    let end = json!({"type": "end", "id": id, "byte_count": values.len(), "digest": digest(&values)});
    [section_of(id.as_u64().unwrap(), 0, &values), line_of(&end).into_bytes()].concat()
}

fn ready(message: &Value) -> Vec<u8> {
    line_of(&json!({"type": "ready", "id": message["id"]})).into_bytes()
}

fn ready_with_base(message: &Value) -> Vec<u8> {
    let base = json!({"byte_count": PIECE_BYTES, "piece_count": 1});
    line_of(&json!({"type": "ready", "id": message["id"], "base": base})).into_bytes()
}
