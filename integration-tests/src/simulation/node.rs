//! One simulated peer: what drives it, its files and its addresses. Must not know the network around it.

use core::cell::Cell;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use mactella_peer::overlay::{Action, Index, Input, Moment, Neighbour, Overlay, Own, PeerId, Wanted};
use shared_folder::words::Query;
use wire::key::PublicKey;
use wire::message::ByteCount;
use wire::message::link::FileResult;

/// Where every peer listens.
const PORT: u16 = 10_000;
/// The first part of a peer's address, and of the one that it advertises.
const SEEN: u8 = 10;
const ADVERTISED: u8 = 11;
/// Links at once, unless the shape wants more.
const LINKS_MAX: usize = 64;

/// Whatever plays a peer's part: the overlay, or something that only claims to be one.
pub trait Driver {
    /// As [`Overlay::handle`].
    fn handle(&mut self, now: Moment, input: Input, index: &dyn Index) -> Vec<Action>;

    /// As [`Overlay::next_moment`].
    fn next_moment(&self) -> Option<Moment> {
        None
    }
}

/// What drives a peer.
#[expect(clippy::large_enum_variant, reason = "nearly all are overlays: a box would only be one step more")]
pub(super) enum Inner {
    /// The real thing.
    Overlay(Overlay),
    /// Something that keeps, or claims to keep, the same rules.
    Claiming(Box<dyn Driver>),
    /// Something of which nothing is expected.
    Lying(Box<dyn Driver>),
}

/// One peer.
pub(super) struct Node {
    pub(super) inner: Inner,
    pub(super) id: PeerId,
    pub(super) files: Box<[FileResult]>,
    /// When it wants to be woken; nothing is expected before.
    pub(super) wakes: u64,
    pub(super) is_up: bool,
    /// Which part of a network that fell apart it is in.
    pub(super) part: u8,
}

impl Node {
    pub(super) fn new(number: u32, id: PeerId, links_max: usize) -> Self {
        let inner = Inner::Overlay(overlay(number, id, links_max));
        Self { inner, id, files: Box::default(), wakes: u64::MAX, is_up: true, part: 0 }
    }

    pub(super) fn handle(&mut self, now: Moment, input: Input) -> (Vec<Action>, u32) {
        let shelf = Shelf { files: &self.files, asked: Cell::new(0) };
        let actions = match &mut self.inner {
            Inner::Overlay(overlay) => overlay.handle(now, input, &shelf),
            Inner::Claiming(driver) | Inner::Lying(driver) => driver.handle(now, input, &shelf),
        };
        (actions, shelf.asked.get())
    }

    pub(super) fn next_moment(&self) -> Option<Moment> {
        match &self.inner {
            Inner::Overlay(overlay) => overlay.next_moment(),
            Inner::Claiming(driver) | Inner::Lying(driver) => driver.next_moment(),
        }
    }

    /// Reads something of what its next turn will read.
    pub(super) fn touch(&self) -> usize {
        self.overlay().map_or(0, |overlay| overlay.link_count() + overlay.remembered_count())
    }

    pub(super) fn is_honest(&self) -> bool {
        !matches!(self.inner, Inner::Lying(_))
    }

    pub(super) fn overlay(&self) -> Option<&Overlay> {
        match &self.inner {
            Inner::Overlay(overlay) => Some(overlay),
            Inner::Claiming(_) | Inner::Lying(_) => None,
        }
    }

    /// What its neighbours learn of it; a liar says that it is somebody else.
    pub(super) fn neighbour(&self, number: u32) -> Neighbour {
        let advertised = if self.is_honest() { number } else { 0 };
        let advertise = (advertises(number) || !self.is_honest()).then(|| advertised_address(advertised));
        Neighbour { peer: self.id, key: key_of(number), address: address(number), advertise }
    }
}

/// The overlay of that peer.
pub(super) fn overlay(number: u32, id: PeerId, links_max: usize) -> Overlay {
    let seed = u64::from(number) + 1;
    let mut addresses = vec![address(number)];
    addresses.extend(advertises(number).then(|| advertised_address(number)));
    addresses.shrink_to_fit();
    Overlay::new(Own { peer: id, addresses, links_max: links_max.max(LINKS_MAX), seed })
}

/// What every third peer has proven to its neighbours; the others speak plain text.
pub(super) fn key_of(number: u32) -> Option<PublicKey> {
    let [a, b, c, d] = number.to_be_bytes();
    number.is_multiple_of(3).then(|| PublicKey(std::array::from_fn(|place| [a, b, c, d][place % 4])))
}

fn advertises(number: u32) -> bool {
    number % 8 == 1
}

/// Where that peer is dialled.
pub(super) fn address(number: u32) -> SocketAddr {
    with_first_part(SEEN, number)
}

fn advertised_address(number: u32) -> SocketAddr {
    with_first_part(ADVERTISED, number)
}

/// Who is reached at an address, whoever listens there.
pub(super) fn number_at(address: SocketAddr) -> Option<u32> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    let [first, a, b, c] = ip.octets();
    let is_ours = (first == SEEN || first == ADVERTISED) && address.port() == PORT;
    is_ours.then(|| u32::from_be_bytes([0, a, b, c]))
}

fn with_first_part(first: u8, number: u32) -> SocketAddr {
    let [_, a, b, c] = number.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(first, a, b, c)), PORT)
}

/// A file of that name, whose length does not matter.
pub(super) fn file(path: &str) -> FileResult {
    FileResult { path: path.to_owned(), byte_count: ByteCount::new(1), digest: None, partial: false }
}

/// A peer's files, which count how often they are looked through.
struct Shelf<'a> {
    files: &'a [FileResult],
    asked: Cell<u32>,
}

impl Index for Shelf<'_> {
    fn find(&self, wanted: &Wanted, max: usize) -> Vec<FileResult> {
        self.asked.set(self.asked.get() + 1);
        if self.files.is_empty() {
            return Vec::new();
        }
        match wanted {
            Wanted::Words(text) => {
                let Some(query) = Query::new(text) else { return Vec::new() };
                self.files.iter().filter(|file| query.matches(&file.path)).take(max).cloned().collect()
            }
            Wanted::Digest(digest) => {
                let same = self.files.iter().filter(|file| file.digest.as_ref() == Some(digest));
                same.take(max).cloned().collect()
            }
        }
    }
}
