//! Confinement, kinds of things, and changes of names, on real folders.

use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

/// Whatever stands there may be changed.
const ANYTHING: Permit<'static> = &|_| Ok(());

fn share() -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(place.path().join("share/sub/deep")).unwrap();
    std::fs::write(place.path().join("outside.txt"), "canary").unwrap();
    std::fs::write(place.path().join("share/a.txt"), "alpha").unwrap();
    std::fs::write(place.path().join("share/sub/b.txt"), "beta").unwrap();
    let folder = Folder::open(&place.path().join("share")).unwrap();
    (place, folder)
}

fn path(text: &str) -> SharedPath {
    SharedPath::parse(text).unwrap()
}

#[test]
fn promise_3_links_that_lead_outside_are_not_followed() {
    let (place, folder) = share();
    let root = place.path().join("share");
    symlink(place.path(), root.join("up")).unwrap();
    symlink("../outside.txt", root.join("file")).unwrap();
    symlink("../../outside.txt", root.join("sub/file")).unwrap();
    for name in ["up/outside.txt", "file", "sub/file", "up"] {
        assert!(matches!(folder.status(&path(name)), Err(FolderError::LeadsOutside)), "{name}");
        assert!(matches!(folder.open_file(&path(name)), Err(FolderError::LeadsOutside)), "{name}");
    }
    assert!(matches!(folder.make_folders(&path("up/new/folder")), Err(FolderError::LeadsOutside)));
    assert!(matches!(
        folder.rename(&path("a.txt"), &path("up/x"), true, ANYTHING),
        Err(FolderError::LeadsOutside)
    ));
    assert!(matches!(
        folder.rename(&path("a.txt"), &path("file"), true, ANYTHING),
        Err(FolderError::LeadsOutside)
    ));
    assert!(matches!(
        folder.remove(&path("up/outside.txt"), true, ANYTHING, &mut |_| true),
        Err(FolderError::LeadsOutside)
    ));
    assert_eq!(std::fs::read(place.path().join("outside.txt")).unwrap(), b"canary");
}

#[test]
fn links_that_stay_inside_are_followed() {
    let (place, folder) = share();
    symlink("sub", place.path().join("share/link")).unwrap();
    symlink("../a.txt", place.path().join("share/sub/up")).unwrap();
    assert_eq!(folder.status(&path("link/b.txt")).unwrap().byte_count, 4);
    assert_eq!(folder.open_file(&path("sub/up")).unwrap().status.byte_count, 5);
    folder.make_folders(&path("link/new/one")).unwrap();
    assert!(place.path().join("share/sub/new/one").is_dir());
}

#[test]
fn dangling_links_are_neither_read_nor_created_through() {
    let (place, folder) = share();
    symlink("../ghost", place.path().join("share/out")).unwrap();
    symlink("ghost", place.path().join("share/in")).unwrap();
    assert!(matches!(folder.status(&path("in")), Err(FolderError::LeadsNowhere)));
    assert!(matches!(folder.make_folders(&path("in")), Err(FolderError::TakenByDeadLink)));
    assert!(folder.make_folders(&path("out/x")).is_err());
    assert!(matches!(
        folder.rename(&path("a.txt"), &path("in"), true, ANYTHING),
        Err(FolderError::TakenByDeadLink)
    ));
    assert!(!place.path().join("ghost").exists() && !place.path().join("share/ghost").exists());
}

#[test]
fn fifos_are_refused_without_being_opened() {
    let (place, folder) = share();
    let fifo = place.path().join("share/fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::from_raw_mode(0o600)).unwrap();
    assert!(matches!(folder.open_file(&path("fifo")), Err(FolderError::NotAFile)));
    assert_eq!(folder.status(&path("fifo")).unwrap().shape, Shape::Special);
    assert!(matches!(folder.open_file(&path("sub")), Err(FolderError::NotAFile)));
}

#[test]
fn the_state_folder_inside_the_share_is_hidden_from_every_way_in() {
    let (place, folder) = share();
    let state = place.path().join("share/sub/state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("key"), "secret").unwrap();
    symlink("sub/state", place.path().join("share/folder-link")).unwrap();
    symlink("sub/state/key", place.path().join("share/file-link")).unwrap();
    let folder = folder.hiding(&state).unwrap();
    for name in ["sub/state", "sub/state/key", "folder-link/key", "file-link", "folder-link"] {
        assert!(folder.status(&path(name)).is_err(), "{name}");
        assert!(folder.open_file(&path(name)).is_err(), "{name}");
        assert!(folder.open_folder(Some(&path(name))).is_err(), "{name}");
    }
    assert!(folder.remove(&path("sub"), true, ANYTHING, &mut |_| true).is_err());
    assert!(folder.rename(&path("sub/state"), &path("mine"), false, ANYTHING).is_err());
    assert_eq!(std::fs::read(state.join("key")).unwrap(), b"secret");
    assert_eq!(folder.status(&path("a.txt")).unwrap().byte_count, 5);
}

#[test]
fn a_state_folder_elsewhere_costs_nothing() {
    let (place, folder) = share();
    assert!(folder.hiding(place.path()).unwrap().hidden.is_none());
}

#[test]
fn renaming_keeps_both_ends_when_the_target_is_taken() {
    let (place, folder) = share();
    std::fs::write(place.path().join("share/c.txt"), "gamma").unwrap();
    let rename =
        |from: &str, to: &str, replace| folder.rename(&path(from), &path(to), replace, ANYTHING)?.sync();
    assert!(matches!(rename("a.txt", "c.txt", false), Err(FolderError::Exists)));
    assert!(matches!(rename("a.txt", "a.txt", false), Err(FolderError::Exists)));
    assert!(rename("a.txt", "a.txt", true).is_ok());
    assert!(matches!(rename("sub", "sub/deep/x", false), Err(FolderError::IntoItself)));
    assert!(matches!(rename("a.txt", "sub", true), Err(FolderError::NotAFile)));
    assert!(matches!(rename("sub", "a.txt", true), Err(FolderError::NotAFolder)));
    assert!(matches!(rename("ghost", "x", true), Err(FolderError::NotFound)));
    assert_eq!(std::fs::read(place.path().join("share/a.txt")).unwrap(), b"alpha");
    rename("a.txt", "c.txt", true).unwrap();
    assert_eq!(std::fs::read(place.path().join("share/c.txt")).unwrap(), b"alpha");
}

#[test]
fn a_folder_that_is_kept_serves_what_had_arrived_before_it_was_opened_and_nothing_later() {
    let (place, folder) = share();
    let (sub, away) = (place.path().join("share/sub"), place.path().join("share/away"));
    let mut nearby = Nearby::keeping_for(Duration::MAX);
    let length = |opened: Result<OpenFile, FolderError>| opened.map(|opened| opened.status.byte_count).ok();
    assert_eq!(length(folder.open_file_near(&path("sub/b.txt"), nearby.at(1))), Some(4));
    std::fs::rename(&sub, &away).unwrap();
    std::fs::create_dir(&sub).unwrap();
    std::fs::write(sub.join("b.txt"), "another").unwrap();
    std::fs::write(sub.join("new.txt"), "it").unwrap();
    assert_eq!(length(folder.open_file_near(&path("sub/b.txt"), nearby.at(1))), Some(4));
    // What it does not have may be in another one by now.
    assert_eq!(length(folder.open_file_near(&path("sub/new.txt"), nearby.at(1))), Some(2));
    assert_eq!(length(folder.open_file_near(&path("sub/b.txt"), nearby.at(1))), Some(7));
    std::fs::remove_dir_all(&sub).unwrap();
    std::fs::rename(&away, &sub).unwrap();
    assert_eq!(length(folder.open_file_near(&path("sub/b.txt"), nearby.at(2))), Some(4));
}

#[test]
fn promise_3_a_folder_that_is_kept_is_opened_anew_once_something_was_renamed_or_removed_and_soon_in_any_case()
{
    let (place, folder) = share();
    let sub = place.path().join("share/sub");
    let mut nearby = Nearby::keeping_for(Duration::MAX);
    let length = |opened: Result<OpenFile, FolderError>| opened.map(|opened| opened.status.byte_count).ok();
    for name in ["private", "again"] {
        assert_eq!(length(folder.open_file_near(&path("sub/b.txt"), nearby.at(1))), Some(4));
        folder.rename(&path("sub"), &path(name), false, ANYTHING).unwrap().sync().unwrap();
        assert_eq!(length(folder.open_file_near(&path("sub/b.txt"), nearby.at(1))), None);
        std::fs::create_dir(&sub).unwrap();
        std::fs::write(sub.join("b.txt"), "four").unwrap();
    }
    // By hand, nobody is told.
    let mut nearby = Nearby::keeping_for(Duration::ZERO);
    assert_eq!(length(folder.open_file_near(&path("sub/b.txt"), nearby.at(1))), Some(4));
    std::fs::rename(&sub, place.path().join("elsewhere")).unwrap();
    assert_eq!(length(folder.open_file_near(&path("sub/b.txt"), nearby.at(1))), None);
}

#[test]
fn a_folder_that_is_kept_is_not_kept_for_whoever_may_follow_no_links() {
    let (place, folder) = share();
    symlink("sub", place.path().join("share/link")).unwrap();
    let mut nearby = Nearby::keeping_for(Duration::MAX);
    folder.open_file_near(&path("link/b.txt"), &mut nearby).unwrap();
    assert!(folder.without_links().open_file_near(&path("link/b.txt"), &mut nearby).is_err());
}

#[test]
fn removing_a_tree_follows_no_link_and_leaves_what_is_outside() {
    let (place, folder) = share();
    symlink(place.path(), place.path().join("share/sub/deep/up")).unwrap();
    for number in 0..700 {
        std::fs::create_dir_all(place.path().join(format!("share/sub/{number}/x/y"))).unwrap();
        std::fs::write(place.path().join(format!("share/sub/{number}/x/file")), "1").unwrap();
    }
    assert!(matches!(
        folder.remove(&path("sub"), false, ANYTHING, &mut |_| true),
        Err(FolderError::NotEmpty)
    ));
    folder.remove(&path("sub"), true, ANYTHING, &mut |_| true).unwrap();
    assert!(!place.path().join("share/sub").exists());
    assert!(place.path().join("outside.txt").exists());
}

#[test]
fn a_link_to_something_below_a_file_leads_nowhere_and_so_does_a_way_through_a_circle() {
    let (place, folder) = share();
    symlink("a.txt/below", place.path().join("share/blocked")).unwrap();
    symlink("circle", place.path().join("share/circle")).unwrap();
    assert!(matches!(folder.status(&path("blocked")), Err(FolderError::LeadsNowhere)));
    assert!(matches!(folder.make_folders(&path("blocked")), Err(FolderError::TakenByDeadLink)));
    assert!(matches!(folder.status(&path("circle")), Err(FolderError::LeadsNowhere)));
    assert!(matches!(folder.status(&path("circle/x")), Err(FolderError::NotFound)));
    assert!(matches!(
        folder.rename(&path("a.txt"), &path("circle/x"), true, ANYTHING),
        Err(FolderError::NoFolder)
    ));
}

#[test]
fn what_is_renamed_to_itself_by_another_way_stays() {
    let (place, folder) = share();
    let sub = place.path().join("share/sub");
    symlink("sub", place.path().join("share/link")).unwrap();
    std::fs::hard_link(sub.join("b.txt"), place.path().join("another name")).unwrap();
    for (from, to) in [("sub/b.txt", "link/b.txt"), ("link/deep", "sub/deep"), ("sub/b.txt", "sub/b.txt")] {
        folder.rename(&path(from), &path(to), true, ANYTHING).unwrap().sync().unwrap();
        assert!(matches!(folder.rename(&path(from), &path(to), false, ANYTHING), Err(FolderError::Exists)));
    }
    assert_eq!(std::fs::read(sub.join("b.txt")).unwrap(), b"beta");
    assert!(sub.join("deep").is_dir());
}

#[test]
fn a_renamed_file_replaces_no_fifo() {
    let (place, folder) = share();
    let fifo = place.path().join("share/fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    for replace in [false, true] {
        assert!(folder.rename(&path("a.txt"), &path("fifo"), replace, ANYTHING).is_err());
    }
    assert!(matches!(
        folder.rename(&path("a.txt"), &path("fifo"), true, ANYTHING),
        Err(FolderError::NotAFile)
    ));
    folder.rename(&path("fifo"), &path("sub/fifo"), false, ANYTHING).unwrap().sync().unwrap();
    assert!(!fifo.exists() && place.path().join("share/sub/fifo").exists());
}

#[test]
fn the_executable_bit_and_odd_times_are_seen() {
    let (place, folder) = share();
    let file = place.path().join("share/a.txt");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4755)).unwrap();
    let status = folder.status(&path("a.txt")).unwrap();
    assert!(status.executable);
    assert_eq!(status.permissions, 0o755, "setuid is not kept");
}

#[test]
fn a_tree_deeper_than_any_path_can_be_removed() {
    let (place, folder) = share();
    let (a, b) = (vec!["a".repeat(200); 20].join("/"), vec!["b".repeat(200); 19].join("/"));
    folder.make_folders(&path(&a)).unwrap();
    folder.make_folders(&path(&b)).unwrap();
    let renamed = folder.rename(&path(&"a".repeat(200)), &path(&format!("{b}/x")), false, ANYTHING).unwrap();
    renamed.sync().unwrap();
    folder.remove(&path(&"b".repeat(200)), true, ANYTHING, &mut |_| true).unwrap();
    assert!(!place.path().join("share").join("b".repeat(200)).exists());
}

/// Removes `sub`, and lets something happen as soon as a part of it is gone.
fn remove_while(folder: &Folder, meanwhile: impl FnOnce()) -> Result<(), FolderError> {
    let mut meanwhile = Some(meanwhile);
    folder.remove(&path("sub"), true, ANYTHING, &mut |removed| {
        if removed > 0
            && let Some(meanwhile) = meanwhile.take()
        {
            meanwhile();
        }
        true
    })
}

#[test]
fn a_removal_goes_on_when_others_remove_a_part_of_it() {
    let (place, folder) = share();
    let sub = place.path().join("share/sub");
    for name in ["one", "two", "three"] {
        std::fs::create_dir_all(sub.join(name).join("x/y/z")).unwrap();
    }
    let removed = remove_while(&folder, || {
        for name in ["one", "two"] {
            let _ = std::fs::remove_dir_all(sub.join(name));
        }
        std::fs::write(sub.join("late.txt"), "late").unwrap();
    });
    removed.unwrap();
    assert!(!sub.exists());
}

#[test]
fn what_takes_the_name_of_a_folder_that_is_being_removed_stays() {
    let (place, folder) = share();
    let sub = place.path().join("share/sub");
    let removed = remove_while(&folder, || {
        std::fs::remove_dir_all(&sub).unwrap();
        std::fs::create_dir(&sub).unwrap();
        std::fs::write(sub.join("new.txt"), "new").unwrap();
    });
    removed.unwrap();
    assert_eq!(std::fs::read(sub.join("new.txt")).unwrap(), b"new");
}

#[test]
fn a_folder_that_moves_away_while_it_is_removed_is_left_as_it_is_then() {
    let (place, folder) = share();
    let (sub, away) = (place.path().join("share/sub"), place.path().join("away"));
    let moved = || {
        std::fs::rename(&sub, &away).unwrap();
        std::fs::write(away.join("late.txt"), "late").unwrap();
    };
    assert!(matches!(remove_while(&folder, moved), Err(FolderError::NotFound)));
    assert_eq!(std::fs::read(away.join("late.txt")).unwrap(), b"late");
    std::fs::remove_dir_all(&away).unwrap();
    std::fs::create_dir_all(sub.join("deep")).unwrap();
    std::fs::write(sub.join("b.txt"), "beta").unwrap();
    let exchanged = || {
        std::fs::rename(&sub, &away).unwrap();
        symlink("../away", &sub).unwrap();
    };
    assert!(matches!(remove_while(&folder, exchanged), Err(FolderError::Unsteady)));
    assert!(sub.is_symlink() && away.is_dir());
}

#[test]
fn the_folder_of_the_programs_own_state_is_not_shared() {
    let (place, _) = share();
    let root = place.path().join("share");
    let itself = Folder::open(&root).unwrap().hiding(&root);
    assert!(matches!(itself, Err(FolderError::StateItself)));
    assert!(Folder::open(&root).unwrap().hiding(&root.join("sub")).is_ok());
    assert!(Folder::open(&root.join("sub")).unwrap().hiding(&root).is_ok());
}
