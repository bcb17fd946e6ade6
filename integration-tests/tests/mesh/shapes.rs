//! A search reaches every holder within its ttl exactly once, in meshes of every shape; so does a discover.
//!
//! That nothing comes twice is seen when all peers have come to rest while the command still waits.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::peer;
use serde_json::Value;

/// A mesh in which everybody has a song.
fn mesh_of_songs(wiring: &Wiring) -> Mesh {
    Mesh::start(wiring, |number| peer!().file(&format!("song {number}.mp3"), number.to_string()))
}

/// Everybody but the origin, with the distance from there.
fn all_with_distances(wiring: &Wiring, origin: usize) -> Vec<(usize, u64)> {
    let distances = wiring.distances_from(origin).into_iter().enumerate();
    let others = distances.filter(|(number, _)| *number != origin);
    others.map(|(number, distance)| (number, distance.unwrap() as u64)).collect()
}

/// In a mesh without circles there is one way to each peer, so the hops are the distance.
fn assert_finds_all_at_their_distance(mesh: &Mesh, wiring: &Wiring, origin: usize) {
    let expected = all_with_distances(wiring, origin);
    for command in ["SEARCH song 7", "DISCOVER 7"] {
        let results = mesh.results(origin, command, expected.len());
        assert_eq!(mesh.owners_and_hops(&results), expected, "{command} from {origin}");
    }
}

/// Around a circle the longer way may be the faster one: the hops lie between the distance and the way through
/// all peers.
fn assert_finds_all_once(mesh: &Mesh, wiring: &Wiring, origin: usize) {
    let expected = all_with_distances(wiring, origin);
    for command in ["SEARCH song 7", "DISCOVER 7"] {
        let results = mesh.results(origin, command, expected.len());
        let found = mesh.owners_and_hops(&results);
        assert_eq!(found.len(), expected.len(), "{command} from {origin}: {found:?}");
        for ((owner, hops), (number, distance)) in found.iter().zip(&expected) {
            assert_eq!(owner, number, "{command} from {origin}: {found:?}");
            assert!((*distance..wiring.count as u64).contains(hops), "{command} from {origin}: {found:?}");
        }
    }
}

#[test]
fn promise_6_along_a_line_everybody_is_found_once_at_his_distance() {
    let wiring = Wiring::line(5);
    let mesh = mesh_of_songs(&wiring);
    assert_finds_all_at_their_distance(&mesh, &wiring, 0);
    assert_finds_all_at_their_distance(&mesh, &wiring, 2);
}

#[test]
fn promise_6_in_a_star_everybody_is_found_once_at_his_distance() {
    let wiring = Wiring::star(5);
    let mesh = mesh_of_songs(&wiring);
    assert_finds_all_at_their_distance(&mesh, &wiring, 0);
    assert_finds_all_at_their_distance(&mesh, &wiring, 3);
}

#[test]
fn promise_6_around_a_ring_everybody_is_found_once() {
    for count in [4, 5] {
        let wiring = Wiring::ring(count);
        assert_finds_all_once(&mesh_of_songs(&wiring), &wiring, 1);
    }
}

#[test]
fn promise_6_in_a_full_mesh_everybody_is_found_once() {
    let wiring = Wiring::full(5);
    let mesh = mesh_of_songs(&wiring);
    assert_finds_all_once(&mesh, &wiring, 0);
    assert_finds_all_once(&mesh, &wiring, 4);
}

#[test]
fn everybody_may_search_at_the_same_time() {
    let wiring = Wiring::full(4);
    let mesh = mesh_of_songs(&wiring);
    let searches: Vec<_> = mesh.peers().iter().map(|peer| peer.ask("SEARCH song")).collect();
    for (origin, search) in searches.iter().enumerate() {
        let found = mesh.owners_and_hops(&search.results(3, mesh.peers()));
        let owners: Vec<usize> = found.iter().map(|(owner, _)| *owner).collect();
        let others: Vec<usize> = (0..4).filter(|number| *number != origin).collect();
        assert_eq!(owners, others, "found by {origin}");
    }
}

#[test]
fn each_result_names_the_file_of_its_owner() {
    let wiring = Wiring::line(4);
    let mesh = mesh_of_songs(&wiring);
    for result in mesh.results(0, "SEARCH song", 3) {
        let owner = mesh.owners_and_hops(std::slice::from_ref(&result))[0].0;
        assert_eq!(result["path"], format!("song {owner}.mp3"));
        assert_eq!(result["byte_count"], 1);
        assert_eq!(result["command"], "search");
        let digest = integration_tests::content::digest(owner.to_string().as_bytes());
        assert!([Value::Null, Value::from(digest)].contains(&result["digest"]), "{result}");
    }
}
