//! Every request of every guest at every place: what a plain model says is what happens, and nothing else; and a path that is
//! hidden from the guest answers byte for byte like one that is missing.

use std::collections::BTreeSet;
use std::thread;

use integration_tests::content::digest;
use integration_tests::scratch::tree_digest;
use integration_tests::server;
use integration_tests::server::Server;
use serde_json::{Value, json};

use crate::expected::{Expected, after, expected, listed};
use crate::guests::{Guest, manage};
use crate::line::{Answer, Line, Request};
use crate::requests::all_about;
use crate::rules::{ALL, Rules};
use crate::tree::{At, Node, Tree};

/// So many servers share the guests.
const STAGES: usize = 7;
/// Inside, inside but perhaps denied, the folder itself, the way to it, beside it, outside, through links, and missing ones.
const PLACES: [&str; 31] = [
    "",
    "way",
    "way/team",
    "way/team/plain.txt",
    "way/team/full",
    "way/team/empty",
    "way/team/secret",
    "way/team/Secret",
    "way/team/secret/inner-secret.txt",
    "way/team/secret/deeper/innermost.txt",
    "way/team/secret/ghost.txt",
    "way/team/caf\u{e9}.txt",
    "way/team/plain.txt ",
    "way/team/ghost.txt",
    "way/team/nowhere/ghost.txt",
    "way/team/up",
    "way/team/up/outlying.txt",
    "way/team/near.txt",
    "way/team/chained.txt",
    "way/team/within.txt",
    "way/team/dangling.txt",
    "way/team2",
    "way/team2/plain-two.txt",
    "way/TEAM/plain-capital.txt",
    "way/beside.txt",
    "other",
    "other/outlying.txt",
    "other/back/plain.txt",
    "other/hollow",
    "other/ghost.txt",
    "rooted.txt",
];

fn guests() -> Vec<Rules> {
    let of = |name, rights: &[&'static str]| Rules::of(name).allow(rights, "way/team");
    let mut guests: Vec<Rules> = ALL.iter().map(|right| of(right, &[right])).collect();
    guests.extend([
        of("reader", &["list", "read"]),
        of("writer", &ALL),
        of("dropper", &["create", "read"]),
        of("changer", &["read", "replace", "delete"]),
        of("reader-denied", &["list", "read"]).deny(&ALL, "way/team/secret"),
        of("writer-denied", &ALL).deny(&ALL, "way/team/secret"),
        of("writer-unseeing", &ALL).deny(&["list", "read"], "way/team/secret"),
        of("writer-reading", &ALL).deny(&["create", "replace", "delete"], "way/team/secret"),
        Rules::of("nearly-all").allow(&ALL, "").deny(&ALL, "way/team/SECRET").deny(&["read"], "other"),
    ]);
    guests
}

/// A server with the share of these tests, and its guests.
struct Stage {
    server: Server,
    tree: Tree,
}

impl Stage {
    fn new() -> Self {
        let (server, tree) = (server!().start(), Tree::whole());
        tree.lay_out(&server.scratch().share());
        Self { server, tree }
    }

    fn enrolled(&self, rules: &Rules) -> Guest {
        let (rights, below) = rules.invited_to();
        let place = if below.is_empty() { vec![] } else { vec!["--below", below] };
        let guest = Guest::enrolled(&self.server, rules.name, &[&["--rights", &rights][..], &place].concat());
        for (rights, below) in rules.denied() {
            manage(&self.server, &["deny", rules.name, &rights, "--below", below]);
        }
        guest
    }

    /// Lets the server know all digests, as somebody does who reads everything.
    fn know_all_digests(&self) {
        let owner = Guest::enrolled(&self.server, "owner", &["--write"]);
        let mut line = Line::open(owner.dial(&self.server));
        let files = self.tree.names().filter(|(_, node)| matches!(node, Node::File(_)));
        for (path, _) in files {
            let answer = line.ask(&Request::new(json!({"type": "stat", "path": path, "with_digest": true})));
            assert_eq!(answer.last()["type"], "found", "{}", answer.last());
        }
    }

    fn put_back(&self) {
        self.tree.lay_out(&self.server.scratch().share());
    }
}

#[test]
fn each_guest_may_do_what_its_rules_say_and_nothing_else_happens() {
    // Several shares at once: what takes time is to bring changes to the disk.
    let guests = guests();
    thread::scope(|threads| {
        for some in guests.chunks(guests.len().div_ceil(STAGES)) {
            threads.spawn(move || {
                let stage = Stage::new();
                stage.know_all_digests();
                some.iter().for_each(|rules| try_everything(&stage, rules));
            });
        }
    });
}

fn try_everything(stage: &Stage, rules: &Rules) {
    let mut line = Line::open(stage.enrolled(rules).dial(&stage.server));
    for place in PLACES {
        let is_granted = |request: &Request| {
            matches!(expected(rules, &stage.tree, request), Expected::Done | Expected::Begun)
        };
        let (granted, others): (Vec<Request>, Vec<Request>) =
            all_about(place, &stage.tree).into_iter().partition(is_granted);
        assert_denied(stage, rules, &mut line, &others);
        granted.iter().for_each(|request| assert_done(stage, rules, &mut line, request));
    }
}

/// Asks for what must be refused: nothing at all may change, and nothing may be told.
fn assert_denied(stage: &Stage, rules: &Rules, line: &mut Line, requests: &[Request]) {
    let share = stage.server.scratch().share();
    let before = tree_digest(&share);
    for request in requests {
        let answer = line.ask(request);
        let codes: &[&str] = match &expected(rules, &stage.tree, request) {
            Expected::Denied(code) => &[*code],
            Expected::Refused(codes) => codes,
            other => panic!("{other:?} is no refusal"),
        };
        let asked = format!("{} asked {}", rules.name, request.message);
        assert!(codes.contains(&answer.code()), "{asked}: {} and not {codes:?}", answer.last());
        assert_tells_nothing(stage, rules, &answer, &asked);
        assert_eq!(answer.lines.len(), 1, "{asked}: {:?}", answer.lines);
        assert_like_missing(stage, rules, line, (request, &answer));
    }
    let denied: Vec<String> = requests.iter().map(|request| request.message.to_string()).collect();
    assert_eq!(before, tree_digest(&share), "{} changed something by one of {denied:#?}", rules.name);
}

/// A hidden path is answered like one that is missing: byte for byte, whether it would lie in a hidden folder or in one that
/// the guest may see.
fn assert_like_missing(
    stage: &Stage,
    rules: &Rules,
    line: &mut Line,
    (request, answer): (&Request, &Answer),
) {
    for field in ["path", "to"] {
        let Some(path) = request.message[field].as_str() else { continue };
        if rules.is_visible(path) || is_wrong_at_the_other_end(stage, rules, request, field) {
            continue;
        }
        for twin in missing_twins(&stage.tree, path) {
            let mut other = request.clone();
            other.message[field] = json!(twin);
            let (mine, its) = (expected(rules, &stage.tree, request), expected(rules, &stage.tree, &other));
            let is_same = match &its {
                Expected::Refused(codes) => codes.len() == 1 && mine == Expected::Denied(codes[0]),
                denied => mine == *denied,
            };
            if is_same {
                let answer_of_missing = line.ask(&other);
                let told = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
                let asked = format!("{} asked {} and then {}", rules.name, request.message, other.message);
                assert_eq!(told(&answer.raw), told(&answer_of_missing.raw), "{asked}");
            }
        }
    }
}

/// Whether a RENAME is refused for its other path, too: then either may be told.
fn is_wrong_at_the_other_end(stage: &Stage, rules: &Rules, request: &Request, field: &str) -> bool {
    let (from, to) = (request.path().unwrap(), request.message["to"].as_str());
    match (to, field) {
        (None, _) => false,
        (Some(to), "path") => !rules.allows("create", to),
        (Some(_), _) => {
            let is_there = matches!(stage.tree.at(from), At::File(_) | At::Folder);
            !(is_there && rules.allows("read", from) && rules.allows("delete", from))
        }
    }
}

/// Paths of the same length that lead nowhere: another last letter in one part or the other.
fn missing_twins(tree: &Tree, path: &str) -> Vec<String> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let twin = |end: usize| {
        let start = path[..end].char_indices().last().unwrap().0;
        let letter = "~".repeat(end - start);
        format!("{}{letter}{}", &path[..start], &path[end..])
    };
    let is_missing = |twin: &String| matches!(tree.at(twin), At::Missing | At::NoFolder);
    ends.map(twin).filter(is_missing).collect()
}

/// No name and no content of what is hidden.
fn assert_tells_nothing(stage: &Stage, rules: &Rules, answer: &Answer, asked: &str) {
    let said = String::from_utf8_lossy(&answer.raw);
    for (path, node) in stage.tree.names() {
        if let Node::File(bytes) = node
            && !rules.allows("read", path)
        {
            let secrets = [String::from_utf8(bytes.clone()).unwrap(), digest(bytes)];
            assert!(!secrets.iter().any(|secret| said.contains(secret)), "{asked} and heard {said}");
        }
        if !rules.is_visible(path) {
            let name = path.rsplit('/').next().unwrap();
            let parts: BTreeSet<&str> = said.split(['"', '/']).collect();
            assert!(!parts.contains(name), "{asked} and heard {said}");
        }
    }
}

/// Asks for what must be done, and looks at the answer and at the whole share; then all is as before.
fn assert_done(stage: &Stage, rules: &Rules, line: &mut Line, request: &Request) {
    let asked = format!("{} asked {}", rules.name, request.message);
    let answer = line.ask(request);
    if expected(rules, &stage.tree, request) == Expected::Begun {
        assert_eq!(answer.lines[0]["type"], "ready", "{asked}: {:?}", answer.lines);
    } else {
        assert_ne!(answer.last()["type"], "refused", "{asked}: {}", answer.last());
        assert_answered(stage, rules, request, &answer);
    }
    assert_tells_nothing(stage, rules, &answer, &asked);
    let is_change = ["write", "rename", "delete", "mkdir"].contains(&request.kind());
    if is_change {
        let done = expected(rules, &stage.tree, request) == Expected::Done;
        let wanted = if done { after(&stage.tree, request) } else { stage.tree.clone() };
        assert_eq!(Tree::of(&stage.server.scratch().share()), wanted, "{asked}");
        stage.put_back();
    }
}

fn assert_answered(stage: &Stage, rules: &Rules, request: &Request, answer: &Answer) {
    let asked = format!("{} asked {}", rules.name, request.message);
    let by_digest = request.message["digest"].as_str().and_then(|digest| stage.tree.with_digest(digest));
    let path = request.path().or(by_digest).unwrap_or_default();
    match (request.kind(), stage.tree.at(path)) {
        ("list" | "search", _) => {
            let (names, links) = listed(rules, &stage.tree, request);
            let entries = answer.entries();
            let heard: BTreeSet<&str> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
            assert_eq!(heard, names.iter().copied().collect(), "{asked}");
            let counts =
                ["entry_count", "left_out_count", "unnameable_count"].map(|count| &answer.last()[count]);
            let wanted = [json!(names.len()), json!(links), json!(0)];
            assert_eq!(counts, [&wanted[0], &wanted[1], &wanted[2]], "{asked}");
        }
        ("stat", at) => {
            let found = answer.last();
            assert_eq!(found["entry"]["path"], path, "{asked}: {found}");
            match (at, &found["digest"]) {
                // Where it was not asked for, it is told if it is known.
                (At::File(_), Value::Null) => {
                    assert!(request.path().is_some() && !request.says("with_digest"), "{asked}");
                }
                (_, Value::Null) => {}
                (At::File(bytes), told) => {
                    assert!(*told == digest(bytes) && rules.allows("read", path), "{asked}");
                }
                (_, told) => panic!("{asked}: {told}"),
            }
        }
        ("read", At::File(bytes)) => {
            let wanted = if request.message["ranges"].is_array() { &bytes[2..7] } else { bytes };
            assert_eq!(answer.payload, wanted, "{asked}");
        }
        ("pieces", At::File(bytes)) => assert_eq!(answer.payload, blake3::hash(bytes).as_bytes(), "{asked}"),
        _ => {}
    }
}

#[test]
fn a_guest_is_told_of_no_topic_that_others_are_not_and_may_say_goodbye() {
    let stage = Stage::new();
    let heard = |rules: &Rules| {
        let mut line = Line::open(stage.enrolled(rules).dial(&stage.server));
        let topics = line.ask(&Request::new(json!({"type": "help"})));
        assert_eq!(line.ask(&Request::new(json!({"type": "bye"}))).last()["type"], "goodbye");
        topics.raw
    };
    let heard: BTreeSet<Vec<u8>> = guests()[..7].iter().map(heard).collect();
    assert_eq!(heard.len(), 1);
}
