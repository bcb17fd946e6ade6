//! Case 33: a file that changes while the client reads it: what was announced arrives whole and verified, or the client
//! says that it failed; never a mixture with exit code 0.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;

use integration_tests::client::Outcome;
use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::patience::eventually_true;
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::{client, server};
use rustix::process::Signal;

/// More than sockets and pipes hold, so that the change comes into the middle.
const LENGTH: usize = 48 * PIECE_BYTES;

/// What happens to the file at its path.
type Change = (&'static str, fn(&Path));

const CHANGES: [Change; 5] = [
    ("it shrinks", |path| open(path).set_len(10).unwrap()),
    ("it grows", |path| open(path).write_all_at(b"and more", LENGTH as u64).unwrap()),
    ("its end is overwritten", |path| open(path).write_all_at(b"new", LENGTH as u64 - 3).unwrap()),
    ("it is cut and written anew", |path| fs::write(path, vec![9; LENGTH]).unwrap()),
    ("another takes its name", |path| {
        let other = path.with_file_name("other");
        fs::write(&other, vec![9; LENGTH]).unwrap();
        fs::rename(other, path).unwrap();
    }),
];

fn open(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}

#[test]
fn what_goes_to_standard_output_is_one_version_or_a_failure() {
    let old = bytes("old", LENGTH);
    for (what, change) in CHANGES {
        let server = server!().file("film.mov", &old).start();
        let path = server.scratch().share().join("film.mov");
        let mut command = client!(server.scratch(), server.address()).command(&["READ film.mov -"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut received = vec![0; PIECE_BYTES];
        output.read_exact(&mut received).unwrap();
        change(&path);
        output.read_to_end(&mut received).unwrap();
        let code = child.wait().unwrap().code();
        // What was printed cannot be taken back; it may be the beginning of the new version, and go on with it.
        let is_a_version = received == old || received == fs::read(&path).unwrap();
        assert!(code.is_some_and(|code| code != 0) || is_a_version, "{what}: exit code {code:?}");
    }
}

#[test]
fn what_lands_is_one_version_or_the_old_local_file() {
    let old = bytes("old", LENGTH);
    for (what, change) in CHANGES {
        let server = server!().file("film.mov", &old).start();
        server.scratch().put_local("film.mov", b"local");
        let path = server.scratch().share().join("film.mov");
        let proxy = Proxy::start(server.address(), |_| Fault::None);
        let mut process = client!(server.scratch(), proxy.address()).start(&["READ film.mov"]);
        eventually_true("it has begun", || proxy.byte_count(Direction::ToClient) > PIECE_BYTES as u64);
        process.signal(Signal::STOP);
        change(&path);
        process.signal(Signal::CONT);
        process.close_input();
        let outcome = Outcome::of(&mut process);
        let local = server.scratch().local_file("film.mov");
        let is_right = match outcome.code {
            0 => local == old || local == fs::read(&path).unwrap(),
            _ => local == b"local",
        };
        assert!(is_right, "{what}: {} bytes, {outcome:?}", local.len());
    }
}

#[test]
fn an_upload_of_a_file_that_changes_is_one_version_or_leaves_the_old_file() {
    let old = bytes("old", LENGTH);
    for (what, change) in CHANGES {
        let server = server!().file("film.mov", b"shared").start();
        server.scratch().put_local("film.mov", &old);
        let path = server.scratch().local().join("film.mov");
        let proxy = Proxy::start(server.address(), |_| Fault::None);
        let mut process = client!(server.scratch(), proxy.address()).start(&["WRITE film.mov"]);
        eventually_true("it has begun", || proxy.byte_count(Direction::ToServer) > PIECE_BYTES as u64);
        process.signal(Signal::STOP);
        change(&path);
        process.signal(Signal::CONT);
        process.close_input();
        let outcome = Outcome::of(&mut process);
        let shared = server.scratch().shared("film.mov");
        let is_right = match outcome.code {
            0 => shared == old || shared == fs::read(&path).unwrap(),
            _ => shared == b"shared" || shared == old,
        };
        assert!(is_right, "{what}: {} bytes, {outcome:?}", shared.len());
    }
}
