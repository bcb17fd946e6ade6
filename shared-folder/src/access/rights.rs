//! What a guest may do, as five rights and sets of them. Pure: must not know to whom they are given, nor where.

use core::fmt;
use core::str::FromStr;
use thiserror::Error;

/// One thing that a guest may be allowed to do at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See the name in listings, with its size and times.
    List,
    /// Read the content and its digest.
    Read,
    /// Make a file or folder where there is none.
    Create,
    /// Put another file in the place of one.
    Replace,
    /// Remove it.
    Delete,
}

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rights(u8);

/// A word is no right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{word}' is no right: there are list, read, create, replace and delete")]
pub struct NoRight {
    word: String,
}

/// A text names no set of rights.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "'{word}' is no right: give 'read' (list,read), 'write' (all), 'drop' (create), or some of list,read,create,replace,delete with commas between them"
)]
pub struct NoRights {
    word: String,
}

impl Right {
    /// Each of them, in their order.
    pub const ALL: [Self; 5] = [Self::List, Self::Read, Self::Create, Self::Replace, Self::Delete];

    /// As people write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::List => 1,
            Self::Read => 2,
            Self::Create => 4,
            Self::Replace => 8,
            Self::Delete => 16,
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for Right {
    type Err = NoRight;

    fn from_str(text: &str) -> Result<Self, NoRight> {
        let named = Self::ALL.into_iter().find(|right| right.word() == text);
        named.ok_or_else(|| NoRight { word: text.to_owned() })
    }
}

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// All five.
    pub const ALL: Self = Self(31);

    /// To look: list and read.
    #[must_use]
    pub fn read() -> Self {
        [Right::List, Right::Read].into_iter().collect()
    }

    /// To leave something and see nothing: create.
    #[must_use]
    pub fn drop_box() -> Self {
        Self(Right::Create.bit())
    }

    /// Those of a list, by the letter: `read` is to read, and not to list. `all` is all five.
    ///
    /// # Errors
    /// Where a word is no right.
    pub fn listed(text: &str) -> Result<Self, NoRight> {
        match text {
            "all" => Ok(Self::ALL),
            list => list.split(',').map(|word| word.trim().parse::<Right>()).collect(),
        }
    }

    /// Whether `right` is among them.
    #[must_use]
    pub fn contains(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Those of either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Each of them, in their order.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.contains(*right))
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right.bit()))
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Right::word).collect();
        formatter.write_str(if words.is_empty() { "nothing" } else { "" })?;
        formatter.write_str(&words.join(","))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Rights({self})")
    }
}

/// One word is read as people mean it: `read` alone lets its holder list, too.
impl FromStr for Rights {
    type Err = NoRights;

    fn from_str(text: &str) -> Result<Self, NoRights> {
        match text {
            "all" => Err(NoRights { word: text.to_owned() }),
            "read" => Ok(Self::read()),
            "write" => Ok(Self::ALL),
            "drop" => Ok(Self::drop_box()),
            list => Self::listed(list).map_err(|NoRight { word }| NoRights { word }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_for_many_rights_and_lists_of_words_are_read() {
        let read = |text: &str| text.parse::<Rights>().map(|rights| rights.to_string());
        for (text, rights) in [
            ("read", "list,read"),
            ("write", "list,read,create,replace,delete"),
            ("drop", "create"),
            ("list", "list"),
            ("delete, list", "list,delete"),
            ("read,create", "read,create"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(rights), "{text}");
        }
    }

    #[test]
    fn a_list_is_taken_by_the_letter() {
        let listed = |text| Rights::listed(text).map(|rights| rights.to_string());
        assert_eq!(listed("read").as_deref(), Ok("read"));
        assert_eq!(listed("read,create").as_deref(), Ok("read,create"));
        assert_eq!(listed("all").as_deref(), Ok("list,read,create,replace,delete"));
        assert!(listed("write").is_err() && listed("all,read").is_err());
    }

    #[test]
    fn an_unknown_word_is_named_beside_the_known_ones() {
        for (text, word) in [("", "''"), ("list,", "''"), ("list,wirte", "'wirte'"), ("read,drop", "'drop'")]
        {
            let told = text.parse::<Rights>().unwrap_err().to_string();
            let is_told =
                Right::ALL.iter().all(|right| told.contains(right.word())) && told.starts_with(word);
            assert!(is_told, "{text}: {told}");
        }
        let told = "Read".parse::<Right>().unwrap_err().to_string();
        assert_eq!(told, "'Read' is no right: there are list, read, create, replace and delete");
    }

    #[test]
    fn no_right_is_said_as_nothing() {
        assert_eq!((Rights::NONE.to_string().as_str(), Rights::NONE.is_empty()), ("nothing", true));
    }

    proptest! {
        #[test]
        fn a_set_has_what_was_put_in_and_no_more(bits in 0u8..32, others in 0u8..32) {
            let (one, other) = (Rights(bits), Rights(others));
            prop_assert_eq!(one.iter().collect::<Rights>(), one);
            for right in Right::ALL {
                prop_assert_eq!(one.union(other).contains(right), one.contains(right) || other.contains(right));
                prop_assert_eq!(right.word().parse(), Ok(right));
            }
        }

        #[test]
        fn no_text_is_read_as_more_than_it_says(text in "[a-z,]{0,24}") {
            if let Ok(rights) = text.parse::<Rights>() {
                let is_bundle = ["read", "write", "drop"].contains(&text.as_str());
                prop_assert!(is_bundle || rights.iter().all(|right| text.contains(right.word())), "{}", text);
            }
        }
    }
}
