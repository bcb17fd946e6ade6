//! When a transfer is tried again, and when it is given up.

use super::{Cancel, Recovery, RemoteError};
use std::time::{Duration, Instant};

/// The first pause; each next one is twice as long, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Attempts that moved bytes but brought the transfer no nearer to its end: a connection that is always cut before
/// one piece has passed must not be tried for ever.
const FRUITLESS_ATTEMPTS_MAX: u32 = 16;
/// How often a transfer starts over because the file became another version.
const START_OVERS_MAX: u32 = 5;

/// The rules of one transfer: pauses that grow, a patience without progress, and bounds on what cannot succeed.
#[derive(Debug)]
pub struct Retry {
    patience: Duration,
    cancel: Cancel,
    quiet_since: Instant,
    pause: Duration,
    has_moved: bool,
    fruitless: u32,
    start_overs: u32,
    attempts: u32,
}

impl Retry {
    /// Rules with that much patience.
    #[must_use]
    pub fn new(patience: Duration, cancel: Cancel) -> Self {
        Self {
            patience,
            cancel,
            quiet_since: Instant::now(),
            pause: PAUSE_FIRST,
            has_moved: false,
            fruitless: 0,
            start_overs: 0,
            attempts: 0,
        }
    }

    /// Bytes have moved, so the other end is there.
    pub fn moved(&mut self) {
        self.quiet_since = Instant::now();
        self.pause = PAUSE_FIRST;
        self.has_moved = true;
    }

    /// The transfer is nearer to its end than it ever was.
    pub fn advanced(&mut self) {
        self.moved();
        self.has_moved = false;
        self.fruitless = 0;
    }

    /// Attempts that failed so far.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Waits for the next attempt after `error`.
    ///
    /// # Errors
    /// `error` itself where there is to be no next attempt.
    pub fn after(&mut self, error: RemoteError) -> Result<Recovery, RemoteError> {
        let recovery = error.recovery();
        let is_allowed = match recovery {
            Recovery::None => false,
            Recovery::Reconnect => self.fruitless < FRUITLESS_ATTEMPTS_MAX && self.has_patience(),
            Recovery::Later => self.has_patience(),
            Recovery::StartOver => self.start_overs < START_OVERS_MAX,
        };
        if !is_allowed {
            return Err(error);
        }
        self.attempts += 1;
        if recovery == Recovery::StartOver {
            self.start_overs += 1;
        }
        if std::mem::take(&mut self.has_moved) {
            self.fruitless += 1;
        }
        log::debug!("another attempt in {:?}: {error}", self.pause);
        let pause = self.pause.min(self.patience.saturating_sub(self.quiet_since.elapsed()));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        if self.cancel.pause(pause) { Ok(recovery) } else { Err(RemoteError::Cancelled) }
    }

    fn has_patience(&self) -> bool {
        self.quiet_since.elapsed() < self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::error_code::ErrorCode;

    fn retry(patience: Duration) -> Retry {
        Retry::new(patience, Cancel::new().unwrap())
    }

    fn refused(code: ErrorCode) -> RemoteError {
        RemoteError::Refused { code, message: String::new() }
    }

    #[test]
    fn what_cannot_get_better_is_given_up_at_once() {
        assert!(retry(Duration::from_secs(9)).after(refused(ErrorCode::NotFound)).is_err());
    }

    #[test]
    fn a_busy_end_is_asked_again_until_patience_ends() {
        let mut patient = retry(Duration::from_secs(60));
        assert!((0..3).all(|_| patient.after(refused(ErrorCode::Busy)).is_ok()));
        patient.quiet_since = Instant::now().checked_sub(patient.patience).unwrap();
        assert!(patient.after(refused(ErrorCode::Busy)).is_err());
        // Its pauses grow: how often it asks depends on the time it is given, and is never more than this.
        let mut hasty = retry(Duration::from_millis(250));
        let attempts = std::iter::from_fn(|| hasty.after(refused(ErrorCode::Busy)).ok()).count();
        assert!(attempts <= 5, "{attempts}");
    }

    #[test]
    fn a_file_that_changes_all_the_time_is_given_up() {
        let mut retry = retry(Duration::from_secs(60));
        let attempts = (0..100).take_while(|_| retry.after(refused(ErrorCode::Changed)).is_ok()).count();
        assert_eq!(attempts, 5);
    }

    #[test]
    fn a_connection_that_moves_bytes_and_never_gets_on_is_given_up() {
        let mut retry = retry(Duration::from_secs(60));
        retry.cancel = Cancel::new().unwrap();
        let mut attempts = 0;
        loop {
            retry.moved();
            retry.pause = Duration::ZERO;
            if retry.after(RemoteError::Closed).is_err() {
                break;
            }
            attempts += 1;
        }
        assert_eq!(attempts, FRUITLESS_ATTEMPTS_MAX);
        retry.advanced();
        assert!(retry.after(RemoteError::Closed).is_ok());
    }

    #[test]
    fn a_cancelled_pause_is_an_interruption() {
        let mut retry = retry(Duration::from_secs(60));
        retry.cancel.cancel();
        assert!(matches!(retry.after(RemoteError::Closed), Err(RemoteError::Cancelled)));
    }
}
