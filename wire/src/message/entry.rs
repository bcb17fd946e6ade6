//! One file or folder as listings show it.

use super::ByteCount;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use thiserror::Error;

/// What sort of content an entry holds, by the ending of its name. An unknown kind is read as `other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Images.
    Picture,
    /// Sound.
    Music,
    /// Moving images.
    Video,
    /// Books, letters, sheets, slides.
    Document,
    /// Packed files.
    Archive,
    /// Plain text and source code.
    Text,
    /// A folder.
    Folder,
    /// Everything else.
    #[serde(other)]
    Other,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Picture,
        Self::Music,
        Self::Video,
        Self::Document,
        Self::Archive,
        Self::Text,
        Self::Other,
        Self::Folder,
    ];

    /// The kinds that a file can have: all but `folder`.
    pub const OF_FILES: [Self; 7] =
        [Self::Picture, Self::Music, Self::Video, Self::Document, Self::Archive, Self::Text, Self::Other];

    /// The kind as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Music => "music",
            Self::Video => "video",
            Self::Document => "document",
            Self::Archive => "archive",
            Self::Text => "text",
            Self::Other => "other",
            Self::Folder => "folder",
        }
    }
}

/// A text is no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there is no such kind")]
pub struct UnknownKind;

/// As a person types it. Here an unknown kind is an error: only a newer version's message may name others.
impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownKind)
    }
}

/// One file or folder of a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The shared path, as text: whoever receives it checks it before it becomes a path.
    pub path: String,
    /// What the name's ending says, or `folder`.
    pub kind: Kind,
    /// Bytes; 0 for a folder.
    pub byte_count: ByteCount,
    /// When the content was last changed.
    pub modified: Timestamp,
    /// Whether its owner may run it; false for a folder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_its_name_and_no_other_name_is() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(Kind::OF_FILES.contains(&kind), kind != Kind::Folder);
        }
        for text in ["", "Music", "smell"] {
            assert_eq!(text.parse::<Kind>(), Err(UnknownKind));
        }
    }
}
