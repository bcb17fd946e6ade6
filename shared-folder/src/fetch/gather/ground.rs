//! What the sources of one fetch share: the proof of what the file is, the board of its pieces, the landing.
//!
//! Must not know how a source is asked.

use super::board::{Board, Next, Use};
use super::remains::{Beginning, Beginnings, Remains};
use super::{Gathered, SourceShare, Wanted, landing_of};
use crate::fetch::FetchError;
use crate::folder::Folder;
use crate::incoming::{Came, LandingError, Proof, Scattered};
use crate::remote::{Cancel, RemoteError, There, Watch};
use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use wire::net::{Address, DialError};
use wire::timestamp::Timestamp;

/// How long one source alone may take to prove what the file is, before another one begins to.
const PROOF_TIME: Duration = Duration::from_millis(500);
/// Between two looks whether others have become slow.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The common ground of all sources.
pub(super) struct Ground<'a> {
    folder: &'a Folder,
    pub(super) wanted: &'a Wanted,
    pub(super) watch: &'a dyn Watch,
    begun: Instant,
    landing: OnceLock<Scattered<'a>>,
    state: Mutex<Shared>,
    changed: Condvar,
    news: PipeWriter,
    /// Cancelled when nobody is needed any more.
    over: Cancel,
}

struct Shared {
    phase: Phase,
    sources: Vec<Known>,
    /// Sources that are gone, in the order in which they went.
    lost: Vec<usize>,
    /// What no other source can help.
    failure: Option<FetchError>,
    remains: Remains,
    surplus: u64,
}

enum Phase {
    /// Nobody has proven yet what the file is; since when somebody has been trying.
    Proving(Option<Instant>),
    /// It is proven, and what is here of it is being looked for.
    Landing,
    Open(Board),
    Over,
}

struct Known {
    address: Address,
    /// Whether the file may still be arriving there.
    is_partial: bool,
    byte_count: u64,
    cancel: Cancel,
    fault: Option<FetchError>,
    /// Why its connection is being made again, while that lasts.
    trouble: Option<String>,
    is_gone: bool,
}

/// What a source is to do first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Prove,
    Fetch,
    Nothing,
}

impl<'a> Ground<'a> {
    /// With where it is told that something is to be looked at.
    pub(super) fn new(
        folder: &'a Folder,
        wanted: &'a Wanted,
        watch: &'a dyn Watch,
    ) -> io::Result<(Self, PipeReader)> {
        let (reader, news) = io::pipe()?;
        let state = Shared {
            phase: Phase::Proving(None),
            sources: Vec::new(),
            lost: Vec::new(),
            failure: None,
            remains: Remains::default(),
            surplus: 0,
        };
        let ground = Self {
            folder,
            wanted,
            watch,
            begun: Instant::now(),
            landing: OnceLock::new(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            news,
            over: Cancel::new()?,
        };
        Ok((ground, reader))
    }

    /// One more source: its number, and what will end its waits.
    pub(super) fn admit(&self, address: &Address, is_partial: bool) -> Option<(usize, Cancel)> {
        let cancel = Cancel::new().ok()?;
        let mut state = self.state();
        let known = Known {
            address: address.clone(),
            is_partial,
            byte_count: 0,
            cancel: cancel.clone(),
            fault: None,
            trouble: None,
            is_gone: false,
        };
        state.sources.push(known);
        Some((state.sources.len() - 1, cancel))
    }

    /// Sources that are not lost.
    pub(super) fn live(&self) -> usize {
        self.state().sources.iter().filter(|source| !source.is_gone).count()
    }

    pub(super) fn nth_lost(&self, nth: usize) -> Option<SourceShare> {
        let state = self.state();
        state.lost.get(nth).and_then(|number| state.sources.get(*number)).map(Known::share)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().phase, Phase::Over)
    }

    pub(super) fn over(&self) -> &Cancel {
        &self.over
    }

    /// Nobody is needed any more: ends all waits.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.phase = Phase::Over;
        state.sources.iter().for_each(|source| source.cancel.cancel());
        drop(state);
        self.over.cancel();
        self.changed.notify_all();
        self.tell();
    }

    /// The source is asked again after `trouble`, or answers (none).
    pub(super) fn note_trouble(&self, number: usize, trouble: Option<&RemoteError>) {
        if let Some(source) = self.state().sources.get_mut(number) {
            source.trouble = trouble.map(ToString::to_string);
        }
    }

    /// The source will not be asked any more.
    pub(super) fn lost(&self, number: usize, fault: FetchError) {
        let mut state = self.state();
        if let Phase::Open(board) = &mut state.phase {
            board.release(number);
        }
        if let Some(source) = state.sources.get_mut(number) {
            log::debug!("{} is no source any more: {fault}", source.address);
            source.is_gone = true;
            source.fault = Some(fault);
        }
        state.lost.push(number);
        drop(state);
        self.changed.notify_all();
        self.tell();
    }

    /// Something here failed, which no other source can help.
    pub(super) fn failed(&self, failure: FetchError) {
        self.state().failure.get_or_insert(failure);
        self.end();
    }

    /// Waits until this source is to prove what the file is, or it is proven.
    pub(super) fn first(&self) -> First {
        let mut state = self.state();
        loop {
            let pause = match &mut state.phase {
                Phase::Over => return First::Nothing,
                Phase::Open(_) => return First::Fetch,
                Phase::Landing => LOOK_INTERVAL,
                Phase::Proving(since) => match since.map(|since| since.elapsed()) {
                    Some(elapsed) if elapsed < PROOF_TIME => PROOF_TIME - elapsed,
                    _ => {
                        *since = Some(Instant::now());
                        return First::Prove;
                    }
                },
            };
            state = self.wait(state, pause);
        }
    }

    /// The proof did not come: another source may begin at once.
    pub(super) fn not_proven(&self) {
        if let Phase::Proving(since) = &mut self.state().phase {
            *since = None;
        }
        self.changed.notify_all();
    }

    /// Whether nobody has proven yet what the file is.
    pub(super) fn is_unproven(&self) -> bool {
        matches!(self.state().phase, Phase::Proving(_))
    }

    /// Begins the landing of what a source has proven with `last`, the bytes of the last piece, and `told` of.
    pub(super) fn proven(
        &self,
        number: usize,
        proof: Proof,
        (last, told): (&[u8], Option<(Timestamp, bool)>),
    ) -> Result<(), FetchError> {
        {
            let mut state = self.state();
            if !matches!(state.phase, Phase::Proving(_)) {
                state.surplus += last.len() as u64;
                return Ok(());
            }
            state.phase = Phase::Landing;
        }
        let (count, place) = (proof.piece_count(), proof.piece_count().saturating_sub(1));
        let landing = landing_of(self.wanted, proof.byte_count, told);
        let scattered = Scattered::begin(self.folder, &self.wanted.target, landing, proof)?;
        scattered.find(&mut |done, of| {
            self.watch.checking(done, of);
            !self.is_over()
        })?;
        let missing = scattered.missing();
        let here = (0..count).filter(|piece| missing.binary_search(piece).is_err());
        self.watch.reused(here.map(|piece| byte_count_of(&scattered, piece)).sum());
        let scattered = self.landing.get_or_init(|| scattered);
        let first = self.wanted.offer.as_ref().map_or(0, |offer| offer.first_piece(count));
        let mut board = Board::new(count, &missing).beginning_at(first);
        let came = scattered.piece(place, last)?;
        if came == Came::First {
            board.done(number, place);
        }
        let mut state = self.state();
        self.count(&mut state, (number, &[]), (came, last.len() as u64));
        if matches!(state.phase, Phase::Landing) {
            let is_done = board.is_done();
            state.phase = Phase::Open(board);
            drop(state);
            self.wanted.offer.iter().for_each(|offer| scattered.offer(offer));
            self.changed.notify_all();
            if is_done {
                self.end();
            }
        }
        Ok(())
    }

    /// What the source is to ask for; with `waits`, waits until there is something.
    pub(super) fn next(&self, number: usize, waits: bool) -> Next {
        let mut state = self.state();
        loop {
            let now = self.begun.elapsed();
            let Phase::Open(board) = &mut state.phase else { return Next::Over };
            match board.next(number, now) {
                Next::Wait if waits => state = self.wait(state, LOOK_INTERVAL),
                next => return next,
            }
        }
    }

    /// What a source has by now. Says what of that is of use, if it has not all.
    pub(super) fn holds(&self, number: usize, there: &There) -> Option<Use> {
        let mut state = self.state();
        let runs = match there {
            There::Whole => None,
            There::Pieces(runs) => Some(runs.as_slice()),
        };
        if let Some(source) = state.sources.get_mut(number) {
            source.is_partial = runs.is_some();
        }
        let Phase::Open(board) = &mut state.phase else { return None };
        let found = board.holds(number, runs);
        runs.map(|_| found)
    }

    /// Whether somebody is left who has all of the file.
    pub(super) fn has_whole_source(&self) -> bool {
        self.state().sources.iter().any(|source| !source.is_gone && !source.is_partial)
    }

    /// Waits that long before the source is asked again what it has, or until it is of use, or all is over.
    pub(super) fn rest(&self, number: usize, pause: Duration) {
        let (begun, mut state) = (Instant::now(), self.state());
        while let (Some(left), Phase::Open(board)) = (pause.checked_sub(begun.elapsed()), &state.phase) {
            if board.has_free(number) {
                return;
            }
            state = self.wait(state, left.min(LOOK_INTERVAL));
        }
    }

    /// The file's proof, once there is one.
    pub(super) fn proof(&self) -> Option<&Proof> {
        self.landing.get().map(Scattered::proof)
    }

    /// So many bytes have come from a source; false where all that it was asked for has come from elsewhere meanwhile.
    pub(super) fn moved(&self, number: usize, byte_count: u32) -> bool {
        let mut state = self.state();
        let Phase::Open(board) = &mut state.phase else { return false };
        board.moved(number, byte_count, self.begun.elapsed());
        !board.is_settled(number)
    }

    /// What had come of these pieces, which are given to somebody now, before other connections were lost.
    pub(super) fn beginnings(&self, pieces: &Range<usize>) -> Beginnings {
        self.state().remains.take(pieces)
    }

    /// Takes a whole piece, which began with what others had given.
    pub(super) fn piece(
        &self,
        number: usize,
        (piece, bytes): (usize, &[u8]),
        others: &[(usize, u64)],
    ) -> Result<Came, LandingError> {
        let Some(landing) = self.landing.get() else { return Ok(Came::Wrong) };
        let came = landing.piece(piece, bytes)?;
        let mut state = self.state();
        // Though all may be over by now: it is kept.
        self.count(&mut state, (number, others), (came, bytes.len() as u64));
        if came == Came::Wrong {
            state.remains.suspect(others);
            return Ok(came);
        }
        state.surplus += state.remains.forget(piece);
        let Phase::Open(board) = &mut state.phase else { return Ok(came) };
        board.done(number, piece);
        let is_done = board.is_done();
        drop(state);
        if is_done {
            self.end();
        }
        Ok(came)
    }

    /// Counts what came: to the credit of who brought it first, or as brought in vain.
    fn count(
        &self,
        state: &mut Shared,
        (number, others): (usize, &[(usize, u64)]),
        (came, byte_count): (Came, u64),
    ) {
        if came == Came::First {
            let of_others = others.iter().map(|(_, count)| count).sum();
            state.credit(number, byte_count.saturating_sub(of_others));
            others.iter().for_each(|(other, count)| state.credit(*other, *count));
            self.watch.moved(byte_count);
        } else {
            state.surplus += byte_count;
        }
    }

    /// What was under way at the source does not come, but for beginnings of pieces; `vain` bytes came in vain. With
    /// `is_settled` only because it is not wanted any more.
    pub(super) fn release(&self, number: usize, beginnings: Beginnings, (vain, is_settled): (u64, bool)) {
        let mut state = self.state();
        state.surplus += vain;
        for (piece, beginning) in beginnings {
            state.keep(piece, beginning);
        }
        match &mut state.phase {
            Phase::Open(board) if is_settled => board.forgo(number),
            Phase::Open(board) => board.release(number),
            _ => {}
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Lets the file land, when all threads have ended.
    pub(super) fn conclude(self, cancel: &Cancel) -> Gathered {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let sources = state.sources.iter().map(Known::share).collect();
        let landed = match (state.failure.take(), self.landing.into_inner()) {
            (Some(failure), _) => Err(failure),
            (None, Some(landing)) if landing.missing().is_empty() => {
                landing.finish().map_err(FetchError::from)
            }
            _ if cancel.is_cancelled() => Err(RemoteError::Cancelled.into()),
            _ => Err(worst(state.sources)),
        };
        let surplus = state.surplus + state.remains.byte_count();
        Gathered { fetched: landed, sources, surplus }
    }

    fn state(&self) -> MutexGuard<'_, Shared> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'b>(&self, state: MutexGuard<'b, Shared>, pause: Duration) -> MutexGuard<'b, Shared> {
        self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0
    }

    fn tell(&self) {
        // As many bytes as there are news: few enough for any pipe.
        let _ = (&self.news).write(&[0]);
    }
}

impl Shared {
    fn credit(&mut self, number: usize, byte_count: u64) {
        if let Some(source) = self.sources.get_mut(number) {
            source.byte_count += byte_count;
        }
    }

    /// Keeps the beginning of a piece, unless the whole is here.
    fn keep(&mut self, piece: usize, beginning: Beginning) {
        let is_open = matches!(&self.phase, Phase::Open(board) if board.is_open(piece));
        self.surplus += if is_open { self.remains.keep(piece, beginning) } else { beginning.byte_count() };
    }
}

impl Known {
    fn share(&self) -> SourceShare {
        let fault = self.fault.as_ref().map(ToString::to_string).or_else(|| self.trouble.clone());
        let is_false = self.fault.as_ref().is_some_and(is_lie);
        let was_unheard = |fault: &FetchError| {
            matches!(fault, FetchError::Remote(RemoteError::Dial(_) | RemoteError::Opening { .. }))
        };
        let is_unreachable = self.byte_count == 0 && self.fault.as_ref().is_some_and(was_unheard);
        let (address, byte_count) = (self.address.clone(), self.byte_count);
        SourceShare { address, byte_count, fault, is_false, is_unreachable }
    }
}

fn byte_count_of(landing: &Scattered<'_>, piece: usize) -> u64 {
    let span = landing.proof().span(piece);
    span.end - span.start
}

/// A lie is worse than an absence, and the first absence tells as much as any.
fn worst(sources: Vec<Known>) -> FetchError {
    let mut faults: Vec<FetchError> = sources.into_iter().filter_map(|source| source.fault).collect();
    let lie = faults.iter().position(is_lie);
    if faults.is_empty() { RemoteError::Closed.into() } else { faults.swap_remove(lie.unwrap_or(0)) }
}

pub(super) fn is_lie(fault: &FetchError) -> bool {
    use RemoteError::{Dial, Message, Protocol};
    match fault {
        FetchError::WrongPiece { .. } | FetchError::WrongDigest { .. } => true,
        FetchError::Remote(error) => {
            matches!(error, Dial(DialError::WrongKey(_)) | Protocol(_) | Message(_))
        }
        FetchError::OtherVersion { .. } | FetchError::NothingMore => false,
        FetchError::Local(_) | FetchError::Output(_) => false,
    }
}
