//! `--dry-run`: what a READ or WRITE would move, while nothing changes at either end.
//!
//! Must not know how files are found.

use super::Failures;
use crate::client::Client;
use crate::failure::Failure;
use crate::local;
use crate::render::{Rehearsal, Report, Sum};
use crate::transfers::{Done, Item, Work, transfer};
use shared_folder::compare::Rehearsed;
use shared_folder::fetch::{Fetch, rehearse_fetching};
use shared_folder::folder::Folder;
use shared_folder::remote::{Unwatched, Watch};
use shared_folder::send::{Outgoing, rehearse_sending};
use std::path::PathBuf;

/// What a READ would fetch, and to where.
pub(super) struct Reads {
    /// None where the folder would be made.
    pub(super) folder: Option<Folder>,
    pub(super) path: PathBuf,
    pub(super) files: Vec<Fetch>,
}

/// Says what READ would fetch.
pub(super) fn read(client: &mut Client, reads: Reads, failures: &mut Failures) {
    let Reads { folder, path, files } = reads;
    let items = files.into_iter().map(|fetch| {
        let byte_count = fetch.entry.byte_count.get();
        Item { name: fetch.source.as_str().to_owned(), byte_count, what: fetch }
    });
    let digests = client.digests.clone();
    let aside: (&dyn Watch, _) = (&Unwatched, &digests);
    let work: Work<'_, _, _> = &|remote, jobs| rehearse_fetching(remote, folder.as_ref(), jobs, aside);
    rehearse(client, items.collect(), work, &mut |report, sum, Done { what, outcome, .. }| {
        let local = local::shown(&path.join(what.target.as_str()));
        let said = outcome.map_err(Failure::from);
        tell((report, sum), ("read", what.source.as_str(), &local), said, failures);
    });
}

/// Says what WRITE would send.
pub(super) fn write(client: &mut Client, files: Vec<(Outgoing, u64)>, failures: &mut Failures) {
    let items = files.into_iter().map(|(what, byte_count)| {
        let name = local::shown(&what.source);
        Item { what, name, byte_count }
    });
    let digests = client.digests.clone();
    let work: Work<'_, _, _> = &|remote, jobs| rehearse_sending(remote, jobs, &Unwatched, &digests);
    rehearse(client, items.collect(), work, &mut |report, sum, Done { what, outcome, .. }| {
        let local = local::shown(&what.source);
        let said = outcome.map_err(Failure::from);
        tell((report, sum), ("write", what.destination.path.as_str(), &local), said, failures);
    });
}

/// Says what would become of a file, and adds it to the sum.
type Tell<'a, T, O> = &'a mut dyn FnMut(&Report, &mut Sum, Done<T, O>);

fn rehearse<T: Send, O: Send>(
    client: &mut Client,
    items: Vec<Item<T>>,
    work: Work<'_, T, O>,
    tell: Tell<'_, T, O>,
) {
    let jobs = client.config.jobs;
    let (remote, report, _) = client.parts();
    let Some(remote) = remote else { return };
    let bars = report.bars(items.len(), None);
    let mut sum = Sum::begin();
    let mut on_done = |done: Done<T, O>| match &bars {
        Some(bars) => bars.around(|| tell(report, &mut sum, done)),
        None => tell(report, &mut sum, done),
    };
    let left = transfer(remote, items, jobs, (work, bars.as_ref()), &mut on_done);
    drop(bars);
    report.rehearsed_all(&sum);
    if left > 0 {
        report.note(format_args!("files that were not looked at: {left}"));
    }
}

fn tell(
    (report, sum): (&Report, &mut Sum),
    (command, path, local): (&'static str, &str, &str),
    said: Result<Rehearsed, Failure>,
    failures: &mut Failures,
) {
    match said {
        Ok(Rehearsed { byte_count, reused }) => {
            sum.add(byte_count, reused);
            report.rehearsed(Rehearsal { command, path, local, byte_count, reused });
        }
        Err(failure) => {
            sum.add_failed();
            failures.report(report, (command, path), &failure);
        }
    }
}
