//! Somebody on the way between two ends of TLS: keeps every byte that passes, and cuts or changes what goes by, record by
//! record (RFC 8446, section 5.1).
//!
//! It must not know what the records say: nobody can who has no key.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use integration_tests::proxy::Direction;

/// What stands before the bytes of a record: its kind, a version, its length.
pub(crate) const HEADER_BYTES: usize = 5;
/// The kinds of records that there are.
const KINDS: std::ops::RangeInclusive<u8> = 20..=23;

/// What is done to one connection. Records count from 0, in each direction by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Nothing.
    None,
    /// Both directions end before this record, without a word of TLS.
    CutBefore(Direction, usize),
    /// One bit of this record is another one: of the byte at so many thousandths of it.
    Flip(Direction, usize, usize),
    /// This record passes twice.
    Twice(Direction, usize),
    /// This record and the one behind it change places.
    Swap(Direction, usize),
}

/// All that passed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Recorded {
    pub(crate) to_server: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
}

/// One on the way. Dropping it ends every connection.
pub(crate) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    target: SocketAddr,
    harms: Mutex<Vec<Harm>>,
    recorded: Mutex<Recorded>,
    sockets: Mutex<Vec<TcpStream>>,
    is_stopping: AtomicBool,
}

impl Recorded {
    fn of(&mut self, direction: Direction) -> &mut Vec<u8> {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// Whether somewhere in it stand these bytes.
    pub(crate) fn contains(&self, bytes: &[u8]) -> bool {
        [&self.to_server, &self.to_client]
            .iter()
            .any(|said| said.windows(bytes.len()).any(|one| one == bytes))
    }
}

/// How many records these bytes are.
pub(crate) fn record_count(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Ok(Some(_)) = next_record(&mut bytes) {
        count += 1;
    }
    count
}

impl Relay {
    /// Stands before `target`.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target,
            harms: Mutex::default(),
            recorded: Mutex::default(),
            sockets: Mutex::default(),
            is_stopping: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        Self { address, shared, acceptor: Some(thread::spawn(move || accepting.accept(&listener))) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this to the next connections, one after the other; to later ones nothing.
    pub(crate) fn harm_next(&self, harms: &[Harm]) {
        *self.shared.harms.lock().unwrap() = harms.iter().rev().copied().collect();
    }

    /// All that passed since it was asked last.
    pub(crate) fn take(&self) -> Recorded {
        std::mem::take(&mut *self.shared.recorded.lock().unwrap())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        // The acceptor is woken by one more connection.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            for client in listener.incoming() {
                if self.is_stopping.load(Ordering::SeqCst) {
                    break;
                }
                let harm = self.harms.lock().unwrap().pop().unwrap_or(Harm::None);
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(self.target)) else { continue };
                for (from, to, direction) in
                    [(&client, &server, Direction::ToServer), (&server, &client, Direction::ToClient)]
                {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    to.set_nodelay(true).unwrap();
                    self.sockets.lock().unwrap().push(to.try_clone().unwrap());
                    scope.spawn(move || self.pass(from, to, direction, harm));
                }
            }
            self.sockets.lock().unwrap().iter().for_each(close);
        });
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, direction: Direction, harm: Harm) {
        let mut number = 0;
        while let Ok(Some(mut record)) = next_record(&mut from) {
            match harm {
                Harm::CutBefore(one_way, at) if (one_way, at) == (direction, number) => {
                    close(&from);
                    return close(&to);
                }
                Harm::Flip(one_way, at, place) if (one_way, at) == (direction, number) => {
                    let inside = HEADER_BYTES + place * (record.len() - HEADER_BYTES) / 1000;
                    record[inside] ^= 1;
                }
                Harm::Twice(one_way, at) if (one_way, at) == (direction, number) => {
                    record.extend_from_within(..);
                }
                Harm::Swap(one_way, at) if (one_way, at) == (direction, number) => {
                    let Ok(Some(next)) = next_record(&mut from) else { break };
                    record = [next, record].concat();
                }
                _ => {}
            }
            self.recorded.lock().unwrap().of(direction).extend_from_slice(&record);
            if to.write_all(&record).is_err() {
                break;
            }
            number += 1;
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}

/// The next record, or where it is no TLS at all whatever there is.
fn next_record(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut record = vec![0; HEADER_BYTES];
    let first = from.read(&mut record[..1])?;
    if first == 0 {
        return Ok(None);
    }
    if !KINDS.contains(&record[0]) {
        record.resize(64 * 1024, 0);
        let count = 1 + from.read(&mut record[1..])?;
        record.truncate(count);
        return Ok(Some(record));
    }
    from.read_exact(&mut record[1..])?;
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(HEADER_BYTES + length, 0);
    from.read_exact(&mut record[HEADER_BYTES..])?;
    Ok(Some(record))
}

fn close(socket: &TcpStream) {
    // It may be closed already.
    let _ = socket.shutdown(Shutdown::Both);
}
