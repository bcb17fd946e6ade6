//! A sending end keeps to the limits that the other end's welcome names, where they are smaller than its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

use shared_folder::catalogue::Remembered;
use shared_folder::remote::{Cancel, Dialer, Remote, Unwatched};
use shared_folder::send::{Destination, Likeness, Outgoing, send};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use wire::digest::Digest;
use wire::message::Hello;
use wire::net::Address;
use wire::path::SharedPath;

const WELCOME: &str = r#"{"v":1,"type":"welcome","version":1,"agent":"small","role":"server","process_id":"0123456789abcdef0123456789abcdef","features":[],"limits":{"line_bytes_max":65536,"section_bytes_max":1000,"small_write_bytes_max":100,"requests_in_flight_max":1}}"#;

/// Takes one upload as a server with those limits would; gives the lengths of its sections.
fn take_one_upload(socket: &TcpStream, digest: Digest) -> Vec<usize> {
    let mut lines = BufReader::new(socket);
    let mut line = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let length = line.split_once("\"byte_count\":").and_then(|(_, rest)| rest.split([',', '}']).next());
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if line.contains("\"section\"") {
            lines.read_exact(&mut vec![0; length]).unwrap();
        }
        (line, length)
    };
    let say = |text: String| writeln!(&mut &*socket, "{text}").unwrap();
    line();
    say(WELCOME.to_owned());
    let (write, _) = line();
    assert!(write.contains("\"write\""), "{write}");
    say(r#"{"v":1,"type":"ready","id":1}"#.to_owned());
    let mut sections = Vec::new();
    loop {
        match line() {
            (text, length) if text.contains("\"section\"") => sections.push(length),
            (end, length) => {
                assert!(end.contains("\"end\""), "{end}");
                let (kind, of) = (r#"{"v":1,"type":"written","id":1"#, r#""byte_count""#);
                say(format!(r#"{kind},{of}:{length},"digest":"{digest}"}}"#));
                return sections;
            }
        }
    }
}

#[test]
fn sections_are_no_longer_than_the_other_end_takes() {
    let local = tempfile::NamedTempFile::new().unwrap();
    let bytes = vec![7; 3500];
    std::fs::write(local.path(), &bytes).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    let digest = Digest::of(&bytes);
    let taking = std::thread::spawn(move || take_one_upload(&listener.accept().unwrap().0, digest));
    let hello = Hello::of_client("test", "0123456789abcdef0123456789abcdef");
    let mut remote =
        Remote::new(Dialer::new(address, hello, Duration::from_secs(20)), Cancel::new().unwrap());
    let destination = Destination { path: SharedPath::parse("a").unwrap(), new: false, if_digest: None };
    let outgoing = Outgoing { source: local.path().to_owned(), destination, likeness: Likeness::None };
    let sent = send(&mut remote, &outgoing, false, &Unwatched, &Remembered::nothing());
    remote.abandon();
    assert_eq!(taking.join().unwrap(), [1000, 1000, 1000, 500]);
    assert_eq!(sent.unwrap().digest, digest);
}
