//! Hashing a large file while it is copied, piece by piece: a thread beside takes each piece that it has time for, and
//! whoever copies does the others itself. So nobody waits for anybody, and a piece stays in the cache of one processor.
//!
//! Must not know where the bytes come from or go to.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use wire::digest::{Digest, PieceHasher, PieceValue, piece_value};
use wire::limits::PIECE_BYTES;

/// Bytes copied at a time: smaller buffers cost 12 to 20 % of a loopback transfer.
pub const BUFFER_BYTES: usize = 256 * 1024;
/// Pieces that wait for the thread beside: one, so that it finds work when it has done the one before.
const WAITING_MAX: usize = 1;
/// Pieces that are done and not taken back yet: those that waited, the one under way, and the one that was handed over last.
const DONE_MAX: usize = WAITING_MAX + 2;
/// The room that one piece needs.
const ROOM_MAX: usize = 1 << 20;
const _: () = assert!(ROOM_MAX as u64 == PIECE_BYTES);

/// A hash of a file that grows from its start to its end.
pub struct Hashing<E> {
    task: Arc<Task<E>>,
    beside: Option<Beside<E>>,
    /// Whether the file is known to have more than one piece; the value of a single one is made otherwise.
    is_long: bool,
    /// How long the buffers are.
    room: usize,
    current: Piece,
    /// The first piece of a file of unknown length, whole, until it is known whether there is another one.
    only: Option<Piece>,
    /// Buffers to fill again: new memory costs as much as hashing it.
    free: Vec<Vec<u8>>,
    values: Vec<PieceValue>,
    position: u64,
}

/// What is done with a piece besides hashing it, while it is in the cache: by one thread at a time, because the system lets one write to a
/// file and the other one spin.
struct Task<E> {
    act: Act<E>,
    turn: Mutex<()>,
}

type Act<E> = Box<dyn Fn(u64, &[u8]) -> Result<(), E> + Send + Sync>;

/// A piece on its way.
#[derive(Default)]
struct Piece {
    start: u64,
    buffer: Vec<u8>,
    /// So much of the buffer is filled.
    count: usize,
}

/// A piece that was hashed.
struct Done<E> {
    start: u64,
    buffer: Vec<u8>,
    outcome: Result<PieceValue, E>,
}

struct Beside<E> {
    work: Sender<Piece>,
    done: Receiver<Done<E>>,
    thread: JoinHandle<()>,
}

impl Hashing<Infallible> {
    /// For a file of `byte_count` bytes, or of unknown length, whose pieces are only hashed.
    #[must_use]
    pub fn of_file(byte_count: Option<u64>) -> Self {
        Self::with_task(byte_count, |_, _| Ok(()))
    }
}

impl<E: Send + 'static> Hashing<E> {
    /// As [`Hashing::of_file`]; with the offset and the bytes of each piece `task` is done, too, in either thread.
    pub fn with_task(
        byte_count: Option<u64>,
        task: impl Fn(u64, &[u8]) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let is_long = byte_count.is_some_and(|count| count > PIECE_BYTES);
        let room = byte_count.and_then(|count| usize::try_from(count).ok()).unwrap_or(ROOM_MAX).min(ROOM_MAX);
        Self {
            task: Arc::new(Task { act: Box::new(task), turn: Mutex::new(()) }),
            beside: None,
            is_long,
            room,
            current: Piece::default(),
            only: None,
            free: Vec::new(),
            values: Vec::new(),
            position: 0,
        }
    }

    /// Room for some of the next bytes of the file, at most so many: they lie in one piece.
    pub fn room(&mut self, wanted: u64) -> &mut [u8] {
        if self.current.count == ROOM_MAX {
            self.only = Some(self.next_piece());
        }
        if self.current.buffer.is_empty() {
            self.current.buffer = self.free.pop().unwrap_or_else(|| vec![0; self.room]);
        }
        let room = self.current.buffer.get_mut(self.current.count..).unwrap_or_default();
        let count = room.len().min(usize::try_from(wanted).unwrap_or(usize::MAX));
        room.get_mut(..count).unwrap_or_default()
    }

    /// So many bytes of the room are the next bytes of the file.
    ///
    /// # Errors
    /// Of the task, for this or an earlier piece.
    pub fn filled(&mut self, count: usize) -> Result<(), E> {
        if let Some(first) = self.only.take_if(|_| count > 0) {
            self.is_long = true;
            self.hand_over(first)?;
        }
        self.current.count += count;
        self.position += count as u64;
        if self.is_long && self.current.count == ROOM_MAX {
            let whole = self.next_piece();
            self.hand_over(whole)?;
        }
        Ok(())
    }

    /// Takes the next piece of a file that is known to have several by its value, where its bytes are known already.
    pub fn value(&mut self, value: PieceValue, byte_count: u64) {
        if self.current.count > 0 {
            // Whoever gives values does so at piece boundaries; otherwise the digest would differ and be refused.
            log::error!("a piece value was given where no piece begins");
        }
        self.note(self.current.start, value);
        self.position += byte_count;
        self.current.start = self.position;
    }

    /// How many bytes there are so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The digest and the piece values; `None` if the thread beside is gone.
    ///
    /// # Errors
    /// Of the task.
    pub fn finish(mut self) -> Result<Option<(Digest, Vec<PieceValue>)>, E> {
        let last = self.only.take().unwrap_or_else(|| std::mem::take(&mut self.current));
        if last.start == 0 {
            let bytes = last.buffer.get(..last.count).unwrap_or_default();
            if !bytes.is_empty() {
                (self.task.act)(0, bytes)?;
            }
            let digest = Digest::of(bytes);
            return Ok(Some((digest, vec![digest.0])));
        }
        if last.count > 0 {
            let done = last.done(&self.task);
            self.take_back(done)?;
        }
        if let Some(Beside { work, done, thread }) = self.beside.take() {
            drop(work);
            let is_gone = thread.join().is_err();
            done.iter().try_for_each(|done| self.take_back(done))?;
            if is_gone {
                return Ok(None);
            }
        }
        Ok(merged(&self.values, self.position))
    }

    /// Ends without a digest. For what came of the last piece the task is done, too.
    ///
    /// # Errors
    /// Of the task, for that piece.
    pub fn give_up(mut self) -> Result<(), E> {
        let rest = self.only.take().unwrap_or_else(|| std::mem::take(&mut self.current));
        let bytes = rest.buffer.get(..rest.count).unwrap_or_default();
        if bytes.is_empty() { Ok(()) } else { (self.task.act)(rest.start, bytes) }
    }

    /// Gives the current piece and begins the next one.
    fn next_piece(&mut self) -> Piece {
        let next = Piece { start: self.position, ..Piece::default() };
        std::mem::replace(&mut self.current, next)
    }

    /// Hands a whole piece over, or does it here where the thread beside has enough to do.
    fn hand_over(&mut self, piece: Piece) -> Result<(), E> {
        if self.beside.is_none() {
            self.beside = Beside::start(&self.task);
        }
        let Some(beside) = &self.beside else { return self.take_back(piece.done(&self.task)) };
        let here = beside.work.try_send(piece).err().map(|full| full.into_inner().done(&self.task));
        let done: Vec<_> = beside.done.try_iter().chain(here).collect();
        done.into_iter().try_for_each(|done| self.take_back(done))
    }

    fn take_back(&mut self, done: Done<E>) -> Result<(), E> {
        self.note(done.start, done.outcome?);
        self.free.push(done.buffer);
        Ok(())
    }

    fn note(&mut self, start: u64, value: PieceValue) {
        let index = usize::try_from(start / PIECE_BYTES).unwrap_or(usize::MAX);
        if self.values.len() <= index {
            self.values.resize(index + 1, PieceValue::default());
        }
        self.values.iter_mut().skip(index).take(1).for_each(|known| *known = value);
    }
}

/// The digest of a file of more than one piece.
fn merged(values: &[PieceValue], byte_count: u64) -> Option<(Digest, Vec<PieceValue>)> {
    let mut hasher = PieceHasher::default();
    for value in values {
        hasher.push_value(*value, (byte_count - hasher.byte_count()).min(PIECE_BYTES)).ok()?;
    }
    Some(hasher.finish())
}

impl<E> Task<E> {
    /// Does it for a piece, and hashes the piece; first what the other thread is not at.
    fn value_of(&self, start: u64, bytes: &[u8]) -> Result<PieceValue, E> {
        let value = || piece_value(start / PIECE_BYTES, bytes);
        if let Ok(turn) = self.turn.try_lock() {
            let done = (self.act)(start, bytes);
            drop(turn);
            return done.map(|()| value());
        }
        let value = value();
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        (self.act)(start, bytes).map(|()| value)
    }
}

impl Piece {
    fn done<E>(self, task: &Arc<Task<E>>) -> Done<E> {
        let Self { start, buffer, count } = self;
        let bytes = buffer.get(..count).unwrap_or_default();
        let outcome = task.value_of(start, bytes);
        Done { start, buffer, outcome }
    }
}

impl<E: Send + 'static> Beside<E> {
    /// `None` where no thread can be started: then the copy hashes by itself.
    fn start(task: &Arc<Task<E>>) -> Option<Self> {
        let (work, received) = bounded::<Piece>(WAITING_MAX);
        let (give_back, done) = bounded(DONE_MAX);
        let task = Arc::clone(task);
        let hash = move || {
            for piece in received {
                // It only fails where nobody wants the hash any more.
                let _ = give_back.send(piece.done(&task));
            }
        };
        let thread = Builder::new().name("hash-beside".into()).spawn(hash).ok()?;
        Some(Self { work, done, thread })
    }
}

impl<E> Drop for Hashing<E> {
    fn drop(&mut self) {
        // An abandoned hash: nothing is done any more when its owner goes on.
        if let Some(Beside { work, thread, .. }) = self.beside.take() {
            drop(work);
            let _ = thread.join();
        }
    }
}

impl<E> fmt::Debug for Hashing<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hashing").field("position", &self.position).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const MIB: usize = ROOM_MAX;

    type Hashed = (Digest, Vec<PieceValue>);

    fn content(byte_count: usize) -> Vec<u8> {
        (0..byte_count).map(|index| u8::try_from((index / 4096 * 7 + index) % 251).unwrap()).collect()
    }

    /// Hashes, in steps of at most `step` bytes, and gives what the task has seen as well.
    fn hash_all(bytes: &[u8], announced: Option<u64>, step: usize) -> (Hashed, Vec<(u64, Vec<u8>)>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let pieces = Arc::clone(&seen);
        let task = move |start: u64, bytes: &[u8]| {
            pieces.lock().unwrap().push((start, bytes.to_vec()));
            Ok::<_, ()>(())
        };
        let mut hashing = Hashing::with_task(announced, task);
        let mut left = bytes;
        while !left.is_empty() {
            let room = hashing.room(left.len().min(step) as u64);
            let count = room.len();
            room.copy_from_slice(&left[..count]);
            hashing.filled(count).unwrap();
            left = &left[count..];
        }
        assert_eq!(hashing.position(), bytes.len() as u64);
        assert!(!hashing.room(1).is_empty() || announced.is_some(), "that more could come changes nothing");
        let hashed = hashing.finish().unwrap().unwrap();
        let mut seen = seen.lock().unwrap().clone();
        seen.sort();
        (hashed, seen)
    }

    #[test]
    fn any_length_announced_or_not_gives_the_digest_and_each_byte_to_the_task_once() {
        for byte_count in [0, 1, 5000, MIB - 1, MIB, MIB + 1, 2 * MIB, 5 * MIB + 7] {
            let bytes = content(byte_count);
            for announced in [None, Some(byte_count as u64)] {
                let (hashed, seen) = hash_all(&bytes, announced, 300_000);
                let mut hasher = PieceHasher::default();
                hasher.update(&bytes);
                assert_eq!(hashed, hasher.finish(), "{byte_count}");
                let expected: Vec<_> =
                    (0..).zip(bytes.chunks(MIB)).map(|(i, p)| (i * PIECE_BYTES, p.to_vec())).collect();
                assert!(seen == expected, "{byte_count}");
            }
        }
    }

    #[test]
    fn pieces_by_their_values_stand_between_others() {
        let bytes = content(4 * MIB + 5);
        let mut hashing = Hashing::of_file(Some(bytes.len() as u64));
        for (index, piece) in (0u64..).zip(bytes.chunks(MIB)) {
            if index % 2 == 0 {
                hashing.value(piece_value(index, piece), piece.len() as u64);
            } else {
                hashing.room(PIECE_BYTES).copy_from_slice(piece);
                hashing.filled(piece.len()).unwrap();
            }
        }
        assert_eq!(hashing.finish().unwrap().unwrap().0, Digest::of(&bytes));
    }

    #[test]
    fn a_task_that_fails_for_one_piece_fails_the_whole_in_whichever_thread_it_was() {
        for bad in 0..4 {
            let fails =
                move |start: u64, _: &[u8]| if start == bad * PIECE_BYTES { Err(bad) } else { Ok(()) };
            let mut hashing = Hashing::with_task(Some(4 * PIECE_BYTES), fails);
            let fill = |hashing: &mut Hashing<u64>| {
                let count = hashing.room(PIECE_BYTES).len();
                hashing.filled(count)
            };
            let filled = (0..4).try_for_each(|_| fill(&mut hashing));
            assert_eq!(filled.and_then(|()| hashing.finish().map(|_| ())), Err(bad));
        }
    }

    #[test]
    fn the_task_is_done_by_one_thread_at_a_time() {
        let (under_way, overlaps) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&overlaps);
        let task = move |_: u64, bytes: &[u8]| {
            overlaps.fetch_add(under_way.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            // As long as a write takes.
            black_box(Digest::of(bytes));
            under_way.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, ()>(())
        };
        let mut hashing = Hashing::with_task(Some(50 * PIECE_BYTES), task);
        for _ in 0..50 {
            let count = hashing.room(PIECE_BYTES).len();
            hashing.filled(count).unwrap();
        }
        hashing.finish().unwrap().unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn an_abandoned_hash_ends_its_thread() {
        let mut hashing = Hashing::of_file(None);
        for _ in 0..3 {
            let count = hashing.room(PIECE_BYTES).len();
            hashing.filled(count).unwrap();
        }
        drop(hashing);
    }
}
