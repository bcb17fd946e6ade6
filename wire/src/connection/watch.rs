//! Lets others see whether whoever reads from an opening connection waits for the other end.
//!
//! Must not know what is read, nor what becomes of one that waits.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody looks, and whether there is a wait.
#[derive(Debug, Default)]
pub(super) struct Watch {
    is_opening: AtomicBool,
    waits: AtomicBool,
}

impl Watch {
    /// From now on, or no longer, it can be seen who waits: that costs one call of the system more a read.
    pub(super) fn look(&self, is_opening: bool) {
        self.is_opening.store(is_opening, Ordering::SeqCst);
    }

    /// Whether there is a wait for bytes, none of which has been taken yet: those that have come since can be seen.
    pub(super) fn waits(&self) -> bool {
        self.waits.load(Ordering::SeqCst)
    }

    /// Waits for bytes, and takes none.
    pub(super) fn peek(&self, socket: &TcpStream, target: &mut [u8]) -> io::Result<usize> {
        self.waits.store(true, Ordering::SeqCst);
        let outcome = retry_interrupted(|| socket.peek(target));
        self.waits.store(false, Ordering::SeqCst);
        outcome
    }

    /// Reads once. Nothing is taken during a wait that can be seen: a thread that was stopped behind its read would seem to
    /// wait for what it has.
    pub(super) fn read(&self, mut socket: &TcpStream, target: &mut [u8]) -> io::Result<usize> {
        if self.is_opening.load(Ordering::SeqCst) {
            self.peek(socket, &mut [0])?;
        }
        retry_interrupted(|| socket.read(target))
    }

    #[cfg(test)]
    pub(super) fn pretend_to_wait(&self) {
        self.waits.store(true, Ordering::SeqCst);
    }
}

fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::sync::atomic::AtomicUsize;

    fn sockets() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (dialled, listener.accept().unwrap().0)
    }

    #[test]
    fn while_a_connection_opens_nobody_who_has_taken_something_seems_to_wait() {
        let ((mut dialled, accepted), watch) = (sockets(), Watch::default());
        watch.look(true);
        let (sent, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while watch.read(&accepted, &mut [0]).unwrap() > 0 {
                    taken.fetch_add(1, Ordering::SeqCst);
                }
            });
            for _ in 0..1000 {
                dialled.write_all(b"x").unwrap();
                let count = sent.fetch_add(1, Ordering::SeqCst) + 1;
                while taken.load(Ordering::SeqCst) < count {
                    let is_empty = has_nothing(&accepted);
                    let (waits, is_taken) = (watch.waits(), taken.load(Ordering::SeqCst) == count);
                    assert!(!(is_empty && waits) || is_taken, "byte {count}");
                }
            }
            drop(dialled);
        });
    }

    #[test]
    fn a_wait_is_seen_while_a_connection_opens_and_not_behind_it() {
        let ((mut dialled, accepted), watch) = (sockets(), Watch::default());
        watch.look(true);
        std::thread::scope(|scope| {
            let reads = scope.spawn(|| watch.read(&accepted, &mut [0]));
            while !watch.waits() {
                std::thread::yield_now();
            }
            dialled.write_all(b"x").unwrap();
            assert_eq!(reads.join().unwrap().unwrap(), 1);
        });
        assert!(!watch.waits());
    }

    fn has_nothing(socket: &TcpStream) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&Timespec::default())).unwrap() == 0
    }
}
