//! The daemons keep to what they need, and say how far the system holds them to it; what they keep is for their owner
//! alone. What a confined process can and cannot do is tested in `program/tests/confined.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use integration_tests::patience::eventually_true;
use integration_tests::peer::Peer;
use integration_tests::privilege::is_confined;
use integration_tests::process::Process;
use integration_tests::scratch::files_below;
use integration_tests::server::Server;
use integration_tests::upload::write_file;
use integration_tests::{peer, server};

const OPTION: &str = "--require-confinement";
/// What every line about a confinement has.
const WORD: &str = "confined";

fn server_says(server: &mut Server) -> String {
    server.type_in("STATUS");
    server.wait_for_output("how far it is confined", |line| line.contains(WORD))
}

fn peer_says(peer: &Peer) -> String {
    peer.status()["confinement"].as_str().unwrap().to_owned()
}

/// No thread of it, whenever it was started, can gain rights by starting a program.
fn assert_gains_no_rights(process: &Process) {
    let threads = fs::read_dir(format!("/proc/{}/task", process.id())).unwrap();
    let mut count = 0;
    for thread in threads {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
        count += 1;
    }
    assert!(count > 1, "a daemon has more threads than {count}");
}

#[test]
fn the_server_says_in_log_and_status_how_far_it_is_confined_and_gains_no_rights() {
    let mut server = server!().option("--console").file("a.txt", b"hello").start();
    assert_gains_no_rights(server.process());
    let said = server_says(&mut server);
    server.wait_for_log("the same line", |line| line.contains(&said));
    if is_confined(&said) {
        assert!(said.contains("files, TCP, signals"), "{said}");
    }
    assert_eq!(server.session().read_file("a.txt"), b"hello");
}

#[test]
fn a_peer_says_in_log_and_status_how_far_it_is_confined_and_gains_no_rights() {
    let peer = peer!().start();
    assert_gains_no_rights(peer.process());
    let said = peer_says(&peer);
    let plain = peer.attach_with(&[], &["STATUS"]).expect_done();
    assert!(String::from_utf8_lossy(&plain.output).lines().any(|line| line == said), "{plain:?}");
    assert!(peer.log().contains(&said), "{}", peer.log());
    if is_confined(&said) {
        assert!(said.contains("files, TCP, signals"), "{said}");
    }
}

#[test]
fn where_confinement_is_required_a_daemon_starts_confined_or_not_at_all() {
    let mut probe = server!().option("--console").start();
    if is_confined(&server_says(&mut probe)) {
        server!().option(OPTION).start().session().assert_works();
        let peer = peer!().option(OPTION).start();
        assert!(peer_says(&peer).starts_with(WORD));
    } else {
        let (refused, also) =
            (server!().option(OPTION).start_refused(), peer!().option(OPTION).start_refused());
        for (code, errors) in [refused, also] {
            assert!(code == 1 && errors.contains(OPTION) && errors.contains("6.12"), "{code}: {errors}");
        }
    }
}

#[test]
fn a_confined_server_still_gives_new_files_the_mode_that_the_umask_says() {
    for (umask, mode) in [("077", 0o600), ("027", 0o640), ("002", 0o664)] {
        let server = server!().after_shell(&format!("umask {umask}")).start();
        write_file(&mut server.session(), "new.txt", b"new");
        assert_eq!(mode_of(&server.scratch().share().join("new.txt")), mode, "umask {umask}");
    }
}

#[test]
fn a_share_that_is_named_by_a_link_is_served_confined() {
    let setup = server!().file("a.txt", b"hello");
    let link = setup.scratch.local().join("link");
    std::os::unix::fs::symlink(setup.scratch.share(), &link).unwrap();
    let server = setup.serving(link).start();
    assert_eq!(server.session().read_file("a.txt"), b"hello");
    write_file(&mut server.session(), "new.txt", b"new");
    assert_eq!(server.scratch().shared("new.txt"), b"new");
}

#[test]
fn nothing_that_a_daemon_keeps_is_for_anybody_but_its_owner() {
    let open = "umask 000";
    let server = server!().after_shell(open).file("a.txt", b"hello").start();
    assert_eq!(server.session().read_file("a.txt"), b"hello");
    let other = peer!().start();
    let peer = peer!().after_shell(open).file("b.txt", b"hello").start();
    peer.wait_until_hashed("b.txt");
    peer.attach(&[&format!("CONNECT {} {}", other.address().ip(), other.address().port())]).expect_done();
    eventually_true("the list of peers", || peer.scratch().state().join("peers.json").exists());
    for state in [server.scratch().state(), peer.scratch().state()] {
        let kept = files_below(&state);
        assert!(kept.len() > 1, "a lock and a database at least: {kept:?}");
        for file in kept {
            assert_eq!(mode_of(&file) & 0o077, 0, "{} {:o}", file.display(), mode_of(&file));
        }
    }
}

#[test]
fn a_state_folder_that_a_daemon_makes_is_for_its_owner_alone() {
    let open = "umask 000";
    let (server, peer) = (server!().after_shell(open), peer!().after_shell(open));
    let (of_server, of_peer) =
        (server.scratch.home().join("made/state"), peer.scratch.home().join("made/state"));
    let _running = (server.with_state(&of_server).start(), peer.with_state(&of_peer).start());
    assert_eq!((mode_of(&of_server), mode_of(&of_peer)), (0o700, 0o700));
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
