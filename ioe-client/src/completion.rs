//! What TAB offers: commands, names at the other end, local names.
//!
//! Remote names come over a connection of their own, which nobody else waits for and which is given up soon. Must
//! not know the prompt.

use crate::command::{first_name, names};
use crate::destination::without_secrets;
use crate::here::Here;
use crate::local;
use program::prompt::Complete;
use program::typed::quote;
use shared_folder::remote::{Cancel, Dialer, ListedName, Remote, RemoteError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wire::message::Kind;

/// A person waits: what has not come by then is not offered.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(1500);
/// Names looked at in one folder.
const NAMES_MAX: usize = 10_000;
/// Names offered.
const OFFERS_MAX: usize = 1000;

/// Where the console stands when a line is typed; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Standing(Arc<Mutex<Where>>);

#[derive(Default)]
struct Where {
    dialer: Option<Dialer>,
    here: Here,
    dir: PathBuf,
}

impl Standing {
    /// Tells where the next line is typed.
    pub(crate) fn set(&self, dialer: Option<&Dialer>, here: &Here, dir: &Path) {
        let dialer = dialer.map(|dialer| dialer.clone().with_patience(ANSWER_TIME_MAX));
        *self.get() = Where { dialer, here: here.clone(), dir: dir.to_owned() };
    }

    fn get(&self) -> MutexGuard<'_, Where> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completes lines.
pub(crate) struct Completion(Standing);

impl Completion {
    pub(crate) fn new(standing: Standing) -> Self {
        Self(standing)
    }
}

/// The part of a line that is completed.
#[derive(Debug, PartialEq, Eq)]
struct Typed<'a> {
    /// Where it begins in the line, in bytes.
    start: usize,
    /// The command word before it; none where the word itself is typed.
    command: Option<&'a str>,
    /// How many operands stand between the two.
    operands_before: usize,
    /// What was typed of it, without an opening quote.
    text: &'a str,
    is_comma_form: bool,
}

impl Complete for Completion {
    fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let Some(typed) = line.get(..cursor).and_then(typed_part) else { return (cursor, Vec::new()) };
        let Some(command) = typed.command else {
            let upper = typed.text.to_uppercase();
            return (
                typed.start,
                names().filter(|name| name.starts_with(&upper)).map(|name| name + " ").collect(),
            );
        };
        let standing = self.0.get();
        let found = match (first_name(command), typed.operands_before) {
            (Some("write"), 0) => standing.local_names(typed.text),
            (Some("read"), before) if before > 0 => standing.local_names(typed.text),
            (Some("list" | "read" | "write" | "rename" | "delete" | "mkdir" | "stat" | "cd"), _) => {
                standing.remote_names(typed.text, matches!(first_name(command), Some("cd" | "list")))
            }
            _ => Vec::new(),
        };
        let spelled = |name: String| if typed.is_comma_form { name } else { spelling(&name) };
        (typed.start, found.into_iter().take(OFFERS_MAX).map(spelled).collect())
    }

    fn remembered(&self, line: &str) -> String {
        without_secrets(line)
    }
}

/// A folder's name stays open, so that typing can go on behind its slash.
fn spelling(name: &str) -> String {
    match quote(name).into_owned() {
        quoted if name.ends_with('/') && quoted.len() > name.len() => {
            quoted.strip_suffix(['"', '\'']).unwrap_or(&quoted).to_owned()
        }
        spelled => spelled,
    }
}

/// Finds what is being typed at the end of `line`.
fn typed_part(line: &str) -> Option<Typed<'_>> {
    let word_start = line.len() - line.trim_start().len();
    let rest = line.get(word_start..)?;
    let Some(word_length) = rest.find([' ', '\t', ',']) else {
        let typed =
            Typed { start: word_start, command: None, operands_before: 0, text: rest, is_comma_form: false };
        return Some(typed);
    };
    let command = rest.get(..word_length);
    let (behind, is_comma_form) = (word_start + word_length, rest.as_bytes().get(word_length) == Some(&b','));
    let (start, operands_before) = last_operand(line, behind, is_comma_form);
    let text = line.get(start..)?;
    let text = text.strip_prefix(['"', '\'']).unwrap_or(text);
    Some(Typed { start, command, operands_before, text, is_comma_form })
}

/// Where the last operand behind `from` begins, and how many are before it.
fn last_operand(line: &str, from: usize, is_comma_form: bool) -> (usize, usize) {
    let (mut start, mut before, mut quote) = (from + 1, 0, None);
    let behind = line.get(start..).unwrap_or_default();
    for (offset, character) in behind.char_indices() {
        let at = from + 1 + offset;
        let is_separator = if is_comma_form { character == ',' } else { matches!(character, ' ' | '\t') };
        match quote {
            Some(open) if open == character => quote = None,
            None if is_separator => {
                let operand = line.get(start..at).unwrap_or_default();
                before += usize::from(is_comma_form || (!operand.is_empty() && !operand.starts_with('-')));
                start = at + character.len_utf8();
            }
            None if at == start && matches!(character, '"' | '\'') => quote = Some(character),
            _ => {}
        }
    }
    (start, before)
}

impl Where {
    fn local_names(&self, text: &str) -> Vec<String> {
        let (folder, start) = text.rsplit_once('/').map_or(("", text), |(folder, start)| (folder, start));
        let prefix = text.get(..text.len() - start.len()).unwrap_or_default();
        let place = local::at(
            &self.dir,
            if prefix == "/" {
                "/"
            } else if folder.is_empty() {
                "."
            } else {
                folder
            },
        );
        let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
        let name_of = |entry: std::fs::DirEntry| {
            let name = entry.file_name().into_string().ok().filter(|name| name.starts_with(start))?;
            let slash = if entry.path().is_dir() { "/" } else { "" };
            Some(format!("{prefix}{name}{slash}"))
        };
        let mut found: Vec<_> = entries.flatten().take(NAMES_MAX).filter_map(name_of).collect();
        found.sort_unstable();
        found
    }

    fn remote_names(&self, text: &str, folders_only: bool) -> Vec<String> {
        let (folder, start) = text.rsplit_once('/').map_or(("", text), |(folder, start)| (folder, start));
        let prefix = text.get(..text.len() - start.len()).unwrap_or_default();
        let listed = self.list(folder, start, folders_only).unwrap_or_else(|error| {
            log::debug!("no names to offer: {error}");
            Vec::new()
        });
        let mut found: Vec<_> = listed.into_iter().map(|name| format!("{prefix}{name}")).collect();
        found.sort_unstable();
        found
    }

    fn list(&self, folder: &str, start: &str, folders_only: bool) -> Result<Vec<String>, RemoteError> {
        let (Some(dialer), Ok(path)) =
            (&self.dialer, self.here.resolve(if folder.is_empty() { "." } else { folder }))
        else {
            return Ok(Vec::new());
        };
        let Ok(cancel) = Cancel::new() else { return Ok(Vec::new()) };
        let deadline = Instant::now() + ANSWER_TIME_MAX;
        let mut remote = Remote::new(dialer.clone(), cancel);
        let mut listing = remote.session()?.list(path.as_ref(), false)?;
        let (mut found, mut seen) = (Vec::new(), 0);
        while let Some(name) = listing.next_entry()? {
            seen += 1;
            if seen > NAMES_MAX || Instant::now() > deadline {
                break;
            }
            let ListedName::Sound(path, entry) = name else { continue };
            let is_folder = entry.kind == Kind::Folder;
            if path.name().starts_with(start) && (is_folder || !folders_only) {
                found.push(format!("{}{}", path.name(), if is_folder { "/" } else { "" }));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(line: &str) -> (usize, usize, &str) {
        let typed = typed_part(line).unwrap();
        (typed.start, typed.operands_before, typed.text)
    }

    #[test]
    fn the_last_operand_is_completed() {
        assert_eq!(part("RE"), (0, 0, "RE"));
        assert_eq!(part("READ "), (5, 0, ""));
        assert_eq!(part("READ -r mu"), (8, 0, "mu"));
        assert_eq!(part("READ \"my song"), (5, 0, "my song"));
        assert_eq!(part("READ \"my song\" co"), (15, 1, "co"));
        assert_eq!(part("READ,my song.mp3,co"), (17, 1, "co"));
        assert_eq!(part("READ,my so"), (5, 0, "my so"));
    }

    #[test]
    fn commands_are_completed_in_any_case() {
        let completion = Completion::new(Standing::default());
        assert_eq!(completion.complete("re", 2), (0, vec!["READ ".into(), "RENAME ".into()]));
        assert_eq!(completion.complete("frob x", 6), (5, vec![]));
    }

    #[test]
    fn local_names_are_spelled_as_they_have_to_be_typed() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("my folder")).unwrap();
        std::fs::write(place.path().join("my file"), b"").unwrap();
        let standing = Standing::default();
        standing.set(None, &Here::default(), place.path());
        let (start, found) = Completion::new(standing).complete("put my", 6);
        assert_eq!((start, found), (4, vec!["\"my file\"".into(), "\"my folder/".into()]));
    }
}
