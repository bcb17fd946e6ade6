//! How a peer starts, and when it does not.

use integration_tests::content::bytes;
use integration_tests::patience::eventually_true;
use integration_tests::peer;
use integration_tests::scratch::files_below;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_second_peer_with_the_same_state_folder_stops_and_names_the_option() {
    let first = peer!().start();
    let second = peer!().with_state(first.scratch().state());
    let (code, errors) = second.start_refused();
    assert_ne!(code, 0);
    assert!(errors.contains("--state-dir"), "{errors}");
    assert_eq!(first.count("links"), 0, "the first still answers");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let first = peer!().start();
    let second = peer!().listening_on(&first.address().to_string());
    let (code, errors) = second.start_refused();
    assert_ne!(code, 0);
    assert!(errors.contains(&first.address().to_string()), "{errors}");
}

#[test]
fn a_file_where_the_control_socket_should_be_is_kept() {
    let setup = peer!();
    std::fs::write(setup.scratch.control(), b"precious").unwrap();
    let (code, errors) = setup.start_refused();
    assert_ne!(code, 0);
    assert!(!errors.is_empty());
    assert_eq!(std::fs::read(setup.scratch.control()).unwrap(), b"precious");
}

#[test]
fn a_control_socket_that_a_running_peer_holds_is_not_taken() {
    let first = peer!().start();
    let control = first.scratch().control();
    let second = peer!().option_with("--control", control.to_str().unwrap());
    let (code, _) = second.start_refused();
    assert_ne!(code, 0);
    assert_eq!(first.count("links"), 0, "the first still answers");
}

#[test]
fn wrong_usage_is_exit_code_two() {
    for options in
        [["--peer", "nowhere"], ["--kinds", "songs"], ["--max-connections", "many"], ["--dance", "x"]]
    {
        let setup = peer!().option(options[0]).option(options[1]);
        assert_eq!(setup.start_refused().0, 2, "{options:?}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_no_share() {
    let setup = peer!();
    std::fs::remove_dir(setup.scratch.share()).unwrap();
    assert_ne!(setup.start_refused().0, 0);
}

#[test]
fn a_state_folder_full_of_garbage_costs_time_and_nothing_else() {
    let mut peer = peer!().file("song.mp3", b"la").start();
    peer.wait_until_indexed();
    peer.terminate();
    assert_eq!(peer.exit_code(), 0);
    // Without its key it would be another peer: see the next test.
    for path in files_below(&peer.scratch().state()).into_iter().filter(|path| !path.ends_with("key")) {
        std::fs::write(path, bytes("garbage", 5000)).unwrap();
    }
    peer.start_again();
    peer.wait_until_indexed();
    eventually_true("nobody is remembered, and who asked has left", || peer.peers().is_empty());
}

#[test]
fn a_key_that_is_damaged_or_that_others_can_read_stops_the_peer_and_is_left_as_it_is() {
    let mut peer = peer!().start();
    let id = peer.status()["key"].clone();
    peer.terminate();
    assert_eq!(peer.exit_code(), 0);
    let (state, key) = (peer.scratch().state(), peer.scratch().state().join("key"));
    let kept = std::fs::read(&key).unwrap();
    for (bytes, mode, said) in [(&kept[1..], 0o600, "damaged"), (&kept[..], 0o644, "chmod 600")] {
        std::fs::write(&key, bytes).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let (code, errors) = peer!().with_state(&state).start_refused();
        assert!(code == 1 && errors.contains(said) && errors.contains("/key"), "{errors}");
        assert_eq!(std::fs::read(&key).unwrap(), bytes);
    }
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    peer.start_again();
    assert_eq!(peer.status()["key"], id, "the same peer after a restart");
}

#[test]
fn beyond_this_machine_a_peer_starts_only_where_it_was_said_who_may_come() {
    let (code, errors) = peer!().listening_on("0.0.0.0:0").start_refused();
    assert!(code == 1 && errors.contains("--network FILE") && errors.contains("--public read"), "{errors}");
}
