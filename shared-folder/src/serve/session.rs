//! One session: receives requests, has each answered, tells the log, and ends in an orderly way.

use super::Host;
use super::group::{Ends, Group, Rhythm, Waiting};
use super::hot::HotFile;
use super::pulse::GATHER_TIME_MAX;
use super::record::{Begun, Outcome};
use super::refusal::{End, Refusal, Stop, conclude, say_refused};
use super::slots::Upload;
use super::writing::may_wait;
use crate::access::{Guest, Permit, Right};
use crate::folder::Nearby;
use std::sync::Arc;
use std::time::Instant;
use wire::codec::{DecodeError, Decoded, Message as _, MessageSet as _};
use wire::connection::{Closer, Connection, ReceiveError, refuse};
use wire::error_code::ErrorCode;
use wire::limits::REQUESTS_IN_FLIGHT_MAX;
use wire::message::reply::{Goodbye, Topic, Topics};
use wire::message::{Hello, Request, Section};
use wire::net::service::{Rest, SessionSlot};
use wire::path::SharedPath;

/// Everything a request is answered with.
pub(super) struct Session<'a> {
    pub(super) host: &'a Host,
    pub(super) slot: &'a SessionSlot,
    pub(super) connection: Connection,
    pub(super) closer: Closer,
    /// Who continues an upload: the process, and the key of whoever has one.
    pub(super) maker: String,
    guest: Guest,
    /// What the guest may do by the rules at the beginning of the request that is answered.
    pub(super) permit: Arc<Permit>,
    /// By the state of the rules with this number.
    judged_by: u64,
    /// For small files: one buffer for the whole session.
    pub(super) scratch: Vec<u8>,
    /// Payload bytes of the request that is being answered.
    pub(super) byte_count: u64,
    /// The slot in which a large file is given, where slots are counted.
    pub(super) upload: Option<Upload>,
    /// The small file that was asked for last, if others ask for it, too.
    pub(super) hot: Option<Arc<HotFile>>,
    /// The folder of the request before, for those that had come with it.
    pub(super) nearby: Nearby,
    /// Small files that arrived and are not answered yet.
    pub(super) group: Group<'a>,
    /// Requests refused since the daemon began to stop.
    refused_stopping: usize,
    /// When answers were last sent between two requests.
    flushed: Instant,
    /// It went on because something has come.
    is_woken: bool,
}

/// What a session knows between two requests.
pub struct Kept {
    maker: String,
    guest: Guest,
    permit: Arc<Permit>,
    judged_by: u64,
    rhythm: Rhythm,
    hot: Option<Arc<HotFile>>,
    refused_stopping: usize,
}

impl Kept {
    pub(super) fn new(host: &Host, connection: &Connection, hello: &Hello, guest: Guest) -> Self {
        let maker = match connection.peer_key() {
            Some(key) => format!("{} {key}", hello.process_id),
            None => hello.process_id.clone(),
        };
        // The number first: what changes meanwhile is looked at again.
        let (judged_by, permit) = (host.access.generation(), host.access.permit(guest.key));
        Self { maker, guest, permit, judged_by, rhythm: Rhythm::default(), hot: None, refused_stopping: 0 }
    }
}

enum Next {
    GoOn,
    /// Nothing is to be done before something comes.
    Rest,
    Leave,
}

/// How far a request has come.
pub(super) enum Progress<'a> {
    Answered,
    /// Its answer comes with those of its group.
    Waits(Box<Waiting<'a>>),
}

impl<'a> Session<'a> {
    /// A session that begins.
    pub(super) fn new(host: &'a Host, slot: &'a SessionSlot, rest: Rest<Kept>) -> Self {
        Self { is_woken: false, ..Self::woken(host, slot, rest) }
    }

    /// One that rested, and to which something has come.
    pub(super) fn woken(
        host: &'a Host,
        slot: &'a SessionSlot,
        Rest { connection, kept }: Rest<Kept>,
    ) -> Self {
        let Kept { maker, guest, permit, judged_by, rhythm, hot, refused_stopping } = kept;
        Self {
            host,
            slot,
            closer: connection.closer(),
            connection,
            maker,
            guest,
            permit,
            judged_by,
            scratch: Vec::new(),
            byte_count: 0,
            upload: None,
            hot,
            nearby: Nearby::default(),
            group: Group::with(rhythm),
            refused_stopping,
            flushed: Instant::now(),
            is_woken: true,
        }
    }

    /// Serves until the session is over, or rests.
    pub(super) fn run(mut self) -> Option<Rest<Kept>> {
        let end = loop {
            match self.next_request() {
                Ok(Next::GoOn) => {}
                Ok(Next::Rest) => return Some(self.rest()),
                Ok(Next::Leave) => break None,
                Err(end) => break Some(end),
            }
        };
        // What arrived whole lands, whoever is still there to be told.
        let landed = self.land_group();
        match end.or(landed.err()) {
            None => self.connection.close_gently(),
            Some(end) => self.end(end),
        }
        None
    }

    fn rest(self) -> Rest<Kept> {
        let Self { connection, maker, guest, permit, judged_by, group, hot, refused_stopping, .. } = self;
        let rhythm = group.rhythm();
        let kept = Kept { maker, guest, permit, judged_by, rhythm, hot, refused_stopping };
        Rest { connection, kept }
    }

    fn next_request(&mut self) -> Result<Next, End> {
        let is_last = !self.holds_message();
        // Many requests that cost much and say little must not keep their answers back, nor outlive their client.
        let is_flushed = is_last || self.flushed.elapsed() >= GATHER_TIME_MAX;
        if is_flushed {
            self.land_group()?;
            self.connection.sender.flush().map_err(|error| End::Lost(error.to_string()))?;
        }
        if is_last {
            self.nearby.forget();
            self.slot.end();
            let is_woken = std::mem::take(&mut self.is_woken);
            if !is_woken && !self.slot.awaits_request(&mut self.connection.receiver) {
                return Ok(Next::Rest);
            }
        }
        let received = self.connection.receiver.message::<Request>();
        if is_flushed {
            // While it was waited for, nothing was kept back.
            self.flushed = Instant::now();
        }
        match received {
            Ok(Some(decoded)) => self.answer(decoded),
            Ok(None) => Ok(Next::Leave),
            Err(ReceiveError::Message(DecodeError::UnknownType { id: Some(id), type_name }))
                if type_name != Section::TYPE =>
            {
                let message = format!("the type {type_name:?} is unknown here");
                self.refuse(id, ErrorCode::UnknownType, &message)?;
                Ok(Next::GoOn)
            }
            // Raw bytes follow a section's line: after one that nobody expects, nothing can be read as a line any more.
            Err(error) => Err(error.into()),
        }
    }

    fn answer(&mut self, Decoded { id, message }: Decoded<Request>) -> Result<Next, End> {
        let Some(id) = id else {
            let message = "a request needs an id".to_owned();
            return Err(End::Fault { code: ErrorCode::BadMessage, message });
        };
        let (command, path) = (message.type_name(), label(&message));
        let is_stopping = self.slot.begin(command, &path).is_err();
        if is_stopping && self.refused_stopping >= REQUESTS_IN_FLIGHT_MAX {
            return Ok(Next::Leave);
        }
        let mut begun =
            Begun { at: Instant::now(), who: self.guest.name.clone(), command, path, byte_count: 0 };
        self.byte_count = 0;
        self.judge_anew();
        let is_bye = matches!(message, Request::Bye(_));
        let result =
            if is_stopping { self.refuse_stopping(id, &message) } else { self.dispatch(id, message) };
        begun.byte_count = self.byte_count;
        // Whatever came of it, somebody else may have the slot.
        self.upload = None;
        let said = match result {
            Ok(Progress::Waits(waiting)) => return self.join_group(*waiting, begun),
            Ok(Progress::Answered) => Ok(()),
            Err(stop) => Err(stop),
        };
        let (outcome, next) = self.conclude(id, said);
        begun.tell(self.host, self.slot, outcome);
        next.map(|()| if is_bye { Next::Leave } else { Next::GoOn })
    }

    fn join_group(&mut self, waiting: Waiting<'a>, begun: Begun) -> Result<Next, End> {
        if self.group.add(waiting, begun, self.host) {
            self.land_group()?;
            // Whoever may send no more before it is answered sends on while the next group is received.
            self.connection.sender.flush().map_err(|error| End::Lost(error.to_string()))?;
        }
        Ok(Next::GoOn)
    }

    /// Answers what waits. Before anything else is answered, and before anything is waited for.
    pub(super) fn land_group(&mut self) -> Result<(), End> {
        let (sender, host, slot) = (&mut self.connection.sender, self.host, self.slot);
        self.group.land(&mut Ends { sender, host, slot })
    }

    /// Whether the next message is there. While somebody waits for an answer, what has arrived is worth a look.
    pub(super) fn holds_message(&mut self) -> bool {
        let receiver = &mut self.connection.receiver;
        receiver.holds_line() || (!self.group.is_empty() && receiver.is_ready())
    }

    fn dispatch(&mut self, id: u64, request: Request) -> Result<Progress<'a>, Stop> {
        if !may_wait(&request) {
            self.land_group().map_err(Stop::End)?;
        }
        if may_move_folders(&request) {
            self.nearby.forget();
        }
        let answered = match request {
            Request::Write(write) => return self.write(id, &write).map(Box::new).map(Progress::Waits),
            Request::List(list) => self.list(id, &list),
            Request::Search(search) => self.search(id, &search),
            Request::Stat(stat) => self.stat(id, &stat),
            Request::Read(read) => self.read(id, &read),
            Request::Pieces(pieces) => self.pieces(id, &pieces),
            Request::Rename(rename) => self.rename(id, &rename),
            Request::Delete(delete) => self.delete(id, &delete),
            Request::Mkdir(mkdir) => self.make_folder(id, &mkdir),
            Request::Help(_) => self.help(id),
            Request::Bye(_) => Ok(self.connection.sender.queue(Some(id), &Goodbye {})?),
        };
        answered.map(|()| Progress::Answered)
    }

    fn conclude(&mut self, id: u64, result: Result<(), Stop>) -> (Outcome, Result<(), End>) {
        if let Err(end) = self.land_group() {
            return (Outcome::Lost, Err(end));
        }
        conclude(&mut self.connection.sender, id, result)
    }

    pub(super) fn refuse(&mut self, id: u64, code: ErrorCode, message: &str) -> Result<(), End> {
        self.land_group()?;
        say_refused(&mut self.connection.sender, id, code, message)
    }

    /// Goes by the rules as they are now; false where they are those that it went by.
    pub(super) fn judge_anew(&mut self) -> bool {
        let generation = self.host.access.generation();
        let is_new = generation != self.judged_by;
        if is_new {
            (self.judged_by, self.permit) = (generation, self.host.access.permit(self.guest.key));
        }
        is_new
    }

    /// Asks, while something long runs, whether `right` at `path` still is the guest's.
    pub(super) fn still_may(&self, right: Right, path: &SharedPath) -> impl Fn() -> bool + use<'a> {
        let (host, key, judged_by, path) = (self.host, self.guest.key, self.judged_by, path.clone());
        move || host.access.generation() == judged_by || host.access.permit(key).allows(right, Some(&path))
    }

    pub(super) fn count_bytes(&mut self, byte_count: u64) {
        self.byte_count += byte_count;
        self.slot.count_bytes(byte_count);
    }

    fn refuse_stopping(&mut self, id: u64, request: &Request) -> Result<Progress<'a>, Stop> {
        self.refused_stopping += 1;
        let refusal = Refusal::new(ErrorCode::Stopping, "this daemon is stopping");
        match request {
            Request::Write(_) => Err(self.refuse_write(id, refusal)),
            _ => Err(Stop::Refuse(refusal)),
        }
    }

    fn help(&mut self, id: u64) -> Result<(), Stop> {
        let topics = TOPICS.iter().map(|(name, text)| Topic { name: (*name).into(), text: (*text).into() });
        Ok(self.connection.sender.queue(Some(id), &Topics { topics: topics.collect() })?)
    }

    fn end(mut self, end: End) {
        let (session, address) = (self.slot.id(), self.slot.address());
        match end {
            End::Lost(why) => log::debug!("session {session} of {address}: {why}"),
            End::TooMuch => {
                log::info!("session {session} of {address} went on sending after a refusal");
                self.connection.close_gently();
            }
            End::Fault { code, message } => {
                log::info!("session {session} of {address} is closed: {message} ({code})");
                if refuse(&mut self.connection, code, &message).is_ok() {
                    self.connection.close_gently();
                }
            }
        }
    }
}

/// Whether a folder may be another one afterwards.
fn may_move_folders(request: &Request) -> bool {
    matches!(request, Request::Rename(_) | Request::Delete(_) | Request::Mkdir(_))
}

/// What STATUS and the log show of a request.
fn label(request: &Request) -> String {
    let by_digest = |digest: &Option<wire::digest::Digest>| digest.map(|digest| format!("digest:{digest}"));
    let named = match request {
        Request::List(list) => list.path.clone(),
        Request::Search(search) => Some(search.words.clone()),
        Request::Stat(stat) => stat.path.clone().or_else(|| by_digest(&stat.digest)),
        Request::Read(read) => read.path.clone().or_else(|| by_digest(&read.digest)),
        Request::Pieces(pieces) => pieces.path.clone().or_else(|| by_digest(&pieces.digest)),
        Request::Write(write) => Some(write.path.clone()),
        Request::Rename(rename) => Some(format!("{} -> {}", rename.path, rename.to)),
        Request::Delete(delete) => Some(delete.path.clone()),
        Request::Mkdir(mkdir) => Some(mkdir.path.clone()),
        Request::Help(_) | Request::Bye(_) => None,
    };
    named.unwrap_or_default()
}

const TOPICS: &[(&str, &str)] = &[
    ("list", "entries of a folder, or of all below it"),
    ("stat", "one entry, with its digest if wanted"),
    ("read", "a file's bytes, or ranges of them"),
    ("pieces", "the values of a file's pieces"),
    ("write", "puts a file in place, whole or not at all"),
    ("rename", "gives a file or folder another path"),
    ("delete", "removes a file or a folder"),
    ("mkdir", "makes a folder with its parents"),
    ("search", "entries whose path has all the words"),
    ("help", "this list"),
    ("bye", "ends the session"),
];
