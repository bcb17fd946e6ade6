//! Messages on their way over a link, which takes them all at once or one after another.

use super::super::links::{State, other};
use super::super::watch;
use super::{Event, Network};
use mactella_peer::overlay::{Dropped, LinkId, Outbox};
use std::sync::Arc;
use wire::message::LinkMessage;

/// What a message takes on a slow link, besides its files, and what a file does: about as much as its line.
const MESSAGE_BYTES: usize = 150;
const FILE_BYTES: usize = 120;

/// One direction of a slow link.
#[derive(Default)]
pub(super) struct Slow {
    outbox: Outbox,
    is_sending: bool,
}

impl Network {
    pub(super) fn send(&mut self, link: LinkId, message: Arc<LinkMessage>, dropped: &mut Dropped) {
        let end = self.links[link];
        if end.state != State::Open {
            return;
        }
        let Some(message_time) = self.message_time else {
            return self.cross(link, end.latency, message);
        };
        let slow = self.slow.entry(link).or_default();
        let byte_count = byte_count(&message);
        let lost = slow.outbox.push(message, byte_count);
        dropped.floods += lost.floods;
        dropped.results += lost.results;
        if !slow.is_sending && !slow.outbox.is_empty() {
            slow.is_sending = true;
            self.queue.push(message_time, Event::Transmit(link));
        }
    }

    fn cross(&mut self, link: LinkId, latency: u32, message: Arc<LinkMessage>) {
        self.messages_sent += 1;
        self.messages_under_way += 1;
        self.queue.push(u64::from(latency), Event::Message { to: other(link), message });
    }

    /// A slow link takes the next message of those that wait.
    pub(super) fn transmit(&mut self, link: LinkId) -> Result<(), String> {
        let (Some(slow), Some(message_time)) = (self.slow.get_mut(&link), self.message_time) else {
            return Ok(());
        };
        watch::queue_is_bounded(slow.outbox.len())?;
        let message = slow.outbox.pop();
        slow.is_sending = message.is_some();
        let end = self.links[link];
        if let Some(message) = message
            && end.state == State::Open
        {
            self.queue.push(message_time, Event::Transmit(link));
            self.cross(link, end.latency, message);
        } else {
            self.slow.remove(&link);
        }
        Ok(())
    }
}

fn byte_count(message: &LinkMessage) -> usize {
    match message {
        LinkMessage::SearchResult(result) => MESSAGE_BYTES + FILE_BYTES * result.files.len(),
        _ => MESSAGE_BYTES,
    }
}
