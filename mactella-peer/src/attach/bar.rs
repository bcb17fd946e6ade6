//! How far the command is that runs, on standard error.
//!
//! Must not know what the command does.

use crate::protocol::Progress;
use indicatif::ProgressBar;
use program::bars::{Look, bar_of, shortened, target};
use std::io::{self, IsTerminal as _};

/// The bar of one command; none until there is something to show.
#[derive(Debug, Default)]
pub(super) struct Bar(Option<(ProgressBar, Look)>);

impl Bar {
    pub(super) fn show(&mut self, progress: &Progress) {
        let look = match progress {
            Progress { place: Some(_), .. } => Look::Waiting,
            Progress { total: Some(_), .. } => Look::Bytes,
            Progress { total: None, .. } => Look::Unknown,
        };
        if let Some((bar, shown)) = &self.0
            && *shown == look
        {
            return update(bar, progress);
        }
        // Each change of a bar draws it: a new one is drawn when all is as it should be.
        self.clear();
        let bar = bar_of(progress.total).with_style(look.style()).with_prefix(shortened(&progress.what));
        update(&bar, progress);
        bar.set_draw_target(target(io::stderr().is_terminal()));
        self.0 = Some((bar, look));
    }

    /// Makes room for what is printed; the next word about how far it is brings it back.
    pub(super) fn clear(&mut self) {
        if let Some((bar, _)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

fn update(bar: &ProgressBar, progress: &Progress) {
    if let Some(place) = progress.place {
        bar.set_message(format!("waiting at place {place}"));
    }
    bar.set_position(progress.byte_count);
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}
