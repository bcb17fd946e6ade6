//! Handshakes that are none: an end without harm to anybody, and nothing that was not wanted is agreed on.

use crate::ground::{dial, enter, hello_with, invite};
use crate::records::HEADER_BYTES;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::Session;
use integration_tests::tls::{TlsKey, TlsStream, offer_of};
use rustls::SignatureScheme;
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ResolvesClientCert, Resumption};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Kinds of records, as their first bytes tell.
const ALERT: u8 = 0x15;
const HANDSHAKE: u8 = 0x16;
/// In a first word: version 1.3 and no other; raw keys at each end (RFC 8446, section 4.2.1; RFC 7250, section 3).
const VERSION_13: &[u8] = &[0x00, 0x2b, 0x00, 0x03, 0x02, 0x03, 0x04];
const CLIENTS_RAW_KEY: &[u8] = &[0x00, 0x13, 0x00, 0x02, 0x01, 0x02];
const SERVERS_RAW_KEY: &[u8] = &[0x00, 0x14, 0x00, 0x02, 0x01, 0x02];

/// The first word of an honest handshake, as one record.
pub(crate) fn client_hello(key: &TlsKey) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let key = key.clone();
    let offering = thread::spawn(move || drop(TlsStream::offer_over(socket, &key)));
    let mut accepted = listener.accept().unwrap().0;
    let mut record = vec![0; HEADER_BYTES];
    accepted.read_exact(&mut record).unwrap();
    record.resize(HEADER_BYTES + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
    accepted.read_exact(&mut record[HEADER_BYTES..]).unwrap();
    drop(accepted);
    offering.join().unwrap();
    record
}

/// All that is answered to these bytes and the end of them; no session comes of it.
fn answered(server: &Server, parts: &[&[u8]]) -> Vec<u8> {
    let mut socket = dial(server.address());
    let own = format!("from {} did not open", socket.local_addr().unwrap());
    // It may close before all is sent.
    let _ = parts.iter().all(|part| socket.write_all(part).is_ok());
    let _ = socket.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    let _ = socket.read_to_end(&mut said);
    server.wait_for_log("it did not open", |line| line.contains(&own));
    said
}

fn with(hello: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let place = hello.windows(old.len()).position(|bytes| bytes == old).expect("it is there");
    let mut changed = hello.to_vec();
    changed[place..place + old.len()].copy_from_slice(new);
    changed
}

#[test]
fn first_words_that_want_something_else_are_answered_with_an_alert_at_most() {
    let server = server!().option_with("--invite", "anna:read").start();
    let hello = client_hello(&TlsKey::generate());
    let answer = answered(&server, &[&hello]);
    assert_eq!(answer[0], HANDSHAKE, "an honest one is answered");
    let unknown = |old: &[u8]| [&[0xfa, 0xfa], &old[2..]].concat();
    let older = [&VERSION_13[..6], &[0x03]].concat();
    let header = |length: u16| [&[HANDSHAKE, 3, 1][..], &length.to_be_bytes()].concat();
    let endless = [header(16384), vec![1, 0xff, 0xff, 0xff], vec![0; 16380]].concat();
    let more = [header(16384), vec![0; 16384]].concat().repeat(20);
    let wrong = [
        ("TLS 1.2", with(&hello, VERSION_13, &older)),
        ("no raw key of the client", with(&hello, CLIENTS_RAW_KEY, &unknown(CLIENTS_RAW_KEY))),
        ("no raw key of the server", with(&hello, SERVERS_RAW_KEY, &unknown(SERVERS_RAW_KEY))),
        ("an endless first word", [endless, more].concat()),
        ("a record that is too long", [header(0xffff), vec![0; 0xffff]].concat()),
        ("an empty record", header(0)),
        ("garbage", [header(5), b"12345".to_vec()].concat()),
        ("the first word twice", hello.repeat(2)),
        ("a finished handshake at once", [&hello[..], &header(36), b"\x14\0\0 ", &[7; 32]].concat()),
        ("lines behind it", [&hello[..], b"{\"v\":1,\"type\":\"hello\"}\n"].concat()),
        ("half of it", hello[..hello.len() / 2].to_vec()),
    ];
    for (what, bytes) in wrong {
        let answer = answered(&server, &[&bytes]);
        assert!(!String::from_utf8_lossy(&answer).contains("\"v\""), "{what}");
        // Its own keys, and what it wants of others, it says before it sees that they want something else.
        let may_be_answered = bytes.starts_with(&hello) || what.starts_with("no raw key");
        let first = answer.first().copied();
        assert!(may_be_answered || first.is_none() || first == Some(ALERT), "{what}: {answer:?}");
    }
    server.wait_until_alone();
}

#[test]
fn a_handshake_that_comes_in_drips_comes_about() {
    let server = server!().start();
    let hello = client_hello(&TlsKey::generate());
    let drips: Vec<&[u8]> = hello.chunks(1).collect();
    assert_eq!(answered(&server, &drips)[0], HANDSHAKE);
}

/// Shows no key at all.
#[derive(Debug)]
struct NoKey;

impl ResolvesClientCert for NoKey {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn key_of_another_kind() -> Arc<dyn ResolvesClientCert> {
    let kept = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    let signing = any_ecdsa_type(&PrivatePkcs8KeyDer::from(kept.as_ref()).into()).unwrap();
    let shown = CertificateDer::from(signing.public_key().unwrap().to_vec());
    let certified = Arc::new(CertifiedKey::new(vec![shown], signing));
    Arc::new(AlwaysResolvesClientRawPublicKeys::new(certified))
}

#[test]
fn who_shows_no_key_or_one_of_another_kind_is_not_let_in_even_where_everybody_is() {
    let server = server!().option_with("--public", "write").start();
    for resolver in [Arc::new(NoKey) as Arc<dyn ResolvesClientCert>, key_of_another_kind()] {
        let mut config = offer_of(&TlsKey::generate());
        config.client_auth_cert_resolver = resolver;
        let Ok((stream, _)) = TlsStream::offer_so(dial(server.address()), Arc::new(config)) else { continue };
        // Whoever dialled is done first, and hears of the end later.
        let mut session = Session::over(stream);
        session.try_send_raw(integration_tests::session::line_of(&hello_with(None)));
        session.assert_closed();
    }
    enter(server.address(), &TlsKey::generate(), None).assert_works();
}

#[test]
fn no_connection_is_continued_by_another() {
    let server = server!().start();
    let mut config = offer_of(&TlsKey::generate());
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    let config = Arc::new(config);
    for _ in 0..3 {
        let (stream, _) = TlsStream::offer_so(dial(server.address()), Arc::clone(&config)).unwrap();
        assert!(!stream.is_resumed());
        let mut session = Session::over(stream);
        session.send(&hello_with(None));
        // What a ticket would come before is heard.
        assert_eq!(session.line()["type"], "welcome");
        session.assert_works();
    }
}

#[test]
fn plain_text_in_the_middle_of_a_secure_connection_ends_it() {
    let server = server!().file("a.txt", b"hello").start();
    let secret = invite(&server, &["anna", "--write"]).secret;
    let mut session = enter(server.address(), &TlsKey::generate(), Some(&secret));
    let mut below = session.stream().socket();
    below.write_all(b"{\"v\":1,\"type\":\"delete\",\"id\":1,\"path\":\"a.txt\"}\n").unwrap();
    session.assert_closed();
    assert_eq!(server.scratch().shared("a.txt"), b"hello");
}
