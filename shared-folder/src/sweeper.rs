//! Cleans up after crashes at the start and every hour: a thread beside the service, woken by the stop.
//!
//! Both daemons run one. Must not know who uploads.

use crate::incoming::{PARTIAL_BYTES_MAX, sweep};
use crate::serve::Host;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The thread; dropping it wakes and joins it.
pub struct Sweeper {
    stopping: Arc<AtomicBool>,
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    /// Sweeps the share of `host` now and every hour.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(host: Arc<Host>) -> io::Result<Self> {
        let (wake, woken) = bounded(0);
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = Builder::new().name("sweeper".into()).spawn(move || run(&host, &stop, &woken))?;
        Ok(Self { stopping, wake: Some(wake), thread: Some(thread) })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was a bug that its log line has told of.
            let _ = thread.join();
        }
    }
}

fn run(host: &Host, stopping: &AtomicBool, woken: &Receiver<()>) {
    loop {
        match sweep(&host.share.folder, PARTIAL_BYTES_MAX, &|| stopping.load(Ordering::Relaxed)) {
            Ok(report) if report.removed + report.kept > 0 => log::info!(
                "unfinished uploads: {} removed, {} kept to be continued",
                report.removed,
                report.kept
            ),
            Ok(_) => {}
            Err(error) => log::warn!("unfinished uploads cannot be looked for everywhere: {error}"),
        }
        if woken.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
