//! Sending: local files to another end, each one safe there when this says so, continued where an earlier
//! transfer broke.
//!
//! A small file goes out with its request; a large one waits for `ready`, and of it only the pieces go out that
//! the other end does not have. Must not know who wants it.

mod rehearse;
mod many;
mod pipe;
mod large;
mod small;
mod source;
mod error;

pub use error::SendError;
pub use many::{SendOutcome, send_many};
pub use pipe::send_pipe;
pub use rehearse::{SendRehearsal, rehearse_sending};
pub use source::Source;

use crate::catalogue::Remembered;
use crate::remote::{Recovery, Remote, RemoteError, Session, Watch};
use std::path::PathBuf;
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::message::Reply;
use wire::message::reply::Written;
use wire::message::request::Write;
use wire::path::SharedPath;

/// Where a file goes, and on which terms.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Its path at the other end.
    pub path: SharedPath,
    /// Refuse to replace anything.
    pub new: bool,
    /// Replace only the file with this digest.
    pub if_digest: Option<Digest>,
}

/// A file to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The local file.
    pub source: PathBuf,
    /// Where it goes.
    pub destination: Destination,
    /// What the other end seems to have of it.
    pub likeness: Likeness,
}

/// What a listing of the other end lets expect of a file here: a hint where comparing is worth a hash, and nothing more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Likeness {
    /// Nothing.
    #[default]
    None,
    /// The same file has the name.
    SameName,
    /// The same file has another name.
    OtherName,
}

/// A file that is safe at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its length, in bytes.
    pub byte_count: u64,
    /// Its digest, of what was read here, now or when it was in the same state.
    pub digest: Digest,
    /// How many bytes of it did not have to be sent.
    pub reused: u64,
}

/// Sends one file of any size, again and again where the connection is lost, as long as `remote` has patience.
/// `repeated` says that it may have been sent already. What `digests` know of a large file is not hashed again.
///
/// # Errors
/// See [`SendError`]; the file at the other end is the old one, byte for byte, or, where only the answer was lost,
/// the new one.
pub fn send(
    remote: &mut Remote,
    outgoing: &Outgoing,
    repeated: bool,
    watch: &dyn Watch,
    digests: &Remembered,
) -> Result<Sent, SendError> {
    let retry = remote.retry();
    let mut attempts = Attempts { remote, outgoing, watch, digests, retry, reused_most: 0 };
    let mut repeated = repeated;
    loop {
        let error = match attempts.once() {
            Err(SendError::Remote(error)) => error,
            Err(SendError::Doubted { error, byte_count, digest }) if repeated => {
                return attempts.settle(error, byte_count, digest);
            }
            Err(SendError::Doubted { error, .. }) => return Err(error.into()),
            other => return other,
        };
        watch.retrying(&error);
        match attempts.retry.after(error)? {
            // What was to be replaced is another version: that is an answer, not a mishap.
            Recovery::Reconnect => repeated = true,
            Recovery::None | Recovery::Later | Recovery::StartOver => {}
        }
        watch.restarted();
    }
}

/// The attempts at one file.
struct Attempts<'a> {
    remote: &'a mut Remote,
    outgoing: &'a Outgoing,
    watch: &'a dyn Watch,
    digests: &'a Remembered,
    retry: crate::remote::Retry,
    /// The most bytes that did not have to be sent again.
    reused_most: u64,
}

impl Attempts<'_> {
    fn once(&mut self) -> Result<Sent, SendError> {
        let source = Source::open(&self.outgoing.source)?;
        let session = self.remote.session()?;
        if source.is_small_for(session) {
            let (bytes, mut buffer) = (source.byte_count, Vec::new());
            let ticket = small::ask(session, &source, &self.outgoing.destination, &mut buffer)?;
            self.watch.moved(bytes);
            return small::answer(session, &ticket, self.watch);
        }
        self.large(&source)
    }

    /// A repeated request was refused because of what the first one may have done: whether it did, the digest of
    /// what is there tells.
    fn settle(&mut self, refusal: RemoteError, byte_count: u64, digest: Digest) -> Result<Sent, SendError> {
        let found = self.remote.session()?.stat(Some(&self.outgoing.destination.path), true, self.watch)?;
        if found.digest != Some(digest) {
            return Err(refusal.into());
        }
        Ok(Sent { byte_count, digest, reused: 0 })
    }
}

/// The request for `source`; large ones want to hear of a base.
fn request(source: Option<&Source>, destination: &Destination, base_wanted: bool) -> Write {
    Write {
        path: destination.path.as_str().to_owned(),
        byte_count: source.map(|source| wire::message::ByteCount::new(source.byte_count)),
        modified: source.map(|source| source.modified),
        executable: source.map(|source| source.executable),
        digest: None,
        new: destination.new,
        if_digest: destination.if_digest,
        base_wanted,
    }
}

/// Waits for the answer to a WRITE whose end was sent.
fn await_written(session: &mut Session, id: u64, sent: Sent, watch: &dyn Watch) -> Result<Sent, SendError> {
    match session.reply(id, watch) {
        Ok(Reply::Written(Written { byte_count, digest })) => {
            if byte_count.get() == sent.byte_count && digest == sent.digest {
                return Ok(sent);
            }
            Err(session.violated("another file written than the one sent").into())
        }
        Ok(_) => Err(session.violated("an answer that is none to write").into()),
        Err(error) => Err(doubted(error, sent.byte_count, sent.digest)),
    }
}

/// A refusal that an earlier attempt of the same WRITE may have caused is marked so.
fn doubted(error: RemoteError, byte_count: u64, digest: Digest) -> SendError {
    match error.refusal() {
        Some(ErrorCode::Exists | ErrorCode::Changed) => SendError::Doubted { error, byte_count, digest },
        _ => SendError::Remote(error),
    }
}
