//! Globs: `*`, `?` and `[…]`, none of which crosses a `/`; `**` does.
//!
//! Must not know whether the names are local or remote.

use globset::{GlobBuilder, GlobMatcher};

/// A pattern, cut where its first special character's part begins.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// The folder that has no special characters, without a slash at its end; empty if there is none.
    pub(crate) folder: String,
    /// Whether matches may lie in folders of that folder.
    pub(crate) is_deep: bool,
    matcher: GlobMatcher,
}

impl Pattern {
    /// The pattern in `text`, if it is one.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let special = text.find(['*', '?', '['])?;
        let start = text.get(..special)?.rfind('/').map_or(0, |slash| slash + 1);
        let (folder, rest) = text.split_at(start);
        // Braces and backslashes are ordinary characters in names here.
        let glob = rest.replace('{', "[{]").replace('}', "[}]");
        let glob = GlobBuilder::new(&glob).literal_separator(true).backslash_escape(false).build().ok()?;
        let is_deep = rest.contains('/') || rest.contains("**");
        let folder = folder.strip_suffix('/').unwrap_or(folder).to_owned();
        Some(Self { folder, is_deep, matcher: glob.compile_matcher() })
    }

    /// The text of the pattern for all that lies directly in `folder`, whatever characters that has.
    pub(crate) fn all_in(folder: &str) -> String {
        let mut text = String::with_capacity(folder.len() + 2);
        for character in folder.trim_end_matches('/').chars() {
            match character {
                '*' | '?' | '[' => text.extend(['[', character, ']']),
                other => text.push(other),
            }
        }
        text + "/*"
    }

    /// Whether the name, from the pattern's folder on, matches.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_with_special_characters_are_patterns() {
        for text in ["a.mp3", "a/b", "{x}", r"a\b", "~", ""] {
            assert!(Pattern::find(text).is_none(), "{text}");
        }
        assert!(Pattern::find("[").is_none(), "what is no pattern is a name");
    }

    #[test]
    fn a_pattern_is_cut_at_the_last_folder_without_special_characters() {
        let cut = |text| Pattern::find(text).map(|pattern| (pattern.folder, pattern.is_deep)).unwrap();
        assert_eq!(cut("*.mp3"), (String::new(), false));
        assert_eq!(cut("music/live/a?.mp3"), ("music/live".into(), false));
        assert_eq!(cut("music/*/a.mp3"), ("music".into(), true));
        assert_eq!(cut("/tmp/x*"), ("/tmp".into(), false));
    }

    #[test]
    fn stars_do_not_cross_folders_and_braces_are_characters() {
        let matches = |text: &str, name| Pattern::find(text).unwrap().matches(name);
        assert!(matches("*.mp3", "a.mp3") && !matches("*.mp3", "b/a.mp3") && matches("**", "b/a.mp3"));
        assert!(matches("x/[ab]?", "a1") && !matches("[ab]?", "c1"));
        assert!(matches("{a,b}*", "{a,b}1") && !matches("{a,b}*", "a1"));
        assert!(matches(r"a\*", r"a\b"));
    }

    #[test]
    fn all_in_a_folder_is_a_pattern_whatever_its_name() {
        for folder in ["x", "a[1]", "*?", "a{b}"] {
            let text = Pattern::all_in(folder);
            let pattern = Pattern::find(&text).unwrap();
            let rest = if pattern.folder.is_empty() { format!("{folder}/") } else { String::new() };
            assert!(pattern.matches(&format!("{rest}.hidden")), "{text}");
            assert!(!pattern.matches(&format!("{rest}a/b")) && !pattern.matches("other/a"), "{text}");
        }
    }
}
