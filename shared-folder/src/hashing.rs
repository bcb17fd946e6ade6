//! Hashing beside a copy: large transfers in a thread of its own with recycled buffers, small ones in place.
//!
//! Must not know where the bytes come from or go to.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::thread::{Builder, JoinHandle};
use wire::digest::{Digest, PieceHasher, PieceValue};
use wire::limits::PIECE_BYTES;

/// Bytes copied and hashed at a time: smaller buffers cost 12 to 20 % of a loopback transfer.
pub const BUFFER_BYTES: usize = 256 * 1024;
/// Buffers under way between the copy and the hash: the copy waits for a free one, so nothing piles up.
const BUFFERS_MAX: usize = 6;

/// A hash of a file that grows from its start to its end.
#[derive(Debug)]
pub struct Hashing(Mode);

#[derive(Debug)]
enum Mode {
    /// In the copying thread: for files of at most one piece a thread costs more than it saves.
    InPlace(Box<PieceHasher>, Vec<u8>),
    Beside(Beside),
}

#[derive(Debug)]
struct Beside {
    /// None once there is no more work.
    work: Option<Sender<Work>>,
    free: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<(Digest, Vec<PieceValue>)>>,
}

enum Work {
    Bytes(Vec<u8>),
    Value(PieceValue, u64),
}

impl Hashing {
    /// For a file of `byte_count` bytes, or of unknown length.
    #[must_use]
    pub fn of_file(byte_count: Option<u64>) -> Self {
        let beside = byte_count.is_none_or(|count| count > PIECE_BYTES).then(Beside::start).flatten();
        Self(beside.map_or_else(|| Mode::InPlace(Box::default(), Vec::new()), Mode::Beside))
    }

    /// An empty buffer to fill, with room for at least `wanted` bytes and at most [`BUFFER_BYTES`]; waits until
    /// the hash has given one back.
    pub fn buffer(&mut self, wanted: usize) -> Vec<u8> {
        let mut buffer = match &mut self.0 {
            Mode::InPlace(_, spare) => std::mem::take(spare),
            // It only fails when the thread is gone, and then `finish` says so.
            Mode::Beside(beside) => beside.free.recv().unwrap_or_default(),
        };
        buffer.clear();
        buffer.reserve(wanted.min(BUFFER_BYTES));
        buffer
    }

    /// Takes the next bytes of the file, and the buffer with them.
    pub fn bytes(&mut self, buffer: Vec<u8>) {
        match &mut self.0 {
            Mode::InPlace(hasher, spare) => {
                hasher.update(&buffer);
                *spare = buffer;
            }
            Mode::Beside(beside) => beside.send(Work::Bytes(buffer)),
        }
    }

    /// Takes the next piece by its value, where its bytes are known already.
    pub fn value(&mut self, value: PieceValue, byte_count: u64) {
        match &mut self.0 {
            Mode::InPlace(hasher, _) => push(hasher, value, byte_count),
            Mode::Beside(beside) => beside.send(Work::Value(value, byte_count)),
        }
    }

    /// The digest and the piece values; `None` if the hashing thread is gone.
    #[must_use]
    pub fn finish(self) -> Option<(Digest, Vec<PieceValue>)> {
        match self.0 {
            Mode::InPlace(hasher, _) => Some(hasher.finish()),
            Mode::Beside(mut beside) => beside.join(),
        }
    }
}

impl Beside {
    /// `None` where no thread can be started: then the copy hashes in place.
    fn start() -> Option<Self> {
        let (work, received) = bounded::<Work>(BUFFERS_MAX);
        let (give_back, free) = bounded(BUFFERS_MAX);
        for _ in 0..BUFFERS_MAX {
            // The channel has room for exactly these.
            let _ = give_back.try_send(Vec::new());
        }
        let hash = move || {
            let mut hasher = PieceHasher::default();
            for work in received {
                match work {
                    Work::Bytes(buffer) => {
                        hasher.update(&buffer);
                        let _ = give_back.try_send(buffer);
                    }
                    Work::Value(value, byte_count) => push(&mut hasher, value, byte_count),
                }
            }
            hasher.finish()
        };
        let thread = Builder::new().name("hash-beside".into()).spawn(hash).ok()?;
        Some(Self { work: Some(work), free, thread: Some(thread) })
    }

    fn send(&self, work: Work) {
        if let Some(sender) = &self.work {
            // It only fails when the thread is gone, and then `finish` says so.
            let _ = sender.send(work);
        }
    }

    /// Lets the thread end; `None` if it has been joined or is gone.
    fn join(&mut self) -> Option<(Digest, Vec<PieceValue>)> {
        self.work = None;
        self.thread.take()?.join().ok()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // An abandoned hash: a few buffers at most are left to do.
        let _ = self.join();
    }
}

fn push(hasher: &mut PieceHasher, value: PieceValue, byte_count: u64) {
    // Whoever pushes values does so at piece boundaries; otherwise the digest would differ and be refused.
    if hasher.push_value(value, byte_count).is_err() {
        log::error!("a piece value was pushed where no piece begins");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_all(bytes: &[u8], announced: Option<u64>) -> Digest {
        let mut hashing = Hashing::of_file(announced);
        for chunk in bytes.chunks(BUFFER_BYTES) {
            let mut buffer = hashing.buffer(chunk.len());
            buffer.extend_from_slice(chunk);
            hashing.bytes(buffer);
        }
        hashing.finish().unwrap().0
    }

    #[test]
    fn both_modes_give_the_digest_of_the_bytes() {
        for byte_count in [0, 1, 5000, (1 << 20) + 1, 5 << 20] {
            let bytes = vec![7u8; byte_count];
            assert_eq!(hash_all(&bytes, Some(byte_count as u64)), Digest::of(&bytes));
            assert_eq!(hash_all(&bytes, None), Digest::of(&bytes));
        }
    }

    #[test]
    fn an_abandoned_hash_ends_its_thread() {
        let mut hashing = Hashing::of_file(None);
        hashing.bytes(vec![1; 10]);
        drop(hashing);
    }
}
