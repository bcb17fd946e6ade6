//! What a guest is called. Pure.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// Characters of a guest's name: lists stay readable. Exceeded: it is no name.
pub const NAME_CHARACTERS_MAX: usize = 64;
/// What everybody together is called, so that no guest can be.
pub const PUBLIC_NAME: &str = "public";

/// A name that can be told from others by looking at it, in one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestName(Arc<str>);

/// A text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoName {
    /// Empty, or too long.
    #[error("a name has 1 to {NAME_CHARACTERS_MAX} characters")]
    Length,
    /// A space, a control character, or one that shows nothing or turns the direction of others.
    #[error("a name has no spaces and no characters that cannot be seen")]
    Unseen,
    /// Kept for everybody together.
    #[error("'{PUBLIC_NAME}' is everybody: take another name")]
    Public,
}

impl GuestName {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As text that others may hold.
    #[must_use]
    pub fn to_shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl FromStr for GuestName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        if text.is_empty() || text.chars().nth(NAME_CHARACTERS_MAX).is_some() {
            return Err(NoName::Length);
        }
        if text.chars().any(|character| character.is_whitespace() || is_unseen(character)) {
            return Err(NoName::Unseen);
        }
        if text.eq_ignore_ascii_case(PUBLIC_NAME) { Err(NoName::Public) } else { Ok(Self(text.into())) }
    }
}

impl fmt::Display for GuestName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Controls, and the default-ignorable code points of <https://www.unicode.org/reports/tr44/>, variation selectors among
/// them: two names that look alike would be two guests.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_all_of_them_can_be_seen() {
        let longest = "ü".repeat(NAME_CHARACTERS_MAX);
        for name in ["a", "alice", "alice@laptop", "Ольга", &longest] {
            assert_eq!(name.parse::<GuestName>().map(|name| name.to_string()).as_deref(), Ok(name));
        }
        for (text, error) in [
            ("", NoName::Length),
            (format!("{longest}x").as_str(), NoName::Length),
            ("a b", NoName::Unseen),
            ("a\n", NoName::Unseen),
            ("a\u{202e}b", NoName::Unseen),
            ("a\u{200b}", NoName::Unseen),
            ("\u{3164}", NoName::Unseen),
            ("public", NoName::Public),
            ("Public", NoName::Public),
        ] {
            assert_eq!(text.parse::<GuestName>(), Err(error), "{text:?}");
        }
    }
}
