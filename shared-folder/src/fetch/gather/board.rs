//! Who fetches which piece: free, under way at one source or a few, done.
//!
//! Every source takes the next free pieces, in runs, and has about half a second of work under way; towards the end no
//! more than its share of what is left, so that all end together. Who finds nothing free takes over what another
//! would finish much later. A source at which the file is still arriving is given only what it has, and the others leave
//! that to it as long as there is something else. Must not know connections, bytes or clocks.

use super::pace::Pace;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;
use wire::limits::PIECE_BYTES;

/// Sources at which one piece may be under way at once.
pub(super) const COPIES_MAX: usize = 4;
/// Work that is under way at a source, in time: enough for any distance, little enough to be lost.
const WINDOW_SECONDS: f64 = 0.5;
/// The same in pieces: enough for any speed.
pub(super) const WINDOW_MAX: usize = 64;
/// Pieces that are asked for at once of a source whose speed nobody knows.
const WINDOW_UNKNOWN: usize = 2;
/// Requests into which a window is divided: work can be taken back only between them.
const RUNS_PER_WINDOW: usize = 4;
/// A piece that would come this much sooner from elsewhere is worth being asked for twice.
const HASTE: f64 = 2.0;
/// So much sooner it must come at least, in seconds.
const HASTE_LEAST: f64 = 0.05;

/// What becomes of what a source says that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Some of it is free.
    Now,
    /// All of it is here or under way, but not all is here.
    Perhaps,
    /// All of it is here.
    Nothing,
}

/// What a source is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask for these pieces.
    Take(Range<usize>),
    /// Nothing now: look again when something has changed, or a moment later.
    Wait,
    /// Nothing of what it has: ask what it has by now.
    Look,
    /// Nothing any more: all pieces are done.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Taken,
    Done,
}

/// What is under way at one source, in the order in which it comes.
#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<usize>,
    /// Bytes of the first one that have come.
    part: u64,
    pace: Pace,
    /// The pieces that it has, where the file is still arriving there.
    held: Option<Vec<bool>>,
}

/// The pieces of one file, and the sources that fetch them.
#[derive(Debug)]
pub(super) struct Board {
    states: Vec<State>,
    free: usize,
    open: usize,
    /// Where the first pieces are taken.
    first: usize,
    /// From there on, and round the end, no piece is free before so many.
    lowest: usize,
    queues: BTreeMap<usize, Queue>,
}

impl Board {
    /// For a file of `count` pieces, of which `missing` ones are to be fetched.
    pub(super) fn new(count: usize, missing: &[usize]) -> Self {
        let mut states = vec![State::Done; count];
        for piece in missing {
            if let Some(state) = states.get_mut(*piece) {
                *state = State::Free;
            }
        }
        let open = states.iter().filter(|state| **state == State::Free).count();
        Self { states, free: open, open, first: 0, lowest: 0, queues: BTreeMap::new() }
    }

    /// The same, but that pieces are taken from `first` on, and then from the start: whoever shares what arrives has other pieces
    /// than those who do so, too.
    pub(super) fn beginning_at(self, first: usize) -> Self {
        Self { first: first.min(self.states.len().saturating_sub(1)), ..self }
    }

    /// What `source` has by now, in runs of pieces; none where it has all. Says what of that is of use.
    pub(super) fn holds(&mut self, source: usize, runs: Option<&[Range<usize>]>) -> Use {
        let mut held = vec![false; self.states.len()];
        for run in runs.unwrap_or_default() {
            held.get_mut(run.clone()).unwrap_or_default().fill(true);
        }
        let is_any = |wanted: fn(State) -> bool| {
            runs.is_none() || held.iter().zip(&self.states).any(|(is_held, state)| *is_held && wanted(*state))
        };
        let found = match (is_any(|state| state == State::Free), is_any(|state| state != State::Done)) {
            (true, _) => Use::Now,
            (false, true) => Use::Perhaps,
            (false, false) => Use::Nothing,
        };
        self.queues.entry(source).or_default().held = runs.map(|_| held);
        found
    }

    /// Whether a free piece is to be had from `source`.
    pub(super) fn has_free(&self, source: usize) -> bool {
        self.free > 0 && self.free_pieces().any(|piece| self.is_held(source, piece))
    }

    /// Whether that piece is not done.
    pub(super) fn is_open(&self, piece: usize) -> bool {
        self.states.get(piece).is_some_and(|state| *state != State::Done)
    }

    /// Whether all pieces are done.
    pub(super) fn is_done(&self) -> bool {
        self.open == 0
    }

    /// What `source` is to ask for next.
    pub(super) fn next(&mut self, source: usize, now: Duration) -> Next {
        if self.is_done() {
            return Next::Over;
        }
        self.queues.entry(source).or_default();
        let under_way = self.under_way(source);
        let allowed = self.allowed(source, now);
        let is_partial = self.is_partial(source);
        let run = allowed.div_ceil(RUNS_PER_WINDOW);
        // Not before there is room for a whole run: otherwise each piece that comes makes room for a request of one.
        let taken = if self.free > 0 && under_way + run <= allowed {
            self.take_free(source, run)
        } else if self.free == 0 && under_way == 0 {
            self.late_elsewhere(source, now).map(|piece| piece..piece + 1)
        } else {
            None
        };
        let Some(taken) = taken else {
            let is_out = is_partial && under_way == 0 && !self.has_free(source);
            return if is_out { Next::Look } else { Next::Wait };
        };
        if let Some(queue) = self.queues.get_mut(&source) {
            if queue.pieces.is_empty() {
                queue.pace.begin(now);
            }
            queue.pieces.extend(taken.clone());
        }
        Next::Take(taken)
    }

    /// So many more bytes of the first piece that is under way at `source` have come.
    pub(super) fn moved(&mut self, source: usize, byte_count: u32, now: Duration) {
        if let Some(queue) = self.queues.get_mut(&source) {
            queue.part += u64::from(byte_count);
            queue.pace.moved(byte_count, now);
        }
    }

    /// A piece has come from `source` and is stored; whether it is the first one to bring it.
    pub(super) fn done(&mut self, source: usize, piece: usize) -> bool {
        if let Some(queue) = self.queues.get_mut(&source) {
            queue.pieces.retain(|other| *other != piece);
            queue.part = 0;
        }
        match self.states.get_mut(piece) {
            Some(state) if *state != State::Done => {
                self.free -= usize::from(*state == State::Free);
                self.open -= 1;
                *state = State::Done;
                true
            }
            _ => false,
        }
    }

    /// Whether all that is under way at `source` has come from elsewhere meanwhile.
    pub(super) fn is_settled(&self, source: usize) -> bool {
        let is_done = |piece: &usize| self.states.get(*piece) == Some(&State::Done);
        self.queues.get(&source).is_none_or(|queue| queue.pieces.iter().all(is_done))
    }

    /// Nothing will come of what is under way at `source`, which is not there for the time being.
    pub(super) fn release(&mut self, source: usize) {
        self.forgo(source);
        self.queues.remove(&source);
    }

    /// Nothing will come of what is under way at `source`, because it is not wanted any more.
    pub(super) fn forgo(&mut self, source: usize) {
        let Some(queue) = self.queues.get_mut(&source) else { return };
        queue.part = 0;
        let count = self.states.len();
        for piece in std::mem::take(&mut queue.pieces) {
            let is_elsewhere = self.copies(piece) > 0;
            if let Some(state) = self.states.get_mut(piece)
                && *state == State::Taken
                && !is_elsewhere
            {
                *state = State::Free;
                self.free += 1;
                let place = (piece + count - self.first) % count;
                self.lowest = self.lowest.min(place);
            }
        }
    }

    fn under_way(&self, source: usize) -> usize {
        self.queues.get(&source).map_or(0, |queue| queue.pieces.len())
    }

    fn copies(&self, piece: usize) -> usize {
        self.queues.values().filter(|queue| queue.pieces.contains(&piece)).count()
    }

    /// The next free pieces for `source` that follow one another, at most `most`: of one that has all, first those that no
    /// other has, if some only have a part.
    fn take_free(&mut self, source: usize, most: usize) -> Option<Range<usize>> {
        let count = self.states.len();
        let lowest = self.free_places().next();
        self.lowest = lowest.unwrap_or(count);
        let spares = !self.is_partial(source) && self.queues.values().any(|queue| queue.held.is_some());
        let is_rare = |piece: &usize| !self.queues.values().any(|queue| queue.is_known_to_have(*piece));
        let rare = if spares { self.free_pieces().find(is_rare) } else { None };
        let start = rare.or_else(|| self.free_pieces().find(|piece| self.is_held(source, *piece)))?;
        let fits = |piece: &usize| {
            let is_free = self.states.get(*piece) == Some(&State::Free);
            is_free && self.is_held(source, *piece) && (rare.is_none() || is_rare(piece))
        };
        let end = (start..count.min(start + most)).take_while(fits).last()? + 1;
        self.states.get_mut(start..end)?.fill(State::Taken);
        self.free -= end - start;
        Some(start..end)
    }

    /// The free pieces in the order in which they are taken.
    fn free_pieces(&self) -> impl Iterator<Item = usize> + '_ {
        self.free_places().map(|place| (place + self.first) % self.states.len().max(1))
    }

    /// How far they are from where the first ones were taken.
    fn free_places(&self) -> impl Iterator<Item = usize> + '_ {
        let (before, behind) = self.states.split_at(self.first.min(self.states.len()));
        let states = (0..).zip(behind.iter().chain(before)).skip(self.lowest);
        states.filter(|(_, state)| **state == State::Free).map(|(place, _)| place)
    }

    fn is_partial(&self, source: usize) -> bool {
        self.queues.get(&source).is_some_and(|queue| queue.held.is_some())
    }

    fn is_held(&self, source: usize, piece: usize) -> bool {
        self.queues.get(&source).is_none_or(|queue| queue.has(piece))
    }

    /// How many pieces may be under way at `source`.
    fn allowed(&self, source: usize, now: Duration) -> usize {
        let rates = self.rates(source, now);
        let of = |wanted: usize| rates.iter().find(|(other, _, _)| *other == wanted);
        let Some((_, own, is_known)) = of(source).copied() else { return 0 };
        let window = if is_known { own * WINDOW_SECONDS / piece_bytes() } else { whole(WINDOW_UNKNOWN) };
        let sum: f64 = rates.iter().map(|(_, rate, _)| rate).sum();
        let share = whole(self.open) * own / sum;
        let allowed = floor(window.min(share));
        allowed.max(usize::from(self.is_of_use(own, &rates)))
    }

    /// Whether a source of that speed brings one piece not much later than the fastest one would bring it besides.
    fn is_of_use(&self, own: f64, rates: &[(usize, f64, bool)]) -> bool {
        let fastest = rates.iter().max_by(|one, other| one.1.total_cmp(&other.1));
        fastest.is_none_or(|(source, rate, _)| {
            let pieces = whole(self.under_way(*source) + 1 + self.free / rates.len().max(1));
            own * pieces * HASTE >= *rate
        })
    }

    /// The piece that would come last of those that would come much sooner from `source`.
    fn late_elsewhere(&self, source: usize, now: Duration) -> Option<usize> {
        // Whose speed nobody knows may be the fastest; and of whom nothing could have come yet is not late.
        let own = self.queues.get(&source).and_then(|queue| queue.rate(now)).map_or(0.0, |rate| 1.0 / rate);
        let least = own * HASTE * piece_bytes() + HASTE_LEAST;
        let mut soonest: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
        for queue in self.queues.values() {
            let rate = queue.rate(now).unwrap_or(f64::INFINITY);
            for (place, piece) in (0..).zip(&queue.pieces) {
                let left = (whole(place + 1) - queue.part_of_piece()) * piece_bytes() / rate;
                let (sooner, copies) = soonest.entry(*piece).or_insert((f64::INFINITY, 0));
                (*sooner, *copies) = (sooner.min(left), *copies + 1);
            }
        }
        let is_open = |piece: usize| self.states.get(piece) == Some(&State::Taken);
        let worth = soonest.into_iter().filter(|(piece, (left, copies))| {
            is_open(*piece) && self.is_held(source, *piece) && *left > least && *copies < COPIES_MAX
        });
        worth.max_by(|one, other| one.1.0.total_cmp(&other.1.0)).map(|(piece, _)| piece)
    }

    /// Each source that shares the work with `source`, with its rate, and whether that is known; where it is not, it is taken for
    /// that of the fastest. One that has a part alone can take nothing from one that has all, and one that has nothing free from nobody.
    fn rates(&self, source: usize, now: Duration) -> Vec<(usize, f64, bool)> {
        let known = self.queues.values().filter_map(|queue| queue.rate(now));
        let usual = known.fold(1.0, f64::max);
        let each = |(source, queue): (&usize, &Queue)| {
            let known = queue.rate(now);
            (*source, known.unwrap_or(usual).max(1.0), known.is_some())
        };
        let is_partial = self.is_partial(source);
        let shares = |(other, queue): &(&usize, &Queue)| {
            **other == source || queue.held.is_none() || (is_partial && self.has_free(**other))
        };
        self.queues.iter().filter(shares).map(each).collect()
    }
}

impl Queue {
    fn has(&self, piece: usize) -> bool {
        self.held.as_ref().is_none_or(|held| held.get(piece) == Some(&true))
    }

    /// Whether the file is still arriving there, and the piece has arrived.
    fn is_known_to_have(&self, piece: usize) -> bool {
        self.held.is_some() && self.has(piece)
    }

    fn rate(&self, now: Duration) -> Option<f64> {
        self.pace.rate(now, !self.pieces.is_empty())
    }

    fn part_of_piece(&self) -> f64 {
        let part = u32::try_from(self.part.min(PIECE_BYTES)).unwrap_or(0);
        f64::from(part) / piece_bytes()
    }
}

fn piece_bytes() -> f64 {
    f64::from(u32::try_from(PIECE_BYTES).unwrap_or(u32::MAX))
}

fn whole(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// At most a window.
fn floor(pieces: f64) -> usize {
    (0..=WINDOW_MAX).rev().find(|count| whole(*count) <= pieces).unwrap_or(0)
}

#[cfg(test)]
mod tests;
