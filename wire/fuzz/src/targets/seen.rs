//! What an input came to, as a number: two inputs with the same number are alike as far as anybody can see.

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// What an input came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen(pub u64);

impl Seen {
    /// The number of something that is the same in each run.
    pub fn of(what: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Which of the quoted words after `keys` stand in `bytes`, in their order.
    pub(super) fn values_in(bytes: &[u8], keys: &[&str]) -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let parts: Vec<&str> = text.split('"').collect();
        let is_key = |pair: &&[&str]| matches!(pair, [key, ":", _] if keys.contains(key));
        parts
            .windows(3)
            .filter(is_key)
            .filter_map(|pair| pair.last())
            .map(|value| (*value).to_owned())
            .collect()
    }
}

/// A text without its numbers and quotations: how an error is told, without what it is about.
pub(super) fn kind_of(text: &str) -> String {
    let outside = text.split(['"', '\'', '`']).step_by(2);
    outside.flat_map(str::chars).filter(|letter| !letter.is_ascii_digit()).collect()
}
