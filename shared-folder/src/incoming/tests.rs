//! Promises 1 and 4 where they are cheapest: landings on real folders, without processes.

mod permissions;
mod sweeps;

use super::*;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

const MIB: usize = 1 << 20;

fn path(text: &str) -> SharedPath {
    SharedPath::parse(text).unwrap()
}

fn share() -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    (place, folder)
}

/// Bytes that differ from piece to piece.
fn content(byte_count: usize, seed: usize) -> Vec<u8> {
    (0..byte_count).map(|index| u8::try_from(((index / 4096 + seed) * 31 + index) % 256).unwrap()).collect()
}

fn resumable(byte_count: usize) -> Landing {
    Landing { byte_count: Some(byte_count as u64), resumable: true, synced: true, ..Landing::default() }
}

/// Sends `bytes` from `from` on, in sections within pieces.
fn send(incoming: &mut Incoming<'_>, bytes: &[u8], from: usize) -> Result<(), LandingError> {
    let mut at = from;
    while at < bytes.len() {
        let end = (at / MIB * MIB + MIB).min(bytes.len());
        incoming.section(at as u64, &mut &bytes[at..end])?;
        at = end;
    }
    Ok(())
}

fn names(place: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Bytes of a connection that is lost after some of them.
struct Torn<'a> {
    bytes: &'a [u8],
    announced: u64,
}

impl SectionSource for Torn<'_> {
    fn left(&self) -> u64 {
        self.announced
    }

    fn read_some(&mut self, target: &mut [u8]) -> Result<usize, ReceiveError> {
        if self.bytes.is_empty() {
            return Err(ReceiveError::Closed(wire::connection::Half::Section));
        }
        self.announced -= self.bytes.len().min(target.len()) as u64;
        self.bytes.read_some(target)
    }
}

#[test]
fn a_landing_goes_on_at_the_very_byte_after_any_number_of_torn_sections() {
    let (_place, folder) = share();
    let bytes = content(2 * MIB + 9, 1);
    let mut incoming = Incoming::begin(&folder, &path("a"), resumable(bytes.len())).unwrap();
    for at in (0..MIB).step_by(5000).take(100) {
        let mut torn = Torn { bytes: &bytes[at..at + 5000], announced: (MIB - at) as u64 };
        assert!(matches!(incoming.section(at as u64, &mut torn), Err(LandingError::Receive(_))));
        assert_eq!(incoming.position(), at as u64 + 5000);
    }
    send(&mut incoming, &bytes, 500_000).unwrap();
    incoming.finish(bytes.len() as u64, Some(Digest::of(&bytes))).unwrap();
}

#[test]
fn a_link_is_replaced_only_where_links_are_not_spared() {
    let (place, folder) = share();
    std::fs::write(place.path().join("file"), b"old").unwrap();
    symlink("file", place.path().join("link")).unwrap();
    let begin = |spares_links| {
        let landing = Landing { spares_links, ..Landing::default() };
        Incoming::begin(&folder, &path("link"), landing).map(drop)
    };
    assert!(matches!(begin(true), Err(LandingError::Folder(FolderError::NotAFile))));
    assert!(begin(false).is_ok());
}

#[test]
fn the_version_of_a_link_is_that_of_the_file_behind_it() {
    let (place, folder) = share();
    std::fs::write(place.path().join("file"), b"old").unwrap();
    symlink("file", place.path().join("link")).unwrap();
    let replaces = Some(folder.status(&path("link")).unwrap().identity);
    let landing = || Landing { replaces, ..Landing::default() };
    let late = Incoming::begin(&folder, &path("link"), landing()).unwrap();
    let mut incoming = Incoming::begin(&folder, &path("link"), landing()).unwrap();
    send(&mut incoming, b"new", 0).unwrap();
    incoming.finish(3, None).unwrap();
    assert_eq!(std::fs::read(place.path().join("link")).unwrap(), b"new");
    assert!(place.path().join("link").symlink_metadata().unwrap().is_file());
    assert_eq!(std::fs::read(place.path().join("file")).unwrap(), b"old");
    assert!(matches!(late.finish(0, None), Err(LandingError::Changed)));
}

#[derive(Default)]
struct Recorder {
    steps: Mutex<Vec<Step>>,
    fail: Option<(Step, io::ErrorKind)>,
}

impl Probe for Recorder {
    fn before(&self, step: Step) -> io::Result<()> {
        match self.fail {
            Some((failing, kind)) if failing == step => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn after(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

#[test]
fn promise_1_the_order_is_write_sync_rename_folder_sync() {
    let (_place, folder) = share();
    let recorder = Arc::new(Recorder::default());
    let landing = Landing { synced: true, probe: Some(recorder.clone()), ..Landing::default() };
    let mut incoming = Incoming::begin(&folder, &path("a"), landing).unwrap();
    send(&mut incoming, b"hello", 0).unwrap();
    incoming.finish(5, Some(Digest::of(b"hello"))).unwrap();
    assert_eq!(*recorder.steps.lock().unwrap(), [Step::Write, Step::Sync, Step::Rename, Step::SyncFolder]);
}

#[test]
fn promise_1_a_failure_at_any_step_leaves_the_old_file_and_nothing_else() {
    for step in [Step::Write, Step::Sync, Step::Rename] {
        let (place, folder) = share();
        std::fs::write(place.path().join("a"), "old").unwrap();
        let probe = Recorder { fail: Some((step, io::ErrorKind::StorageFull)), ..Recorder::default() };
        let landing = Landing { synced: true, probe: Some(Arc::new(probe)), ..Landing::default() };
        let mut incoming = Incoming::begin(&folder, &path("a"), landing).unwrap();
        let result = send(&mut incoming, b"new", 0).and_then(|()| incoming.finish(3, None).map(drop));
        assert!(result.is_err(), "{step:?}");
        assert_eq!(std::fs::read(place.path().join("a")).unwrap(), b"old");
        assert_eq!(names(place.path()), ["a"], "{step:?}");
    }
}

#[test]
fn promise_1_a_wrong_digest_or_length_leaves_the_old_file() {
    let (place, folder) = share();
    std::fs::write(place.path().join("a"), "old").unwrap();
    let begin = || {
        Incoming::begin(&folder, &path("a"), Landing { byte_count: Some(3), ..Landing::default() }).unwrap()
    };
    let mut incoming = begin();
    send(&mut incoming, b"new", 0).unwrap();
    assert!(matches!(incoming.finish(3, Some(Digest::of(b"neW"))), Err(LandingError::WrongDigest { .. })));
    let mut incoming = begin();
    send(&mut incoming, b"ne", 0).unwrap();
    let short = incoming.finish(2, None).unwrap_err();
    assert_eq!(short.to_string(), "2 bytes arrived where 3 were announced");
    let mut incoming = begin();
    send(&mut incoming, b"ne", 0).unwrap();
    let short = incoming.finish(3, None).unwrap_err();
    assert_eq!(short.to_string(), "2 bytes arrived where 3 were announced");
    let mut incoming = begin();
    let past_end = send(&mut incoming, b"newer", 0).unwrap_err();
    assert_eq!(past_end.to_string(), "a section reaches to 5 in a file of 3 bytes");
    drop(incoming);
    assert_eq!(std::fs::read(place.path().join("a")).unwrap(), b"old");
    assert_eq!(names(place.path()), ["a"]);
}

#[test]
fn promise_4_a_broken_landing_continues_with_what_arrived() {
    let (place, folder) = share();
    let bytes = content(5 * MIB + 77, 0);
    let mut incoming = Incoming::begin(&folder, &path("big"), resumable(bytes.len())).unwrap();
    send(&mut incoming, &bytes[..3 * MIB + 9], 0).unwrap();
    drop(incoming);
    let mut incoming = Incoming::begin(&folder, &path("big"), resumable(bytes.len())).unwrap();
    assert_eq!(incoming.base(&mut |_, _| true).unwrap().len(), 3);
    send(&mut incoming, &bytes, 3 * MIB).unwrap();
    let landed = incoming.finish(bytes.len() as u64, Some(Digest::of(&bytes))).unwrap();
    assert_eq!(landed.reused, 3 * MIB as u64);
    assert_eq!(std::fs::read(place.path().join("big")).unwrap(), bytes);
    assert_eq!(names(place.path()), ["big"]);
}

#[test]
fn promise_4_a_spoiled_partial_is_found_by_its_pieces() {
    let (place, folder) = share();
    let bytes = content(4 * MIB, 0);
    let mut incoming = Incoming::begin(&folder, &path("big"), resumable(bytes.len())).unwrap();
    send(&mut incoming, &bytes[..3 * MIB], 0).unwrap();
    drop(incoming);
    let partial = place.path().join(&names(place.path())[0]);
    let mut spoiled = std::fs::read(&partial).unwrap();
    spoiled[MIB + 5] ^= 1;
    std::fs::write(&partial, spoiled).unwrap();
    let mut incoming = Incoming::begin(&folder, &path("big"), resumable(bytes.len())).unwrap();
    let values = incoming.base(&mut |_, _| true).unwrap();
    let differs =
        |index: usize| values[index] != wire::digest::piece_value(index as u64, &bytes[index * MIB..][..MIB]);
    assert_eq!([0, 1, 2].map(differs), [false, true, false]);
    incoming.section(MIB as u64, &mut &bytes[MIB..2 * MIB]).unwrap();
    incoming.section(3 * MIB as u64, &mut &bytes[3 * MIB..]).unwrap();
    let landed = incoming.finish(bytes.len() as u64, Some(Digest::of(&bytes))).unwrap();
    assert_eq!((landed.digest, landed.reused), (Digest::of(&bytes), 2 * MIB as u64));
}

#[test]
fn over_an_old_file_only_what_differs_is_needed_even_after_a_cut() {
    let (place, folder) = share();
    let old = content(6 * MIB + 100, 0);
    std::fs::write(place.path().join("big"), &old).unwrap();
    let mut new = old.clone();
    new[4 * MIB + 1] ^= 1;
    let begin = || {
        let mut incoming = Incoming::begin(&folder, &path("big"), resumable(new.len())).unwrap();
        assert_eq!(incoming.base(&mut |_, _| true).unwrap().len(), 7);
        incoming
    };
    let mut incoming = begin();
    incoming.section(4 * MIB as u64, &mut &new[4 * MIB..4 * MIB + 10]).unwrap();
    drop(incoming);
    assert_eq!(std::fs::read(place.path().join("big")).unwrap(), old, "nothing has landed");
    let mut incoming = begin();
    incoming.section(4 * MIB as u64, &mut &new[4 * MIB..5 * MIB]).unwrap();
    let landed = incoming.finish(new.len() as u64, None).unwrap();
    assert_eq!(landed.reused, (new.len() - MIB) as u64);
    assert_eq!(std::fs::read(place.path().join("big")).unwrap(), new);
}

#[test]
fn an_old_file_that_changes_after_it_was_offered_is_not_mixed_in() {
    let (place, folder) = share();
    let old = content(3 * MIB, 0);
    std::fs::write(place.path().join("big"), &old).unwrap();
    let mut incoming = Incoming::begin(&folder, &path("big"), resumable(old.len())).unwrap();
    incoming.base(&mut |_, _| true).unwrap();
    let changed = content(3 * MIB, 1);
    std::fs::write(place.path().join("big"), &changed).unwrap();
    let result = incoming.finish(old.len() as u64, Some(Digest::of(&old)));
    assert!(matches!(result, Err(LandingError::WrongDigest { .. })));
    assert_eq!(std::fs::read(place.path().join("big")).unwrap(), changed);
}

#[test]
fn two_landings_that_would_continue_one_partial_exclude_each_other() {
    let (_place, folder) = share();
    let _first = Incoming::begin(&folder, &path("big"), resumable(3 * MIB)).unwrap();
    assert!(matches!(Incoming::begin(&folder, &path("big"), resumable(3 * MIB)), Err(LandingError::Busy)));
    assert!(
        Incoming::begin(&folder, &path("big"), Landing::default()).is_ok(),
        "others have files of their own"
    );
}

#[test]
fn targets_that_are_no_files_or_lead_away_are_refused_before_anything_is_created() {
    let (place, folder) = share();
    std::fs::create_dir(place.path().join("sub")).unwrap();
    symlink("ghost", place.path().join("dangling")).unwrap();
    symlink("/etc/passwd", place.path().join("outside")).unwrap();
    let begin = |name: &str| Incoming::begin(&folder, &path(name), Landing::default());
    assert!(matches!(begin("sub"), Err(LandingError::Folder(FolderError::NotAFile))));
    assert!(matches!(begin("dangling"), Err(LandingError::Folder(FolderError::TakenByDeadLink))));
    assert!(matches!(begin("outside"), Err(LandingError::Folder(FolderError::LeadsOutside))));
    assert!(matches!(begin("no/such"), Err(LandingError::Folder(FolderError::NoFolder))));
    let new = Landing { new: true, ..Landing::default() };
    std::fs::write(place.path().join("a"), "old").unwrap();
    assert!(matches!(
        Incoming::begin(&folder, &path("a"), new),
        Err(LandingError::Folder(FolderError::Exists))
    ));
    assert_eq!(names(place.path()), ["a", "dangling", "outside", "sub"]);
}

#[test]
fn attributes_are_kept_and_the_inode_of_a_hard_link_is_not_touched() {
    let (place, folder) = share();
    let outside = tempfile::NamedTempFile::new_in(place.path().parent().unwrap()).unwrap();
    std::fs::write(outside.path(), "canary").unwrap();
    std::fs::hard_link(outside.path(), place.path().join("a")).unwrap();
    std::fs::set_permissions(place.path().join("a"), std::fs::Permissions::from_mode(0o4640)).unwrap();
    let modified = Some(Timestamp::from_unix(-100_000_000, 250));
    let landing = Landing { modified, executable: Some(true), ..Landing::default() };
    let mut incoming = Incoming::begin(&folder, &path("a"), landing).unwrap();
    send(&mut incoming, b"new", 0).unwrap();
    let partial = std::fs::metadata(place.path().join(&incoming.temporary.name)).unwrap();
    assert_eq!(partial.mode() & 0o077, 0, "nobody reads meanwhile what nobody may read later");
    incoming.finish(3, None).unwrap();
    let metadata = std::fs::metadata(place.path().join("a")).unwrap();
    assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (-100_000_000, 250));
    assert_eq!(metadata.mode() & 0o7777, 0o750, "setuid is gone, execution follows reading");
    assert_eq!(std::fs::read(outside.path()).unwrap(), b"canary");
}

#[test]
fn only_the_version_that_was_named_is_replaced() {
    let (place, folder) = share();
    std::fs::write(place.path().join("a"), "one").unwrap();
    let replaces = Some(folder.status(&path("a")).unwrap().identity);
    let mut incoming =
        Incoming::begin(&folder, &path("a"), Landing { replaces, ..Landing::default() }).unwrap();
    send(&mut incoming, b"two", 0).unwrap();
    std::fs::write(place.path().join("a"), "other").unwrap();
    assert!(matches!(incoming.finish(3, None), Err(LandingError::Changed)));
    assert_eq!(std::fs::read(place.path().join("a")).unwrap(), b"other");
}

#[test]
fn a_group_on_two_file_systems_is_synced_on_both() {
    /// Counts the syncs of data.
    #[derive(Default)]
    struct Syncs(std::sync::atomic::AtomicU32);
    impl Probe for Syncs {
        fn before(&self, _: Step) -> io::Result<()> {
            Ok(())
        }
        fn after(&self, step: Step) {
            self.0.fetch_add(u32::from(step == Step::Sync), std::sync::atomic::Ordering::Relaxed);
        }
    }
    let (here, folder) = share();
    let Ok(there) = tempfile::tempdir_in("/dev/shm") else { return };
    let elsewhere = Folder::open(there.path()).unwrap();
    let device = |place: &Path| std::fs::metadata(place).unwrap().dev();
    let file_systems = if device(here.path()) == device(there.path()) { 1 } else { 2 };
    let syncs = Arc::new(Syncs::default());
    let arrived = |folder| {
        let probe = Some(Arc::clone(&syncs) as Arc<dyn Probe>);
        let landing = Landing { synced: true, probe, ..Landing::default() };
        let mut incoming = Incoming::begin(folder, &path("a"), landing).unwrap();
        send(&mut incoming, b"new", 0).unwrap();
        incoming.arrived(3, None).unwrap()
    };
    let landed = land(vec![arrived(&folder), arrived(&elsewhere)], Syncing::Together);
    assert!(landed.iter().all(Result::is_ok));
    // Where one cannot be synced as a whole, each file is synced besides.
    assert!(syncs.0.load(std::sync::atomic::Ordering::Relaxed) >= file_systems);
}

#[test]
fn promise_3_a_folder_that_is_moved_away_during_an_upload_takes_nothing_with_it() {
    let outside = tempfile::tempdir().unwrap();
    let (place, folder) = share();
    std::fs::create_dir(place.path().join("d")).unwrap();
    let mut incoming = Incoming::begin(&folder, &path("d/x"), Landing::default()).unwrap();
    send(&mut incoming, b"new", 0).unwrap();
    std::fs::rename(place.path().join("d"), outside.path().join("d")).unwrap();
    std::fs::create_dir(place.path().join("d")).unwrap();
    assert!(matches!(incoming.finish(3, None), Err(LandingError::Folder(FolderError::Unsteady))));
    assert_eq!(names(&outside.path().join("d")), Vec::<String>::new());
    assert_eq!(names(&place.path().join("d")), Vec::<String>::new());
}

#[test]
fn promise_3_a_folder_that_is_kept_and_moved_away_takes_nothing_that_arrives_later() {
    let outside = tempfile::tempdir().unwrap();
    let (place, folder) = share();
    let mut nearby = Nearby::keeping_for(Duration::MAX);
    std::fs::create_dir(place.path().join("d")).unwrap();
    let begin = |name: &str, nearby: &mut Nearby| {
        let begun = Incoming::begin_near(&folder, &path(name), Landing::default(), nearby);
        begun
            .inspect(|_| assert!(!names(&place.path().join("d")).is_empty(), "it begins where the path says"))
    };
    let empty = Some(Digest::of(b""));
    let (first, second) = (begin("d/1", nearby.at(1)).unwrap(), begin("d/2", nearby.at(1)).unwrap());
    first.finish_near(0, empty, nearby.at(1)).unwrap();
    std::fs::rename(place.path().join("d"), outside.path().join("d")).unwrap();
    std::fs::create_dir(place.path().join("d")).unwrap();
    let moved = second.finish_near(0, empty, nearby.at(2));
    assert!(matches!(moved, Err(LandingError::Folder(FolderError::Unsteady))));
    begin("d/3", nearby.at(2)).unwrap().finish_near(0, empty, nearby.at(2)).unwrap();
    assert_eq!(names(&outside.path().join("d")), ["1"]);
    assert_eq!(names(&place.path().join("d")), ["3"]);
}

#[test]
fn a_partial_that_was_exchanged_does_not_land() {
    let (place, folder) = share();
    let bytes = content(2 * MIB, 0);
    let mut incoming = Incoming::begin(&folder, &path("big"), resumable(bytes.len())).unwrap();
    send(&mut incoming, &bytes, 0).unwrap();
    let partial = place.path().join(&names(place.path())[0]);
    std::fs::remove_file(&partial).unwrap();
    std::fs::write(&partial, "evil").unwrap();
    assert!(incoming.finish(bytes.len() as u64, Some(Digest::of(&bytes))).is_err());
    assert!(!place.path().join("big").exists());
}

#[test]
fn a_partial_that_is_known_under_another_name_is_not_written_to() {
    let (place, folder) = share();
    let bytes = content(2 * MIB, 0);
    let mut incoming = Incoming::begin(&folder, &path("big"), resumable(bytes.len())).unwrap();
    send(&mut incoming, &bytes[..MIB], 0).unwrap();
    drop(incoming);
    let partial = place.path().join(&names(place.path())[0]);
    let outside = tempfile::NamedTempFile::new_in(place.path().parent().unwrap()).unwrap();
    std::fs::write(outside.path(), "canary").unwrap();
    std::fs::remove_file(&partial).unwrap();
    std::fs::hard_link(outside.path(), &partial).unwrap();
    let mut incoming = Incoming::begin(&folder, &path("big"), resumable(bytes.len())).unwrap();
    send(&mut incoming, &bytes, 0).unwrap();
    incoming.finish(bytes.len() as u64, Some(Digest::of(&bytes))).unwrap();
    assert_eq!(std::fs::read(outside.path()).unwrap(), b"canary");
}

#[test]
fn a_name_that_is_taken_while_a_file_arrives_stays_and_nothing_is_kept_for_it() {
    let (place, folder) = share();
    let bytes = content(2 * MIB, 0);
    let arrived = || {
        let mut incoming = Incoming::begin(&folder, &path("x"), resumable(bytes.len())).unwrap();
        send(&mut incoming, &bytes, 0).unwrap();
        incoming
    };
    let incoming = arrived();
    std::fs::create_dir(place.path().join("x")).unwrap();
    let landed = incoming.finish(bytes.len() as u64, None);
    assert!(matches!(landed, Err(LandingError::Folder(FolderError::NotAFile))));
    std::fs::remove_dir(place.path().join("x")).unwrap();
    let incoming = arrived();
    symlink("ghost", place.path().join("x")).unwrap();
    let landed = incoming.finish(bytes.len() as u64, None);
    assert!(matches!(landed, Err(LandingError::Folder(FolderError::TakenByDeadLink))));
    assert!(place.path().join("x").is_symlink());
    assert_eq!(names(place.path()), ["x"]);
}

#[test]
fn a_folder_that_is_removed_while_a_file_arrives_is_missing_and_so_is_the_version_in_it() {
    let (place, folder) = share();
    for is_version in [false, true] {
        std::fs::create_dir(place.path().join("d")).unwrap();
        std::fs::write(place.path().join("d/x"), "old").unwrap();
        let replaces = is_version.then(|| folder.status(&path("d/x")).unwrap().identity);
        let landing = Landing { replaces, ..Landing::default() };
        let mut incoming = Incoming::begin(&folder, &path("d/x"), landing).unwrap();
        send(&mut incoming, b"new", 0).unwrap();
        std::fs::remove_dir_all(place.path().join("d")).unwrap();
        let landed = incoming.finish(3, None);
        let is_told = match landed {
            Err(LandingError::Folder(FolderError::NoFolder)) => !is_version,
            Err(LandingError::Changed) => is_version,
            _ => false,
        };
        assert!(is_told);
        assert_eq!(names(place.path()), Vec::<String>::new());
    }
}
