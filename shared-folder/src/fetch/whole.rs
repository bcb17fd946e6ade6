//! Reading a file as a whole: what is done where nothing of it is here yet.

use super::payload::{Due, receive, refuse};
use super::{Attempts, Fetch, FetchError, Fetched, Open, landing_of, remember};
use crate::folder::{Folder, Nearby};
use crate::incoming::{Incoming, Landing};
use crate::remote::{RemoteError, Retry, Session, Watch};
use wire::connection::SectionBytes;
use wire::digest::Digest;
use wire::limits::PIECE_BYTES;
use wire::message::reply::Reading;
use wire::message::request::Read;
use wire::message::{End, Reply};
use wire::path::SharedPath;

impl Attempts<'_> {
    /// Reads the whole file; of a large one, a lost connection leaves open what has arrived.
    pub(super) fn whole(&mut self) -> Result<Fetched, FetchError> {
        let session = self.remote.session()?;
        let (terms, source) = (self.fetch.terms, &self.fetch.source);
        let id = ask_whole(session, source, terms.version)?;
        let (reading, due) = await_whole(session, id, source, self.watch)?;
        let landing = landing_of(&reading.entry, terms);
        let begun = check_version(&reading, terms.version)
            .and_then(|()| Ok(Incoming::begin(self.folder, &self.fetch.target, landing)?));
        let mut incoming = match begun {
            Ok(incoming) => incoming,
            Err(error) => return Err(refuse(session, id, due, error, &mut self.retry)),
        };
        let (spans, due_bytes) = (due.spans().to_vec(), due.left());
        self.fetch.entry = reading.entry.clone();
        let mut sink = |offset: u64, bytes: &mut SectionBytes<'_>| Ok(incoming.section(offset, bytes)?);
        match receive(session, id, due, &mut sink, (self.watch, &mut self.retry)) {
            Ok(end) => {
                check_whole(&reading, &end, terms.version)?;
                let landed = incoming.finish(reading.byte_count.get(), Some(end.digest))?;
                remember(&landed, self.digests);
                Ok(landed.into())
            }
            Err(error) if due_bytes > PIECE_BYTES && incoming.position() > 0 => {
                let version = terms.version.or(reading.file_digest);
                let open = Open { incoming, version, spans, kept: 0 };
                Err(self.keep_open(open, error))
            }
            Err(error) => Err(error),
        }
    }
}

/// Sends the request, for one version alone where it is named.
pub(super) fn ask_whole(
    session: &mut Session,
    source: &SharedPath,
    if_digest: Option<Digest>,
) -> Result<u64, RemoteError> {
    session.ask(&Read { path: Some(source.as_str().to_owned()), if_digest, ..Read::default() })
}

/// Takes the answer for one of many small files: it lands when its digest is that of what arrived.
pub(super) fn receive_whole(
    session: &mut Session,
    id: u64,
    fetch: &Fetch,
    (folder, nearby): (&Folder, &mut Nearby),
    (watch, retry): (&dyn Watch, &mut Retry),
) -> Result<Fetched, FetchError> {
    let (reading, due) = await_whole(session, id, &fetch.source, watch)?;
    let now = nearby.at(session.connection.receiver.arrivals());
    let byte_count = reading.byte_count.get();
    let landing =
        Landing { is_thought_free: fetch.is_target_free, ..landing_of(&reading.entry, fetch.terms) };
    let begun = check_version(&reading, fetch.terms.version)
        .and_then(|()| Ok(Incoming::begin_near(folder, &fetch.target, landing, now)?));
    let mut incoming = match begun {
        Ok(incoming) => incoming,
        Err(error) => return Err(refuse(session, id, due, error, retry)),
    };
    let mut sink = |offset: u64, bytes: &mut SectionBytes<'_>| Ok(incoming.section(offset, bytes)?);
    let end = receive(session, id, due, &mut sink, (watch, retry))?;
    check_whole(&reading, &end, fetch.terms.version)?;
    let now = nearby.at(session.connection.receiver.arrivals());
    Ok(incoming.finish_near(byte_count, Some(end.digest), now)?.into())
}

/// Whoever was asked for one version must not begin with another.
fn check_version(reading: &Reading, version: Option<Digest>) -> Result<(), FetchError> {
    match (reading.file_digest, version) {
        (Some(actual), Some(version)) if actual != version => Err(FetchError::OtherVersion { actual }),
        _ => Ok(()),
    }
}

/// The digests that are told beside must be the same, and the one that is wanted.
pub(super) fn check_whole(reading: &Reading, end: &End, version: Option<Digest>) -> Result<(), FetchError> {
    let others = [reading.file_digest, end.file_digest, version];
    if others.into_iter().flatten().any(|other| other != end.digest) {
        return Err(FetchError::WrongDigest { actual: end.digest });
    }
    Ok(())
}

/// Waits for the start of the answer to [`ask_whole`], and gives what is due then.
pub(super) fn await_whole(
    session: &mut Session,
    id: u64,
    source: &SharedPath,
    watch: &dyn Watch,
) -> Result<(Reading, Due), FetchError> {
    let reading = await_reading(session, id, Some(source), watch)?;
    let byte_count = reading.byte_count.get();
    if reading.ranges.is_some() || byte_count != reading.entry.byte_count.get() {
        return Err(session.violated("a part of a file where the whole was asked for").into());
    }
    Ok((reading, Due::whole(byte_count)))
}

/// Waits for the start of a READ's answer, which must be about that file, where it was asked for by its path.
pub(super) fn await_reading(
    session: &mut Session,
    id: u64,
    source: Option<&SharedPath>,
    watch: &dyn Watch,
) -> Result<Reading, FetchError> {
    match session.reply(id, watch)? {
        Reply::Reading(reading) if source.is_none_or(|source| reading.entry.path == source.as_str()) => {
            Ok(reading)
        }
        Reply::Reading(_) => Err(session.violated("another file than the one asked for").into()),
        _ => Err(session.violated("an answer that is none to read").into()),
    }
}
