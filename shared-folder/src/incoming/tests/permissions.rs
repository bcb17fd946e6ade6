//! Which permissions and owner a file has when it has landed.

use super::*;

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_gets_the_permissions_of_what_it_replaces_in_the_end_and_not_of_what_was_there_at_first() {
    type Meanwhile = fn(&Path);
    let meanwhile: [(Meanwhile, u32); 3] = [
        (|file| set_mode(file, 0o600), 0o600),
        (|file| set_mode(file, 0o640), 0o640),
        (
            |file| {
                std::fs::remove_file(file).unwrap();
                std::fs::write(file, "other").unwrap();
                set_mode(file, 0o711);
            },
            0o711,
        ),
    ];
    for (act, expected) in meanwhile {
        let (place, folder) = share();
        let file = place.path().join("x");
        std::fs::write(&file, "old").unwrap();
        set_mode(&file, 0o755);
        let mut incoming = Incoming::begin(&folder, &path("x"), Landing::default()).unwrap();
        send(&mut incoming, b"new", 0).unwrap();
        act(&file);
        incoming.finish(3, None).unwrap();
        assert_eq!(mode_of(&file), expected);
    }
}

#[test]
fn where_the_old_file_is_gone_by_then_it_gets_the_permissions_of_a_new_one_also_when_it_is_continued() {
    let (place, folder) = share();
    let bytes = content(2 * MIB, 0);
    std::fs::write(place.path().join("new"), "").unwrap();
    let (file, of_new) = (place.path().join("x"), mode_of(&place.path().join("new")));
    for broken in [false, true] {
        std::fs::write(&file, "old").unwrap();
        set_mode(&file, 0o700);
        let begin = || Incoming::begin(&folder, &path("x"), resumable(bytes.len())).unwrap();
        let mut incoming = begin();
        send(&mut incoming, &bytes[..MIB], 0).unwrap();
        if broken {
            drop(incoming);
            std::fs::remove_file(&file).unwrap();
            incoming = begin();
            send(&mut incoming, &bytes, 0).unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
            send(&mut incoming, &bytes, MIB).unwrap();
        }
        incoming.finish(bytes.len() as u64, None).unwrap();
        assert_eq!(mode_of(&file), of_new, "broken: {broken}");
    }
}

#[test]
fn a_partial_that_somebody_else_put_there_gives_neither_its_bits_nor_its_owner() {
    let (place, folder) = share();
    let bytes = content(2 * MIB, 0);
    std::fs::write(place.path().join("new"), "").unwrap();
    let of_new = mode_of(&place.path().join("new"));
    let planted = place.path().join(temporary::kept_name("x"));
    let is_root = rustix::process::geteuid().is_root();
    for (mode, owner) in [(0o6777, None), (0, None), (0o666, Some(1234))] {
        std::fs::write(&planted, "planted").unwrap();
        set_mode(&planted, mode);
        if let Some(owner) = owner.filter(|_| is_root) {
            std::os::unix::fs::chown(&planted, Some(owner), None).unwrap();
        }
        // Who may not even open what is his own has to remove it first; root may.
        let Ok(mut incoming) = Incoming::begin(&folder, &path("x"), resumable(bytes.len())) else {
            assert!(!is_root && mode == 0);
            std::fs::remove_file(&planted).unwrap();
            continue;
        };
        send(&mut incoming, &bytes, 0).unwrap();
        incoming.finish(bytes.len() as u64, None).unwrap();
        let landed = std::fs::metadata(place.path().join("x")).unwrap();
        assert_eq!((landed.mode() & 0o7777, landed.uid()), (of_new, rustix::process::geteuid().as_raw()));
        std::fs::remove_file(place.path().join("x")).unwrap();
    }
}

#[test]
fn a_file_that_has_a_name_thought_free_is_replaced_with_its_permissions_whenever_it_came() {
    for is_there_before in [true, false] {
        let (place, folder) = share();
        let file = place.path().join("x");
        let put = || {
            std::fs::write(&file, "old").unwrap();
            set_mode(&file, 0o600);
        };
        if is_there_before {
            put();
        }
        let landing = Landing { is_thought_free: true, ..Landing::default() };
        let mut incoming = Incoming::begin(&folder, &path("x"), landing).unwrap();
        if !is_there_before {
            put();
        }
        send(&mut incoming, b"new", 0).unwrap();
        incoming.finish(3, None).unwrap();
        assert_eq!((std::fs::read(&file).unwrap(), mode_of(&file)), (b"new".to_vec(), 0o600));
        assert_eq!(names(place.path()), ["x"]);
    }
}

#[test]
fn what_has_a_name_thought_free_stays_where_it_may_not_be_replaced() {
    let thought_free = || Landing { is_thought_free: true, ..Landing::default() };
    let (place, folder) = share();
    std::fs::create_dir(place.path().join("folder")).unwrap();
    std::fs::write(place.path().join("file"), "old").unwrap();
    symlink("nowhere", place.path().join("link")).unwrap();
    let before = names(place.path());
    let elsewhere = folder.status(&path("folder")).unwrap().identity;
    let landings = [
        ("folder", thought_free()),
        ("link", thought_free()),
        ("file", Landing { new: true, ..thought_free() }),
        ("file", Landing { replaces: Some(elsewhere), ..thought_free() }),
        ("free", Landing { replaces: Some(elsewhere), ..thought_free() }),
    ];
    for (name, landing) in landings {
        let landed =
            Incoming::begin(&folder, &path(name), landing).and_then(|incoming| incoming.finish(0, None));
        let error = landed.map(drop).unwrap_err();
        assert!(target::is_taken(&error), "{name}: {error}");
        assert_eq!(names(place.path()), before, "{name}");
    }
    assert_eq!(std::fs::read(place.path().join("file")).unwrap(), b"old");
}
