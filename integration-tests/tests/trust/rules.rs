//! What a guest may do, as a person would say it: a few plain rules, and nothing of how the server keeps them.
//!
//! It must not know what lies in the share.

/// All five rights.
pub(crate) const ALL: [&str; 5] = ["list", "read", "create", "replace", "delete"];

/// A rule: whether it gives, which rights, below which folder (empty: the whole share).
type Rule = (bool, Vec<&'static str>, &'static str);

/// All rules of one guest.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) name: &'static str,
    rules: Vec<Rule>,
}

impl Rules {
    pub(crate) fn of(name: &'static str) -> Self {
        Self { name, rules: Vec::new() }
    }

    pub(crate) fn allow(mut self, rights: &[&'static str], below: &'static str) -> Self {
        self.rules.push((true, rights.to_vec(), below));
        self
    }

    pub(crate) fn deny(mut self, rights: &[&'static str], below: &'static str) -> Self {
        self.rules.push((false, rights.to_vec(), below));
        self
    }

    /// The first rule is that of the invitation: its rights, and its folder.
    pub(crate) fn invited_to(&self) -> (String, &'static str) {
        let (_, rights, below) = &self.rules[0];
        (words_for(rights), below)
    }

    /// What was denied afterwards.
    pub(crate) fn denied(&self) -> impl Iterator<Item = (String, &'static str)> {
        self.rules[1..].iter().map(|(_, rights, below)| (words_for(rights), *below))
    }

    pub(crate) fn allows(&self, right: &str, path: &str) -> bool {
        let about = |(gives, rights, below): &&Rule| rights.contains(&right) && covers(*gives, below, path);
        let (given, taken): (Vec<&Rule>, Vec<&Rule>) =
            self.rules.iter().filter(about).partition(|rule| rule.0);
        !given.is_empty() && taken.is_empty()
    }

    /// Whether it leads to a folder where something is allowed.
    fn is_way(&self, path: &str) -> bool {
        let leads = |(gives, rights, below): &Rule| {
            *gives && is_in(below, path) && rights.iter().any(|right| self.allows(right, below))
        };
        self.rules.iter().any(leads)
    }

    /// Whether the guest may know of it; if not, it is as if there were nothing.
    pub(crate) fn is_visible(&self, path: &str) -> bool {
        self.allows("list", path) || self.allows("read", path) || self.is_way(path)
    }

    /// The same without what is denied: a denied path is to answer like a missing one there.
    pub(crate) fn without_denials(&self) -> Self {
        let given = self.rules.iter().filter(|(gives, ..)| *gives);
        Self { name: self.name, rules: given.cloned().collect() }
    }

    /// Whether listings have it.
    pub(crate) fn is_listed(&self, path: &str) -> bool {
        let is_denied = self
            .rules
            .iter()
            .any(|(gives, rights, below)| !gives && rights.contains(&"list") && covers(false, below, path));
        self.allows("list", path) || (self.is_way(path) && !is_denied)
    }

    /// Whether other rules begin further down.
    pub(crate) fn differs_below(&self, path: &str) -> bool {
        let is_below = |below: &str| below.len() > path.len();
        self.rules.iter().any(|(gives, _, below)| is_below(below) && covers(*gives, path, below))
    }
}

/// As they are typed: alone, the word `read` is one for two rights.
fn words_for(rights: &[&str]) -> String {
    if rights == ["read"] { "read,read".to_owned() } else { rights.join(",") }
}

/// Whether a path is in the folder: where it is denied, in any case of letters.
fn covers(gives: bool, folder: &str, path: &str) -> bool {
    is_in(path, folder) || (!gives && is_in(&path.to_lowercase(), &folder.to_lowercase()))
}

/// Whether `path` is `folder`, or lies in it.
pub(crate) fn is_in(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
