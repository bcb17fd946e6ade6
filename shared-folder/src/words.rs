//! The one tokeniser: what a word is in a search, for every program. Must not know where the texts come from.

/// The words of a text: runs of letters and digits, in lower case. Everything else separates.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// What a search asks for: all of some words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Vec<String>);

impl Query {
    /// The words of `text`; `None` if it has none, which would match everything.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut wanted: Vec<String> = words(text).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() { None } else { Some(Self(wanted)) }
    }

    /// The words, each once.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether every word occurs in `path` as a whole word, so that an exact name always finds its file.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let found: Vec<String> = words(path).collect();
        self.0.iter().all(|word| found.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_words_must_occur_and_case_does_not_matter() {
        let query = Query::new("LIVE song").unwrap();
        assert!(query.matches("music/My Song (live).mp3"));
        assert!(!query.matches("music/My Song.mp3"));
        assert!(!query.matches("music/songs live.mp3"), "whole words only");
    }

    #[test]
    fn a_text_without_words_is_no_query() {
        assert_eq!(Query::new(" .-/ "), None);
    }

    proptest! {
        #[test]
        fn the_exact_path_always_finds_itself(path in "\\PC{1,40}") {
            if let Some(query) = Query::new(&path) {
                prop_assert!(query.matches(&path));
            }
        }
    }
}
