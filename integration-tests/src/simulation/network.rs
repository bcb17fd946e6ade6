//! Peers, links and time: gives every peer what happens to it, and carries out what it decides.
//!
//! It keeps the overlay's contract: ids of links are used once, what crosses a link arrives in order, and every
//! action is carried out or answered. Must not know why anything happens.

mod crossing;
mod dialling;
mod happenings;

pub(super) use happenings::Happening;

use super::graph::Graph;
use super::liar::Liar;
use super::links::{Links, State, other};
use super::node::{self, Driver, Inner, Node, number_at};
use super::options::Options;
use super::queue::Queue;
use super::trace::Trace;
use super::watch::{self, Given, Heading, Turn, Watch};
use crate::content::Dice;
use core::hint::black_box;
use core::net::SocketAddr;
use crossing::Slow;
use mactella_peer::overlay::{Action, Counters, Dropped, Input, LinkId, Moment, PeerId};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::message::{FloodId, LinkMessage};

/// Events that are looked at before they happen.
const LOOK_AHEAD: usize = 16;

/// What waits to happen. Small, because most of it is messages.
enum Event {
    Message { to: LinkId, message: Arc<LinkMessage> },
    Hello(LinkId),
    Welcome(LinkId),
    Refused(LinkId),
    Closed(LinkId),
    Transmit(LinkId),
    Wake(u32),
    DialFails(Box<Failing>),
    Verified(Box<(LinkId, SocketAddr)>),
    Happens(u32),
}

/// A dial that will reach nobody; whoever dialled may have restarted by then.
struct Failing {
    node: u32,
    peer: PeerId,
    name: Arc<str>,
}

/// One search and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub(super) id: FloodId,
    /// Who asked.
    pub origin: usize,
    /// When, in simulated milliseconds.
    pub begun: u64,
    /// What was found, as it came.
    pub answers: Vec<Answer>,
}

/// One file that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its path.
    pub path: String,
    /// The peer that it can be had from.
    pub holder: Option<usize>,
    /// Links between the two, as the result tells.
    pub hops: u8,
    /// Milliseconds after the search began.
    pub after: u64,
}

/// The simulated mesh.
pub struct Network {
    graph: Graph,
    dialled: bool,
    latency: core::ops::RangeInclusive<u32>,
    /// Milliseconds that a slow link takes for a message before it takes the next.
    message_time: Option<u64>,
    links_max: usize,
    nodes: Vec<Node>,
    links: Links,
    queue: Queue<Event>,
    plan: Vec<Happening>,
    /// The names of those who are being dialled.
    names: BTreeMap<LinkId, Arc<str>>,
    slow: BTreeMap<LinkId, Slow>,
    dice: Dice,
    watch: Option<Watch>,
    trace: Trace,
    turn: u32,
    records: Vec<Record>,
    messages_sent: u64,
    messages_under_way: u64,
}

impl Network {
    /// The peers that the options describe, unlinked, without files and without anything that happens to them.
    #[must_use]
    pub fn new(options: &Options, graph: Graph) -> Self {
        let mut dice = Dice::new(&format!("network {}", options.seed));
        let most = graph.neighbours().iter().map(Vec::len).max().unwrap_or(0);
        let links_max = most + 16;
        let count = u32::try_from(options.peers).unwrap();
        let mut nodes: Vec<Node> =
            (0..count).map(|number| Node::new(number, PeerId(dice.wide()), links_max)).collect();
        // The last ones lie; the first is always honest.
        for (node, vice) in nodes.iter_mut().skip(1).rev().zip(&options.liars) {
            let dice = Dice::new(&format!("liar {} {}", options.seed, dice.wide()));
            node.inner = Inner::Lying(Box::new(Liar::new(*vice, dice)));
        }
        Self {
            dialled: options.dialled,
            latency: options.latency.clone(),
            message_time: options.messages_per_second.map(|rate| 1000 / u64::from(rate.max(1))),
            links_max: links_max.max(64),
            links: Links::with_capacity(graph.edges.len()),
            watch: options.check.then(|| Watch::new(options.peers, !options.liars.is_empty())),
            graph,
            nodes,
            queue: Queue::new(),
            plan: Vec::new(),
            names: BTreeMap::new(),
            slow: BTreeMap::new(),
            dice,
            trace: Trace::new(),
            turn: 0,
            records: Vec::new(),
            messages_sent: 0,
            messages_under_way: 0,
        }
    }

    /// Lets something else play a peer's part, held to the same rules; before the network starts.
    pub fn replace(&mut self, number: usize, driver: Box<dyn Driver>) {
        self.nodes[number].inner = Inner::Claiming(driver);
    }

    /// The id of a peer, as it is now.
    #[must_use]
    pub fn peer_id(&self, number: usize) -> PeerId {
        self.nodes[number].id
    }

    /// Lets things happen until that moment, or until nothing can happen any more.
    pub fn run_until(&mut self, end: u64) -> Result<(), String> {
        while let Some(event) = self.queue.pop(end) {
            self.happen(event)?;
            if self.trace.events.is_multiple_of(LOOK_AHEAD as u64) {
                self.look_ahead();
            }
        }
        Ok(())
    }

    /// Touches what the next events are about, all at once: memory answers many such questions in the time of one, and
    /// in a large network each of them leads to another corner of it.
    fn look_ahead(&self) {
        let coming = || {
            self.queue.coming().take(LOOK_AHEAD).filter_map(|event| match event {
                Event::Message { to, message } => Some((self.links[*to].node as usize, message)),
                _ => None,
            })
        };
        let is_search = |message: &LinkMessage| u64::from(matches!(message, LinkMessage::Search(_)));
        black_box(coming().map(|(_, message)| is_search(message)).sum::<u64>());
        black_box(coming().map(|(node, _)| self.nodes[node].touch()).sum::<usize>());
    }

    /// What must hold when it is over: both ends of each link agree on it, and if all dial and nobody lies or is
    /// cut off, everyone is linked as its user wants it.
    pub fn check_end(&self) -> Result<(), String> {
        if self.watch.is_none() || self.messages_under_way > 0 {
            return Ok(());
        }
        if let Some(link) = self.links.half_open() {
            let [a, b] = [link, other(link)].map(|end| self.links[end].node);
            return Err(format!("at the end, {a} has a link to {b}, and {b} none to {a}"));
        }
        let is_quiet = self.dialled && self.nodes.iter().all(|node| node.is_honest() && node.is_up);
        let unlinked = self.graph.edges.iter().find(|(dialler, dialled)| {
            let name = node::address(*dialled).to_string();
            self.nodes[*dialler as usize].overlay().is_some_and(|overlay| !overlay.is_linked(&name))
        });
        match unlinked.filter(|_| is_quiet) {
            Some((dialler, dialled)) => Err(format!("at the end, {dialler} has no link to {dialled} again")),
            None => Ok(()),
        }
    }

    /// What each peer's overlay counted; none for a peer without one.
    pub fn counters(&self) -> impl Iterator<Item = Option<&Counters>> {
        self.nodes.iter().map(|node| node.overlay().map(|overlay| overlay.counters()))
    }

    /// All searches so far.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether what was found is there.
    #[must_use]
    pub fn is_true(&self, answer: &Answer) -> bool {
        let holder = answer.holder.and_then(|number| self.nodes.get(number));
        holder.is_some_and(|node| node.files.iter().any(|file| file.path == answer.path))
    }

    /// Messages that crossed links, or were about to.
    #[must_use]
    pub fn messages_sent(&self) -> u64 {
        self.messages_sent
    }

    /// Events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.trace.events
    }

    /// The hash of all events so far.
    #[must_use]
    pub fn trace_hash(&self) -> String {
        self.trace.hash()
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        let now = self.queue.now();
        let (sort, place) = match &event {
            Event::Message { to, .. } => (0, to.0),
            Event::Hello(to) => (1, to.0),
            Event::Welcome(to) => (2, to.0),
            Event::Refused(to) => (3, to.0),
            Event::Closed(to) => (4, to.0),
            Event::Transmit(from) => (5, from.0),
            Event::Wake(number) => (6, *number),
            Event::DialFails(failing) => (7, failing.node),
            Event::Verified(verified) => (8, verified.0.0),
            Event::Happens(place) => (9, *place),
        };
        self.trace.event(now, sort, place);
        match event {
            Event::Message { to, message } => self.deliver(to, message),
            Event::Hello(to) => self.hello_arrives(to),
            Event::Welcome(to) => self.welcome_arrives(to),
            Event::Refused(to) => self.refusal_arrives(to),
            Event::Closed(to) => self.close_arrives(to),
            Event::Transmit(from) => self.transmit(from),
            Event::Wake(number) => self.wake(number),
            Event::DialFails(failing) => self.dial_fails(*failing),
            Event::Verified(verified) => self.verified(verified.0, verified.1),
            Event::Happens(place) => self.happens(place),
        }
    }

    fn deliver(&mut self, to: LinkId, message: Arc<LinkMessage>) -> Result<(), String> {
        self.messages_under_way -= 1;
        self.trace.message(&message);
        let end = self.links[to];
        if end.is_cut || end.state != State::Open {
            return Ok(());
        }
        let given = Given::Message(to, Heading::of(&message));
        let message = Arc::unwrap_or_clone(message);
        self.feed(end.node, given, Input::Received { link: to, message })
    }

    /// Gives a peer one input, checks what it does about it, and does it.
    fn feed(&mut self, number: u32, given: Given, input: Input) -> Result<(), String> {
        self.turn = self.turn.wrapping_add(1);
        let now = self.queue.now();
        let (actions, evaluations) = self.nodes[number as usize].handle(Moment(now), input);
        self.check(number, given, evaluations, &actions).map_err(|fault| {
            format!("after {now} ms, in event {}, peer {number} {fault}", self.trace.events)
        })?;
        let mut dropped = Dropped::default();
        for action in actions {
            self.carry_out(number, action, &mut dropped);
        }
        if dropped != Dropped::default() {
            return self.feed(number, Given::Other, Input::Dropped { dropped });
        }
        self.let_wake(number);
        Ok(())
    }

    fn check(
        &mut self,
        number: u32,
        given: Given,
        evaluations: u32,
        actions: &[Action],
    ) -> Result<(), String> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        let node = &self.nodes[number as usize];
        if !node.is_honest() {
            return Ok(());
        }
        let turn =
            Turn { number: self.turn, now: self.queue.now(), node: number, given, evaluations, actions };
        watch.turn(turn, &mut self.links)?;
        let Some(overlay) = node.overlay() else { return Ok(()) };
        watch::tables_are_bounded(self.turn, overlay, self.links_max)
    }

    fn carry_out(&mut self, number: u32, action: Action, dropped: &mut Dropped) {
        match action {
            Action::Send { link, message } => self.send(link, message, dropped),
            Action::Welcome { link } => self.welcome(link),
            Action::Refuse { link, .. } => self.refuse(link),
            Action::Close { link, .. } => self.close(link),
            Action::Dial { name } => self.dial(number, name),
            Action::Verify { link, peer, address } => self.verify(number, link, peer, address),
            Action::Found { id, address, hops, files, .. } => {
                let holder = number_at(address).map(|holder| holder as usize);
                let now = self.queue.now();
                if let Some(record) = self.records.iter_mut().rev().find(|record| record.id == id) {
                    let after = now - record.begun;
                    let answer = |path| Answer { path, holder, hops, after };
                    record.answers.extend(files.into_iter().map(|file| answer(file.path)));
                }
            }
            Action::Discovered { .. } => {}
        }
    }

    /// Notes when a peer wants to be woken.
    fn let_wake(&mut self, number: u32) {
        let now = self.queue.now();
        let node = &mut self.nodes[number as usize];
        let Some(moment) = node.next_moment() else { return };
        let at = moment.0.max(now + 1);
        if at < node.wakes {
            node.wakes = at;
            self.queue.push(at - now, Event::Wake(number));
        }
    }

    fn wake(&mut self, number: u32) -> Result<(), String> {
        let now = self.queue.now();
        let node = &mut self.nodes[number as usize];
        if node.wakes != now || !node.is_up {
            return Ok(());
        }
        node.wakes = u64::MAX;
        self.feed(number, Given::Other, Input::Time)?;
        let next = self.nodes[number as usize].next_moment();
        if next.is_some_and(|next| next.0 <= now) {
            return Err(format!("after {now} ms, peer {number} wants to be woken in the past"));
        }
        Ok(())
    }

    fn draw_latency(&mut self) -> u32 {
        let (start, end) = (*self.latency.start(), *self.latency.end());
        let span = end.saturating_sub(start) as usize + 1;
        start + u32::try_from(self.dice.below(span)).unwrap()
    }
}
