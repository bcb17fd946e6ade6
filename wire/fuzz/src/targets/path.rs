//! Whatever the text: a shared path cannot climb out, and its parts give it again.

use super::Seen;
use std::path::{Component, Path};
use wire::path::SharedPath;

/// Bytes as the text of a path.
pub fn path(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let path = match SharedPath::parse(&text) {
        Ok(path) => path,
        Err(error) => return Seen::of(error.to_string()),
    };
    assert_eq!(path.as_str(), text, "a path is the text that it was");
    let parts: Vec<Component<'_>> = Path::new(path.as_str()).components().collect();
    assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))), "a part leads elsewhere");
    assert_eq!(parts.len(), path.parts().count(), "the system sees other parts");
    assert!(!text.chars().any(char::is_control), "a control character");
    assert!(
        !text.to_ascii_lowercase().split('/').any(|part| part.starts_with(".ioe-partial-")),
        "a reserved name"
    );
    assert_eq!(SharedPath::below(path.folder().as_ref(), path.name()), Ok(path.clone()));
    Seen::of((parts.len().min(20), text.len() / 256))
}
