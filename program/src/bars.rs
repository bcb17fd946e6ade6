//! Progress bars on standard error: how they look, and how they are drawn there.
//!
//! Must not know what moves.

use crate::escape::for_terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// How often bars are drawn.
const DRAWS_PER_SECOND: u8 = 10;
/// The columns of an output that is no terminal.
const COLUMNS_ELSEWHERE: u16 = 100;
/// Columns that bars leave free at the end of a line: room for what a terminal echoes.
const COLUMNS_FREE: u16 = 4;
/// Characters of a name beside its bar.
const NAME_CHARACTERS_MAX: usize = 28;

const BYTES: &str = "{prefix:28!} {bytes:>11}/{total_bytes:11} {wide_bar} {bytes_per_sec:>12} {eta:>6} {msg}";
const UNKNOWN: &str = "{prefix:28!} {bytes:>11} {bytes_per_sec:>12} {msg}";
/// No rate, no time left: they would only tell that nothing moves.
const WAITING: &str = "{prefix:28!} {bytes:>11}/{total_bytes:11} {msg}";
const VERIFYING: &str = "{prefix:28!} {bytes:>11}/{total_bytes:11} {wide_bar} verifying";

/// What a bar shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// How much of how much.
    Bytes,
    /// How much of nobody knows how much.
    Unknown,
    /// That nothing moves, and why.
    Waiting,
    /// That what has come is being verified.
    Verifying,
}

/// Where bars are drawn.
#[must_use]
pub fn target(is_terminal: bool) -> ProgressDrawTarget {
    let output = Box::new(ErrorOutput { is_terminal, line: Line::default() });
    ProgressDrawTarget::term_like_with_hz(output, DRAWS_PER_SECOND)
}

/// A bar for so many bytes, where that is known. It is drawn once it has a target.
#[must_use]
pub fn bar_of(length: Option<u64>) -> ProgressBar {
    let look = if length.is_some() { Look::Bytes } else { Look::Unknown };
    let bar = ProgressBar::with_draw_target(Some(length.unwrap_or(0)), ProgressDrawTarget::hidden());
    bar.with_style(look.style())
}

impl Look {
    /// Templates are constants, so a wrong one would show in every test; the default bar is no reason to stop.
    #[must_use]
    pub fn style(self) -> ProgressStyle {
        let style = ProgressStyle::with_template(self.template());
        style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("##-")
    }

    fn template(self) -> &'static str {
        match self {
            Self::Bytes => BYTES,
            Self::Unknown => UNKNOWN,
            Self::Waiting => WAITING,
            Self::Verifying => VERIFYING,
        }
    }
}

/// A name cut to its end, which tells files apart better than their folders do.
#[must_use]
pub fn shortened(name: &str) -> String {
    let name = for_terminal(name);
    let count = name.chars().count();
    if count <= NAME_CHARACTERS_MAX {
        return name.into_owned();
    }
    let end: String = name.chars().skip(count - NAME_CHARACTERS_MAX + 1).collect();
    format!("…{end}")
}

/// Standard error, as bars are drawn on it. Not indicatif's own, which hides bars where there is no terminal, and
/// fills lines to their end, so that the `^C` of an interruption begins another one.
#[derive(Debug)]
struct ErrorOutput {
    is_terminal: bool,
    line: Line,
}

/// Where the cursor is. indicatif fills the line of a bar with blanks, maybe none, and relies on the terminal to put what follows on the
/// next one; a terminal does not, because lines are a little longer than indicatif is told.
#[derive(Debug, Default)]
struct Line {
    is_full: AtomicBool,
}

impl Line {
    /// Whether `text`, written now, belongs on the next line.
    fn is_before(&self, text: &str) -> bool {
        let fills = text.chars().all(|character| character == ' ');
        self.is_full.swap(fills, Ordering::Relaxed) && text != "\r"
    }

    /// The cursor is somewhere else.
    fn is_left(&self) {
        self.is_full.store(false, Ordering::Relaxed);
    }
}

impl ErrorOutput {
    fn put(text: &str) -> io::Result<()> {
        io::stderr().write_all(text.as_bytes())
    }

    /// Moves the cursor on a terminal; elsewhere there is none.
    fn control(&self, count: usize, letter: char) -> io::Result<()> {
        self.line.is_left();
        if self.is_terminal && count > 0 { Self::put(&format!("\x1b[{count}{letter}")) } else { Ok(()) }
    }
}

impl TermLike for ErrorOutput {
    fn width(&self) -> u16 {
        let size = self.is_terminal.then(|| rustix::termios::tcgetwinsize(io::stderr())).and_then(Result::ok);
        let columns = size.map(|size| size.ws_col).filter(|columns| *columns > 0);
        columns.unwrap_or(COLUMNS_ELSEWHERE).saturating_sub(COLUMNS_FREE)
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.control(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.control(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.control(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.control(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.line.is_left();
        Self::put("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if self.line.is_before(text) {
            Self::put("\n")?;
        }
        Self::put(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.line.is_left();
        Self::put(if self.is_terminal { "\r\x1b[2K" } else { "\r" })
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_one() {
        for look in [Look::Bytes, Look::Unknown, Look::Waiting, Look::Verifying] {
            assert!(ProgressStyle::with_template(look.template()).is_ok(), "{look:?}");
        }
    }

    #[test]
    fn each_bar_has_a_line_of_its_own_and_the_first_one_is_drawn_where_it_was() {
        let line = Line::default();
        let broken = ["bar one", "   ", "bar two", "", "bar three", "  "].map(|text| line.is_before(text));
        assert_eq!(broken, [false, false, true, false, true, false]);
        line.is_left();
        assert!(!line.is_before("bar one, drawn again"));
        assert!(!line.is_before("  ") && !line.is_before("\r") && !line.is_before("bar one"));
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened("short"), "short");
        let name = shortened(&format!("{}/film.mov", "folder".repeat(10)));
        assert!(name.starts_with('…') && name.ends_with("/film.mov") && name.chars().count() == 28);
    }
}
