//! The thread that hears of changes of a folder. It says only that something may have changed. Must not know what lies
//! in the folder.

use crossbeam_channel::{Receiver, Sender, bounded};
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::Path;
use std::thread::{Builder, JoinHandle};

/// Something may have changed, since the last time that it was said or before: more than once says no more than once.
pub(super) type Hints = Receiver<()>;

/// Ends its thread when it is dropped.
pub(super) struct Watch {
    stop: Option<Sender<()>>,
    watcher: Option<RecommendedWatcher>,
    thread: Option<JoinHandle<()>>,
}

/// Hints of all changes in `folder` from now on.
pub(super) fn watch(folder: &Path) -> notify::Result<(RecommendedWatcher, Hints)> {
    let (sender, hints) = bounded(1);
    let handler = move |event: notify::Result<Event>| {
        if event.map_or(true, |event| event.need_rescan() || tells_of_change(event.kind)) {
            // Full: a hint waits already, and who takes it looks at all that was before.
            let _ = sender.try_send(());
        }
    };
    let mut watcher = RecommendedWatcher::new(handler, notify::Config::default())?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok((watcher, hints))
}

/// Files are opened and read each time that somebody looks at a hint.
fn tells_of_change(kind: EventKind) -> bool {
    !kind.is_access() || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

impl Watch {
    /// Calls `look` after each hint, on a thread of its own.
    pub(super) fn start(
        (watcher, hints): (RecommendedWatcher, Hints),
        look: impl Fn() + Send + 'static,
    ) -> notify::Result<Self> {
        let (stop, stopped) = bounded(0);
        let run = move || follow(&hints, &stopped, look);
        let thread = Builder::new().name("access-watch".into()).spawn(run).map_err(notify::Error::io)?;
        Ok(Self { stop: Some(stop), watcher: Some(watcher), thread: Some(thread) })
    }
}

fn follow(hints: &Hints, stopped: &Receiver<()>, look: impl Fn()) {
    loop {
        crossbeam_channel::select! {
            recv(stopped) -> _ => return,
            recv(hints) -> hint => match hint {
                Ok(()) => look(),
                Err(_) => return,
            },
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.watcher.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that watches the access file ended by a fault of its own");
        }
    }
}
