//! What a request must come to: a small model of the service for guests who may not go everywhere, to whom no link leads
//! anywhere.
//!
//! It must not know how the server comes to its answers.

use integration_tests::content::digest;
use serde_json::Value;

use crate::line::Request;
use crate::rules::{Rules, is_in};
use crate::tree::{At, Node, Tree};

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The guest may not, and one of these codes says so.
    Denied(&'static str),
    /// The guest may, but it cannot be done.
    Refused(&'static [&'static str]),
    /// It is done.
    Done,
    /// It is given up after `ready`.
    Begun,
}

use Expected::{Begun, Denied, Done, Refused};

/// Refuses with the right code whoever lacks a right.
macro_rules! needs {
    ($rules:expr, $right:expr, $path:expr) => {
        if !$rules.allows($right, $path) {
            return denied($rules, $right, $path);
        }
    };
}

pub(crate) fn expected(rules: &Rules, tree: &Tree, request: &Request) -> Expected {
    let path = request.path().unwrap_or_default();
    if let Some(wanted) = request.message["digest"].as_str().filter(|_| request.kind() != "write") {
        let is_readable = tree.with_digest(wanted).is_some_and(|path| rules.allows("read", path));
        return if is_readable { Done } else { Denied("not_found") };
    }
    match request.kind() {
        "help" | "search" => Done,
        "list" => list(rules, tree, path),
        "stat" => stat(rules, tree, request, path),
        "read" | "pieces" => read(rules, tree, request, path),
        "write" => write(rules, tree, request, path),
        "rename" => rename(rules, tree, request, path),
        "delete" => delete(rules, tree, request, path),
        "mkdir" => mkdir(rules, tree, path),
        other => panic!("who may do {other}?"),
    }
}

fn denied(rules: &Rules, right: &str, path: &str) -> Expected {
    denied_as(rules, right, path, &|rules| rules.is_visible(path))
}

fn denied_as(rules: &Rules, right: &str, path: &str, is_known: &dyn Fn(&Rules) -> bool) -> Expected {
    let if_missing = rules.without_denials();
    let is_told = is_known(rules) || (!if_missing.allows(right, path) && is_known(&if_missing));
    Denied(if is_told { "not_allowed" } else { "not_found" })
}

/// Of a name that is to be taken: whoever knows the folder is told that it may not, whatever the name.
fn denied_new(rules: &Rules, path: &str) -> Expected {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    denied_as(rules, "create", path, &|rules| rules.is_visible(path) || rules.is_visible(folder))
}

fn list(rules: &Rules, tree: &Tree, path: &str) -> Expected {
    if !(rules.is_visible(path) && rules.differs_below(path)) {
        needs!(rules, "list", path);
    }
    match tree.at(path) {
        At::Folder => Done,
        At::File(_) => Refused(&["not_a_folder"]),
        _ => Refused(&["not_found"]),
    }
}

fn stat(rules: &Rules, tree: &Tree, request: &Request, path: &str) -> Expected {
    if !rules.is_visible(path) {
        return Denied("not_found");
    }
    match tree.at(path) {
        At::File(_) if request.says("with_digest") && !rules.allows("read", path) => Denied("not_allowed"),
        At::File(_) | At::Folder => Done,
        _ => Refused(&["not_found"]),
    }
}

fn read(rules: &Rules, tree: &Tree, request: &Request, path: &str) -> Expected {
    needs!(rules, "read", path);
    match tree.at(path) {
        At::File(bytes) if is_other_version(request, bytes) => Refused(&["changed"]),
        At::File(_) => Done,
        At::Folder => Refused(&["not_a_file"]),
        _ => Refused(&["not_found"]),
    }
}

fn is_other_version(request: &Request, bytes: &[u8]) -> bool {
    request.message["if_digest"].as_str().is_some_and(|wanted| wanted != digest(bytes))
}

fn write(rules: &Rules, tree: &Tree, request: &Request, path: &str) -> Expected {
    let (creates, replaces) = (rules.allows("create", path), rules.allows("replace", path));
    if !creates && !replaces {
        return denied_new(rules, path);
    }
    let has_version = request.message["if_digest"].is_string();
    if has_version && !rules.allows("read", path) {
        return denied_new(rules, path);
    }
    let done = if request.says("base_wanted") { Begun } else { Done };
    match tree.at(path) {
        At::File(bytes) if is_other_version(request, bytes) => Refused(&["changed"]),
        At::File(_) if request.says("new") || !replaces => Refused(&["exists"]),
        At::File(_) => done,
        At::Folder => Refused(&["not_a_file"]),
        At::Link => Refused(&["not_allowed"]),
        At::Missing if has_version => Refused(&["changed"]),
        At::Missing if !creates => Refused(&["not_allowed"]),
        At::Missing => done,
        At::NoFolder => Refused(&["not_found", "changed", "not_allowed"]),
        At::BehindLink => Refused(&["not_found", "not_allowed", "changed"]),
    }
}

fn rename(rules: &Rules, tree: &Tree, request: &Request, from: &str) -> Expected {
    let to = request.message["to"].as_str().unwrap();
    needs!(rules, "read", from);
    needs!(rules, "delete", from);
    if !rules.allows("create", to) {
        return denied_new(rules, to);
    }
    let is_folder = match tree.at(from) {
        At::File(_) => false,
        At::Folder => true,
        _ => return Refused(&["not_found"]),
    };
    if is_folder && (rules.differs_below(from) || rules.differs_below(to)) {
        return Denied("not_allowed");
    }
    let replaces = request.says("replace") && rules.allows("replace", to);
    match tree.at(to) {
        _ if is_folder && is_in(to, from) => Refused(&["bad_path", "not_found"]),
        At::Missing => Done,
        At::NoFolder => Refused(&["not_found"]),
        At::Link => Refused(&["not_allowed"]),
        At::BehindLink => Refused(&["not_found", "not_allowed"]),
        At::File(_) | At::Folder if !replaces => Refused(&["exists"]),
        At::File(_) if !is_folder => Done,
        At::File(_) => Refused(&["not_a_folder"]),
        At::Folder if !is_folder => Refused(&["not_a_file", "not_empty"]),
        At::Folder if tree.is_empty_folder(to) => Done,
        At::Folder => Refused(&["not_empty"]),
    }
}

fn delete(rules: &Rules, tree: &Tree, request: &Request, path: &str) -> Expected {
    needs!(rules, "delete", path);
    match tree.at(path) {
        At::File(_) | At::Link => Done,
        At::Folder if rules.differs_below(path) => Denied("not_allowed"),
        At::Folder if request.says("recursive") || tree.is_empty_folder(path) => Done,
        At::Folder => Refused(&["not_empty"]),
        _ => Refused(&["not_found"]),
    }
}

fn mkdir(rules: &Rules, tree: &Tree, path: &str) -> Expected {
    if !rules.allows("create", path) {
        return denied_new(rules, path);
    }
    match tree.at(path) {
        At::Folder => return Done,
        At::File(_) => return Refused(&["not_a_folder"]),
        At::Link | At::BehindLink => return Refused(&["not_allowed", "not_found"]),
        At::Missing | At::NoFolder => {}
    }
    for (end, _) in path.match_indices('/') {
        match tree.at(&path[..end]) {
            At::Folder => {}
            At::Missing | At::NoFolder if rules.allows("create", &path[..end]) => {}
            At::Missing | At::NoFolder => return Denied("not_found"),
            _ => return Refused(&["not_a_folder", "not_found"]),
        }
    }
    Done
}

/// The share after a request that was done.
pub(crate) fn after(tree: &Tree, request: &Request) -> Tree {
    let (mut tree, path) = (tree.clone(), request.path().unwrap_or_default());
    match request.kind() {
        "write" => tree.insert(path, Node::File(request.bytes.clone())),
        "mkdir" => tree.insert(path, Node::Folder),
        "delete" => drop(tree.remove(path)),
        "rename" => {
            let to = request.message["to"].as_str().unwrap();
            for (name, node) in tree.remove(path) {
                tree.insert(&format!("{to}{}", &name[path.len()..]), node);
            }
        }
        _ => {}
    }
    tree
}

/// The entries of a listing or search, by their paths, and how many links in between are left out.
pub(crate) fn listed<'a>(rules: &Rules, tree: &'a Tree, request: &Request) -> (Vec<&'a str>, usize) {
    let folder = request.path().unwrap_or_default();
    let is_search = request.kind() == "search";
    let is_deep = is_search || request.says("recursive");
    let is_meant = |path: &&str| {
        let is_child = || path.rsplit_once('/').map_or("", |(parent, _)| parent) == folder;
        is_in(path, folder) && *path != folder && (is_deep || is_child())
    };
    let shown = tree.names().filter(|(path, _)| is_meant(path) && rules.is_listed(path));
    let (links, others): (Vec<_>, Vec<_>) = shown.partition(|(_, node)| matches!(node, Node::Link(_)));
    let has_words = |path: &&str| !is_search || has_all_words(path, &request.message["words"]);
    (others.into_iter().map(|(path, _)| path).filter(has_words).collect(), links.len())
}

fn has_all_words(path: &str, words: &Value) -> bool {
    let cut = |text: &str| -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let there = cut(path);
    cut(words.as_str().unwrap()).iter().all(|word| there.contains(word))
}
