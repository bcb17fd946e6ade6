//! How a peer starts, and when it does not.

use integration_tests::content::bytes;
use integration_tests::peer;

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
    for path in integration_tests::scratch::files_below(&peer.scratch().state()) {
        std::fs::write(path, bytes("garbage", 5000)).unwrap();
    }
    peer.start_again();
    peer.wait_until_indexed();
    assert_eq!(peer.peers().len(), 0);
}
