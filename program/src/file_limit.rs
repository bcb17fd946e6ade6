//! Outlives the system's limit on the length of files (`ulimit -f`): a write past it is to fail, not to end the
//! process.
//!
//! It must not know who writes what.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGXFSZ;

/// From now on a write past the limit fails with `EFBIG`. Once per process is enough.
///
/// # Errors
/// When the handler cannot be installed.
pub fn outlive() -> io::Result<()> {
    // Nobody asks whether it came: the write that met the limit says so itself.
    let ignored = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGXFSZ, ignored).map(drop)
}
