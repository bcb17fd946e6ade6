//! Who was invited and who was let in, with their rules: what the access file says. Pure: time comes in as an argument.
//!
//! Must not know where it is kept, nor its text form, which `written` reads and writes.

use super::name::GuestName;
use super::rights::{Right, Rights};
use super::rules::{Explanation, Owner, Permit, Rule};
use thiserror::Error;
use wire::invitation::{Secret, SecretHash};
use wire::key::PublicKey;
use wire::path::SharedPath;
use wire::timestamp::Timestamp;

/// Bytes of the access file: all of it is read at each change. Exceeded: a change is refused, a file denies everybody.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// Guests of one server. Exceeded: no further invitation can be used.
pub const GRANTS_MAX: usize = 1024;
/// Invitations that are kept, open and spent ones: each is looked at when somebody presents one. Exceeded: none is made.
pub const INVITATIONS_MAX: usize = 1024;
/// Spent invitations that are kept, so that their holders are told what became of them. Exceeded: the oldest are
/// forgotten, and are as unknown as those that never were.
pub const SPENT_INVITATIONS_MAX: usize = 256;
/// Open invitations of one name, which a server makes that starts again and again. Exceeded: the oldest are void.
pub const OPEN_OF_ONE_MAX: usize = 8;
/// Rules of one guest: each is looked at for each path. Exceeded: no further one is taken.
pub const RULES_MAX: usize = 64;

/// What the access file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    pub(super) grants: Vec<Grant>,
    pub(super) invitations: Vec<Invitation>,
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// No other grant has it.
    pub name: GuestName,
    /// Who has its secret half is this guest. One key may hold several grants: all of their rules count.
    pub key: PublicKey,
    /// What they may do, at most [`RULES_MAX`].
    pub rules: Vec<Rule>,
}

/// Somebody who may come once, whatever key they bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// What they will be called.
    pub name: GuestName,
    /// What they will be allowed.
    pub rules: Vec<Rule>,
    /// What tells their secret.
    pub secret: SecretHash,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
    /// Set once somebody came.
    pub used: Option<Use>,
}

/// How an invitation was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// Who came.
    pub by: PublicKey,
}

/// What can still be done with an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// It can be used.
    Open,
    /// Somebody used it.
    Used,
    /// It was not used in time.
    Expired,
}

/// An invitation was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// What the guest is called.
    pub name: GuestName,
    /// False where this key had used it before.
    pub is_new: bool,
}

/// Somebody is not let in. The texts are for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoEntry {
    /// An unknown key, an unknown invitation, or no key at all: one text for all, so that nobody learns which.
    #[error("only invited guests may come in here: ask the owner for an invitation")]
    Unknown,
    /// Another key used the invitation, or the grant that it led to was revoked.
    #[error("this invitation was used already: ask the owner for another one")]
    Used,
    /// It is past its time.
    #[error("this invitation has expired: ask the owner for another one")]
    Expired,
    /// It could not be written down that it is used.
    #[error("the invitation could not be taken just now: try again later")]
    Failed,
}

/// What cannot be written into the document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RefusedChange {
    /// The name is a guest's.
    #[error("there is a guest called '{0}' already: revoke that grant first, or take another name")]
    NameGranted(GuestName),
    /// The name is on an invitation that is open.
    #[error("there is an open invitation for '{0}' already: revoke it first, or take another name")]
    NameInvited(GuestName),
    /// Neither a grant nor an open invitation has the name.
    #[error("there is neither a guest nor an open invitation called '{0}'")]
    NoSuchName(GuestName),
    /// More than [`INVITATIONS_MAX`].
    #[error("there are {INVITATIONS_MAX} invitations already: revoke some first")]
    TooManyInvitations,
    /// More than [`RULES_MAX`].
    #[error("'{0}' would have more than {RULES_MAX} rules: revoke the grant and make a new one")]
    TooManyRules(GuestName),
    /// A rule that says nothing.
    #[error("a rule names at least one right")]
    NoRights,
}

/// What a name lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Whether it had a grant.
    pub grant: bool,
    /// Whether it had an invitation that was not used.
    pub invitation: bool,
}

impl Invitation {
    /// What can be done with it at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> InvitationState {
        match self.used {
            Some(_) => InvitationState::Used,
            None if self.expires <= now => InvitationState::Expired,
            None => InvitationState::Open,
        }
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.state(now) == InvitationState::Open
    }
}

impl Document {
    /// Who was let in, oldest first.
    pub fn grants(&self) -> impl ExactSizeIterator<Item = &Grant> {
        self.grants.iter()
    }

    /// Who was invited, oldest first, spent ones among them.
    pub fn invitations(&self) -> impl ExactSizeIterator<Item = &Invitation> {
        self.invitations.iter()
    }

    /// The grant with this name.
    #[must_use]
    pub fn grant(&self, name: &GuestName) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.name == *name)
    }

    /// What a key may do: the rules of all its grants, and those of everybody.
    #[must_use]
    pub fn permit(&self, key: Option<PublicKey>, public: Rights) -> Permit {
        let own = self.grants.iter().filter(|grant| Some(grant.key) == key);
        Permit::ruled(own.flat_map(Grant::owned_rules).chain(public_rule(public)))
    }

    /// Whether the guest called `name` may do it, with the rule that decides; `None` where there is no such guest.
    #[must_use]
    pub fn explain(
        &self,
        name: &GuestName,
        public: Rights,
        right: Right,
        path: Option<&SharedPath>,
    ) -> Option<Explanation> {
        let key = self.grant(name)?.key;
        Some(self.permit(Some(key), public).explain(right, path))
    }

    /// Invites somebody: who shows the secret before `invitation.expires` is let in, once.
    ///
    /// # Errors
    /// Where the name is taken, or a bound is reached.
    pub fn invite(&mut self, invitation: Invitation, now: Timestamp) -> Result<(), RefusedChange> {
        check_rules(&invitation.name, &invitation.rules)?;
        if self.grant(&invitation.name).is_some() {
            return Err(RefusedChange::NameGranted(invitation.name));
        }
        if self.invitations.iter().any(|other| other.name == invitation.name && other.is_open(now)) {
            return Err(RefusedChange::NameInvited(invitation.name));
        }
        self.forget_spent(now);
        if self.invitations.len() >= INVITATIONS_MAX {
            return Err(RefusedChange::TooManyInvitations);
        }
        self.invitations.push(invitation);
        Ok(())
    }

    /// Invites somebody whose earlier invitations may still be on their way: those with the same rules stay good. Gives false,
    /// and does nothing, where they are a guest.
    ///
    /// # Errors
    /// As `invite`.
    pub fn invite_again(&mut self, invitation: Invitation, now: Timestamp) -> Result<bool, RefusedChange> {
        check_rules(&invitation.name, &invitation.rules)?;
        if self.grant(&invitation.name).is_some() {
            return Ok(false);
        }
        let is_rival = |other: &Invitation| other.name == invitation.name && other.is_open(now);
        let is_same = |other: &Invitation| is_rival(other) && other.rules == invitation.rules;
        let mut excess = self.invitations.iter().filter(|other| is_same(other)).count() + 1;
        excess = excess.saturating_sub(OPEN_OF_ONE_MAX);
        self.invitations.retain(|other| {
            let is_old = is_same(other) && excess > 0;
            excess -= usize::from(is_old);
            !is_old && (!is_rival(other) || is_same(other))
        });
        self.forget_spent(now);
        if self.invitations.len() >= INVITATIONS_MAX {
            return Err(RefusedChange::TooManyInvitations);
        }
        self.invitations.push(invitation);
        Ok(true)
    }

    /// Lets `key` in where `secret` is that of an invitation. The same key may show the same secret again, as a client does
    /// that ended before it could write down that it is known.
    ///
    /// # Errors
    /// Where it is of no use, and the document is as it was.
    pub fn redeem(&mut self, secret: &Secret, key: PublicKey, now: Timestamp) -> Result<Redeemed, NoEntry> {
        let place = self.find(secret).ok_or(NoEntry::Unknown)?;
        let invitation = self.invitations.get(place).ok_or(NoEntry::Unknown)?;
        let name = invitation.name.clone();
        match (invitation.state(now), self.grant(&name)) {
            (InvitationState::Used, Some(grant)) if grant.key == key && invitation.is_used_by(key) => {
                return Ok(Redeemed { name, is_new: false });
            }
            (InvitationState::Used, _) | (InvitationState::Open, Some(_)) => return Err(NoEntry::Used),
            (InvitationState::Expired, _) => return Err(NoEntry::Expired),
            (InvitationState::Open, None) if self.grants.len() >= GRANTS_MAX => return Err(NoEntry::Failed),
            (InvitationState::Open, None) => {}
        }
        let rules = invitation.rules.clone();
        self.grants.push(Grant { name: name.clone(), key, rules });
        // Other lines that were sent to the same guest are used up with this one.
        let open = self.invitations.iter_mut().filter(|one| one.name == name && one.is_open(now));
        open.for_each(|invitation| invitation.used = Some(Use { at: now, by: key }));
        Ok(Redeemed { name, is_new: true })
    }

    /// Whether there is an invitation, spent or not, with this secret. All are looked at, whichever it is.
    #[must_use]
    pub fn knows(&self, secret: &Secret) -> bool {
        self.find(secret).is_some()
    }

    /// Takes the grant and the unused invitation of this name away.
    ///
    /// # Errors
    /// Where there is neither.
    pub fn revoke(&mut self, name: &GuestName) -> Result<Revoked, RefusedChange> {
        let (grants, invitations) = (self.grants.len(), self.invitations.len());
        self.grants.retain(|grant| grant.name != *name);
        self.invitations.retain(|invitation| invitation.name != *name || invitation.used.is_some());
        let (grant, invitation) = (grants > self.grants.len(), invitations > self.invitations.len());
        if grant || invitation {
            Ok(Revoked { grant, invitation })
        } else {
            Err(RefusedChange::NoSuchName(name.clone()))
        }
    }

    /// Takes rights below a folder from who has this name, or will have it once an open invitation is used.
    ///
    /// # Errors
    /// Where nobody has the name, or a bound is reached.
    pub fn deny(
        &mut self,
        name: &GuestName,
        rights: Rights,
        below: Option<SharedPath>,
    ) -> Result<(), RefusedChange> {
        let of_grants = self.grants.iter_mut().filter(|grant| grant.name == *name);
        let of_invited =
            self.invitations.iter_mut().filter(|invited| invited.name == *name && invited.used.is_none());
        let mut lists: Vec<_> = of_grants.map(|grant| &mut grant.rules).collect();
        lists.extend(of_invited.map(|invited| &mut invited.rules));
        if lists.is_empty() {
            return Err(RefusedChange::NoSuchName(name.clone()));
        }
        let rule = Rule::deny(rights, below);
        lists.retain(|rules| !rules.contains(&rule));
        for rules in &lists {
            check_rules(name, rules.iter().chain([&rule]))?;
        }
        lists.into_iter().for_each(|rules| rules.push(rule.clone()));
        Ok(())
    }

    /// Every hash is compared, each in constant time: how long it takes says nothing of which one it is.
    fn find(&self, secret: &Secret) -> Option<usize> {
        let hash = secret.hash();
        let same = |found, (place, invitation): (usize, &Invitation)| {
            if invitation.secret == hash { Some(place) } else { found }
        };
        self.invitations.iter().enumerate().fold(None, same)
    }

    fn forget_spent(&mut self, now: Timestamp) {
        let spent = self.invitations.iter().filter(|invitation| !invitation.is_open(now)).count();
        let mut excess = spent.saturating_sub(SPENT_INVITATIONS_MAX);
        self.invitations.retain(|invitation| {
            let is_kept = excess == 0 || invitation.is_open(now);
            excess -= usize::from(!is_kept);
            is_kept
        });
    }
}

impl Grant {
    fn owned_rules(&self) -> impl Iterator<Item = (Owner, Rule)> {
        self.rules.iter().map(|rule| (Owner::Grant(self.name.to_shared()), rule.clone()))
    }
}

impl Invitation {
    fn is_used_by(&self, key: PublicKey) -> bool {
        self.used.is_some_and(|used| used.by == key)
    }
}

fn public_rule(public: Rights) -> Option<(Owner, Rule)> {
    (!public.is_empty()).then(|| (Owner::Public, Rule::allow(public, None)))
}

fn check_rules<'a>(name: &GuestName, rules: impl IntoIterator<Item = &'a Rule>) -> Result<(), RefusedChange> {
    let mut count = 0;
    for rule in rules {
        count += 1;
        if rule.rights.is_empty() {
            return Err(RefusedChange::NoRights);
        }
        if count > RULES_MAX {
            return Err(RefusedChange::TooManyRules(name.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
