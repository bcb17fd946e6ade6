//! Links that are opened, refused, closed, and found broken. Must not know what crosses them.

use super::super::links::{State, other};
use super::super::node::number_at;
use super::super::watch::Given;
use super::{Event, Failing, Network};
use core::net::SocketAddr;
use mactella_peer::overlay::{Input, LinkId, PeerId};
use std::sync::Arc;

/// Milliseconds until it is clear that nobody answers.
const NO_ANSWER_TIME: u64 = 3000;

impl Network {
    /// All links of the graph stand at once, or all those who dial learn whom.
    pub fn start(&mut self) -> Result<(), String> {
        if self.dialled {
            return (0..self.nodes.len())
                .try_for_each(|number| self.know_neighbours(u32::try_from(number).unwrap()));
        }
        let name: Arc<str> = "a neighbour".into();
        for place in 0..self.graph.edges.len() {
            let nodes @ (dialler, dialled) = self.graph.edges[place];
            let latency = self.draw_latency();
            let dialling = self.links.add(nodes, latency, (State::Open, State::Awaited));
            let [ours, theirs] =
                [dialler, dialled].map(|number| self.nodes[number as usize].neighbour(number));
            let hello = Input::Hello { link: other(dialling), neighbour: ours };
            self.feed(dialled, Given::Other, hello)?;
            let opened = Input::Opened { link: dialling, name: Arc::clone(&name), neighbour: theirs };
            self.feed(dialler, Given::Other, opened)?;
        }
        Ok(())
    }

    /// A peer's user names those that it is to be linked with; for a third of the links, both ends do.
    pub(super) fn know_neighbours(&mut self, number: u32) -> Result<(), String> {
        let edges = self.graph.edges.iter().enumerate();
        let known = edges.filter_map(|(place, &(a, b))| match number {
            _ if a == number => Some(b),
            _ if b == number && place % 3 == 0 => Some(a),
            _ => None,
        });
        for known in known.collect::<Vec<_>>() {
            let address = super::super::node::address(known);
            let name = address.to_string().into();
            self.feed(number, Given::Other, Input::Know { name, address: Some(address), key: None })?;
        }
        Ok(())
    }

    pub(super) fn dial(&mut self, number: u32, name: Arc<str>) {
        let target = name.parse().ok().and_then(number_at);
        let is_there = |target: &u32| self.is_reached(number, *target);
        let Some(target) = target.filter(is_there) else {
            let failing = Failing { node: number, peer: self.nodes[number as usize].id, name };
            return self.queue.push(NO_ANSWER_TIME, Event::DialFails(Box::new(failing)));
        };
        let latency = self.draw_latency();
        let link = self.links.add((number, target), latency, (State::Dialling, State::Awaited));
        self.names.insert(link, name);
        self.queue.push(u64::from(latency), Event::Hello(other(link)));
    }

    /// Whether a message from one peer would arrive at another now.
    fn is_reached(&self, from: u32, to: u32) -> bool {
        let Some(target) = self.nodes.get(to as usize) else { return false };
        target.is_up && target.part == self.nodes[from as usize].part
    }

    pub(super) fn hello_arrives(&mut self, to: LinkId) -> Result<(), String> {
        let end = self.links[to];
        if end.is_cut {
            return Ok(());
        }
        if end.state != State::Awaited {
            self.queue.push(u64::from(end.latency), Event::Refused(other(to)));
            return Ok(());
        }
        let dialler = self.links[other(to)].node;
        let neighbour = self.nodes[dialler as usize].neighbour(dialler);
        self.feed(end.node, Given::Other, Input::Hello { link: to, neighbour })
    }

    pub(super) fn welcome(&mut self, link: LinkId) {
        self.links[link].state = State::Open;
        if self.links[other(link)].state == State::Dialling {
            self.queue.push(u64::from(self.links[link].latency), Event::Welcome(other(link)));
        }
    }

    pub(super) fn refuse(&mut self, link: LinkId) {
        self.links[link].state = State::Gone;
        self.queue.push(u64::from(self.links[link].latency), Event::Refused(other(link)));
    }

    pub(super) fn welcome_arrives(&mut self, to: LinkId) -> Result<(), String> {
        let end = self.links[to];
        let name = self.names.get(&to).cloned();
        let (false, State::Dialling, Some(name)) = (end.is_cut, end.state, name) else { return Ok(()) };
        self.names.remove(&to);
        self.links[to].state = State::Open;
        let theirs = self.links[other(to)].node;
        let mut neighbour = self.nodes[theirs as usize].neighbour(theirs);
        neighbour.address = name.parse().unwrap_or(neighbour.address);
        self.feed(end.node, Given::Other, Input::Opened { link: to, name, neighbour })
    }

    pub(super) fn refusal_arrives(&mut self, to: LinkId) -> Result<(), String> {
        let end = self.links[to];
        if end.is_cut || end.state != State::Dialling {
            return Ok(());
        }
        self.give_up(to)
    }

    pub(super) fn close(&mut self, link: LinkId) {
        self.links[link].state = State::Gone;
        self.slow.remove(&link);
        self.queue.push(u64::from(self.links[link].latency), Event::Closed(other(link)));
    }

    pub(super) fn close_arrives(&mut self, to: LinkId) -> Result<(), String> {
        let end = self.links[to];
        match end.state {
            State::Open => {
                self.links[to].state = State::Gone;
                self.slow.remove(&to);
                self.feed(end.node, Given::Other, Input::Closed { link: to })
            }
            State::Dialling => self.give_up(to),
            State::Awaited | State::Gone => {
                self.links[to].state = State::Gone;
                Ok(())
            }
        }
    }

    /// The link breaks: both ends see it, and nothing that is under way arrives.
    pub(super) fn cut(&mut self, link: LinkId) {
        for end in [link, other(link)] {
            self.links[end].is_cut = true;
            self.queue.push(u64::from(self.links[end].latency), Event::Closed(end));
        }
    }

    pub(super) fn dial_fails(&mut self, failing: Failing) -> Result<(), String> {
        let Failing { node, peer, name } = failing;
        let current = &self.nodes[node as usize];
        if current.id != peer || !current.is_up {
            return Ok(());
        }
        self.feed(node, Given::Other, Input::DialFailed { name })
    }

    /// A neighbour is looked for where it says that it is.
    pub(super) fn verify(&mut self, number: u32, link: LinkId, peer: PeerId, address: SocketAddr) {
        let target = number_at(address).filter(|target| self.is_reached(number, *target));
        if target.is_some_and(|target| self.nodes[target as usize].id == peer) {
            let latency = u64::from(self.draw_latency());
            self.queue.push(2 * latency, Event::Verified(Box::new((link, address))));
        }
    }

    pub(super) fn verified(&mut self, link: LinkId, address: SocketAddr) -> Result<(), String> {
        let end = self.links[link];
        if end.state != State::Open {
            return Ok(());
        }
        self.feed(end.node, Given::Other, Input::Verified { link, address })
    }

    fn give_up(&mut self, link: LinkId) -> Result<(), String> {
        self.links[link].state = State::Gone;
        let Some(name) = self.names.remove(&link) else { return Ok(()) };
        self.feed(self.links[link].node, Given::Other, Input::DialFailed { name })
    }
}
