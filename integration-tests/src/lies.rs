//! Everything that a hostile server can say in a state of an answer, made from PROTOCOL.md, and what each of it must come to at
//! the end that asked.
//!
//! It must not know which program asked.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::client::Outcome;
use crate::document::{Move, State, examples, link_examples, type_of};
use crate::imposter::Imposter;
use crate::liar::{CONTENT, Case, ID, Then, Way, commands, large, local_files};
use crate::mutation::mutants;
use crate::scratch::{PARTIAL_PREFIX, files_below};
use crate::session::line_of;

/// What a person is told of an error is no longer, whatever the other end says.
const ERROR_TEXT_BYTES_MAX: usize = 1024;

/// What a case must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// It is no answer: the client says that the server breaks the protocol.
    BeRefused,
    /// It fails in any way.
    Fail,
    /// It is the right answer.
    BeTaken,
    /// It may be anything but a crash, or a file that is not right.
    BeHarmless,
}

/// A case, and what it is in words.
pub struct Tried {
    /// What is said, and where.
    pub case: Case,
    /// In words.
    pub what: String,
    /// What it must come to.
    pub must: Must,
}

/// Each message in a state, and with mutants each field of those that are allowed there.
pub fn cases_of(state: &State, way: Way, with_mutants: bool) -> Vec<Tried> {
    let mut all = Vec::new();
    for message in all_messages() {
        let message = if message["id"] == ID { right(&message, &way.path(0)) } else { message };
        let what = format!("{} ({}): {message}", state.name, way.command);
        let is_allowed = is_allowed(state, way.has_begun(), &message);
        let must = match is_allowed {
            true if is_all(state, way, &message) => Must::BeTaken,
            true => Must::BeHarmless,
            false => Must::BeRefused,
        };
        all.push(tried(way, bytes_of(&message), what.clone(), must));
        if is_allowed && with_mutants && message.get("id").is_some() {
            all.extend(mutants(&message).into_iter().map(|mutant| {
                let must = if mutant.is_no_message { Must::BeRefused } else { Must::BeHarmless };
                tried(way, mutant.line.into_bytes(), format!("{what}: {}", mutant.what), must)
            }));
        }
    }
    for line in
        [b"hello\n".as_slice(), b"\n", b"[]\n", b"{}\n", b"{\"v\":9,\"type\":\"listed\"}\n", b"\xff\n"]
    {
        let what = format!("{} ({}): {line:?}", state.name, way.command);
        all.push(tried(way, line.to_vec(), what, Must::BeRefused));
    }
    all.iter_mut().enumerate().for_each(|(number, tried)| tried.number(number));
    all
}

/// A message as it is sent, with bytes behind it where it announces some.
pub fn bytes_of(message: &Value) -> Vec<u8> {
    let mut bytes = line_of(message).into_bytes();
    if type_of(message) == "section" {
        bytes.extend_from_slice(CONTENT);
    }
    bytes
}

/// Each case's commands, and a mark behind them: a word that is no command. One command a line.
pub fn script(cases: &[Case], server: &Imposter) -> Vec<String> {
    let one = |(number, case)| commands(case, number, server) + &format!("\nmark-{number}");
    let all: Vec<String> = cases.iter().enumerate().map(one).collect();
    all.iter().flat_map(|commands| commands.lines()).map(str::to_owned).collect()
}

/// Each case must have come to what it must.
///
/// # Panics
/// When one has not.
pub fn assert_musts(all: &[Tried], outcome: &Outcome) {
    let told = results_by_case(outcome, all.len());
    for (tried, told) in all.iter().zip(&told) {
        let error = told.iter().find_map(|line| line["error"]["code"].as_str());
        match tried.must {
            Must::BeRefused => assert_eq!(error, Some("bad_message"), "{}: {told:?}", tried.what),
            Must::Fail => assert!(error.is_some(), "{}: {told:?}", tried.what),
            Must::BeTaken => assert_eq!(error, None, "{}: {told:?}", tried.what),
            Must::BeHarmless => {}
        }
        for line in told.iter().filter(|line| !line["error"].is_null()) {
            let text = line["error"]["message"].as_str().unwrap_or_default();
            assert!(!text.is_empty() && text.len() < ERROR_TEXT_BYTES_MAX, "{}: {line}", tried.what);
            assert!(!text.contains('\n'), "{}: {line}", tried.what);
        }
    }
}

/// The lines of JSON that each case led to.
///
/// # Panics
/// When the marks are not all there.
pub fn results_by_case(outcome: &Outcome, count: usize) -> Vec<Vec<Value>> {
    let mut all = vec![Vec::new()];
    for line in outcome.lines() {
        if line["command"].as_str().is_some_and(|command| command.starts_with("mark-")) {
            all.push(Vec::new());
        } else {
            all.last_mut().unwrap().push(line);
        }
    }
    assert_eq!(all.len(), count + 1, "the client did not run every command: {}", outcome.errors);
    all
}

/// Files that were read are right, those of before are whole, and there are none besides.
///
/// # Panics
/// When something else lies there.
pub fn assert_nothing_else_lies_in(folder: &Path) {
    for path in files_below(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap();
        let before = local_files().into_iter().find(|(known, _)| *known == name);
        let is_right = match before {
            Some((_, before)) => bytes == before || (name == "film.mov" && bytes == large()),
            None => {
                name.starts_with(PARTIAL_PREFIX)
                    || (name.starts_with("case-") && [CONTENT, &large()].contains(&bytes.as_slice()))
            }
        };
        assert!(is_right, "{} lies there with {} bytes", path.display(), bytes.len());
    }
}

/// What nobody waits for the answer of: HELP tells what it knows by itself, and who leaves leaves.
pub fn is_heard(way: &Way) -> bool {
    !["explaining", "parting"].contains(&way.state)
}

impl Tried {
    /// Gives it the path of the case of that number.
    fn number(&mut self, number: usize) {
        if let Ok(text) = str::from_utf8(&self.case.bytes) {
            self.case.bytes = text.replace(&self.case.way.path(0), &self.case.way.path(number)).into_bytes();
        }
    }
}

fn tried(way: Way, bytes: Vec<u8>, what: String, must: Must) -> Tried {
    let must = if is_heard(&way) { must } else { Must::BeHarmless };
    Tried { case: Case { way, bytes, then: Then::Refuses }, what, must }
}

/// Whether a right message is all that the command waits for.
fn is_all(state: &State, way: Way, message: &Value) -> bool {
    let commands = ["STAT {}", "RENAME {} another", "DELETE {}", "MKDIR {}", "WRITE small.txt {}"];
    let ends = |allowed: &Move| allowed.message == type_of(message) && allowed.leads_to == "done";
    commands.contains(&way.command) && message["id"] == ID && state.moves.iter().any(ends)
}

/// Every message that there is, under the request's id, another one and none.
pub fn all_messages() -> Vec<Value> {
    let unknown = json!({"v": 1, "type": "a type of the future"});
    let messages = examples().into_iter().chain(link_examples()).chain([unknown]);
    let under = |message: &Value, id: Option<u64>| {
        let mut message = message.clone();
        match id {
            Some(id) => message["id"] = json!(id),
            None => drop(message.as_object_mut().unwrap().remove("id")),
        }
        message
    };
    messages.flat_map(|message| [Some(ID), Some(ID + 1), None].map(|id| under(&message, id))).collect()
}

/// Whether the table of answers lets a message stand there.
fn is_allowed(state: &State, has_begun: bool, message: &Value) -> bool {
    let kind = type_of(message);
    if message.get("id").is_none() {
        return kind == "refused";
    }
    let is_anywhere = kind == "working" || (kind == "refused" && !has_begun);
    message["id"] == ID && (is_anywhere || state.moves.iter().any(|allowed| allowed.message == kind))
}

/// A message of this type that fits what was asked, as far as one message can.
fn right(message: &Value, name: &str) -> Value {
    let mut message = message.clone();
    message["id"] = json!(ID);
    for place in ["/entry/path", "/entries/0/path", "/entries/1/path"] {
        if let Some(path) = message.pointer_mut(place) {
            *path =
                json!(if place.starts_with("/entry/") { name.to_owned() } else { format!("{name}/inner") });
        }
    }
    for place in ["/byte_count", "/entry/byte_count"] {
        if let Some(byte_count) = message.pointer_mut(place) {
            *byte_count = json!(CONTENT.len());
        }
    }
    if message.get("code").is_some() {
        // Some codes mean that asking again may help.
        message["code"] = json!("not_found");
    }
    message
}
