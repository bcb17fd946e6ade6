//! The asking end of one session: each request with its whole answer, held against the rules of payloads.

use super::predictions::{Answer, Bytes, Closing, Request, Shown, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use wire::connection::{Connection, say_hello};
use wire::digest::{Digest, PieceValue, check_piece_list, piece_value};
use wire::error_code::ErrorCode;
use wire::limits::{PIECE_BYTES, SMALL_WRITE_BYTES_MAX};
use wire::message::{Abort, ByteCount, End, Entry, Hello, Kind, Range, Reply, Section, reply, request};
use wire::timestamp::Timestamp;

const PATIENCE: Duration = Duration::from_secs(60);
const PROCESS_ID: &str = "fedcba9876543210fedcba9876543210";

/// One session, and everything that was said in it.
pub(crate) struct Talk {
    connection: Connection,
    last_id: u64,
    /// Whose answer comes next.
    awaited: u64,
    /// All that came in the last answer: lines as they are told, payloads as they are.
    pub(crate) heard: Vec<u8>,
}

impl Talk {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        let mut connection = Connection::new(socket, PATIENCE).unwrap();
        say_hello(&mut connection, &Hello::of_client("model", PROCESS_ID), None).unwrap();
        Self { connection, last_id: 0, awaited: 0, heard: Vec::new() }
    }

    pub(crate) fn ask(&mut self, asked: &Request) -> Answer {
        let id = self.tell(asked);
        self.hear(id, asked)
    }

    /// Sends a request, and with a small upload all of it; gives its id.
    pub(crate) fn tell(&mut self, asked: &Request) -> u64 {
        self.last_id += 1;
        match asked {
            Request::List { path, recursive } => {
                self.send(&request::List { path: path.clone(), recursive: *recursive });
            }
            Request::Search { words } => self.send(&request::Search { words: words.clone() }),
            Request::Stat { path, with_digest } => {
                self.send(&request::Stat {
                    path: path.clone(),
                    with_digest: *with_digest,
                    ..request::Stat::default()
                });
            }
            Request::StatDigest(digest) => {
                self.send(&request::Stat { digest: Some(*digest), ..request::Stat::default() });
            }
            Request::Read { path, ranges, if_digest } => {
                let ranges = ranges.as_deref().map(|ranges| ranges.iter().copied().map(range).collect());
                let path = Some(path.clone());
                self.send(&request::Read { path, ranges, if_digest: *if_digest, ..request::Read::default() });
            }
            Request::ReadDigest(digest) => {
                self.send(&request::Read { digest: Some(*digest), ..request::Read::default() });
            }
            Request::Pieces { path } => {
                self.send(&request::Pieces { path: Some(path.clone()), digest: None });
            }
            Request::Write(write) => self.announce(write),
            Request::Rename { path, to, replace } => {
                self.send(&request::Rename { path: path.clone(), to: to.clone(), replace: *replace });
            }
            Request::Delete { path, recursive } => {
                self.send(&request::Delete { path: path.clone(), recursive: *recursive });
            }
            Request::Mkdir { path } => self.send(&request::Mkdir { path: path.clone() }),
        }
        self.last_id
    }

    /// The answer to what was told under that id.
    pub(crate) fn hear(&mut self, id: u64, asked: &Request) -> Answer {
        self.heard.clear();
        self.awaited = id;
        match asked {
            Request::List { .. } | Request::Search { .. } => self.listing(),
            Request::Read { .. } | Request::ReadDigest(_) => self.reading(),
            Request::Pieces { .. } => self.pieces(),
            Request::Write(write) if is_large(write) => self.large(write),
            _ => self.only(),
        }
    }

    pub(crate) fn bye(mut self) {
        self.last_id += 1;
        self.awaited = self.last_id;
        self.send(&request::Bye {});
        assert!(matches!(self.reply(), Reply::Goodbye(_)), "no goodbye");
        assert!(self.connection.receiver.message::<Reply>().unwrap().is_none(), "words after goodbye");
    }

    fn send<M: wire::codec::Message>(&mut self, message: &M) {
        self.connection.sender.send(Some(self.last_id), message).unwrap();
    }

    fn reply(&mut self) -> Reply {
        loop {
            let decoded = self.connection.receiver.message::<Reply>().unwrap().expect("an answer");
            assert_eq!(decoded.id, Some(self.awaited), "{:?}", decoded.message);
            self.heard.extend(format!("{:?}\n", decoded.message).bytes());
            if !matches!(decoded.message, Reply::Working(_)) {
                return decoded.message;
            }
        }
    }

    /// An answer of one line.
    fn only(&mut self) -> Answer {
        match self.reply() {
            Reply::Refused(refused) => Answer::Refused(refused.code),
            Reply::Found(found) => Answer::Found { entry: shown(found.entry), digest: found.digest },
            Reply::Renamed(_) | Reply::Deleted(_) | Reply::Made(_) => Answer::Done,
            Reply::Written(written) => {
                Answer::Written { byte_count: written.byte_count.get(), digest: written.digest }
            }
            other => panic!("{other:?}"),
        }
    }

    fn listing(&mut self) -> Answer {
        let mut entries: Vec<Shown> = Vec::new();
        let listed = loop {
            match self.reply() {
                Reply::Entries(some) => entries.extend(some.entries.into_iter().map(shown)),
                Reply::Listed(listed) => break listed,
                Reply::Refused(refused) => return Answer::Refused(refused.code),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(listed.entry_count.get(), entries.len() as u64);
        check_order(&entries);
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        let (unnameable, left_out) = (listed.unnameable_count.get(), listed.left_out_count.get());
        Answer::Listed { entries, unnameable, left_out }
    }

    fn reading(&mut self) -> Answer {
        let reading = match self.reply() {
            Reply::Reading(reading) => reading,
            Reply::Refused(refused) => return Answer::Refused(refused.code),
            other => panic!("{other:?}"),
        };
        let (sections, file_digest) = self.payload();
        let bytes: Vec<u8> = sections.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        assert_eq!(reading.byte_count.get(), bytes.len() as u64, "another length than was announced");
        check_places(&reading, &sections);
        let file_digest = file_digest.or(reading.file_digest);
        Answer::Read { entry: shown(reading.entry), bytes: Bytes(bytes), file_digest }
    }

    fn pieces(&mut self) -> Answer {
        let list = match self.reply() {
            Reply::PieceList(list) => list,
            Reply::Refused(refused) => return Answer::Refused(refused.code),
            other => panic!("{other:?}"),
        };
        let values = self.values(list.piece_count.get());
        check_piece_list(&values, list.digest, list.byte_count.get()).expect("pieces that merge");
        Answer::Pieces { byte_count: list.byte_count.get(), digest: list.digest }
    }

    fn values(&mut self, count: u64) -> Vec<PieceValue> {
        let bytes: Vec<u8> = self.payload().0.into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert_eq!(bytes.len() as u64, 32 * count, "another number of pieces");
        bytes.chunks_exact(32).map(|value| value.try_into().unwrap()).collect()
    }

    /// Sections up to `end`, each with its offset.
    fn payload(&mut self) -> (Vec<(u64, Vec<u8>)>, Option<Digest>) {
        let (mut sections, mut least) = (Vec::new(), 0);
        loop {
            match self.reply() {
                Reply::Section(Section { offset, byte_count }) => {
                    let (offset, byte_count) = (offset.get(), byte_count.get());
                    assert!(offset >= least && offset % PIECE_BYTES + byte_count <= PIECE_BYTES);
                    least = offset + byte_count;
                    let mut bytes = vec![0; usize::try_from(byte_count).unwrap()];
                    self.connection.receiver.section(byte_count).read_exact(&mut bytes).unwrap();
                    self.heard.extend(&bytes);
                    sections.push((offset, bytes));
                }
                Reply::End(end) => {
                    let all: Vec<u8> = sections.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
                    assert_eq!((end.byte_count.get(), end.digest), (all.len() as u64, Digest::of(&all)));
                    return (sections, end.file_digest);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn announce(&mut self, write: &Write) {
        let byte_count = write.bytes.len() as u64;
        self.send(&request::Write {
            path: write.path.clone(),
            byte_count: write.is_announced.then(|| ByteCount::new(byte_count)),
            modified: write.modified.map(|(seconds, nanoseconds)| Timestamp::from_unix(seconds, nanoseconds)),
            executable: write.executable,
            digest: None,
            new: write.new,
            if_digest: write.if_digest,
            base_wanted: write.base_wanted,
        });
        if !is_large(write) {
            self.upload(write, &[]);
        }
    }

    /// A large upload, from the server's first word on.
    fn large(&mut self, write: &Write) -> Answer {
        let base = match self.reply() {
            Reply::Ready(ready) => ready.base.map_or_else(Vec::new, |base| {
                assert!(write.base_wanted, "a base that nobody wanted");
                self.values(base.piece_count.get())
            }),
            Reply::Refused(refused) => {
                self.abort(ErrorCode::Internal);
                return Answer::Refused(refused.code);
            }
            other => panic!("{other:?}"),
        };
        self.upload(write, &base);
        self.only()
    }

    fn upload(&mut self, write: &Write, base: &[PieceValue]) {
        let pieces = write.bytes.chunks(usize::try_from(PIECE_BYTES).unwrap());
        for (index, piece) in (0_u64..).zip(pieces) {
            let held = base.get(usize::try_from(index).unwrap());
            if held != Some(&piece_value(index, piece)) {
                self.connection.sender.section(self.last_id, index * PIECE_BYTES, piece).unwrap();
            }
        }
        let digest = match write.closing {
            Closing::End => Digest::of(&write.bytes),
            Closing::OtherDigest => Digest::of(b"something else altogether"),
            Closing::Abort => return self.abort(ErrorCode::Changed),
        };
        let byte_count = ByteCount::new(write.bytes.len() as u64);
        self.send(&End { byte_count, digest, file_digest: None });
    }

    fn abort(&mut self, code: ErrorCode) {
        self.send(&Abort { code, message: "enough".to_owned() });
    }
}

fn is_large(write: &Write) -> bool {
    !write.is_announced || write.bytes.len() as u64 > SMALL_WRITE_BYTES_MAX
}

fn range((offset, byte_count): (u64, u64)) -> Range {
    Range { offset: ByteCount::new(offset), byte_count: ByteCount::new(byte_count) }
}

fn shown(entry: Entry) -> Shown {
    let modified = (entry.kind != Kind::Folder).then(|| entry.modified.to_unix());
    let (path, byte_count) = (entry.path, entry.byte_count.get());
    Shown { path, kind: entry.kind, byte_count, modified, executable: entry.executable }
}

/// A folder comes before what is in it, and nothing comes twice.
fn check_order(entries: &[Shown]) {
    for (place, entry) in entries.iter().enumerate() {
        assert!(entries[..place].iter().all(|earlier| earlier.path != entry.path), "{entry:?} comes twice");
        let folder = entry.path.rsplit_once('/').map(|(folder, _)| folder);
        let comes_later = |later: &Shown| Some(&later.path[..]) == folder;
        assert!(!entries[place..].iter().any(comes_later), "{entry:?} before its folder");
    }
}

/// Each section lies within what was announced to be sent.
fn check_places(reading: &reply::Reading, sections: &[(u64, Vec<u8>)]) {
    let Some(ranges) = &reading.ranges else { return };
    for (offset, bytes) in sections {
        let end = offset + bytes.len() as u64;
        let lies_in = |range: &Range| {
            let (start, count) = (range.offset.get(), range.byte_count.get());
            *offset >= start && end <= start + count
        };
        assert!(ranges.iter().any(lies_in), "a section at {offset} that was not announced");
    }
}
