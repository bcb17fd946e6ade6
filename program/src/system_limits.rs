//! The system's limits on this process: outlived where they would end it, raised where it may raise them.
//!
//! It must not know who needs what.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;

/// From now on a write past the limit on the length of files (`ulimit -f`) fails with `EFBIG` instead of ending the
/// process. Once per process is enough.
///
/// # Errors
/// When the handler cannot be installed.
pub fn outlive_file_size() -> io::Result<()> {
    // Nobody asks whether it came: the write that met the limit says so itself.
    let ignored = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGXFSZ, ignored).map(drop)
}

/// Takes as many descriptors as the system lets this process have: the usual soft limit is below what a daemon needs
/// for the connections that it admits. Where it may not, things stay as they are.
pub fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::debug!("the limit on open files stays as it is: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_on_descriptors_becomes_the_hard_one() {
        raise_descriptors();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
