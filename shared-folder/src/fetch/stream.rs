//! Fetching into something that cannot be verified before it is used, such as a pipe: bytes go out as they come.

use super::payload::{Due, Span, receive, receive_parts};
use super::whole::{ask_whole, await_reading, await_whole, check_whole};
use super::{FetchError, Fetched, changed};
use crate::hashing::BUFFER_BYTES;
use crate::remote::{Remote, Retry, Watch};
use std::io;
use wire::connection::SectionBytes;
use wire::digest::{Digest, PieceHasher};
use wire::message::request::Read;
use wire::path::SharedPath;

/// Fetches one file in order. A lost connection is made again and the file continued, if it is still the same.
///
/// # Errors
/// See [`FetchError`]; what went out cannot be taken back, so `WrongDigest` may come after all of it.
pub fn fetch_to(
    remote: &mut Remote,
    source: &SharedPath,
    output: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    watch: &dyn Watch,
) -> Result<Fetched, FetchError> {
    let retry = remote.retry();
    let flow = Flow { hasher: PieceHasher::default(), output, buffer: vec![0; BUFFER_BYTES] };
    let mut stream = Stream { remote, source, watch, retry, flow };
    let mut furthest = 0;
    loop {
        let error = match stream.once() {
            Ok((byte_count, digest)) => return stream.finish(byte_count, digest),
            Err(FetchError::Remote(error)) => error,
            Err(own) => return Err(own),
        };
        watch.retrying(&error);
        if stream.flow.hasher.byte_count() > furthest {
            furthest = stream.flow.hasher.byte_count();
            stream.retry.advanced();
        }
        stream.retry.after(error)?;
    }
}

struct Stream<'a> {
    remote: &'a mut Remote,
    source: &'a SharedPath,
    watch: &'a dyn Watch,
    retry: Retry,
    flow: Flow<'a>,
}

/// What has gone out, and where to.
struct Flow<'a> {
    hasher: PieceHasher,
    output: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    buffer: Vec<u8>,
}

impl Stream<'_> {
    /// Gives the length and the digest that the whole has to have.
    fn once(&mut self) -> Result<(u64, Digest), FetchError> {
        if self.flow.hasher.byte_count() > 0 { self.rest() } else { self.whole() }
    }

    fn whole(&mut self) -> Result<(u64, Digest), FetchError> {
        let session = self.remote.session()?;
        let id = ask_whole(session, self.source, None)?;
        let (reading, due) = await_whole(session, id, self.source, self.watch)?;
        let byte_count = reading.byte_count.get();
        let flow = &mut self.flow;
        let mut sink = |_: u64, bytes: &mut SectionBytes<'_>| flow.take(bytes);
        let end = receive(session, id, due, &mut sink, (self.watch, &mut self.retry))?;
        check_whole(&reading, &end, None)?;
        Ok((byte_count, end.digest))
    }

    /// Continues behind what has gone out, of the version that the file has now; if that is another one, the
    /// digest of the whole will tell.
    fn rest(&mut self) -> Result<(u64, Digest), FetchError> {
        let session = self.remote.session()?;
        let found = session.stat(Some(self.source), true, self.watch)?;
        let (start, end) = (self.flow.hasher.byte_count(), found.entry.byte_count.get());
        let version = found.digest.filter(|_| start <= end).ok_or_else(changed)?;
        if start == end {
            return Ok((end, version));
        }
        let span = Span { start, end };
        let path = Some(self.source.as_str().to_owned());
        let ranges = Some(vec![span.to_range()]);
        // The whole is hashed as it goes out.
        let (if_digest, unhashed) = (Some(version), true);
        let id = session.ask(&Read { path, ranges, if_digest, unhashed, digest: None })?;
        let reading = await_reading(session, id, Some(self.source), self.watch)?;
        if reading.byte_count.get() != span.byte_count() {
            return Err(session.violated("other ranges than those asked for").into());
        }
        let flow = &mut self.flow;
        let mut sink = |_: u64, bytes: &mut SectionBytes<'_>| flow.take(bytes);
        let due = Due::new(vec![span]);
        receive_parts(session, id, (version, due), &mut sink, (self.watch, &mut self.retry))?;
        Ok((end, version))
    }

    fn finish(self, byte_count: u64, digest: Digest) -> Result<Fetched, FetchError> {
        let received = self.flow.hasher.byte_count();
        let (actual, _) = self.flow.hasher.finish();
        if received != byte_count || actual != digest {
            return Err(FetchError::WrongDigest { actual });
        }
        Ok(Fetched { byte_count, digest, reused: 0 })
    }
}

impl Flow<'_> {
    fn take(&mut self, bytes: &mut SectionBytes<'_>) -> Result<(), FetchError> {
        while bytes.left() > 0 {
            let wanted = usize::try_from(bytes.left()).unwrap_or(usize::MAX).min(self.buffer.len());
            let target = self.buffer.get_mut(..wanted).unwrap_or_default();
            bytes.read_exact(target).map_err(|error| FetchError::Remote(error.into()))?;
            self.hasher.update(target);
            (self.output)(target).map_err(FetchError::Output)?;
        }
        Ok(())
    }
}
