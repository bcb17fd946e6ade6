//! LISTL and LISTR: files of this peer and of another, all below the share's root.
//!
//! Both show files alone: a folder's name says nothing that the paths of its files do not say. Must not know how
//! entries are shown.

use super::{Order, Outcome};
use crate::destination::Destination;
use crate::failure::Failure;
use crate::render::ShownListing;
use shared_folder::folder::FolderError;
use shared_folder::remote::{ListedName, Listing, RemoteError};
use shared_folder::scan::{Counts, Scan};
use wire::error_code::ErrorCode;
use wire::message::{Entry, Kind};

pub(super) fn own(order: &Order<'_>) -> Outcome {
    let mut shown = order.report.listing("listl");
    let counts = show_own(order, &mut shown);
    let count = shown.end();
    if order.interruption.is_interrupted() {
        return Err(order.failed("listl", None, &Failure::interrupted()));
    }
    let counts = counts.map_err(|error| order.failed("listl", None, &error.into()))?;
    tell_counts(order, counts.unnameable, counts.left_out);
    tell_if_none(order, count);
    Ok(())
}

fn show_own(order: &Order<'_>, shown: &mut ShownListing<'_>) -> Result<Counts, FolderError> {
    let share = &order.peer.host.share;
    let is_shared = |entry: &Entry| match &share.rules.kinds {
        _ if entry.kind == Kind::Folder => false,
        Some(kinds) => kinds.contains(&entry.kind),
        None => true,
    };
    let mut scan = Scan::new(&share.folder, None, true)?;
    let mut batch = Vec::new();
    while scan.next_batch(&mut batch)? && !is_over(order) {
        batch.drain(..).filter(is_shared).for_each(|entry| shown.entry(entry));
        order.report.flush();
    }
    Ok(scan.counts())
}

pub(super) fn remote(order: &Order<'_>, destination: &Destination) -> Outcome {
    let failed = |failure: Failure| order.failed("listr", None, &failure);
    let mut remote = order.peer.remote(destination, order.interruption.cancel());
    let listing = remote.session().and_then(|session| session.list(None, true));
    let mut listing = listing.map_err(|error| failed(error.into()))?;
    let mut shown = order.report.listing("listr");
    let unsound = show_remote(order, &mut listing, &mut shown);
    let count = shown.end();
    let listed = listing.listed().unwrap_or_default();
    drop(listing);
    match unsound.map_err(|error| failed(error.into()))? {
        0 => {}
        unsound => {
            let text = format!("{unsound} names of the other end are no paths");
            return Err(failed(Failure::refused(ErrorCode::BadPath, text)));
        }
    }
    tell_counts(order, listed.unnameable_count, listed.left_out_count);
    tell_if_none(order, count);
    // Nobody waits for a last word that does not come.
    let _ = remote.bye();
    Ok(())
}

/// Gives how many names were no paths.
fn show_remote(
    order: &Order<'_>,
    listing: &mut Listing<'_>,
    shown: &mut ShownListing<'_>,
) -> Result<u64, RemoteError> {
    let mut unsound = 0;
    while !order.report.is_closed() {
        if !listing.is_ready() {
            order.report.flush();
        }
        match listing.next_entry()? {
            Some(ListedName::Sound(_, entry)) if entry.kind == Kind::Folder => {}
            Some(ListedName::Sound(_, entry)) => shown.entry(entry),
            Some(ListedName::Unsound(name)) => {
                unsound += 1;
                order.report.note(format_args!("not shown: {name}"));
            }
            None => break,
        }
    }
    Ok(unsound)
}

fn is_over(order: &Order<'_>) -> bool {
    order.report.is_closed() || order.interruption.is_interrupted()
}

fn tell_counts(order: &Order<'_>, unnameable: u64, left_out: u64) {
    if unnameable > 0 {
        order.report.note(format_args!("names that cannot be listed: {unnameable}"));
    }
    if left_out > 0 {
        order.report.note(format_args!("things that are not shared: {left_out}"));
    }
}

fn tell_if_none(order: &Order<'_>, count: u64) {
    if count == 0 {
        order.report.say("there are no files in the folder");
    }
}
