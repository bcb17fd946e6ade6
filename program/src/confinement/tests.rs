//! What is said of a confinement. That it holds is tested with a process of its own in tests/confined.rs, since there is
//! no way back.

use super::*;

fn confined(outcome: Outcome) -> Confined {
    Confined { outcome, others: 0 }
}

#[test]
fn it_says_what_is_kept_and_what_a_missing_part_needs() {
    let text = |interface| confined(Outcome::Landlock(interface)).to_string();
    assert_eq!(text(7), "confined by Landlock (ABI 7): files, TCP, signals");
    assert_eq!(
        text(3),
        "confined in part by Landlock (ABI 3): files; not TCP (Linux 6.7); not signals (Linux 6.12)"
    );
    let nothing = confined(Outcome::Nothing("this kernel has no Landlock".to_owned()));
    assert_eq!(nothing.to_string(), "not confined: this kernel has no Landlock");
}

#[test]
fn less_than_all_is_an_error_where_all_is_required_and_none_elsewhere() {
    for (interface, is_whole) in [(2, false), (5, false), (6, true), (9, true)] {
        let confined = confined(Outcome::Landlock(interface));
        assert_eq!(confined.is_whole(), is_whole, "{interface}");
        assert!(confined.clone().check(false).is_ok());
        assert_eq!(confined.check(true).is_ok(), is_whole, "{interface}");
    }
    let error = confined(Outcome::Nothing("no Landlock".to_owned())).check(true).unwrap_err();
    let text = error.to_string();
    for word in ["--require-confinement", "no Landlock", "6.12", "lsm=landlock"] {
        assert!(text.contains(word), "{text}");
    }
    let threads = Confined { outcome: Outcome::Landlock(7), others: 2 };
    assert!(threads.to_string().ends_with("signals; threads that ran before are not: 2"), "{threads}");
    assert!(threads.check(true).is_err());
}

#[test]
fn a_folder_that_is_needed_must_be_there_and_one_to_read_need_not() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = scratch.path().join("missing");
    assert!(Confinement::new().may_read(&missing).problem.is_none());
    let error = Confinement::new().may_change(&missing).enter().unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}
