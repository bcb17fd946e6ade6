//! Tests of files of secrets, on real folders, with makers that race.

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::Barrier;

const SECRET: &[u8] = b"nobody may learn this";

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn put(path: &Path, mode: u32) {
    fs::write(path, SECRET).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

/// The error's whole text, which never says what is in the file.
fn text(error: &SecretFileError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let text = format!("{error}: {cause} {error:?}");
    assert!(!text.contains("learn"), "{text}");
    text
}

#[test]
fn a_file_is_made_once_and_for_its_owner_alone_and_read_from_then_on() {
    let scratch = scratch();
    let path = scratch.path().join("key");
    assert!(read(&path).unwrap().is_none());
    assert_eq!(read_or_make(&path, || Ok(SECRET.to_vec())).unwrap(), SECRET);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let again = read_or_make(&path, || panic!("there is one"));
    assert_eq!((again.unwrap(), read(&path).unwrap().unwrap()), (SECRET.to_vec(), SECRET.to_vec()));
    assert_eq!(names(scratch.path()), ["key"]);
}

#[test]
fn a_programs_own_key_is_made_at_its_first_start_and_the_same_from_then_on() {
    let scratch = scratch();
    let state = StateFolder::open_shared(scratch.path());
    let make = || Ok(SECRET.to_vec());
    let parse = |bytes: &[u8]| if bytes == SECRET { Ok(bytes.len()) } else { Err("it is cut") };
    assert_eq!(own_key(&state, make, parse).unwrap(), SECRET.len());
    assert_eq!(own_key(&state, || panic!("there is one"), parse).unwrap(), SECRET.len());
    fs::write(scratch.path().join("key"), &SECRET[1..]).unwrap();
    let error = own_key(&state, make, parse).unwrap_err();
    assert!(text(&error).contains("key is damaged: it is cut") && !error.is_unmakable(), "{error}");
}

#[test]
fn where_nothing_can_be_made_the_error_says_that_it_is_only_that() {
    let nowhere = StateFolder::nowhere("a");
    let error = own_key(&nowhere, || Ok(SECRET.to_vec()), |_| Err::<(), _>("unread")).unwrap_err();
    assert!(error.is_unmakable(), "{error}");
}

#[test]
fn a_file_that_is_there_is_not_made_anew() {
    let scratch = scratch();
    let path = scratch.path().join("network");
    make_new(&path, SECRET).unwrap();
    let error = make_new(&path, b"other").unwrap_err();
    assert!(matches!(error, SecretFileError::Taken { .. }), "{error:?}");
    assert!(text(&error).contains("network"));
    assert_eq!(read(&path).unwrap().unwrap(), SECRET);

    let dangling = scratch.path().join("dangling");
    symlink(scratch.path().join("elsewhere"), &dangling).unwrap();
    assert!(matches!(make_new(&dangling, SECRET), Err(SecretFileError::Taken { .. })));
    assert_eq!(names(scratch.path()), ["dangling", "network"]);
}

#[test]
fn all_who_start_at_once_get_what_one_of_them_made() {
    const ROUNDS: usize = 200;
    const MAKERS: u8 = 4;
    let scratch = scratch();
    for round in 0..ROUNDS {
        let folder = scratch.path().join(round.to_string());
        fs::create_dir(&folder).unwrap();
        let (path, start) = (folder.join("key"), Barrier::new(MAKERS.into()));
        let begin = |maker: u8| {
            start.wait();
            read_or_make(&path, || Ok(vec![maker; 40])).unwrap()
        };
        let got: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..MAKERS).map(|maker| scope.spawn(move || begin(maker))).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        let kept = read(&path).unwrap().unwrap();
        assert!(got.iter().all(|bytes| *bytes == kept), "round {round}: {got:?}, kept {kept:?}");
        assert_eq!(names(&folder), ["key"], "round {round}");
    }
}

#[test]
fn what_a_crash_left_is_never_read_and_is_removed_by_whoever_makes_the_file() {
    let scratch = scratch();
    let name = |number: u128, of: &str| scratch.path().join(format!(".{of}.{number:032x}.new"));
    put(&name(1, "key"), 0o600);
    put(&name(2, "other"), 0o600);
    put(&scratch.path().join(".key.mine.new"), 0o600);
    put(&name(3, "key"), 0o600);
    let running = File::open(name(3, "key")).unwrap();
    running.try_lock().unwrap();
    assert_eq!(read_or_make(&scratch.path().join("key"), || Ok(b"new".to_vec())).unwrap(), b"new");
    let (theirs, others) = (format!(".key.{:032x}.new", 3), format!(".other.{:032x}.new", 2));
    assert_eq!(names(scratch.path()), [&theirs, ".key.mine.new", &others, "key"]);
}

#[test]
fn a_file_that_others_may_use_is_refused_with_what_to_do() {
    let scratch = scratch();
    let path = scratch.path().join("key");
    for mode in [0o640, 0o604, 0o602, 0o620, 0o610, 0o601, 0o777] {
        put(&path, mode);
        let error = read(&path).unwrap_err();
        assert!(matches!(error, SecretFileError::Open { .. }), "{mode:o}: {error:?}");
        let text = text(&error);
        assert!(text.contains(&format!("chmod 600 {}", path.display())), "{text}");
        assert!(text.contains(&format!("{mode:04o}")), "{text}");
        assert!(read_or_make(&path, || panic!("there is one")).is_err());
    }
    for mode in [0o600, 0o400, 0o700] {
        put(&path, mode);
        assert_eq!(read(&path).unwrap().unwrap(), SECRET);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let scratch = scratch();
    let at = |name: &str| scratch.path().join(name);
    put(&at("real"), 0o600);
    symlink(at("real"), at("link")).unwrap();
    symlink(at("nothing"), at("dangling")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    fs::set_permissions(at("folder"), fs::Permissions::from_mode(0o700)).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, PRIVATE_MODE, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    for name in ["link", "dangling", "folder", "fifo", "socket"] {
        let error = read_or_make(&at(name), || panic!("something is there")).unwrap_err();
        assert!(matches!(error, SecretFileError::NoFile { .. }), "{name}: {error:?}");
        assert!(text(&error).contains(name));
    }
}

#[test]
fn another_users_file_is_refused() {
    let scratch = scratch();
    let path = scratch.path().join("key");
    put(&path, 0o600);
    let nobody = 65_534;
    if chown(&path, Some(nobody), None).is_err() {
        eprintln!("\nSKIPPED: only root can give a file away\n");
        return;
    }
    let error = read(&path).unwrap_err();
    assert!(matches!(error, SecretFileError::Foreign { owner, .. } if owner == nobody), "{error:?}");
    assert!(text(&error).contains("65534"));
}

#[test]
fn a_file_has_at_most_so_many_bytes() {
    let scratch = scratch();
    let path = scratch.path().join("key");
    make_new(&path, &[7; SECRET_BYTES_MAX]).unwrap();
    assert_eq!(read(&path).unwrap().unwrap().len(), SECRET_BYTES_MAX);
    fs::write(&path, [7; SECRET_BYTES_MAX + 1]).unwrap();
    assert!(matches!(read(&path), Err(SecretFileError::TooLong { .. })));
    let another = scratch.path().join("another");
    assert!(matches!(make_new(&another, &[7; SECRET_BYTES_MAX + 1]), Err(SecretFileError::TooLong { .. })));
    assert_eq!(names(scratch.path()), ["key"]);
}

#[test]
fn where_nothing_can_be_made_the_file_is_named_and_nothing_is_left() {
    let scratch = scratch();
    let missing = scratch.path().join("missing/key");
    let error = read_or_make(&missing, || Ok(SECRET.to_vec())).unwrap_err();
    assert!(matches!(error, SecretFileError::System { what: "made", .. }), "{error:?}");
    assert!(text(&error).contains("missing/key"));
    // Nobody, root included, makes a file there.
    let unwritable = Path::new("/proc/self/key");
    assert!(matches!(make_new(unwritable, SECRET), Err(SecretFileError::System { what: "made", .. })));
    let no_bytes = read_or_make(&scratch.path().join("key"), || Err(io::Error::other("no random bytes")));
    assert!(text(&no_bytes.unwrap_err()).contains("no random bytes"));
    assert!(names(scratch.path()).is_empty());
}

#[test]
fn a_folder_without_permission_to_write_keeps_nothing() {
    let scratch = scratch();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let made = make_new(&scratch.path().join("key"), SECRET);
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        eprintln!("\nSKIPPED: root may write in any folder\n");
        return;
    }
    assert!(matches!(made, Err(SecretFileError::System { what: "made", .. })), "{made:?}");
    assert!(names(scratch.path()).is_empty());
}
