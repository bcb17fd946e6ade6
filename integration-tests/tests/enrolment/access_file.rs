//! The access file, damaged by hand or by accident: nobody is let in by what cannot be read, and it is said what to do.

use crate::ground::{UNKNOWN, assert_kept_out, enter, invite, knock, manage};
use integration_tests::patience::{eventually, eventually_true};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::tls::TlsKey;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

fn file(server: &Server) -> PathBuf {
    server.scratch().state().join("access/grants.json")
}

/// What may happen to it, how, and what is said then.
type Damage = (&'static str, fn(&Path), &'static str);

const DAMAGES: [Damage; 5] = [
    ("garbage", |file| fs::write(file, "garbage").unwrap(), "line 1"),
    ("nothing", |file| fs::write(file, "").unwrap(), "line 1"),
    ("a field that nobody knows", |file| edit(file, "\"v\": 1", "\"v\": 1, \"w\": 2"), "w"),
    ("rights that there are not", |file| edit(file, "\"read\"", "\"fly\""), "grants[0]"),
    (
        "open to others",
        |file| fs::set_permissions(file, Permissions::from_mode(0o666)).unwrap(),
        "chmod go-w",
    ),
];

fn edit(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{text}");
    fs::write(file, text.replacen(old, new, 1)).unwrap();
}

/// Puts another file in its place, as an editor does.
fn repair(file: &Path, bytes: &[u8]) {
    let new = file.with_extension("repaired");
    fs::write(&new, bytes).unwrap();
    fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&new, file).unwrap();
}

#[test]
fn a_damaged_access_file_shuts_everybody_out_of_a_running_server_until_it_is_repaired() {
    let server = server!().file("a.txt", b"hello").start();
    let anna = TlsKey::generate();
    let secret = invite(&server, &["anna", "--read"]).secret;
    enter(server.address(), &anna, Some(&secret)).assert_works();
    let good = fs::read(file(&server)).unwrap();
    for (what, damage, says) in DAMAGES {
        let mut standing = enter(server.address(), &anna, None);
        let said_before = server.log().len();
        damage(&file(&server));
        standing.assert_closed();
        let is_it = |line: &&str| line.contains("nobody may do anything") && line.contains("grants.json");
        eventually(&format!("it says {says}: {what}"), || {
            let log = server.log();
            log[said_before..].lines().filter(is_it).any(|line| line.contains(says)).then_some(())
        });
        assert_kept_out(server.address(), &anna, None, UNKNOWN);
        assert_kept_out(server.address(), &anna, Some(&secret), UNKNOWN);
        let refused = manage(&server, &["invite", "ben", "--read"]).expect_code(1);
        assert!(refused.errors.contains(says) && refused.output.is_empty(), "{what}: {refused:?}");
        repair(&file(&server), &good);
        eventually_true("anna is let in again", || {
            knock(server.address(), &anna, None).1["type"] == "welcome"
        });
    }
    // Without it, nobody is known, and nothing is open.
    fs::remove_file(file(&server)).unwrap();
    eventually_true("nobody is known", || knock(server.address(), &anna, None).1["type"] == "refused");
}

#[test]
fn a_server_does_not_start_with_a_damaged_access_file_and_says_what_to_do() {
    let mut server = server!().start();
    let secret = invite(&server, &["anna", "--read"]).secret;
    enter(server.address(), &TlsKey::generate(), Some(&secret)).assert_works();
    server.terminate();
    assert_eq!(server.exit_code(), 0);
    let good = fs::read(file(&server)).unwrap();
    for (what, damage, says) in DAMAGES {
        damage(&file(&server));
        let state = server.scratch().state();
        let (code, errors) = server!().with_state(&state).start_refused();
        assert_eq!(code, 1, "{what}: {errors}");
        assert!(errors.contains(says) && errors.contains("grants.json"), "{what}: {errors}");
        let grants = manage(&server, &["grants"]).expect_code(1);
        assert!(grants.errors.contains(says), "{what}: {grants:?}");
        repair(&file(&server), &good);
    }
    let moved = file(&server).with_extension("moved");
    fs::rename(file(&server), &moved).unwrap();
    symlink(&moved, file(&server)).unwrap();
    let (_, errors) = server!().with_state(server.scratch().state()).start_refused();
    assert!(errors.contains("no plain file"), "{errors}");
    fs::rename(&moved, file(&server)).unwrap();
    server.start_again();
    manage(&server, &["grants"]).expect_code(0);
}

#[test]
fn an_access_folder_that_others_may_write_into_is_refused() {
    let mut server = server!().start();
    invite(&server, &["anna", "--read"]);
    server.terminate();
    assert_eq!(server.exit_code(), 0);
    let folder = file(&server).parent().unwrap().to_owned();
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    let (code, errors) = server!().with_state(server.scratch().state()).start_refused();
    assert_eq!(code, 1);
    assert!(errors.contains("chmod go-w"), "{errors}");
    let told = manage(&server, &["invite", "ben", "--read"]).expect_code(1);
    assert!(told.errors.contains("chmod go-w"), "{told:?}");
}
