//! Inviting, coming, leaving: each change by example, and at its bounds.

use super::*;
use crate::access::rules::Effect;
use proptest::prelude::*;
use wire::invitation::SECRET_BYTES;

pub(in crate::access) fn name(text: &str) -> GuestName {
    text.parse().unwrap()
}

pub(in crate::access) fn key(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

pub(in crate::access) fn secret(number: u16) -> Secret {
    let mut random = [0; SECRET_BYTES];
    random[..2].copy_from_slice(&number.to_be_bytes());
    Secret::new(random)
}

pub(in crate::access) fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(second, 0)
}

/// Open until second 100.
pub(in crate::access) fn invitation(text: &str, number: u16) -> Invitation {
    let rules = vec![Rule::allow(Rights::read(), None)];
    Invitation { name: name(text), rules, secret: secret(number).hash(), expires: at(100), used: None }
}

fn invited(names: &[&str]) -> Document {
    let mut document = Document::default();
    for (number, name) in (1..).zip(names) {
        document.invite(invitation(name, number), at(0)).unwrap();
    }
    document
}

#[test]
fn an_invitation_lets_one_key_in_and_the_same_key_again() {
    let mut document = invited(&["alice", "bob"]);
    let redeemed = |is_new| Ok(Redeemed { name: name("bob"), is_new });
    assert_eq!(document.redeem(&secret(2), key(7), at(1)), redeemed(true));
    let after = document.clone();
    assert_eq!(document.redeem(&secret(2), key(7), at(1000)), redeemed(false), "even past its time");
    assert_eq!(document.redeem(&secret(2), key(8), at(2)), Err(NoEntry::Used));
    assert_eq!(document.redeem(&secret(9), key(7), at(2)), Err(NoEntry::Unknown));
    assert_eq!(document.redeem(&secret(1), key(8), at(100)), Err(NoEntry::Expired));
    assert_eq!(document, after, "what is refused changes nothing");
    let permit = document.permit(Some(key(7)), Rights::NONE);
    assert!(permit.allows(Right::Read, None) && !permit.allows(Right::Create, None));
    assert!(document.permit(Some(key(8)), Rights::NONE).is_nothing());
}

#[test]
fn an_invitation_does_not_bring_back_what_was_revoked() {
    let mut document = invited(&["alice"]);
    document.redeem(&secret(1), key(1), at(1)).unwrap();
    assert_eq!(document.revoke(&name("alice")), Ok(Revoked { grant: true, invitation: false }));
    assert_eq!(document.redeem(&secret(1), key(1), at(2)), Err(NoEntry::Used));
    document.invite(invitation("alice", 2), at(3)).unwrap();
    document.redeem(&secret(2), key(2), at(3)).unwrap();
    assert_eq!(document.redeem(&secret(1), key(1), at(4)), Err(NoEntry::Used), "another has the name now");
}

#[test]
fn a_name_is_that_of_one_guest_or_open_invitation() {
    let mut document = invited(&["alice"]);
    assert_eq!(
        document.invite(invitation("alice", 2), at(99)),
        Err(RefusedChange::NameInvited(name("alice")))
    );
    assert_eq!(document.invite(invitation("alice", 2), at(100)), Ok(()), "the first one has expired");
    document.redeem(&secret(2), key(1), at(50)).unwrap();
    assert_eq!(
        document.invite(invitation("alice", 3), at(0)),
        Err(RefusedChange::NameGranted(name("alice")))
    );
    assert_eq!(document.redeem(&secret(1), key(2), at(50)), Err(NoEntry::Used), "by a clock that went back");
    assert_eq!(document.grants().len(), 1);
}

#[test]
fn what_is_revoked_is_gone_and_an_unknown_name_is_said() {
    let mut document = invited(&["alice"]);
    assert_eq!(document.revoke(&name("alice")), Ok(Revoked { grant: false, invitation: true }));
    assert_eq!(document, Document::default());
    let none = RefusedChange::NoSuchName(name("alice"));
    assert_eq!(document.revoke(&name("alice")), Err(none.clone()));
    assert_eq!(document.deny(&name("alice"), Rights::ALL, None), Err(none));
}

#[test]
fn denying_reaches_a_guest_and_who_is_still_to_come_and_stops_at_the_bound() {
    let mut document = invited(&["alice"]);
    let below = |number: usize| Some(SharedPath::parse(&format!("folder {number}")).unwrap());
    document.deny(&name("alice"), Rights::read(), below(0)).unwrap();
    document.redeem(&secret(1), key(1), at(1)).unwrap();
    let told = |document: &Document, number| {
        let path = below(number);
        document.explain(&name("alice"), Rights::ALL, Right::Read, path.as_ref()).unwrap()
    };
    assert!(!told(&document, 0).is_allowed() && told(&document, 1).is_allowed());
    assert_eq!(document.explain(&name("bob"), Rights::ALL, Right::Read, None), None);
    for number in 0..RULES_MAX - 1 {
        document.deny(&name("alice"), Rights::read(), below(number)).unwrap();
    }
    let grant = |document: &Document| document.grant(&name("alice")).unwrap().rules.clone();
    let rules = grant(&document);
    assert_eq!(rules.len(), RULES_MAX);
    let more = document.deny(&name("alice"), Rights::read(), below(RULES_MAX));
    assert_eq!((more, grant(&document)), (Err(RefusedChange::TooManyRules(name("alice"))), rules));
    assert_eq!(document.deny(&name("alice"), Rights::NONE, None), Err(RefusedChange::NoRights));
}

#[test]
fn past_the_bound_no_invitation_is_made_and_the_oldest_spent_ones_are_forgotten() {
    let mut document = Document::default();
    let bound = u16::try_from(INVITATIONS_MAX).unwrap();
    for number in 0..bound {
        document.invite(invitation(&format!("guest{number}"), number), at(0)).unwrap();
    }
    let one_more = || invitation("more", bound);
    assert_eq!(document.invite(one_more(), at(0)), Err(RefusedChange::TooManyInvitations));
    document.redeem(&secret(bound - 1), key(1), at(0)).unwrap();
    document.invite(one_more(), at(1000)).unwrap();
    assert_eq!(document.invitations().len(), SPENT_INVITATIONS_MAX + 1);
    assert!(
        !document.knows(&secret(0)) && document.knows(&secret(bound - 1)) && document.knows(&secret(bound))
    );
}

#[test]
fn past_the_bound_nobody_else_is_let_in() {
    let mut document = invited(&["last", "late"]);
    for number in 1..GRANTS_MAX {
        document.grants.push(Grant { name: name(&format!("guest{number}")), key: key(1), rules: Vec::new() });
    }
    assert!(document.redeem(&secret(1), key(2), at(1)).is_ok());
    assert_eq!(document.redeem(&secret(2), key(2), at(1)), Err(NoEntry::Failed));
}

#[test]
fn all_grants_of_a_key_count_and_a_denial_in_one_wins_over_the_other() {
    let mut document = invited(&["alice", "alice@work"]);
    document.redeem(&secret(1), key(1), at(1)).unwrap();
    document.redeem(&secret(2), key(1), at(1)).unwrap();
    document.deny(&name("alice@work"), "read".parse().unwrap(), SharedPath::parse("a").ok()).unwrap();
    let permit = document.permit(Some(key(1)), Rights::ALL);
    assert!(!permit.allows(Right::Read, SharedPath::parse("a/b").ok().as_ref()));
    assert!(permit.allows(Right::Delete, None), "everybody may");
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let rights = prop::collection::vec(prop::sample::select(Right::ALL.to_vec()), 1..5);
    let below =
        prop::option::of("[a-zA-Z/ é]{1,12}".prop_filter_map("a path", |text| SharedPath::parse(&text).ok()));
    (any::<bool>(), rights, below).prop_map(|(gives, rights, below)| Rule {
        effect: if gives { Effect::Allow } else { Effect::Deny },
        rights: rights.into_iter().collect(),
        below,
    })
}

prop_compose! {
    fn any_invitation()(
        text in "[a-z]{1,3}", number in any::<u16>(), rules in prop::collection::vec(any_rule(), 0..4),
        expires in any::<i64>(), nanoseconds in 0u32..1_000_000_000, used in prop::option::of((any::<i64>(), any::<u8>())),
    ) -> Invitation {
        let used = used.map(|(second, by)| Use { at: at(second), by: key(by) });
        let expires = Timestamp::from_unix(expires, nanoseconds);
        Invitation { name: name(&text), rules, secret: secret(number).hash(), expires, used }
    }
}

prop_compose! {
    pub(in crate::access) fn any_document()(
        invitations in prop::collection::vec(any_invitation(), 0..6),
        named in prop::collection::btree_map("[a-z]{1,3}", (any::<u8>(), prop::collection::vec(any_rule(), 0..4)), 0..6),
    ) -> Document {
        let grant = |(text, (number, rules)): (String, _)| Grant { name: name(&text), key: key(number), rules };
        Document { grants: named.into_iter().map(grant).collect(), invitations }
    }
}
