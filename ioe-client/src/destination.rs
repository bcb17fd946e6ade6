//! Whom to connect to, as it was typed: an address, or a line that says also whose key answers there, and may invite.
//!
//! Must not know any connection. No secret of an invitation is in any text from here.

use crate::failure::Failure;
use program::escape::Escaped;
use std::fmt;
use wire::invitation::Secret;
use wire::key::PublicKey;
use wire::net::{Address, Locator, LocatorError};

/// Where a server listens unless it is told otherwise.
const PORT: u16 = 10_000;
/// Hex digits after a `#` that begin a key, and no name of a file.
const KEY_START_DIGITS: usize = 32;
/// What is at least left of a secret where the line before it is damaged.
const SECRET_DIGITS_MIN: usize = 16;
/// What stands in place of a secret.
const HIDDEN: char = '…';

/// Where, and what is known of who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) address: Address,
    /// Whose key answers there, as the line says.
    pub(crate) key: Option<PublicKey>,
    /// What enrols this client.
    pub(crate) invitation: Option<Secret>,
}

impl Destination {
    /// Reads `HOST:PORT`, or a line that begins with `ioe://`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if is_line(text) {
            return Self::of_line(text);
        }
        text.parse::<Address>()
            .map(Self::from)
            .map_err(|error| Failure::usage(format!("'{}' is no address: {error}", Escaped(text))))
    }

    /// [`Destination::parse`], where the usual port need not be said.
    pub(crate) fn parse_with_usual_port(text: &str) -> Result<Self, Failure> {
        if is_line(text) { Self::of_line(text) } else { Self::parse(&with_port(text)) }
    }

    /// Reads a host and a port.
    pub(crate) fn of_host(host: &str, port: &str) -> Result<Self, Failure> {
        if [host, port].into_iter().any(is_line) {
            return Err(unreadable(&LocatorError::Form));
        }
        Address::new(host, port).map(Self::from).map_err(|error| Failure::usage(error.to_string()))
    }

    /// Reads a line that begins with `ioe://`.
    pub(crate) fn of_line(text: &str) -> Result<Self, Failure> {
        let Locator { address, key, invitation } = text.parse().map_err(|error| unreadable(&error))?;
        Ok(Self { address, key: Some(key), invitation })
    }
}

impl From<Address> for Destination {
    fn from(address: Address) -> Self {
        Self { address, key: None, invitation: None }
    }
}

/// Without what only its owner may know.
impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(formatter)
    }
}

/// Whether a text is meant as such a line, however damaged: then its text is not shown again.
pub(crate) fn is_line(text: &str) -> bool {
    Locator::is_meant(text) || text.contains(['#', '/'])
}

/// What was typed, without the secrets of invitations in it.
pub(crate) fn without_secrets(text: &str) -> String {
    let is_meant = text.to_ascii_lowercase().contains("ioe:/");
    let mut parts = text.split('.');
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let length = part.find(|c: char| !c.is_alphanumeric()).unwrap_or(part.len());
        let (secret, rest) = part.split_at(length);
        let is_secret = digits_of_key(&shown)
            .map_or(is_meant && secret.len() >= SECRET_DIGITS_MIN, |digits| {
                is_meant || digits >= KEY_START_DIGITS
            });
        shown.push('.');
        if is_secret {
            shown.push(HIDDEN);
        } else {
            shown.push_str(secret);
        }
        shown.push_str(rest);
    }
    shown
}

/// The hex digits at the end of a text, where a `#` stands before them.
fn digits_of_key(text: &str) -> Option<usize> {
    let before = text.trim_end_matches(|c: char| c.is_ascii_hexdigit());
    before.ends_with('#').then(|| text.len() - before.len())
}

fn unreadable(error: &LocatorError) -> Failure {
    Failure::usage(error.to_string())
}

/// The address with the usual port, where it has none.
fn with_port(text: &str) -> String {
    let is_bare = !text.is_empty() && (!text.contains(':') || (text.starts_with('[') && text.ends_with(']')));
    if is_bare { format!("{text}:{PORT}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn line() -> String {
        format!("ioe://host:1/#{}.{SECRET}", "ab".repeat(32))
    }

    #[test]
    fn an_address_without_a_port_means_the_usual_one() {
        for (typed, meant) in [("host", "host:10000"), ("[::1]", "[::1]:10000"), ("host:5", "host:5")] {
            assert_eq!(Destination::parse_with_usual_port(typed).unwrap().to_string(), meant);
        }
        // What is no address becomes none by it.
        for text in ["", "::1", "host:"] {
            assert!(Destination::parse_with_usual_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_line_says_whose_key_answers_and_what_invites() {
        let destination = Destination::parse(&line()).unwrap();
        assert_eq!(destination.key, Some(PublicKey([0xab; 32])));
        assert!(destination.invitation.is_some() && destination.to_string() == "host:1");
        assert!(!format!("{destination:?}").contains(SECRET));
    }

    #[test]
    fn no_error_shows_a_secret() {
        let line = line();
        let typed = [
            line.replacen("ioe://", "", 1),
            line.replacen("://", ":/", 1),
            line.replacen(":1/", "/", 1),
            line.replacen(":1/", ":x/", 1),
            line.replacen('#', "", 1),
            line.replacen("#ab", "#", 1),
            format!("{line}0"),
        ];
        for text in typed {
            for parsed in [Destination::parse(&text), Destination::parse_with_usual_port(&text)] {
                let Failure { code, message } = parsed.unwrap_err();
                assert!(code == crate::failure::Code::Usage && !message.contains(SECRET), "{message}");
            }
        }
        let error = Destination::of_host("host", &line[11..]).unwrap_err();
        assert!(!error.message.contains(SECRET), "{}", error.message);
    }

    #[test]
    fn a_text_is_kept_without_its_secrets() {
        let shown = format!("CONNECT ioe://host:1/#{}.…", "ab".repeat(32));
        assert_eq!(without_secrets(&format!("CONNECT {}", line())), shown);
        assert_eq!(
            without_secrets(&format!("CONNECT,{}, x#y.z", line())),
            format!("{}, x#y.z", shown.replace(' ', ","))
        );
        assert!(!without_secrets(&format!("connect host:1/#{}.{SECRET}0", "ab".repeat(31))).contains(SECRET));
        assert!(!without_secrets(&format!("connect ioe://host:1/#abc.{SECRET}")).contains(SECRET));
        assert!(!without_secrets(&format!("connect {}", line().replace('#', ""))).contains(SECRET));
        for plain in ["READ #1.mp3 a#b.txt", "", "LIST", "READ #beef.txt"] {
            assert_eq!(without_secrets(plain), plain);
        }
    }
}
