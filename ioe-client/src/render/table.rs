//! Listings for people: lines of columns on a terminal, tab-separated fields elsewhere.
//!
//! Must not know where the entries come from.

use program::escape::for_terminal;
use program::quantity;
use wire::message::{Entry, Kind};

/// One entry for a terminal, its path shown as `name`: kind, size, time, path.
pub(super) fn row(name: &str, entry: &Entry) -> String {
    let is_folder = entry.kind == Kind::Folder;
    let size = if is_folder { "-".to_owned() } else { quantity::size(entry.byte_count.get()) };
    let slash = if is_folder { "/" } else { "" };
    let time = short_time(&entry.modified.whole_seconds().to_string());
    format!("{:<8}  {size:>10}  {time}  {}{slash}", entry.kind.as_str(), for_terminal(name))
}

/// One entry for programs that read plain text: kind, path, bytes and time, separated by tabs.
pub(super) fn fields(name: &str, entry: &Entry) -> String {
    let time = entry.modified.whole_seconds();
    format!("{}\t{}\t{}\t{time}", entry.kind.as_str(), for_terminal(name), entry.byte_count.get())
}

/// Folders first, then by name without regard to case.
pub(super) fn sort(rows: &mut [(String, Entry)]) {
    rows.sort_by_cached_key(|(name, entry)| (entry.kind != Kind::Folder, name.to_lowercase(), name.clone()));
}

/// `2026-11-20T12:00:00Z` as `2026-11-20 12:00`.
fn short_time(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((minutes, _)) => minutes.replacen('T', " ", 1),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::message::ByteCount;
    use wire::timestamp::Timestamp;

    fn entry(path: &str, kind: Kind) -> Entry {
        let modified = Timestamp::from_unix(1_795_176_000, 5);
        Entry { path: path.into(), kind, byte_count: ByteCount::new(1536), modified, executable: false }
    }

    #[test]
    fn a_row_is_readable_and_names_are_escaped() {
        let row = row("a\u{1b}b", &entry("x", Kind::Music));
        assert_eq!(row, "music        1.5 KiB  2026-11-20 12:00  a\\u{1b}b");
        assert!(super::row("d", &entry("d", Kind::Folder)).ends_with("d/"));
    }

    #[test]
    fn fields_are_separated_by_tabs_that_no_name_contains() {
        assert_eq!(fields("a\tb", &entry("x", Kind::Text)), "text\ta\\tb\t1536\t2026-11-20T12:00:00Z");
    }

    #[test]
    fn folders_come_first_and_case_does_not_count() {
        let named = |name: &str, kind| (name.to_owned(), entry(name, kind));
        let mut rows = vec![named("b", Kind::Text), named("A", Kind::Text), named("z", Kind::Folder)];
        sort(&mut rows);
        assert_eq!(rows.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["z", "A", "b"]);
    }
}
