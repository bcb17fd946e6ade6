//! What stands between a client and a server and passes no more than so many bytes a second, or dies after so many.
//!
//! It must not know what the bytes mean.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::table::as_f64;

/// How far it may be behind its rate and make it good: a pause ends a little late.
const CATCH_UP: Duration = Duration::from_millis(20);
const BUFFER_BYTES: usize = 16 * 1024;

/// What a relay passes to its clients.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// In bytes a second.
    pub rate: f64,
    /// After so many bytes nothing passes any more, and nobody is let in.
    pub dies_after: u64,
}

/// A running relay. Dropping it ends every connection.
pub(crate) struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    pace: Pace,
    free_at: Mutex<Instant>,
    passed: AtomicU64,
    is_dead: AtomicBool,
}

impl Relay {
    /// Starts one before `target`.
    ///
    /// # Panics
    /// When this machine has no free port.
    pub(crate) fn start(target: SocketAddr, pace: Pace) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (free_at, passed, is_dead) =
            (Mutex::new(Instant::now()), AtomicU64::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { target, pace, free_at, passed, is_dead });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, shared }
    }

    /// How many bytes it has passed to clients.
    pub(crate) fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_dead.store(true, Ordering::SeqCst);
        // The thread that accepts is woken by one more connection.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// Lets clients in until it is dead.
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.is_dead.load(Ordering::SeqCst) {
                return;
            }
            let Ok(server) = TcpStream::connect(self.target) else { return };
            // No router keeps the last bytes back until those before are acknowledged.
            for way in [&client, &server] {
                let _ = way.set_nodelay(true);
            }
            let (Ok(up), Ok(down)) = (client.try_clone(), server.try_clone()) else { return };
            thread::spawn(move || io::copy(&mut &up, &mut &down));
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pass(&server, &client));
        }
    }

    fn pass(&self, mut server: &TcpStream, mut client: &TcpStream) {
        let mut buffer = vec![0; BUFFER_BYTES];
        while let Ok(count @ 1..) = server.read(&mut buffer) {
            self.wait_for_turn(count as u64);
            if self.passed.fetch_add(count as u64, Ordering::SeqCst) > self.pace.dies_after {
                self.is_dead.store(true, Ordering::SeqCst);
            }
            if self.is_dead.load(Ordering::SeqCst) || client.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }

    fn wait_for_turn(&self, byte_count: u64) {
        let time = Duration::from_secs_f64(as_f64(byte_count) / self.pace.rate);
        let until = {
            let mut free_at = self.free_at.lock().unwrap();
            let now = Instant::now();
            *free_at = (*free_at).max(now.checked_sub(CATCH_UP).unwrap_or(now)) + time;
            *free_at
        };
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
    }
}
