//! What goes into the overlay and what comes out. Must not know what is done about either.

use super::outbox::Dropped;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::key::PublicKey;
use wire::message::link::FileResult;
use wire::message::{FloodId, LinkMessage};

/// A point in time, in milliseconds since any fixed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// So much later.
    #[must_use]
    pub fn after(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Milliseconds since an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One link, named by whoever drives the overlay; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// One peer, named by its process id, or by the beginning of the key that it has proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u128);

impl PeerId {
    /// Whoever has proven that key: its first 128 bits, which nobody can have twice but by breaking the key.
    #[must_use]
    pub fn of(key: PublicKey) -> Self {
        Self(key.0.iter().take(16).fold(0, |id, byte| id << 8 | u128::from(*byte)))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// What a neighbour says of itself when a link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Its id.
    pub peer: PeerId,
    /// The key that it has proven to have; none in plain text.
    pub key: Option<PublicKey>,
    /// Where it can be reached: the number that we see with the port of its `hello`, or where we dialled it.
    pub address: SocketAddr,
    /// Where it says that it can be reached.
    pub advertise: Option<SocketAddr>,
}

/// What a search looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Files with all these words in their path.
    Words(String),
    /// The file with this content.
    Digest(Digest),
}

/// This peer's own files.
pub trait Index {
    /// At most `max` files that match.
    fn find(&self, wanted: &Wanted, max: usize) -> Vec<FileResult>;
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// Somebody dialled us and said `hello`: answered by [`Action::Welcome`] or [`Action::Refuse`].
    Hello {
        /// The new link.
        link: LinkId,
        /// Who it is.
        neighbour: Neighbour,
    },
    /// A link that we dialled is open.
    Opened {
        /// The new link.
        link: LinkId,
        /// The name that [`Action::Dial`] had.
        name: Arc<str>,
        /// Who it is, and the address behind the name.
        neighbour: Neighbour,
    },
    /// A link is gone; not wanted for one that [`Action::Close`] ended.
    Closed {
        /// Which.
        link: LinkId,
    },
    /// Nobody was reached under that name, or whoever is there refused.
    DialFailed {
        /// The name that [`Action::Dial`] had.
        name: Arc<str>,
    },
    /// The neighbour was reached where it says that it can be.
    Verified {
        /// Its link.
        link: LinkId,
        /// Where.
        address: SocketAddr,
    },
    /// A message arrived.
    Received {
        /// Over which link.
        link: LinkId,
        /// What it says.
        message: LinkMessage,
    },
    /// A link's queue was full: these messages were not sent.
    Dropped {
        /// How many of which sort.
        dropped: Dropped,
    },
    /// This peer's user searches.
    Search {
        /// A new random id.
        id: FloodId,
        /// For what.
        wanted: Wanted,
        /// How many links far.
        ttl: u8,
    },
    /// This peer's user discovers.
    Discover {
        /// A new random id.
        id: FloodId,
        /// How many links far.
        ttl: u8,
    },
    /// A user names a peer: it is dialled now, and again whenever no link to it stands.
    Know {
        /// How it is dialled.
        name: Arc<str>,
        /// The address behind the name, where the name has one.
        address: Option<SocketAddr>,
        /// The key that must answer there, where the name has one.
        key: Option<PublicKey>,
    },
    /// An address that was learned in an earlier run.
    Learn {
        /// Where.
        address: SocketAddr,
        /// Whether somebody was reached there.
        reached: bool,
    },
    /// Somebody waits for links: known peers are dialled now, whatever their back-off.
    Hurry,
    /// Learned addresses are to be forgotten.
    Reset,
    /// Time has passed.
    Time,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Answer a `hello` with `welcome`: the link stands.
    Welcome {
        /// Which.
        link: LinkId,
    },
    /// Answer a `hello` with a refusal and close.
    Refuse {
        /// Which.
        link: LinkId,
        /// Why.
        code: ErrorCode,
        /// The same for a person.
        message: &'static str,
    },
    /// Send a message.
    Send {
        /// Over which link.
        link: LinkId,
        /// What.
        message: Arc<LinkMessage>,
    },
    /// Close a link; no [`Input::Closed`] is wanted for it.
    Close {
        /// Which.
        link: LinkId,
        /// Why.
        reason: CloseReason,
    },
    /// Dial a peer and open a link: answered by [`Input::Opened`] or [`Input::DialFailed`].
    Dial {
        /// Where, as it was known or learned.
        name: Arc<str>,
    },
    /// Look whether that neighbour answers there; answered by [`Input::Verified`] if it does.
    Verify {
        /// Its link.
        link: LinkId,
        /// Who must answer.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
    /// Files were found by this peer's own search.
    Found {
        /// The search.
        id: FloodId,
        /// Where they can be had.
        address: SocketAddr,
        /// Whose key answers there, as the result tells.
        key: Option<PublicKey>,
        /// Links between here and there, as the result tells.
        hops: u8,
        /// The files.
        files: Vec<FileResult>,
    },
    /// A peer was found by this peer's own discover.
    Discovered {
        /// The discover.
        id: FloodId,
        /// Where it can be reached.
        address: SocketAddr,
        /// Whose key answers there, as the result tells.
        key: Option<PublicKey>,
        /// Links between here and there, as the result tells.
        hops: u8,
        /// Whether it is new in the list.
        added: bool,
    },
}

/// Why a link that stood, or was about to, is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// This peer reached itself.
    Itself,
    /// Another link to the same peer stands.
    Double,
    /// As many links stand as there is room for.
    Full,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Itself => "this peer reached itself",
            Self::Double => "another link to the same peer stands",
            Self::Full => "as many links stand as there is room for",
        })
    }
}
