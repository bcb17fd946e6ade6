//! Files that are moved: one large one or many small ones, down or up, by everybody in turns.
//!
//! It must not know how anybody is told to.

use std::path::Path;

use super::Bench;
use super::contenders::{self, LIMIT, RSYNC};
use super::files::{self, LARGE, TREE};
use super::rounds::{self, Place};
use super::site::{Contender, Site};
use super::table::{Row, Table, Unit, as_f64};
use crate::systems::ground::Ground;

const GIBIBYTE: f64 = 1_073_741_824.0;

/// What is moved, and where to.
struct Transfer {
    workload: &'static str,
    name: &'static str,
    is_upload: bool,
    reference: &'static str,
    contenders: Vec<Contender>,
}

/// One large file, to the client.
pub(crate) fn download_large(bench: &Bench) -> Table {
    let contenders = contenders::of_large_downloads();
    large(
        bench,
        Transfer { workload: "download-large", name: LARGE, is_upload: false, reference: LIMIT, contenders },
    )
}

/// One large file, to the server.
pub(crate) fn upload_large(bench: &Bench) -> Table {
    let contenders = contenders::of_large_uploads();
    large(
        bench,
        Transfer { workload: "upload-large", name: LARGE, is_upload: true, reference: LIMIT, contenders },
    )
}

/// Many small files, to the client.
pub(crate) fn download_small(bench: &Bench) -> Table {
    let contenders = contenders::of_small_downloads();
    small(
        bench,
        Transfer { workload: "download-small", name: TREE, is_upload: false, reference: RSYNC, contenders },
    )
}

/// Many small files, to the server.
pub(crate) fn upload_small(bench: &Bench) -> Table {
    let contenders = contenders::of_small_uploads();
    small(
        bench,
        Transfer { workload: "upload-small", name: TREE, is_upload: true, reference: RSYNC, contenders },
    )
}

fn large(bench: &Bench, transfer: Transfer) -> Table {
    let byte_count = bench.sizes.large_bytes;
    let way = if transfer.is_upload { "upload" } else { "download" };
    let title = format!("{way}-large: one file of {} MiB, {way}", byte_count >> 20);
    let source = tempfile::tempdir().unwrap();
    files::make_large(source.path(), byte_count);
    let cpu_names = ["client CPU s/GiB", "server CPU s/GiB"];
    let unit =
        Unit { name: "MB/s", cpu_divisor: as_f64(byte_count) / GIBIBYTE, cpu_names, has_first_line: false };
    let workload = transfer.workload;
    let rows = measure(bench, transfer, &source.path().join(LARGE), as_f64(byte_count) / 1e6);
    Table::of_rows(workload, title, &unit, &rows)
}

fn small(bench: &Bench, transfer: Transfer) -> Table {
    let count = bench.sizes.small_count;
    let way = if transfer.is_upload { "upload" } else { "download" };
    let title = format!("{way}-small: {count} files of {} KiB, {way}", files::SMALL_BYTES >> 10);
    let source = tempfile::tempdir().unwrap();
    files::make_small(source.path(), count);
    let unit = Unit {
        name: "files/s",
        cpu_divisor: 1.0,
        cpu_names: ["client CPU s", "server CPU s"],
        has_first_line: false,
    };
    let workload = transfer.workload;
    let rows = measure(bench, transfer, &source.path().join(TREE), as_f64(count as u64));
    Table::of_rows(workload, title, &unit, &rows)
}

fn measure(bench: &Bench, transfer: Transfer, source: &Path, amount: f64) -> Vec<Row> {
    let Transfer { name, is_upload, reference, contenders, .. } = transfer;
    let fill = |site: &Ground| {
        files::link(source, &if is_upload { site.local() } else { site.share() }.join(name));
    };
    let mut places = rounds::open(bench, contenders, fill);
    let landing = |site: &Site| if is_upload { site.ground.share() } else { site.ground.local() }.join(name);
    rounds::play(bench, &mut places, |place: &mut Place, sizes| {
        files::remove(&landing(&place.site));
        let trial = place.run(sizes);
        files::assert_same(source, &landing(&place.site));
        files::remove(&landing(&place.site));
        (amount / trial.seconds, trial)
    });
    rounds::rows(places, reference)
}
