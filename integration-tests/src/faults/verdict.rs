//! What a fault has left, in words: judged by files and exit codes alone.
//!
//! It must not know who did it.

use std::fs;
use std::path::Path;

use super::stage::Ended;

/// Where the words of the table are explained: each with what it means.
pub const LEGEND: &[(&str, &str)] = &[
    ("old file kept", "the file that was there before is there, byte for byte"),
    ("new file whole", "the file that was to come is there, byte for byte"),
    ("no file", "nothing has the name, as before"),
    ("**old file lost**", "a good file was there, and now nothing has its name"),
    ("**cut file**", "the beginning of the new file has its final name"),
    ("**damaged file**", "what has the name is neither the old file nor the new one nor the beginning of it"),
    ("as it was, as it is now", "the file arrived as it was when the transfer began, or as it is at the end"),
    ("**never was**", "what arrived was at no moment the content of the file"),
    ("exit 0, error", "how the client ended: it said that all was done, or not"),
    ("rest aside", "something lies beside it under another name: what can be continued, or was left over"),
    ("part sent, all sent", "how much of the file a resumed transfer sent"),
    ("nothing to resume", "nothing was kept of the transfer that was stopped"),
    ("refused", "nothing was written or read outside the share, and the client ended with an error"),
    ("link replaced", "the name is a file of the share now, and nothing was written outside"),
    ("**written outside**, **read outside**", "a link led a client out of the share"),
    (
        "file and folder, file only, **nothing**",
        "what was synced to the disk before the client was told that all is done",
    ),
];

/// The words where the harness itself failed.
pub(crate) const NOT_PLAYED: &str = "not played";

/// A cell of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The words; the bad ones between asterisks.
    pub words: String,
    /// What the client said last.
    pub said: String,
}

/// What there is under the name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// The old file.
    Old,
    /// The new one.
    New,
    /// Nothing.
    Absent,
    /// The beginning of the new one.
    Cut,
    /// Anything else.
    Damaged,
}

impl Content {
    /// What is there; `old` is what was there before, if anything was.
    pub(crate) fn of(path: &Path, old: Option<&[u8]>, new: &[u8]) -> Self {
        let Ok(found) = fs::read(path) else { return Self::Absent };
        match found {
            found if Some(&*found) == old => Self::Old,
            found if found == new => Self::New,
            found if new.starts_with(&found) => Self::Cut,
            _ => Self::Damaged,
        }
    }

    /// Its words; whether something was there before decides what an absent file means.
    pub(crate) fn words(self, had_old: bool) -> &'static str {
        match self {
            Self::Old => "old file kept",
            Self::New => "new file whole",
            Self::Absent if had_old => "**old file lost**",
            Self::Absent => "no file",
            Self::Cut => "**cut file**",
            Self::Damaged => "**damaged file**",
        }
    }
}

impl Verdict {
    /// Of words that stand side by side.
    pub(crate) fn new(words: &[&str], said: &str) -> Self {
        let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
        Self { words: words.join(", "), said: said.to_owned() }
    }

    /// Of what lies there, and how the client ended.
    pub(crate) fn of(words: &[&str], ended: &Ended) -> Self {
        Self::new(&[words, &[exit(ended)]].concat(), &format!("exit {}: {}", ended.code, ended.said))
    }
}

/// How a client ended.
fn exit(ended: &Ended) -> &'static str {
    if ended.code == 0 { "exit 0" } else { "error" }
}
