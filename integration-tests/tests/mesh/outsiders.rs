//! Who is in no private network with a peer learns nothing from it, whatever is shown: not even by other words.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use integration_tests::client;
use integration_tests::neighbour::{NO_PORT, hello, welcome};
use integration_tests::patience::eventually_true;
use integration_tests::peer::Peer;
use integration_tests::scratch::Scratch;
use integration_tests::session::{self, PROCESS_ID, Session, line_of};
use integration_tests::stream::Stream;
use integration_tests::tls::{TlsKey, TlsListener, TlsStream};
use serde_json::{Value, json};

use crate::private::{member, new_network, wait_for_files};

const NAME: &str = "canaryname.txt";
const LABEL: &[u8] = b"EXPORTER-mactella-network";
/// The roles of those who prove.
const DIALLER: u8 = 0;

/// Where nobody answers: a member that knows somebody there links with nobody.
fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], NO_PORT))
}

/// A member that shares something and knows a listener of ours.
fn sharing_member(network: &Path, knows: SocketAddr) -> Peer {
    let setup = member(network).knows(&knows);
    setup.scratch.put(NAME, "canary");
    let peer = setup.start();
    wait_for_files(&peer, 1);
    peer
}

/// The proof of the PROTOCOL, by hand.
fn proof(network: &Path, stream: &TlsStream, role: u8, [own, other]: [&str; 2]) -> String {
    let text = std::fs::read_to_string(network).unwrap();
    let key = blake3::Hash::from_hex(text.trim()).unwrap();
    let bytes = |hex: &str| *blake3::Hash::from_hex(hex).unwrap().as_bytes();
    let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
    hasher.update(&stream.exported(LABEL)).update(&[role]);
    hasher.update(&bytes(own)).update(&bytes(other));
    hasher.finalize().to_hex().to_string()
}

fn read_line(stream: &mut impl Read) -> Vec<u8> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    line
}

/// Says this line and takes all that comes.
fn answer_over(stream: impl Into<Stream>, line: &str) -> String {
    let mut stream = stream.into();
    stream.write_all(line.as_bytes()).unwrap();
    let mut answer = read_line(&mut stream);
    // Whoever was let in would wait for its end for ever.
    assert!(String::from_utf8_lossy(&answer).contains("refused"), "{}", String::from_utf8_lossy(&answer));
    // What was not read of ours may reset the connection behind the answer.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn with_proof(mut hello: Value, proof: &str) -> String {
    hello["network_proof"] = json!(proof);
    line_of(&hello)
}

#[test]
fn a_proof_by_hand_opens_a_session_and_the_peer_proves_itself_too() {
    let scratch = Scratch::new();
    let network = new_network(&scratch, "friends");
    let peer = sharing_member(&network, nobody());
    let key = TlsKey::generate();
    let (stream, theirs) = TlsStream::dial(peer.address(), &key);
    let keys = [key.public_hex(), theirs];
    let line =
        with_proof(session::hello(PROCESS_ID), &proof(&network, &stream, DIALLER, [&keys[0], &keys[1]]));
    let mut session = Session::over(stream.clone());
    session.send_raw(line);
    let welcome = session.line();
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    assert_eq!(welcome["network_proof"], proof(&network, &stream, 1, [&keys[1], &keys[0]]), "{welcome}");
    let id = session.request(json!({"type": "list"}));
    assert_eq!(session.entries(id).0[0]["path"], NAME);
}

#[test]
fn whoever_shows_no_proof_of_this_very_connection_gets_the_same_words_and_learns_nothing() {
    let scratch = Scratch::new();
    let network = new_network(&scratch, "friends");
    let other_network = new_network(&scratch, "others");
    let ours = TlsKey::generate();
    let listener = TlsListener::bind(ours.clone());
    let peer = sharing_member(&network, nobody());
    let hellos = [session::hello(PROCESS_ID), hello(PROCESS_ID)];
    let plain = answer_over(TcpStream::connect(peer.address()).unwrap(), &line_of(&hellos[0]));
    let refusal: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!([&refusal["type"], &refusal["code"]], ["refused", "not_allowed"], "{refusal}");
    let dial = || TlsStream::dial(peer.address(), &ours);
    for hello in &hellos {
        assert_eq!(answer_over(dial().0, &line_of(hello)), plain, "{hello}");
    }
    let (stream, theirs) = dial();
    let foreign = proof(&other_network, &stream, DIALLER, [&ours.public_hex(), &theirs]);
    assert_eq!(answer_over(stream, &with_proof(hellos[1].clone(), &foreign)), plain, "of another network");
    // A member dials us, and what it shows us is handed on at once, and once more later.
    let victim = member(&network).knows(&listener.address()).start();
    let (mut from_victim, _) = listener.accept();
    let member_says = String::from_utf8(read_line(&mut from_victim)).unwrap();
    assert!(member_says.contains("network_proof"), "{member_says}");
    let second = sharing_member(&network, nobody());
    let relayed = answer_over(TlsStream::dial(second.address(), &ours).0, &member_says);
    assert_eq!(relayed, plain, "relayed between two members");
    reflect(from_victim, &member_says, &victim);
    let replayed = answer_over(TlsStream::dial(second.address(), &ours).0, &member_says);
    assert_eq!(replayed, plain, "replayed");
    assert_eq!([peer.count("links"), second.count("links"), victim.count("links")], [0; 3]);
}

/// Sends a member's own proof back to it: it closes, and asks for nothing.
fn reflect(mut stream: TlsStream, said: &str, victim: &Peer) {
    let said: Value = serde_json::from_str(said).unwrap();
    let mut words = welcome(PROCESS_ID);
    words["network_proof"] = said["network_proof"].clone();
    stream.write_all(line_of(&words).as_bytes()).unwrap();
    let mut more = Vec::new();
    // It may close without a goodbye: it has nothing to say to us.
    let _ = stream.read_to_end(&mut more);
    assert!(more.is_empty(), "{}", String::from_utf8_lossy(&more));
    eventually_true("the log says why", || victim.log().contains("not in this network"));
}

#[test]
fn an_ioe_client_is_an_outsider_too() {
    let scratch = Scratch::new();
    let network = new_network(&scratch, "friends");
    let peer = sharing_member(&network, nobody());
    let outcome = client!(&scratch, peer.address()).run_json(&["LIST"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!(!outcome.text().contains(NAME) && !outcome.errors.contains(NAME), "{outcome:?}");
    assert!(outcome.text().contains("private network"), "{outcome:?}");
}
