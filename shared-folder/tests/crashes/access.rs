//! Changes of the access file that end in the middle: whoever is invited is invited wholly or not at all, a server that
//! runs goes on, and the next change is as good as any.
//!
//! Who changes the file is this test program again, as a process of its own.

use shared_folder::access::{Access, GuestName, NoEntry, Right, Rights, Rule, Step, Store};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use wire::key::PublicKey;

const STATE: &str = "CRASH_TEST_STATE";
const NAME: &str = "CRASH_TEST_NAME";
const CRASH: &str = "CRASH_TEST_ACCESS_STEP";
const SECRET: &str = "CRASH_TEST_SECRET";
const KEY: &str = "CRASH_TEST_KEY";
const STEPS: [Step; 6] = [Step::Write, Step::Sync, Step::Rename, Step::SyncFolder, Step::Wait, Step::Done];

fn name(text: &str) -> GuestName {
    text.parse().unwrap()
}

fn invite(store: &Store, text: &str) {
    store.invite(name(text), vec![Rule::allow(Rights::read(), None)], Duration::from_secs(600)).unwrap();
}

fn invited(store: &Store) -> Vec<String> {
    let document = store.read().unwrap().unwrap_or_default();
    document.invitations().map(|invitation| invitation.name.to_string()).collect()
}

#[test]
#[ignore = "it is what the other tests start as a process"]
fn invite_and_end_at_a_step() {
    let Ok(state) = std::env::var(STATE) else { return };
    let crash = std::env::var(CRASH).unwrap_or_default();
    let probe = move |step| if format!("{step:?}") == crash { std::process::abort() } else { Ok(()) };
    let store = Store::open(Path::new(&state)).unwrap().with_probe(Arc::new(probe));
    invite(&store, &std::env::var(NAME).unwrap());
}

fn command(state: &Path, test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored"]);
    command.env(STATE, state).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn inviting(state: &Path, name: &str) -> Command {
    let mut command = command(state, "access::invite_and_end_at_a_step");
    command.env(NAME, name);
    command
}

#[test]
fn a_change_that_ends_at_any_step_leaves_the_old_file_or_the_new_one_and_the_next_is_in_force() {
    for step in STEPS {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        invite(&store, "old");
        let access = Access::controlled(store.clone(), Rights::NONE, Box::new(|| {})).unwrap();

        let ended = inviting(state.path(), "new").env(CRASH, format!("{step:?}")).status().unwrap();
        assert_eq!(ended.code(), None, "{step:?} was not met");
        let is_new = !matches!(step, Step::Write | Step::Sync | Step::Rename);
        let expected: &[&str] = if is_new { &["old", "new"] } else { &["old"] };
        assert_eq!(invited(&store), expected, "{step:?}");

        assert!(inviting(state.path(), "next").status().unwrap().success(), "{step:?}");
        assert_eq!(invited(&store), [expected, &["next"]].concat(), "{step:?}");
        let secret = store.invite(name("last"), vec![Rule::allow(Rights::ALL, None)], Duration::MAX).unwrap();
        let key = PublicKey([1; 32]);
        let guest = access.enter(Some(key), Some(&secret)).unwrap();
        assert_eq!(guest.name.as_deref(), Some("last"), "{step:?}");
        assert!(access.permit(guest.key).allows(Right::Delete, None), "{step:?}");
    }
}

#[test]
#[ignore = "it is what the other tests start as a process"]
fn enter_as_a_daemon_would() {
    let Ok(state) = std::env::var(STATE) else { return };
    let access =
        Access::controlled(Store::open(Path::new(&state)).unwrap(), Rights::NONE, Box::new(|| {})).unwrap();
    let (key, secret) = (std::env::var(KEY).unwrap().parse().unwrap(), std::env::var(SECRET).unwrap());
    let entered = access.enter(Some(key), Some(&secret.parse().unwrap()));
    std::process::exit(match entered {
        Ok(_) => 0,
        Err(NoEntry::Used) => 1,
        Err(_) => 2,
    });
}

#[test]
fn one_of_several_processes_takes_an_invitation() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    let secret = store.invite(name("alice"), vec![Rule::allow(Rights::read(), None)], Duration::MAX).unwrap();
    let keys = [1, 2, 3, 4].map(|number| PublicKey([number; 32]));
    let enter = |key: &PublicKey| {
        let mut command = command(state.path(), "access::enter_as_a_daemon_would");
        command.env(SECRET, secret.reveal()).env(KEY, key.to_string()).spawn().unwrap()
    };
    let codes: Vec<_> = keys
        .iter()
        .map(enter)
        .collect::<Vec<_>>()
        .into_iter()
        .map(|mut process| process.wait().unwrap().code())
        .collect();
    let (entered, used) = (|code: &&Option<i32>| **code == Some(0), |code: &&Option<i32>| **code == Some(1));
    assert_eq!(
        (codes.iter().filter(entered).count(), codes.iter().filter(used).count()),
        (1, 3),
        "{codes:?}"
    );
    let document = store.read().unwrap().unwrap();
    let granted: Vec<_> = document.grants().map(|grant| grant.key).collect();
    let winner = codes.iter().position(|code| *code == Some(0)).unwrap();
    assert_eq!(granted, [keys[winner]]);
}

#[test]
fn processes_that_invite_at_once_lose_nothing_of_each_other() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    let names: Vec<_> = (0..6).map(|number| format!("guest{number}")).collect();
    let started: Vec<_> = names.iter().map(|name| inviting(state.path(), name).spawn().unwrap()).collect();
    for mut process in started {
        assert!(process.wait().unwrap().success());
    }
    let mut invited = invited(&store);
    invited.sort();
    assert_eq!(invited, names);
}
