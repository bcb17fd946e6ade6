//! Everything that is shown: results on standard output, all else on standard error.
//!
//! Must not know how any of it came about.

mod bars;
mod json;
mod sum;

pub(crate) use bars::Bars;
pub(crate) use sum::Sum;

use crate::failure::{Code, Failure};
use json::{ChangeLine, ConnectLine, RehearsalLine, SourceObject, StatLine, TopicLine, TransferLine};
use program::escape::{Escaped, for_log};
use program::output::Output;
use program::quantity;
use program::results::{EntryLine, ErrorObject, FailureLine, json_line, listing_key};
use shared_folder::remote::Listed;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;
use wire::digest::Digest;
use wire::message::reply::Topic;
use wire::message::{Entry, Kind};

/// Entries that a terminal sorts; a longer listing is shown as it comes.
const SORTED_ENTRIES_MAX: usize = 100_000;

/// How results are written, and whether bars are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) is_json: bool,
    pub(crate) has_bars: bool,
}

/// The two outputs of the program.
pub(crate) struct Report {
    output: Output,
    style: Style,
    is_terminal: bool,
    errors_are_terminal: bool,
}

/// One file that was transferred.
#[derive(Debug, Clone)]
pub(crate) struct Transferred<'a> {
    pub(crate) command: &'static str,
    pub(crate) path: &'a str,
    pub(crate) local: &'a str,
    pub(crate) byte_count: u64,
    pub(crate) digest: Digest,
    pub(crate) reused: u64,
    /// Who brought how many bytes, where several ends were asked.
    pub(crate) sources: Option<Vec<(String, u64)>>,
    pub(crate) time: Duration,
}

/// One file that would be transferred.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rehearsal<'a> {
    pub(crate) command: &'static str,
    pub(crate) path: &'a str,
    pub(crate) local: &'a str,
    pub(crate) byte_count: u64,
    pub(crate) reused: u64,
}

/// A command, as HELP shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HelpLine {
    pub(crate) usage: &'static str,
    pub(crate) text: &'static str,
    pub(crate) example: &'static str,
}

/// A listing on its way to where it is shown.
pub(crate) struct ShownListing<'a> {
    report: &'a Report,
    command: &'static str,
    /// What a terminal sorts when all have come.
    kept: Vec<(String, Entry)>,
    count: u64,
}

impl Report {
    pub(crate) fn new(output: Output, style: Style) -> Self {
        let (is_terminal, errors_are_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self { output, style, is_terminal, errors_are_terminal }
    }

    /// Whether nobody reads the results any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.output.is_closed()
    }

    /// Whether results were lost for another reason than a reader that had read enough.
    pub(crate) fn has_lost_results(&self) -> bool {
        self.output.failure().is_some_and(|kind| kind != io::ErrorKind::BrokenPipe)
    }

    /// Says that results were lost, where that is so.
    pub(crate) fn tell_lost_results(&self) {
        if let Some(kind) = self.output.failure().filter(|_| self.has_lost_results()) {
            self.note(format_args!("results could not be written to standard output: {kind}"));
        }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.style.is_json
    }

    pub(crate) fn flush(&self) {
        self.output.flush();
    }

    /// Raw bytes of a file whose target is standard output.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.output.bytes(bytes);
        self.output.failure().map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Bars for a command, if any are wanted.
    pub(crate) fn bars(&self, file_count: usize, byte_count: Option<u64>) -> Option<Bars> {
        self.style.has_bars.then(|| Bars::new(self.errors_are_terminal, file_count, byte_count))
    }

    /// A remark for people, on standard error. What the other end wrote is escaped.
    pub(crate) fn note(&self, text: impl Display) {
        self.output.flush();
        // A closed standard error is nobody's loss.
        let _ = writeln!(io::stderr(), "{}", for_log(&text.to_string()));
    }

    /// A question for the person at the terminal, who answers behind it.
    pub(crate) fn ask(&self, text: &str) {
        self.output.flush();
        let mut errors = io::stderr();
        let _ = write!(errors, "{text}").and_then(|()| errors.flush());
    }

    /// The key of this address was forgotten.
    pub(crate) fn forgotten(&self, address: &str) {
        if self.style.is_json {
            self.output.line(json_line(&ConnectLine { command: "forget_key", address }));
        } else {
            self.output.line(format_args!("the key of {} is forgotten", Escaped(address)));
        }
    }

    pub(crate) fn failure(&self, command: &str, path: Option<&str>, failure: &Failure) {
        let Failure { code, message } = failure;
        let line = FailureLine { command, path, error: ErrorObject { code: code.as_str(), message } };
        if self.style.is_json {
            return self.output.line(json_line(&line));
        }
        // These say all there is to say, and people look for exactly these words.
        if matches!(code, Code::Usage | Code::NotConnected) {
            return self.note(message);
        }
        self.note(line);
    }

    pub(crate) fn connected(&self, address: &str) {
        if self.style.is_json {
            self.output.line(json_line(&ConnectLine { command: "connect", address }));
        } else {
            self.output.line(format_args!("connected to {}", Escaped(address)));
        }
    }

    pub(crate) fn transferred(&self, done: Transferred<'_>) {
        let Transferred { command, path, local, byte_count, digest, reused, sources, time } = done;
        let sources = sources.map(|sources| {
            sources.into_iter().map(|(address, byte_count)| SourceObject { address, byte_count }).collect()
        });
        if self.style.is_json {
            let (digest, seconds) = (digest.to_string(), quantity::seconds(time));
            let resumed_from = reused;
            let line =
                TransferLine { command, path, local, byte_count, digest, resumed_from, seconds, sources };
            return self.output.line(json_line(&line));
        }
        let size = quantity::size(byte_count);
        let kept = match reused {
            0 => String::new(),
            all if all == byte_count => ", all of it was there".to_owned(),
            some => format!(", {} of it was there", quantity::size(some)),
        };
        let (from, word, to) =
            if command == "read" { (path, "received", local) } else { (local, "written", path) };
        if from == to {
            self.output.line(format_args!("{word} {}, {size}{kept}", Escaped(to)));
        } else {
            self.output.line(format_args!("{word} {} as {}, {size}{kept}", Escaped(from), Escaped(to)));
        }
    }

    /// All files of a command are done, as far as they will be. JSON has no summaries.
    pub(crate) fn summed_up(&self, sum: &Sum) {
        if let Some(line) = sum.line().filter(|_| !self.style.is_json) {
            self.output.line(line);
        }
    }

    /// All files of a command were looked at that moves nothing.
    pub(crate) fn rehearsed_all(&self, sum: &Sum) {
        if let Some(line) = sum.rehearsed_line().filter(|_| !self.style.is_json) {
            self.output.line(line);
        }
    }

    /// What would be transferred, where nothing is.
    pub(crate) fn rehearsed(&self, would: Rehearsal<'_>) {
        let Rehearsal { command, path, local, byte_count, reused } = would;
        let moved = byte_count.saturating_sub(reused);
        if self.style.is_json {
            let (resumed_from, dry_run) = (reused, true);
            let line = RehearsalLine { command, path, local, byte_count, resumed_from, dry_run };
            return self.output.line(json_line(&line));
        }
        let (word, what) = if command == "read" { ("receive", path) } else { ("send", local) };
        let (moved, all) = (quantity::size(moved), quantity::size(byte_count));
        self.output.line(format_args!("would {word} {}, {moved} of {all}", Escaped(what)));
    }

    /// Something was renamed, deleted or made.
    pub(crate) fn changed(&self, command: &'static str, path: &str, to: Option<&str>) {
        if self.style.is_json {
            return self.output.line(json_line(&ChangeLine { command, path, to }));
        }
        match (command, to) {
            (_, Some(to)) => self.output.line(format_args!("renamed {} to {}", Escaped(path), Escaped(to))),
            ("delete", None) => self.output.line(format_args!("deleted {}", Escaped(path))),
            (_, None) => self.output.line(format_args!("made {}", Escaped(path))),
        }
    }

    pub(crate) fn stat(&self, name: &str, entry: &Entry, digest: Option<Digest>) {
        let digest = digest.map(|digest| digest.to_string());
        let entry = entry_line("stat", entry);
        if self.style.is_json {
            return self.output.line(json_line(&StatLine { entry, digest }));
        }
        let row = if self.is_terminal { entry.columns(name) } else { entry.fields(name) };
        match digest {
            Some(digest) if self.is_terminal => self.output.line(format_args!("{row}\nBLAKE3 {digest}")),
            Some(digest) => self.output.line(format_args!("{row}\t{digest}")),
            None => self.output.line(row),
        }
    }

    pub(crate) fn help(&self, line: HelpLine) {
        let HelpLine { usage, text, example } = line;
        if self.style.is_json {
            self.output.line(json_line(&TopicLine { command: "help", usage, text, example }));
        } else {
            self.output.line(format_args!("{usage}\n    {text}\n    example: {example}"));
        }
    }

    /// What the other end says that it can be asked.
    pub(crate) fn topics(&self, topics: &[Topic]) {
        let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
        self.note(format_args!("the server answers: {}", names.join(", ")));
    }

    pub(crate) fn say(&self, text: &str) {
        if !self.style.is_json {
            self.output.line(text);
        }
    }

    /// Begins to show the entries of `command`.
    pub(crate) fn listing(&self, command: &'static str) -> ShownListing<'_> {
        ShownListing { report: self, command, kept: Vec::new(), count: 0 }
    }
}

impl ShownListing<'_> {
    /// Shows an entry, whose path is `name` from where the person stands.
    pub(crate) fn entry(&mut self, name: &str, entry: Entry) {
        self.count += 1;
        let Report { output, style, is_terminal, .. } = self.report;
        if style.is_json {
            output.line(json_line(&entry_line(self.command, &entry)));
        } else if *is_terminal {
            self.kept.push((name.to_owned(), entry));
            if self.kept.len() >= SORTED_ENTRIES_MAX {
                self.show_kept();
            }
        } else {
            output.line(entry_line(self.command, &entry).fields(name));
        }
    }

    /// Shows what was kept for sorting; gives how many entries there were.
    pub(crate) fn end(mut self) -> u64 {
        self.show_kept();
        self.count
    }

    /// Tells what the other end counted and cannot list.
    pub(crate) fn counts(&self, listed: Listed) {
        let Listed { unnameable_count, left_out_count } = listed;
        if unnameable_count > 0 {
            self.report.note(format_args!("names that cannot be listed: {unnameable_count}"));
        }
        if left_out_count > 0 {
            self.report.note(format_args!("things that are not shared: {left_out_count}"));
        }
    }

    fn show_kept(&mut self) {
        let mut rows = std::mem::take(&mut self.kept);
        rows.sort_by_cached_key(|(name, entry)| listing_key(name, entry.kind == Kind::Folder));
        for (name, entry) in &rows {
            self.report.output.line(entry_line(self.command, entry).columns(name));
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
