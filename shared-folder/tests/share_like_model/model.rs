//! A folder with files, folders, links and other things, as plainly as it can be said. Must not know any disk, nor how
//! the product does it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use wire::digest::Digest;
use wire::error_code::ErrorCode;

/// Links that are followed for one name, as on Linux.
const LINKS_MAX: usize = 40;

/// A real place, from the share down.
pub(crate) type Place = Vec<Vec<u8>>;

/// What has a name.
#[derive(Clone, PartialEq)]
pub(crate) enum Node {
    File(File),
    Folder(BTreeMap<Vec<u8>, Node>),
    /// Where it leads; `/share` and `/outside` are the two folders of the test.
    Link(String),
    /// A FIFO, or a socket.
    Special {
        is_socket: bool,
    },
}

impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(formatter, "{file:?}"),
            Self::Link(target) => write!(formatter, "-> {target:?}"),
            Self::Special { is_socket } => formatter.write_str(if *is_socket { "socket" } else { "FIFO" }),
            Self::Folder(names) => {
                formatter.write_str("{")?;
                for (name, node) in names {
                    write!(formatter, " \"{}\": {node:?},", name.escape_ascii())?;
                }
                formatter.write_str("}")
            }
        }
    }
}

#[derive(Clone, PartialEq)]
pub(crate) struct File {
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Seconds and nanoseconds; none where it was not said.
    pub(crate) modified: Option<(i64, u32)>,
    pub(crate) executable: bool,
}

impl fmt::Debug for File {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.bytes[..self.bytes.len().min(12)].escape_ascii();
        let (length, modified, executable) = (self.bytes.len(), self.modified, self.executable);
        write!(formatter, "File({length} bytes {start}, {modified:?}, executable {executable})")
    }
}

impl File {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// Why a name leads to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Nowhere,
    Outside,
}

/// The share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    pub(crate) root: Node,
}

impl Model {
    pub(crate) fn get(&self, place: &[Vec<u8>]) -> Option<&Node> {
        place.iter().try_fold(&self.root, |node, name| match node {
            Node::Folder(names) => names.get(name),
            _ => None,
        })
    }

    /// The names of a folder that is there.
    pub(crate) fn folder_mut(&mut self, place: &[Vec<u8>]) -> &mut BTreeMap<Vec<u8>, Node> {
        let mut node = &mut self.root;
        for name in place {
            let Node::Folder(names) = node else { panic!("{name:?} is no folder") };
            node = names.get_mut(name).unwrap();
        }
        let Node::Folder(names) = node else { panic!("{place:?} is no folder") };
        names
    }

    pub(crate) fn put(&mut self, place: &[Vec<u8>], node: Node) {
        let (name, folder) = place.split_last().unwrap();
        self.folder_mut(folder).insert(name.clone(), node);
    }

    pub(crate) fn take(&mut self, place: &[Vec<u8>]) -> Option<Node> {
        let (name, folder) = place.split_last().unwrap();
        self.folder_mut(folder).remove(name)
    }

    pub(crate) fn is_folder(&self, place: &[Vec<u8>]) -> bool {
        matches!(self.get(place), Some(Node::Folder(_)))
    }

    /// Where a name leads, with every link followed.
    pub(crate) fn follow(&self, path: &[u8]) -> Result<Place, Trouble> {
        let (mut at, mut left, mut links) = (Place::new(), parts(path), 0);
        while let Some(part) = left.pop_front() {
            if !self.is_folder(&at) {
                return Err(Trouble::Nowhere);
            }
            match &part[..] {
                b"" | b"." => continue,
                b".." => {
                    at.pop().ok_or(Trouble::Outside)?;
                    continue;
                }
                _ => at.push(part),
            }
            match self.get(&at) {
                None => return Err(Trouble::Nowhere),
                Some(Node::Link(target)) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Trouble::Nowhere);
                    }
                    if target.starts_with('/') {
                        return Err(Trouble::Outside);
                    }
                    at.pop();
                    left = parts(target.as_bytes()).into_iter().chain(left).collect();
                }
                Some(_) => {}
            }
        }
        Ok(at)
    }

    /// Where a request's path stands itself: its folder with every link followed, and its name.
    pub(crate) fn place(&self, path: &str) -> Result<Place, ErrorCode> {
        check(path)?;
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        match self.follow(folder.as_bytes()) {
            Ok(mut at) if self.is_folder(&at) => {
                at.push(name.as_bytes().to_vec());
                Ok(at)
            }
            Err(Trouble::Outside) => Err(ErrorCode::NotAllowed),
            Ok(_) | Err(Trouble::Nowhere) => Err(ErrorCode::NotFound),
        }
    }

    /// What a request that only reads finds at a path.
    pub(crate) fn read(&self, path: &str) -> Result<&Node, ErrorCode> {
        self.place(path)?;
        let at = self.follow(path.as_bytes()).map_err(|trouble| match trouble {
            Trouble::Nowhere => ErrorCode::NotFound,
            Trouble::Outside => ErrorCode::NotAllowed,
        })?;
        self.get(&at).ok_or(ErrorCode::NotFound)
    }

    /// What a request that changes something finds at a path: the place itself, and what is behind it.
    pub(crate) fn target(&self, path: &str) -> Result<(Place, Option<&Node>), ErrorCode> {
        let place = self.place(path)?;
        match self.get(&place) {
            Some(Node::Link(_)) => {
                let behind = self.follow(path.as_bytes()).map_err(|_| ErrorCode::NotAllowed)?;
                Ok((place, self.get(&behind)))
            }
            other => Ok((place, other)),
        }
    }

    /// Every path that a request may name, links and all, as text; and what is in folders that links lead to.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        paths_below("", &self.root, &mut found);
        for link in found.clone() {
            let is_link =
                self.place(&link).is_ok_and(|place| matches!(self.get(&place), Some(Node::Link(_))));
            if let Ok(Node::Folder(names)) = self.read(&link)
                && is_link
            {
                found.extend(nameable(names).map(|(name, _)| format!("{link}/{name}")));
            }
        }
        found
    }
}

/// Whether a text may be a path at all.
pub(crate) fn check(path: &str) -> Result<(), ErrorCode> {
    let is_sound = path.len() <= 4096 && path.split('/').all(is_part);
    if is_sound { Ok(()) } else { Err(ErrorCode::BadPath) }
}

pub(crate) fn is_part(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && part.len() <= 255
        && !part.chars().any(|letter| matches!(letter, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'))
        && !is_reserved(part)
}

pub(crate) fn is_reserved(part: &str) -> bool {
    part.to_ascii_lowercase().starts_with(".ioe-partial-")
}

fn parts(path: &[u8]) -> VecDeque<Vec<u8>> {
    path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
}

fn paths_below(prefix: &str, node: &Node, found: &mut Vec<String>) {
    let Node::Folder(names) = node else { return };
    for (name, node) in nameable(names) {
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        found.push(path.clone());
        paths_below(&path, node, found);
    }
}

fn nameable(names: &BTreeMap<Vec<u8>, Node>) -> impl Iterator<Item = (&str, &Node)> {
    let named = names.iter().filter_map(|(name, node)| Some((std::str::from_utf8(name).ok()?, node)));
    named.filter(|(name, _)| is_part(name))
}
