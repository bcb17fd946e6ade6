//! The share of these tests: what lies in it, as a picture that can be compared, changed and put back.
//!
//! It must not know who may see what.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use integration_tests::content::digest;

/// What has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    File(Vec<u8>),
    Folder,
    Link(String),
}

/// What a path of these tests leads to, where links lead nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum At<'a> {
    File(&'a [u8]),
    Folder,
    Link,
    /// The name is free, and its folder is there.
    Missing,
    /// Something on the way is missing, or is a file.
    NoFolder,
    /// Something on the way is a link.
    BehindLink,
}

/// All names with what they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, Node>);

/// The files that each test has; each has bytes and a last name of its own.
const FILES: [&str; 13] = [
    "way/team/plain.txt",
    "way/team/full/inner-full.txt",
    "way/team/secret/inner-secret.txt",
    "way/team/secret/deeper/innermost.txt",
    "way/team2/plain-two.txt",
    "way/TEAM/plain-capital.txt",
    "way/beside.txt",
    "other/outlying.txt",
    "other/below/outermost.txt",
    "rooted.txt",
    "way/team/cafe\u{301}.txt",
    "way/team/caf\u{e9}-composed.txt",
    "other/plain-other.txt",
];
const FOLDERS: [&str; 3] = ["way/team/empty", "other/hollow", "way/team2/vacant"];
/// Out of the grant by all ways that stay in the share, within it, and nowhere.
const LINKS: [(&str, &str); 6] = [
    ("way/team/up", "../../other"),
    ("way/team/near.txt", "../team2/plain-two.txt"),
    ("way/team/chained.txt", "near.txt"),
    ("way/team/within.txt", "plain.txt"),
    ("way/team/dangling.txt", "nothing.txt"),
    ("other/back", "../way/team"),
];

impl Tree {
    /// The picture of a share as all tests begin with it.
    pub(crate) fn whole() -> Self {
        let mut tree = Self(BTreeMap::new());
        for path in FILES {
            tree.put(path, Node::File(content_of(path)));
        }
        FOLDERS.iter().for_each(|path| tree.put(path, Node::Folder));
        LINKS.iter().for_each(|(path, target)| tree.put(path, Node::Link((*target).to_owned())));
        tree
    }

    fn put(&mut self, path: &str, node: Node) {
        for (end, _) in path.match_indices('/') {
            self.0.entry(path[..end].to_owned()).or_insert(Node::Folder);
        }
        self.0.insert(path.to_owned(), node);
    }

    /// Makes the share like this picture, whatever is in it.
    pub(crate) fn lay_out(&self, share: &Path) {
        for entry in fs::read_dir(share).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => fs::remove_dir_all(entry.path()).unwrap(),
                false => fs::remove_file(entry.path()).unwrap(),
            }
        }
        for (path, node) in &self.0 {
            let path = share.join(path);
            match node {
                Node::File(bytes) => fs::write(path, bytes).unwrap(),
                Node::Folder => fs::create_dir(path).unwrap(),
                Node::Link(target) => symlink(target, path).unwrap(),
            }
        }
    }

    /// What is in the share now.
    pub(crate) fn of(share: &Path) -> Self {
        let mut tree = Self(BTreeMap::new());
        tree.take(share, share);
        tree
    }

    fn take(&mut self, share: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            let node = match (kind.is_dir(), kind.is_symlink()) {
                (true, _) => Node::Folder,
                (_, true) => Node::Link(fs::read_link(&path).unwrap().to_str().unwrap().to_owned()),
                _ => Node::File(fs::read(&path).unwrap()),
            };
            self.0.insert(path.strip_prefix(share).unwrap().to_str().unwrap().to_owned(), node);
            if kind.is_dir() {
                self.take(share, &path);
            }
        }
    }

    /// What is at a path; the empty one is the share itself.
    pub(crate) fn at(&self, path: &str) -> At<'_> {
        for (end, _) in path.match_indices('/') {
            match self.0.get(&path[..end]) {
                Some(Node::Folder) => {}
                Some(Node::Link(_)) => return At::BehindLink,
                _ => return At::NoFolder,
            }
        }
        match self.0.get(path) {
            Some(Node::File(bytes)) => At::File(bytes),
            Some(Node::Link(_)) => At::Link,
            Some(Node::Folder) => At::Folder,
            None if path.is_empty() => At::Folder,
            None => At::Missing,
        }
    }

    pub(crate) fn is_empty_folder(&self, path: &str) -> bool {
        self.at(path) == At::Folder && !self.0.keys().any(|other| other.starts_with(&format!("{path}/")))
    }

    /// The path of the file with this digest.
    pub(crate) fn with_digest(&self, wanted: &str) -> Option<&str> {
        let has_it = |node: &Node| matches!(node, Node::File(bytes) if digest(bytes) == wanted);
        self.0.iter().find(|(_, node)| has_it(node)).map(|(path, _)| path.as_str())
    }

    /// Removes a name with all below it, and gives it back.
    pub(crate) fn remove(&mut self, path: &str) -> Vec<(String, Node)> {
        let below = format!("{path}/");
        let names: Vec<String> =
            self.0.keys().filter(|name| *name == path || name.starts_with(&below)).cloned().collect();
        names
            .into_iter()
            .map(|name| {
                let node = self.0.remove(&name).unwrap();
                (name, node)
            })
            .collect()
    }

    pub(crate) fn insert(&mut self, path: &str, node: Node) {
        self.put(path, node);
    }

    /// All names, with what they stand for.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_str(), node))
    }
}

/// The bytes of a file of these tests, which are nowhere else.
pub(crate) fn content_of(path: &str) -> Vec<u8> {
    let name = path.replace('/', "+");
    format!("content-of-{name}").into_bytes()
}
