//! How many system calls both ends make for each small file, as strace counts them.
//!
//! It must not know what they are for.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use super::contenders::{self, RSYNC};
use super::files::{self, TREE};
use super::site::{Contender, Site};
use super::sizes::Sizes;
use super::table::{Table, as_f64};
use super::{Bench, trial, usage};
use crate::systems::system::{below, program};

/// Enough files that starting and ending do not count.
const FILE_COUNT_MAX: usize = 2_000;
/// So many of the most frequent calls are named.
const NAMED_COUNT: usize = 6;
/// Whose calls are counted: what their names begin with.
const COUNTED: &[&str] = &["limit: the same", "ioe", RSYNC];
const COLUMNS: &[&str] = &["system", "client, a file", "server, a file", "most often: client", "server"];

/// Moves small files both ways below strace.
pub(crate) fn run(bench: &Bench) -> Table {
    let sizes = Sizes { small_count: bench.sizes.small_count.min(FILE_COUNT_MAX), ..bench.sizes.clone() };
    let title =
        format!("syscalls: for each of {} files of {} KiB", sizes.small_count, files::SMALL_BYTES >> 10);
    let mut table = Table::new("syscalls", title, COLUMNS.to_vec());
    if !bench.has("syscalls", &[("strace", "strace")]) {
        return table;
    }
    let source = tempfile::tempdir().unwrap();
    files::make_small(source.path(), sizes.small_count);
    let both = [(false, contenders::of_small_downloads()), (true, contenders::of_small_uploads())];
    for (is_upload, contenders) in both {
        let counted = contenders.into_iter().filter(|contender| is_counted(contender.name));
        for contender in counted.filter(|contender| bench.has(contender.name, contender.needs)) {
            let counts = count(bench, &contender, &sizes, &source.path().join(TREE), is_upload);
            let way = if is_upload { "upload" } else { "download" };
            add(&mut table, &format!("{}, {way}", contender.name), &counts, sizes.small_count);
            bench.progress(contender.name);
        }
    }
    table
}

fn is_counted(name: &str) -> bool {
    COUNTED.iter().any(|counted| name.starts_with(counted)) && !name.contains("TLS")
}

/// The calls of the client and of the server, the most frequent first.
fn count(
    bench: &Bench,
    contender: &Contender,
    sizes: &Sizes,
    source: &Path,
    is_upload: bool,
) -> [Vec<(String, u64)>; 2] {
    let summaries = TempDir::new().unwrap();
    let [of_client, of_server] = ["client", "server"].map(|end| summaries.path().join(end));
    let mut site = Site::open_below(
        (contender.system)(&bench.programs),
        &bench.programs,
        bench.rights,
        |ground| files::link(source, &if is_upload { ground.local() } else { ground.share() }.join(TREE)),
        |command| traced(&command, &of_server),
    );
    site.wait_until_at_rest();
    let command = site.in_local((contender.client)(&site, sizes));
    trial::run(&mut site.in_local(traced(&command, &of_client)), &site.server);
    let landed = if is_upload { site.ground.share() } else { site.ground.local() };
    files::assert_same(source, &landed.join(TREE));
    // strace writes down what it counted when what it watches has ended.
    for id in usage::family(site.server.id()).into_iter().skip(1) {
        let _ = Pid::from_raw(id.cast_signed()).map(|id| kill_process(id, Signal::TERM));
    }
    site.server.wait();
    [of_client, of_server].map(|summary| counts_in(&summary))
}

fn traced(command: &Command, summary: &Path) -> Command {
    let strace = program("strace").get_program().to_string_lossy().into_owned();
    below(&[&strace, "-f", "-c", "-o", &summary.to_string_lossy()], command)
}

/// The lines of a summary are: share, seconds, microseconds, calls, errors if there were any, and the name.
fn counts_in(summary: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(summary).unwrap();
    let count_of = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some(((*words.last()?).to_owned(), words.get(3)?.parse().ok()?))
    };
    let mut counts: Vec<(String, u64)> = text.lines().filter_map(count_of).collect();
    counts.retain(|(name, _)| name != "total");
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn add(table: &mut Table, name: &str, counts: &[Vec<(String, u64)>; 2], file_count: usize) {
    let each = |count: u64| as_f64(count) / as_f64(file_count as u64);
    let [client, server] = counts.each_ref().map(|counts| each(counts.iter().map(|(_, count)| count).sum()));
    let named = |counts: &[(String, u64)]| {
        let most = counts.iter().take(NAMED_COUNT);
        let words: Vec<String> = most.map(|(name, count)| format!("{name} {:.1}", each(*count))).collect();
        words.join(", ")
    };
    let cells = vec![
        name.to_owned(),
        format!("{client:.1}"),
        format!("{server:.1}"),
        named(&counts[0]),
        named(&counts[1]),
    ];
    let object = json!({
        "workload": "syscalls", "system": name, "client_calls_each": client, "server_calls_each": server,
        "client_calls": counts[0], "server_calls": counts[1],
    });
    table.add(cells, object);
}
