//! How fast ioe is beside the systems that people use to move files, and beside what the kernel allows: the same files,
//! in turns, each result compared byte for byte.
//!
//! It must not assert any time, and not know how the systems work, but for the commands in `contenders`.

mod syscalls;
mod fairness;
mod idle;
mod requests;
mod listing;
mod sources;
mod transfers;
mod rounds;
mod contenders;
mod site;
mod limit;
mod load;
mod relay;
mod files;
mod table;
mod trial;
mod usage;
mod sizes;

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use sizes::Sizes;
pub use table::Table;

use crate::systems::system::System;
use crate::systems::{Missing, Rights};

/// What measures one of them.
pub type Workload = fn(&Bench) -> Table;

/// What is measured, in the order of the tables, each by its name.
pub const WORKLOADS: &[(&str, Workload)] = &[
    ("download-large", transfers::download_large),
    ("upload-large", transfers::upload_large),
    ("download-small", transfers::download_small),
    ("upload-small", transfers::upload_small),
    ("sources", sources::run),
    ("listing", listing::run),
    ("requests", requests::run),
    ("idle", idle::run),
    ("fairness", fairness::run),
    ("syscalls", syscalls::run),
];

/// A run of the benchmarks.
pub struct Bench {
    /// Where our programs are, this one too.
    pub programs: PathBuf,
    /// What the harness may do.
    pub rights: Rights,
    /// How much is moved.
    pub sizes: Sizes,
    /// Whether all are left out that need anybody else's programs.
    pub is_alone: bool,
    notes: RefCell<Vec<String>>,
    has_failed: Cell<bool>,
}

impl Bench {
    /// One of these sizes, with our programs in this folder.
    pub fn new(programs: PathBuf, rights: Rights, sizes: Sizes) -> Self {
        Self {
            programs,
            rights,
            sizes,
            is_alone: false,
            notes: RefCell::default(),
            has_failed: Cell::new(false),
        }
    }

    /// What stands below the tables: who took part in which version, and who was left out.
    pub fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// Whether somebody who took part failed.
    pub fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    fn progress(&self, text: &str) {
        let _ = writeln!(io::stderr(), "  {text}");
    }

    fn note(&self, line: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&line) {
            notes.push(line);
        }
    }

    fn note_version(&self, name: &str, system: &dyn System) {
        let (name, version) = (system.name().split(',').next().unwrap_or(name), system.version());
        if !version.is_empty() {
            self.note(format!("{name}: {version}"));
        }
    }

    /// Whether somebody takes part who needs these programs; if not, why not is noted.
    fn has(&self, name: &'static str, needs: &[(&'static str, &'static str)]) -> bool {
        let missing = Missing::of(name, needs);
        if let Some(missing) = &missing {
            self.note(missing.line());
        }
        missing.is_none() && (needs.is_empty() || !self.is_alone)
    }

    fn fail(&self, line: String) {
        self.has_failed.set(true);
        self.note(line);
    }
}

/// Does a part of the benchmarks as a process of its own, if these words ask for it.
///
/// # Errors
/// When it fails.
pub fn run_part(words: &[String]) -> Option<io::Result<()>> {
    let (first, rest) = words.split_first()?;
    match first.as_str() {
        limit::SERVER => Some(limit::run_server(Path::new(rest.first()?))),
        load::LOAD => Some(load::run(rest)),
        limit::CLIENT => Some(limit::run_client(rest)),
        _ => None,
    }
}
