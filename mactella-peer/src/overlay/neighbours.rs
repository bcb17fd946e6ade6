//! Links that open and close: at most one to each peer, none to oneself, no more than there is room for.
//!
//! Two peers that dial each other at the same time keep the link that the one with the smaller id dialled: both
//! ends come to that by themselves, in whatever order they see the two. Of several links that one end dialled,
//! the other end keeps the first. Whoever has proven its key comes before whoever only says that it is that peer.

use super::book::is_dialable;
use super::budget::Rate;
use super::link::Link;
use super::{Action, CloseReason, LinkId, Moment, Neighbour, Overlay, Turn};
use core::net::SocketAddr;
use wire::error_code::ErrorCode;

/// Looks whether neighbours answer where they say: whoever opens links only to have others dialled gets no further.
pub(super) const VERIFICATIONS: Rate = Rate::new(32, 2);

/// A link that stands, where another one to the same peer opens.
struct Rival {
    link: LinkId,
    /// Whether we dialled it.
    is_ours: bool,
    /// Whether its end, and the end of the new one, have proven who they are.
    proves: (bool, bool),
}

impl Rival {
    /// Whether it stays; `among_equals` if both have shown as much of themselves.
    fn stays(&self, among_equals: bool) -> bool {
        match self.proves {
            (true, false) => true,
            (false, true) => false,
            _ => among_equals,
        }
    }
}

impl Overlay {
    pub(super) fn hello(&mut self, turn: &mut Turn<'_>, link: LinkId, neighbour: Neighbour) {
        let refuse = |code, message| Action::Refuse { link, code, message };
        if neighbour.peer == self.own {
            return turn.actions.push(refuse(ErrorCode::NotAllowed, "this is the very peer that dials"));
        }
        match self.rival_of(neighbour) {
            Some(rival) if rival.stays(!rival.is_ours || self.own < neighbour.peer) => {
                return turn.actions.push(refuse(ErrorCode::Exists, "there is a link between us already"));
            }
            Some(rival) => self.close(turn, rival.link),
            None if self.links.len() >= self.links_max => {
                return turn.actions.push(refuse(ErrorCode::Busy, "as many neighbours as there is room for"));
            }
            None => {}
        }
        turn.actions.push(Action::Welcome { link });
        self.stands(turn, link, neighbour, false);
    }

    pub(super) fn opened(&mut self, turn: &mut Turn<'_>, link: LinkId, name: &str, neighbour: Neighbour) {
        if neighbour.peer == self.own {
            self.book.is_ourselves(name);
            return turn.actions.push(Action::Close { link, reason: CloseReason::Itself });
        }
        self.book.reached(name, neighbour, turn.now);
        match self.rival_of(neighbour) {
            Some(rival) if rival.stays(rival.is_ours || neighbour.peer < self.own) => {
                return turn.actions.push(Action::Close { link, reason: CloseReason::Double });
            }
            Some(rival) => self.close(turn, rival.link),
            None if self.links.len() >= self.links_max => {
                self.book.dial_failed(name, turn.now);
                return turn.actions.push(Action::Close { link, reason: CloseReason::Full });
            }
            None => {}
        }
        self.stands(turn, link, neighbour, true);
    }

    pub(super) fn closed(&mut self, now: Moment, link: LinkId) {
        if let Some(place) = self.place(link) {
            let lost = self.links.remove(place);
            self.book.lost(lost.peer, now);
        }
    }

    pub(super) fn verified(&mut self, link: LinkId, address: SocketAddr) {
        if let Some(held) = self.place(link).and_then(|place| self.links.get_mut(place)) {
            held.address = address;
        }
    }

    fn stands(&mut self, turn: &mut Turn<'_>, link: LinkId, neighbour: Neighbour, is_dialled_by_us: bool) {
        self.link_number += 1;
        // Links are few and come seldom: no room is kept for more, of which a large simulation would need much.
        self.links.reserve_exact(1);
        let mut held = Link::new(link, self.link_number, neighbour, turn.now);
        held.is_dialled_by_us = is_dialled_by_us;
        self.links.push(held);
        self.book.gained();
        self.book.met(neighbour);
        let elsewhere = |address: &SocketAddr| *address != neighbour.address && is_dialable(*address);
        if let Some(address) = neighbour.advertise.filter(elsewhere)
            && self.verifications.take(turn.now, VERIFICATIONS)
        {
            turn.actions.push(Action::Verify { link, peer: neighbour.peer, address });
        }
    }

    /// The link that stands to that peer already.
    fn rival_of(&self, neighbour: Neighbour) -> Option<Rival> {
        let held = self.links.iter().find(|link| link.peer == neighbour.peer)?;
        let proves = (held.key.is_some(), neighbour.key.is_some());
        Some(Rival { link: held.id, is_ours: held.is_dialled_by_us, proves })
    }

    fn close(&mut self, turn: &mut Turn<'_>, link: LinkId) {
        self.links.retain(|held| held.id != link);
        turn.actions.push(Action::Close { link, reason: CloseReason::Double });
    }
}
