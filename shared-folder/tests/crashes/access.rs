//! Changes of the access file that end in the middle: whoever is invited is invited wholly or not at all, a server that
//! runs goes on, and the next change is as good as any.
//!
//! Who changes the file is this test program again, as a process of its own.

use shared_folder::access::{Access, GuestName, Right, Rights, Rule, Step, Store};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const STATE: &str = "CRASH_TEST_STATE";
const NAME: &str = "CRASH_TEST_NAME";
const CRASH: &str = "CRASH_TEST_ACCESS_STEP";
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

fn command(state: &Path, name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "access::invite_and_end_at_a_step", "--ignored"]);
    command.env(STATE, state).env(NAME, name).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn a_change_that_ends_at_any_step_leaves_the_old_file_or_the_new_one_and_the_next_is_in_force() {
    for step in STEPS {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        invite(&store, "old");
        let access = Access::controlled(store.clone(), Rights::NONE, Box::new(|| {})).unwrap();

        let ended = command(state.path(), "new").env(CRASH, format!("{step:?}")).status().unwrap();
        assert_eq!(ended.code(), None, "{step:?} was not met");
        let is_new = !matches!(step, Step::Write | Step::Sync | Step::Rename);
        let expected: &[&str] = if is_new { &["old", "new"] } else { &["old"] };
        assert_eq!(invited(&store), expected, "{step:?}");

        assert!(command(state.path(), "next").status().unwrap().success(), "{step:?}");
        assert_eq!(invited(&store), [expected, &["next"]].concat(), "{step:?}");
        let secret = store.invite(name("last"), vec![Rule::allow(Rights::ALL, None)], Duration::MAX).unwrap();
        let key = wire::key::PublicKey([1; 32]);
        let guest = access.enter(Some(key), Some(&secret)).unwrap();
        assert_eq!(guest.name.as_deref(), Some("last"), "{step:?}");
        assert!(access.permit(guest.key).allows(Right::Delete, None), "{step:?}");
    }
}

#[test]
fn processes_that_invite_at_once_lose_nothing_of_each_other() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    let names: Vec<_> = (0..6).map(|number| format!("guest{number}")).collect();
    let started: Vec<_> = names.iter().map(|name| command(state.path(), name).spawn().unwrap()).collect();
    for mut process in started {
        assert!(process.wait().unwrap().success());
    }
    let mut invited = invited(&store);
    invited.sort();
    assert_eq!(invited, names);
}
