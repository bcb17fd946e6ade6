//! How long anything may take before a test gives up: one generous deadline, so that a hang becomes a
//! failure with a sentence, and no test depends on how fast the machine is.
//!
//! It must not know what is waited for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a test waits for anything. Nothing here takes a tenth of it, on a slow machine either.
pub const HANG_TIME_MAX: Duration = Duration::from_secs(60);

/// Between two looks at something that tells nobody when it changes, such as a file.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Looks again and again until there is something, for effects that no event announces.
///
/// # Panics
/// When there is nothing until [`HANG_TIME_MAX`]; the message says what was waited for.
pub fn eventually<T>(awaited: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + HANG_TIME_MAX;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {HANG_TIME_MAX:?} in vain until {awaited}");
        thread::sleep(LOOK_INTERVAL);
    }
}

/// [`eventually`], for a condition.
///
/// # Panics
/// When it does not hold until [`HANG_TIME_MAX`].
pub fn eventually_true(awaited: &str, mut holds: impl FnMut() -> bool) {
    eventually(awaited, || holds().then_some(()));
}

/// Lets so much time pass, for a run whose length is the point; no test calls this.
pub fn pause(time: Duration) {
    thread::sleep(time);
}

/// Tells threads that work in the background of a test when it is over: when this is dropped, so that a
/// failing test does not wait for them for ever.
pub struct DoneWhenDropped<'a>(pub &'a AtomicBool);

impl Drop for DoneWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
