//! Whom this client trusts, and who it is itself: decided before anybody is dialled, from what is kept in the state folder
//! and from what was typed. There is no way back to plain text.
//!
//! Must not know what is said in a session.

use crate::destination::Destination;
use crate::failure::{Code, Failure};
use crate::known_keys;
use program::secret_file::{self, SecretFileError};
use program::state_folder::StateFolder;
use std::rc::Rc;
use wire::connection::{Identity, Offer};
use wire::key::PublicKey;
use wire::net::{Address, Expected, PlainTo, Security, WrongKey};

/// Hex digits of a key that a person compares at a time.
const GROUP_DIGITS: usize = 4;
/// Groups in a line.
const LINE_GROUPS: usize = 8;

/// What this client trusts by.
pub(crate) struct Trust {
    state: Rc<StateFolder>,
    plaintext: bool,
    own: Option<Own>,
}

/// Who this client is.
struct Own {
    offer: Offer,
    /// Why its key lasts no longer than this run, where that is so.
    unkept: Option<SecretFileError>,
}

impl Trust {
    /// Of a client that keeps what it knows there; `plaintext`: it speaks plain text to whoever has no known key.
    pub(crate) fn new(state: Rc<StateFolder>, plaintext: bool) -> Self {
        Self { state, plaintext, own: None }
    }

    /// How a destination is dialled, and whose key is expected there.
    pub(crate) fn security(&mut self, destination: &Destination) -> Result<Security, Failure> {
        let Destination { address, key, invitation } = destination;
        let expected = self.expected(address, *key)?;
        let plain = if self.plaintext { PlainTo::Anywhere } else { PlainTo::Loopback };
        // Where nobody knows the host, dialling will say so.
        let is_secure =
            expected != Expected::Nothing || !self.plaintext && address.is_beyond_loopback().unwrap_or(true);
        let offer = if is_secure { Some(self.own()?.offer.clone()) } else { None };
        if invitation.is_some() {
            self.check_kept()?;
        }
        Ok(Security { offer, expected, plain })
    }

    /// From now on, the key is known; false where it was before.
    pub(crate) fn learn(&self, address: &Address, key: PublicKey) -> Result<bool, Failure> {
        if known_keys::read(&self.state).map_err(|error| Failure::local(error.to_string()))?.key_of(address)
            == Some(key)
        {
            return Ok(false);
        }
        let learned = known_keys::change(&self.state, |known| match known.key_of(address) {
            // Another client was quicker, and was told another key.
            Some(expected) if expected != key => {
                Err(mismatch(&WrongKey { address: address.clone(), expected, found: key }))
            }
            _ => {
                known.learn(address, key);
                Ok(true)
            }
        });
        learned.map_err(|error| Failure::local(error.to_string()))?
    }

    /// From now on, no key of the address is known; false where none was.
    pub(crate) fn forget(&self, address: &Address) -> Result<bool, Failure> {
        known_keys::change(&self.state, |known| known.forget(address))
            .map_err(|error| Failure::local(error.to_string()))
    }

    fn expected(&self, address: &Address, typed: Option<PublicKey>) -> Result<Expected, Failure> {
        let known = known_keys::read(&self.state).map_err(|error| Failure::local(error.to_string()))?;
        // Under another spelling it is the same end: what is known of its number counts.
        let by_number =
            || address.resolve().ok()?.into_iter().find_map(|number| known.key_of(&number.into()));
        match (known.key_of(address).or_else(by_number), typed) {
            (Some(expected), Some(found)) if expected != found => {
                Err(mismatch(&WrongKey { address: address.clone(), expected, found }))
            }
            (Some(key), _) | (None, Some(key)) => Ok(Expected::Key(key)),
            (None, None) => Ok(Expected::Nothing),
        }
    }

    /// This client's own key, which is made where there is none yet and is on the disk before anybody sees it.
    fn own(&mut self) -> Result<&Own, Failure> {
        let own = match self.own.take() {
            Some(own) => own,
            None => self.make_own()?,
        };
        Ok(self.own.insert(own))
    }

    fn make_own(&self) -> Result<Own, Failure> {
        let kept = secret_file::own_key(&self.state, Identity::generate_kept, Identity::from_pkcs8);
        let (identity, unkept) = match kept {
            Ok(identity) => (identity, None),
            Err(error) if error.is_unmakable() => {
                log::debug!("the key of this run is not kept: {error}");
                let (identity, _) = Identity::generate().map_err(|error| Failure::of_local(&error))?;
                (identity, Some(error))
            }
            Err(error) => return Err(Failure::of_local(&error)),
        };
        let offer = Offer::of(&identity).map_err(|error| Failure::of_local(&error))?;
        Ok(Own { offer, unkept })
    }

    /// An invitation works once: not for a key that would be lost.
    fn check_kept(&mut self) -> Result<(), Failure> {
        let Some(error) = &self.own()?.unkept else { return Ok(()) };
        let why = Failure::of_local(error).message;
        Err(Failure::local(format!(
            "the invitation is not used, because this client's own key could not be kept ({why}): give a folder for it \
             with --state-dir DIR"
        )))
    }
}

/// Somebody else than who is known.
fn mismatch(wrong: &WrongKey) -> Failure {
    explained(Failure::new(Code::KeyMismatch, wrong.to_string()), &wrong.address)
}

/// What a failure about a key says about how to go on.
pub(crate) fn explained(failure: Failure, address: &Address) -> Failure {
    let advice = match failure.code {
        Code::KeyMismatch => format!(
            "Ask its owner; if the new key is right, forget the old one with ioe-client --forget-key {address} (and the --state-dir of this command, if it has one), and connect again"
        ),
        Code::UnknownKey => "Ask the server's owner for its ioe:// line, and connect with that".to_owned(),
        _ => return failure,
    };
    Failure { message: format!("{}. {advice}", failure.message), ..failure }
}

/// A key as people compare it.
pub(crate) fn grouped(key: PublicKey) -> String {
    let digits = key.to_string();
    let groups: Vec<_> = digits.as_bytes().chunks(GROUP_DIGITS).map(String::from_utf8_lossy).collect();
    let lines: Vec<_> =
        groups.chunks(LINE_GROUPS).map(|groups| format!("    {}", groups.join(" "))).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PublicKey = PublicKey([0xab; 32]);

    fn trust(plaintext: bool) -> (tempfile::TempDir, Trust) {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open_shared(folder.path());
        (folder, Trust::new(Rc::new(state), plaintext))
    }

    fn to(text: &str) -> Destination {
        Destination::parse(text).unwrap()
    }

    #[test]
    fn plain_text_is_for_this_machine_and_for_whoever_wants_it_where_no_key_is_known() {
        for (plaintext, address, is_secure) in [
            (false, "127.0.0.1:1", false),
            (false, "localhost:1", false),
            (false, "0.0.0.0:1", true),
            (true, "0.0.0.0:1", false),
        ] {
            let (_folder, mut trust) = trust(plaintext);
            let security = trust.security(&to(address)).unwrap();
            assert_eq!(
                (security.offer.is_some(), security.expected),
                (is_secure, Expected::Nothing),
                "{address}"
            );
            trust.learn(&to(address).address, KEY).unwrap();
            let security = trust.security(&to(address)).unwrap();
            assert_eq!(
                (security.offer.is_some(), security.expected),
                (true, Expected::Key(KEY)),
                "{address}"
            );
        }
    }

    #[test]
    fn a_key_is_made_only_by_who_needs_one_and_stays_the_same() {
        let (folder, mut trust) = trust(false);
        trust.security(&to("127.0.0.1:1")).unwrap();
        assert!(!folder.path().join("key").exists());
        trust.security(&to(&format!("ioe://127.0.0.1:1/#{KEY}"))).unwrap();
        let kept = std::fs::read(folder.path().join("key")).unwrap();
        trust.own = None;
        trust.own().unwrap();
        assert_eq!(std::fs::read(folder.path().join("key")).unwrap(), kept);
    }

    #[test]
    fn an_invitation_is_not_spent_on_a_key_that_is_not_kept() {
        let mut trust = Trust::new(Rc::new(StateFolder::nowhere("a")), false);
        let line = format!("ioe://127.0.0.1:1/#{KEY}");
        assert!(trust.security(&to(&line)).unwrap().offer.is_some());
        let error = trust.security(&to(&format!("{line}.{}", "f".repeat(32)))).unwrap_err();
        assert!(
            error.code == Code::LocalFile && error.message.contains("could not be kept"),
            "{}",
            error.message
        );
    }

    #[test]
    fn another_key_than_the_known_one_is_named_with_it_and_with_what_to_do() {
        let (_folder, mut trust) = trust(false);
        assert!(trust.learn(&to("localhost:1").address, KEY).unwrap());
        assert!(!trust.learn(&to("127.0.0.1:1").address, KEY).unwrap());
        let other = PublicKey([1; 32]);
        let error = trust.security(&to(&format!("ioe://[::1]:1/#{other}"))).unwrap_err();
        for part in [KEY.to_string(), other.to_string(), "--forget-key [::1]:1".to_owned()] {
            assert!(error.message.contains(&part), "{part} in {}", error.message);
        }
        assert_eq!(error.code, Code::KeyMismatch);
        assert_eq!(trust.learn(&to("127.0.0.1:1").address, other).unwrap_err().code, Code::KeyMismatch);
        assert!(
            trust.forget(&to("[::1]:1").address).unwrap() && !trust.forget(&to("[::1]:1").address).unwrap()
        );
    }

    #[test]
    fn a_key_is_shown_in_groups_that_can_be_compared() {
        let shown = grouped(KEY);
        assert_eq!(shown.split_whitespace().collect::<String>(), KEY.to_string());
        assert!(shown.lines().all(|line| line.len() < 80) && shown.lines().count() == 2);
    }
}
