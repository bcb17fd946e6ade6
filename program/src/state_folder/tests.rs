//! Tests of the state folder, on real folders.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_default_folder_is_below_the_xdg_state_folder_or_home() {
    let path = |state: Option<&str>, home: Option<&str>| {
        default_path_from(state.map(Into::into), home.map(Into::into), "ioe-server").ok()
    };
    assert_eq!(path(Some("/x"), Some("/home/u")), Some("/x/ioe-server".into()));
    assert_eq!(path(None, Some("/home/u")), Some("/home/u/.local/state/ioe-server".into()));
    assert_eq!(path(Some("relative"), Some("/h")), Some("/h/.local/state/ioe-server".into()));
    assert_eq!(path(Some(""), Some("")), None);
    assert!(StateFolderError::NoDefault.to_string().contains("--state-dir"));
}

#[test]
fn a_new_folder_is_private_and_an_old_one_keeps_its_mode() {
    let scratch = tempfile::tempdir().unwrap();
    let new = scratch.path().join("a/b");
    let folder = StateFolder::open_locked(&new).unwrap();
    assert_eq!((mode(&new), mode(&new.join("lock"))), (0o700, 0o600));
    assert!(folder.is_writable() && folder.path() == new);

    let old = scratch.path().join("old");
    fs::create_dir(&old).unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    StateFolder::open_locked(&old).unwrap();
    assert_eq!(mode(&old), 0o755);
}

#[test]
fn a_locked_folder_is_refused_with_the_way_out_and_free_after_the_drop() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("ioe-server");
    let first = StateFolder::open_locked(&path).unwrap();
    let error = StateFolder::open_locked(&path).unwrap_err();
    assert!(matches!(error, StateFolderError::Locked { .. }));
    assert!(error.to_string().contains("ioe-server is in use by another running program"), "{error}");
    assert!(error.to_string().contains("--state-dir"), "{error}");
    assert!(StateFolder::open_shared(&path).is_writable(), "clients do not mind the lock");
    drop(first);
    StateFolder::open_locked(&path).unwrap();
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let scratch = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("elsewhere", scratch.path().join("lock")).unwrap();
    let error = StateFolder::open_locked(scratch.path()).unwrap_err();
    assert!(matches!(error, StateFolderError::Unusable { .. }));
    assert!(!scratch.path().join("elsewhere").exists());
}

#[test]
fn a_shared_folder_that_cannot_be_made_fails_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "").unwrap();
    for folder in [StateFolder::open_shared(&file.join("below")), StateFolder::nowhere("ioe-client")] {
        assert!(!folder.is_writable() && !folder.path().exists());
        assert_eq!((folder.writable_file("x"), folder.private_file("x")), (None, None));
    }
}

#[test]
fn a_private_file_is_made_once_and_read_by_nobody_else() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = StateFolder::open_shared(scratch.path());
    let path = folder.private_file("history").unwrap();
    assert_eq!(mode(&path), 0o600);
    fs::write(&path, "kept").unwrap();
    assert_eq!(folder.private_file("history"), Some(path.clone()));
    assert_eq!(fs::read_to_string(path).unwrap(), "kept");
}
