//! The steps to disk, where a test can watch them and make them fail.

use super::LandingError;
use crate::folder::FolderError;
use std::io;
use std::sync::Arc;

/// One step on the way from bytes to `written`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Bytes go into the temporary file.
    Write,
    /// The temporary file's data and attributes go to the disk.
    Sync,
    /// The temporary name becomes the target's.
    Rename,
    /// The folder's names go to the disk.
    SyncFolder,
    /// The other end is told.
    Reply,
}

/// Watches the steps. The order write → sync → rename → folder sync → reply is promise 1, and a killed process
/// alone would not show a missing sync.
pub trait Probe: Send + Sync {
    /// Before the step; an error makes it fail without being done.
    ///
    /// # Errors
    /// Whatever the step is to fail with.
    fn before(&self, step: Step) -> io::Result<()>;

    /// After the step succeeded.
    fn after(&self, step: Step);
}

pub(crate) fn run_step<T>(
    probe: &Option<Arc<dyn Probe>>,
    step: Step,
    action: impl FnOnce() -> Result<T, FolderError>,
) -> Result<T, LandingError> {
    if let Some(probe) = probe {
        probe.before(step).map_err(FolderError::from)?;
    }
    let done = action()?;
    if let Some(probe) = probe {
        probe.after(step);
    }
    Ok(done)
}
