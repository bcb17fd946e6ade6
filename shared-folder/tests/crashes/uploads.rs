//! Uploads, one at a time: new, replaced, large and continued files.

use super::harness::*;
use shared_folder::folder::Folder;
use shared_folder::incoming::{Probe, Step, sweep};
use shared_folder::send::SendError;
use std::sync::Arc;

/// Crashes the server at one step of an upload, looks at what is there, and lets the upload be completed.
fn crash_at(crash: &str, old: Option<&[u8]>, new: &[u8]) {
    let (share, local) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(local.path(), new).unwrap();
    let file = share.path().join("file");
    if let Some(old) = old {
        std::fs::write(&file, old).unwrap();
    }
    let mut server = Server::start(share.path(), Some(crash));
    let outcome = upload(server.address, local.path());
    assert!(server.has_crashed(), "{crash}");
    assert!(outcome.is_err(), "{crash}: nobody was told that it is written");
    // From the rename on there is the new file; before it, the old one, or none.
    let is_renamed =
        crash == "rename:after:1" || crash.starts_with("sync folder") || crash.starts_with("reply");
    let expected = if is_renamed { Some(new) } else { old };
    assert_eq!(std::fs::read(&file).ok().as_deref(), expected, "{crash}");
    let server = Server::start(share.path(), None);
    upload(server.address, local.path()).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), new, "{crash}");
    assert_eq!(files(share.path()), ["file"], "{crash}");
    drop(server);
    let folder = Folder::open(share.path()).unwrap();
    sweep(&folder, 0, &|| false).unwrap();
    assert_eq!(std::fs::read_dir(share.path()).unwrap().count(), 1, "{crash}: nothing is left behind");
}

fn crash_everywhere(old: Option<&[u8]>, new: &[u8]) {
    for (step, _) in STEPS {
        for moment in ["before", "after"] {
            crash_at(&format!("{step}:{moment}:1"), old, new);
        }
    }
}

#[test]
fn promise_1_a_crash_at_any_step_of_a_new_small_file_leaves_none_or_all_of_it() {
    crash_everywhere(None, b"new and small");
}

#[test]
fn promise_1_a_crash_at_any_step_of_a_replaced_small_file_leaves_the_old_or_the_new_one() {
    crash_everywhere(Some(b"old"), b"new and small");
}

#[test]
fn promise_1_a_crash_at_any_step_of_a_replaced_large_file_leaves_the_old_or_the_new_one() {
    crash_everywhere(Some(&content(2 * MIB, 1)), &content(3 * MIB + 5, 2));
}

#[test]
fn promise_1_a_crash_in_the_middle_of_a_large_file_and_again_when_it_is_continued_leaves_the_old_one() {
    let (old, new) = (content(2 * MIB, 1), content(6 * MIB, 2));
    let (share, local) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(local.path(), &new).unwrap();
    std::fs::write(share.path().join("file"), &old).unwrap();
    for crash in ["write:after:3", "write:before:2", "sync:after:1", "rename:before:1"] {
        let mut server = Server::start(share.path(), Some(crash));
        assert!(upload(server.address, local.path()).is_err(), "{crash}");
        assert!(server.has_crashed(), "{crash}");
        assert_eq!(std::fs::read(share.path().join("file")).unwrap(), old, "{crash}");
    }
    let server = Server::start(share.path(), None);
    upload(server.address, local.path()).unwrap();
    assert_eq!(std::fs::read(share.path().join("file")).unwrap(), new);
}

#[test]
fn promise_1_written_is_said_after_write_sync_rename_and_folder_sync_in_that_order() {
    for byte_count in [5, 3 * MIB] {
        let (share, local) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::fs::write(local.path(), content(byte_count, 1)).unwrap();
        let recorder = Arc::new(Recorder::default());
        let service = service(share.path(), Some(Arc::clone(&recorder) as Arc<dyn Probe>));
        upload(service.address(), local.path()).unwrap();
        let mut steps = recorder.0.lock().unwrap().clone();
        steps.dedup();
        assert_eq!(steps, STEPS.map(|(_, step)| step));
    }
}

#[test]
fn promise_1_an_error_at_any_step_is_told_and_leaves_the_old_file_and_the_next_upload_works() {
    for byte_count in [5, 3 * MIB] {
        for step in [Step::Write, Step::Sync, Step::Rename] {
            for (error, code) in ERRORS {
                let (share, local) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
                let new = content(byte_count, 2);
                std::fs::write(local.path(), &new).unwrap();
                std::fs::write(share.path().join("file"), "old").unwrap();
                let service = service(share.path(), Some(Fault::at(step, error, 1..=1)));
                let told = upload(service.address(), local.path()).unwrap_err();
                let SendError::Remote(told) = told else { panic!("{step:?} {error:?}: {told:?}") };
                assert_eq!(told.refusal().unwrap().as_str(), code, "{step:?} {error:?}");
                assert_eq!(std::fs::read(share.path().join("file")).unwrap(), b"old", "{step:?} {error:?}");
                upload(service.address(), local.path()).unwrap();
                assert_eq!(std::fs::read(share.path().join("file")).unwrap(), new, "{step:?} {error:?}");
                assert_eq!(std::fs::read_dir(share.path()).unwrap().count(), 1, "{step:?} {error:?}");
            }
        }
    }
}
