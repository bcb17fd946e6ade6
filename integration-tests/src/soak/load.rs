//! One client's work: it uploads, downloads, renames, deletes, lists and searches through a proxy that cuts and
//! stalls, is killed now and then, and writes down what it was told.
//!
//! It must not know when the server dies.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Shared;
use super::ledger::Ledger;
use crate::client::Client;
use crate::content::{Dice, PIECE_BYTES, bytes, digest};
use crate::process::Process;
use crate::proxy::{Direction, Fault, Proxy};
use crate::scratch::Scratch;

/// More files than this are thinned out by deletions.
const FILE_COUNT_MAX: usize = 80;
/// The most that a client waits without progress.
const PATIENCE: &str = "4s";
/// One client in so many is killed.
const KILLED_ONE_IN: usize = 9;
const TREE_FILE_COUNT: usize = 25;

/// A client at work.
pub(super) struct Worker<'a> {
    name: String,
    shared: &'a Shared,
    server: SocketAddr,
    binary: PathBuf,
    dice: Dice,
    scratch: Scratch,
    ledger: Ledger,
    made_count: usize,
}

/// How one command ended.
struct Ran {
    /// None when it was killed.
    code: Option<i32>,
    lines: Vec<Value>,
    text: String,
}

impl Ran {
    fn is_done(&self) -> bool {
        self.code == Some(0)
    }

    fn error_code(&self) -> &str {
        self.lines.iter().find_map(|line| line["error"]["code"].as_str()).unwrap_or("")
    }
}

impl<'a> Worker<'a> {
    /// The client of that number.
    pub(super) fn new(number: usize, shared: &'a Shared, server: SocketAddr) -> Self {
        Self {
            name: format!("c{number}"),
            shared,
            server,
            binary: shared.program("ioe-client-under-test"),
            dice: shared.dice(&format!("client {number}")),
            scratch: Scratch::new(),
            ledger: Ledger::default(),
            made_count: 0,
        }
    }

    /// Works until then; returns what it knows.
    pub(super) fn work_until(mut self, deadline: Instant) -> Ledger {
        while Instant::now() < deadline {
            match self.dice.below(12) {
                _ if self.ledger.settled.len() > FILE_COUNT_MAX => self.delete(),
                0..=2 => self.upload_small(),
                3 => self.upload_large(),
                4 => self.upload_tree(),
                5..=6 => self.download(),
                7 => self.rename(),
                8 => self.delete(),
                9 => self.replace(),
                10 => self.list(),
                _ => self.search(),
            }
        }
        self.scratch.assert_outside_is_unchanged();
        self.ledger
    }

    fn new_name(&mut self) -> String {
        self.made_count += 1;
        format!("{}-{}.bin", self.name, self.made_count)
    }

    fn upload_small(&mut self) {
        let (name, length) = (self.new_name(), self.dice.below(60_000));
        self.upload(&name, length);
    }

    fn upload_large(&mut self) {
        let (name, length) = (self.new_name(), PIECE_BYTES + self.dice.below(8 * PIECE_BYTES));
        self.upload(&name, length);
    }

    fn replace(&mut self) {
        let Some(name) = self.some_file() else { return };
        let length = self.dice.below(3 * PIECE_BYTES);
        self.upload(&name, length);
    }

    fn upload(&mut self, name: &str, length: usize) {
        let content = bytes(&format!("{} {name} {}", self.shared.seed, self.dice.wide()), length);
        let digest = digest(&content);
        let local = name.replace('/', "-");
        self.scratch.put_local(&local, &content);
        let ran = self.run("uploads", &format!("WRITE {local} {name}"));
        if self.acknowledged(&ran, name, &digest) {
            self.ledger.written(name, &digest);
        } else {
            self.ledger.maybe_written(name, &digest);
            self.expect_error(&ran, &["busy"]);
            let again = self.run("uploads tried again", &format!("WRITE {local} {name}"));
            if self.acknowledged(&again, name, &digest) {
                self.ledger.retried(name, &digest);
            } else {
                self.ledger.interrupted_uploads += 1;
            }
        }
        fs::remove_file(self.scratch.local().join(local)).unwrap();
    }

    fn upload_tree(&mut self) {
        self.made_count += 1;
        let tree = format!("{}-tree-{}", self.name, self.made_count);
        let mut expected = Vec::new();
        for index in 0..TREE_FILE_COUNT {
            let path = format!("{tree}/{}/{index}.bin", index % 3);
            let content = bytes(&format!("{} {path}", self.shared.seed), self.dice.below(20_000));
            self.scratch.put_local(&path, &content);
            expected.push((path, digest(&content)));
        }
        let ran = self.run("trees uploaded", &format!("WRITE -r {tree}"));
        for (path, digest) in &expected {
            if self.acknowledged(&ran, path, digest) {
                self.ledger.written(path, digest);
            } else {
                self.ledger.maybe_written(path, digest);
            }
        }
        fs::remove_dir_all(self.scratch.local().join(tree)).unwrap();
    }

    fn acknowledged(&self, ran: &Ran, path: &str, digest: &str) -> bool {
        let told = ran.lines.iter().find(|line| line["command"] == "write" && line["path"] == path);
        let told = told.filter(|line| line["digest"].is_string());
        if let Some(line) = told {
            self.shared.add("bytes acknowledged", line["byte_count"].as_u64().unwrap_or(0));
            self.shared.expect(line["digest"] == digest, || format!("another digest than {digest}: {line}"));
        }
        self.shared.expect(told.is_some() || !ran.is_done(), || format!("exit 0, and no word of {path}"));
        told.is_some()
    }

    fn download(&mut self) {
        let Some(name) = self.some_file() else { return };
        let ran = self.run("downloads", &format!("READ {name} down.bin"));
        let landed = fs::read(self.scratch.local().join("down.bin"));
        if let Ok(content) = &landed {
            self.shared.add("bytes downloaded", content.len() as u64);
            let is_it = digest(content) == self.ledger.settled[&name];
            self.shared.expect(is_it, || format!("{name} was downloaded with other bytes"));
            fs::remove_file(self.scratch.local().join("down.bin")).unwrap();
        }
        self.shared.expect(landed.is_ok() || !ran.is_done(), || format!("exit 0, and {name} is not there"));
        self.expect_error(&ran, &[]);
    }

    fn rename(&mut self) {
        let Some(name) = self.some_file() else { return };
        let to = self.new_name();
        let ran = self.run("renames", &format!("RENAME {name} {to}"));
        self.ledger.renamed(&name, &to, ran.is_done());
    }

    fn delete(&mut self) {
        let Some(name) = self.some_file() else { return };
        let ran = self.run("deletions", &format!("DELETE {name}"));
        self.ledger.deleted(&name, ran.is_done());
    }

    fn list(&mut self) {
        let ran = self.run("listings", "LIST -r");
        self.expect_all(&ran, self.ledger.settled.keys());
        self.expect_error(&ran, &[]);
    }

    fn search(&mut self) {
        let Some(name) = self.some_file() else { return };
        let ran = self.run("searches", &format!("SEARCH {}", name.rsplit('/').next().unwrap_or(&name)));
        self.expect_all(&ran, [&name]);
        self.expect_error(&ran, &[]);
    }

    fn some_file(&mut self) -> Option<String> {
        let count = self.ledger.settled.len();
        (count > 0)
            .then(|| self.dice.below(count))
            .and_then(|place| self.ledger.settled.keys().nth(place).cloned())
    }

    /// When a listing was given, these must be in it.
    fn expect_all<'b>(&self, ran: &Ran, paths: impl IntoIterator<Item = &'b String>) {
        for path in paths.into_iter().filter(|_| ran.is_done()) {
            self.shared.expect(ran.text.contains(&format!("\"{path}\"")), || format!("{path} is not listed"));
        }
    }

    /// A refusal is wrong where nobody else touches these files.
    fn expect_error(&self, ran: &Ran, allowed: &[&str]) {
        let is_allowed = ran.code != Some(1) || allowed.contains(&ran.error_code());
        self.shared.expect(is_allowed, || format!("{}: refused: {}", self.name, ran.text));
    }

    fn run(&mut self, kind: &'static str, command: &str) -> Ran {
        let fault = self.fault();
        let faults_from = self.dice.below(2);
        let plan = move |number| if number >= faults_from && number < 3 { fault } else { Fault::None };
        let proxy = Proxy::start(self.server, plan);
        let client = Client::new(&self.binary, &self.scratch, proxy.address());
        let mut process = client.options(&["--json", "--timeout", PATIENCE]).start(&[command]);
        process.close_input();
        let code = self.end_of(&mut process);
        self.shared.add(kind, 1);
        let (text, errors) = (process.output.text(), process.errors.text());
        self.shared.expect(!errors.contains("panicked"), || format!("{command}: {errors}"));
        let is_known = matches!(code, None | Some(0 | 1 | 3));
        self.shared.expect(is_known, || format!("{command}: exit code {code:?}: {text} {errors}"));
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let lines = text[..whole].lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let ran = Ran { code, lines, text };
        if let Some(code) = code.filter(|code| *code != 0) {
            self.shared.add(format!("failed with exit code {code}, {}", ran.error_code()), 1);
        }
        ran
    }

    fn fault(&mut self) -> Fault {
        let direction = *self.dice.pick(&[Direction::ToServer, Direction::ToClient]);
        let place = self.dice.below(3 * PIECE_BYTES).min(self.dice.below(3 * PIECE_BYTES)) as u64;
        match self.dice.below(10) {
            0..=2 => {
                self.shared.add("cuts planned", 1);
                Fault::Cut(direction, place)
            }
            3 => {
                self.shared.add("stalls planned", 1);
                Fault::Stall(direction, place)
            }
            _ => Fault::None,
        }
    }

    fn end_of(&mut self, process: &mut Process) -> Option<i32> {
        if self.dice.below(KILLED_ONE_IN) == 0 {
            let patience = Duration::from_millis(self.dice.below(300) as u64);
            if !process.ends_within(patience) {
                self.shared.add("clients killed", 1);
                process.kill();
                return None;
            }
        }
        Some(process.exit_code())
    }
}
