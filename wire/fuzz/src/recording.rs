//! Listens in on real programs: a proxy that writes down both directions, and what is made of that, so that the next
//! recording is the same.

use crate::conversation::{Item, join, parse};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Who dials says this of itself, and who listens that: the real ones are drawn anew by each start.
const PROCESS_IDS: [&str; 2] =
    ["\"0123456789abcdef0123456789abcdef\"", "\"ffeeddccbbaa99887766554433221100\""];
const PORTS: [&str; 2] = ["10001", "10002"];
const ADDRESS: &str = "\"127.0.0.1:10002\"";
const MODIFIED: &str = "\"2026-11-20T12:00:00Z\"";

/// What passed over one connection.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// What whoever dialled said.
    pub asked: Vec<u8>,
    /// What whoever listens said.
    pub told: Vec<u8>,
}

/// A proxy that listens in.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    acceptor: JoinHandle<Vec<Recorded>>,
}

impl Recorder {
    /// Listens in on what is said to `target`. The first connection is cut after `cut_after` bytes of answers.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start(target: SocketAddr, cut_after: Option<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let acceptor = thread::spawn(move || accept(&listener, target, cut_after, &ends));
        Self { address, is_over, acceptor }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All connections, in their order, once all have ended.
    ///
    /// # Panics
    /// When a recording thread did.
    #[must_use]
    pub fn finish(self) -> Vec<Recorded> {
        self.is_over.store(true, Ordering::SeqCst);
        // The acceptor is woken by one more connection.
        let _ = TcpStream::connect(self.address);
        self.acceptor.join().expect("a recording")
    }
}

fn accept(
    listener: &TcpListener,
    target: SocketAddr,
    mut cut_after: Option<usize>,
    is_over: &AtomicBool,
) -> Vec<Recorded> {
    let mut running = Vec::new();
    for client in listener.incoming() {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let cut = cut_after.take().unwrap_or(usize::MAX);
        let client = client.expect("a connection");
        running.push(thread::spawn(move || listen_in(&client, target, cut)));
    }
    running.into_iter().map(|thread| thread.join().expect("a connection")).collect()
}

fn listen_in(client: &TcpStream, target: SocketAddr, cut_after: usize) -> Recorded {
    let server = TcpStream::connect(target).expect("the program listens");
    thread::scope(|scope| {
        let asked = scope.spawn(|| pump(client, &server, usize::MAX));
        let told = pump(&server, client, cut_after);
        Recorded { asked: asked.join().expect("a direction"), told }
    })
}

/// Passes bytes on until one end closes, or until there were so many; then both directions end.
fn pump(mut from: &TcpStream, mut to: &TcpStream, max: usize) -> Vec<u8> {
    let (mut passed, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let room = buffer.len().min(max - passed.len());
        let count = from.read(&mut buffer[..room]).unwrap_or(0);
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            let how = if room == 0 { Shutdown::Both } else { Shutdown::Write };
            // It may be closed already.
            let _ = (to.shutdown(how), room == 0 && from.shutdown(how).is_ok());
            return passed;
        }
        passed.extend(&buffer[..count]);
    }
}

/// Recordings without what differs from one to the next: ids, ports and times.
#[derive(Debug, Default)]
pub struct Plain {
    floods: BTreeMap<Vec<u8>, u8>,
}

impl Plain {
    /// One direction of a connection; `dialled` says which.
    pub fn of(&mut self, bytes: &[u8], dialled: bool) -> Vec<u8> {
        let mut items = parse(bytes);
        for item in &mut items {
            self.make_plain(item, usize::from(!dialled));
        }
        join(&items)
    }

    /// The number that a flood got when it was first met.
    pub fn flood(&mut self, id: &[u8]) -> u8 {
        let next = u8::try_from(self.floods.len()).expect("few floods");
        *self.floods.entry(id.to_vec()).or_insert(next)
    }

    fn make_plain(&mut self, item: &mut Item, end: usize) {
        item.set("process_id", PROCESS_IDS[end]);
        item.set("port", PORTS[end]);
        item.set("address", ADDRESS);
        for key in ["search_id", "discover_id"] {
            if let Some(id) = item.text(key) {
                let number = self.flood(&id);
                item.set(key, &format!("\"{number:032x}\""));
            }
        }
        item.set_all("modified", MODIFIED);
    }
}
