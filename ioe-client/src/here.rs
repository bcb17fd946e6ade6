//! Where one stands in the share: how what is typed becomes a shared path.
//!
//! Must not know any connection or local file.

use wire::path::{PathError, SharedPath};

/// The folder that typed paths start in; `None` is the share's root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Here(Option<SharedPath>);

impl Here {
    /// The folder itself.
    pub(crate) fn folder(&self) -> Option<&SharedPath> {
        self.0.as_ref()
    }

    /// What `text` names: `.` is this folder and `/` the share's root (both may be `None`), anything else lies below
    /// this folder. One `/` at the end is allowed, as completion writes it.
    pub(crate) fn resolve(&self, text: &str) -> Result<Option<SharedPath>, PathError> {
        match text {
            "/" => Ok(None),
            "." | "./" => Ok(self.0.clone()),
            _ => self.below(text).map(Some),
        }
    }

    /// What `text` names, where it must be something below this folder.
    pub(crate) fn below(&self, text: &str) -> Result<SharedPath, PathError> {
        let path = SharedPath::parse(text.strip_suffix('/').unwrap_or(text))?;
        match &self.0 {
            None => Ok(path),
            Some(folder) => SharedPath::parse(&format!("{folder}/{path}")),
        }
    }

    /// Where one stands after CD: as [`Here::resolve`], and `..` leads up, but not out.
    pub(crate) fn enter(&self, text: &str) -> Result<Self, PathError> {
        let (mut here, mut rest) = (self.clone(), text);
        while let Some(after) =
            rest.strip_prefix("..").filter(|after| after.is_empty() || after.starts_with('/'))
        {
            here = Self(here.0.ok_or(PathError::DotPart)?.folder());
            rest = after.strip_prefix('/').unwrap_or(after);
            if rest.is_empty() {
                return Ok(here);
            }
        }
        here.resolve(rest).map(Self)
    }

    /// A path from the share's root as it can be typed here, or whole where it lies elsewhere.
    pub(crate) fn shown<'a>(&self, path: &'a str) -> &'a str {
        let below = |folder: &SharedPath| path.strip_prefix(folder.as_str())?.strip_prefix('/');
        self.0.as_ref().and_then(below).unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(folder: &str) -> Here {
        Here((!folder.is_empty()).then(|| SharedPath::parse(folder).unwrap()))
    }

    #[test]
    fn paths_start_where_one_stands() {
        assert_eq!(at("a/b").below("c").unwrap().as_str(), "a/b/c");
        assert_eq!(at("").below("c/d/").unwrap().as_str(), "c/d");
        assert_eq!(at("a").resolve("/"), Ok(None));
        assert_eq!(at("a").resolve(".").unwrap().unwrap().as_str(), "a");
    }

    #[test]
    fn paths_that_climb_are_bad_paths() {
        for text in ["..", "../x", "a/../../x", "/etc/passwd", "//x", "a//b", "./a", "", "a\0b"] {
            assert!(at("").below(text).is_err(), "{text:?}");
            assert!(at("x/y").below(text).is_err(), "{text:?}");
            assert!(at("").resolve(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn cd_leads_down_up_and_to_the_root_but_not_out() {
        assert_eq!(at("a/b").enter(".."), Ok(at("a")));
        assert_eq!(at("a/b").enter("../.."), Ok(at("")));
        assert_eq!(at("a/b").enter("../c"), Ok(at("a/c")));
        assert_eq!(at("a/b").enter("/"), Ok(at("")));
        assert_eq!(at("").enter("x/"), Ok(at("x")));
        assert_eq!(at("").enter(".."), Err(PathError::DotPart));
        assert_eq!(at("a").enter("../../x"), Err(PathError::DotPart));
        assert!(at("a").enter("b/../c").is_err());
        assert_eq!(at("a").enter("..x"), Ok(at("a/..x")));
    }

    #[test]
    fn what_lies_elsewhere_is_shown_whole() {
        assert_eq!(at("a").shown("a/b"), "b");
        assert_eq!(at("a").shown("ab/c"), "ab/c");
        assert_eq!(at("").shown("a/b"), "a/b");
    }
}
