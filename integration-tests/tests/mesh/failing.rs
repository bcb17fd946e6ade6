//! One bad neighbour hurts no other: peers that die, freeze or stop reading while others search.

use integration_tests::client::Outcome;
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::neighbour::{Neighbour, new_id, search};
use integration_tests::patience::eventually_true;
use integration_tests::peer;
use integration_tests::peer::WHOLE_WAIT;
use integration_tests::session::line_of;
use rustix::process::Signal;
use serde_json::json;

/// What a peer that serves small folders and few links never needs.
const MEMORY_MAX: u64 = 160 << 20;

fn star_of_songs(count: usize) -> Mesh {
    Mesh::start(&Wiring::star(count), |number| peer!().file(&format!("song {number}.mp3"), b""))
}

#[test]
fn a_peer_that_is_killed_in_the_middle_of_a_search_costs_only_its_own_results() {
    let mut mesh = star_of_songs(4);
    // Frozen, it has the search and does not answer; then it dies.
    mesh[3].process().signal(Signal::STOP);
    let mut search = mesh[1].start_attached(&["--json", "--wait", WHOLE_WAIT], &["SEARCH song"]);
    let has_two = |text: &str| (text.lines().count() == 2).then_some(());
    search.output.wait_for("the results of the others", has_two);
    mesh[3].kill();
    let outcome = Outcome::of(&mut search).expect_done();
    assert_eq!(mesh.owners_and_hops(&outcome.lines()), [(0, 1), (2, 2)]);
    mesh[0].wait_for_links(2);
}

#[test]
fn a_peer_on_the_way_that_is_killed_leaves_the_rest_of_the_mesh_working() {
    let mut mesh = Mesh::start(&Wiring::line(4), |number| peer!().file(&format!("song {number}.mp3"), b""));
    mesh[1].process().signal(Signal::STOP);
    let mut search = mesh[0].start_attached(&["--json", "--wait", "300ms"], &["SEARCH song"]);
    assert!(
        Outcome::of(&mut search).expect_done().lines().is_empty(),
        "all ways lead through the frozen one"
    );
    mesh[1].kill();
    mesh[2].wait_for_links(1);
    let asked = mesh[3].ask("SEARCH song");
    let found = asked.results(1, [&mesh[2], &mesh[3]]);
    assert_eq!(mesh.owners_and_hops(&found), [(2, 1)]);
    mesh[0].wait_for_links(0);
}

#[test]
fn a_peer_that_dies_during_get_is_a_lost_connection_and_leaves_no_file() {
    let content = integration_tests::content::bytes("film", 40 << 20);
    let mut source = peer!().file("film.mov", &content).start();
    let taker = peer!().start();
    source.process().signal(Signal::STOP);
    let mut get = taker.start_attached(&["--json"], &[&format!("GET film.mov {}", source.host_and_port())]);
    taker.wait_until_quiet();
    source.kill();
    let outcome = Outcome::of(&mut get);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(!taker.scratch().share().join("film.mov").exists());
    assert_eq!(taker.attach(&["LISTL"]).expect_done().lines().len(), 0);
}

#[test]
fn a_neighbour_that_stops_reading_harms_nobody() {
    let mesh = star_of_songs(3);
    let middle = mesh[0].address();
    let stuck = Neighbour::open(middle);
    // More than the sockets between hold, all of which the one that reads nothing should get.
    let words = "x".repeat(1000);
    let mut flooding: Vec<Neighbour> = (0..4).map(|_| Neighbour::open(middle)).collect();
    let received = mesh[0].count("messages_received");
    for neighbour in &mut flooding {
        let floods: String = (0..1000).map(|_| line_of(&search(&new_id(), &words, 7))).collect();
        let taken = neighbour.session().send_meanwhile(floods.into_bytes());
        assert!(taken.join().unwrap());
    }
    eventually_true("all floods have arrived", || mesh[0].count("messages_received") - received >= 4000);
    // The floods have used up what its neighbours take from the middle at once, which is little by little more.
    for _ in 0..3 {
        eventually_true("the others find each other", || {
            mesh[1].results_within("200ms", "SEARCH song").len() == 2
        });
    }
    assert!(mesh[0].process().memory_peak() < MEMORY_MAX, "{}", mesh[0].process().memory_peak());
    drop((stuck, flooding));
    mesh[0].wait_for_links(2);
}

#[test]
fn a_neighbour_that_asks_for_results_and_reads_none_harms_nobody() {
    let folder = vec!["x".repeat(200); 10].join("/");
    let setup = (0..200).fold(peer!(), |peer, number| {
        peer.scratch.put(&format!("{folder}/loot {number}"), b"");
        peer
    });
    let holder = setup.file("song.mp3", b"").start();
    holder.wait_until_found("song.mp3");
    let asker = peer!().knows(&holder.address()).start();
    asker.wait_for_links(1);
    let mut stuck = Neighbour::open(holder.address());
    // Each is answered by half a megabyte.
    let floods: String = (0..200).map(|_| line_of(&search(&new_id(), "loot", 1))).collect();
    stuck.session().send_raw(floods);
    for _ in 0..3 {
        assert_eq!(asker.ask("SEARCH song").first_results(1).len(), 1);
    }
    holder.wait_until_quiet();
    assert!(holder.process().memory_peak() < MEMORY_MAX, "{}", holder.process().memory_peak());
    assert_eq!(asker.ask("SEARCH song").first_results(1).len(), 1);
}

#[test]
fn neighbours_that_come_and_go_leave_nothing_behind() {
    let peer = peer!().file("song.mp3", b"").start();
    peer.wait_until_indexed();
    let mut stays = Neighbour::open(peer.address());
    let descriptors = || std::fs::read_dir(peer.process().proc_folder().join("fd")).unwrap().count();
    let threads = || std::fs::read_dir(peer.process().proc_folder().join("task")).unwrap().count();
    stays.assert_works();
    let before = (descriptors(), threads());
    for number in 0..60 {
        let mut passing = Neighbour::open(peer.address());
        match number % 3 {
            0 => drop(passing),
            1 => {
                passing.search("song", 7);
            }
            _ => assert_eq!(passing.found_files_among_floods("song"), 1),
        }
    }
    eventually_true("all of them are gone", || (descriptors(), threads()) <= before);
    // The searches that came meanwhile are its to hear.
    stays.lines_until_answered();
    peer.wait_for_links(1);
}

#[test]
fn results_for_a_neighbour_that_has_left_are_dropped() {
    let peer = peer!().start();
    let mut owner = Neighbour::open(peer.address());
    let mut asker = Neighbour::open(peer.address());
    let id = asker.search("song", 7);
    assert_eq!(owner.hear_a("search")["search_id"], id.as_str());
    drop(asker);
    peer.wait_for_links(1);
    owner.send(&integration_tests::neighbour::result(&id, "song"));
    owner.assert_works();
    owner.send(&json!({"type": "ping"}));
    owner.assert_works();
}
