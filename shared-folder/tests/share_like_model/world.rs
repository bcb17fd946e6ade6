//! A served folder, its model, and the canary beside it: every step is taken in both, and compared.

use super::disk::{self, LINKED, LINKED_MODIFIED};
use super::generated::{Path as Named, Step, Tree, Version};
use super::model::{File, Model, Node, check, is_part};
use super::predictions::{Answer, Request, Write};
use super::talk::Talk;
use shared_folder::catalogue::Catalogue;
use shared_folder::folder::Folder;
use shared_folder::serve::{Host, Observe, RequestRecord, Rules, Share};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use wire::digest::Digest;
use wire::message::Role;
use wire::net::service::{Admission, Service};
use wire::net::{Door, Listener};

/// Stands in every name and content outside that nobody may see.
const CANARY: &str = "canary-5e0b";
const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";

struct Quiet;

impl Observe for Quiet {
    fn request(&self, _: &RequestRecord<'_>) {}
}

pub(crate) struct World {
    scratch: TempDir,
    outside: Vec<String>,
    model: Model,
    talk: Talk,
    _service: Service,
}

impl World {
    pub(crate) fn new(tree: Tree) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let outside = make_outside(&scratch);
        disk::make(scratch.path(), &scratch.path().join("share"), &tree);
        let service = serve(&scratch.path().join("share"));
        let talk = Talk::open(service.address());
        Self { scratch, outside, model: Model { root: tree }, talk, _service: service }
    }

    /// Takes one step; an error says what is not as predicted.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        if let Step::Outside(path, node) = step {
            self.happen(path, node.as_ref());
            return Ok(());
        }
        if let Step::Together(steps) = step {
            return self.together(steps);
        }
        let request = self.request(step);
        let got = self.talk.ask(&request);
        let expected = self.model.answer(&request);
        self.compare(&request, &expected, &got)?;
        self.check_secrets(&request)?;
        self.check_disk().map_err(|what| format!("after {request:?} -> {got:?}: {what}"))
    }

    /// Each sees what the ones before it did, although nothing was answered yet when it was sent.
    fn together(&mut self, steps: &[Step]) -> Result<(), String> {
        let mut asked = Vec::new();
        for step in steps {
            let request = self.request(step).made_short();
            let before = self.model.clone();
            let expected = self.model.answer(&request);
            asked.push((self.talk.tell(&request), request, expected, before));
        }
        let after = self.model.clone();
        for (id, request, expected, before) in asked {
            let got = self.talk.hear(id, &request);
            // What is found by its digest is compared with the share of its moment.
            self.model = before;
            self.compare(&request, &expected, &got)?;
            self.check_secrets(&request)?;
        }
        self.model = after;
        self.check_disk().map_err(|what| format!("after {steps:?}: {what}"))
    }

    pub(crate) fn end(mut self) -> Result<(), String> {
        let listing = Request::List { path: None, recursive: true };
        let (got, expected) = (self.talk.ask(&listing), self.model.answer(&listing));
        self.compare(&listing, &expected, &got)?;
        self.talk.bye();
        Ok(())
    }

    fn compare(&self, request: &Request, expected: &Answer, got: &Answer) -> Result<(), String> {
        let agrees = match (request, got) {
            // What is found by its digest must be as by its path, and have that digest.
            (Request::StatDigest(wanted), Answer::Found { entry, digest }) => {
                let by_path = Request::Stat { path: Some(entry.path.clone()), with_digest: true };
                *digest == Some(*wanted) && self.model.clone().answer(&by_path) == *got
            }
            (Request::ReadDigest(wanted), Answer::Read { entry, bytes, .. }) => {
                let by_path = Request::Read { path: entry.path.clone(), ranges: None, if_digest: None };
                Digest::of(&bytes.0) == *wanted && is_same(&self.model.clone().answer(&by_path), got)
            }
            (Request::Stat { with_digest: true, .. }, _) => got == expected,
            _ => is_same(expected, got),
        };
        if agrees { Ok(()) } else { Err(format!("{request:?}\nexpected {expected:?}\nbut got  {got:?}")) }
    }

    fn check_secrets(&self, request: &Request) -> Result<(), String> {
        let is_told = self.talk.heard.windows(CANARY.len()).any(|run| run == CANARY.as_bytes());
        if is_told { Err(format!("{request:?} told a secret")) } else { Ok(()) }
    }

    /// The real tree against the model, which learns the times that nobody said.
    fn check_disk(&mut self) -> Result<(), String> {
        let real = disk::read(self.scratch.path(), &self.share());
        adopt_times(&mut self.model.root, &real);
        if real != self.model.root {
            return Err(format!("the share is\n{real:?}\nand should be\n{:?}", self.model.root));
        }
        let outside = disk::portrait(&self.scratch.path().join("outside"));
        if outside != self.outside {
            return Err(format!("outside is\n{outside:?}\nand was\n{:?}", self.outside));
        }
        let names = fs::read_dir(self.scratch.path()).unwrap().count();
        if names == 2 { Ok(()) } else { Err("something new stands beside the share".to_owned()) }
    }

    /// Somebody else changes the share, where a folder is for it.
    fn happen(&mut self, path: &Named, node: Option<&Node>) {
        let path = self.path(path);
        let is_nameable = check(&path).is_ok() && path.split('/').all(is_part);
        let Some(place) = self.model.place(&path).ok().filter(|_| is_nameable) else { return };
        let real = disk::path_of(&self.share(), &place);
        disk::clear(&real);
        self.model.take(&place);
        if let Some(node) = node {
            disk::make(self.scratch.path(), &real, node);
            self.model.put(&place, node.clone());
        }
    }

    fn share(&self) -> PathBuf {
        self.scratch.path().join("share")
    }

    fn path(&self, named: &Named) -> String {
        let paths = self.model.paths();
        let pick = |index: &proptest::sample::Index| {
            if paths.is_empty() { "a".to_owned() } else { index.get(&paths).clone() }
        };
        match named {
            Named::There(index) => pick(index),
            Named::Below(index, name) => format!("{}/{name}", pick(index)),
            Named::Named(path) => path.clone(),
            Named::Alias(_) => panic!("of no path"),
        }
    }

    /// The second path of a step.
    fn target(&self, path: &str, named: &Named) -> String {
        let Named::Alias(index) = named else { return self.path(named) };
        let Ok(place) = self.model.place(path) else { return path.to_owned() };
        let mut names = self.model.paths();
        names.retain(|name| self.model.place(name).as_ref() == Ok(&place));
        if names.is_empty() { path.to_owned() } else { index.get(&names).clone() }
    }

    /// The version that a step about `path` means.
    fn version(&self, version: &Version, path: &str) -> Digest {
        let of_file = |path: &str| match self.model.read(path) {
            Ok(Node::File(file)) => file.digest(),
            _ => Digest::of(b"nothing has this"),
        };
        match version {
            Version::Its => of_file(path),
            Version::Of(path) => of_file(&self.path(path)),
            Version::Other(content) => Digest::of(&content.bytes()),
        }
    }

    fn request(&self, step: &Step) -> Request {
        let path = |path: &Named| self.path(path);
        let version = |version: &Option<Version>, path: &str| {
            version.as_ref().map(|version| self.version(version, path))
        };
        match step {
            Step::List(folder, recursive) => {
                Request::List { path: folder.as_ref().map(path), recursive: *recursive }
            }
            Step::Search(words) => Request::Search { words: words.clone() },
            Step::Stat(named, with_digest) => {
                Request::Stat { path: named.as_ref().map(path), with_digest: *with_digest }
            }
            Step::StatDigest(wanted) => Request::StatDigest(self.version(wanted, "")),
            Step::Read(file, ranges, wanted) => Request::Read {
                path: path(file),
                ranges: ranges.clone(),
                if_digest: version(wanted, &path(file)),
            },
            Step::ReadDigest(wanted) => Request::ReadDigest(self.version(wanted, "")),
            Step::Pieces(file) => Request::Pieces { path: path(file) },
            Step::Write(file, upload) => Request::Write(Write {
                path: path(file),
                bytes: upload.content.bytes(),
                is_announced: upload.is_announced,
                modified: upload.modified,
                executable: upload.executable,
                new: upload.new,
                if_digest: version(&upload.if_digest, &path(file)),
                base_wanted: upload.base_wanted,
                closing: upload.closing,
            }),
            Step::Rename(from, to, replace) => {
                Request::Rename { path: path(from), to: self.target(&path(from), to), replace: *replace }
            }
            Step::Delete(named, recursive) => Request::Delete { path: path(named), recursive: *recursive },
            Step::Mkdir(folder) => Request::Mkdir { path: path(folder) },
            Step::Outside(..) | Step::Together(_) => panic!("no request"),
        }
    }
}

/// The same answer, where digests that the server need not know may be missing.
fn is_same(expected: &Answer, got: &Answer) -> bool {
    match (expected, got) {
        (Answer::Found { entry, .. }, Answer::Found { entry: told, digest: None }) => entry == told,
        (Answer::Read { entry, bytes, .. }, Answer::Read { entry: told, bytes: read, file_digest: None }) => {
            entry == told && bytes == read
        }
        _ => expected == got,
    }
}

fn adopt_times(model: &mut Node, real: &Node) {
    match (model, real) {
        (Node::File(File { modified: unknown @ None, .. }), Node::File(file)) => *unknown = file.modified,
        (Node::Folder(names), Node::Folder(real)) => {
            for (name, node) in names {
                if let Some(real) = real.get(name) {
                    adopt_times(node, real);
                }
            }
        }
        _ => {}
    }
}

fn make_outside(scratch: &TempDir) -> Vec<String> {
    let outside = scratch.path().join("outside");
    fs::create_dir_all(outside.join(CANARY)).unwrap();
    fs::write(outside.join("secret.txt"), CANARY).unwrap();
    fs::write(outside.join(CANARY).join("a"), CANARY).unwrap();
    let linked =
        File { bytes: Arc::new(LINKED.to_vec()), modified: Some(LINKED_MODIFIED), executable: false };
    disk::make_file(&outside.join("linked"), &linked);
    disk::portrait(&outside)
}

fn serve(share: &Path) -> Service {
    let rules = Rules::default();
    let welcome = Host::welcome("test".into(), Role::Server, PROCESS_ID.into(), &rules);
    let folder = Folder::open(share).unwrap();
    let host = Host::new(Share::new(folder, Catalogue::open(None), rules), welcome, Box::new(Quiet));
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let admission = Admission { connections_max: 4, patience: Duration::from_secs(60) };
    Service::start(listener, admission, Door::plain(), Arc::new(host)).unwrap()
}
