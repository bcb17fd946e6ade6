//! The interactive console: a line editor with history and completion.
//!
//! It must not know any command; what completes a line is the caller's [`Complete`].

use std::io::{self, Write};
use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::config::{Behavior, CompletionType, Config};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};
use thiserror::Error;

use crate::escape::{for_terminal, is_hidden};
use crate::state_folder::StateFolder;
use crate::terminal::TerminalModes;

/// Lines that the history keeps; the oldest are dropped.
pub const HISTORY_LINES_MAX: usize = 1000;

/// Candidates that are listed without asking the person first.
const CANDIDATES_LISTED_MAX: usize = 100;

/// Terminals on which the editor cannot work, as rustyline has them.
const PLAIN_TERMINALS: [&str; 3] = ["dumb", "cons25", "emacs"];

/// Completes what is being typed.
pub trait Complete {
    /// Gives the byte at which the completed part of `line` starts, at most `cursor`, and what may stand
    /// from there to the cursor, spelled as it has to be typed. An answer has to come soon: the person
    /// waits.
    fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>);

    /// What the history keeps of a line, as where it holds a secret: usually all of it.
    fn remembered(&self, line: &str) -> String {
        line.to_owned()
    }
}

/// What a person did at the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptLine {
    /// Typed a line; the line end is cut off.
    Line(String),
    /// Pressed Ctrl-C: the line is given up, not the program.
    Interrupted,
    /// Pressed Ctrl-D, or the terminal is gone.
    End,
}

/// Why there is no prompt.
#[derive(Debug, Error)]
#[error("the terminal cannot be used for editing lines")]
pub struct PromptError(#[from] ReadlineError);

/// The line editor. It works on the process's terminal itself, so that standard output holds only
/// results; open one only where standard input is a terminal.
pub struct Prompt {
    editor: Editor<Completion, FileHistory>,
    history: Option<PathBuf>,
    terminal: Option<TerminalModes>,
    is_plain: bool,
}

impl Prompt {
    /// Opens the prompt and keeps the terminal's modes. The history is the file `history` in the state
    /// folder, private to this user, or lasts as long as the program where that cannot be written.
    pub fn open(state: &StateFolder, complete: Box<dyn Complete>) -> Result<Self, PromptError> {
        let config = Config::builder()
            .max_history_size(HISTORY_LINES_MAX)?
            .completion_type(CompletionType::List)
            .completion_prompt_limit(CANDIDATES_LISTED_MAX)
            .behavior(Behavior::PreferTerm)
            .build();
        let terminal = TerminalModes::save();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Completion(complete)));
        let history = state.private_file("history");
        if let Some(Err(error)) = history.as_ref().map(|path| editor.load_history(path)) {
            log::debug!("no history is read: {error}");
        }
        let is_plain = std::env::var("TERM")
            .is_ok_and(|name| PLAIN_TERMINALS.iter().any(|plain| plain.eq_ignore_ascii_case(&name)));
        Ok(Self { editor, history, terminal, is_plain })
    }

    /// Shows the prompt and waits for a line, which is added to the history unless it is blank or starts
    /// with a space. `prompt` may hold names from outside: it is escaped.
    pub fn read_line(&mut self, prompt: &str) -> PromptLine {
        let prompt = for_terminal(prompt);
        let read = if self.is_plain {
            // There, rustyline would write the prompt to standard output.
            let _ = write!(io::stderr(), "{prompt}");
            self.editor.readline("")
        } else {
            self.editor.readline(&*prompt)
        };
        match read {
            Ok(line) => {
                self.remember(&line);
                PromptLine::Line(line)
            }
            Err(ReadlineError::Interrupted) => PromptLine::Interrupted,
            Err(ReadlineError::Eof) => PromptLine::End,
            Err(error) => {
                log::warn!("the console ends: {error}");
                PromptLine::End
            }
        }
    }

    /// The terminal's modes from before the prompt, for whoever has to stop the program while a line is
    /// read.
    pub fn terminal(&self) -> Option<TerminalModes> {
        self.terminal.clone()
    }

    fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || line.starts_with(' ') {
            return;
        }
        let line = self.editor.helper().map_or_else(String::new, |completion| completion.0.remembered(line));
        let added = self.editor.add_history_entry(line);
        let kept =
            added.and_then(|_| self.history.as_ref().map_or(Ok(()), |path| self.editor.append_history(path)));
        if let Err(error) = kept {
            log::debug!("the line is not kept in the history: {error}");
        }
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        if let Some(terminal) = &self.terminal {
            terminal.restore();
        }
    }
}

/// Fits a [`Complete`] to rustyline.
struct Completion(Box<dyn Complete>);

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, candidates) = self.0.complete(line, cursor);
        // rustyline would panic where a character does not start.
        if start > cursor || !line.is_char_boundary(start) {
            return Ok((cursor, Vec::new()));
        }
        // rustyline shows the line as it is: a candidate with hidden characters could act on the terminal.
        let visible = candidates.into_iter().filter(|candidate| !candidate.contains(is_hidden));
        Ok((start, visible.map(|text| Pair { display: text.clone(), replacement: text }).collect()))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(usize, &'static [&'static str]);

    impl Complete for Fixed {
        fn complete(&self, _: &str, _: usize) -> (usize, Vec<String>) {
            (self.0, self.1.iter().map(|text| (*text).to_owned()).collect())
        }
    }

    fn completed(complete: Fixed, line: &str) -> (usize, Vec<String>) {
        let history = FileHistory::new();
        let context = Context::new(&history);
        let (start, pairs) = Completion(Box::new(complete)).complete(line, line.len(), &context).unwrap();
        (start, pairs.into_iter().map(|pair| pair.replacement).collect())
    }

    #[test]
    fn candidates_that_could_act_on_the_terminal_are_left_out() {
        let names = &["plain.mp3", "red\u{1b}[31m", "\u{202e}gpj", "a\\b"];
        assert_eq!(completed(Fixed(5, names), "READ p"), (5, vec!["plain.mp3".into(), "a\\b".into()]));
    }

    #[test]
    fn a_start_inside_a_character_or_after_the_cursor_completes_nothing() {
        assert_eq!(completed(Fixed(6, &["x"]), "READ é"), (7, vec![]));
        assert_eq!(completed(Fixed(99, &["x"]), "READ"), (4, vec![]));
    }
}
