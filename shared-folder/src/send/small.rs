//! Sending a small file: request, bytes and end in one go.

use super::{Destination, SendError, Sent, Source, await_written, request};
use crate::remote::{Session, Watch};
use wire::digest::Digest;
use wire::message::{ByteCount, End};

/// What is remembered until the answer comes.
#[derive(Debug)]
pub(super) struct Ticket {
    id: u64,
    sent: Sent,
}

/// Sends all of it; `buffer` is only kept from file to file.
pub(super) fn ask(
    session: &mut Session,
    source: &Source,
    destination: &Destination,
    buffer: &mut Vec<u8>,
) -> Result<Ticket, SendError> {
    // The file is read before it is announced, so that what is announced is there.
    buffer.resize(usize::try_from(source.byte_count).unwrap_or(0), 0);
    if source.read(0, buffer)? < buffer.len() || source.has_changed()? {
        return Err(SendError::Changed);
    }
    let (byte_count, digest) = (buffer.len() as u64, Digest::of(buffer));
    let id = session.ask(&request(Some(source), destination, false))?;
    let section_bytes = usize::try_from(session.section_bytes_max()).unwrap_or(1);
    for (index, section) in (0u64..).zip(buffer.chunks(section_bytes)) {
        let offset = index * section_bytes as u64;
        session.send(|sender| sender.section(id, offset, section))?;
    }
    let end = End { byte_count: ByteCount::new(byte_count), digest, file_digest: None };
    session.send(|sender| sender.queue(Some(id), &end))?;
    Ok(Ticket { id, sent: Sent { byte_count, digest, reused: 0 } })
}

/// Waits for the answer.
pub(super) fn answer(session: &mut Session, ticket: &Ticket, watch: &dyn Watch) -> Result<Sent, SendError> {
    await_written(session, ticket.id, ticket.sent, watch)
}
