//! What a client asks for. Paths are text here: `path::SharedPath` is the door they pass at the serving end.

use super::{ByteCount, message_set, message_types};
use crate::codec::only_maps;
use crate::digest::Digest;
use crate::limits::RANGES_MAX;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// Lists a folder, or all below it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct List {
    /// The folder; none is the share's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether to go on into its folders.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
}

/// A file by its path, or by its content: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stat {
    /// The file or folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The file with this content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether the answer waits for the file's digest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_digest: bool,
    /// With a digest: whether a file that is still arriving there will do, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// Some bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Where it begins, in bytes from the file's start.
    pub offset: ByteCount,
    /// How long it is; what lies past the file's end is left out.
    pub byte_count: ByteCount,
}

/// Asks for a file's bytes. Exactly one of `path` and `digest`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Read {
    /// The file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The file with this content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Only these ranges; none means the whole file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "only_maps::<_, _, RANGES_MAX>"
    )]
    pub ranges: Option<Vec<Range>>,
    /// Only this version of the file; another one is `changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_digest: Option<Digest>,
    /// Whether the asker holds what comes against the pieces of that version, so that ranges need no digest of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unhashed: bool,
}

/// Asks for the values of a file's pieces. Exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pieces {
    /// The file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The file with this content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Announces a file: its bytes follow at once when it is small, and after `ready` otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Write {
    /// Where it lands.
    pub path: String,
    /// Its length; none where the writer does not know it yet (a pipe), which counts as large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_count: Option<ByteCount>,
    /// The modification time to keep; none means the time of landing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
    /// Whether its owner may run it; none keeps what the replaced file had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<bool>,
    /// The digest it will have, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Refuse to replace anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
    /// Replace only the file with this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_digest: Option<Digest>,
    /// Offer what is already there (a partial, the old file) as a base, so that only differing pieces are sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub base_wanted: bool,
}

/// Gives a file or folder another path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rename {
    /// What it is called now.
    pub path: String,
    /// What it will be called.
    pub to: String,
    /// Whether something already called so may be replaced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
}

/// Removes a file or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delete {
    /// What to remove.
    pub path: String,
    /// Whether a folder goes with all in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
}

/// Makes a folder with its parents; one that is there is fine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mkdir {
    /// The folder.
    pub path: String,
}

/// Entries whose path has all the words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Search {
    /// The words, as they were typed.
    pub words: String,
}

/// Asks what this end can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Help {}

/// Ends the session after all earlier answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bye {}

message_types! {
    List = "list", Stat = "stat", Read = "read", Pieces = "pieces", Write = "write", Rename = "rename",
    Delete = "delete", Mkdir = "mkdir", Search = "search", Help = "help", Bye = "bye",
}

message_set! {
    /// Every request of a session.
    Request {
        List(List) = "list",
        Stat(Stat) = "stat",
        Read(Read) = "read",
        Pieces(Pieces) = "pieces",
        Write(Write) = "write",
        Rename(Rename) = "rename",
        Delete(Delete) = "delete",
        Mkdir(Mkdir) = "mkdir",
        Search(Search) = "search",
        Help(Help) = "help",
        Bye(Bye) = "bye",
    }
}
