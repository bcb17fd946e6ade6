//! What users and misfortune do to the network. Must not know when: a plan says that.

use super::super::links::other;
use super::super::node::{self, Inner};
use super::super::watch::Given;
use super::{Event, Network, Record};
use mactella_peer::overlay::{Input, LinkId, PeerId, Wanted};
use wire::message::FloodId;

/// Something from outside that happens to the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Happening {
    /// A peer's user searches.
    Search { node: u32, words: String, ttl: u8 },
    /// A peer's user discovers.
    Discover { node: u32, ttl: u8 },
    /// A peer's user waits for links.
    Hurry { node: u32 },
    /// One of the links that stand, whichever, breaks.
    Cut,
    /// A peer dies.
    Crash { node: u32 },
    /// It starts again, with nothing but what its user tells it.
    Restart { node: u32 },
    /// The network falls apart in two.
    Partition,
    /// All are in one network again.
    Heal,
}

impl Network {
    /// Gives a peer a file.
    pub fn put(&mut self, number: usize, path: &str) {
        let files = &mut self.nodes[number].files;
        *files = std::mem::take(files).into_iter().chain([node::file(path)]).collect();
    }

    /// Lets a peer search at a moment to come.
    pub fn search_after(&mut self, after: u64, number: usize, words: &str, ttl: u8) {
        let node = u32::try_from(number).unwrap();
        self.plan(after, Happening::Search { node, words: words.to_owned(), ttl });
    }

    pub(in super::super) fn plan(&mut self, after: u64, happening: Happening) {
        self.queue.push(after, Event::Happens(u32::try_from(self.plan.len()).unwrap()));
        self.plan.push(happening);
    }

    pub(super) fn happens(&mut self, place: u32) -> Result<(), String> {
        match self.plan[place as usize].clone() {
            Happening::Search { node, words, ttl } => self.search(node, words, ttl),
            Happening::Discover { node, ttl } => {
                let id = FloodId(self.dice.wide());
                self.give(node, Given::Own(id, ttl), Input::Discover { id, ttl })
            }
            Happening::Hurry { node } => self.give(node, Given::Other, Input::Hurry),
            Happening::Cut => {
                self.cut_any();
                Ok(())
            }
            Happening::Crash { node } => {
                self.crash(node);
                Ok(())
            }
            Happening::Restart { node } => self.restart(node),
            Happening::Partition => {
                self.fall_apart();
                Ok(())
            }
            Happening::Heal => {
                self.nodes.iter_mut().for_each(|node| node.part = 0);
                Ok(())
            }
        }
    }

    fn search(&mut self, node: u32, words: String, ttl: u8) -> Result<(), String> {
        let id = FloodId(self.dice.wide());
        if self.messages_under_way == 0
            && self.slow.is_empty()
            && let Some(watch) = &mut self.watch
        {
            watch.forget_passed();
        }
        let (origin, begun) = (node as usize, self.queue.now());
        self.records.push(Record { id, origin, begun, answers: Vec::new() });
        self.give(node, Given::Own(id, ttl), Input::Search { id, wanted: Wanted::Words(words), ttl })
    }

    /// As [`Network::feed`], unless the peer is down.
    fn give(&mut self, node: u32, given: Given, input: Input) -> Result<(), String> {
        if self.nodes[node as usize].is_up { self.feed(node, given, input) } else { Ok(()) }
    }

    fn cut_any(&mut self) {
        let standing: Vec<LinkId> = self.links.standing().collect();
        if !standing.is_empty() {
            let link = *self.dice.pick(&standing);
            self.cut(link);
        }
    }

    fn crash(&mut self, number: u32) {
        let node = &mut self.nodes[number as usize];
        (node.is_up, node.wakes) = (false, u64::MAX);
        for end in self.links.of(number) {
            self.close(end);
            self.names.remove(&end);
        }
    }

    fn restart(&mut self, number: u32) -> Result<(), String> {
        let id = PeerId(self.dice.wide());
        let links_max = self.links_max;
        let node = &mut self.nodes[number as usize];
        if node.is_up || !node.is_honest() {
            return Ok(());
        }
        (node.is_up, node.id) = (true, id);
        node.inner = Inner::Overlay(node::overlay(number, id, links_max));
        if let Some(watch) = &mut self.watch {
            watch.forget_peer(number);
        }
        self.know_neighbours(number)
    }

    fn fall_apart(&mut self) {
        for node in &mut self.nodes {
            node.part = u8::from(self.dice.below(2) == 1);
        }
        let links: Vec<LinkId> = self.links.standing().collect();
        for link in links {
            let [a, b] = [link, other(link)].map(|end| self.nodes[self.links[end].node as usize].part);
            if a != b {
                self.cut(link);
            }
        }
    }
}
