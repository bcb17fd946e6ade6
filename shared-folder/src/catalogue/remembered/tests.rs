//! What is remembered is found again by another run, is its owner's alone, and is nothing at all where anything is wrong with it.

use super::*;
use crate::folder::Inode;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;
use std::thread;
use tempfile::TempDir;
use wire::limits::PIECE_BYTES;

fn identity(number: u64, byte_count: u64) -> Identity {
    Identity { inode: Inode { device: 7, number }, byte_count, modified: (1, 0), changed: (1, 0) }
}

fn hashed(byte: u8, piece_count: usize) -> Hashed {
    Hashed { digest: Digest([byte; 32]), pieces: vec![[byte; 32]; piece_count].into() }
}

fn state() -> (TempDir, Remembered) {
    let state = tempfile::tempdir().unwrap();
    let digests = Remembered::kept_in(state.path());
    (state, digests)
}

const LENGTH: u64 = 3 * PIECE_BYTES;

#[test]
fn what_one_run_noted_the_next_one_knows_until_it_forgets_it_or_the_file_changes() {
    let (state, digests) = state();
    let file = identity(1, LENGTH);
    assert_eq!(digests.of(&file), None);
    digests.note(&file, &hashed(5, 3));
    let next = Remembered::kept_in(state.path());
    assert_eq!(next.of(&file), Some(hashed(5, 3)));
    for other in [
        identity(2, LENGTH),
        identity(1, LENGTH - 1),
        Identity { modified: (1, 1), ..file },
        Identity { changed: (1, 1), ..file },
        Identity { inode: Inode { device: 8, number: 1 }, ..file },
    ] {
        assert_eq!(next.of(&other), None, "{other:?}");
    }
    next.forget(&file);
    next.forget(&file);
    assert_eq!(digests.of(&file), None);
}

#[test]
fn folder_and_rows_are_their_owners_alone_and_a_row_that_others_can_write_is_not_believed() {
    let (state, digests) = state();
    let file = identity(1, LENGTH);
    digests.note(&file, &hashed(5, 3));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let row = digests.place_of(&file).unwrap();
    assert_eq!((mode(&state.path().join(FOLDER_NAME)), mode(&row)), (0o700, 0o600));
    fs::set_permissions(&row, Permissions::from_mode(0o620)).unwrap();
    assert_eq!(digests.of(&file), None);
}

#[test]
fn a_row_that_is_cut_or_changed_anywhere_or_is_no_file_is_not_believed() {
    let (_state, digests) = state();
    let file = identity(1, LENGTH);
    digests.note(&file, &hashed(5, 3));
    let place = digests.place_of(&file).unwrap();
    let row = fs::read(&place).unwrap();
    for index in 0..row.len() {
        let mut changed = row.clone();
        changed[index] ^= 1;
        fs::write(&place, &changed).unwrap();
        assert_eq!(digests.of(&file), None, "byte {index} changed");
        fs::write(&place, &row[..index]).unwrap();
        assert_eq!(digests.of(&file), None, "cut at {index}");
    }
    fs::remove_file(&place).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &place, Mode::RUSR | Mode::WUSR).unwrap();
    assert_eq!(digests.of(&file), None, "a pipe that nobody writes to");
    digests.note(&file, &hashed(5, 3));
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    digests.note(&file, &hashed(5, 3));
    assert_eq!(digests.of(&file), None, "a folder");
}

#[test]
fn a_state_folder_in_which_nothing_can_be_kept_costs_nothing_but_the_memory() {
    let (state, _) = state();
    fs::write(state.path().join("file"), b"no folder").unwrap();
    let file = identity(1, LENGTH);
    for folder in [state.path().join("file"), state.path().join("missing"), "/dev/null/state".into()] {
        let digests = Remembered::kept_in(&folder);
        digests.note(&file, &hashed(5, 3));
        digests.forget(&file);
        assert_eq!(digests.of(&file), None);
    }
    Remembered::nothing().note(&file, &hashed(5, 3));
    assert_eq!(Remembered::nothing().of(&file), None);
}

#[test]
fn of_two_files_with_one_place_the_later_one_is_remembered() {
    let (_state, digests) = state();
    let first = identity(1, LENGTH);
    let place = digests.place_of(&first);
    let shares_it = |other: &Identity| digests.place_of(other) == place;
    let second = (2..).map(|number| identity(number, LENGTH)).find(shares_it).unwrap();
    digests.note(&first, &hashed(5, 3));
    digests.note(&second, &hashed(6, 3));
    assert_eq!((digests.of(&first), digests.of(&second)), (None, Some(hashed(6, 3))));
}

#[test]
fn there_are_so_many_places_and_no_more() {
    let (_state, digests) = state();
    let places: std::collections::HashSet<_> =
        (0..100_000).filter_map(|number| digests.place_of(&identity(number, LENGTH))).collect();
    assert_eq!(places.len(), usize::from(PLACES));
}

#[test]
fn small_files_and_rows_past_the_limit_are_not_remembered() {
    let (_state, digests) = state();
    let small = identity(1, UNSTORED_BYTES_MAX);
    digests.note(&small, &hashed(5, 1));
    assert_eq!(digests.of(&small), None);
    digests.note(&identity(1, UNSTORED_BYTES_MAX + 1), &hashed(5, 1));
    assert_eq!(digests.of(&identity(1, UNSTORED_BYTES_MAX + 1)), Some(hashed(5, 1)));
    let empty = sealed(&small, &hashed(5, 0)).len();
    let most = (ROW_BYTES_MAX - empty) / 32;
    for (piece_count, is_kept) in [(most, true), (most + 1, false)] {
        let large = identity(2, piece_count as u64 * PIECE_BYTES);
        digests.note(&large, &hashed(5, piece_count));
        assert_eq!(digests.of(&large).is_some(), is_kept, "{piece_count} pieces");
    }
}

#[test]
fn while_several_write_one_row_what_is_known_is_what_one_of_them_wrote() {
    const THREADS: u8 = 4;
    const TIMES: usize = 200;
    let (_state, digests) = state();
    let (file, barrier) = (identity(1, 300 * PIECE_BYTES), Barrier::new(THREADS.into()));
    thread::scope(|threads| {
        for byte in 0..THREADS {
            let (digests, file, barrier) = (&digests, &file, &barrier);
            threads.spawn(move || {
                barrier.wait();
                for _ in 0..TIMES {
                    digests.note(file, &hashed(byte, 300));
                    if let Some(known) = digests.of(file) {
                        assert_eq!(known, hashed(known.digest.0[0], 300));
                    }
                }
            });
        }
    });
    digests.note(&file, &hashed(9, 300));
    assert_eq!(digests.of(&file), Some(hashed(9, 300)));
}
