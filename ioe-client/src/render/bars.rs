//! Progress bars on standard error: rate, time left, and what is being verified.
//!
//! Must not know which way the bytes move.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use program::escape::for_terminal;
use shared_folder::remote::{RemoteError, Watch};
use std::io::{self, Write as _};
use std::sync::Mutex;
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

/// All bars of one command.
#[derive(Debug)]
pub(crate) struct Bars {
    multi: MultiProgress,
    total: ProgressBar,
}

/// One file's bar, which also adds to the total.
#[derive(Debug)]
struct FileBar {
    bar: ProgressBar,
    total: ProgressBar,
    /// The position to return to after verifying.
    moved: Mutex<u64>,
    length: Option<u64>,
    is_verifying: AtomicBool,
}

/// Small files together: only the total.
#[derive(Debug)]
pub(crate) struct TotalBar(ProgressBar);

impl Bars {
    /// Bars for `file_count` files of `byte_count` bytes together, where both are known.
    pub(crate) fn new(is_terminal: bool, file_count: usize, byte_count: Option<u64>) -> Self {
        let output = Box::new(ErrorOutput { is_terminal, line: Line::default() });
        let target = ProgressDrawTarget::term_like_with_hz(output, DRAWS_PER_SECOND);
        let multi = MultiProgress::with_draw_target(target);
        let total = match byte_count {
            // One file's own bar says it all.
            _ if file_count < 2 => ProgressBar::hidden(),
            length => {
                let bar = multi.add(bar_of(length, BYTES));
                bar.set_prefix(format!("{file_count} files"));
                bar
            }
        };
        Self { multi, total }
    }

    /// Watches the small files.
    pub(crate) fn total(&self) -> TotalBar {
        TotalBar(self.total.clone())
    }

    /// Watches one large file.
    pub(crate) fn file(&self, name: &str, length: Option<u64>) -> Box<dyn Watch> {
        let bar = self.multi.add(bar_of(length, BYTES));
        bar.set_prefix(shortened(name));
        let total = self.total.clone();
        Box::new(FileBar { bar, total, moved: Mutex::new(0), length, is_verifying: AtomicBool::new(false) })
    }

    /// Runs `print` while no bar is in its way.
    pub(crate) fn around(&self, print: impl FnOnce()) {
        self.multi.suspend(print);
    }

    /// Tells how many files are done.
    pub(crate) fn files_done(&self, done: usize) {
        self.total.set_message(format!("{done} done"));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.total.finish_and_clear();
        // Nothing is lost if a closed standard error cannot be cleared.
        let _ = self.multi.clear();
    }
}

impl Watch for TotalBar {
    fn moved(&self, byte_count: u64) {
        self.0.inc(byte_count);
    }

    fn reused(&self, byte_count: u64) {
        self.0.inc(byte_count);
    }
}

impl FileBar {
    fn advance(&self, byte_count: u64) {
        let mut moved = self.moved.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *moved += byte_count;
        self.total.inc(byte_count);
        if self.is_verifying.swap(false, Ordering::Relaxed) {
            self.bar.set_style(style(if self.length.is_some() { BYTES } else { UNKNOWN }));
            self.bar.set_length(self.length.unwrap_or(0));
            self.bar.set_message("");
            self.bar.set_position(*moved);
            self.bar.reset_eta();
        } else {
            self.bar.set_position(*moved);
        }
    }
}

impl Watch for FileBar {
    fn moved(&self, byte_count: u64) {
        self.advance(byte_count);
    }

    fn reused(&self, byte_count: u64) {
        self.advance(byte_count);
    }

    fn checking(&self, done: u64, of: u64) {
        if !self.is_verifying.swap(true, Ordering::Relaxed) {
            self.bar.set_style(style(VERIFYING));
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    fn waiting(&self, place: u64) {
        // With the next byte, it is a usual bar again.
        self.is_verifying.store(true, Ordering::Relaxed);
        self.bar.set_style(style(WAITING));
        self.bar.set_message(format!("waiting at place {place}"));
    }

    fn restarted(&self) {
        let mut moved = self.moved.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.total.set_position(self.total.position().saturating_sub(*moved));
        *moved = 0;
        self.bar.set_position(0);
        self.bar.set_message("");
    }

    fn retrying(&self, why: &RemoteError) {
        self.bar.set_message(format!("again: {}", for_terminal(&why.to_string())));
    }
}

impl Drop for FileBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar_of(length: Option<u64>, template: &str) -> ProgressBar {
    match length {
        Some(length) => ProgressBar::new(length).with_style(style(template)),
        None => ProgressBar::new(0).with_style(style(UNKNOWN)),
    }
}

/// Templates are constants, so a wrong one would show in every test; the default bar is no reason to stop.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("##-")
}

/// A name cut to its end, which tells files apart better than their folders do.
fn shortened(name: &str) -> String {
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
        for template in [BYTES, UNKNOWN, WAITING, VERIFYING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
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
