//! Digests are believed only for what was hashed, survive a restart, and a broken database costs only time.

use super::*;
use crate::folder::Folder;
use std::fs::File;
use std::path::PathBuf;

const PATIENCE: Duration = Duration::from_secs(60);

struct Place {
    _place: tempfile::TempDir,
    share: PathBuf,
    state: PathBuf,
    folder: Folder,
}

fn place() -> Place {
    let place = tempfile::tempdir().unwrap();
    let (share, state) = (place.path().join("share"), place.path().join("state"));
    std::fs::create_dir(&share).unwrap();
    std::fs::create_dir(&state).unwrap();
    let folder = Folder::open(&share).unwrap();
    Place { _place: place, share, state, folder }
}

impl Place {
    /// A file whose change lies in the past, as far as its times can say so: ctime is now, so the hash is asked
    /// for as if it were later.
    fn write(&self, name: &str, bytes: &[u8]) -> (OpenFile, SharedPath) {
        std::fs::write(self.share.join(name), bytes).unwrap();
        let path = SharedPath::parse(name).unwrap();
        (self.folder.open_file(&path).unwrap(), path)
    }
}

fn hashed_of(bytes: &[u8]) -> Hashed {
    let mut hasher = wire::digest::PieceHasher::default();
    hasher.update(bytes);
    let (digest, pieces) = hasher.finish();
    Hashed { digest, pieces: pieces.into() }
}

fn wait(waiting: &Waiting) -> Result<Hashed, HashError> {
    match waiting.wait(PATIENCE) {
        JobState::Done(result) => result,
        JobState::Working { done, of } => panic!("still at {done} of {of}"),
    }
}

#[test]
fn a_hash_has_the_digest_and_the_pieces_of_the_file() {
    let place = place();
    let bytes = vec![3u8; (3 << 20) + 5];
    let (file, path) = place.write("a", &bytes);
    let catalogue = Catalogue::open(Some(&place.state));
    assert_eq!(wait(&catalogue.hash(&file, &path).unwrap()), Ok(hashed_of(&bytes)));
}

#[test]
fn the_database_is_its_owners_alone_also_one_that_was_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    let path = place.state.join("digests.redb");
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    drop(Catalogue::open(Some(&place.state)));
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    drop(Catalogue::open(Some(&place.state)));
    assert_eq!(mode(), 0o600);
}

#[test]
fn a_settled_digest_survives_a_restart_and_a_change_makes_it_unknown() {
    let place = place();
    let bytes = vec![3u8; 1 << 20];
    let (file, path) = place.write("a", &bytes);
    let later = SystemTime::now() + SETTLED_AFTER * 2;
    let catalogue = Catalogue::open(Some(&place.state));
    catalogue.store.as_ref().unwrap().put(file.status.identity, &path, hashed_of(&bytes), later);
    drop(catalogue);
    let catalogue = Catalogue::open(Some(&place.state));
    assert_eq!(catalogue.known(&file.status.identity), Some(hashed_of(&bytes)));
    assert_eq!(catalogue.path_of(hashed_of(&bytes).digest), Some(path.clone()));
    let written = File::options().write(true).open(place.share.join("a")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&written, b"x", 5).unwrap();
    let now = place.folder.open_file(&path).unwrap();
    assert_eq!(catalogue.known(&now.status.identity), None);
}

#[test]
fn a_digest_of_a_file_that_had_just_changed_is_not_believed_later() {
    let place = place();
    let bytes = vec![3u8; 1 << 20];
    let (file, path) = place.write("a", &bytes);
    let catalogue = Catalogue::open(Some(&place.state));
    assert!(wait(&catalogue.hash(&file, &path).unwrap()).is_ok());
    drop(catalogue);
    assert_eq!(Catalogue::open(Some(&place.state)).known(&file.status.identity), None);
}

#[test]
fn a_file_that_shrinks_or_changes_while_it_is_hashed_has_no_digest() {
    let place = place();
    let (file, path) = place.write("a", &vec![1u8; 1 << 20]);
    File::options().write(true).open(place.share.join("a")).unwrap().set_len(5).unwrap();
    let catalogue = Catalogue::open(None);
    assert_eq!(wait(&catalogue.hash(&file, &path).unwrap()), Err(HashError::Changed));
}

#[test]
fn a_file_that_is_written_over_while_it_is_hashed_has_no_digest() {
    let place = place();
    let (file, path) = place.write("a", &vec![1u8; 1 << 20]);
    let catalogue = Catalogue::open(None);
    let write_over = || {
        // Another time than that of the file's first bytes, whatever the clock of the file system is.
        let other = File::options().write(true).open(place.share.join("a")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&other, &[2; 100], 0).unwrap();
        other.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)).unwrap();
        true
    };
    assert_eq!(catalogue.hash_here(&file, &path, &write_over), Err(HashError::Changed));
    let (file, path) = place.write("a", &vec![1u8; 1 << 20]);
    assert!(catalogue.hash_here(&file, &path, &|| true).is_ok());
}

#[test]
fn a_database_of_garbage_is_made_anew() {
    let place = place();
    let bytes = vec![3u8; 1 << 20];
    for garbage in [&b"garbage"[..], &[0u8; 100_000], b""] {
        std::fs::write(place.state.join("digests.redb"), garbage).unwrap();
        let (file, path) = place.write("a", &bytes);
        let catalogue = Catalogue::open(Some(&place.state));
        assert!(catalogue.store.is_some());
        assert_eq!(wait(&catalogue.hash(&file, &path).unwrap()), Ok(hashed_of(&bytes)));
    }
}

#[test]
fn all_who_ask_for_one_file_share_one_hash() {
    let place = place();
    let (file, path) = place.write("a", &vec![1u8; 8 << 20]);
    let catalogue = Catalogue::open(None);
    let all: Vec<Waiting> = (0..20).map(|_| catalogue.hash(&file, &path).unwrap()).collect();
    let jobs: Vec<_> = all.iter().map(wait).collect();
    assert!(jobs.iter().all(|result| result == &jobs[0] && result.is_ok()));
    assert!(lock(&catalogue.jobs).is_empty(), "a finished hash is forgotten");
}

#[test]
fn a_hash_that_was_refused_is_refused_again_and_keeps_nobody_waiting() {
    let place = place();
    let (file, path) = place.write("a", &[1]);
    let mut catalogue = Catalogue::open(None);
    // As if the queue were full.
    catalogue.tasks = None;
    for _ in 0..2 {
        assert_eq!(catalogue.hash(&file, &path).err(), Some(HashError::Busy));
        assert!(lock(&catalogue.jobs).is_empty());
    }
}

#[test]
fn a_hash_in_the_asking_thread_is_noted_and_ends_when_it_is_not_wanted() {
    let place = place();
    let bytes = vec![1u8; 3 << 20];
    let (file, path) = place.write("a", &bytes);
    let catalogue = Catalogue::open(Some(&place.state));
    assert_eq!(catalogue.hash_here(&file, &path, &|| false), Err(HashError::Busy));
    assert!(lock(&catalogue.jobs).is_empty(), "a hash that was given up is forgotten");
    assert_eq!(catalogue.hash_here(&file, &path, &|| true), Ok(hashed_of(&bytes)));
    assert_eq!(catalogue.path_of(hashed_of(&bytes).digest), Some(path));
    assert!(lock(&catalogue.jobs).is_empty());
}

#[test]
fn who_asks_for_a_file_that_is_hashed_in_another_thread_gets_it_from_a_hashing_thread() {
    let place = place();
    let bytes = vec![1u8; 3 << 20];
    let (file, path) = place.write("a", &bytes);
    let catalogue = Catalogue::open(None);
    let joined = Mutex::new(None);
    let wanted = || {
        lock(&joined).get_or_insert_with(|| catalogue.hash(&file, &path).unwrap());
        true
    };
    assert_eq!(catalogue.hash_here(&file, &path, &wanted), Err(HashError::Busy), "handed over");
    let waiting = lock(&joined).take().unwrap();
    assert_eq!(wait(&waiting), Ok(hashed_of(&bytes)));
    assert!(lock(&catalogue.jobs).is_empty());
}
