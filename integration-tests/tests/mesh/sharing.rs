//! A peer that downloads gives others what it has of the file: by its digest alone, verified pieces alone, until it is
//! whole or given up; and peers that download the same file complete from each other.

use std::net::SocketAddr;
use std::ops::Range;

use integration_tests::client::Outcome;
use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::neighbour::{Neighbour, new_id, result, search};
use integration_tests::patience::eventually_true;
use integration_tests::peer;
use integration_tests::peer::{Peer, PeerSetup, WHOLE_WAIT};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::session::Session;
use serde_json::{Value, json};

const PIECES: usize = 16;
const LENGTH: usize = PIECES * PIECE_BYTES + 77;
const PATH: &str = "films/a rare film.mov";
const NAME: &str = "a rare film.mov";

/// What is there of the file at a peer: none where it is not found.
fn have(session: &mut Session, content: &[u8]) -> Option<Vec<Range<usize>>> {
    let found = session.ask(json!({"type": "stat", "digest": digest(content), "partial": true}));
    if found["code"] == "not_found" {
        return None;
    }
    assert_eq!(found["digest"], digest(content), "{found}");
    assert_eq!(found["entry"]["byte_count"], content.len(), "{found}");
    let Some(ranges) = found["have"].as_array() else { return Some(whole()) };
    let number = |range: &Value, name: &str| usize::try_from(range[name].as_u64().unwrap()).unwrap();
    let run = |range: &Value| {
        let start = number(range, "offset");
        start..start + number(range, "byte_count")
    };
    Some(ranges.iter().map(run).collect())
}

fn whole() -> Vec<Range<usize>> {
    std::iter::once(0..LENGTH).collect()
}

fn byte_count(have: &[Range<usize>]) -> usize {
    have.iter().map(Range::len).sum()
}

/// Waits until a peer has so many bytes of the file.
fn wait_until_there(peer: &Peer, content: &[u8], least: usize) -> Vec<Range<usize>> {
    let mut session = peer.session();
    let mut there = Vec::new();
    eventually_true(&format!("{least} bytes are there"), || {
        there = have(&mut session, content).unwrap_or_default();
        byte_count(&there) >= least
    });
    there
}

/// A way to the holder that lets so many bytes pass, and the rest when it is released.
fn held_way(holder: &Peer, byte_count: usize) -> Proxy {
    let fault = Fault::Hold(Direction::ToClient, byte_count as u64);
    Proxy::start(holder.address(), move |_| fault)
}

/// Answers the search that comes next with that holder of the content.
fn tell(owner: &mut Neighbour, content: &[u8], holder: SocketAddr) {
    let id = owner.hear_a("search")["search_id"].as_str().unwrap().to_owned();
    let mut told = result(&id, PATH);
    told["files"][0]["digest"] = json!(digest(content));
    told["files"][0]["byte_count"] = json!(content.len());
    (told["hops"], told["address"]) = (json!(1), json!(holder.to_string()));
    owner.send(&told);
}

/// A peer that fetches the file by a way that a neighbour of its tells, and that neighbour.
fn start_get(getter: &Peer, content: &[u8], way: &Proxy) -> (integration_tests::process::Process, Neighbour) {
    let mut owner = Neighbour::open(getter.address());
    let get = getter.start_attached(&["--json", "--wait", WHOLE_WAIT], &["GET \"rare film\""]);
    tell(&mut owner, content, way.address());
    (get, owner)
}

fn found_by_digest(neighbour: &mut Neighbour, content: &[u8]) -> Vec<Value> {
    let mut asked = search(&new_id(), "", 1);
    asked.as_object_mut().unwrap().remove("words");
    asked["digest"] = json!(digest(content));
    neighbour.send(&asked);
    neighbour.files_until_answered()
}

fn read(content: &[u8], range: &Range<usize>) -> Value {
    let ranges = json!([{"offset": range.start, "byte_count": range.len()}]);
    json!({"type": "read", "digest": digest(content), "ranges": ranges})
}

#[test]
fn what_has_arrived_is_given_by_digest_alone_and_what_has_not_is_refused() {
    let content = bytes("film", LENGTH);
    let (holder, getter) = (peer!().file(PATH, &content).start(), peer!().start());
    holder.wait_until_hashed(PATH);
    let way = held_way(&holder, 6 * PIECE_BYTES);
    let (mut get, _owner) = start_get(&getter, &content, &way);
    // The short last piece, and as many others as pass with their lines.
    let there = wait_until_there(&getter, &content, 5 * PIECE_BYTES);
    assert!(byte_count(&there) < 6 * PIECE_BYTES, "{there:?}");
    let mut session = getter.session();
    for run in &there {
        let (reading, payload) = session.read(read(&content, run));
        assert_eq!(reading["file_digest"], digest(&content), "{reading}");
        assert_eq!(reading["entry"]["path"], NAME, "{reading}");
        assert!(payload.bytes == content[run.clone()]);
    }
    let mut pieces = (0..PIECES).map(|piece| piece * PIECE_BYTES);
    let gap = pieces.find(|start| !there.iter().any(|run| run.contains(start))).unwrap();
    session.ask_refused(read(&content, &(gap..gap + 1)), "not_found");
    session.ask_refused(read(&content, &(0..LENGTH)), "not_found");
    session.ask_refused(json!({"type": "read", "digest": digest(&content)}), "not_found");
    // Whoever does not ask for partials, and whoever asks by path, finds nothing.
    session.ask_refused(json!({"type": "stat", "digest": digest(&content)}), "not_found");
    session.ask_refused(json!({"type": "stat", "path": NAME, "partial": true}), "not_found");
    session.ask_refused(json!({"type": "read", "path": NAME}), "not_found");
    assert!(session.listing(json!({"type": "list", "recursive": true})).0.is_empty());
    let mut neighbour = Neighbour::open(getter.address());
    assert!(neighbour.found_files("rare film").is_empty(), "words find no partial");
    let found = found_by_digest(&mut neighbour, &content);
    assert!(found.len() == 1 && found[0]["partial"] == true && found[0]["path"] == NAME, "{found:?}");
    way.release();
    Outcome::of(&mut get).expect_done();
    assert_eq!(have(&mut session, &content), Some(whole()));
    assert!(session.read_file(NAME) == content);
    eventually_true("it is found as an ordinary file", || {
        let found = found_by_digest(&mut neighbour, &content);
        found.len() == 1 && found[0]["partial"].is_null()
    });
}

#[test]
fn what_may_not_be_read_where_it_will_land_is_not_given_before() {
    let content = bytes("film", LENGTH);
    let holder = peer!().file(PATH, &content).start();
    holder.wait_until_hashed(PATH);
    let getter = peer!().option_with("--kinds", "music").start();
    let way = held_way(&holder, 6 * PIECE_BYTES);
    let (mut get, _owner) = start_get(&getter, &content, &way);
    eventually_true("all that may pass has passed", || {
        way.byte_count(Direction::ToClient) >= 6 * PIECE_BYTES as u64
    });
    let mut session = getter.session();
    assert_eq!(have(&mut session, &content), None);
    session.ask_refused(json!({"type": "pieces", "digest": digest(&content)}), "not_found");
    assert!(found_by_digest(&mut Neighbour::open(getter.address()), &content).is_empty());
    way.release();
    Outcome::of(&mut get).expect_done();
    assert_eq!(have(&mut session, &content), None);
}

#[test]
fn what_is_given_up_is_not_given_any_more_and_a_session_that_asked_for_it_goes_on() {
    let content = bytes("film", LENGTH);
    let (holder, getter) = (peer!().file(PATH, &content).start(), peer!().start());
    holder.wait_until_hashed(PATH);
    let way = held_way(&holder, 6 * PIECE_BYTES);
    let (mut get, _owner) = start_get(&getter, &content, &way);
    let there = wait_until_there(&getter, &content, 2 * PIECE_BYTES);
    let mut session = getter.session();
    session.read(read(&content, &there[0]));
    get.kill();
    eventually_true("it is gone", || have(&mut session, &content).is_none());
    session.ask_refused(read(&content, &there[0]), "not_found");
    session.assert_works();
}

#[test]
fn one_that_has_not_finished_gives_another_what_that_one_could_not_get_elsewhere() {
    let content = bytes("film", LENGTH);
    let holder = peer!().file(PATH, &content).start();
    holder.wait_until_hashed(PATH);
    let first = peer!().start();
    let second = peer!().knows(&first.address()).start();
    second.wait_for_links(1);
    let way = held_way(&holder, 12 * PIECE_BYTES);
    let (mut get, _owner) = start_get(&first, &content, &way);
    wait_until_there(&first, &content, 9 * PIECE_BYTES);
    let narrow = held_way(&holder, 3 * PIECE_BYTES);
    let (mut other_get, _other_owner) = start_get(&second, &content, &narrow);
    // Neither of them gets any more from the holder until then.
    wait_until_there(&second, &content, 9 * PIECE_BYTES);
    way.release();
    narrow.release();
    let lines = [&mut get, &mut other_get].map(|get| Outcome::of(get).expect_done().line());
    for (peer, line) in [&first, &second].into_iter().zip(&lines) {
        assert_eq!(line["digest"], digest(&content), "{line}");
        assert!(peer.scratch().shared(NAME) == content);
    }
    let from_first = brought_by(&lines[1], first.address());
    assert!(from_first >= 6 * PIECE_BYTES as u64, "{}", lines[1]);
}

fn brought_by(line: &Value, address: SocketAddr) -> u64 {
    let sources = line["sources"].as_array().unwrap().iter();
    let of_it = sources.filter(|source| source["address"] == address.to_string());
    of_it.map(|source| source["byte_count"].as_u64().unwrap()).sum()
}

/// The file with other bytes in these pieces.
fn spoiled(content: &[u8], pieces: Range<usize>) -> Vec<u8> {
    let mut spoiled = content.to_vec();
    pieces.for_each(|piece| spoiled[piece * PIECE_BYTES] ^= 1);
    spoiled
}

#[test]
fn promise_3_two_that_have_one_half_each_complete_from_each_other_when_the_only_holder_dies() {
    let content = bytes("film", LENGTH);
    let halves = [spoiled(&content, 0..PIECES / 2), spoiled(&content, PIECES / 2..PIECES)];
    let setup = |number: usize| -> PeerSetup {
        match number {
            // Slow enough to die before either of them has got the other half from it.
            0 => peer!().file(PATH, &content).option_with("--limit-rate", "100KiB"),
            _ => peer!().file(NAME, &halves[number - 1]),
        }
    };
    let mut mesh = Mesh::start(&Wiring::full(3), setup);
    mesh[0].wait_until_hashed(PATH);
    let command = format!("GET digest:{} --replace", digest(&content));
    let mut gets =
        [1, 2].map(|number| mesh[number].start_attached(&["--json", "--wait", WHOLE_WAIT], &[&command]));
    for number in [1, 2] {
        wait_until_there(&mesh[number], &content, PIECES / 2 * PIECE_BYTES);
    }
    mesh[0].kill();
    for (number, get) in [1, 2].into_iter().zip(&mut gets) {
        let line = Outcome::of(get).expect_done().line();
        assert_eq!(line["digest"], digest(&content), "{line}");
        assert!(mesh[number].scratch().shared(NAME) == content);
        assert!(brought_by(&line, mesh[3 - number].address()) > 0, "{line}");
    }
}
