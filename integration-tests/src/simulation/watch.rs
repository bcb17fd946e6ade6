//! The invariants: what no honest peer may ever do, whatever the others and the network do. Must not know why.
//!
//! It believes nothing that the overlay counts: who evaluated is seen at the index, and where a flood came from
//! at the message that arrived.

use super::links::{Links, State};
use mactella_peer::overlay::{Action, LinkId, OUTBOX_MESSAGES_MAX, Overlay};
use std::collections::HashMap;
use wire::limits::{FLOOD_MEMORY_TIME, SEARCH_FILES_MAX, TTL_MAX};
use wire::message::{FloodId, LinkMessage};

/// Floods that a peer may remember: two generations of the overlay's own limit.
const REMEMBERED_MAX: usize = 2 << 18;
/// Lines of a peer list besides links: known and learned ones.
const LISTED_MAX: usize = 256 + 1000;
/// A list is long to make, so it is looked at once in so many turns.
const LIST_INTERVAL: u32 = 512;
/// The source of one's own flood.
const OWN: u32 = u32::MAX;

/// What is known of a flood at one peer.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    /// When it was taken there, from 1; 0 for never.
    moment: u32,
    /// The link that it came from.
    source: u32,
    /// What it may still cross, and what it crossed.
    ttl: u8,
    hops: u8,
}

/// What a message says to who routes it.
#[derive(Debug, Clone, Copy)]
struct Head {
    id: FloodId,
    is_search: bool,
    is_flood: bool,
    ttl: u8,
    hops: u8,
}

/// What a peer was given in one turn, and what it did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) number: u32,
    pub(super) now: u64,
    pub(super) node: u32,
    pub(super) given: Given,
    /// How often it looked through its files.
    pub(super) evaluations: u32,
    pub(super) actions: &'a [Action],
}

/// The kinds of input that let a peer send something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given {
    /// A message, over that link.
    Message(LinkId, Heading),
    /// Its user's own search or discover.
    Own(FloodId, u8),
    /// Anything else.
    Other,
}

/// What is kept of a message that was given to a peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heading(Option<Head>);

/// What passed where.
pub(super) struct Watch {
    peers: usize,
    /// Whether anyone lies: then a flood's numbers tell nothing about where it began.
    has_liars: bool,
    places: HashMap<FloodId, usize>,
    floods: Vec<Box<[Passed]>>,
    /// The one that was looked up last, and its place: mostly the next one is the same.
    last: Option<(FloodId, usize)>,
    /// How far each honest flood was sent.
    begun: HashMap<FloodId, u8>,
}

impl Watch {
    pub(super) fn new(peers: usize, has_liars: bool) -> Self {
        Self {
            peers,
            has_liars,
            places: HashMap::new(),
            floods: Vec::new(),
            last: None,
            begun: HashMap::new(),
        }
    }

    /// Nothing is under way any more, and unless somebody lies nobody will speak of what passed again.
    pub(super) fn forget_passed(&mut self) {
        if self.has_liars {
            return;
        }
        self.places.clear();
        self.floods.clear();
        self.last = None;
    }

    /// A peer lost its memory.
    pub(super) fn forget_peer(&mut self, node: u32) {
        for passed in &mut self.floods {
            passed[node as usize] = Passed::default();
        }
    }

    /// Looks at what an honest peer did in one turn, before it is carried out.
    pub(super) fn turn(&mut self, turn: Turn<'_>, links: &mut Links) -> Result<(), String> {
        let passed = match turn.given {
            Given::Message(link, Heading(Some(head))) => self.message_taken(turn, link, head)?,
            Given::Own(id, ttl) => {
                self.begun.insert(id, ttl);
                let moment = u32::try_from(turn.now + 1).unwrap_or(u32::MAX);
                let passed = Passed { moment, source: OWN, ttl, hops: 0 };
                *self.passed(id, turn.node) = passed;
                Some(passed)
            }
            Given::Message(..) | Given::Other => {
                demand(turn.evaluations == 0, || "searched its files though nobody asked".to_owned())?;
                None
            }
        };
        for action in turn.actions {
            action_is_allowed(turn, passed, action, links)?;
        }
        Ok(())
    }

    /// What is known of a message's flood after it was given to a peer.
    fn message_taken(&mut self, turn: Turn<'_>, link: LinkId, head: Head) -> Result<Option<Passed>, String> {
        let (has_liars, evaluations) = (self.has_liars, turn.evaluations);
        let is_taken = head.is_flood && (evaluations > 0 || (!head.is_search && answers(turn.actions)));
        let begun = if is_taken { self.begun.get(&head.id).copied() } else { None };
        let passed = self.passed(head.id, turn.node);
        demand(evaluations <= u32::from(head.is_flood && head.is_search), || {
            format!("evaluated a search {evaluations} times at once")
        })?;
        if is_taken {
            let moment = u32::try_from(turn.now + 1).unwrap_or(u32::MAX);
            let memory_time = u32::try_from(FLOOD_MEMORY_TIME.as_millis()).unwrap_or(u32::MAX);
            demand(passed.moment == 0 || moment - passed.moment >= memory_time, || {
                format!("took the flood {} a second time", head.id)
            })?;
            let ttl = head.ttl.min(TTL_MAX.saturating_sub(head.hops));
            demand(ttl > 0, || format!("took the flood {}, which had no link left to cross", head.id))?;
            let is_honest = begun == Some(ttl + head.hops) || has_liars;
            demand(is_honest, || format!("took {} from further away than its ttl", head.id))?;
            *passed = Passed { moment, source: link.0, ttl: ttl - 1, hops: head.hops + 1 };
        }
        // A flood that was dropped lets nothing be sent; a result may go on.
        Ok((passed.moment > 0 && (is_taken || !head.is_flood)).then_some(*passed))
    }

    fn passed(&mut self, id: FloodId, node: u32) -> &mut Passed {
        let place = match self.last {
            Some((last, place)) if last == id => place,
            _ => *self.places.entry(id).or_insert(self.floods.len()),
        };
        self.last = Some((id, place));
        if place == self.floods.len() {
            self.floods.push(vec![Passed::default(); self.peers].into());
        }
        &mut self.floods[place][node as usize]
    }
}

impl Heading {
    pub(super) fn of(message: &LinkMessage) -> Self {
        Self(head(message))
    }
}

/// The tables of a peer within their limits.
pub(super) fn tables_are_bounded(turn: u32, overlay: &Overlay, links_max: usize) -> Result<(), String> {
    // Those that it dialled itself come on top of those that it lets in; there are few.
    let links = overlay.link_count();
    demand(links <= 2 * links_max, || format!("has {links} links"))?;
    let remembered = overlay.remembered_count();
    demand(remembered <= REMEMBERED_MAX, || format!("remembers {remembered} floods"))?;
    if turn.is_multiple_of(LIST_INTERVAL) {
        let listed = overlay.peers().len();
        demand(listed <= LISTED_MAX + links, || format!("lists {listed} peers"))?;
    }
    Ok(())
}

/// The queue of a slow link within its limit.
pub(super) fn queue_is_bounded(waiting: usize) -> Result<(), String> {
    demand(waiting <= OUTBOX_MESSAGES_MAX, || format!("lets {waiting} messages wait"))
}

fn action_is_allowed(
    turn: Turn<'_>,
    passed: Option<Passed>,
    action: &Action,
    links: &mut Links,
) -> Result<(), String> {
    match action {
        Action::Send { link, message } => send_is_allowed(turn, passed, *link, message, links),
        Action::Found { id, hops, .. } | Action::Discovered { id, hops, .. } => {
            let is_own = passed.is_some_and(|passed| passed.source == OWN);
            demand(is_own, || format!("took a result of {id}, which it did not begin"))?;
            demand((1..=TTL_MAX).contains(hops), || {
                format!("believes that {id} found something {hops} links away")
            })
        }
        _ => Ok(()),
    }
}

fn send_is_allowed(
    turn: Turn<'_>,
    passed: Option<Passed>,
    link: LinkId,
    message: &LinkMessage,
    links: &mut Links,
) -> Result<(), String> {
    let Some(head) = head(message) else { return Err("sent what is no message of the mesh".to_owned()) };
    let Some(passed) = passed else { return Err(format!("sent {} without having taken it", head.id)) };
    let end = links[link];
    demand(end.node == turn.node && end.state == State::Open, || {
        "sent over a link that it has not".to_owned()
    })?;
    let is_of_this_turn = match turn.given {
        Given::Message(_, Heading(Some(given))) => given.id == head.id,
        Given::Own(id, _) => id == head.id,
        Given::Message(..) | Given::Other => false,
    };
    demand(is_of_this_turn, || format!("sent {} when it was given something else", head.id))?;
    if head.is_flood {
        demand(link.0 != passed.source, || format!("sent {} back to where it came from", head.id))?;
        demand((head.ttl, head.hops) == (passed.ttl, passed.hops), || {
            format!("miscounted the links of {}", head.id)
        })?;
        demand(head.ttl > 0 && head.ttl + head.hops <= TTL_MAX, || {
            format!("sent {} beyond its ttl", head.id)
        })?;
        demand(end.flooded != turn.number, || format!("sent {} twice over one link", head.id))?;
        links[link].flooded = turn.number;
        return Ok(());
    }
    demand(link.0 == passed.source, || format!("sent a result of {} elsewhere than home", head.id))?;
    result_is_sound(turn, head, message)
}

fn result_is_sound(turn: Turn<'_>, head: Head, message: &LinkMessage) -> Result<(), String> {
    let crossed = match turn.given {
        Given::Message(_, Heading(Some(given))) if !given.is_flood => given.hops.saturating_add(1),
        _ => 0,
    };
    demand(head.hops == crossed && crossed < TTL_MAX, || {
        format!("miscounted the links of a result of {}", head.id)
    })?;
    let (address, key, files) = match message {
        LinkMessage::SearchResult(result) => (result.address, result.key, result.files.len()),
        LinkMessage::DiscoverResult(result) => (result.address, result.key, 1),
        _ => (None, None, 0),
    };
    demand(key.is_none() || crossed > 0, || format!("wrote its own key for {}", head.id))?;
    demand(address.is_some() == (crossed > 0), || format!("wrote no address, or its own, for {}", head.id))?;
    demand((1..=SEARCH_FILES_MAX).contains(&files), || format!("sent {files} files for {}", head.id))
}

/// Whether this turn answered a discover.
fn answers(actions: &[Action]) -> bool {
    actions.iter().any(|action| {
        matches!(action, Action::Send { message, .. }
            if matches!(&**message, LinkMessage::DiscoverResult(result) if result.hops == 0))
    })
}

fn head(message: &LinkMessage) -> Option<Head> {
    let of = |id, is_search, is_flood, ttl, hops| Some(Head { id, is_search, is_flood, ttl, hops });
    match message {
        LinkMessage::Search(search) => of(search.search_id, true, true, search.ttl, search.hops),
        LinkMessage::Discover(discover) => of(discover.discover_id, false, true, discover.ttl, discover.hops),
        LinkMessage::SearchResult(result) => of(result.search_id, true, false, 0, result.hops),
        LinkMessage::DiscoverResult(result) => of(result.discover_id, false, false, 0, result.hops),
        LinkMessage::Ping(_) | LinkMessage::Refused(_) => None,
    }
}

fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
