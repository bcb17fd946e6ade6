//! GET by words takes the best content from all who hold it: whoever dies costs nothing, whoever falsifies is named, and
//! who is lost is replaced by whoever has the digest.

use std::net::SocketAddr;

use integration_tests::client::Outcome;
use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::neighbour::{Neighbour, result};
use integration_tests::nobody::Nobody;
use integration_tests::patience::eventually_true;
use integration_tests::peer;
use integration_tests::peer::{Peer, WHOLE_WAIT};
use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::scratch::files_below;
use serde_json::{Value, json};

const LENGTH: usize = 40 * PIECE_BYTES + 77;
const PATH: &str = "films/a rare film.mov";

fn brought(line: &Value) -> u64 {
    line["sources"].as_array().unwrap().iter().map(|source| source["byte_count"].as_u64().unwrap()).sum()
}

fn assert_landed(getter: &Peer, line: &Value, content: &[u8]) {
    assert_eq!(line["digest"], digest(content), "{line}");
    assert!(getter.scratch().shared("a rare film.mov") == content);
    assert_eq!(files_below(&getter.scratch().share()).len(), 1, "something is left over");
    assert_eq!(brought(line), content.len() as u64, "{line}");
}

/// Answers the search that comes next with these holders of the content.
fn tell(owner: &mut Neighbour, content: &[u8], holders: &[SocketAddr]) {
    let id = owner.hear_a("search")["search_id"].as_str().unwrap().to_owned();
    for address in holders {
        let mut told = result(&id, PATH);
        told["files"][0]["digest"] = json!(digest(content));
        told["files"][0]["byte_count"] = json!(content.len());
        (told["hops"], told["address"]) = (json!(1), json!(address.to_string()));
        owner.send(&told);
    }
}

#[test]
fn a_file_comes_from_all_its_holders() {
    let content = bytes("film", LENGTH);
    let mesh = Mesh::start(&Wiring::line(4), |number| match number {
        0 => peer!(),
        _ => peer!().file(PATH, &content),
    });
    (1..4).for_each(|number| mesh[number].wait_until_hashed(PATH));
    let get = mesh[0].attach_with(&["--json", "--wait", WHOLE_WAIT], &["GET \"rare film\""]);
    assert_landed(&mesh[0], &get.expect_done().line(), &content);
}

#[test]
fn promise_2_one_holder_is_killed_half_way_and_one_falsifies_and_the_file_is_right() {
    let content = bytes("film", LENGTH);
    let mut holders: Vec<Peer> = (0..3).map(|_| peer!().file(PATH, &content).start()).collect();
    let getter = peer!().start();
    let (half, at) = (15 * PIECE_BYTES as u64, 5 * PIECE_BYTES as u64 / 2);
    let faults = [
        Fault::Hold(Direction::ToClient, 3 * PIECE_BYTES as u64 + 5),
        Fault::Flip(Direction::ToClient, at),
        Fault::Hold(Direction::ToClient, half),
    ];
    let proxies: Vec<Proxy> = holders
        .iter()
        .zip(faults)
        .map(|(holder, fault)| Proxy::start(holder.address(), move |_| fault))
        .collect();
    let addresses: Vec<SocketAddr> = proxies.iter().map(Proxy::address).collect();
    let mut owner = Neighbour::open(getter.address());
    let mut get = getter.start_attached(&["--json", "--wait", WHOLE_WAIT], &["GET \"rare film\""]);
    tell(&mut owner, &content, &addresses);
    eventually_true("the false byte has passed", || proxies[1].byte_count(Direction::ToClient) > at);
    holders[0].kill();
    proxies.iter().for_each(Proxy::release);
    let outcome = Outcome::of(&mut get).expect_done();
    assert_landed(&getter, &outcome.line(), &content);
    assert!(outcome.errors.contains(&addresses[1].to_string()), "{}", outcome.errors);
}

#[test]
fn who_is_lost_is_replaced_by_whoever_has_the_digest() {
    let content = bytes("film", 3 * PIECE_BYTES);
    let (holder, getter) = (peer!().file(PATH, &content).start(), peer!().start());
    let vacancy = Nobody::there();
    let nobody = vacancy.address();
    let mut owner = Neighbour::open(getter.address());
    let mut get = getter.start_attached(&["--json", "--wait", WHOLE_WAIT], &["GET \"rare film\""]);
    tell(&mut owner, &content, &[nobody]);
    tell(&mut owner, &content, &[nobody, holder.address()]);
    let outcome = Outcome::of(&mut get).expect_done();
    assert_landed(&getter, &outcome.line(), &content);
    assert!(outcome.errors.contains(&nobody.to_string()), "{}", outcome.errors);
}
