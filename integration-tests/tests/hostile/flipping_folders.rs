//! Case 20: a folder on the path of every request that turns into a link and back as fast as the machine can: into
//! one that leads elsewhere inside, by way of its parent too, into one that leads to the canary, and into one that
//! leads nowhere. Some seconds for all requests at once; with `MINUTES=1` in the environment, as many minutes, and so
//! for each of them more than the ten seconds that the case asks for.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use integration_tests::content::digest;
use integration_tests::document::{codes, request_types};
use integration_tests::flipper::{FLIP, LINKS, put_links, race_end, real_folder};
use integration_tests::patience::{HANG_TIME_MAX, eventually};
use integration_tests::scratch::{PARTIAL_PREFIX, tree_below};
use integration_tests::server::Server;
use integration_tests::session::assert_refused;
use integration_tests::{flipper, server};
use serde_json::Value;
use table::{Changes, Lane, content_of, lanes};

const USUAL_TIME: Duration = Duration::from_secs(5);
/// Requests that name nothing in the share.
const PATHLESS: [&str; 2] = ["help", "bye"];

type Tree = BTreeMap<String, String>;

#[test]
fn every_request_that_takes_a_path_has_a_lane_here() {
    let lanes = lanes();
    let here: BTreeSet<&str> = lanes.iter().map(|lane| lane.request).chain(PATHLESS).collect();
    let wanted = request_types();
    assert_eq!(here, wanted.iter().map(String::as_str).collect(), "PROTOCOL.md has other requests");
    let known = codes();
    let strange = lanes.iter().flat_map(|lane| lane.codes).find(|code| !known.contains(&(**code).to_owned()));
    assert_eq!(strange, None, "no code of PROTOCOL.md");
}

#[test]
fn no_request_reads_or_changes_anything_outside_or_half_of_anything_inside_while_a_folder_flips() {
    let server = server!().start();
    let share = server.scratch().share();
    let lanes = lanes();
    let folders: Vec<PathBuf> = lanes.iter().map(|lane| share.join(lane.name)).collect();
    lanes.iter().for_each(|lane| put_lane(&share, lane));
    let flipper = flipper!(&folders);
    let end = race_end(USUAL_TIME);
    thread::scope(|scope| {
        for lane in &lanes {
            scope.spawn(|| run(&server, lane, end));
        }
    });
    assert!(flipper.stop() > 0, "nothing ever flipped");
    server.scratch().assert_outside_is_unchanged();
    lanes.iter().for_each(|lane| fs::remove_dir_all(share.join(lane.name)).unwrap());
    assert_eq!(tree_below(&share).unwrap(), Tree::new(), "something is left in the share");
}

/// Asks again and again until the time is over, and both what may be done and what may be refused was seen.
fn run(server: &Server, lane: &Lane, end: Instant) {
    let mut session = server.session();
    let mut seen = BTreeMap::<String, usize>::new();
    let last = Instant::now() + HANG_TIME_MAX;
    let share = server.scratch().share();
    while Instant::now() < end || !is_all_seen(lane, &seen) {
        assert!(Instant::now() < last.max(end), "{}: only {seen:?} was ever seen", lane.name);
        let answer = (lane.ask)(&mut session, lane.name);
        judge_answer(lane, &answer);
        if lane.changes() {
            judge_tree(lane, &answer, &take_lane(&share, lane));
        }
        let what = answer["code"].as_str().or(answer["type"].as_str()).unwrap_or_default();
        *seen.entry(what.to_owned()).or_default() += 1;
    }
    if !lane.changes() {
        judge_tree(lane, &Value::Null, &take_lane(&share, lane));
    }
    session.assert_works();
}

/// That a name changes too fast is not said to each.
fn is_all_seen(lane: &Lane, seen: &BTreeMap<String, usize>) -> bool {
    let is_done = (lane.outcomes)().is_empty() || seen.contains_key(lane.done);
    let mut refusals = lane.codes.iter().filter(|code| **code != "busy").peekable();
    is_done && (refusals.peek().is_none() || refusals.any(|code| seen.contains_key(*code)))
}

fn judge_answer(lane: &Lane, answer: &Value) {
    if answer["type"] != lane.done {
        let code = answer["code"].as_str().unwrap_or_default();
        assert_refused(answer, code);
        assert!(lane.codes.contains(&code), "{}: {answer}", lane.name);
    }
}

/// Holds what is there after an answer against what the lane allows.
fn judge_tree(lane: &Lane, answer: &Value, after: &Tree) {
    let (before, mut after) = (everything(), after.clone());
    let mut outcomes = (lane.outcomes)();
    let parts = if lane.leaves_parts { outcomes.clone() } else { Vec::new() };
    if answer["type"] != lane.done {
        outcomes = vec![Vec::new()];
        after.retain(|path, _| !lane.keeps_partials || !path.contains(PARTIAL_PREFIX));
    }
    let is_allowed = outcomes.iter().any(|changes| fits(&before, &after, changes, &parts));
    assert!(is_allowed, "{}: {answer}\n{:#?}", lane.name, difference(&before, &after));
}

/// Whether these changes make `after` of `before`, but for changes out of `parts`.
fn fits(before: &Tree, after: &Tree, changes: &Changes, parts: &[Changes]) -> bool {
    let mut expected = before.clone();
    for (path, now) in changes {
        match now {
            Some(now) => expected.insert(path.clone(), now.clone()),
            None => expected.remove(path),
        };
    }
    let is_part = |path: &String, now: Option<String>| {
        parts.iter().flatten().any(|part| *part == (path.clone(), now.clone()))
    };
    let paths: BTreeSet<&String> = expected.keys().chain(after.keys()).collect();
    paths
        .iter()
        .all(|path| expected.get(*path) == after.get(*path) || is_part(path, after.get(*path).cloned()))
}

fn difference(before: &Tree, after: &Tree) -> Vec<String> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = paths.iter().filter(|path| before.get(**path) != after.get(**path));
    differs.map(|path| format!("{path}: {:?} became {:?}", before.get(*path), after.get(*path))).collect()
}

/// Makes a lane's folder beside its place, and moves it there whole.
fn put_lane(share: &Path, lane: &Lane) {
    // Outside the share, so that nobody finds it half made, but not the canary.
    let made = share.with_file_name(format!("made-{}", lane.name));
    for (folder, side) in [(FLIP, "real"), ("inside", "inside")] {
        fs::create_dir_all(made.join(folder).join("inner")).unwrap();
        fs::write(made.join(folder).join("secret.txt"), content_of(side)).unwrap();
        fs::write(made.join(folder).join("inner/deep.txt"), content_of(side)).unwrap();
    }
    fs::create_dir(made.join("bin")).unwrap();
    fs::write(made.join("bin/ready"), b"ready").unwrap();
    put_links(&made, lane.name);
    fs::rename(&made, share.join(lane.name)).unwrap();
}

/// Takes a lane's folder away, puts a new one in its place, and tells what was in it.
fn take_lane(share: &Path, lane: &Lane) -> Tree {
    let taken = share.with_file_name(format!("taken-{}", lane.name));
    if fs::rename(share.join(lane.name), &taken).is_err() {
        put_lane(share, lane);
        return Tree::new();
    }
    put_lane(share, lane);
    // The flipper may have been on its way to one more flip in there: what is told twice alike is not torn.
    let tree = eventually(&format!("{} is told twice alike", lane.name), || {
        let (first, second) = (told(&taken).ok()?, told(&taken).ok()?);
        (first == second).then_some(first)
    });
    eventually(&format!("{} is gone", lane.name), || fs::remove_dir_all(&taken).ok());
    tree
}

/// The tree of a lane's folder, in words that do not depend on which name stands where at the moment.
fn told(folder: &Path) -> io::Result<Tree> {
    let mut tree = Tree::new();
    let names: Vec<&str> = LINKS.iter().map(|(name, _)| *name).chain([FLIP, "away"]).collect();
    let real = real_folder(folder, &names);
    let real = real.as_ref().map(|path| path.file_name().unwrap().to_str().unwrap());
    for (path, what) in tree_below(folder)? {
        let (top, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        if top == "away" && rest.is_empty() {
            tree.insert(path.clone(), "there".to_owned());
        }
        match what.strip_prefix("link to ").filter(|_| names.contains(&top)) {
            Some(target) => tree.insert(link_key(target), String::new()),
            None if Some(top) == real => tree.insert(format!("real{rest}"), what),
            None => tree.insert(path.clone(), what),
        };
    }
    Ok(tree)
}

/// What a lane has at first.
fn everything() -> Tree {
    let mut tree = links();
    for side in ["real", "inside"] {
        let content = digest(&content_of(side));
        tree.extend([side, &format!("{side}/inner")].map(|path| (path.to_owned(), "folder".to_owned())));
        tree.extend(["secret.txt", "inner/deep.txt"].map(|name| (format!("{side}/{name}"), content.clone())));
    }
    tree.insert("bin".to_owned(), "folder".to_owned());
    tree.insert("bin/ready".to_owned(), digest(b"ready"));
    tree
}

/// The links that a lane has at first, wherever they stand.
fn links() -> Tree {
    LINKS.iter().map(|(_, target)| (link_key(target), String::new())).collect()
}

/// What a link is called here: the lane's own name, in the second of them, is left out.
fn link_key(target: &str) -> String {
    match target.strip_prefix("../").and_then(|rest| rest.split_once('/')) {
        Some((_, "inside")) => "a link inside by way of the parent".to_owned(),
        _ => format!("a link to {target}"),
    }
}
