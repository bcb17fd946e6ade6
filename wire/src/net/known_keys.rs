//! Whose keys are known: one line for each address, `HOST:PORT KEY`; '#' at a line's start comments.
//!
//! Must not know where the text is kept.

use super::{Address, AddressError};
use crate::key::{NoPublicKey, PublicKey};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Addresses whose keys are known at once. Exceeded: the text is refused, as nobody typed so many.
const KNOWN_MAX: usize = 10_000;

/// Addresses and the keys that answer there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownKeys(BTreeMap<String, PublicKey>);

/// Why a text is no list of keys: whom it would name is not known then, and nobody is trusted by guess.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KnownKeysError {
    /// A line is not two words.
    #[error("line {0} is not an address and a key")]
    Form(usize),
    /// An address is none.
    #[error("line {0}: {1}")]
    Address(usize, AddressError),
    /// A key is none.
    #[error("line {0}: {1}")]
    Key(usize, NoPublicKey),
    /// Two lines name one address.
    #[error("line {0} names an address a second time")]
    Twice(usize),
    /// Too many lines.
    #[error("more than {KNOWN_MAX} keys")]
    TooMany,
}

impl KnownKeys {
    /// The key of `address`: under its own name, or, of this machine, under any of its names.
    #[must_use]
    pub fn key_of(&self, address: &Address) -> Option<PublicKey> {
        self.place_of(address).map(|(_, key)| *key)
    }

    /// From now on, `address` has this key.
    pub fn learn(&mut self, address: &Address, key: PublicKey) {
        let name = self.place_of(address).map(|(name, _)| name.clone());
        self.0.insert(name.unwrap_or_else(|| name_of(address)), key);
    }

    /// From now on, the key of `address` is not known; false where it was not.
    pub fn forget(&mut self, address: &Address) -> bool {
        let name = self.place_of(address).map(|(name, _)| name.clone());
        name.is_some_and(|name| self.0.remove(&name).is_some())
    }

    fn place_of(&self, address: &Address) -> Option<(&String, &PublicKey)> {
        let own = [name_of(address)];
        let others = if address.is_this_machine() { address.names_of_this_machine() } else { Vec::new() };
        own.iter().chain(&others).find_map(|name| self.0.get_key_value(name))
    }
}

/// Host names are the same in any case.
fn name_of(address: &Address) -> String {
    address.to_string().to_ascii_lowercase()
}

impl FromStr for KnownKeys {
    type Err = KnownKeysError;

    fn from_str(text: &str) -> Result<Self, KnownKeysError> {
        let mut known = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(address), Some(key), None) = (words.next(), words.next(), words.next()) else {
                return Err(KnownKeysError::Form(number));
            };
            let address: Address = address.parse().map_err(|error| KnownKeysError::Address(number, error))?;
            let key = key.parse().map_err(|error| KnownKeysError::Key(number, error))?;
            if known.len() >= KNOWN_MAX {
                return Err(KnownKeysError::TooMany);
            }
            if known.insert(name_of(&address), key).is_some() {
                return Err(KnownKeysError::Twice(number));
            }
        }
        Ok(Self(known))
    }
}

impl fmt::Display for KnownKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(address, key)| writeln!(formatter, "{address} {key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_known_by_its_address_in_any_case_and_forgotten_again() {
        let mut known = KnownKeys::default();
        known.learn(&address("Files.Example:1"), PublicKey([1; 32]));
        assert_eq!(known.key_of(&address("files.example:1")), Some(PublicKey([1; 32])));
        assert_eq!(known.key_of(&address("files.example:2")), None);
        assert!(known.forget(&address("files.example:1")) && !known.forget(&address("files.example:1")));
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        let mut known = KnownKeys::default();
        known.learn(&address("127.0.0.1:7"), PublicKey([1; 32]));
        for name in ["localhost:7", "[::1]:7", "127.0.0.1:7", "LOCALHOST:7"] {
            assert_eq!(known.key_of(&address(name)), Some(PublicKey([1; 32])), "{name}");
        }
        known.learn(&address("localhost:7"), PublicKey([2; 32]));
        assert_eq!(known.to_string(), format!("127.0.0.1:7 {}\n", PublicKey([2; 32])));
        assert_eq!(known.key_of(&address("localhost:8")), None);
    }

    #[test]
    fn a_list_is_read_and_written_alike_and_what_is_wrong_with_one_is_said() {
        let (key, other) = (PublicKey([1; 32]), PublicKey([2; 32]));
        let text = format!("[::1]:5 {key}\nhost:1 {other}\n");
        assert_eq!(text.parse::<KnownKeys>().unwrap().to_string(), text);
        assert_eq!(format!("# mine\n\n{text}").parse::<KnownKeys>().unwrap().to_string(), text);
        let wrong = |text: String| text.parse::<KnownKeys>().unwrap_err();
        assert_eq!(wrong(format!("host:1 {key} x")), KnownKeysError::Form(1));
        assert_eq!(wrong("\nhost:1".to_owned()), KnownKeysError::Form(2));
        assert!(matches!(wrong(format!("host {key}")), KnownKeysError::Address(1, _)));
        assert!(matches!(wrong("host:1 abc".to_owned()), KnownKeysError::Key(1, _)));
        assert_eq!(wrong(format!("host:1 {key}\nHOST:1 {other}")), KnownKeysError::Twice(2));
        let many: String = (0..=KNOWN_MAX).map(|number| format!("h{number}:1 {key}\n")).collect();
        assert_eq!(wrong(many), KnownKeysError::TooMany);
    }
}
