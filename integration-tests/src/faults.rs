//! The same faults for several systems: ours and those that people use to move files. Each is a server and a client as
//! real processes, with proxies between them that cut, stall, hold and corrupt; what is left is judged by looking at the
//! files and at exit codes, the same way for all.
//!
//! It must not know how any of the systems works, but for the commands in `crate::systems`.

mod uploads;
mod downloads;
mod synced;
mod stage;
mod verdict;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

pub use crate::systems::{Missing, Rights, isolate};
pub use table::{Column, Row, Table};
pub use verdict::{LEGEND, Verdict};

use crate::content::bytes;
use crate::proxy::Fault as OnTheWay;
use crate::scratch::files_below;
use crate::systems::ground::{Ground, put, write_into};
use crate::systems::installed;
use crate::systems::system::System;
use stage::{NAME, Setting, Stage};

/// How long the file is that comes.
const LENGTH: usize = 8 << 20;
/// How long the file is that is there before.
const OLD_LENGTH: usize = 6 << 20;
/// Where transfers get stuck: so many bytes have passed, what the programs say to each other included.
const HALF: u64 = 4 << 20;
/// The place of the bit that changes in what a broken transfer left.
const FLIPPED_AT: usize = (1 << 20) + 12_345;

/// A fault: what happens, and how it is played.
pub struct Fault {
    /// What happens, as the first cell of its row.
    pub title: &'static str,
    play: fn(&Player) -> Verdict,
}

/// All faults, in the order of the table.
pub const FAULTS: &[Fault] = &[
    fault("upload over a good file, client killed in the middle", uploads::client_killed),
    fault("upload over a good file, connection cut in the middle", uploads::connection_cut),
    fault("upload of a new name, connection cut in the middle", uploads::connection_cut_new_name),
    fault("upload over a good file, server killed in the middle", uploads::server_killed),
    fault("upload over a good file, the disk is full", uploads::disk_full),
    fault(
        "upload stopped and resumed, a bit of its partial has changed",
        uploads::resumed_onto_a_changed_partial,
    ),
    fault("upload over a good file, a bit flips on the way", uploads::bit_flipped),
    fault("upload to a dangling link that leads outside", uploads::onto_a_dangling_link),
    fault("upload over a good file: what is synced before success", synced::before_success),
    fault("download over a good file, connection cut in the middle", downloads::connection_cut),
    fault(
        "download stopped and resumed, a bit of its partial has changed",
        downloads::resumed_onto_a_changed_partial,
    ),
    fault(
        "download stopped and resumed, the file was replaced (same length and time)",
        downloads::resumed_after_a_replacement,
    ),
    fault("download over a good file, a bit flips on the way", downloads::bit_flipped),
    fault("download of a file that shrinks meanwhile", downloads::shrinks),
    fault("download of a file that grows meanwhile", downloads::grows),
    fault("download of a file that is written over meanwhile", downloads::is_written_over),
    fault("download through a link that leads outside", downloads::through_a_link),
];

const fn fault(title: &'static str, play: fn(&Player) -> Verdict) -> Fault {
    Fault { title, play }
}

/// Who meets a fault, and what the harness may do meanwhile.
pub struct Player<'a> {
    system: &'a dyn System,
    rights: Rights,
}

/// The programs under test, and the systems to compare them with.
pub struct Options {
    /// Where our programs are.
    pub programs: PathBuf,
    /// What the harness may do.
    pub rights: Rights,
    /// Whether the others are left out.
    pub is_alone: bool,
}

/// Plays every fault with every system that is installed; `progress` hears of each before it begins.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> (Table, Vec<Missing>) {
    let (systems, missing) = installed(&options.programs, options.is_alone);
    let columns = systems.iter().map(|system| Column::of(system.as_ref())).collect();
    let mut rows: Vec<Row> = FAULTS.iter().map(|fault| Row::new(fault.title)).collect();
    for system in &systems {
        progress(system.name());
        let player = Player { system: system.as_ref(), rights: options.rights };
        for (fault, row) in FAULTS.iter().zip(&mut rows) {
            row.verdicts.push(play(fault, &player));
        }
    }
    (Table { columns, rows }, missing)
}

/// A panic of the harness is a verdict, too: on the harness.
fn play(fault: &Fault, player: &Player) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| (fault.play)(player))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Verdict::new(&[verdict::NOT_PLAYED], text)
    })
}

/// What was there, and what is to come.
struct Contents {
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Contents {
    fn new() -> Self {
        Self { old: bytes("the old file", OLD_LENGTH), new: bytes("the new file", LENGTH) }
    }

    /// A stage for an upload.
    fn stage<'a>(&self, player: &Player<'a>, fault: OnTheWay, has_old: bool) -> Stage<'a> {
        let setting = Setting::new(player.system, player.rights);
        setting.open(fault, |ground| self.prepare_upload(ground, has_old))
    }

    fn prepare_upload(&self, ground: &Ground, has_old: bool) {
        put(&ground.local().join(NAME), &self.new);
        if has_old {
            put(&ground.share().join(NAME), &self.old);
        }
    }
}

/// Changes a bit in what a broken transfer left in a folder; false if it left nothing that long.
fn flip_in_partial(folder: &Path) -> bool {
    for path in files_below(folder) {
        let content = std::fs::read(&path).unwrap();
        if let Some(byte) = content.get(FLIPPED_AT) {
            write_into(&path, FLIPPED_AT as u64, &[byte ^ 1]);
            return true;
        }
    }
    false
}

/// Whether a transfer that was resumed took less than the whole file.
fn word_of_rest(byte_count: u64, was_kept: bool) -> &'static str {
    match (was_kept, byte_count < LENGTH as u64) {
        (_, true) => "part sent",
        (true, false) => "all sent",
        (false, false) => "nothing to resume, all sent",
    }
}
