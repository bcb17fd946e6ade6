//! Rules by example, and against a plain model of them.

use super::*;
use proptest::prelude::*;

fn path(text: &str) -> Option<SharedPath> {
    (!text.is_empty()).then(|| SharedPath::parse(text).unwrap())
}

fn permit(rules: &[(&str, &str, &str)]) -> Permit {
    let rule = |(effect, rights, below): &(&str, &str, &str)| {
        let rights = rights.parse().unwrap();
        let rule = if *effect == "allow" {
            Rule::allow(rights, path(below))
        } else {
            Rule::deny(rights, path(below))
        };
        (Owner::Grant("alice".into()), rule)
    };
    Permit::ruled(rules.iter().map(rule))
}

fn allows(permit: &Permit, right: Right, at: &str) -> bool {
    permit.allows(right, path(at).as_ref())
}

#[test]
fn a_rule_is_about_its_folder_and_all_below_and_about_nothing_that_only_begins_alike() {
    let permit = permit(&[("allow", "read", "team"), ("deny", "read", "team/plans")]);
    for (at, is_allowed) in [
        ("", false),
        ("team", true),
        ("team/a", true),
        ("team2", false),
        ("team2/a", false),
        ("tea", false),
        ("a/team", false),
        ("team/plans", false),
        ("team/plans/x", false),
        ("team/plans2", true),
    ] {
        assert_eq!(allows(&permit, Right::Read, at), is_allowed, "{at}");
        assert!(!allows(&permit, Right::Create, at), "{at}");
    }
}

#[test]
fn what_denies_matches_in_any_case_of_letters_and_what_allows_only_by_the_letter() {
    let permit =
        permit(&[("allow", "read", ""), ("deny", "read", "Straße/Σίσυφος"), ("allow", "drop", "in")]);
    for denied in ["Straße/Σίσυφος", "STRASSE/ΣΊΣΥΦΟΣ", "strasse/σίσυφοσ", "straße/Σίσυφος/x"]
    {
        assert!(!allows(&permit, Right::Read, denied), "{denied}");
    }
    assert!(allows(&permit, Right::Read, "Strasse/Tantalos"));
    assert!(allows(&permit, Right::Create, "in/x") && !allows(&permit, Right::Create, "IN/x"));
    assert!(!permit.is_uniform_below(path("STRASSE").as_ref()));
}

#[test]
fn only_what_leads_to_something_allowed_can_be_seen() {
    let permit = permit(&[("allow", "drop", "a/in"), ("allow", "read", "b"), ("deny", "write", "b/c")]);
    for (at, is_visible) in [
        ("", true),
        ("a", true),
        ("a/in", true),
        ("a/in/x", false),
        ("a/x", false),
        ("b/x", true),
        ("b/c", false),
    ] {
        assert_eq!(permit.is_visible(path(at).as_ref()), is_visible, "{at}");
        assert!(path(at).is_none_or(|path| permit.shows(&path) == is_visible), "{at}");
    }
    let hidden = self::permit(&[("allow", "read", "a/b"), ("deny", "list", "a")]);
    let a = path("a").unwrap();
    assert!(hidden.is_visible(Some(&a)) && !hidden.shows(&a), "a name that may not be listed is not listed");
    let denied = self::permit(&[("allow", "read", "a/b"), ("deny", "read", "a")]);
    assert!(denied.is_nothing() && !denied.is_visible(Some(&a)) && !denied.is_visible(None));
}

#[test]
fn a_tree_is_uniform_where_no_rule_begins_strictly_below() {
    let permit = permit(&[("allow", "write", ""), ("deny", "drop", "a/b")]);
    for (at, is_uniform) in
        [("", false), ("a", false), ("a/b", true), ("a/b/c", true), ("b", true), ("a/bc", true)]
    {
        assert_eq!(permit.is_uniform_below(path(at).as_ref()), is_uniform, "{at}");
    }
    assert!(Permit::everything().is_uniform_below(None));
}

#[test]
fn everything_and_nothing_are_told_from_all_between() {
    let nowhere = [Permit::nothing(), permit(&[("deny", "write", "")])];
    for permit in nowhere {
        assert!(permit.is_nothing() && !permit.is_everything() && !permit.is_visible(None));
    }
    let whole = permit(&[("allow", "read", ""), ("allow", "create,replace,delete", "")]);
    for permit in [Permit::everything(), whole] {
        assert!(permit.is_everything() && !permit.is_nothing() && permit.is_visible(None));
    }
    for rules in
        [[("allow", "write", "a"), ("allow", "read", "")], [("allow", "write", ""), ("deny", "list", "x")]]
    {
        let between = permit(&rules);
        assert!(!between.is_everything() && !between.is_nothing());
    }
}

#[test]
fn the_rule_that_decides_is_said_in_one_sentence() {
    let own = permit(&[("deny", "list,read", "team/plans")]);
    let public = (Owner::Public, Rule::allow(Rights::read(), None));
    let permit = Permit::ruled(own.of_rules().cloned().chain([public]));
    let told = |right, at: &str| permit.explain(right, path(at).as_ref()).to_string();
    assert_eq!(
        told(Right::Read, "TEAM/plans/x"),
        "'read' at 'TEAM/plans/x' is denied by a rule of 'alice': deny list,read below 'team/plans'"
    );
    assert_eq!(
        told(Right::List, ""),
        "'list' at the share itself is allowed by the rule for everybody: allow list,read in the whole share"
    );
    assert_eq!(told(Right::Delete, "a"), "'delete' at 'a' is denied: no rule allows it");
    assert_eq!(
        Permit::everything().explain(Right::Delete, None).to_string(),
        "'delete' at the share itself is allowed: there are no grants, so everybody may do everything"
    );
}

fn any_path() -> impl Strategy<Value = Option<SharedPath>> {
    let part = prop::sample::select(vec!["a", "A", "team", "team2", "Team"]);
    prop::collection::vec(part, 0..4).prop_map(|parts| path(&parts.join("/")))
}

fn any_rule() -> impl Strategy<Value = (Owner, Rule)> {
    let rights = prop::collection::vec(prop::sample::select(Right::ALL.to_vec()), 0..5);
    let owner = prop::sample::select(vec![Owner::Public, Owner::Grant("alice".into())]);
    (owner, any::<bool>(), rights, any_path()).prop_map(|(owner, gives, rights, below)| {
        let rights = rights.into_iter().collect();
        (owner, if gives { Rule::allow(rights, below) } else { Rule::deny(rights, below) })
    })
}

fn any_rules() -> impl Strategy<Value = Vec<(Owner, Rule)>> {
    prop::collection::vec(any_rule(), 0..6)
}

fn slashed(path: Option<&SharedPath>) -> String {
    path.map_or_else(|| "/".to_owned(), |path| format!("/{path}/"))
}

/// The same in other words: texts between slashes.
fn model(rules: &[(Owner, Rule)], right: Right, path: Option<&SharedPath>) -> bool {
    let path = slashed(path);
    let matches =
        |rule: &Rule, path: &str, folder: &str| rule.rights.contains(right) && path.starts_with(folder);
    let mut is_allowed = false;
    for (_, rule) in rules {
        let folder = slashed(rule.below.as_ref());
        match rule.effect {
            Effect::Deny if matches(rule, &path.to_lowercase(), &folder.to_lowercase()) => return false,
            Effect::Allow => is_allowed |= matches(rule, &path, &folder),
            Effect::Deny => {}
        }
    }
    is_allowed
}

proptest! {
    #[test]
    fn rules_come_to_what_a_plain_model_says(rules in any_rules(), at in any_path()) {
        let permit = Permit::ruled(rules.clone());
        for right in Right::ALL {
            let is_allowed = permit.allows(right, at.as_ref());
            prop_assert_eq!(is_allowed, model(&rules, right, at.as_ref()));
            prop_assert_eq!(is_allowed, permit.explain(right, at.as_ref()).is_allowed());
        }
    }

    #[test]
    fn denying_more_never_allows_or_shows_more_wherever_it_stands(
        rules in any_rules(), more in any_rule(), place in any::<prop::sample::Index>(), at in any_path(),
    ) {
        let before = Permit::ruled(rules.clone());
        let mut denied = rules;
        let rule = Rule::deny(more.1.rights, more.1.below.clone());
        denied.insert(place.index(denied.len() + 1), (more.0, rule.clone()));
        let after = Permit::ruled(denied);
        for right in Right::ALL {
            prop_assert!(before.allows(right, at.as_ref()) || !after.allows(right, at.as_ref()));
            prop_assert!(!(rule.rights.contains(right) && after.allows(right, rule.below.as_ref())));
        }
        prop_assert!(before.is_visible(at.as_ref()) || !after.is_visible(at.as_ref()));
        prop_assert!(at.is_none_or(|at| before.shows(&at) || !after.shows(&at)));
    }

    #[test]
    fn the_order_of_rules_is_nothing(rules in any_rules(), at in any_path()) {
        let turned = Permit::ruled(rules.iter().rev().cloned());
        let permit = Permit::ruled(rules);
        for right in Right::ALL {
            prop_assert_eq!(permit.allows(right, at.as_ref()), turned.allows(right, at.as_ref()));
        }
    }

    #[test]
    fn a_uniform_tree_is_the_same_all_below(rules in any_rules(), at in any_path(), more in any_path()) {
        let permit = Permit::ruled(rules);
        let deeper = more.iter().flat_map(|more| more.parts())
            .try_fold(at.clone(), |folder, part| SharedPath::below(folder.as_ref(), part).map(Some)).unwrap();
        for right in Right::ALL {
            let (here, there) = (permit.allows(right, at.as_ref()), permit.allows(right, deeper.as_ref()));
            prop_assert!(!permit.is_uniform_below(at.as_ref()) || here == there);
            prop_assert!(!permit.is_everything() || there);
            prop_assert!(!permit.is_nothing() || !there);
            let is_seen = there && [Right::List, Right::Read].contains(&right);
            prop_assert!(!is_seen || permit.is_visible(at.as_ref()), "all above what can be seen can be seen");
        }
    }
}
