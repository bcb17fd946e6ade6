//! The only door from text to a shared path: what passes here cannot climb out of the share by its spelling.
//!
//! Must not know any file system; links and races are the business of whoever opens the path.

use crate::limits::{PATH_BYTES_MAX, PATH_PART_BYTES_MAX};
use serde::{Serialize, Serializer};
use std::fmt;
use thiserror::Error;

/// How the names of files that are still landing begin. Such names are reserved: no path has such a part.
pub const RESERVED_PREFIX: &str = ".ioe-partial-";

/// A validated name below the share's root: relative, `/`-separated UTF-8, without empty parts, `.` and `..`.
///
/// The root itself has no shared path; messages leave the field out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedPath(String);

impl SharedPath {
    /// Checks `text` against every rule of a shared path.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        text.split('/').try_for_each(check_part)?;
        Ok(Self(text.to_owned()))
    }

    /// The path below this one that is called `name`.
    ///
    /// # Errors
    /// When `name` is not one part of a shared path, or the result is too long.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        Self::below(Some(self), name)
    }

    /// The path called `name` in `folder`, where `None` is the share's root.
    ///
    /// # Errors
    /// As [`SharedPath::join`].
    pub fn below(folder: Option<&Self>, name: &str) -> Result<Self, PathError> {
        check_part(name)?;
        let text = folder.map_or_else(|| name.to_owned(), |folder| format!("{folder}/{name}"));
        if text.len() > PATH_BYTES_MAX { Err(PathError::TooLong) } else { Ok(Self(text)) }
    }

    /// The text, as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts from the root down.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.as_str(), |(_, name)| name)
    }

    /// The folder this path lies in; `None` is the share's root.
    #[must_use]
    pub fn folder(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(folder, _)| Self(folder.to_owned()))
    }
}

impl fmt::Display for SharedPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for SharedPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Which rule of shared paths a text breaks. Each is the code `bad_path` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathError {
    /// Longer than [`PATH_BYTES_MAX`] bytes.
    #[error("the path is longer than {PATH_BYTES_MAX} bytes")]
    TooLong,
    /// It begins with `/`.
    #[error("the path begins with '/': name it from the share's root, without the slash")]
    Absolute,
    /// Nothing between two slashes, or nothing at all.
    #[error("the path has an empty part")]
    EmptyPart,
    /// A part is `.` or `..`.
    #[error("the path has a part '.' or '..'")]
    DotPart,
    /// A part of more than [`PATH_PART_BYTES_MAX`] bytes.
    #[error("the path has a part longer than {PATH_PART_BYTES_MAX} bytes")]
    PartTooLong,
    /// A NUL, a line break or another control character.
    #[error("the path has a control character")]
    ControlCharacter,
    /// A part that begins like a landing file.
    #[error("names that begin with '{RESERVED_PREFIX}' are reserved for files that are still arriving")]
    Reserved,
}

/// Whether `name` is kept for files that are landing. ASCII case is ignored, as some file systems ignore it.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.get(..RESERVED_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX))
}

fn check_part(part: &str) -> Result<(), PathError> {
    match part {
        "" => Err(PathError::EmptyPart),
        "." | ".." => Err(PathError::DotPart),
        _ if part.contains('/') => Err(PathError::EmptyPart),
        _ if part.len() > PATH_PART_BYTES_MAX => Err(PathError::PartTooLong),
        _ if part.chars().any(char::is_control) => Err(PathError::ControlCharacter),
        _ if is_reserved(part) => Err(PathError::Reserved),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_would_climb_out_are_refused() {
        let cases = [
            ("", PathError::EmptyPart),
            ("..", PathError::DotPart),
            ("../x", PathError::DotPart),
            ("a/../../x", PathError::DotPart),
            ("./a", PathError::DotPart),
            ("/etc/passwd", PathError::Absolute),
            ("//x", PathError::Absolute),
            ("a//b", PathError::EmptyPart),
            ("a/", PathError::EmptyPart),
            ("a\0b", PathError::ControlCharacter),
            ("a\nb", PathError::ControlCharacter),
            ("a\u{85}b", PathError::ControlCharacter),
            (".ioe-partial-1", PathError::Reserved),
            ("a/.IOE-Partial-1/b", PathError::Reserved),
        ];
        for (text, error) in cases {
            assert_eq!(SharedPath::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn literal_names_that_only_look_dangerous_are_names() {
        for text in ["%2e%2e%2f", r"..\x", r"C:\x", "-rf", "$(x)", "a b, c", "'\"", "🎵/…", "...", ".ioe"]
        {
            assert_eq!(SharedPath::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn lengths_hold_at_the_limit_and_not_one_past_it() {
        let part = "a".repeat(PATH_PART_BYTES_MAX);
        assert!(SharedPath::parse(&part).is_ok());
        assert_eq!(SharedPath::parse(&format!("{part}a")), Err(PathError::PartTooLong));
        let full = vec![part.as_str(); 16].join("/");
        assert_eq!(full.len(), PATH_BYTES_MAX - 1);
        assert_eq!(SharedPath::parse(&format!("{full}/a")), Err(PathError::TooLong));
        let folder = SharedPath::parse(&full).unwrap();
        assert_eq!(folder.join("a"), Err(PathError::TooLong));
        let exact = "a/".repeat(PATH_BYTES_MAX / 2 - 1) + "ab";
        assert!(SharedPath::parse(&exact).is_ok() && exact.len() == PATH_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn no_path_that_parses_can_escape(text in "(\\.|\\.\\.|/|a|\\\\|\\PC|\0|\n){0,12}") {
            if let Ok(path) = SharedPath::parse(&text) {
                let joined = std::path::Path::new("/share").join(path.as_str());
                let plain = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
                prop_assert!(joined.starts_with("/share"));
                prop_assert!(std::path::Path::new(path.as_str()).components().all(plain));
                prop_assert_eq!(path.parts().count(), joined.components().count() - 2);
            }
        }

        #[test]
        fn folder_and_name_give_the_path_again(text in "[a-z]{1,3}(/[a-z]{1,3}){0,4}") {
            let path = SharedPath::parse(&text).unwrap();
            prop_assert_eq!(SharedPath::below(path.folder().as_ref(), path.name()), Ok(path));
        }
    }
}
