//! Operations written as bytes: what was said over a real link becomes an input of this target.

use super::RECORD_BYTES;
use wire::message::LinkMessage;

const RECEIVED: u8 = 0;
const OPENED: u8 = 10;
const SEARCH: u8 = 16;
const DISCOVER: u8 = 17;

/// A link that stands from now on, to a peer of the same number.
#[must_use]
pub fn stood(link: u8) -> Vec<u8> {
    record(&[OPENED, link, 5, link, link + 1, 6, link])
}

/// What this peer's user asked; `flood` is the number of its id.
#[must_use]
pub fn asked(message: &LinkMessage, flood: u8) -> Option<Vec<u8>> {
    match message {
        LinkMessage::Search(search) if search.hops == 0 => Some(record(&[SEARCH, flood, 2, search.ttl])),
        LinkMessage::Discover(discover) if discover.hops == 0 => {
            Some(record(&[DISCOVER, flood, discover.ttl]))
        }
        _ => None,
    }
}

/// A message that came over a link; `flood` is the number of its id.
#[must_use]
pub fn received(link: u8, message: &LinkMessage, flood: u8) -> Option<Vec<u8>> {
    let told = match message {
        LinkMessage::Search(search) => {
            // Words that find something, and no digest.
            vec![0, flood, search.ttl, search.hops, 2, 2, 1]
        }
        LinkMessage::Discover(discover) => vec![1, flood, discover.ttl, discover.hops],
        LinkMessage::SearchResult(result) => {
            let files = u8::try_from(result.files.len().div_ceil(2)).unwrap_or(u8::MAX);
            [&[2, flood, result.hops], place(result.address.is_some()), &[files]].concat()
        }
        LinkMessage::DiscoverResult(result) => {
            [&[3, flood, result.hops], place(result.address.is_some())].concat()
        }
        LinkMessage::Ping(_) => vec![4],
        LinkMessage::Refused(_) => return None,
    };
    Some(record(&[&[RECEIVED, link], &told[..]].concat()))
}

fn place(is_there: bool) -> &'static [u8] {
    if is_there { &[1, 5, 7] } else { &[0] }
}

/// Half a second after the one before.
fn record(what: &[u8]) -> Vec<u8> {
    let mut record = what.to_vec();
    record.resize(RECORD_BYTES - 2, 0);
    record.extend([5, 100]);
    record
}
