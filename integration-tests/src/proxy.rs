//! A proxy between a client and a server that counts what passes, and cuts, stalls or corrupts connections
//! where it was told to.
//!
//! It must not know what the bytes mean.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What happens to one connection. Numbers of bytes count what passed in that direction before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Both directions end.
    Cut(Direction, u64),
    /// Nothing passes any more in that direction, and the connection stays.
    Stall(Direction, u64),
    /// Nothing passes in that direction until [`Proxy::release`]; then everything does.
    Hold(Direction, u64),
    /// The lowest bit of the byte there is another one.
    Flip(Direction, u64),
}

/// A running proxy. Dropping it ends every connection.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    target: Mutex<SocketAddr>,
    sockets: Mutex<Vec<TcpStream>>,
    to_server: AtomicU64,
    to_client: AtomicU64,
    connection_count: AtomicUsize,
    is_stopping: AtomicBool,
    is_released: (Mutex<bool>, Condvar),
    /// All bytes that passed, in either direction, where they are kept.
    recorded: Option<Mutex<Vec<u8>>>,
}

impl Proxy {
    /// Starts a proxy before `target`; `plan` says what happens to the connection of each number, from 0.
    ///
    /// # Panics
    /// When this machine has no free port.
    pub fn start(target: SocketAddr, plan: impl FnMut(usize) -> Fault + Send + 'static) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), target, plan)
    }

    /// [`Proxy::start`], listening there.
    ///
    /// # Panics
    /// When that place is taken.
    pub fn start_at(
        place: SocketAddr,
        target: SocketAddr,
        plan: impl FnMut(usize) -> Fault + Send + 'static,
    ) -> Self {
        Self::start_with(place, target, (plan, None))
    }

    /// A proxy that does nothing but keep what passes: see [`Proxy::recorded`].
    ///
    /// # Panics
    /// When this machine has no free port.
    pub fn recording(target: SocketAddr) -> Self {
        let place = (Ipv4Addr::LOCALHOST, 0).into();
        Self::start_with(place, target, (|_| Fault::None, Some(Mutex::default())))
    }

    /// What has passed until now, in either direction.
    ///
    /// # Panics
    /// When it keeps nothing.
    pub fn recorded(&self) -> Vec<u8> {
        self.shared.recorded.as_ref().expect("a recording proxy").lock().unwrap().clone()
    }

    fn start_with(
        place: SocketAddr,
        target: SocketAddr,
        (plan, recorded): (impl FnMut(usize) -> Fault + Send + 'static, Option<Mutex<Vec<u8>>>),
    ) -> Self {
        let listener = TcpListener::bind(place).unwrap_or_else(|error| panic!("{place}: {error}"));
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            sockets: Mutex::default(),
            to_server: AtomicU64::new(0),
            to_client: AtomicU64::new(0),
            connection_count: AtomicUsize::new(0),
            is_stopping: AtomicBool::new(false),
            is_released: (Mutex::new(false), Condvar::new()),
            recorded,
        });
        let accepting = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || accepting.accept(&listener, plan)));
        Self { address, shared, acceptor }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends later connections there, as when a server was started again.
    ///
    /// # Panics
    /// When the acceptor panicked.
    pub fn set_target(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap() = target;
    }

    /// How many bytes have passed that way, over all connections.
    pub fn byte_count(&self, direction: Direction) -> u64 {
        self.shared.counter(direction).load(Ordering::SeqCst)
    }

    /// How many connections there have been.
    pub fn connection_count(&self) -> usize {
        self.shared.connection_count.load(Ordering::SeqCst)
    }

    /// Cuts every connection that there is now, and forgets it: what nobody has read of it is reset, so that an end
    /// that waits for room to send learns of it, too.
    ///
    /// # Panics
    /// When a pump panicked.
    pub fn cut_all(&self) {
        std::mem::take(&mut *self.shared.sockets.lock().unwrap()).iter().for_each(close);
    }

    /// Lets pass what is held, now and from now on.
    ///
    /// # Panics
    /// When a pump panicked.
    pub fn release(&self) {
        *self.shared.is_released.0.lock().unwrap() = true;
        self.shared.is_released.1.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.release();
        // The acceptor is woken by one more connection.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener, mut plan: impl FnMut(usize) -> Fault) {
        thread::scope(|scope| {
            for client in listener.incoming() {
                if self.is_stopping.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(client) = client else { continue };
                let fault = plan(self.connection_count.fetch_add(1, Ordering::SeqCst));
                let target = *self.target.lock().unwrap();
                // Where nobody listens, the client sees its connection close.
                let Ok(server) = TcpStream::connect(target) else { continue };
                let (client, server) = (Arc::new(client), Arc::new(server));
                self.remember([&client, &server]);
                let ways = [(&client, &server, Direction::ToServer), (&server, &client, Direction::ToClient)];
                for (from, to, direction) in ways {
                    let (from, to) = (Arc::clone(from), Arc::clone(to));
                    scope.spawn(move || self.pump(&from, &to, fault, direction));
                }
            }
            self.sockets.lock().unwrap().iter().for_each(close);
        });
    }

    fn remember(&self, sockets: [&TcpStream; 2]) {
        for socket in sockets {
            socket.set_nodelay(true).unwrap();
            self.sockets.lock().unwrap().push(socket.try_clone().unwrap());
        }
    }

    /// Passes bytes on until one end closes or the fault says so.
    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream, mut fault: Fault, direction: Direction) {
        let (mut buffer, mut passed) = (vec![0; 64 * 1024], 0_u64);
        loop {
            let left = fault.left_until_end(direction, passed);
            let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if room == 0 && matches!(fault, Fault::Hold(..)) {
                self.wait_for_release();
                fault = Fault::None;
                continue;
            }
            if room == 0 {
                return fault.end(from, to);
            }
            let count = from.read(&mut buffer[..room]).unwrap_or(0);
            fault.corrupt(direction, passed, &mut buffer[..count]);
            if count == 0 {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            if let Some(recorded) = &self.recorded {
                recorded.lock().unwrap().extend(&buffer[..count]);
            }
            if to.write_all(&buffer[..count]).is_err() {
                // What is said the other way tells it.
                return drain(from);
            }
            passed += count as u64;
            self.counter(direction).fetch_add(count as u64, Ordering::SeqCst);
        }
    }

    fn wait_for_release(&self) {
        let (lock, more) = &self.is_released;
        drop(more.wait_while(lock.lock().unwrap(), |is_released| !*is_released).unwrap());
    }

    fn counter(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }
}

impl Fault {
    /// How many bytes may pass this way yet.
    fn left_until_end(self, going: Direction, passed: u64) -> u64 {
        match self {
            Self::Cut(direction, after) | Self::Stall(direction, after) | Self::Hold(direction, after)
                if direction == going =>
            {
                after - passed
            }
            _ => u64::MAX,
        }
    }

    fn end(self, from: &TcpStream, to: &TcpStream) {
        if matches!(self, Self::Cut(..)) {
            close(from);
            close(to);
            drain(from);
        }
    }

    fn corrupt(self, going: Direction, passed: u64, bytes: &mut [u8]) {
        if let Self::Flip(direction, place) = self
            && direction == going
            && let Some(inside) = place.checked_sub(passed).and_then(|inside| usize::try_from(inside).ok())
            && let Some(byte) = bytes.get_mut(inside)
        {
            *byte ^= 1;
        }
    }
}

/// Reads to the end: whoever sends must not wait for room, in which it would see nothing of what has happened.
fn drain(mut socket: &TcpStream) {
    while socket.read(&mut [0; 64 * 1024]).is_ok_and(|count| count > 0) {}
}

fn close(socket: &TcpStream) {
    // It may be closed already.
    let _ = socket.shutdown(Shutdown::Both);
}
