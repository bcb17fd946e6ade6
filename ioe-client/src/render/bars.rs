//! Progress bars on standard error: rate, time left, and what is being verified.
//!
//! Must not know which way the bytes move.

use indicatif::{MultiProgress, ProgressBar};
use program::bars::{Look, bar_of, shortened, target};
use program::escape::for_terminal;
use shared_folder::remote::{RemoteError, Watch};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

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
        let multi = MultiProgress::with_draw_target(target(is_terminal));
        let total = match byte_count {
            // One file's own bar says it all.
            _ if file_count < 2 => ProgressBar::hidden(),
            length => {
                let bar = multi.add(bar_of(length));
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
        let bar = self.multi.add(bar_of(length));
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
            let look = if self.length.is_some() { Look::Bytes } else { Look::Unknown };
            self.bar.set_style(look.style());
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
            self.bar.set_style(Look::Verifying.style());
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    fn waiting(&self, place: u64) {
        // With the next byte, it is a usual bar again.
        self.is_verifying.store(true, Ordering::Relaxed);
        self.bar.set_style(Look::Waiting.style());
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
