//! DISCOVER adds each peer that answers to the list, once, and opens no links.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::peer;
use serde_json::Value;

/// Address and `added` of each line, sorted.
fn added(lines: &[Value]) -> Vec<(String, bool)> {
    let of_line =
        |line: &Value| (line["address"].as_str().unwrap().to_owned(), line["added"].as_bool().unwrap());
    let mut added: Vec<_> = lines.iter().map(of_line).collect();
    added.sort();
    added
}

fn addresses(mesh: &Mesh, numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let mut addresses: Vec<_> =
        numbers.into_iter().map(|number| mesh[number].address().to_string()).collect();
    addresses.sort();
    addresses
}

#[test]
fn a_peer_is_added_the_first_time_and_is_in_the_list_the_second_time() {
    let mesh = Mesh::start(&Wiring::line(4), |_| peer!());
    let neighbour = mesh[1].address().to_string();
    let expected = |new: bool| {
        let all = addresses(&mesh, 1..4);
        // A neighbour is in the list already.
        all.into_iter().map(|address| (address.clone(), new && address != neighbour)).collect::<Vec<_>>()
    };
    assert_eq!(added(&mesh.results(0, "DISCOVER 7", 3)), expected(true));
    assert_eq!(mesh[0].peer_addresses(), addresses(&mesh, 1..4));
    assert_eq!(added(&mesh.results(0, "DISCOVER 7", 3)), expected(false));
    assert_eq!(mesh[0].peer_addresses(), addresses(&mesh, 1..4));
}

#[test]
fn a_discover_opens_no_link_and_teaches_only_who_asked() {
    let mesh = Mesh::start(&Wiring::line(4), |_| peer!());
    mesh.results(0, "DISCOVER 7", 3);
    mesh.wait_until_quiet();
    assert_eq!(mesh.counts("links"), [1, 2, 2, 1]);
    assert_eq!(mesh[3].peer_addresses(), addresses(&mesh, [2]));
    assert_eq!(mesh[1].peer_addresses(), addresses(&mesh, [0, 2]));
}

#[test]
fn learned_peers_are_shown_without_a_link() {
    let mesh = Mesh::start(&Wiring::line(3), |_| peer!());
    mesh.results(0, "DISCOVER 2", 2);
    for line in mesh[0].peers() {
        assert_eq!(line["command"], "peers", "{line}");
        assert_eq!(line["linked"], line["address"] == mesh[1].address().to_string(), "{line}");
    }
}

#[test]
fn what_was_learned_can_be_asked_for_files() {
    let mesh = Mesh::start(&Wiring::line(3), |number| peer!().file(&format!("song {number}.mp3"), b"x"));
    let far = mesh.results(0, "DISCOVER 2", 2).into_iter().find(|line| line["hops"] == 2).unwrap();
    let (host, port) = far["address"].as_str().unwrap().rsplit_once(':').unwrap();
    let listed = mesh[0].attach(&[&format!("LISTR {host} {port}")]).expect_done().line();
    assert_eq!(listed["path"], "song 2.mp3");
}
