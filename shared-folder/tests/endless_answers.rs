//! Answers that go on without end or are not as long as they say, at the asking end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking, in its helpers too")]

use shared_folder::remote::{Cancel, Dialer, Remote, RemoteError, Unwatched};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::time::Duration;
use wire::digest::Digest;
use wire::message::Hello;
use wire::net::Address;
use wire::path::SharedPath;

const PROCESS_ID: &str = "0123456789abcdef0123456789abcdef";
const WELCOME: &str = r#"{"v":1,"type":"welcome","version":1,"agent":"liar","role":"server","process_id":"0123456789abcdef0123456789abcdef","features":[],"limits":{"line_bytes_max":65536,"section_bytes_max":1048576,"small_write_bytes_max":1048576,"requests_in_flight_max":64}}"#;
const NO_ENTRIES: &str = r#"{"v":1,"type":"entries","id":1,"entries":[]}"#;
const NO_BYTES: &str = r#"{"v":1,"type":"section","id":1,"offset":0,"byte_count":0}"#;

/// What asking comes to where the first request is answered like this.
fn answered<T>(
    answer: Vec<u8>,
    ask: impl FnOnce(&mut Remote) -> Result<T, RemoteError>,
) -> Result<T, RemoteError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
        lines.next().unwrap().unwrap();
        writeln!(socket, "{WELCOME}").unwrap();
        lines.next().unwrap().unwrap();
        // The other end may leave before it has heard all.
        let _ = socket.write_all(&answer);
        let _ = lines.next();
    });
    let hello = Hello::of_client("test", PROCESS_ID);
    let dialer = Dialer::new(address, hello, Duration::from_secs(20));
    let mut remote = Remote::new(dialer, Cancel::new().unwrap());
    let outcome = ask(&mut remote);
    remote.abandon();
    answering.join().unwrap();
    outcome
}

#[test]
fn a_listing_ends_with_as_many_entries_as_it_says_and_after_only_so_many_empty_lines() {
    let listed = |count: u64| {
        let zero = r#""unnameable_count":0,"left_out_count":0"#;
        format!("{{\"v\":1,\"type\":\"listed\",\"id\":1,\"entry_count\":{count},{zero}}}\n")
    };
    for (empty_lines, count, is_sound) in [(64, 0, true), (65, 0, false), (1, 1, false)] {
        let answer = format!("{NO_ENTRIES}\n").repeat(empty_lines) + &listed(count);
        let outcome =
            answered(answer.into_bytes(), |remote| remote.session()?.list(None, true)?.next_entry());
        match outcome {
            Ok(entry) => assert!(is_sound && entry.is_none(), "{empty_lines} {count}"),
            Err(RemoteError::Protocol(_)) => assert!(!is_sound, "{empty_lines} {count}"),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_piece_list_comes_with_only_so_many_sections_of_nothing() {
    let digest = Digest::of(b"hello");
    let list = format!(
        "{{\"v\":1,\"type\":\"piece_list\",\"id\":1,\"byte_count\":5,\"digest\":\"{digest}\",\"piece_count\":1}}\n"
    );
    let section = "{\"v\":1,\"type\":\"section\",\"id\":1,\"offset\":0,\"byte_count\":32}\n";
    let whole = Digest::of(&digest.0);
    let end = format!("{{\"v\":1,\"type\":\"end\",\"id\":1,\"byte_count\":32,\"digest\":\"{whole}\"}}\n");
    for (empty_sections, is_sound) in [(64, true), (65, false)] {
        let empty = format!("{NO_BYTES}\n").repeat(empty_sections);
        let answer =
            [list.as_bytes(), empty.as_bytes(), section.as_bytes(), &digest.0, end.as_bytes()].concat();
        let path = SharedPath::parse("a").unwrap();
        let outcome = answered(answer, |remote| remote.session()?.pieces(&path, &Unwatched));
        assert_eq!(outcome.is_ok(), is_sound, "{empty_sections}: {outcome:?}");
    }
}
