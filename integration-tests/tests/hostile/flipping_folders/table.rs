//! The requests that go through a flipping folder, or name it: what each may be answered, and what must have
//! happened then.
//!
//! The tree of a lane is told in other words than paths, because names change: `real/…` is what lies in the folder
//! that flips, `inside/…` what lies in the folder that one of the links leads to, `bin/…` a steady folder beside.

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::session::Session;
use integration_tests::upload::write;
use serde_json::{Value, json};

/// What is different afterwards: a path, and what is there now, if anything.
pub(super) type Changes = Vec<(String, Option<String>)>;

/// One request, and all that may come of it.
pub(super) struct Lane {
    /// Also the name of its folder in the share.
    pub(super) name: &'static str,
    /// The type of its request.
    pub(super) request: &'static str,
    /// Sends the request about that folder; the final answer.
    pub(super) ask: fn(&mut Session, &str) -> Value,
    /// The type of the answer when it was done.
    pub(super) done: &'static str,
    /// The codes that it may be refused with.
    pub(super) codes: &'static [&'static str],
    /// What may have happened when it was done: one of these.
    pub(super) outcomes: fn() -> Vec<Changes>,
    /// Whether a part of that may be left behind, wherever the path led meanwhile.
    pub(super) leaves_parts: bool,
    /// Whether what has arrived may be kept for another attempt.
    pub(super) keeps_partials: bool,
}

impl Lane {
    /// Whether it may change anything.
    pub(super) fn changes(&self) -> bool {
        (self.outcomes)() != NOTHING()
    }
}

/// The code that any request may get whose path changes faster than it can be followed, and what a link outside and
/// one to nowhere are answered with.
const LINKS: &[&str] = &["busy", "not_allowed", "not_found"];

const NOTHING: fn() -> Vec<Changes> = || vec![Vec::new()];

/// What `secret.txt` has at first, in either folder.
pub(super) fn content_of(side: &str) -> Vec<u8> {
    format!("mine, {side}").into_bytes()
}

fn small() -> Vec<u8> {
    b"written through the flipping folder".to_vec()
}

fn large() -> Vec<u8> {
    bytes("large", PIECE_BYTES + 1)
}

fn now(path: String, content: &[u8]) -> (String, Option<String>) {
    (path, Some(digest(content)))
}

fn either(changes: impl Fn(&str) -> Changes) -> Vec<Changes> {
    ["real", "inside"].map(changes).to_vec()
}

fn one(name: &'static str, request: &'static str, done: &'static str) -> Lane {
    let ask = |_: &mut Session, _: &str| Value::Null;
    Lane {
        name,
        request,
        ask,
        done,
        codes: LINKS,
        outcomes: NOTHING,
        leaves_parts: false,
        keeps_partials: false,
    }
}

/// Every lane.
pub(super) fn lanes() -> Vec<Lane> {
    [reading(), writing(), renaming(), removing(), naming_it()].into_iter().flatten().collect()
}

fn reading() -> Vec<Lane> {
    let list = |session: &mut Session, lane: &str| entries(session, &json!({"path": format!("{lane}/flip")}));
    let list_all =
        |session: &mut Session, lane: &str| entries(session, &json!({"path": lane, "recursive": true}));
    let below = |session: &mut Session, lane: &str| {
        found(session, &json!({"path": format!("{lane}/flip/inner/deep.txt")}))
    };
    let hashed = |session: &mut Session, lane: &str| {
        found(session, &json!({"path": format!("{lane}/flip/secret.txt"), "with_digest": true}))
    };
    vec![
        Lane { ask: list, ..one("list", "list", "listed") },
        Lane { ask: list_all, codes: &[], ..one("list-recursive", "list", "listed") },
        Lane { ask: below, ..one("stat", "stat", "found") },
        Lane { ask: hashed, ..one("stat-with-digest", "stat", "found") },
        Lane { ask: |session, lane| read(session, lane, &json!({})), ..one("read", "read", "end") },
        Lane {
            ask: |session, lane| {
                let version = digest(&content_of("real"));
                let ranges = json!([{"offset": 0, "byte_count": 100}]);
                read(session, lane, &json!({"ranges": ranges, "if_digest": version}))
            },
            codes: &["busy", "not_allowed", "not_found", "changed"],
            ..one("read-ranges", "read", "end")
        },
        Lane { ask: pieces, ..one("pieces", "pieces", "end") },
        Lane { ask: search, codes: &[], ..one("search", "search", "listed") },
    ]
}

fn writing() -> Vec<Lane> {
    let replaced = || either(|side| vec![now(format!("{side}/secret.txt"), &small())]);
    let replaced_by_large = || either(|side| vec![now(format!("{side}/secret.txt"), &large())]);
    vec![
        Lane {
            ask: |session, lane| put(session, lane, "secret.txt", &small(), &json!({})),
            outcomes: replaced,
            ..one("write-small", "write", "written")
        },
        Lane {
            ask: |session, lane| put(session, lane, "secret.txt", &large(), &json!({})),
            outcomes: replaced_by_large,
            ..one("write-large", "write", "written")
        },
        Lane {
            ask: |session, lane| put(session, lane, "secret.txt", &large(), &json!({"base_wanted": true})),
            outcomes: replaced_by_large,
            keeps_partials: true,
            ..one("write-with-base", "write", "written")
        },
        Lane {
            ask: |session, lane| put(session, lane, "new.txt", &small(), &json!({"new": true})),
            outcomes: || either(|side| vec![now(format!("{side}/new.txt"), &small())]),
            ..one("write-new", "write", "written")
        },
        Lane {
            ask: |session, lane| {
                put(session, lane, "secret.txt", &small(), &json!({"if_digest": digest(&content_of("real"))}))
            },
            codes: &["busy", "not_allowed", "not_found", "changed"],
            outcomes: || vec![vec![now("real/secret.txt".to_owned(), &small())]],
            ..one("write-version", "write", "written")
        },
        Lane {
            ask: |session, lane| {
                session.ask(json!({"type": "mkdir", "path": format!("{lane}/flip/made/below")}))
            },
            outcomes: || {
                let folder = |path: String| (path, Some("folder".to_owned()));
                either(|side| vec![folder(format!("{side}/made")), folder(format!("{side}/made/below"))])
            },
            leaves_parts: true,
            ..one("mkdir", "mkdir", "made")
        },
    ]
}

fn renaming() -> Vec<Lane> {
    vec![
        Lane {
            ask: |session, lane| rename(session, lane, ("flip/secret.txt", "bin/taken"), false),
            outcomes: || {
                either(|side| {
                    vec![(format!("{side}/secret.txt"), None), now("bin/taken".to_owned(), &content_of(side))]
                })
            },
            ..one("rename-source", "rename", "renamed")
        },
        Lane {
            ask: |session, lane| rename(session, lane, ("bin/ready", "flip/secret.txt"), true),
            outcomes: || {
                either(|side| {
                    vec![("bin/ready".to_owned(), None), now(format!("{side}/secret.txt"), b"ready")]
                })
            },
            ..one("rename-target", "rename", "renamed")
        },
        Lane {
            ask: |session, lane| rename(session, lane, ("bin/ready", "flip/new.txt"), false),
            outcomes: || {
                either(|side| vec![("bin/ready".to_owned(), None), now(format!("{side}/new.txt"), b"ready")])
            },
            ..one("rename-new-target", "rename", "renamed")
        },
        Lane {
            ask: |session, lane| rename(session, lane, ("flip/secret.txt", "flip/moved.txt"), false),
            // Each end is looked up for itself, so it may leave one folder and arrive in the other.
            outcomes: || {
                let to = |from: &'static str| {
                    either(move |side| {
                        let content = content_of(from);
                        vec![(format!("{from}/secret.txt"), None), now(format!("{side}/moved.txt"), &content)]
                    })
                };
                [to("real"), to("inside")].concat()
            },
            ..one("rename-both", "rename", "renamed")
        },
    ]
}

fn removing() -> Vec<Lane> {
    vec![
        Lane {
            ask: |session, lane| delete(session, &format!("{lane}/flip/secret.txt"), false),
            outcomes: || either(|side| vec![(format!("{side}/secret.txt"), None)]),
            ..one("delete", "delete", "deleted")
        },
        Lane {
            ask: |session, lane| delete(session, &format!("{lane}/flip/inner"), true),
            outcomes: || {
                let gone =
                    |side: &str| ["inner", "inner/deep.txt"].map(|name| (format!("{side}/{name}"), None));
                either(|side| gone(side).to_vec())
            },
            ..one("delete-recursive", "delete", "deleted")
        },
        Lane {
            ask: |session, lane| delete(session, lane, true),
            codes: &[],
            outcomes: || vec![super::everything().into_keys().map(|path| (path, None)).collect()],
            ..one("delete-all", "delete", "deleted")
        },
    ]
}

/// Requests that name the flipping name itself.
fn naming_it() -> Vec<Lane> {
    vec![
        Lane {
            ask: |session, lane| found(session, &json!({"path": format!("{lane}/flip")})),
            ..one("stat-it", "stat", "found")
        },
        Lane {
            ask: |session, lane| delete(session, &format!("{lane}/flip"), false),
            codes: &["not_empty"],
            outcomes: || super::links().into_keys().map(|link| vec![(link, None)]).collect(),
            ..one("delete-it", "delete", "deleted")
        },
        Lane {
            ask: |session, lane| delete(session, &format!("{lane}/flip"), true),
            codes: &["busy"],
            outcomes: || {
                let real = super::everything().into_keys().filter(|path| path.starts_with("real"));
                let a_link = super::links().into_keys().map(|link| vec![(link, None)]);
                a_link.chain([real.map(|path| (path, None)).collect()]).collect()
            },
            // What moves away while it is emptied is left as it is then.
            leaves_parts: true,
            ..one("delete-all-of-it", "delete", "deleted")
        },
        Lane {
            ask: |session, lane| rename(session, lane, ("flip", "away"), false),
            codes: &[],
            outcomes: || vec![vec![("away".to_owned(), Some("there".to_owned()))]],
            ..one("rename-it", "rename", "renamed")
        },
        Lane {
            ask: |session, lane| put(session, lane, "", &small(), &json!({})),
            codes: &["busy", "not_allowed", "not_a_file"],
            outcomes: Vec::new,
            ..one("write-over-it", "write", "never")
        },
        Lane {
            ask: |session, lane| session.ask(json!({"type": "mkdir", "path": format!("{lane}/flip")})),
            ..one("make-it", "mkdir", "made")
        },
    ]
}

fn entries(session: &mut Session, fields: &Value) -> Value {
    let mut request = json!({"type": "list"});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let id = session.request(request);
    let (entries, end) = session.entries(id);
    for entry in entries {
        let path = entry["path"].as_str().unwrap();
        assert!(!path.ends_with("/link"), "the canary's own link is listed: {entry}");
        assert_is_ours(&entry);
    }
    end
}

fn search(session: &mut Session, _: &str) -> Value {
    let id = session.request(json!({"type": "search", "words": "secret"}));
    let (entries, end) = session.entries(id);
    for entry in entries {
        // What the other lanes write has other lengths; nothing has that of the canary.
        assert_ne!(entry["byte_count"], integration_tests::scratch::CANARY.len(), "{entry}");
    }
    end
}

fn found(session: &mut Session, fields: &Value) -> Value {
    let mut request = json!({"type": "stat"});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let answer = session.ask(request);
    if answer["type"] == "found" {
        assert_is_ours(&answer["entry"]);
        let digest_is_ours =
            ["real", "inside"].iter().any(|side| answer["digest"] == digest(&content_of(side)));
        assert!(digest_is_ours || fields.get("with_digest").is_none(), "{answer}");
    }
    answer
}

fn assert_is_ours(entry: &Value) {
    let ours = ["real", "inside", ""].map(|side| content_of(side).len());
    let ready = "ready".len();
    let is_ours = ours.iter().chain([&ready]).any(|length| entry["byte_count"] == *length);
    assert!(entry["kind"] == "folder" || is_ours, "{entry}");
}

fn read(session: &mut Session, lane: &str, fields: &Value) -> Value {
    let mut request = json!({"type": "read", "path": format!("{lane}/flip/secret.txt")});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let id = session.request(request);
    let answer = session.answer(id);
    if answer["type"] != "reading" {
        return answer;
    }
    let payload = session.payload(id);
    assert!(["real", "inside"].iter().any(|side| payload.bytes == content_of(side)), "{answer}");
    payload.end
}

fn pieces(session: &mut Session, lane: &str) -> Value {
    let id = session.request(json!({"type": "pieces", "path": format!("{lane}/flip/secret.txt")}));
    let answer = session.answer(id);
    if answer["type"] != "piece_list" {
        return answer;
    }
    assert!(["real", "inside"].iter().any(|side| answer["digest"] == digest(&content_of(side))), "{answer}");
    session.payload(id).end
}

/// Writes to a name in the flipping folder; without a name, to the flipping name itself.
fn put(session: &mut Session, lane: &str, name: &str, content: &[u8], fields: &Value) -> Value {
    let path = format!("{lane}/flip/{name}");
    write(session, path.trim_end_matches('/'), content, fields).answer
}

fn rename(session: &mut Session, lane: &str, (from, to): (&str, &str), replace: bool) -> Value {
    let (path, to) = (format!("{lane}/{from}"), format!("{lane}/{to}"));
    session.ask(json!({"type": "rename", "path": path, "to": to, "replace": replace}))
}

fn delete(session: &mut Session, path: &str, recursive: bool) -> Value {
    session.ask(json!({"type": "delete", "path": path, "recursive": recursive}))
}
