//! Entries of a listing on their way to where they are shown: sorted for a terminal, as they come elsewhere.
//!
//! Must not know whose files they are.

use super::{Sink, Style};
use program::results::{EntryLine, json_line, listing_key};
use wire::message::{Entry, Kind};

/// Entries that a terminal sorts; a longer listing is shown in parts.
const SORTED_ENTRIES_MAX: usize = 100_000;

pub(crate) struct ShownListing<'a> {
    sink: &'a dyn Sink,
    style: Style,
    command: &'static str,
    /// What a terminal sorts when all have come.
    kept: Vec<Entry>,
    count: u64,
}

impl<'a> ShownListing<'a> {
    pub(super) fn new(sink: &'a dyn Sink, style: Style, command: &'static str) -> Self {
        Self { sink, style, command, kept: Vec::new(), count: 0 }
    }

    pub(crate) fn entry(&mut self, entry: Entry) {
        self.count += 1;
        if self.style.is_json {
            self.sink.result(&json_line(&entry_line(self.command, &entry)));
        } else if self.style.has_columns {
            self.kept.push(entry);
            if self.kept.len() >= SORTED_ENTRIES_MAX {
                self.show_kept();
            }
        } else {
            self.sink.result(&entry_line(self.command, &entry).fields(&entry.path));
        }
    }

    /// Shows what was kept for sorting; gives how many entries there were.
    pub(crate) fn end(mut self) -> u64 {
        self.show_kept();
        self.count
    }

    fn show_kept(&mut self) {
        let mut entries = std::mem::take(&mut self.kept);
        entries.sort_by_cached_key(|entry| listing_key(&entry.path, entry.kind == Kind::Folder));
        for entry in &entries {
            self.sink.result(&entry_line(self.command, entry).columns(&entry.path));
        }
    }
}

fn entry_line<'a>(command: &'static str, entry: &'a Entry) -> EntryLine<'a> {
    EntryLine {
        command,
        path: &entry.path,
        kind: entry.kind.as_str(),
        is_folder: entry.kind == Kind::Folder,
        byte_count: entry.byte_count.get(),
        modified: entry.modified.whole_seconds().to_string(),
        executable: entry.executable,
    }
}
