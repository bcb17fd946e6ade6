//! Sessions that wait for their clients without a thread: one poll for all of them, in which any number of threads may wait.
//!
//! Must not know what a session is, nor who goes on with it.

use crate::net::Wake;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What the end is called among the sessions, whose numbers begin with 1.
const END: u64 = 0;
/// What those are called whose time is over.
const OVERDUE: u64 = u64::MAX;

/// Where they wait, by their numbers.
#[derive(Debug)]
pub(super) struct Parking<T> {
    epoll: OwnedFd,
    end: Wake,
    /// Until when each may wait.
    sessions: Mutex<HashMap<u64, (Option<Instant>, T)>>,
    /// Called while there are some.
    has_overdue: Wake,
    overdue: Mutex<Vec<T>>,
}

impl<T> Parking<T> {
    /// # Errors
    /// When the process has no descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        let (epoll, end, has_overdue) = (epoll::create(CreateFlags::CLOEXEC)?, Wake::new()?, Wake::new()?);
        epoll::add(&epoll, &end, EventData::new_u64(END), EventFlags::IN)?;
        epoll::add(&epoll, &has_overdue, EventData::new_u64(OVERDUE), EventFlags::IN)?;
        Ok(Self { epoll, end, sessions: Mutex::default(), has_overdue, overdue: Mutex::default() })
    }

    /// Lets a session wait here until `source` can be read, or until `until`.
    ///
    /// # Errors
    /// The session, where the system refuses to watch one more.
    pub(super) fn park(
        &self,
        id: u64,
        source: &impl AsFd,
        until: Option<Instant>,
        session: T,
    ) -> Result<(), T> {
        // It must be there before anybody can be told of it.
        self.sessions().insert(id, (until, session));
        match self.watch(id, source) {
            Ok(()) => Ok(()),
            Err(_) => self.sessions().remove(&id).map_or(Ok(()), |(_, session)| Err(session)),
        }
    }

    /// Waits for one that is ready, which nobody else is given; none once all is over.
    pub(super) fn next(&self) -> Option<T> {
        loop {
            // One at a time: whoever took more would keep them waiting while it serves the first.
            let mut events: Vec<Event> = Vec::with_capacity(1);
            // Interrupted by a signal at worst.
            let _ = epoll::wait(&self.epoll, spare_capacity(&mut events), None);
            match events.first().map(|event| event.data.u64()) {
                Some(END) => return None,
                Some(id) => {
                    // Whoever is not there was taken by another thread, or has its turn because its time is over.
                    if let Some(session) = self.take(id) {
                        return Some(session);
                    }
                }
                None => {}
            }
        }
    }

    fn take(&self, id: u64) -> Option<T> {
        if id != OVERDUE {
            return self.sessions().remove(&id).map(|(_, session)| session);
        }
        let mut overdue = lock(&self.overdue);
        let session = overdue.pop();
        if overdue.is_empty() {
            self.has_overdue.reset();
        }
        session
    }

    /// Whether somebody is ready, and no thread has come yet.
    pub(super) fn has_ready(&self) -> bool {
        let now = Timespec::default();
        poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&now)).is_ok_and(|count| count > 0)
    }

    /// From now on those are ready whose time is over; gives when that of the next one is.
    pub(super) fn call_overdue(&self, now: Instant) -> Option<Instant> {
        let (mut sessions, mut overdue) = (self.sessions(), lock(&self.overdue));
        let is_over =
            |_: &u64, (until, _): &mut (Option<Instant>, T)| until.is_some_and(|until| until <= now);
        overdue.extend(sessions.extract_if(is_over).map(|(_, (_, session))| session));
        if !overdue.is_empty() {
            self.has_overdue.call();
        }
        sessions.values().filter_map(|(until, _)| *until).min()
    }

    /// Ends all waits, now and later.
    pub(super) fn end(&self) {
        self.end.call();
    }

    /// Tells of the next bytes, or of the end of the stream, once.
    fn watch(&self, id: u64, source: &impl AsFd) -> io::Result<()> {
        let (name, wanted) = (EventData::new_u64(id), EventFlags::IN | EventFlags::ONESHOT);
        match epoll::modify(&self.epoll, source, name, wanted) {
            // It has not been here before.
            Err(Errno::NOENT) => Ok(epoll::add(&self.epoll, source, name, wanted)?),
            watched => Ok(watched?),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<u64, (Option<Instant>, T)>> {
        lock(&self.sessions)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete in itself.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap()
    }

    #[test]
    fn whoever_has_something_to_read_is_ready_again_and_again_and_nobody_else() {
        let parking = Parking::new().unwrap();
        let ((one, mut one_end), (two, two_end)) = (pair(), pair());
        parking.park(2, &two, None, "two").unwrap();
        for _ in 0..3 {
            parking.park(1, &one, None, "one").unwrap();
            assert!(!parking.has_ready());
            one_end.write_all(b"x").unwrap();
            assert!(parking.has_ready());
            assert_eq!(parking.next(), Some("one"));
            (&one).read_exact(&mut [0]).unwrap();
        }
        drop(two_end);
        assert_eq!(parking.next(), Some("two"));
        assert!(!parking.has_ready());
    }

    #[test]
    fn what_came_before_the_wait_is_told_of_too() {
        let parking = Parking::new().unwrap();
        let (one, mut one_end) = pair();
        one_end.write_all(b"x").unwrap();
        parking.park(1, &one, None, "one").unwrap();
        assert_eq!(parking.next(), Some("one"));
    }

    #[test]
    fn whose_time_is_over_is_ready_and_not_told_of_again_and_the_others_go_on_waiting() {
        let parking = Parking::new().unwrap();
        let ((one, _one_end), (two, mut two_end), (three, mut three_end)) = (pair(), pair(), pair());
        let now = Instant::now();
        let later = now + Duration::from_secs(3600);
        parking.park(1, &one, Some(later), "one").unwrap();
        parking.park(2, &two, Some(now), "two").unwrap();
        parking.park(3, &three, None, "three").unwrap();
        assert_eq!(parking.call_overdue(now), Some(later));
        assert!(parking.has_ready());
        assert_eq!(parking.next(), Some("two"));
        assert!(!parking.has_ready());
        two_end.write_all(b"x").unwrap();
        three_end.write_all(b"x").unwrap();
        assert_eq!(parking.next(), Some("three"));
        parking.end();
        assert_eq!(parking.next(), None);
    }

    #[test]
    fn a_session_that_cannot_be_watched_is_given_back() {
        let parking = Parking::new().unwrap();
        let place = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(parking.park(1, &place, None, "one"), Err("one"));
        assert!(parking.sessions().is_empty());
    }
}
