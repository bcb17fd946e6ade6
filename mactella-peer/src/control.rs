//! The control socket: a Unix socket of this user alone, over which others of the user's processes give commands.
//!
//! One thread accepts; each connection has one that reads and one that runs its commands, so that a connection which
//! goes away interrupts what it asked for. Must not know what a command does; `protocol` says what is spoken.

mod connection;
mod socket;

pub(crate) use socket::{ControlError, ControlSocket};

use crate::peer::Peer;
use connection::Connection;
use program::stop::StopHandle;
use shared_folder::remote::Cancel;
use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Consoles attached at once: each has two threads. Exceeded: told that it is busy, and closed.
const CONNECTIONS_MAX: usize = 32;
/// After a connection that could not be accepted, because descriptors are short.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The running control socket; dropping it ends all connections, joins its threads and removes the socket.
pub(crate) struct Control {
    shared: Arc<Shared>,
    stop: Cancel,
    acceptor: Option<JoinHandle<()>>,
    _socket: ControlSocket,
}

/// What the acceptor and its connections share.
struct Shared {
    peer: Arc<Peer>,
    stop: StopHandle,
    /// All connections, to be ended by the drop.
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    streams: HashMap<u64, UnixStream>,
    last: u64,
    is_over: bool,
}

impl Control {
    /// Begins to accept. QUIT and FORCEQUIT go to `stop`.
    pub(crate) fn start(socket: ControlSocket, peer: Arc<Peer>, stop: StopHandle) -> io::Result<Self> {
        let shared = Arc::new(Shared { peer, stop, open: Mutex::default() });
        let (cancel, listener) = (Cancel::new()?, socket.listener()?);
        let acceptor =
            Acceptor { shared: Arc::clone(&shared), stop: cancel.clone(), connections: Vec::new() };
        let acceptor = Builder::new().name("control".into()).spawn(move || acceptor.run(&listener))?;
        Ok(Self { shared, stop: cancel, acceptor: Some(acceptor), _socket: socket })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.cancel();
        self.shared.end_all();
        if let Some(acceptor) = self.acceptor.take()
            && acceptor.join().is_err()
        {
            log::error!("the control thread ended by a bug in this program");
        }
    }
}

impl Shared {
    /// Notes a connection; none where there are too many, or all are over.
    fn enter(&self, stream: &UnixStream) -> Option<u64> {
        let stream = stream.try_clone().ok()?;
        let mut open = self.open();
        if open.is_over || open.streams.len() >= CONNECTIONS_MAX {
            return None;
        }
        open.last += 1;
        let number = open.last;
        open.streams.insert(number, stream);
        Some(number)
    }

    fn leave(&self, number: u64) {
        self.open().streams.remove(&number);
    }

    fn end_all(&self) {
        let mut open = self.open();
        open.is_over = true;
        for stream in open.streams.values() {
            // One that is closed already needs no end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that accepts, with the threads it started.
struct Acceptor {
    shared: Arc<Shared>,
    stop: Cancel,
    connections: Vec<JoinHandle<()>>,
}

impl Acceptor {
    fn run(mut self, listener: &UnixListener) {
        while self.stop.until_readable(listener).unwrap_or_default() {
            match listener.accept() {
                Ok((stream, _)) => self.begin(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    log::warn!("no console can be attached now: {error}");
                    if !self.stop.pause(PAUSE_AFTER_FAILURE) {
                        break;
                    }
                }
            }
            self.join_ended();
        }
        self.connections.drain(..).for_each(join);
    }

    fn begin(&mut self, stream: UnixStream) {
        let Some(number) = self.shared.enter(&stream) else { return connection::turn_away(&stream) };
        let shared = Arc::clone(&self.shared);
        let serve = move || {
            match Connection::new(&shared.peer, &shared.stop, stream) {
                Ok(connection) => connection.serve(number),
                Err(error) => log::warn!("no console can be attached now: {error}"),
            }
            shared.leave(number);
        };
        match Builder::new().name(format!("control-{number}")).spawn(serve) {
            Ok(thread) => self.connections.push(thread),
            Err(error) => {
                log::warn!("no console can be attached now: {error}");
                self.shared.leave(number);
            }
        }
    }

    fn join_ended(&mut self) {
        let (ended, running) = self.connections.drain(..).partition(JoinHandle::is_finished);
        self.connections = running;
        let ended: Vec<_> = ended;
        ended.into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        log::error!("a console's thread ended by a bug in this program");
    }
}
