//! The access file by example, and what is wrong with those that are none.

use super::*;
use crate::access::document::tests::{any_document, at, invitation, key, name};
use proptest::prelude::*;

fn example() -> Document {
    let mut document = Document::default();
    let mut invited = invitation("bob", 1);
    invited.rules.push(Rule::deny("write".parse().unwrap(), SharedPath::parse("team/plans").ok()));
    invited.used = Some(Use { at: at(50), by: key(2) });
    document.grants.push(Grant { name: name("alice"), key: key(1), rules: invited.rules.clone() });
    document.invitations.push(invited);
    document
}

fn text() -> String {
    String::from_utf8(example().render().unwrap()).unwrap()
}

#[test]
fn a_document_is_written_so_that_people_can_read_it() {
    let text = text();
    let squeezed: String = text.split_whitespace().collect();
    let rules = r#""rules":[{"allow":["list","read"]},{"deny":["list","read","create","replace","delete"],"below":"team/plans"}]"#;
    let grant = format!(r#"{{"v":1,"grants":[{{"name":"alice","key":"{}",{rules}}}]"#, key(1));
    assert!(squeezed.starts_with(&grant), "{squeezed}");
    let used = format!(
        r#""expires":"1970-01-01T00:01:40Z","used":{{"at":"1970-01-01T00:00:50Z","by":"{}"}}"#,
        key(2)
    );
    assert!(squeezed.contains(&used), "{squeezed}");
    assert_eq!(Document::parse(br#"{"v":1,"grants":[],"invitations":[]}"#), Ok(Document::default()));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let (one, rules) = (key(1).to_string(), "\"team/plans\"");
    for (from, to, told) in [
        ("\"alice\"", "\"a b\"", "grants[0]: name: a name has no spaces"),
        (one.as_str(), "12", "grants[0] 'alice': key: a key is 64 hex digits"),
        (rules, "\"../x\"", "grants[0] 'alice': rules[1].below: the path has a part '.' or '..'"),
        (rules, "\"\"", "grants[0] 'alice': rules[1].below: the path has an empty part"),
        ("\"list\"", "\"lsit\"", "grants[0] 'alice': rules[0]: 'lsit' is no right: there are list"),
        ("\"deny\"", "\"allow\": [], \"deny\"", "grants[0] 'alice': rules[1]: give either 'allow' or 'deny'"),
        (
            "\"1970-01-01T00:01:40Z\"",
            "\"soon\"",
            "invitations[0] 'bob': expires: invalid value: string \"soon\"",
        ),
        (
            "\"secret_hash\": \"",
            "\"secret_hash\": \"x",
            "invitations[0] 'bob': secret_hash: a hash is 64 hex digits",
        ),
        ("\"by\": \"", "\"by\": \"x", "invitations[0] 'bob': used.by: a key is 64 hex digits"),
        ("\"v\": 1", "\"v\": 2", "v: it is of form 2, and this program reads form 1"),
        ("\"v\": 1", "\"v\": 1, \"v\": 1", "duplicate field `v` at line 2"),
        (
            "\"grants\"",
            "\"grant\"",
            "unknown field `grant`, expected one of `v`, `grants`, `invitations` at line 3",
        ),
        ("\"deny\"", "\"dney\"", "unknown field `dney`"),
    ] {
        let wrong = text().replacen(from, to, 1);
        assert_ne!(wrong, text(), "{from} is not there");
        let error = Document::parse(wrong.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error} instead of {told}");
    }
    let empty = text().replace("\"list\",\n            \"read\"\n", "");
    assert!(
        Document::parse(empty.as_bytes()).unwrap_err().to_string().contains("it names no right"),
        "{empty}"
    );
}

#[test]
fn each_bound_is_kept_and_what_is_beyond_it_is_refused() {
    let told =
        |document: &Document| Document::parse(&document.render().unwrap()).map_err(|error| error.to_string());
    let (grants, rule) = (GRANTS_MAX, Rule::allow(Rights::ALL, None));
    let grant = |number| Grant { name: name(&format!("g{number}")), key: key(1), rules: Vec::new() };
    let mut document = Document { grants: (0..grants).map(grant).collect(), invitations: Vec::new() };
    document.invitations = vec![invitation("i", 1); INVITATIONS_MAX];
    document.grants[0].rules = vec![rule.clone(); RULES_MAX];
    assert_eq!(told(&document).as_ref(), Ok(&document));

    let mut more = document.clone();
    more.grants.push(grant(grants));
    assert_eq!(told(&more).unwrap_err(), "grants: there are 1025, and 1024 are possible: remove some");
    let mut more = document.clone();
    more.invitations.push(invitation("i", 1));
    assert_eq!(told(&more).unwrap_err(), "invitations: there are 1025, and 1024 are possible: remove some");
    let mut more = document.clone();
    more.grants[0].rules.push(rule);
    assert!(told(&more).unwrap_err().starts_with("grants[0] 'g0': rules: there are 65"));
    document.grants[1].name = name("g0");
    assert_eq!(told(&document).unwrap_err(), "grants[1] 'g0': name: another grant has it: take another one");
}

#[test]
fn a_file_may_be_as_long_as_the_bound_and_no_byte_longer() {
    let mut bytes = text().into_bytes();
    bytes.resize(FILE_BYTES_MAX, b' ');
    assert_eq!(Document::parse(&bytes), Ok(example()));
    bytes.push(b' ');
    assert_eq!(Document::parse(&bytes), Err(UnreadableDocument::TooLong));
}

#[test]
fn what_would_be_too_long_to_read_is_not_written() {
    let mut document = example();
    let below = SharedPath::parse(&["x".repeat(250).as_str(); 16].join("/")).ok();
    let rules = vec![Rule::deny(Rights::ALL, below); RULES_MAX];
    for number in 0..30 {
        document.grants.push(Grant { name: name(&format!("g{number}")), key: key(1), rules: rules.clone() });
    }
    assert_eq!(document.render(), Err(UnreadableDocument::TooLong));
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(document in any_document()) {
        prop_assert_eq!(Document::parse(&document.render().unwrap()), Ok(document));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&bytes);
    }

    #[test]
    fn a_file_with_changed_bytes_is_refused_or_written_back_as_read(
        place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = text().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(document) = Document::parse(&bytes) {
            prop_assert_eq!(Document::parse(&document.render().unwrap()), Ok(document));
        }
        bytes.truncate(cut.index(bytes.len() - 2));
        prop_assert!(Document::parse(&bytes).is_err(), "half a file is none");
    }
}
