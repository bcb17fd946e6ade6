//! What each request comes to by the text of the protocol, and what the share is afterwards.

use super::model::{File, Model, Node, is_part, is_reserved};
use shared_folder::kinds::kind_of;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::digest::Digest;
use wire::error_code::ErrorCode;
use wire::message::Kind;

/// What is sent while nobody reads.
const SHORT_BYTES_MAX: usize = 3000;

/// A request, with the paths that it names.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    List { path: Option<String>, recursive: bool },
    Search { words: String },
    Stat { path: Option<String>, with_digest: bool },
    StatDigest(Digest),
    Read { path: String, ranges: Option<Vec<(u64, u64)>>, if_digest: Option<Digest> },
    ReadDigest(Digest),
    Pieces { path: String },
    Write(Write),
    Rename { path: String, to: String, replace: bool },
    Delete { path: String, recursive: bool },
    Mkdir { path: String },
}

#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) path: String,
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) is_announced: bool,
    pub(crate) modified: Option<(i64, u32)>,
    pub(crate) executable: Option<bool>,
    pub(crate) new: bool,
    pub(crate) if_digest: Option<Digest>,
    pub(crate) base_wanted: bool,
    pub(crate) closing: Closing,
}

impl std::fmt::Debug for Write {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, is_announced, executable, new, if_digest, base_wanted, closing, .. } = self;
        let length = self.bytes.len();
        write!(
            formatter,
            "Write({path:?}, {length} bytes, announced {is_announced}, executable {executable:?}, new {new}, "
        )?;
        write!(formatter, "if {if_digest:?}, base {base_wanted}, {closing:?})")
    }
}

impl Request {
    /// As one that may be sent while nobody reads: an upload is small, and its time is known beforehand.
    pub(crate) fn made_short(self) -> Self {
        match self {
            Self::Write(write) => Self::Write(Write {
                bytes: Arc::new(write.bytes[..write.bytes.len().min(SHORT_BYTES_MAX)].to_vec()),
                is_announced: true,
                modified: write.modified.or(Some((7, 7))),
                ..write
            }),
            other => other,
        }
    }
}

/// How an upload ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    End,
    OtherDigest,
    Abort,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Refused(ErrorCode),
    Done,
    Written { byte_count: u64, digest: Digest },
    Listed { entries: Vec<Shown>, unnameable: u64, left_out: u64 },
    Found { entry: Shown, digest: Option<Digest> },
    Read { entry: Shown, bytes: Bytes, file_digest: Option<Digest> },
    Pieces { byte_count: u64, digest: Digest },
}

/// An entry; of folders the time is left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) byte_count: u64,
    pub(crate) modified: Option<(i64, u32)>,
    pub(crate) executable: bool,
}

/// Bytes that are not printed whole.
#[derive(Clone, PartialEq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes {}", self.0.len(), self.0[..self.0.len().min(64)].escape_ascii())
    }
}

impl Model {
    /// The answer; what it changes is changed.
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let answer = match request {
            Request::List { path, recursive } => self.list(path.as_deref(), *recursive),
            Request::Search { words } => self.search(words),
            Request::Stat { path, .. } => self.stat(path.as_deref()),
            Request::Read { path, ranges, if_digest } => self.read_file(path, ranges.as_deref(), *if_digest),
            Request::Pieces { path } => self.pieces(path),
            // Whether a digest is known is the server's business; what it then shows is not.
            Request::StatDigest(_) | Request::ReadDigest(_) => Err(ErrorCode::NotFound),
            Request::Write(write) => self.write(write),
            Request::Rename { path, to, replace } => self.rename(path, to, *replace),
            Request::Delete { path, recursive } => self.delete(path, *recursive),
            Request::Mkdir { path } => self.mkdir(path),
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    fn list(&self, path: Option<&str>, recursive: bool) -> Result<Answer, ErrorCode> {
        let folder = match path {
            None => &self.root,
            Some(path) => self.read(path)?,
        };
        let Node::Folder(names) = folder else { return Err(ErrorCode::NotAFolder) };
        let mut listing = Listing { model: self, recursive, entries: Vec::new(), unnameable: 0, left_out: 0 };
        listing.look_into(path.unwrap_or_default(), names);
        let Listing { mut entries, unnameable, left_out, .. } = listing;
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Answer::Listed { entries, unnameable, left_out })
    }

    fn search(&self, wanted: &str) -> Result<Answer, ErrorCode> {
        let wanted = words(wanted);
        if wanted.is_empty() {
            return Err(ErrorCode::BadMessage);
        }
        let Answer::Listed { mut entries, unnameable, left_out } = self.list(None, true)? else {
            panic!("a listing");
        };
        entries.retain(|entry| wanted.iter().all(|word| words(&entry.path).contains(word)));
        Ok(Answer::Listed { entries, unnameable, left_out })
    }

    fn stat(&self, path: Option<&str>) -> Result<Answer, ErrorCode> {
        let node = match path {
            None => &self.root,
            Some(path) => self.read(path)?,
        };
        let entry = shown(path.unwrap_or_default(), node).ok_or(ErrorCode::NotAFile)?;
        let digest = if let Node::File(file) = node { Some(file.digest()) } else { None };
        Ok(Answer::Found { entry, digest })
    }

    fn file(&self, path: &str) -> Result<&File, ErrorCode> {
        match self.read(path)? {
            Node::File(file) => Ok(file),
            _ => Err(ErrorCode::NotAFile),
        }
    }

    fn read_file(
        &self,
        path: &str,
        ranges: Option<&[(u64, u64)]>,
        if_digest: Option<Digest>,
    ) -> Result<Answer, ErrorCode> {
        let file = self.file(path)?;
        if if_digest.is_some_and(|digest| digest != file.digest()) {
            return Err(ErrorCode::Changed);
        }
        let is_wanted = |place: u64| {
            ranges.is_none_or(|ranges| {
                ranges.iter().any(|(offset, count)| place >= *offset && place - offset < *count)
            })
        };
        let bytes = (0_u64..).zip(file.bytes.iter()).filter(|(place, _)| is_wanted(*place));
        let bytes = Bytes(bytes.map(|(_, byte)| *byte).collect());
        let entry = shown(path, &Node::File(file.clone())).unwrap();
        Ok(Answer::Read { entry, bytes, file_digest: Some(file.digest()) })
    }

    fn pieces(&self, path: &str) -> Result<Answer, ErrorCode> {
        let file = self.file(path)?;
        Ok(Answer::Pieces { byte_count: file.bytes.len() as u64, digest: file.digest() })
    }

    fn write(&mut self, write: &Write) -> Result<Answer, ErrorCode> {
        let target = self.target(&write.path);
        if let Some(wanted) = write.if_digest {
            match &target {
                Ok((_, Some(Node::File(file)))) if file.digest() == wanted => {}
                Ok((_, None | Some(Node::File(_)))) | Err(ErrorCode::NotFound) => {
                    return Err(ErrorCode::Changed);
                }
                _ => {}
            }
        }
        let (place, old) = target?;
        let old_is_executable = match old {
            None => false,
            Some(Node::File(_)) if write.new => return Err(ErrorCode::Exists),
            Some(Node::File(file)) => file.executable,
            Some(_) => return Err(ErrorCode::NotAFile),
        };
        match write.closing {
            Closing::End => {}
            Closing::OtherDigest => return Err(ErrorCode::DigestMismatch),
            Closing::Abort => return Err(ErrorCode::Changed),
        }
        let file = File {
            bytes: Arc::clone(&write.bytes),
            modified: write.modified,
            executable: write.executable.unwrap_or(old_is_executable),
        };
        let (byte_count, digest) = (file.bytes.len() as u64, file.digest());
        self.put(&place, Node::File(file));
        Ok(Answer::Written { byte_count, digest })
    }

    fn rename(&mut self, path: &str, to: &str, replace: bool) -> Result<Answer, ErrorCode> {
        super::model::check(path)?;
        super::model::check(to)?;
        let (source, target) = (self.place(path)?, self.place(to)?);
        let moved = self.get(&source).ok_or(ErrorCode::NotFound)?.clone();
        self.target(to)?;
        let replaced = self.get(&target);
        if replaced.is_some() && !replace {
            return Err(ErrorCode::Exists);
        }
        if source == target {
            return Ok(Answer::Done);
        }
        if target.starts_with(&source) {
            return Err(ErrorCode::BadPath);
        }
        match (&moved, replaced) {
            (_, None) => {}
            (Node::Folder(_), Some(Node::Folder(names))) if names.is_empty() => {}
            (Node::Folder(_), Some(Node::Folder(_))) => return Err(ErrorCode::NotEmpty),
            (_, Some(Node::Folder(_))) if source.starts_with(&target) => return Err(ErrorCode::NotEmpty),
            (Node::Folder(_), Some(_)) => return Err(ErrorCode::NotAFolder),
            (_, Some(Node::Folder(_) | Node::Special { .. })) => return Err(ErrorCode::NotAFile),
            (_, Some(Node::File(_) | Node::Link(_))) => {}
        }
        self.take(&source);
        self.put(&target, moved);
        Ok(Answer::Done)
    }

    fn delete(&mut self, path: &str, recursive: bool) -> Result<Answer, ErrorCode> {
        let place = self.place(path)?;
        match self.get(&place).ok_or(ErrorCode::NotFound)? {
            Node::Folder(names) if !names.is_empty() && !recursive => Err(ErrorCode::NotEmpty),
            _ => {
                self.take(&place);
                Ok(Answer::Done)
            }
        }
    }

    fn mkdir(&mut self, path: &str) -> Result<Answer, ErrorCode> {
        super::model::check(path)?;
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            let (place, there) = self.target(&path[..end])?;
            match there {
                None => self.put(&place, Node::Folder(BTreeMap::new())),
                Some(Node::Folder(_)) => {}
                Some(_) => return Err(ErrorCode::NotAFolder),
            }
        }
        Ok(Answer::Done)
    }
}

/// A listing of the model.
struct Listing<'a> {
    model: &'a Model,
    recursive: bool,
    entries: Vec<Shown>,
    unnameable: u64,
    left_out: u64,
}

impl Listing<'_> {
    fn look_into(&mut self, prefix: &str, names: &BTreeMap<Vec<u8>, Node>) {
        for (name, node) in names {
            let Ok(name) = std::str::from_utf8(name) else {
                self.unnameable += 1;
                continue;
            };
            if !is_part(name) {
                self.unnameable += u64::from(!is_reserved(name) || name.chars().any(char::is_control));
                continue;
            }
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            match self.model.read(&path).ok().and_then(|behind| shown(&path, behind)) {
                Some(entry) => self.entries.push(entry),
                None => self.left_out += 1,
            }
            if let Node::Folder(below) = node
                && self.recursive
            {
                self.look_into(&path, below);
            }
        }
    }
}

/// The entry of a file or folder; nothing else has one.
fn shown(path: &str, node: &Node) -> Option<Shown> {
    let path = path.to_owned();
    match node {
        Node::File(file) => {
            let kind = kind_of(path.rsplit('/').next().unwrap());
            let (byte_count, modified) = (file.bytes.len() as u64, file.modified);
            Some(Shown { path, kind, byte_count, modified, executable: file.executable })
        }
        Node::Folder(_) => {
            Some(Shown { path, kind: Kind::Folder, byte_count: 0, modified: None, executable: false })
        }
        Node::Link(_) | Node::Special { .. } => None,
    }
}

fn words(text: &str) -> Vec<String> {
    let cut = text.split(|letter: char| !letter.is_alphanumeric());
    cut.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}
