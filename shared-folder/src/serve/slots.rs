//! How many large files are given at once, and who waits for one of those to end: first come, first served.
//!
//! Whoever waits is told at which place, and leaves it at once by leaving. Must not know what is given.

use super::refusal::{End, Refusal, Stop};
use super::session::Session;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wire::connection::Closer;
use wire::error_code::ErrorCode;
use wire::message::ByteCount;
use wire::message::reply::Working;
use wire::net::{Ready, Wake};

/// READs of at most so many bytes wait for nobody: they are over at once.
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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    waiting: VecDeque<(u64, Arc<Wake>)>,
    last: u64,
}

/// A slot, or a place in front of one; dropping it leaves it to the next.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    /// None where there was a slot at once.
    waiting: Option<(u64, Arc<Wake>)>,
}

impl UploadSlots {
    /// So many at once.
    #[must_use]
    pub fn new(slots_max: usize) -> Self {
        Self(Arc::new(Shared { slots_max, state: Mutex::default() }))
    }

    /// None where too many wait already.
    fn enter(&self) -> Option<Place> {
        let shared = Arc::clone(&self.0);
        let mut state = self.0.state();
        if state.taken < shared.slots_max {
            state.taken += 1;
            drop(state);
            return Some(Place { shared, waiting: None });
        }
        if state.waiting.len() >= WAITING_MAX {
            return None;
        }
        let wake = Arc::new(Wake::new().ok()?);
        state.last += 1;
        let waiting = (state.last, wake);
        state.waiting.push_back(waiting.clone());
        drop(state);
        Some(Place { shared, waiting: Some(waiting) })
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

    /// A slot is free: the first of those who wait has it, if there is one.
    fn pass_on(&mut self) {
        match self.waiting.pop_front() {
            Some((_, wake)) => wake.call(),
            None => self.taken = self.taken.saturating_sub(1),
        }
    }
}

impl Place {
    /// At which place it waits, from 1 on, and what is called when it has a slot; none where it has one.
    fn in_queue(&self) -> Option<(u64, &Wake)> {
        let (number, wake) = self.waiting.as_ref()?;
        let position = self.shared.state().position(*number)?;
        Some((position as u64 + 1, wake))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let position = self.waiting.as_ref().and_then(|(number, _)| state.position(*number));
        match position {
            Some(position) => drop(state.waiting.remove(position)),
            None => state.pass_on(),
        }
    }
}

impl Session<'_> {
    /// Waits for a slot in which so many bytes can be given, where slots are counted.
    pub(super) fn slot_for(&mut self, id: u64, byte_count: u64, label: &str) -> Result<Option<Place>, Stop> {
        let Some(slots) = self.host.upload_slots.as_ref().filter(|_| byte_count > NEVER_WAITING_BYTES_MAX)
        else {
            return Ok(None);
        };
        let text = "too many wait for a large file already: try again later";
        let place = slots.enter().ok_or_else(|| Refusal::new(ErrorCode::Busy, text))?;
        let mut is_there = true;
        while let Some((position, wake)) = place.in_queue() {
            self.slot.relabel(&format!("{label} (waiting at place {position})"));
            let queue = Some(ByteCount::new(position));
            let working = Working { done: ByteCount::new(0), of: ByteCount::new(byte_count), queue };
            self.connection.sender.send(Some(id), &working)?;
            is_there = wait(wake, &self.closer, is_there)?;
        }
        self.slot.relabel(label);
        Ok(Some(place))
    }
}

/// Whether the other end may still say something. Where it does not, it may have left, which only what is sent to it shows.
fn wait(wake: &Wake, closer: &Closer, is_there: bool) -> Result<bool, Stop> {
    match wake.or_closed(closer, TOLD_INTERVAL, is_there) {
        Ok(Ready::Source) if is_there => Ok(false),
        Ok(Ready::Source) => Err(Stop::End(End::Lost("it left while it waited for a slot".to_owned()))),
        // Interrupted at worst: then it is told once more.
        _ => Ok(is_there),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(places: &[&Place]) -> Vec<Option<u64>> {
        places.iter().map(|place| place.in_queue().map(|(position, _)| position)).collect()
    }

    #[test]
    fn whoever_comes_first_is_first_and_whoever_leaves_lets_the_others_move_up() {
        let slots = UploadSlots::new(2);
        let [one, two, three, four, five] = [(); 5].map(|()| slots.enter().unwrap());
        assert_eq!(positions(&[&one, &two, &three, &four, &five]), [None, None, Some(1), Some(2), Some(3)]);
        drop(three);
        assert_eq!(positions(&[&four, &five]), [Some(1), Some(2)]);
        drop(one);
        assert_eq!(positions(&[&four, &five]), [None, Some(1)]);
        assert!(four.waiting.as_ref().unwrap().1.within(Duration::ZERO), "it was called");
        drop((two, four, five));
        assert!(slots.0.state().taken == 0 && slots.0.state().waiting.is_empty());
    }

    #[test]
    fn only_so_many_may_wait() {
        let slots = UploadSlots::new(1);
        let held = slots.enter().unwrap();
        let mut waiting: Vec<_> = (0..WAITING_MAX).map_while(|_| slots.enter()).collect();
        assert!(waiting.len() == WAITING_MAX && slots.enter().is_none());
        waiting.pop();
        assert!(slots.enter().is_some());
        drop(held);
    }
}
