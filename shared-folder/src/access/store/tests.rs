//! The access file on a real disk: whose it is, what is refused in its place, and changes step by step.

use super::*;
use crate::access::document::tests::{at, invitation, name};
use crate::access::rights::Rights;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::sync::Mutex;
use std::sync::mpsc::channel;

fn store() -> (tempfile::TempDir, Store) {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    (state, store)
}

fn invite(store: &Store, text: &str) -> Result<(), ChangeError<RefusedChange>> {
    store.change(|document| document.invite(invitation(text, 1), at(0)))
}

fn names(store: &Store) -> Vec<String> {
    let document = store.read().unwrap().unwrap_or_default();
    document.invitations().map(|invitation| invitation.name.to_string()).collect()
}

fn permissions(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_store_is_for_its_user_alone_and_has_no_file_before_somebody_is_invited() {
    let (_state, store) = store();
    assert_eq!(store.read().unwrap(), None);
    let rules = vec![Rule::allow(Rights::read(), None)];
    let secret = store.invite(name("alice"), rules, Duration::from_secs(60)).unwrap();
    let document = store.read().unwrap().unwrap();
    assert!(document.knows(&secret));
    let left =
        document.invitations().next().unwrap().expires.to_unix().0 - timestamp(SystemTime::now()).to_unix().0;
    assert!((0..=60).contains(&left), "{left}");
    let path = store.folder_path();
    assert_eq!(permissions(path), 0o700);
    assert_eq!((permissions(&path.join(FILE)), permissions(&path.join(LOCK))), (0o600, 0o600));
    assert!(!path.join(TEMPORARY).exists());
}

#[test]
fn what_others_may_write_is_refused_until_that_is_forbidden() {
    let (state, store) = store();
    invite(&store, "alice").unwrap();
    for place in [FILE, LOCK, "."] {
        let path = store.folder_path().join(place);
        let before = permissions(&path);
        for more in [0o020, 0o002] {
            fs::set_permissions(&path, fs::Permissions::from_mode(before | more)).unwrap();
            let error = match place {
                "." => Store::open(state.path()).err().unwrap(),
                FILE => store.read().err().unwrap(),
                _ => store.lock().err().unwrap(),
            };
            assert!(error.to_string().ends_with("forbid that with chmod go-w"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
    }
    invite(&Store::open(state.path()).unwrap(), "bob").unwrap();
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let (_state, store) = store();
    invite(&store, "alice").unwrap();
    let path = store.folder_path().join(FILE);
    // Who may not give a file away is not root, whose folder this is.
    let foreign = if chown(&path, Some(1), None).is_ok() { path } else { "/".into() };
    let status = rustix::fs::stat(&foreign).unwrap();
    assert!(matches!(check_own(&foreign, &status), Err(StoreError::NotOwn { .. })));
}

#[test]
fn only_a_plain_file_is_read() {
    let (state, store) = store();
    let (path, elsewhere) = (store.folder_path().join(FILE), state.path().join("elsewhere"));
    fs::write(&elsewhere, Document::default().render().unwrap()).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let refused = || matches!(store.read(), Err(StoreError::NoFile { .. })) && invite(&store, "a").is_err();
    assert!(refused(), "a link");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(refused(), "a folder");
    fs::remove_dir(&path).unwrap();
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, OWN_FILE, 0).unwrap();
    assert!(refused(), "a pipe");
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![b' '; FILE_BYTES_MAX + 1]).unwrap();
    let told = store.read().unwrap_err().to_string();
    assert!(told.contains("it is longer than") && told.contains("nobody is let in"), "{told}");
    fs::remove_file(&path).unwrap();
    fs::remove_dir_all(store.folder_path()).unwrap();
    symlink(state.path(), store.folder_path()).unwrap();
    assert!(Store::open(state.path()).is_err(), "a link in the place of the folder");
}

#[test]
fn what_is_refused_or_changes_nothing_is_not_written() {
    let (_state, store) = store();
    invite(&store, "alice").unwrap();
    let inode = || fs::metadata(store.folder_path().join(FILE)).unwrap().ino();
    let before = inode();
    assert!(matches!(invite(&store, "alice"), Err(ChangeError::Refused(RefusedChange::NameInvited(_)))));
    store.change(|_| Ok::<_, RefusedChange>(())).unwrap();
    assert_eq!(inode(), before);
}

#[test]
fn a_step_that_fails_leaves_the_old_file_or_the_new_one_and_no_other() {
    for (failing, is_new) in [
        (Step::Write, false),
        (Step::Sync, false),
        (Step::Rename, false),
        (Step::SyncFolder, true),
        (Step::Wait, true),
        (Step::Done, true),
    ] {
        let (_state, store) = store();
        invite(&store, "old").unwrap();
        let fail = move |step| if step == failing { Err(Errno::NOSPC.into()) } else { Ok(()) };
        assert!(invite(&store.clone().with_probe(Arc::new(fail)), "new").is_err(), "{failing:?}");
        let expected: &[&str] = if is_new { &["old", "new"] } else { &["old"] };
        assert_eq!(names(&store), expected, "{failing:?}");
        assert!(!store.folder_path().join(TEMPORARY).exists(), "{failing:?}");
    }
}

#[test]
fn the_steps_of_a_change_keep_their_order() {
    let (_state, store) = store();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&steps);
    let note = move |step| {
        noted.lock().unwrap().push(step);
        Ok(())
    };
    invite(&store.with_probe(Arc::new(note)), "alice").unwrap();
    let expected = [Step::Write, Step::Sync, Step::Rename, Step::SyncFolder, Step::Wait, Step::Done];
    assert_eq!(*steps.lock().unwrap(), expected);
}

#[test]
fn a_change_waits_for_who_goes_by_the_old_file_also_where_there_was_none() {
    let (_state, store) = store();
    for (text, count) in [("first", 0), ("second", 1)] {
        let (held, document) = store.hold().unwrap();
        assert_eq!(document.map_or(0, |document| document.invitations().len()), count);
        let (sender, steps) = channel();
        let probed = store.clone().with_probe(Arc::new(move |step| {
            sender.send(step).unwrap();
            Ok(())
        }));
        let changing = std::thread::spawn(move || invite(&probed, text).unwrap());
        assert!(steps.iter().any(|step| step == Step::Wait));
        // The new file is there to be loaded, and what is loaded from it holds nobody up.
        let (_next, document) = store.hold().unwrap();
        assert_eq!(document.unwrap().invitations().len(), count + 1);
        assert!(lock_is_taken(&store), "the next change would not wait");
        assert!(steps.try_recv().is_err(), "it did not wait");
        drop(held);
        assert!(steps.iter().any(|step| step == Step::Done));
        changing.join().unwrap();
    }
}

#[test]
fn who_waits_in_vain_is_told_whether_the_change_is_written() {
    let (_state, store) = store();
    let hasty = Store { patience: Duration::ZERO, ..store.clone() };
    let held = store.hold().unwrap();
    assert!(matches!(invite(&hasty, "alice"), Err(ChangeError::Store(StoreError::NotInForce { .. }))));
    assert_eq!(names(&store), ["alice"]);
    drop(held);
    let lock = store.lock().unwrap();
    assert!(matches!(invite(&hasty, "bob"), Err(ChangeError::Store(StoreError::Busy { .. }))));
    assert_eq!(names(&store), ["alice"]);
    drop(lock);
    invite(&store, "bob").unwrap();
}

fn lock_is_taken(store: &Store) -> bool {
    let lock = File::open(store.folder_path().join(LOCK)).unwrap();
    flock(lock, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
}

#[test]
fn changes_at_once_are_all_made() {
    let (_state, store) = store();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let store = &store;
            scope.spawn(move || invite(store, &format!("guest{number}")).unwrap());
        }
    });
    let mut names = names(&store);
    names.sort();
    assert_eq!(names, (0..8).map(|number| format!("guest{number}")).collect::<Vec<_>>());
}
