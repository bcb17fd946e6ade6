//! `NAME:RIGHTS[:FOLDER]` and `read|write` as options say them. Must not know what follows from them.

use shared_folder::access::{GuestName, Rights, Rule};
use std::str::FromStr;
use thiserror::Error;
use wire::path::SharedPath;

/// Somebody who is to be invited.
#[derive(Debug, Clone)]
pub(crate) struct Invited {
    pub(crate) name: GuestName,
    pub(crate) rule: Rule,
}

/// What everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Public(pub(crate) Rights);

/// Why a text says neither.
#[derive(Debug, Error)]
pub(crate) enum NotInvited {
    #[error("NAME:RIGHTS or NAME:RIGHTS:FOLDER is needed, as anna:write or ben:read:music")]
    Form,
    #[error(transparent)]
    Name(#[from] shared_folder::access::NoName),
    #[error(transparent)]
    Rights(#[from] shared_folder::access::NoRights),
    #[error("the folder: {0}")]
    Folder(#[from] wire::path::PathError),
    #[error("'{0}' is neither read nor write")]
    Public(String),
}

impl FromStr for Invited {
    type Err = NotInvited;

    fn from_str(text: &str) -> Result<Self, NotInvited> {
        let (name, rest) = text.split_once(':').ok_or(NotInvited::Form)?;
        let (rights, below) = match rest.split_once(':') {
            Some((rights, folder)) => (rights, Some(SharedPath::parse(folder)?)),
            None => (rest, None),
        };
        Ok(Self { name: name.parse()?, rule: Rule::allow(rights.parse()?, below) })
    }
}

impl FromStr for Public {
    type Err = NotInvited;

    fn from_str(text: &str) -> Result<Self, NotInvited> {
        match text {
            "read" => Ok(Self(Rights::read())),
            "write" => Ok(Self(Rights::ALL)),
            other => Err(NotInvited::Public(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_rights_and_a_folder_are_told_apart() {
        let read = |text: &str| text.parse::<Invited>().map(|invited| (invited.name, invited.rule));
        let (name, rule) = read("anna:write").unwrap();
        assert_eq!((name.as_str(), rule), ("anna", Rule::allow(Rights::ALL, None)));
        let (_, rule) = read("ben:list,read:music/live: 1").unwrap();
        assert_eq!(rule.to_string(), "allow list,read below 'music/live: 1'");
        for wrong in ["", "anna", ":read", "anna:", "anna:fly", "anna:read:/x", "an na:read", "public:read"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn everybody_may_read_or_write() {
        assert_eq!("read".parse::<Public>().unwrap(), Public(Rights::read()));
        assert!("drop".parse::<Public>().is_err());
    }
}
