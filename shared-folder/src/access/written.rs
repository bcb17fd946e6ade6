//! The access file as text: JSON, read strictly, because what is misread there lets somebody in. Pure.
//!
//! Must not know what the rules come to.

use super::document::{
    Document, FILE_BYTES_MAX, GRANTS_MAX, Grant, INVITATIONS_MAX, Invitation, RULES_MAX, Use,
};
use super::name::GuestName;
use super::rights::{Right, Rights};
use super::rules::{Effect, Rule};
use core::fmt::Display;
use core::str::FromStr;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use thiserror::Error;
use wire::path::SharedPath;

/// Which form of the file this is.
const VERSION: u64 = 1;

/// The bytes are no access file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnreadableDocument {
    /// More than [`FILE_BYTES_MAX`].
    #[error("it is longer than {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// It is no JSON, or not of this form; with line and column.
    #[error("{0}")]
    Form(String),
    /// Another version wrote it.
    #[error("v: it is of form {0}, and this program reads form {VERSION}: use the program that wrote it")]
    Version(u64),
    /// One field says what it must not.
    #[error("{place}: {reason}")]
    Field {
        /// As in `grants[2] 'alice': rules[0].below`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDocument {
    v: u64,
    grants: Vec<WrittenGrant>,
    invitations: Vec<WrittenInvitation>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGrant {
    name: String,
    key: String,
    rules: Vec<WrittenRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenInvitation {
    name: String,
    rules: Vec<WrittenRule>,
    secret_hash: String,
    expires: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<WrittenUse>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenUse {
    at: String,
    by: String,
}

/// Either `allow` or `deny`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allow: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deny: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    below: Option<String>,
}

impl Document {
    /// Reads the access file.
    ///
    /// # Errors
    /// The first thing that is not as it must be, and where it stands.
    pub fn parse(bytes: &[u8]) -> Result<Self, UnreadableDocument> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(UnreadableDocument::TooLong);
        }
        let written: WrittenDocument =
            serde_json::from_slice(bytes).map_err(|error| UnreadableDocument::Form(error.to_string()))?;
        if written.v != VERSION {
            return Err(UnreadableDocument::Version(written.v));
        }
        check_count("grants", written.grants.len(), GRANTS_MAX)?;
        check_count("invitations", written.invitations.len(), INVITATIONS_MAX)?;
        let grants: Vec<_> = numbered(&written.grants, read_grant)?;
        check_names(&grants)?;
        Ok(Self { grants, invitations: numbered(&written.invitations, read_invitation)? })
    }

    /// The text that is read as this document.
    ///
    /// # Errors
    /// When it is too long to be read again.
    pub fn render(&self) -> Result<Vec<u8>, UnreadableDocument> {
        let written = WrittenDocument {
            v: VERSION,
            grants: self.grants.iter().map(write_grant).collect(),
            invitations: self.invitations.iter().map(write_invitation).collect(),
        };
        let mut bytes = serde_json::to_vec_pretty(&written)
            .map_err(|error| UnreadableDocument::Form(error.to_string()))?;
        bytes.push(b'\n');
        if bytes.len() > FILE_BYTES_MAX { Err(UnreadableDocument::TooLong) } else { Ok(bytes) }
    }
}

fn numbered<W, T>(
    written: &[W],
    read: impl Fn(usize, &W) -> Result<T, UnreadableDocument>,
) -> Result<Vec<T>, UnreadableDocument> {
    written.iter().enumerate().map(|(number, written)| read(number, written)).collect()
}

fn fault(place: impl Display, reason: impl Display) -> UnreadableDocument {
    UnreadableDocument::Field { place: place.to_string(), reason: reason.to_string() }
}

fn check_count(place: impl Display, count: usize, count_max: usize) -> Result<(), UnreadableDocument> {
    let too_many = || fault(place, format!("there are {count}, and {count_max} are possible: remove some"));
    if count > count_max { Err(too_many()) } else { Ok(()) }
}

/// Names of invitations are compared when one is made, because that needs a clock.
fn check_names(grants: &[Grant]) -> Result<(), UnreadableDocument> {
    let mut seen = BTreeSet::new();
    let again = grants.iter().enumerate().find(|(_, grant)| !seen.insert(&grant.name));
    again.map_or(Ok(()), |(number, grant)| {
        Err(fault(
            format!("grants[{number}] '{}': name", grant.name),
            "another grant has it: take another one",
        ))
    })
}

fn read_grant(number: usize, written: &WrittenGrant) -> Result<Grant, UnreadableDocument> {
    let name = read_name(&format!("grants[{number}]"), &written.name)?;
    let place = format!("grants[{number}] '{name}'");
    let key = read_field(&place, "key", &written.key)?;
    Ok(Grant { key, rules: read_rules(&place, &written.rules)?, name })
}

fn read_invitation(number: usize, written: &WrittenInvitation) -> Result<Invitation, UnreadableDocument> {
    let name = read_name(&format!("invitations[{number}]"), &written.name)?;
    let place = format!("invitations[{number}] '{name}'");
    let used = |used: &WrittenUse| {
        let at = read_value(&place, "used.at", &used.at)?;
        Ok(Use { at, by: read_field(&place, "used.by", &used.by)? })
    };
    Ok(Invitation {
        rules: read_rules(&place, &written.rules)?,
        secret: read_value(&place, "secret_hash", &written.secret_hash)?,
        expires: read_value(&place, "expires", &written.expires)?,
        used: written.used.as_ref().map(used).transpose()?,
        name,
    })
}

fn read_name(place: &str, text: &str) -> Result<GuestName, UnreadableDocument> {
    text.parse().map_err(|error| fault(format!("{place}: name"), error))
}

fn read_rules(place: &str, written: &[WrittenRule]) -> Result<Vec<Rule>, UnreadableDocument> {
    check_count(format!("{place}: rules"), written.len(), RULES_MAX)?;
    numbered(written, |number, rule| read_rule(&format!("{place}: rules[{number}]"), rule))
}

fn read_rule(place: &str, written: &WrittenRule) -> Result<Rule, UnreadableDocument> {
    let (effect, words) = match (&written.allow, &written.deny) {
        (Some(words), None) => (Effect::Allow, words),
        (None, Some(words)) => (Effect::Deny, words),
        _ => return Err(fault(place, "give either 'allow' or 'deny'")),
    };
    let named: Result<Rights, _> = words.iter().map(|word| word.parse::<Right>()).collect();
    let rights = named.map_err(|error| fault(place, error))?;
    if rights.is_empty() {
        return Err(fault(place, "it names no right: give some, or remove the rule"));
    }
    let parse =
        |text: &String| SharedPath::parse(text).map_err(|error| fault(format!("{place}.below"), error));
    Ok(Rule { effect, rights, below: written.below.as_ref().map(parse).transpose()? })
}

fn read_field<T>(place: &str, field: &str, text: &str) -> Result<T, UnreadableDocument>
where
    T: FromStr<Err: Display>,
{
    text.parse().map_err(|error| fault(format!("{place}: {field}"), error))
}

fn read_value<'de, T: Deserialize<'de>>(
    place: &str,
    field: &str,
    text: &'de str,
) -> Result<T, UnreadableDocument> {
    let text: StrDeserializer<'_, ValueError> = text.into_deserializer();
    T::deserialize(text).map_err(|error| fault(format!("{place}: {field}"), error))
}

fn write_grant(grant: &Grant) -> WrittenGrant {
    WrittenGrant {
        name: grant.name.to_string(),
        key: grant.key.to_string(),
        rules: grant.rules.iter().map(write_rule).collect(),
    }
}

fn write_invitation(invitation: &Invitation) -> WrittenInvitation {
    WrittenInvitation {
        name: invitation.name.to_string(),
        rules: invitation.rules.iter().map(write_rule).collect(),
        secret_hash: invitation.secret.to_string(),
        expires: invitation.expires.to_string(),
        used: invitation.used.map(|used| WrittenUse { at: used.at.to_string(), by: used.by.to_string() }),
    }
}

fn write_rule(rule: &Rule) -> WrittenRule {
    let words = || rule.rights.iter().map(|right| right.word().to_owned()).collect();
    WrittenRule {
        allow: (rule.effect == Effect::Allow).then(words),
        deny: (rule.effect == Effect::Deny).then(words),
        below: rule.below.as_ref().map(SharedPath::to_string),
    }
}

#[cfg(test)]
mod tests;
