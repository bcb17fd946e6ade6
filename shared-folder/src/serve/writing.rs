//! WRITE: admitted before the payload where it is large, then handed on to its group, where it lands.

use super::group::{Attentive, Ends, Waiting};
use super::permission::MayWrite;
use super::pulse::{Pulse, while_working};
use super::refusal::{End as SessionEnd, Refusal, Stop};
use super::session::Session;
use super::share::Share;
use super::uploads::Registered;
use crate::access::Right;
use crate::folder::{FolderError, Identity};
use crate::incoming::{Arrived, Incoming, Landing, LandingError};
use std::fs::File;
use std::sync::Arc;
use wire::codec::Decoded;
use wire::connection::{Connection, Half, ReceiveError};
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::limits::{DISCARD_BYTES_MAX, PIECE_BYTES, SECTION_BYTES_MAX, SMALL_WRITE_BYTES_MAX};
use wire::message::payload::{Abort, End, Upload};
use wire::message::reply::{Base, Ready};
use wire::message::request::Write;
use wire::message::{ByteCount, Request, Section};
use wire::path::SharedPath;

/// A WRITE that was admitted.
struct Admitted<'a> {
    path: SharedPath,
    incoming: Incoming<'a>,
    // Declared after the landing: its lock is gone when the next upload is let in.
    registered: Option<Registered<'a>>,
}

/// What closes an upload.
enum Closing {
    End(End),
    Abort(Abort),
}

impl<'a> Session<'a> {
    /// Receives a file, up to where it only has to land.
    pub(super) fn write(&mut self, id: u64, write: &Write) -> Result<Waiting<'a>, Stop> {
        let admitted = match self.admit(id, write) {
            Ok(admitted) => admitted,
            Err(Stop::Refuse(refusal)) => return Err(self.refuse_write(id, refusal)),
            Err(other) => return Err(other),
        };
        let Admitted { path, mut incoming, registered } = admitted;
        if is_large(write)
            && let Err(stop) = self.say_ready(id, &mut incoming)
        {
            return Err(self.give_up(id, incoming, stop));
        }
        match self.receive(id, &mut incoming) {
            Ok(Closing::End(end)) => {
                // A long upload is no way to keep rights.
                if self.judge_anew()
                    && let Err(refusal) = self.check_write(&path, write)
                {
                    incoming.discard();
                    return Err(refusal.into());
                }
                let arrived = self.arrived(id, write, incoming, &end)?;
                Ok(Waiting { id, path, arrived, registered })
            }
            Ok(Closing::Abort(abort)) => {
                Err(Stop::Refuse(Refusal { code: abort.code, message: abort.message.into() }))
            }
            Err(stop) => Err(self.give_up(id, incoming, stop)),
        }
    }

    /// Says no, and reads on until the writer closes its upload. Gives how it ended.
    pub(super) fn refuse_write(&mut self, id: u64, refusal: Refusal) -> Stop {
        let Refusal { code, message } = refusal;
        let refused = self.refuse(id, code, &message).map_err(Stop::End);
        let heard_out = refused.and_then(|()| {
            self.connection.sender.flush()?;
            self.discard(id)
        });
        // The log still tells how it ended; the other end has had its answer.
        heard_out.err().unwrap_or(Stop::Told(code))
    }

    fn admit(&mut self, id: u64, write: &Write) -> Result<Admitted<'a>, Stop> {
        let share = &self.host.share;
        share.check_changes_allowed()?;
        let path = Share::path(&write.path)?;
        let may = self.check_write(&path, write)?;
        share.check_file(&path)?;
        let byte_count = write.byte_count.map(ByteCount::get);
        if share.rules.file_bytes_max.is_some_and(|max| byte_count.is_some_and(|count| count > max)) {
            return Err(too_large().into());
        }
        let replaces = match write.if_digest {
            Some(digest) => Some(self.identity_with(id, &path, digest)?),
            None if may == MayWrite::Replace => Some(self.identity_there(&path)?),
            None => None,
        };
        let resumable =
            self.may_have_base(write, &path) && byte_count.is_some_and(|count| count > PIECE_BYTES);
        let landing = Landing {
            byte_count,
            modified: write.modified,
            executable: write.executable,
            new: write.new || may == MayWrite::Create,
            replaces,
            is_thought_free: false,
            spares_links: false,
            resumable,
            stand_in: write.digest.filter(|_| resumable).and_then(|digest| self.stand_in(digest, byte_count)),
            synced: true,
            identified: true,
            probe: share.probe.clone(),
        };
        let (incoming, registered) = self.begin(&path, landing)?;
        Ok(Admitted { path, incoming, registered })
    }

    /// Opens the landing. What waits lands before, where it has the same name, so that this one meets it; and wherever
    /// this one is refused: what waits may be what it wants, or hold the descriptors and the space that it needs.
    fn begin(
        &mut self,
        path: &SharedPath,
        landing: Landing,
    ) -> Result<(Incoming<'a>, Option<Registered<'a>>), Stop> {
        let begun = self.begin_now(path, landing.clone());
        let meets_a_waiting_one = match &begun {
            Ok((incoming, _)) => self.group.has_target_of(incoming),
            Err(_) => !self.group.is_empty(),
        };
        if !meets_a_waiting_one {
            return Ok(begun?);
        }
        drop(begun);
        self.land_group().map_err(Stop::End)?;
        Ok(self.begin_now(path, landing)?)
    }

    /// Where this process's own older upload holds the partial, ends that one first.
    fn begin_now(
        &mut self,
        path: &SharedPath,
        landing: Landing,
    ) -> Result<(Incoming<'a>, Option<Registered<'a>>), LandingError> {
        let (share, folder) = (&self.host.share, self.folder());
        let resumable = landing.resumable;
        let nearby = self.nearby.at(self.connection.receiver.arrivals());
        let incoming = match Incoming::begin_near(folder, path, landing.clone(), nearby) {
            Err(LandingError::Busy) if share.uploads.end_older(path, &self.maker) => {
                Incoming::begin(folder, path, landing)?
            }
            other => other?,
        };
        let register = || share.uploads.register(path, &self.maker, self.closer.clone());
        Ok((incoming, resumable.then(register)))
    }

    /// The state of the file that has this digest now; landing later replaces only that state.
    fn identity_with(&mut self, id: u64, path: &SharedPath, digest: Digest) -> Result<Identity, Stop> {
        let other =
            || Refusal::new(ErrorCode::Changed, "the file is not the version that was to be replaced");
        let opened = match self.folder().open_file(path) {
            Err(FolderError::NotFound) => return Err(other().into()),
            opened => opened.map_err(Refusal::of_change)?,
        };
        let hashed = self.hash(id, &opened, path)?;
        if hashed.digest == digest { Ok(opened.status.identity) } else { Err(other().into()) }
    }

    /// The state of the file that has the name now, for whoever may take no free one: landing replaces only that state.
    fn identity_there(&mut self, path: &SharedPath) -> Result<Identity, Stop> {
        self.land_group().map_err(Stop::End)?;
        match self.folder().status(path) {
            Err(FolderError::NotFound) => {
                Err(Refusal::new(ErrorCode::NotAllowed, "you have no right to make a new file there").into())
            }
            status => Ok(status.map_err(Refusal::of_change)?.identity),
        }
    }

    /// What is there already is offered only to whoever may read it.
    fn may_have_base(&self, write: &Write, path: &SharedPath) -> bool {
        write.base_wanted && self.permit.allows(Right::Read, Some(path))
    }

    /// A file that was seen to have that content, where this guest may read it. Whether it still has it need not be known: its pieces
    /// are hashed before they are offered, and the whole before it lands.
    fn stand_in(&self, digest: Digest, byte_count: Option<u64>) -> Option<Arc<File>> {
        let paths = self.host.share.catalogue.paths_of(digest);
        let opened = paths.iter().filter_map(|path| self.open(path).ok());
        let found = opened.into_iter().find(|opened| Some(opened.status.byte_count) == byte_count)?;
        Some(Arc::new(found.file))
    }

    fn say_ready(&mut self, id: u64, incoming: &mut Incoming<'_>) -> Result<(), Stop> {
        let (mut pulse, mut lost) = (Pulse::new(id, &self.host.share), None);
        let sender = &mut self.connection.sender;
        let values = incoming.base(&mut |done, of| {
            lost = pulse.beat(sender, done, of).err();
            lost.is_none()
        });
        let values = match lost {
            Some(stop) => return Err(stop),
            None => values?,
        };
        let byte_count = ByteCount::new(incoming.base_bytes());
        let piece_count = ByteCount::new(values.len() as u64);
        let base = (!values.is_empty()).then_some(Base { byte_count, piece_count });
        self.connection.sender.queue(Some(id), &Ready { base })?;
        if base.is_some() {
            self.send_bytes(id, values.as_flattened())?;
        }
        Ok(self.connection.sender.flush()?)
    }

    /// Receives sections until the upload is closed.
    fn receive(&mut self, id: u64, incoming: &mut Incoming<'_>) -> Result<Closing, Stop> {
        let max = self.host.share.rules.file_bytes_max.unwrap_or(u64::MAX);
        loop {
            match self.upload_message(id)? {
                Upload::Section(Section { offset, byte_count }) => {
                    let (offset, byte_count) = (offset.get(), byte_count.get());
                    let mut bytes = self.section(byte_count);
                    if offset.saturating_add(byte_count) > max {
                        return Err(too_large().into());
                    }
                    incoming.section(offset, &mut bytes)?;
                    self.count_bytes(byte_count);
                }
                Upload::End(end) => return Ok(Closing::End(end)),
                Upload::Abort(abort) => return Ok(Closing::Abort(abort)),
            }
        }
    }

    /// Verifying a large file may wait for its hash, or take the rest from a base: `working` is said meanwhile.
    fn arrived(
        &mut self,
        id: u64,
        write: &Write,
        incoming: Incoming<'a>,
        end: &End,
    ) -> Result<Arrived<'a>, Stop> {
        if write.digest.is_some_and(|announced| announced != end.digest) {
            return Err(Refusal::new(ErrorCode::DigestMismatch, "the digest is not the one announced").into());
        }
        let (byte_count, digest) = (end.byte_count.get(), Some(end.digest));
        if byte_count <= SMALL_WRITE_BYTES_MAX {
            return Ok(incoming.arrived(byte_count, digest)?);
        }
        let (pulse, mut incoming) = (Pulse::new(id, &self.host.share), Some(incoming));
        let mut verify = || match incoming.take() {
            Some(incoming) => incoming.arrived(byte_count, digest),
            None => Err(LandingError::HashLost),
        };
        Ok(while_working(pulse, &mut self.connection.sender, byte_count, &mut verify)?)
    }

    fn section(&mut self, byte_count: u64) -> Attentive<'_, 'a> {
        let Connection { sender, receiver, .. } = &mut self.connection;
        let ends = Ends { sender, host: self.host, slot: self.slot };
        Attentive { bytes: receiver.section(byte_count), group: &mut self.group, ends }
    }

    /// Ends an upload that broke in the middle: what is worth keeping is kept, and a writer that is still there is
    /// told and heard out.
    fn give_up(&mut self, id: u64, incoming: Incoming<'_>, stop: Stop) -> Stop {
        match stop {
            Stop::Refuse(refusal) => {
                incoming.discard();
                self.refuse_write(id, refusal)
            }
            other => other,
        }
    }

    /// Throws away what a refused writer still sends, up to a bound.
    fn discard(&mut self, id: u64) -> Result<(), Stop> {
        let mut left = DISCARD_BYTES_MAX;
        loop {
            match self.upload_message(id)? {
                Upload::Section(section) => {
                    let byte_count = section.byte_count.get();
                    self.connection.receiver.section(byte_count);
                    if byte_count > left {
                        return Err(Stop::End(SessionEnd::TooMuch));
                    }
                    left -= byte_count;
                }
                Upload::End(_) | Upload::Abort(_) => return Ok(()),
            }
        }
    }

    /// The next message of the upload, checked against everything that holds for all of them.
    fn upload_message(&mut self, id: u64) -> Result<Upload, Stop> {
        if !self.holds_message() {
            self.land_group().map_err(Stop::End)?;
            self.connection.sender.flush()?;
        }
        let received = self.connection.receiver.message::<Upload>()?;
        let Decoded { id: named, message } = received.ok_or(ReceiveError::Closed(Half::Section))?;
        let fault = |message: &str| {
            let (code, message) = (ErrorCode::BadMessage, message.to_owned());
            Stop::End(SessionEnd::Fault { code, message })
        };
        if named != Some(id) {
            return Err(fault("another request's id stands within an upload"));
        }
        if let Upload::Section(Section { offset, byte_count }) = &message {
            if byte_count.get() > SECTION_BYTES_MAX {
                return Err(fault("the section is too long"));
            }
            if offset.get() % PIECE_BYTES + byte_count.get() > PIECE_BYTES {
                return Err(fault("the section crosses the end of a piece"));
            }
        }
        Ok(message)
    }
}

/// Whether what waits may go on waiting while this is answered: it is a small write that takes no notice of it.
pub(super) fn may_wait(request: &Request) -> bool {
    matches!(request, Request::Write(write) if !is_large(write) && write.if_digest.is_none())
}

fn is_large(write: &Write) -> bool {
    write.byte_count.is_none_or(|count| count.get() > SMALL_WRITE_BYTES_MAX)
}

fn too_large() -> Refusal {
    Refusal::new(ErrorCode::TooLarge, "the file is larger than this server takes")
}
