//! What results look like, as text and as JSON.

use super::*;
use std::cell::RefCell;
use wire::error_code::ErrorCode;
use wire::message::{ByteCount, Entry, Kind};
use wire::timestamp::Timestamp;

#[derive(Default)]
struct Kept {
    results: RefCell<Vec<String>>,
    remarks: RefCell<Vec<String>>,
}

impl Sink for Kept {
    fn result(&self, line: &str) {
        self.results.borrow_mut().push(line.to_owned());
    }

    fn remark(&self, line: &str) {
        self.remarks.borrow_mut().push(line.to_owned());
    }

    fn flush(&self) {}

    fn is_closed(&self) -> bool {
        false
    }
}

/// What `show` writes: results and remarks.
fn shown(is_json: bool, show: impl FnOnce(&Report<'_>)) -> (Vec<String>, Vec<String>) {
    let kept = Kept::default();
    show(&Report::new(&kept, Style { is_json, has_columns: false }));
    (kept.results.into_inner(), kept.remarks.into_inner())
}

fn found(path: &str) -> FoundFile {
    let address = "127.0.0.1:10003".parse().unwrap();
    FoundFile {
        path: path.into(),
        byte_count: 5,
        digest: None,
        address,
        key: None,
        hops: 2,
        is_partial: false,
    }
}

#[test]
fn a_result_of_a_search_is_one_line_in_either_form() {
    let (lines, _) = shown(false, |report| report.found(&found("a \u{202e}song, live.mp3")));
    assert_eq!(lines, ["found at IP:127.0.0.1,Port:10003: a \\u{202e}song, live.mp3, 5 B"]);
    let (lines, _) = shown(true, |report| report.found(&found("s")));
    let expected = r#"{"command":"search","path":"s","byte_count":5,"digest":null,"address":"127.0.0.1:10003","key":null,"hops":2}"#;
    assert_eq!(lines, [expected]);
    let arriving = FoundFile { is_partial: true, ..found("s") };
    let (lines, _) = shown(false, |report| report.found(&arriving));
    assert_eq!(lines, ["found at IP:127.0.0.1,Port:10003: s, 5 B, still arriving there"]);
    let (lines, _) = shown(true, |report| report.found(&arriving));
    assert_eq!(lines, [expected.replace('}', r#","partial":true}"#)]);
}

#[test]
fn a_discovered_peer_says_whether_it_is_new() {
    let peer = |added| FoundPeer { address: "[::1]:5".parse().unwrap(), key: None, hops: 1, added };
    let (lines, _) = shown(false, |report| {
        report.discovered(peer(true));
        report.discovered(peer(false));
    });
    assert_eq!(lines, ["IP:::1,Port:5 has been added", "IP:::1,Port:5 is already in the list"]);
    let (lines, _) = shown(true, |report| report.discovered(peer(true)));
    assert_eq!(lines, [r#"{"command":"discover","address":"[::1]:5","key":null,"hops":1,"added":true}"#]);
}

#[test]
fn failures_are_results_for_scripts_and_remarks_for_people() {
    let failure = Failure::refused(ErrorCode::Exists, "it is\nthere");
    let (results, remarks) = shown(true, |report| report.failure("get", Some("a"), &failure));
    assert_eq!(
        results,
        [r#"{"command":"get","path":"a","error":{"code":"exists","message":"it is\nthere"}}"#]
    );
    assert!(remarks.is_empty());
    let (results, remarks) = shown(false, |report| report.failure("get", Some("a"), &failure));
    assert!(results.is_empty());
    assert_eq!(remarks, ["GET a: it is\\nthere (exists)"]);
    let (_, remarks) = shown(false, |report| report.failure("frob", None, &Failure::usage("what?")));
    assert_eq!(remarks, ["what?"]);
}

#[test]
fn a_fetched_file_names_its_sources() {
    let digest = Digest::of(b"x");
    let mut got = Got {
        path: "music/a.mp3".into(),
        local: "share/a.mp3".into(),
        byte_count: 1024,
        digest,
        resumed_from: 512,
        time: Duration::from_millis(1500),
        sources: vec![("127.0.0.1:5".into(), 512)],
    };
    let (lines, _) = shown(true, |report| report.got(&got));
    let expected = format!(
        r#"{{"command":"get","path":"music/a.mp3","local":"share/a.mp3","byte_count":1024,"digest":"{digest}","resumed_from":512,"seconds":1.5,"sources":[{{"address":"127.0.0.1:5","byte_count":512}}]}}"#
    );
    assert_eq!(lines, [expected]);
    let (lines, _) = shown(false, |report| report.got(&got));
    assert_eq!(
        lines,
        ["received music/a.mp3 from 127.0.0.1:5 as share/a.mp3, 1.0 KiB, 512 B of it was here"]
    );
    got.sources.clear();
    let (lines, _) = shown(false, |report| report.got(&got));
    assert_eq!(lines, ["share/a.mp3 is here already with that content, 1.0 KiB"]);
}

#[test]
fn a_terminal_gets_its_listing_sorted_and_others_as_it_comes() {
    let entry = |path: &str| Entry {
        path: path.into(),
        kind: Kind::Text,
        byte_count: ByteCount::new(1),
        modified: Timestamp::from_unix(0, 0),
        executable: false,
    };
    let list = |has_columns| {
        let kept = Kept::default();
        let report = Report::new(&kept, Style { is_json: false, has_columns });
        let mut listing = report.listing("listl");
        ["b", "A"].into_iter().for_each(|path| listing.entry(entry(path)));
        assert_eq!(listing.end(), 2);
        kept.results.into_inner().iter().map(|line| line.contains('A')).collect::<Vec<_>>()
    };
    assert_eq!([list(true), list(false)], [[true, false], [false, true]]);
}
