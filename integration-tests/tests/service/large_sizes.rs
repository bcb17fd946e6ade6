//! Case 32: lengths at which a number of 31 or 32 bits overflows, read and written whole and in ranges. The files are
//! sparse, and of an upload nearly everything is there already, so that no disk has to hold four gigabytes.
//!
//! In whole, the longest alone takes some seconds; with `LARGE=1` in the environment all of them are tried.

use std::collections::BTreeMap;
use std::env;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use blake3::Hasher;
use integration_tests::content::{PIECE_BYTES, inner_piece_value};
use integration_tests::server::Server;
use integration_tests::session::{Session, with_id};
use integration_tests::{client, server};
use serde_json::{Value, json};

const LENGTHS: [u64; 4] = [(1 << 31) - 1, (1 << 31) + 1, (1 << 32) - 1, (1 << 32) + 1];
const MAKER: &str = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

fn is_large_wanted() -> bool {
    env::var_os("LARGE").is_some()
}

fn lengths() -> &'static [u64] {
    if is_large_wanted() { &LENGTHS } else { &LENGTHS[3..] }
}

/// A file of zeros, but for some bytes around each boundary that lies in it and at its end.
fn make_sparse(path: &Path, length: u64) {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path).unwrap();
    file.set_len(length).unwrap();
    for (offset, byte_count) in marks(length) {
        let mark: Vec<u8> = (offset..offset + byte_count).map(byte_at).collect();
        file.write_all_at(&mark, offset).unwrap();
    }
}

/// Where a file of that length is not zero, ascending.
fn marks(length: u64) -> Vec<(u64, u64)> {
    let around = |boundary: u64| (boundary - 4, 8.min(length.saturating_sub(boundary - 4)));
    let mut marks: Vec<_> = [1 << 31, 1 << 32].map(around).into_iter().filter(|mark| mark.1 > 0).collect();
    if marks.iter().all(|(offset, byte_count)| offset + byte_count < length) {
        marks.push((length - 1, 1));
    }
    marks
}

fn byte_at(offset: u64) -> u8 {
    u8::try_from(offset % 251).unwrap() | 1
}

/// The digest of such a file; each is computed once.
fn digest_of(length: u64) -> String {
    static KNOWN: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());
    KNOWN.lock().unwrap().entry(length).or_insert_with(|| hash_of_marks(length)).clone()
}

fn hash_of_marks(length: u64) -> String {
    let (zeros, mut hasher, mut position) = (vec![0; PIECE_BYTES], Hasher::new(), 0);
    let hash_zeros = |hasher: &mut Hasher, mut left: u64| {
        while left > 0 {
            let count = left.min(zeros.len() as u64);
            hasher.update(&zeros[..usize::try_from(count).unwrap()]);
            left -= count;
        }
    };
    for (offset, byte_count) in marks(length) {
        hash_zeros(&mut hasher, offset - position);
        for offset in offset..offset + byte_count {
            hasher.update(&[byte_at(offset)]);
        }
        position = offset + byte_count;
    }
    hash_zeros(&mut hasher, length - position);
    hasher.finalize().to_hex().to_string()
}

#[test]
fn ranges_across_each_boundary_have_exactly_their_bytes() {
    let server = server!().start();
    let mut session = server.session();
    for length in LENGTHS {
        make_sparse(&server.scratch().share().join("huge"), length);
        for (offset, byte_count) in marks(length) {
            let ranges = json!([{"offset": offset - 1, "byte_count": byte_count + 1}]);
            let (reading, payload) = session.read(json!({"type": "read", "path": "huge", "ranges": ranges}));
            let expected: Vec<u8> =
                std::iter::once(0).chain((offset..offset + byte_count).map(byte_at)).collect();
            assert_eq!(payload.bytes, expected, "{length} at {offset}");
            assert_eq!(reading["entry"]["byte_count"], length);
        }
        for (offset, expected) in
            [(length - 1, 1), (length, 0), (length + 1, 0), (length.saturating_sub(1 << 31), 3)]
        {
            let ranges = json!([{"offset": offset, "byte_count": 3}]);
            let (_, payload) = session.read(json!({"type": "read", "path": "huge", "ranges": ranges}));
            assert_eq!(payload.bytes.len(), expected, "{length} at {offset}");
        }
    }
}

#[test]
fn a_whole_file_is_read_byte_for_byte() {
    let server = server!().start();
    for length in lengths() {
        make_sparse(&server.scratch().share().join("huge"), *length);
        assert_eq!(read_and_hash(&mut server.session(), *length), digest_of(*length), "{length}");
        if is_large_wanted() {
            let mut command = client!(server.scratch(), server.address()).command(&["READ huge -"]);
            assert_eq!(digest_of_output(&mut command), (*length, digest_of(*length)));
        }
    }
}

/// Reads a file whose bytes nobody keeps; every section must be the one that is due.
fn read_and_hash(session: &mut Session, length: u64) -> String {
    let id = session.request(json!({"type": "read", "path": "huge"}));
    let reading = session.answer(id);
    assert_eq!((&reading["byte_count"], &reading["entry"]["byte_count"]), (&json!(length), &json!(length)));
    let (mut hasher, mut position) = (Hasher::new(), 0);
    loop {
        let line = session.answer(id);
        if line["type"] != "section" {
            assert_eq!((&line["type"], &line["byte_count"]), (&json!("end"), &json!(length)), "{line}");
            assert_eq!(position, length);
            let digest = hasher.finalize().to_hex().to_string();
            assert_eq!(line["digest"], digest, "{line}");
            return digest;
        }
        assert_eq!(line["offset"], position, "{line}");
        let byte_count = line["byte_count"].as_u64().unwrap();
        hasher.update(&session.raw(usize::try_from(byte_count).unwrap()));
        position += byte_count;
    }
}

/// Runs a program that must succeed, and hashes what it says.
fn digest_of_output(command: &mut Command) -> (u64, String) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut hasher = Hasher::new();
    hasher.update_reader(&mut output).unwrap();
    assert!(child.wait().unwrap().success());
    (hasher.count(), hasher.finalize().to_hex().to_string())
}

#[test]
fn an_upload_continues_across_each_boundary_and_lands_with_its_exact_length() {
    let server = server!().start();
    for length in lengths() {
        let digest = digest_of(*length);
        leave_a_partial_of_zeros(&server, *length);
        let mut session = Session::open_as(server.address(), MAKER);
        let written = continue_upload(&mut session, *length, &digest);
        assert_eq!(
            (&written["type"], &written["byte_count"]),
            (&json!("written"), &json!(length)),
            "{written}"
        );
        assert_eq!(written["digest"], digest, "{written}");
        let landed = File::open(server.scratch().share().join("up")).unwrap();
        assert_eq!(landed.metadata().unwrap().len(), *length);
        for (offset, byte_count) in marks(*length) {
            let mut mark = vec![0; usize::try_from(byte_count).unwrap()];
            landed.read_exact_at(&mut mark, offset).unwrap();
            assert!(mark.into_iter().eq((offset..offset + byte_count).map(byte_at)), "{length} at {offset}");
        }
        assert_eq!(session.ask(json!({"type": "delete", "path": "up"}))["type"], "deleted");
    }
}

fn request(length: u64) -> Value {
    json!({"type": "write", "path": "up", "byte_count": length, "base_wanted": true})
}

/// What a broken upload leaves whose file is zeros up to the last piece.
fn leave_a_partial_of_zeros(server: &Server, length: u64) {
    let mut session = Session::open_as(server.address(), MAKER);
    let id = session.request(request(length));
    assert_eq!(session.answer(id)["type"], "ready");
    session.send_section(id, 0, &[0]);
    drop(session);
    server.wait_until_alone();
    let partials = server.scratch().partials();
    let partial = File::options().write(true).open(&partials[0]).unwrap();
    partial.set_len((length - 1) / PIECE_BYTES as u64 * PIECE_BYTES as u64).unwrap();
}

/// Sends the pieces that are not zero, and the last one.
fn continue_upload(session: &mut Session, length: u64, digest: &str) -> Value {
    let id = session.next_id();
    session.send(&with_id(request(length), id));
    let ready = session.answer(id);
    let piece_count = usize::try_from((length - 1) / PIECE_BYTES as u64).unwrap();
    assert_eq!(ready["base"]["piece_count"], piece_count, "{ready}");
    let base = session.payload(id);
    let zeros = vec![0; PIECE_BYTES];
    let (values, _) = base.bytes.as_chunks::<32>();
    let marks = marks(length);
    for index in 0..=piece_count {
        let start = (index * PIECE_BYTES) as u64;
        let end = length.min(start + PIECE_BYTES as u64);
        let is_marked = marks.iter().any(|(offset, count)| *offset < end && offset + count > start);
        if let Some(value) = values.get(index) {
            // One at either side of a boundary tells whether their numbers are right.
            let is_told = is_marked || index % 512 == 0;
            assert!(!is_told || *value == inner_piece_value(&zeros, index), "piece {index}");
        }
        if is_marked || index == piece_count {
            let at = |offset: u64| {
                marks
                    .iter()
                    .any(|(from, count)| (*from..from + count).contains(&offset))
                    .then(|| byte_at(offset))
            };
            let piece: Vec<u8> = (start..end).map(|offset| at(offset).unwrap_or(0)).collect();
            session.send_section(id, start, &piece);
        }
    }
    session.send(&json!({"type": "end", "id": id, "byte_count": length, "digest": digest}));
    session.answer(id)
}
