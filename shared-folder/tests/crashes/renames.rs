//! RENAME: the old name or the new one, never both, never neither; with `renamed` seen, the new one.

use super::harness::*;
use shared_folder::incoming::{Probe, Step};
use std::path::Path;
use std::sync::Arc;

const RENAME: &[u8] =
    b"{\"v\":1,\"type\":\"rename\",\"id\":1,\"path\":\"a/from\",\"to\":\"b/to\",\"replace\":true}\n";

fn share(replaced: bool) -> tempfile::TempDir {
    let share = tempfile::tempdir().unwrap();
    ["a", "b"].iter().for_each(|name| std::fs::create_dir(share.path().join(name)).unwrap());
    std::fs::write(share.path().join("a/from"), "moved").unwrap();
    if replaced {
        std::fs::write(share.path().join("b/to"), "old").unwrap();
    }
    share
}

/// What both names have.
fn both(share: &Path) -> (Option<String>, Option<String>) {
    let read = |name: &str| std::fs::read_to_string(share.join(name)).ok();
    (read("a/from"), read("b/to"))
}

#[test]
fn promise_1_a_crash_at_any_step_of_a_rename_leaves_it_done_or_not_begun() {
    for replaced in [false, true] {
        for (step, moment) in
            [("rename", "before"), ("rename", "after"), ("sync folder", "before"), ("reply", "before")]
        {
            let share = share(replaced);
            let before = both(share.path());
            let mut server = Server::start(share.path(), Some(&format!("{step}:{moment}:1")));
            let mut talk = Talk::open(server.address);
            talk.send(RENAME);
            assert_eq!(talk.brief(), None, "{step} {moment}");
            assert!(server.has_crashed());
            let done = (None, Some("moved".to_owned()));
            let expected = if (step, moment) == ("rename", "before") { before } else { done };
            assert_eq!(both(share.path()), expected, "{step} {moment}");
        }
    }
}

#[test]
fn promise_1_renamed_is_said_after_the_folders_are_synced() {
    let (share, recorder) = (share(true), Arc::new(Recorder::default()));
    let service = service(share.path(), Some(Arc::clone(&recorder) as Arc<dyn Probe>));
    let mut talk = Talk::open(service.address());
    talk.send(RENAME);
    assert_eq!(talk.brief(), Some((1, "renamed".into())));
    assert_eq!(*recorder.0.lock().unwrap(), [Step::Rename, Step::SyncFolder, Step::Reply]);
}

#[test]
fn a_rename_that_fails_leaves_both_files_and_the_next_works() {
    for (error, code) in ERRORS {
        let share = share(true);
        let before = both(share.path());
        let service = service(share.path(), Some(Fault::at(Step::Rename, error, 1..=1)));
        let mut talk = Talk::open(service.address());
        talk.send(RENAME);
        assert_eq!(talk.brief(), Some((1, code.into())));
        assert_eq!(both(share.path()), before);
        talk.send(RENAME);
        assert_eq!(talk.brief(), Some((1, "renamed".into())));
    }
}
