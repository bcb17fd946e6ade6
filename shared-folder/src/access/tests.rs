//! What a running daemon sees: changes in force when they return, invitations that work once, files that are broken.

use super::document::tests::{at, invitation, key, name, secret};
use super::*;
use std::fs;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const LIFETIME: Duration = Duration::from_secs(600);

fn state_folder() -> (tempfile::TempDir, Store) {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    (state, store)
}

fn quiet() -> OnChange {
    Box::new(|| {})
}

fn controlled(store: &Store, public: Rights) -> Access {
    Access::controlled(store.clone(), public, quiet()).unwrap()
}

/// One that says when a change is in force.
fn telling(store: &Store, public: Rights) -> (Access, Receiver<()>) {
    let (sender, changes) = channel();
    let tell = Box::new(move || sender.send(()).unwrap());
    (Access::controlled(store.clone(), public, tell).unwrap(), changes)
}

fn invite(store: &Store, text: &str) -> Secret {
    store.invite(name(text), vec![Rule::allow(Rights::read(), None)], LIFETIME).unwrap()
}

fn may_read(access: &Access, key: PublicKey) -> bool {
    access.permit(Some(key)).allows(Right::Read, None)
}

/// As an editor saves it.
fn put(store: &Store, text: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let (saved, file) = (store.folder_path().join("saved"), store.folder_path().join("grants.json"));
    fs::write(&saved, text).unwrap();
    fs::set_permissions(&saved, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(saved, file).unwrap();
}

#[test]
fn without_rules_everybody_may_do_everything() {
    let access = Access::open_to_all();
    assert!(!access.is_controlled() && access.permit(None).is_everything());
    assert_eq!(access.enter(None, Some(&secret(1))), Ok(Guest { name: None, key: None }));
    assert_eq!(access.explain("alice", Right::Read, None), None);
    assert!(access.explain("public", Right::Read, None).unwrap().is_allowed());
}

#[test]
fn whoever_enters_has_a_file_looked_at_again_that_could_not_be_used_for_a_moment() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_state, store) = state_folder();
    let secret = invite(&store, "alice");
    // Nobody watches the file.
    let state = Arc::new(State::new(Some(store.clone()), Guests::controlled(Rights::NONE), quiet()));
    state.load_first().unwrap();
    let access = Access { _watch: None, state };
    access.enter(Some(key(1)), Some(&secret)).unwrap();
    let file = store.folder_path().join("grants.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    access.state.reload();
    assert!(access.enter(Some(key(1)), None).is_err() && !may_read(&access, key(1)));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(access.enter(Some(key(1)), None).unwrap().name.as_deref(), Some("alice"));
    assert!(may_read(&access, key(1)));
}

#[test]
fn a_change_is_in_force_when_it_returns() {
    let (_state, store) = state_folder();
    let access = controlled(&store, Rights::NONE);
    for number in 1..20 {
        let guest = key(number);
        let secret = invite(&store, "alice");
        let before = access.generation();
        assert!(access.state.current().document().knows(&secret), "invited {number}");
        assert_eq!(access.enter(Some(guest), Some(&secret)).unwrap().name.as_deref(), Some("alice"));
        assert!(may_read(&access, guest), "entered {number}");
        store.change(|document| document.deny(&name("alice"), Rights::read(), None)).unwrap();
        assert!(!may_read(&access, guest), "denied {number}");
        store.change(|document| document.revoke(&name("alice"))).unwrap();
        assert!(
            access.permit(Some(guest)).is_nothing() && access.name_of(guest).is_none(),
            "revoked {number}"
        );
        assert!(access.generation() >= before + 3);
    }
}

#[test]
fn sessions_are_ended_before_who_revoked_is_told() {
    let (_state, store) = state_folder();
    let (access, changes) = telling(&store, Rights::NONE);
    let secret = invite(&store, "alice");
    access.enter(Some(key(1)), Some(&secret)).unwrap();
    while changes.try_recv().is_ok() {}
    store.change(|document| document.revoke(&name("alice"))).unwrap();
    assert!(changes.try_recv().is_ok());
}

#[test]
fn an_invitation_is_taken_once_by_two_threads_and_two_daemons_at_once() {
    for round in 0..5 {
        let (_state, store) = state_folder();
        let daemons = [controlled(&store, Rights::NONE), controlled(&store, Rights::NONE)];
        let secret = invite(&store, "alice");
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let enter = |number: u8| {
                let (access, secret) = (&daemons[usize::from(number % 2)], &secret);
                scope.spawn(move || access.enter(Some(key(number)), Some(secret)))
            };
            (0..4)
                .map(enter)
                .collect::<Vec<_>>()
                .into_iter()
                .map(|entering| entering.join().unwrap())
                .collect()
        });
        let entered: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(entered.len(), 1, "round {round}: {outcomes:?}");
        let refused = outcomes.iter().filter(|outcome| **outcome == Err(NoEntry::Used)).count();
        assert_eq!(refused, 3, "round {round}: {outcomes:?}");
        let winner = entered[0].key.unwrap();
        for access in &daemons {
            assert!((0..4).all(|number| may_read(access, key(number)) == (key(number) == winner)));
            assert!(access.enter(Some(winner), Some(&secret)).is_ok(), "the same key again");
        }
    }
}

#[test]
fn who_is_not_known_is_refused_with_one_text_or_has_the_rights_of_everybody() {
    let (_state, store) = state_folder();
    let closed = controlled(&store, Rights::NONE);
    invite(&store, "alice");
    let wrong = secret(1);
    let unknown = [(None, None), (None, Some(&wrong)), (Some(key(1)), None), (Some(key(1)), Some(&wrong))];
    for (key, invitation) in unknown {
        assert_eq!(closed.enter(key, invitation), Err(NoEntry::Unknown));
    }
    let public = controlled(&store, Rights::read());
    for (key, invitation) in unknown {
        assert_eq!(public.enter(key, invitation), Ok(Guest { name: None, key }));
        assert!(
            public.permit(key).allows(Right::List, None) && !public.permit(key).allows(Right::Create, None)
        );
    }
    let secret = invite(&store, "bob");
    assert_eq!(closed.enter(None, Some(&secret)), Err(NoEntry::Unknown), "without a key nobody is let in");
}

#[test]
fn who_is_known_comes_in_with_an_invitation_that_is_forgotten_and_a_spent_one_is_told() {
    let (_state, store) = state_folder();
    let access = controlled(&store, Rights::NONE);
    let used = invite(&store, "alice");
    store.change(|document| document.invite(invitation("late", 1), at(0))).unwrap();
    assert_eq!(access.enter(Some(key(1)), Some(&used)).unwrap().name.as_deref(), Some("alice"));
    assert_eq!(access.enter(Some(key(1)), Some(&secret(9))).unwrap().name.as_deref(), Some("alice"));
    assert_eq!(access.enter(Some(key(2)), Some(&used)), Err(NoEntry::Used));
    assert_eq!(access.enter(Some(key(2)), Some(&secret(1))), Err(NoEntry::Expired));
    let again = controlled(&store, Rights::NONE);
    assert!(may_read(&again, key(1)), "it is written down");
    let told = again.explain("alice", Right::Read, None).unwrap().to_string();
    assert_eq!(
        told,
        "'read' at the share itself is allowed by a rule of 'alice': allow list,read in the whole share"
    );
    assert!(!again.explain("public", Right::Read, None).unwrap().is_allowed());
}

#[test]
fn a_file_that_cannot_be_read_shuts_everybody_out_until_it_can() {
    let (_state, store) = state_folder();
    let secret = invite(&store, "alice");
    let (access, changes) = telling(&store, Rights::read());
    access.enter(Some(key(1)), Some(&secret)).unwrap();
    changes.recv().unwrap();
    let good = fs::read(store.folder_path().join("grants.json")).unwrap();
    put(&store, b"{");
    changes.recv().unwrap();
    assert!(
        access.is_controlled()
            && access.permit(Some(key(1))).is_nothing()
            && access.permit(None).is_nothing()
    );
    assert_eq!(access.enter(Some(key(1)), Some(&secret)), Err(NoEntry::Unknown));
    assert!(Access::controlled(store.clone(), Rights::ALL, quiet()).is_err(), "nobody starts with it");
    put(&store, &good);
    changes.recv().unwrap();
    assert!(may_read(&access, key(1)));
    fs::remove_file(store.folder_path().join("grants.json")).unwrap();
    changes.recv().unwrap();
    assert!(may_read(&access, key(1)) && access.name_of(key(1)).is_none(), "everybody may read");
}

#[test]
fn what_is_open_until_somebody_is_invited_never_opens_again() {
    let (_state, store) = state_folder();
    let (sender, changes) = channel();
    let tell = Box::new(move || sender.send(()).unwrap());
    let access = Access::open_until_invited(store.clone(), tell).unwrap();
    assert!(!access.is_controlled() && access.permit(None).is_everything());
    invite(&store, "alice");
    changes.recv().unwrap();
    assert!(access.is_controlled() && access.enter(Some(key(1)), None) == Err(NoEntry::Unknown));
    store.change(|document| document.revoke(&name("alice"))).unwrap();
    changes.recv().unwrap();
    assert!(access.is_controlled() && access.permit(None).is_nothing());
    fs::remove_file(store.folder_path().join("grants.json")).unwrap();
    invite(&store, "bob");
    assert!(access.is_controlled() && access.permit(None).is_nothing());
    assert!(access.explain("bob", Right::Read, None).is_none(), "invited is not yet known");
}
