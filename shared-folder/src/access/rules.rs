//! What rules come to: whether somebody may do something at a path, and why. Pure: must not know keys, files or clocks.
//!
//! A rule is about a folder and all below it. What denies wins over what allows, and what no rule allows is denied.
//! Paths are compared part by part. What denies also matches in any case of letters: a file system that ignores case
//! must not open by `TEAM` what is denied as `team`. What allows is taken by the letter.

use super::rights::{Right, Rights};
use core::fmt;
use std::sync::Arc;
use wire::path::SharedPath;

/// Whether a rule gives or takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It gives rights.
    Allow,
    /// It takes rights, whatever other rules give.
    Deny,
}

/// Gives or takes some rights, at a folder and below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Whether it gives or takes them.
    pub effect: Effect,
    /// Which.
    pub rights: Rights,
    /// Where; `None` is the whole share.
    pub below: Option<SharedPath>,
}

/// Whose rule it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Of the grant with this name.
    Grant(Arc<str>),
    /// Of everybody.
    Public,
}

/// All that one guest may do: their own rules and those of everybody. It does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    rules: Rules,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rules {
    /// Nobody made any.
    Unruled,
    Ruled(Vec<(Owner, Rule)>),
}

/// Whether something is allowed, and by what. Its text is one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked for.
    pub right: Right,
    /// Where; `None` is the share itself.
    pub path: Option<SharedPath>,
    /// What decides.
    pub reason: Reason,
}

/// What decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There are no rules: everybody may do everything.
    Unruled,
    /// This rule.
    Rule(Owner, Rule),
    /// No rule is about it, which denies.
    NoRule,
}

impl Rule {
    /// One that gives rights.
    #[must_use]
    pub fn allow(rights: Rights, below: Option<SharedPath>) -> Self {
        Self { effect: Effect::Allow, rights, below }
    }

    /// One that takes rights.
    #[must_use]
    pub fn deny(rights: Rights, below: Option<SharedPath>) -> Self {
        Self { effect: Effect::Deny, rights, below }
    }

    fn decides(&self, effect: Effect, right: Right, path: Option<&SharedPath>) -> bool {
        let folder = self.below.as_ref();
        self.effect == effect && self.rights.contains(right) && lies_in(path, folder, self.comparison())
    }

    fn begins_strictly_below(&self, path: Option<&SharedPath>) -> bool {
        let is_deeper = depth(self.below.as_ref()) > depth(path);
        is_deeper && lies_in(self.below.as_ref(), path, self.comparison())
    }

    fn comparison(&self) -> fn(&str, &str) -> bool {
        match self.effect {
            Effect::Allow => |one, other| one == other,
            Effect::Deny => is_equal_in_any_case,
        }
    }
}

/// Whether `path` is `folder` or lies below it.
fn lies_in(path: Option<&SharedPath>, folder: Option<&SharedPath>, equal: fn(&str, &str) -> bool) -> bool {
    let mut parts = path.into_iter().flat_map(SharedPath::parts);
    let mut wanted = folder.into_iter().flat_map(SharedPath::parts);
    wanted.all(|part| parts.next().is_some_and(|other| equal(part, other)))
}

fn depth(path: Option<&SharedPath>) -> usize {
    path.map_or(0, |path| path.parts().count())
}

/// Up and down again: some letters have one form in one direction only.
fn is_equal_in_any_case(one: &str, other: &str) -> bool {
    let folded = |text| str::chars(text).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    one == other || folded(one).eq(folded(other))
}

impl Permit {
    /// To do everything, because nobody made rules.
    #[must_use]
    pub fn everything() -> Self {
        Self { rules: Rules::Unruled }
    }

    /// To do nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::ruled([])
    }

    /// What these rules come to, in any order.
    #[must_use]
    pub fn ruled(rules: impl IntoIterator<Item = (Owner, Rule)>) -> Self {
        Self { rules: Rules::Ruled(rules.into_iter().collect()) }
    }

    /// Whether `right` is given at `path`; `None` is the share itself.
    #[must_use]
    pub fn allows(&self, right: Right, path: Option<&SharedPath>) -> bool {
        match &self.rules {
            Rules::Unruled => true,
            Rules::Ruled(_) => {
                self.decisive(Effect::Deny, right, path).is_none()
                    && self.decisive(Effect::Allow, right, path).is_some()
            }
        }
    }

    /// Whether `right` is given at `path`, with the rule that decides.
    #[must_use]
    pub fn explain(&self, right: Right, path: Option<&SharedPath>) -> Explanation {
        let decisive = |effect| self.decisive(effect, right, path);
        let reason = match (&self.rules, decisive(Effect::Deny).or_else(|| decisive(Effect::Allow))) {
            (Rules::Unruled, _) => Reason::Unruled,
            (_, Some((owner, rule))) => Reason::Rule(owner.clone(), rule.clone()),
            (_, None) => Reason::NoRule,
        };
        Explanation { right, path: path.cloned(), reason }
    }

    /// Whether a guest may know that there is such a path: it may be listed or read, or leads to where something is
    /// allowed. To others it is as if there were none.
    #[must_use]
    pub fn is_visible(&self, path: Option<&SharedPath>) -> bool {
        self.allows(Right::List, path) || self.allows(Right::Read, path) || self.is_on_the_way(path)
    }

    /// Whether it stands in listings: it may be listed, or leads to where something is allowed and is not denied.
    #[must_use]
    pub fn shows(&self, path: &SharedPath) -> bool {
        let path = Some(path);
        let is_denied = || self.decisive(Effect::Deny, Right::List, path).is_some();
        self.allows(Right::List, path) || (self.is_on_the_way(path) && !is_denied())
    }

    /// The same without what is denied: what would be answered if a denied path were just a missing one.
    #[must_use]
    pub fn without_denials(&self) -> Self {
        match &self.rules {
            Rules::Unruled => Self::everything(),
            Rules::Ruled(rules) => {
                Self::ruled(rules.iter().filter(|(_, rule)| rule.effect == Effect::Allow).cloned())
            }
        }
    }

    /// Whether the same is allowed everywhere below `path`: no rule begins strictly below it.
    #[must_use]
    pub fn is_uniform_below(&self, path: Option<&SharedPath>) -> bool {
        !self.of_rules().any(|(_, rule)| rule.begins_strictly_below(path))
    }

    /// Whether everything is allowed everywhere.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let denies = |(_, rule): &(Owner, Rule)| rule.effect == Effect::Deny && !rule.rights.is_empty();
        !self.of_rules().any(denies) && Right::ALL.iter().all(|right| self.allows(*right, None))
    }

    /// Whether nothing is allowed anywhere.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self.rules, Rules::Ruled(_)) && !self.of_rules().any(|(_, rule)| self.has_effect(rule))
    }

    fn of_rules(&self) -> impl Iterator<Item = &(Owner, Rule)> {
        let ruled = match &self.rules {
            Rules::Unruled => None,
            Rules::Ruled(rules) => Some(rules),
        };
        ruled.into_iter().flatten()
    }

    fn decisive(&self, effect: Effect, right: Right, path: Option<&SharedPath>) -> Option<&(Owner, Rule)> {
        self.of_rules().find(|(_, rule)| rule.decides(effect, right, path))
    }

    /// Whether `path` is the folder of a rule that allows something, or above it.
    fn is_on_the_way(&self, path: Option<&SharedPath>) -> bool {
        let leads = |rule: &Rule| lies_in(rule.below.as_ref(), path, rule.comparison());
        self.of_rules().any(|(_, rule)| self.has_effect(rule) && leads(rule))
    }

    /// Whether it allows something that nothing denies: what is denied at its folder is denied all below it.
    fn has_effect(&self, rule: &Rule) -> bool {
        let is_left = |right| self.allows(right, rule.below.as_ref());
        rule.effect == Effect::Allow && rule.rights.iter().any(is_left)
    }
}

impl Explanation {
    /// Whether it is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        match &self.reason {
            Reason::Unruled => true,
            Reason::Rule(_, rule) => rule.effect == Effect::Allow,
            Reason::NoRule => false,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_allowed() { "allowed" } else { "denied" };
        write!(
            formatter,
            "'{}' {} is {verdict}",
            self.right,
            Place { path: self.path.as_ref(), is_within: false }
        )?;
        match &self.reason {
            Reason::Unruled => formatter.write_str(": there are no grants, so everybody may do everything"),
            Reason::Rule(owner, rule) => write!(formatter, " by {owner}: {rule}"),
            Reason::NoRule => formatter.write_str(": no rule allows it"),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant(name) => write!(formatter, "a rule of '{name}'"),
            Self::Public => formatter.write_str("the rule for everybody"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
        };
        write!(formatter, "{effect} {} {}", self.rights, Place { path: self.below.as_ref(), is_within: true })
    }
}

struct Place<'a> {
    path: Option<&'a SharedPath>,
    is_within: bool,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path, self.is_within) {
            (None, false) => formatter.write_str("at the share itself"),
            (None, true) => formatter.write_str("in the whole share"),
            (Some(path), false) => write!(formatter, "at '{path}'"),
            (Some(path), true) => write!(formatter, "below '{path}'"),
        }
    }
}

#[cfg(test)]
mod tests;
