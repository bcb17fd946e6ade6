//! Whatever the access file says: it is refused, or it is written and read again as the same, and lets nobody do what a
//! plain model of its rules does not.

use super::Seen;
use super::seen::kind_of;
use shared_folder::access::{Document, Effect, FILE_BYTES_MAX, Grant, Right, Rights, Rule};
use wire::key::PublicKey;
use wire::path::SharedPath;

/// So many grants, and rules of each, are looked at closely.
const GRANTS_MAX: usize = 8;
const RULES_MAX: usize = 16;
/// White space that a text may gain by being written anew.
const GROWTH: usize = 8;

/// Bytes as an access file.
pub fn access(bytes: &[u8]) -> Seen {
    let document = match Document::parse(bytes) {
        Ok(document) => document,
        Err(error) => return Seen::of(kind_of(&error.to_string())),
    };
    if bytes.len() < FILE_BYTES_MAX / GROWTH {
        let written = document.render().expect("what is read can be written");
        assert_eq!(Document::parse(&written).as_ref(), Ok(&document), "what was written is what was read");
    }
    let paths = paths_of(&document);
    let unknown = document.permit(None, Rights::NONE);
    assert!(unknown.is_nothing() && paths.iter().all(|path| !unknown.is_visible(path.as_ref())));
    let grants: Vec<&Grant> = document.grants().take(GRANTS_MAX).collect();
    let allowed: Vec<_> = grants.iter().map(|grant| judge(&document, grant.key, &paths)).collect();
    grants.iter().for_each(|grant| take_away(&document, grant, &paths));
    let used = document.invitations().filter(|invitation| invitation.used.is_some()).count();
    Seen::of((allowed, document.invitations().len().min(4), used.min(4)))
}

/// The folders that rules are about, and places beside, above and below them.
fn paths_of(document: &Document) -> Vec<Option<SharedPath>> {
    let rules = document.grants().take(GRANTS_MAX).flat_map(|grant| grant.rules.iter().take(RULES_MAX));
    let mut paths = vec![None];
    for below in rules.filter_map(|rule| rule.below.as_ref()) {
        let text = below.as_str();
        let near = [format!("{text}2"), format!("{text}/x"), text.to_uppercase(), text.to_lowercase()];
        paths.extend(near.iter().map(|text| SharedPath::parse(text).ok()));
        paths.extend([below.folder(), Some(below.clone())]);
    }
    paths.sort();
    paths.dedup();
    paths
}

/// How much `key` may do, after a look at all of it.
fn judge(document: &Document, key: PublicKey, paths: &[Option<SharedPath>]) -> Vec<usize> {
    let permit = document.permit(Some(key), Rights::NONE);
    let of_key = document.grants().filter(|grant| grant.key == key);
    let rules: Vec<&Rule> = of_key.flat_map(|grant| &grant.rules).collect();
    let count = |path: &Option<SharedPath>| {
        let allows = |right: &Right| {
            let is_allowed = permit.allows(*right, path.as_ref());
            assert_eq!(is_allowed, model(&rules, *right, path.as_ref()), "{right} at {path:?}");
            assert_eq!(is_allowed, permit.explain(*right, path.as_ref()).is_allowed());
            is_allowed
        };
        Right::ALL.iter().filter(|right| allows(right)).count()
    };
    let counts: Vec<usize> = paths.iter().map(count).collect();
    assert!(!permit.is_nothing() || counts.iter().all(|count| *count == 0), "something is allowed");
    assert!(
        !permit.is_everything() || counts.iter().all(|count| *count == Right::ALL.len()),
        "not everything"
    );
    counts.into_iter().take(GRANTS_MAX).collect()
}

/// What is denied is denied, and nobody gains by it; who is revoked is nobody.
fn take_away(document: &Document, grant: &Grant, paths: &[Option<SharedPath>]) {
    let before = document.permit(Some(grant.key), Rights::NONE);
    for below in paths.iter().take(RULES_MAX) {
        let mut changed = document.clone();
        if changed.deny(&grant.name, Rights::read(), below.clone()).is_err() {
            continue;
        }
        let after = changed.permit(Some(grant.key), Rights::NONE);
        assert!(!after.allows(Right::Read, below.as_ref()), "{below:?} was denied");
        for path in paths {
            let gains =
                |right: &Right| after.allows(*right, path.as_ref()) && !before.allows(*right, path.as_ref());
            assert!(!Right::ALL.iter().any(gains), "denying {below:?} gave something at {path:?}");
        }
    }
    let mut changed = document.clone();
    changed.revoke(&grant.name).expect("it has a grant");
    let is_another = |other: &Grant| other.key == grant.key && other.name != grant.name;
    let is_left = document.grants().any(is_another);
    assert!(
        is_left || changed.permit(Some(grant.key), Rights::NONE).is_nothing(),
        "revoked and still a guest"
    );
}

/// In other words: texts between slashes, and what denies in one case of letters.
fn model(rules: &[&Rule], right: Right, path: Option<&SharedPath>) -> bool {
    let about = |rule: &&&Rule, effect| rule.effect == effect && rule.rights.contains(right);
    let here = slashed(path);
    let is_denied = |rule: &&Rule| folded(&here).starts_with(&folded(&slashed(rule.below.as_ref())));
    let is_allowed = |rule: &&Rule| here.starts_with(&slashed(rule.below.as_ref()));
    !rules.iter().filter(|rule| about(rule, Effect::Deny)).any(is_denied)
        && rules.iter().filter(|rule| about(rule, Effect::Allow)).any(is_allowed)
}

fn slashed(path: Option<&SharedPath>) -> String {
    path.map_or_else(|| "/".to_owned(), |path| format!("/{path}/"))
}

fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}
