//! One file or folder as listings show it.

use super::ByteCount;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

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
