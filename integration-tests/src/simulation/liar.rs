//! Peers that misbehave: each vice as a driver of its own. Must not know what others make of it.

use super::node::{self, Driver};
use super::options::Vice;
use crate::content::Dice;
use core::time::Duration;
use mactella_peer::overlay::{Action, Index, Input, LinkId, Moment};
use std::collections::VecDeque;
use std::sync::Arc;
use wire::message::link::{Discover, DiscoverResult, LinkSearch, SearchResult};
use wire::message::{FloodId, LinkMessage};

/// Messages that a liar ever sends, so that two of them do not keep each other going.
const SENT_MAX: usize = 5000;
/// Messages that it keeps to send again.
const HEARD_MAX: usize = 32;
/// Between two turns in which it begins something itself; longer than a flood is remembered after ten of them.
const INTERVAL: Duration = Duration::from_secs(13);
/// Searches that it begins at once: more than any neighbour takes.
const SEARCHES_AT_ONCE: usize = 1200;

/// A peer with one vice.
pub(super) struct Liar {
    vice: Vice,
    links: Vec<LinkId>,
    heard: VecDeque<Arc<LinkMessage>>,
    dice: Dice,
    sent: usize,
    next: Moment,
    actions: Vec<Action>,
}

impl Driver for Liar {
    fn handle(&mut self, now: Moment, input: Input, _: &dyn Index) -> Vec<Action> {
        match input {
            Input::Hello { link, .. } => {
                self.links.push(link);
                self.actions.push(Action::Welcome { link });
            }
            Input::Opened { link, .. } => self.links.push(link),
            Input::Closed { link } => self.links.retain(|held| *held != link),
            Input::Know { name, .. } => self.actions.push(Action::Dial { name }),
            Input::Received { link, message } => self.received(link, message),
            _ => {}
        }
        if now >= self.next {
            self.next = now.after(INTERVAL);
            self.begin();
        }
        std::mem::take(&mut self.actions)
    }

    fn next_moment(&self) -> Option<Moment> {
        let is_active = matches!(self.vice, Vice::Flooding | Vice::Replaying) && self.sent < SENT_MAX;
        is_active.then_some(self.next)
    }
}

impl Liar {
    pub(super) fn new(vice: Vice, dice: Dice) -> Self {
        let (links, heard, actions) = (Vec::new(), VecDeque::new(), Vec::new());
        Self { vice, links, heard, dice, sent: 0, next: Moment(1), actions }
    }

    fn received(&mut self, link: LinkId, message: LinkMessage) {
        match (self.vice, message) {
            (Vice::Inventing, LinkMessage::Search(search)) => self.invent(link, search.search_id),
            (Vice::Inventing, LinkMessage::Discover(discover)) => self.invent(link, discover.discover_id),
            (Vice::Inflating, LinkMessage::Search(search)) => {
                self.send_all(&Arc::new(LinkMessage::Search(LinkSearch { ttl: 255, hops: 0, ..search })));
            }
            (Vice::Inflating, LinkMessage::Discover(discover)) => {
                self.send_all(&Arc::new(LinkMessage::Discover(Discover { ttl: 255, hops: 0, ..discover })));
            }
            (Vice::Replaying, message) => {
                let message = Arc::new(message);
                (0..2).for_each(|_| self.send_all(&message));
                self.heard.truncate(HEARD_MAX - 1);
                self.heard.push_front(message);
            }
            _ => {}
        }
    }

    /// What a vice does unasked.
    fn begin(&mut self) {
        match self.vice {
            Vice::Flooding => (0..SEARCHES_AT_ONCE).for_each(|_| {
                let search_id = FloodId(self.dice.wide());
                let words = Some("song".to_owned());
                let search = LinkSearch { search_id, ttl: 7, hops: 0, words, digest: None };
                self.send_all(&Arc::new(LinkMessage::Search(search)));
            }),
            Vice::Replaying => {
                let heard = self.heard.clone();
                heard.iter().for_each(|message| self.send_all(message));
            }
            Vice::Silent | Vice::Inventing | Vice::Inflating => {}
        }
    }

    /// Results for a flood that came, for one that never was, and such as say something impossible.
    fn invent(&mut self, link: LinkId, asked: FloodId) {
        let strange = FloodId(self.dice.wide());
        let all = self.links.clone();
        for (id, hops, files) in
            [(asked, 0, 1), (asked, 6, 200), (asked, 255, 1), (asked, 1, 0), (asked, 0, 300), (strange, 0, 1)]
        {
            let address = Some(node::address(0));
            let files = (0..files).map(|number| node::file(&format!("song {number}"))).collect();
            let result = SearchResult { search_id: id, hops, address, key: node::key_of(3), files };
            self.send(link, &Arc::new(LinkMessage::SearchResult(result.clone())));
            let discovered = DiscoverResult { discover_id: id, hops, address, key: None };
            self.send(link, &Arc::new(LinkMessage::DiscoverResult(discovered)));
            let elsewhere = Arc::new(LinkMessage::SearchResult(result));
            all.iter().filter(|other| **other != link).for_each(|other| self.send(*other, &elsewhere));
        }
    }

    fn send_all(&mut self, message: &Arc<LinkMessage>) {
        for place in 0..self.links.len() {
            self.send(self.links[place], message);
        }
    }

    fn send(&mut self, link: LinkId, message: &Arc<LinkMessage>) {
        if self.sent < SENT_MAX {
            self.sent += 1;
            self.actions.push(Action::Send { link, message: Arc::clone(message) });
        }
    }
}
