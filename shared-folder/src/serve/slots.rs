//! How many large files are given at once, and who waits for one of those to end: first come, first served.
//!
//! Whoever waits is told at which place, and leaves it at once by leaving. Who has a slot and takes next to nothing keeps it
//! only while nobody waits. Must not know what is given.

use super::refusal::{End, Refusal, Stop};
use super::session::Session;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wire::connection::Closer;
use wire::error_code::ErrorCode;
use wire::limits::PIECE_BYTES;
use wire::message::ByteCount;
use wire::message::reply::Working;
use wire::net::{Ready, Wake};

/// READs of at most so many bytes wait for nobody: they are over at once. For the same reason a larger one goes in sections of
/// so many, after each of which its slot may be another's.
const NEVER_WAITING_BYTES_MAX: u64 = 256 * 1024;
/// Requests that may wait. Exceeded: `busy`.
const WAITING_MAX: usize = 1024;
/// How often it is told at which place somebody waits: often enough to be watched.
const TOLD_INTERVAL: Duration = Duration::from_secs(2);

/// Slots for large READs of all sessions; clones are the same.
#[derive(Debug, Clone)]
pub struct UploadSlots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    slots_max: usize,
    /// How long one section may take of whoever has a slot that somebody waits for.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    holders: Vec<Holder>,
    waiting: VecDeque<(u64, Arc<Wake>)>,
    last: u64,
}

#[derive(Debug)]
struct Holder {
    number: u64,
    /// When it got its slot, or last was through with a section.
    since: Instant,
}

/// A slot, or a place in front of one; dropping it leaves it to the next.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    number: u64,
    /// Called when the last wait was over; none where there was a slot at once.
    wake: Option<Arc<Wake>>,
}

/// What a READ gives in a slot.
#[derive(Debug)]
pub(super) struct Upload {
    place: Place,
    label: String,
    byte_count: u64,
}

impl UploadSlots {
    /// So many at once. Whose other end takes longer than `patience` for 256 KiB, or for its turn under a limit of the rate,
    /// leaves its slot to the first that waits, and waits itself.
    #[must_use]
    pub fn new(slots_max: usize, patience: Duration) -> Self {
        Self(Arc::new(Shared { slots_max, patience, state: Mutex::default() }))
    }

    /// None where too many wait already.
    fn enter(&self, now: Instant) -> Option<Place> {
        let mut state = self.0.state();
        state.last += 1;
        let number = state.last;
        drop(state);
        let mut place = Place { shared: Arc::clone(&self.0), number, wake: None };
        place.line_up(now).then_some(place)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn position(&self, number: u64) -> Option<usize> {
        self.waiting.iter().position(|(other, _)| *other == number)
    }

    /// The slots of those that were too slow for so long go to the first of those who wait, if there are any.
    fn take_back(&mut self, patience: Duration, now: Instant) {
        for holder in &mut self.holders {
            if now.saturating_duration_since(holder.since) >= patience
                && let Some(next) = next_of(&mut self.waiting, now)
            {
                *holder = next;
            }
        }
    }

    /// When the next of those that have a slot will have been too slow.
    fn due(&self, patience: Duration, now: Instant) -> Duration {
        let left = |holder: &Holder| patience.saturating_sub(now.saturating_duration_since(holder.since));
        self.holders.iter().map(left).min().unwrap_or(patience)
    }
}

/// Who has waited longest, and has a slot from now on.
fn next_of(waiting: &mut VecDeque<(u64, Arc<Wake>)>, since: Instant) -> Option<Holder> {
    let (number, wake) = waiting.pop_front()?;
    wake.call();
    Some(Holder { number, since })
}

impl Place {
    /// Takes a free slot, or else the last place; false where too many wait already.
    fn line_up(&mut self, now: Instant) -> bool {
        let mut state = self.shared.state();
        if state.holders.len() < self.shared.slots_max {
            state.holders.push(Holder { number: self.number, since: now });
            return true;
        }
        let wake = (state.waiting.len() < WAITING_MAX).then(Wake::new).and_then(Result::ok).map(Arc::new);
        state.waiting.extend(wake.iter().map(|wake| (self.number, Arc::clone(wake))));
        self.wake = wake;
        self.wake.is_some()
    }

    /// At which place it waits, from 1 on, what is called when it has a slot, and after which time to look again; none where
    /// it waits no more.
    fn in_queue(&self, now: Instant) -> Option<(u64, &Wake, Duration)> {
        let (wake, patience) = (self.wake.as_deref()?, self.shared.patience);
        let mut state = self.shared.state();
        state.take_back(patience, now);
        let position = state.position(self.number)?;
        let is_next = position == 0;
        let pause = if is_next { state.due(patience, now).min(TOLD_INTERVAL) } else { TOLD_INTERVAL };
        Some((position as u64 + 1, wake, pause))
    }

    /// Whether the slot is still its own, now that it is through with a section.
    fn goes_on(&self, now: Instant) -> bool {
        let mut state = self.shared.state();
        let own = state.holders.iter_mut().find(|holder| holder.number == self.number);
        own.map(|holder| holder.since = now).is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let State { holders, waiting, .. } = &mut *self.shared.state();
        waiting.retain(|(number, _)| *number != self.number);
        holders.retain(|holder| holder.number != self.number);
        if holders.len() < self.shared.slots_max {
            holders.extend(next_of(waiting, Instant::now()));
        }
    }
}

impl Session<'_> {
    /// Waits for a slot in which so many bytes can be given, where slots are counted.
    pub(super) fn take_slot(&mut self, id: u64, byte_count: u64, label: String) -> Result<(), Stop> {
        let Some(slots) = self.host.upload_slots.as_ref().filter(|_| byte_count > NEVER_WAITING_BYTES_MAX)
        else {
            return Ok(());
        };
        let place = slots.enter(Instant::now()).ok_or_else(too_many)?;
        self.await_slot(id, Upload { place, label, byte_count })
    }

    /// Goes on in the slot after a section, or waits for another where it was lost.
    pub(super) fn keep_slot(&mut self, id: u64) -> Result<(), Stop> {
        let now = Instant::now();
        let Some(mut upload) = self.upload.take_if(|upload| !upload.place.goes_on(now)) else {
            return Ok(());
        };
        if !upload.place.line_up(now) {
            return Err(Stop::Fail(too_many()));
        }
        self.await_slot(id, upload)
    }

    /// The most bytes of one section.
    pub(super) fn section_bytes_max(&self) -> u64 {
        match self.upload {
            Some(_) => self.connection.sender.step(NEVER_WAITING_BYTES_MAX),
            None => PIECE_BYTES,
        }
    }

    fn await_slot(&mut self, id: u64, upload: Upload) -> Result<(), Stop> {
        let Upload { place, label, byte_count } = &upload;
        let mut is_there = true;
        while let Some((position, wake, pause)) = place.in_queue(Instant::now()) {
            self.slot.relabel(&format!("{label} (waiting at place {position})"));
            let (done, of) = (ByteCount::new(self.byte_count), ByteCount::new(*byte_count));
            let working = Working { done, of, queue: Some(ByteCount::new(position)) };
            self.connection.sender.send(Some(id), &working)?;
            is_there = wait(wake, (&self.closer, is_there), pause)?;
        }
        self.slot.relabel(label);
        self.upload = Some(upload);
        Ok(())
    }
}

fn too_many() -> Refusal {
    Refusal::new(ErrorCode::Busy, "too many wait for a large file already: try again later")
}

/// Whether the other end may still say something. Where it does not, it may have left, which only what is sent to it shows.
fn wait(wake: &Wake, (closer, is_there): (&Closer, bool), pause: Duration) -> Result<bool, Stop> {
    match wake.or_closed(closer, pause, is_there) {
        Ok(Ready::Source) if is_there => Ok(false),
        Ok(Ready::Source) => Err(Stop::End(End::Lost("it left while it waited for a slot".to_owned()))),
        // Interrupted at worst: then it is told once more.
        _ => Ok(is_there),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn positions(places: &[&Place], now: Instant) -> Vec<Option<u64>> {
        places.iter().map(|place| place.in_queue(now).map(|(position, ..)| position)).collect()
    }

    fn is_called(place: &Place) -> bool {
        place.wake.as_ref().unwrap().within(Duration::ZERO)
    }

    #[test]
    fn whoever_comes_first_is_first_and_whoever_leaves_lets_the_others_move_up() {
        let (slots, now) = (UploadSlots::new(2, PATIENCE), Instant::now());
        let [one, two, three, four, five] = [(); 5].map(|()| slots.enter(now).unwrap());
        assert_eq!(
            positions(&[&one, &two, &three, &four, &five], now),
            [None, None, Some(1), Some(2), Some(3)]
        );
        drop(three);
        assert_eq!(positions(&[&four, &five], now), [Some(1), Some(2)]);
        assert!(!is_called(&four));
        drop(one);
        assert_eq!(positions(&[&four, &five], now), [None, Some(1)]);
        assert!(is_called(&four));
        drop((two, four, five));
        assert!(slots.0.state().holders.is_empty() && slots.0.state().waiting.is_empty());
    }

    #[test]
    fn only_so_many_may_wait() {
        let (slots, now) = (UploadSlots::new(1, PATIENCE), Instant::now());
        let held = slots.enter(now).unwrap();
        let mut waiting: Vec<_> = (0..WAITING_MAX).map_while(|_| slots.enter(now)).collect();
        assert!(waiting.len() == WAITING_MAX && slots.enter(now).is_none());
        waiting.pop();
        assert!(slots.enter(now).is_some());
        drop(held);
    }

    #[test]
    fn a_slot_is_kept_as_long_as_nobody_waits_and_as_long_as_sections_are_taken() {
        let (slots, begin) = (UploadSlots::new(1, PATIENCE), Instant::now());
        let holder = slots.enter(begin).unwrap();
        let mut now = begin + 1000 * PATIENCE;
        assert!(holder.goes_on(now));
        let next = slots.enter(now).unwrap();
        for _ in 0..10 {
            now += PATIENCE - Duration::from_millis(1);
            let (position, _, pause) = next.in_queue(now).unwrap();
            assert_eq!((position, pause), (1, Duration::from_millis(1)), "it looks again when that is due");
            assert!(holder.goes_on(now));
        }
    }

    #[test]
    fn a_slot_in_which_nothing_is_taken_goes_to_the_first_that_waits_and_its_holder_to_the_end() {
        let (slots, now) = (UploadSlots::new(2, PATIENCE), Instant::now());
        let [mut stuck, lively, next, last] = [(); 4].map(|()| slots.enter(now).unwrap());
        let later = now + PATIENCE;
        assert!(lively.goes_on(later));
        assert_eq!(positions(&[&last, &next], later), [Some(1), None]);
        assert!(is_called(&next) && !is_called(&last));
        assert!(!stuck.goes_on(later) && stuck.line_up(later));
        assert_eq!(positions(&[&last, &stuck], later), [Some(1), Some(2)]);
        drop((lively, next));
        assert_eq!(positions(&[&last, &stuck], later), [None, None]);
        assert!(stuck.goes_on(later) && is_called(&stuck));
    }

    #[test]
    fn whoever_lost_its_slot_takes_none_with_it() {
        let (slots, now) = (UploadSlots::new(1, PATIENCE), Instant::now());
        let [stuck, next] = [(); 2].map(|()| slots.enter(now).unwrap());
        assert_eq!(positions(&[&next], now + PATIENCE), [None]);
        drop(stuck);
        assert!(next.goes_on(now) && slots.enter(now).unwrap().in_queue(now).is_some());
    }
}
