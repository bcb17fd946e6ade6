//! Results that nobody asked for, that are too many or too large, or that name whatever they like.

use integration_tests::neighbour::{Canary, Neighbour, discover, new_id, result};
use integration_tests::patience::eventually_true;
use integration_tests::peer;
use integration_tests::peer::Peer;
use integration_tests::session::{LINE_BYTES_MAX, line_of};
use serde_json::{Value, json};

/// The most files of one result (PROTOCOL.md, section 11).
const SEARCH_FILES_MAX: usize = 256;
/// The most files that one neighbour may bring home for one search.
const SEARCH_RESULTS_PER_LINK_MAX: usize = 4096;

/// A peer, one who asks, and one who was asked and answers.
struct Asked {
    peer: Peer,
    asker: Neighbour,
    owner: Neighbour,
    id: String,
}

fn asked() -> Asked {
    let peer = peer!().start();
    let (mut asker, mut owner) = (Neighbour::open(peer.address()), Neighbour::open(peer.address()));
    let id = asker.search("song", 7);
    owner.hear_a("search");
    Asked { peer, asker, owner, id }
}

impl Asked {
    /// What arrives at the one who asked of these results.
    fn home(&mut self, results: &[Value]) -> Vec<Value> {
        results.iter().for_each(|result| self.owner.send(result));
        self.owner.assert_works();
        self.asker.lines_until_answered()
    }

    fn with(&self, field: &str, value: Value) -> Value {
        let mut changed = result(&self.id, "song.mp3");
        changed[field] = value;
        changed
    }

    /// A result with so many files.
    fn of_files(&self, count: usize) -> Value {
        let file = |number| json!({"path": format!("song {number}.mp3"), "byte_count": number});
        self.with("files", (0..count).map(file).collect())
    }

    /// A result whose line has so many bytes.
    fn of_bytes(&self, line_bytes: usize) -> Value {
        let file = |length| json!({"path": "x".repeat(length), "byte_count": 5});
        let mut files: Vec<Value> = (0..15).map(|_| file(4000)).collect();
        files.push(file(1));
        let missing = line_bytes - line_of(&self.with("files", json!(files))).len();
        files[15] = file(1 + missing);
        self.with("files", json!(files))
    }
}

#[test]
fn results_that_nobody_asked_for_go_nowhere() {
    let mut asked = asked();
    let unknown = result(&new_id(), "song.mp3");
    let answer = json!({"type": "discover_result", "discover_id": new_id(), "hops": 0});
    // A search is no discover.
    let mixed = json!({"type": "discover_result", "discover_id": asked.id, "hops": 0});
    assert!(asked.home(&[unknown, answer]).is_empty());
    let _whatever_comes_of_it = asked.home(&[mixed]);
    assert_eq!(asked.home(&[asked.with("hops", json!(0))]).len(), 1, "the link works");
}

#[test]
fn results_from_a_link_that_was_not_asked_go_nowhere() {
    let mut asked = asked();
    // Who asks was not asked; nor who came later.
    let lie = result(&asked.id, "lie.mp3");
    asked.asker.send(&lie);
    asked.asker.assert_works();
    let mut late = Neighbour::open(asked.peer.address());
    late.send(&lie);
    late.assert_works();
    assert!(asked.home(&[]).is_empty());
}

#[test]
fn results_for_the_peers_own_search_come_only_from_those_it_asked() {
    let peer = peer!().start();
    let mut owner = Neighbour::open(peer.address());
    let running = peer.ask("SEARCH song");
    let id = owner.hear_a("search")["search_id"].as_str().unwrap().to_owned();
    let mut late = Neighbour::open(peer.address());
    late.send(&result(&id, "lie.mp3"));
    late.assert_works();
    owner.send(&result(&new_id(), "lie.mp3"));
    owner.send(&result(&id, "song.mp3"));
    let lines = running.results(1, [&peer]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["path"], "song.mp3");
}

#[test]
fn a_results_number_of_files_has_a_limit() {
    let mut asked = asked();
    let most = asked.of_files(SEARCH_FILES_MAX);
    assert_eq!(asked.home(&[most])[0]["files"].as_array().unwrap().len(), SEARCH_FILES_MAX);
    let too_many = asked.of_files(SEARCH_FILES_MAX + 1);
    let none = asked.of_files(0);
    assert!(asked.home(&[too_many, none]).is_empty());
}

#[test]
fn a_results_length_has_a_limit_that_leaves_room_for_the_way_home() {
    let mut asked = asked();
    // An honest owner keeps its lines below 65280 bytes; whether `v`, `type` and the line feed count, the next one
    // that is sure to be too long has as many more.
    let (longest, too_long) = (asked.of_bytes(65_279), asked.of_bytes(65_320));
    let home = asked.home(&[longest]);
    assert_eq!(home.len(), 1, "each line is checked on its way");
    assert_eq!(home[0]["files"].as_array().unwrap().len(), 16);
    assert!(asked.home(&[too_long]).is_empty());
    let (near, at) = (asked.of_bytes(65_535), asked.of_bytes(LINE_BYTES_MAX));
    assert!(asked.home(&[near, at]).is_empty(), "a line that others could not read with the address");
    asked.owner.send(&asked.of_bytes(LINE_BYTES_MAX + 1));
    asked.owner.session().assert_closed_after_an_optional("bad_message");
    asked.asker.assert_works();
}

#[test]
fn a_result_that_has_crossed_too_many_links_or_lost_its_address_is_dropped() {
    let mut asked = asked();
    let at = |hops: u64| {
        let mut far = result(&asked.id, "song");
        far["hops"] = json!(hops);
        far["address"] = json!("203.0.113.7:4711");
        far
    };
    let [last, past, far_past] = [at(5), at(6), at(255)];
    let without_address = asked.with("hops", json!(3));
    assert_eq!(asked.home(&[last])[0]["hops"], 6);
    assert!(asked.home(&[past, far_past, without_address]).is_empty());
}

#[test]
fn a_result_that_is_home_may_have_crossed_seven_links() {
    let peer = peer!().start();
    let mut neighbour = Neighbour::open(peer.address());
    let searching = peer.ask("SEARCH song");
    let id = neighbour.hear_a("search")["search_id"].as_str().unwrap().to_owned();
    for hops in [7, 6] {
        let mut far = result(&id, &format!("song {hops}"));
        far["hops"] = json!(hops);
        far["address"] = json!("203.0.113.7:4711");
        neighbour.send(&far);
    }
    let found = searching.results(1, [&peer]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!([&found[0]["path"], &found[0]["hops"]], [&json!("song 6"), &json!(7)]);
}

#[test]
fn one_neighbour_brings_home_only_so_many_files_for_one_search() {
    let mut asked = asked();
    let mut count = 0;
    for _ in 0..SEARCH_RESULTS_PER_LINK_MAX / SEARCH_FILES_MAX + 3 {
        let most = asked.of_files(SEARCH_FILES_MAX);
        let home = asked.home(&[most]);
        count += home.iter().map(|line| line["files"].as_array().unwrap().len()).sum::<usize>();
    }
    assert_eq!(count, SEARCH_RESULTS_PER_LINK_MAX);
    assert!(asked.home(&[asked.of_files(1)]).is_empty(), "one more");
}

#[test]
fn no_message_makes_a_peer_contact_an_address() {
    let peer = peer!().start();
    let canary = Canary::new();
    let address = canary.address().to_string();
    let (mut one, mut other) = (Neighbour::open(peer.address()), Neighbour::open(peer.address()));
    let far_result = |id: &Value| {
        let files = json!([{"path": "song", "byte_count": 1}]);
        json!({"type": "search_result", "search_id": id, "hops": 2, "address": address, "files": files})
    };
    let far_answer =
        |id: &Value| json!({"type": "discover_result", "discover_id": id, "hops": 2, "address": address});
    // For somebody else, and for the peer itself.
    let search = json!(one.search("song", 7));
    other.hear_a("search");
    other.send(&far_result(&search));
    assert_eq!(one.hear_a("search_result")["address"], address);
    let id = json!(new_id());
    one.send(&discover(id.as_str().unwrap(), 7));
    one.hear_a("discover_result");
    other.hear_a("discover");
    other.send(&far_answer(&id));
    assert_eq!(one.hear_a("discover_result")["address"], address);
    let searching = peer.ask("SEARCH song");
    let own = other.hear_a("search")["search_id"].clone();
    other.send(&far_result(&own));
    assert_eq!(searching.first_results(1)[0]["address"], address);
    let discovering = peer.ask("DISCOVER 7");
    let own = other.hear_a("discover")["discover_id"].clone();
    other.send(&far_answer(&own));
    let found = discovering.first_results(1);
    assert_eq!([&found[0]["address"], &found[0]["added"]], [&json!(address), &json!(true)]);
    peer.wait_until_quiet();
    canary.assert_was_never_contacted();
    assert!(peer.peer_addresses().contains(&address));
}

#[test]
fn hearsay_does_not_push_out_those_who_were_reached() {
    let neighbour_of_old = peer!().start();
    let peer = peer!().knows(&neighbour_of_old.address()).start();
    peer.wait_for_links(1);
    let mut liar = Neighbour::open(peer.address());
    let discovering = peer.ask("DISCOVER 7");
    let id = liar.hear_a("discover")["discover_id"].clone();
    // More than a list has room for.
    for number in 0..3000_u32 {
        let address = format!("198.51.{}.{}:4711", number / 250, 1 + number % 250);
        liar.send(&json!({"type": "discover_result", "discover_id": id, "hops": 1, "address": address}));
    }
    liar.lines_until_answered();
    drop(discovering);
    let listed = peer.peer_addresses();
    assert!(listed.contains(&neighbour_of_old.address().to_string()));
    assert!(listed.len() < 1500, "{} peers in the list", listed.len());
    peer.attach(&["RESET"]).expect_done();
    eventually_true("the list is short again", || peer.peers().len() == 2);
}

#[test]
fn paths_in_results_are_never_obeyed() {
    let peer = peer!().start();
    // All but two have the words of the search, so that nothing else is wrong with them.
    for path in [
        "../outside/some song",
        "/tmp/some song",
        "a/../../some song",
        "..",
        "",
        "some\u{0}song",
        "some song\u{1b}[31m",
    ] {
        let mut owner = Neighbour::open(peer.address());
        let mut get = peer.start_attached(&["--json", "--wait", "100ms"], &["GET \"some song\""]);
        let id = owner.hear_a("search")["search_id"].as_str().unwrap().to_owned();
        owner.send(&result(&id, path));
        assert_ne!(get.exit_code(), 0, "{path}");
        let said = get.output.text() + &get.errors.text();
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    assert_eq!(std::fs::read_dir(peer.scratch().share()).unwrap().count(), 0);
}

#[test]
fn too_many_results_at_once_are_dropped_and_others_are_served() {
    let mut asked = asked();
    let one = line_of(&result(&asked.id, "song.mp3"));
    let is_sent = asked.owner.session().send_meanwhile(one.repeat(30_000).into_bytes());
    let mut third = Neighbour::open(asked.peer.address());
    third.assert_works();
    assert!(is_sent.join().unwrap());
    let home = asked.asker.lines_until_answered();
    assert!(home.len() <= SEARCH_RESULTS_PER_LINK_MAX, "{}", home.len());
    third.assert_works();
}
