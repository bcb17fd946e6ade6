//! One limit of payload bytes per second for many connections, which take turns.
//!
//! A connection takes a turn at a time for each of its directions, and waits until it is due before it takes the next:
//! however much is asked for over one, each moves equally much. Must not know what is moved.

use super::stream::Stream;
use crate::bucket::Bucket;
use std::io;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bytes of one turn at most: the more, the fewer waits; the fewer, the sooner it is somebody else's turn.
const TURN_BYTES_MAX: u64 = 64 * 1024;
/// The bytes of one turn at least.
const TURN_BYTES_MIN: u64 = 1024;
/// Turns in a second at least, as far as those two allow: whoever waits for bytes should see some now and then.
const TURNS_PER_SECOND: u64 = 16;
/// So much idle time is made up for: a wait ends a little late.
const BURST: Duration = Duration::from_millis(50);

/// So many payload bytes in a second for all connections that are under it; clones are the same.
#[derive(Debug, Clone)]
pub struct RateLimit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    since: Instant,
    turn_bytes: u64,
    bucket: Mutex<Bucket>,
}

impl RateLimit {
    /// So many bytes in a second, in both directions together.
    #[must_use]
    pub fn new(bytes_per_second: NonZeroU64) -> Self {
        let turn_bytes = (bytes_per_second.get() / TURNS_PER_SECOND).clamp(TURN_BYTES_MIN, TURN_BYTES_MAX);
        let bucket = Mutex::new(Bucket::new(bytes_per_second, BURST));
        Self(Arc::new(Shared { since: Instant::now(), turn_bytes, bucket }))
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.0.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One direction of a connection under a limit.
#[derive(Debug)]
pub(super) struct Share {
    limit: RateLimit,
    /// Bytes of the last turns that were not moved yet: less than one turn's between two calls.
    credit: u64,
}

impl Share {
    pub(super) fn of(limit: &RateLimit) -> Self {
        Self { limit: limit.clone(), credit: 0 }
    }

    /// The most that may be moved at once.
    pub(super) fn turn_bytes(&self) -> u64 {
        self.limit.0.turn_bytes
    }

    /// What may be moved now.
    pub(super) fn credit(&self) -> u64 {
        self.credit
    }

    /// Waits for turns until so many bytes may be moved, at most those of one turn; `pause` ends with an error where
    /// there is nobody any more to move them for.
    pub(super) fn await_credit(
        &mut self,
        byte_count: u64,
        mut pause: impl FnMut(Duration) -> io::Result<()>,
    ) -> io::Result<()> {
        while self.credit < byte_count {
            let turn_bytes = self.turn_bytes();
            let wait = self.limit.bucket().take(self.limit.0.since.elapsed(), turn_bytes);
            // What is not moved after all is given back with the rest.
            self.credit += turn_bytes;
            if !wait.is_zero() {
                pause(wait)?;
            }
        }
        Ok(())
    }

    /// So many bytes were moved.
    pub(super) fn spend(&mut self, byte_count: u64) {
        self.credit = self.credit.saturating_sub(byte_count);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.limit.bucket().give_back(self.credit);
    }
}

impl Stream {
    /// Waits so long; ends at once with an error when the connection is closed, from whichever end.
    pub(super) fn pause(&self, pause: Duration) -> io::Result<()> {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            match self.is_gone_within(left) {
                Ok(false) => {}
                Ok(true) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{Connection, ReceiveError, SendError};
    use crate::message::Reply;
    use std::net::{TcpListener, TcpStream};

    const PATIENCE: Duration = Duration::from_secs(60);
    /// At this rate, one turn is due in a quarter of an hour.
    const SLOW: NonZeroU64 = NonZeroU64::MIN;
    const FAST: NonZeroU64 = NonZeroU64::new(1 << 30).unwrap();

    fn pair() -> [Connection; 2] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        [listener.accept().unwrap().0, dialled].map(|socket| Connection::new(socket, PATIENCE).unwrap())
    }

    #[test]
    fn a_wait_for_a_turn_ends_at_once_when_the_connection_is_closed() {
        let [mut here, there] = pair();
        here.under(&RateLimit::new(SLOW));
        let closer = here.closer();
        let Connection { mut sender, mut receiver, .. } = here;
        std::thread::scope(|scope| {
            let sending = scope.spawn(move || sender.section(1, 0, b"never"));
            let receiving = scope.spawn(move || receiver.section(5).read_exact(&mut [0; 5]));
            closer.close();
            assert!(matches!(sending.join().unwrap(), Err(SendError::Lost(_))));
            assert!(matches!(receiving.join().unwrap(), Err(ReceiveError::Lost(_))));
        });
        drop(there);
    }

    #[test]
    fn whoever_leaves_gives_back_the_turn_that_it_waited_for() {
        let limit = RateLimit::new(SLOW);
        let mut share = Share::of(&limit);
        assert!(share.await_credit(1, |_| Err(io::ErrorKind::ConnectionAborted.into())).is_err());
        drop(share);
        let wait = limit.bucket().take(limit.0.since.elapsed(), TURN_BYTES_MIN);
        assert!(wait < Duration::from_secs(2 * TURN_BYTES_MIN - 1), "{wait:?}");
    }

    #[test]
    fn a_section_from_memory_under_a_limit_goes_in_turns_and_arrives_whole() {
        let [mut here, mut there] = pair();
        here.under(&RateLimit::new(FAST));
        let bytes: Vec<u8> = (0..200_000_u32).map(|index| (index % 251) as u8).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| here.sender.section(7, 0, &bytes).and_then(|()| here.sender.flush()).unwrap());
            assert!(received(&mut there, bytes.len()) == bytes);
        });
    }

    #[test]
    fn a_section_from_a_file_under_a_limit_goes_in_turns_and_is_cut_short_where_the_file_is() {
        let [mut here, mut there] = pair();
        here.under(&RateLimit::new(FAST));
        let bytes: Vec<u8> = (0..200_000_u32).map(|index| (index % 251) as u8).collect();
        let file = rustix::fs::memfd_create("some file", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        assert_eq!(rustix::io::write(&file, &bytes), Ok(bytes.len()));
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let whole = here.sender.section_of_file(7, 0, bytes.len() as u64, &file).unwrap();
                (whole, here.sender.section_of_file(7, bytes.len() as u64, 10, &file).unwrap())
            });
            assert!(received(&mut there, bytes.len()) == bytes);
            assert_eq!(received(&mut there, 10), [0; 10]);
            assert_eq!(sending.join().unwrap(), (true, false));
        });
    }

    /// The bytes of sections of one turn at most, which follow one another, and are received under a limit.
    fn received(there: &mut Connection, byte_count: usize) -> Vec<u8> {
        there.under(&RateLimit::new(FAST));
        let (mut bytes, mut at) = (Vec::new(), None);
        while bytes.len() < byte_count {
            let Reply::Section(section) = there.receiver.message::<Reply>().unwrap().unwrap().message else {
                panic!("something else than a section")
            };
            let length = section.byte_count.get();
            assert!(length <= TURN_BYTES_MAX && at.is_none_or(|at| at == section.offset.get()));
            at = Some(section.offset.get() + length);
            let begin = bytes.len();
            bytes.resize(begin + usize::try_from(length).unwrap(), 1);
            there.receiver.section(length).read_exact(&mut bytes[begin..]).unwrap();
        }
        bytes
    }

    #[test]
    fn crumbs_use_up_a_turn_together() {
        let limit = RateLimit::new(FAST);
        let mut shares = [(Share::of(&limit), 100, 0), (Share::of(&limit), TURN_BYTES_MAX, 0)];
        for _ in 0..64 {
            for (share, byte_count, turn_count) in &mut shares {
                let before = share.credit();
                share.await_credit(*byte_count, |_| Ok(())).unwrap();
                *turn_count += u64::from(share.credit() > before);
                share.spend(*byte_count);
            }
        }
        assert_eq!(shares.each_ref().map(|(_, _, turn_count)| *turn_count), [1, 64]);
    }
}
