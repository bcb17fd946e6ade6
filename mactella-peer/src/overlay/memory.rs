//! Which searches and discovers passed here, where they came from, and what they may still bring home.
//!
//! Two generations: what is new goes into the young one; when that is old enough it replaces the other. So a
//! flood is remembered for one to two times `FLOOD_MEMORY_TIME` and forgetting costs nothing. Ordered maps
//! instead of hashed ones: others choose the ids, and no order may depend on chance.

use super::{LinkId, Moment};
use std::collections::BTreeMap;
use wire::limits::{FLOOD_MEMORY_TIME, SEARCH_RESULTS_MAX, SEARCH_RESULTS_PER_LINK_MAX};
use wire::message::FloodId;

/// Floods in one generation, of all neighbours that ever were: one that comes again and again gets no further.
const GENERATION_MAX: usize = 1 << 18;

/// Where a search or discover came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// This peer's user.
    Own,
    /// That neighbour.
    Link(LinkId),
}

/// One search or discover that passed. Small, because a busy peer remembers very many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    /// The link's id; [`OWN`] for this peer's user.
    source: u32,
    /// The newest link that it was sent on to; 0 where it went no further.
    asked: u32,
    /// Files or peers that went home so far.
    brought: u32,
}

/// No link has this id: before there were so many, the peer was started anew.
const OWN: u32 = u32::MAX;

impl Route {
    fn new(source: Source, asked: u32) -> Self {
        let source = match source {
            Source::Own => OWN,
            Source::Link(LinkId(number)) => number,
        };
        Self { source, asked, brought: 0 }
    }

    /// Where it came from.
    pub(super) fn source(self) -> Source {
        if self.source == OWN { Source::Own } else { Source::Link(LinkId(self.source)) }
    }

    /// Whether it was sent to that link, which was the `number`th to open: only from there may results come.
    pub(super) fn was_sent_to(self, link: LinkId, number: u32) -> bool {
        number <= self.asked && self.source() != Source::Link(link)
    }
}

#[derive(Debug, Default)]
struct Generation {
    routes: BTreeMap<FloodId, Route>,
    /// What each neighbour brought home for each.
    brought: BTreeMap<(FloodId, LinkId), u32>,
}

/// All that passed lately.
#[derive(Debug, Default)]
pub(super) struct Memory {
    young: Generation,
    old: Generation,
    since: Moment,
}

impl Memory {
    /// Starts a new generation when it is time to; true if it did.
    pub(super) fn age(&mut self, now: Moment) -> bool {
        if now < self.since.after(FLOOD_MEMORY_TIME) {
            return false;
        }
        self.old = std::mem::take(&mut self.young);
        self.since = now;
        true
    }

    pub(super) fn holds(&self, id: FloodId) -> bool {
        self.young.routes.contains_key(&id) || self.old.routes.contains_key(&id)
    }

    pub(super) fn is_full(&self) -> bool {
        self.young.routes.len() >= GENERATION_MAX
    }

    /// Notes a new flood that is sent on to all links up to the `asked`th, or to none (0).
    pub(super) fn note(&mut self, id: FloodId, source: Source, asked: u32) {
        self.young.routes.insert(id, Route::new(source, asked));
    }

    pub(super) fn route(&self, id: FloodId) -> Option<Route> {
        self.young.routes.get(&id).or_else(|| self.old.routes.get(&id)).copied()
    }

    /// How many of `wanted` files may still go home that this neighbour brings; counts them.
    pub(super) fn bring_home(&mut self, id: FloodId, link: LinkId, wanted: usize) -> usize {
        let generation = if self.young.routes.contains_key(&id) { &mut self.young } else { &mut self.old };
        let Some(route) = generation.routes.get_mut(&id) else { return 0 };
        let of_link = generation.brought.entry((id, link)).or_default();
        let left = (SEARCH_RESULTS_MAX - route.brought).min(SEARCH_RESULTS_PER_LINK_MAX - *of_link);
        let allowed = u32::try_from(wanted).unwrap_or(u32::MAX).min(left);
        route.brought += allowed;
        *of_link += allowed;
        allowed as usize
    }

    pub(super) fn len(&self) -> usize {
        self.young.routes.len() + self.old.routes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: FloodId = FloodId(1);
    const LINK: LinkId = LinkId(1);

    #[test]
    fn a_flood_is_remembered_for_one_to_two_generations() {
        let mut memory = Memory::default();
        let time = u64::try_from(FLOOD_MEMORY_TIME.as_millis()).unwrap();
        memory.age(Moment(time - 1));
        memory.note(ID, Source::Own, 0);
        assert!(memory.age(Moment(time)) && memory.holds(ID));
        assert!(!memory.age(Moment(2 * time - 1)) && memory.holds(ID));
        assert!(memory.age(Moment(2 * time)) && !memory.holds(ID));
    }

    #[test]
    fn a_generation_at_its_limit_takes_no_more() {
        let mut memory = Memory::default();
        for number in 0..GENERATION_MAX - 1 {
            memory.note(FloodId(number as u128), Source::Own, 0);
        }
        assert!(!memory.is_full());
        memory.note(FloodId(u128::MAX), Source::Own, 0);
        assert!(memory.is_full());
    }

    #[test]
    fn each_neighbour_and_all_together_bring_home_no_more_than_their_share() {
        let mut memory = Memory::default();
        memory.note(ID, Source::Own, 9);
        let share = SEARCH_RESULTS_PER_LINK_MAX as usize;
        assert_eq!(memory.bring_home(ID, LINK, share - 1), share - 1);
        assert_eq!((memory.bring_home(ID, LINK, 2), memory.bring_home(ID, LINK, 1)), (1, 0));
        let others: usize = (2..9).map(|other| memory.bring_home(ID, LinkId(other), usize::MAX)).sum();
        assert_eq!(share + others, SEARCH_RESULTS_MAX as usize);
    }

    #[test]
    fn only_links_that_stood_when_it_passed_were_asked_and_never_its_source() {
        let route = Route::new(Source::Link(LINK), 3);
        assert!(route.was_sent_to(LinkId(7), 3) && !route.was_sent_to(LinkId(8), 4));
        assert!(!route.was_sent_to(LINK, 1));
    }
}
