//! Private networks of real peers: members find and fetch as in any mesh, and nobody on the way sees a word.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use integration_tests::patience::eventually_true;
use integration_tests::peer;
use integration_tests::peer::{Peer, PeerSetup};
use integration_tests::proxy::Proxy;
use integration_tests::scratch::Scratch;

/// What nobody on the way may see: in a name, in a search and in a file.
const NAME: &str = "canaryname";
const CONTENT: &str = "canarycontent";

/// Makes a network file of that name.
pub(super) fn new_network(scratch: &Scratch, name: &str) -> PathBuf {
    let path = scratch.local().join(name);
    peer!().run(&["new-network", path.to_str().unwrap()]).expect_done();
    path
}

/// A member that is to be started.
pub(super) fn member(network: &Path) -> PeerSetup {
    peer!().option_with("--network", network)
}

/// Waits until a member has seen its own files, of which only other members can ask.
pub(super) fn wait_for_files(peer: &Peer, count: u64) {
    eventually_true("the files are known", || peer.count("hashed") == count);
}

/// Waits until the first neighbour of a peer is known to be reached there.
fn wait_for_neighbour_at(peer: &Peer, address: &str) {
    eventually_true("the advertised address is verified", || {
        peer.status()["neighbours"].as_array().unwrap().iter().any(|one| one["address"] == address)
    });
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A member behind a recording proxy, which others take for its address; it is linked with `other` through a proxy, too.
fn behind_proxies(setup: PeerSetup, other: &Peer) -> (Peer, [Proxy; 2]) {
    let way_out = Proxy::recording(other.address());
    let way_in = Proxy::recording(other.address());
    let owner = setup.option_with("--advertise", way_in.address().to_string()).start();
    way_in.set_target(owner.address());
    wait_for_files(&owner, 1);
    let connect = format!("CONNECT {} {}", way_out.address().ip(), way_out.address().port());
    owner.attach(&[&connect]).expect_done();
    wait_for_neighbour_at(other, &way_in.address().to_string());
    (owner, [way_out, way_in])
}

#[test]
fn five_members_find_and_fetch_over_four_links_and_who_is_between_sees_nothing() {
    let scratch = Scratch::new();
    let network = new_network(&scratch, "friends");
    let mut line = vec![member(&network).start()];
    for number in 1..4 {
        line.push(member(&network).knows(&line[number - 1].address()).start());
    }
    let name = format!("{NAME}.txt");
    let setup = member(&network);
    setup.scratch.put(&name, CONTENT.repeat(100));
    let (owner, ways) = behind_proxies(setup, &line[3]);
    line[1].wait_for_links(2);
    let found = line[0].ask(&format!("SEARCH {NAME}")).first_results(1).remove(0);
    assert_eq!(found["hops"], 4, "{found}");
    assert_eq!(found["address"], ways[1].address().to_string(), "{found}");
    assert_eq!(found["key"], owner.status()["key"], "{found}");
    let listed = format!("LISTR {} {}", ways[1].address().ip(), ways[1].address().port());
    assert_eq!(line[0].attach(&[&listed]).expect_done().line()["path"], name);
    line[0].attach(&[&format!("GET {NAME}")]).expect_done();
    assert_eq!(line[0].scratch().shared(&name), CONTENT.repeat(100).into_bytes());
    for way in &ways {
        let seen = way.recorded();
        assert!(seen.len() > 1000);
        for text in [NAME, CONTENT, "hello", "search", "mactella-peer/", "127.0.0.1"] {
            assert!(!contains(&seen, text), "{text} can be read on the way");
        }
    }
    for peer in &line {
        let status = peer.status();
        assert_eq!(status["private"], true, "{status}");
        assert!(status["neighbours"].as_array().unwrap().iter().all(|one| one["tls"] == true), "{status}");
    }
}

#[test]
fn a_holder_that_another_one_replaced_is_noticed_by_its_key_and_nothing_lands() {
    let scratch = Scratch::new();
    let network = new_network(&scratch, "friends");
    let searcher = member(&network).start();
    let name = format!("{NAME}.txt");
    let of_owner = member(&network);
    of_owner.scratch.put(&name, CONTENT);
    let (owner, ways) = behind_proxies(of_owner, &searcher);
    let imposter = member(&network);
    imposter.scratch.put(&name, CONTENT);
    let imposter = imposter.start();
    wait_for_files(&imposter, 1);
    // Who was asked and who answers are not the same from here on; the very same bytes would come.
    ways[1].set_target(imposter.address());
    let get = format!("GET {NAME}");
    let outcome = searcher.attach(&[&get]).expect_error("key_mismatch", 5);
    assert!(outcome.text().contains(owner.status()["key"].as_str().unwrap()), "{outcome:?}");
    assert!(outcome.text().contains(imposter.status()["key"].as_str().unwrap()), "{outcome:?}");
    assert_eq!(fs::read_dir(searcher.scratch().share()).unwrap().count(), 0, "nothing has landed");
    // Another holder helps, and the one that is not who it should be is named.
    let honest = member(&network).knows(&searcher.address());
    honest.scratch.put(&name, CONTENT);
    let honest = honest.start();
    wait_for_files(&honest, 1);
    searcher.wait_for_links(2);
    searcher.attach(&[&get]).expect_done();
    assert_eq!(searcher.scratch().shared(&name), CONTENT.as_bytes());
}

#[test]
fn a_network_is_made_once_and_its_file_is_for_its_owner_alone() {
    let scratch = Scratch::new();
    let network = new_network(&scratch, "friends");
    let kept = fs::read_to_string(&network).unwrap();
    assert_eq!(fs::metadata(&network).unwrap().permissions().mode() & 0o777, 0o600);
    let again = peer!().run(&["new-network", network.to_str().unwrap()]).expect_code(1);
    assert!(again.errors.contains("not replaced") && again.output.is_empty(), "{again:?}");
    assert_eq!(fs::read_to_string(&network).unwrap(), kept);
    fs::set_permissions(&network, Permissions::from_mode(0o644)).unwrap();
    let (code, errors) = member(&network).start_refused();
    assert!(code == 1 && errors.contains("chmod 600"), "{errors}");
    let (code, errors) = member(&scratch.local().join("absent")).start_refused();
    assert!(code == 1 && errors.contains("new-network"), "{errors}");
    fs::set_permissions(&network, Permissions::from_mode(0o600)).unwrap();
    fs::write(&network, &kept[1..]).unwrap();
    let (code, errors) = member(&network).start_refused();
    assert!(code == 1 && errors.contains("64 hex digits") && !errors.contains(&kept[1..20]), "{errors}");
}

#[test]
fn two_networks_do_not_mix_and_each_end_says_why() {
    let scratch = Scratch::new();
    let [ours, theirs] = ["ours", "theirs"].map(|name| new_network(&scratch, name));
    let there = member(&theirs).start();
    let here = member(&ours).knows(&there.address()).start();
    let connect = format!("CONNECT {}", there.host_and_port());
    let outcome = here.attach(&[&connect]).expect_error("not_allowed", 1);
    assert!(outcome.text().contains("private network"), "{outcome:?}");
    assert_eq!([here.count("links"), there.count("links")], [0, 0]);
    eventually_true("the log says why", || here.log().contains("private network alone"));
    assert!(there.log().contains("in no network with us"));
    // A peer that is in none shows no proof itself, and is left.
    let open = peer!().start();
    let connect = format!("CONNECT {}", open.host_and_port());
    let outcome = here.attach(&[&connect]).expect_error("connection_failed", 3);
    assert!(outcome.text().contains("not in this network"), "{outcome:?}");
    let connect = format!("CONNECT {}", here.host_and_port());
    open.attach(&[&connect]).expect_error("not_allowed", 1);
    // It had taken in whoever dialled it, until that one left.
    open.wait_for_links(0);
    assert_eq!(here.count("links"), 0);
}
