//! What each of the two may do at the name `x`: every request that takes a path, in every way that matters, and what
//! somebody may do who is at the folder itself.
//!
//! An action has three steps, so that the middle ones of two can be taken back to back: what must be answered before,
//! one run of bytes, and its answer.

use std::fs;
use std::io;
use std::path::Path;

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::session::{Session, line_of, section_of, with_id};
use integration_tests::upload::{abort, differing_pieces, end, send_pieces, take_base, write_request};
use serde_json::{Value, json};

use super::starts::OLD;
use super::word;

/// What stands in the place of a request's type where the folder is changed directly.
pub(super) const DIRECT: &str = "directly";

/// Something that is done at the name `x`, or below it.
pub(super) struct Action {
    pub(super) name: &'static str,
    /// The type of its request, or [`DIRECT`].
    pub(super) request: &'static str,
    pub(super) lists: bool,
    changes: bool,
    deed: Deed,
    /// What may be done of it already when somebody else comes, where it is not one step: each at the name `x`.
    pub(super) beginnings: &'static [fn(&Path)],
}

/// What a recursive deletion may have removed already, whatever the order of names in a folder.
const DELETING: &[fn(&Path)] = &[
    |x| remove(x, &["f"]),
    |x| remove(x, &["sub/g"]),
    |x| remove(x, &["sub/g", "sub"]),
    |x| remove(x, &["f", "sub/g"]),
    |x| remove(x, &["f", "sub/g", "sub"]),
];
const DELETING_BELOW: &[fn(&Path)] = &[|x| remove(x, &["sub/g"])];
/// Folders are made one after another.
const MAKING: &[fn(&Path)] = &[|x| {
    // Where something has the name already, nothing is made.
    let _ = fs::create_dir(x);
}];

fn remove(x: &Path, names: &[&str]) {
    for path in names.iter().map(|name| x.join(name)) {
        // What is not there need not be removed.
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    }
}

enum Deed {
    /// A request whose answer is one line, or entries, or a payload.
    Ask(fn(&str) -> Value),
    /// A WRITE of these bytes to this name, with these fields.
    Write(&'static str, fn() -> Vec<u8>, fn() -> Value),
    Directly(fn(&Path) -> io::Result<()>),
}

/// An action under way.
pub(super) enum Begun {
    /// Everything but these bytes was sent.
    Sending(u64, Vec<u8>),
    /// All was sent.
    Sent(u64),
    Over(Vec<String>),
}

pub(super) fn actions() -> Vec<Action> {
    [writing(), renaming(), removing_and_making(), reading(), direct()].into_iter().flatten().collect()
}

fn writing() -> Vec<Action> {
    fn small() -> Vec<u8> {
        b"small".to_vec()
    }
    fn large() -> Vec<u8> {
        bytes("large", PIECE_BYTES + 1)
    }
    let plain = || json!({});
    let new = || json!({"new": true});
    let version = || json!({"if_digest": digest(OLD)});
    let write = |name, path, content, fields| Action {
        name,
        request: "write",
        lists: false,
        changes: true,
        deed: Deed::Write(path, content, fields),
        beginnings: &[],
    };
    vec![
        write("write", "x", small, plain),
        write("write-new", "x", small, new),
        write("write-version", "x", small, version),
        write("write-large", "x", large, plain),
        write("write-large-new", "x", large, new),
        write("write-large-version", "x", large, version),
        write("write-based", "x", large, || json!({"base_wanted": true})),
        write("write-below", "x/f", small, plain),
        write("write-version-below", "x/f", small, version),
        write("write-large-below", "x/f", large, plain),
    ]
}

fn renaming() -> Vec<Action> {
    vec![
        change("rename-away", "rename", |x| json!({"path": x, "to": x.replace("/x", "/y")})),
        change("rename-onto", "rename", |x| json!({"path": x.replace("/x", "/z"), "to": x})),
        change("rename-over", "rename", |x| json!({"path": x.replace("/x", "/z"), "to": x, "replace": true})),
        change(
            "rename-folder-over",
            "rename",
            |x| json!({"path": x.replace("/x", "/zf"), "to": x, "replace": true}),
        ),
        change(
            "rename-from-below",
            "rename",
            |x| json!({"path": format!("{x}/f"), "to": x.replace("/x", "/y")}),
        ),
        change(
            "rename-to-below",
            "rename",
            |x| json!({"path": x.replace("/x", "/z"), "to": format!("{x}/f")}),
        ),
    ]
}

fn removing_and_making() -> Vec<Action> {
    vec![
        change("delete", "delete", |x| json!({"path": x})),
        Action {
            beginnings: DELETING,
            ..change("delete-all", "delete", |x| json!({"path": x, "recursive": true}))
        },
        change("delete-below", "delete", |x| json!({"path": format!("{x}/f")})),
        Action {
            beginnings: DELETING_BELOW,
            ..change("delete-all-below", "delete", |x| json!({"path": format!("{x}/sub"), "recursive": true}))
        },
        change("mkdir", "mkdir", |x| json!({"path": x})),
        Action {
            beginnings: MAKING,
            ..change("mkdir-below", "mkdir", |x| json!({"path": format!("{x}/a")}))
        },
    ]
}

fn reading() -> Vec<Action> {
    let read = |name, request, ask| Action { changes: false, ..change(name, request, ask) };
    let list = |name, request, ask| Action { lists: true, ..read(name, request, ask) };
    vec![
        list("list", "list", |x| json!({"path": x.trim_end_matches("/x")})),
        list("list-all", "list", |x| json!({"path": x.trim_end_matches("/x"), "recursive": true})),
        list("list-it", "list", |x| json!({"path": x})),
        list("search", "search", |x| json!({"words": x.trim_end_matches("/x")})),
        read("stat", "stat", |x| json!({"path": x, "with_digest": true})),
        read("read", "read", |x| json!({"path": x})),
        read("read-version", "read", |x| json!({"path": x, "if_digest": digest(OLD)})),
        read("read-below", "read", |x| json!({"path": format!("{x}/f")})),
        read("pieces", "pieces", |x| json!({"path": x})),
    ]
}

fn direct() -> Vec<Action> {
    let directly = |name, act| Action {
        request: DIRECT,
        deed: Deed::Directly(act),
        ..change(name, DIRECT, |_| Value::Null)
    };
    vec![
        directly("a file takes its place", |x| fs::rename(x.with_file_name("w"), x)),
        directly("the file is removed", |x| fs::remove_file(x)),
        directly("it is moved away", |x| fs::rename(x, x.with_file_name("y"))),
        directly("a folder is made", |x| fs::create_dir(x)),
        directly("the empty folder is removed", |x| fs::remove_dir(x)),
    ]
}

fn change(name: &'static str, request: &'static str, ask: fn(&str) -> Value) -> Action {
    Action { name, request, lists: false, changes: true, deed: Deed::Ask(ask), beginnings: &[] }
}

impl Action {
    /// Whether the two are worth a match: readers do not disturb each other, and of two who change the folder directly
    /// the server knows nothing. Nor can it keep anybody who is at the folder itself from acting between its last look
    /// at a version and the rename over it.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let directs = [self, other].iter().filter(|action| action.request == DIRECT).count();
        let versions =
            [self, other].iter().filter(|action| action.name.contains("-version") && action.changes).count();
        (self.changes || other.changes) && directs < 2 && (directs == 0 || versions == 0)
    }

    /// Sends what must be answered before the rest can be sent.
    pub(super) fn begin(&self, session: &mut Session, folder: &str) -> Begun {
        match &self.deed {
            Deed::Ask(ask) => {
                let mut request = ask(&format!("{folder}/x"));
                request["type"] = json!(self.request);
                let id = session.next_id();
                Begun::Sending(id, line_of(&with_id(request, id)).into_bytes())
            }
            Deed::Write(name, content, fields) => {
                begin_write(session, &format!("{folder}/{name}"), &content(), &fields())
            }
            Deed::Directly(_) => Begun::Sending(0, Vec::new()),
        }
    }

    /// Sends the rest at once, or does what is done directly.
    pub(super) fn go_on(&self, session: &mut Session, begun: Begun, folder: &Path) -> Begun {
        match (&self.deed, begun) {
            (Deed::Directly(act), _) => Begun::Over(vec![
                act(&folder.join("x"))
                    .map_or_else(|error| format!("{:?}", error.kind()), |()| "done".to_owned()),
            ]),
            (_, Begun::Sending(id, bytes)) => {
                session.send_raw(bytes);
                Begun::Sent(id)
            }
            (_, other) => other,
        }
    }

    /// What was answered, without what differs from one folder to another.
    pub(super) fn end(&self, session: &mut Session, begun: Begun, folder: &str) -> Vec<String> {
        let id = match begun {
            Begun::Over(answer) => return answer,
            Begun::Sent(id) | Begun::Sending(id, _) => id,
        };
        if self.lists {
            let (entries, end) = session.entries(id);
            let mut lines: Vec<String> = entries.iter().map(|line| entry(line, folder)).collect();
            lines.push(word(&end));
            // A search tells what it left out of the whole share, where others play.
            if self.request == "list" {
                lines.push(format!("left out: {} {}", end["left_out_count"], end["unnameable_count"]));
            }
            lines.sort();
            return lines;
        }
        let answer = session.answer(id);
        match answer["type"].as_str().unwrap() {
            "found" => vec![format!("{} {}", entry(&answer["entry"], folder), answer["digest"])],
            "reading" | "piece_list" => {
                let payload = session.payload(id);
                vec![word(&answer), word(&payload.end), digest(&payload.bytes)]
            }
            _ => vec![word(&answer)],
        }
    }
}

fn begin_write(session: &mut Session, path: &str, content: &[u8], fields: &Value) -> Begun {
    if content.len() <= PIECE_BYTES {
        let id = session.next_id();
        let request = with_id(write_request(path, content.len(), fields), id);
        let lines = [
            line_of(&request).into_bytes(),
            section_of(id, 0, content),
            line_of(&end(id, content)).into_bytes(),
        ];
        return Begun::Sending(id, lines.concat());
    }
    let id = session.request(write_request(path, content.len(), fields));
    let answer = session.answer(id);
    if answer["type"] == "refused" {
        session.send(&abort(id));
        return Begun::Over(vec![word(&answer)]);
    }
    let base = take_base(session, id, &answer).base.unwrap_or_default();
    // Only the end is let go: all before it the server has already, or it waits in the sockets.
    send_pieces(session, id, content, &differing_pieces(content, &base));
    Begun::Sending(id, line_of(&end(id, content)).into_bytes())
}

fn entry(entry: &Value, folder: &str) -> String {
    let path = entry["path"].as_str().unwrap().replacen(folder, "", 1);
    format!("{path} {} {}", entry["kind"], entry["byte_count"])
}
