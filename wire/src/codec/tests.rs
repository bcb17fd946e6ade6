//! What decodes, what does not, and that encoding and decoding undo each other.

use super::*;
use crate::message::request::{List, Read, Rename, Write};
use crate::message::{ByteCount, Entry, Kind, Range, Reply, Request, hello::Opening, payload::Upload};
use crate::timestamp::Timestamp;
use proptest::prelude::*;

fn request(line: &str) -> Result<Decoded<Request>, DecodeError> {
    decode(line.as_bytes())
}

fn is_bad<T>(result: &Result<Decoded<T>, DecodeError>) -> bool {
    matches!(result, Err(DecodeError::BadMessage { .. }))
}

#[test]
fn unknown_fields_are_ignored() {
    let decoded = request(r#"{"v":1,"type":"list","id":3,"colour":{"deep":[1,2]}}"#).unwrap();
    assert_eq!(decoded, Decoded { id: Some(3), message: Request::List(List::default()) });
}

#[test]
fn an_unknown_type_keeps_its_id_for_the_refusal() {
    let error = request(r#"{"v":1,"type":"dance","id":9}"#).unwrap_err();
    assert_eq!(error, DecodeError::UnknownType { id: Some(9), type_name: "dance".into() });
}

#[test]
fn another_major_version_is_told_apart_from_garbage() {
    assert_eq!(request(r#"{"v":2,"type":"list"}"#), Err(DecodeError::UnsupportedVersion { version: 2 }));
}

#[test]
fn lines_that_are_no_messages_are_bad_messages() {
    let deep = format!(r#"{{"v":1,"type":"list","x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let long = format!(r#"{{"v":1,"type":"list","path":{:?}"#, "x".repeat(1 << 20));
    let lines = [
        "",
        "{",
        "null",
        "[1,\"list\"]",
        "GET / HTTP/1.1",
        r#"{"type":"list","id":1}"#,
        r#"{"v":1,"id":1}"#,
        r#"{"v":"1","type":"list"}"#,
        r#"{"v":1.0,"type":"list"}"#,
        r#"{"v":1e400,"type":"list"}"#,
        r#"{"v":1,"v":1,"type":"list"}"#,
        r#"{"v":1,"type":"list","path":"a","path":"b"}"#,
        r#"{"v":1,"type":"list","id":-1}"#,
        r#"{"v":1,"type":"list","id":9007199254740992}"#,
        r#"{"v":1,"type":"list","path":5}"#,
        r#"{"v":1,"type":"list","recursive":"yes"}"#,
        r#"{"v":1,"type":"list"} x"#,
        r#"{"v":1,"type":"list","path":"\ud800"}"#,
        r#"{"v":1,"type":"read","path":"a","ranges":[[0,1]]}"#,
        &deep,
        &long,
    ];
    for line in lines {
        assert!(is_bad(&request(line)), "{}", &line[..line.len().min(90)]);
    }
    assert!(is_bad(&decode::<Request>(b"{\"v\":1,\"type\":\"list\",\"path\":\"\xff\"}")));
}

#[test]
fn byte_counts_outside_zero_to_two_to_the_53_are_bad_messages() {
    for number in
        ["-1", "1.5", "\"10\"", "9007199254740992", "9223372036854775808", "18446744073709551616", "1e3"]
    {
        let line = format!(r#"{{"v":1,"type":"write","id":1,"path":"a","byte_count":{number}}}"#);
        assert!(is_bad(&request(&line)), "{number}");
    }
    let limit = r#"{"v":1,"type":"write","id":1,"path":"a","byte_count":9007199254740991}"#;
    assert!(request(limit).is_ok());
}

#[test]
fn nesting_holds_at_the_limit_and_not_one_past_it() {
    let nested =
        |depth: usize| format!(r#"{{"v":1,"type":"help","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(request(&nested(crate::limits::MESSAGE_DEPTH_MAX - 1)).is_ok());
    assert!(is_bad(&request(&nested(crate::limits::MESSAGE_DEPTH_MAX))));
    assert!(
        request(r#"{"v":1,"type":"help","x":"[[[[[[[[[[[[\"[[["}"#).is_ok(),
        "brackets in text do not count"
    );
}

#[test]
fn ranges_hold_at_the_limit_and_not_one_past_it() {
    let line = |count: usize| {
        let ranges = vec![r#"{"offset":0,"byte_count":1}"#; count].join(",");
        format!(r#"{{"v":1,"type":"read","id":1,"path":"a","ranges":[{ranges}]}}"#)
    };
    assert!(request(&line(crate::limits::RANGES_MAX)).is_ok());
    assert!(is_bad(&request(&line(crate::limits::RANGES_MAX + 1))));
}

#[test]
fn what_is_there_of_a_partial_holds_at_the_limit_of_ranges_and_not_one_past_it() {
    let line = |count: usize| {
        let have = vec![r#"{"offset":0,"byte_count":1}"#; count].join(",");
        let entry = r#"{"path":"a","kind":"other","byte_count":1,"modified":"2026-11-20T12:00:00Z"}"#;
        format!(r#"{{"v":1,"type":"found","id":1,"entry":{entry},"have":[{have}]}}"#)
    };
    assert!(decode::<Reply>(line(crate::limits::RANGES_MAX).as_bytes()).is_ok());
    assert!(decode::<Reply>(line(crate::limits::RANGES_MAX + 1).as_bytes()).is_err());
}

#[test]
fn unknown_kinds_and_codes_of_a_newer_end_are_read_as_the_general_ones() {
    let line = br#"{"v":1,"type":"refused","id":1,"code":"moon_phase","message":"no"}"#;
    let Ok(Decoded { message: Reply::Refused(refused), .. }) = decode::<Reply>(line) else {
        panic!("not refused")
    };
    assert_eq!(refused.code, crate::error_code::ErrorCode::Internal);
}

#[test]
fn a_type_of_another_set_is_unknown_here() {
    let line = br#"{"v":1,"type":"section","id":1,"offset":0,"byte_count":1}"#;
    assert!(matches!(decode::<Request>(line), Err(DecodeError::UnknownType { .. })));
    assert!(decode::<Upload>(line).is_ok());
    assert!(matches!(decode::<Opening>(line), Err(DecodeError::UnknownType { .. })));
}

#[test]
fn encoded_len_counts_what_encoding_writes() {
    let entry = Entry {
        path: "ä/\"x\"".into(),
        kind: Kind::Text,
        byte_count: ByteCount::new(7),
        modified: Timestamp::from_unix(0, 0),
        executable: true,
    };
    assert_eq!(encoded_len(&entry), serde_json::to_string(&entry).unwrap().len());
}

fn round_trip<Set: MessageSet + PartialEq + std::fmt::Debug>(id: Option<u64>, message: Set) {
    let mut line = Vec::new();
    message.encode_body(id, &mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    assert!(!line.contains(&b'\n'), "a message is one line");
    assert_eq!(decode::<Set>(&line).unwrap(), Decoded { id, message });
}

proptest! {
    #[test]
    fn encoding_and_decoding_requests_is_the_identity(
        path in "\\PC{0,40}|[a-z\\n\\t\"\\\\]{0,9}", to in ".{0,20}", id in 0..=BYTE_COUNT_MAX,
        offset in 0..=BYTE_COUNT_MAX, flag in any::<bool>(), digest in any::<[u8; 32]>(),
    ) {
        let digest = flag.then_some(crate::digest::Digest(digest));
        let range = Range { offset: ByteCount::new(offset), byte_count: ByteCount::new(id) };
        round_trip(Some(id), Request::Rename(Rename { path: path.clone(), to, replace: flag }));
        round_trip(Some(id), Request::Read(Read {
            path: Some(path.clone()), digest, ranges: flag.then(|| vec![range, range]), if_digest: digest,
            unhashed: !flag,
        }));
        round_trip(Some(id), Request::Write(Write {
            path, byte_count: flag.then_some(range.offset), modified: Some(Timestamp::from_unix(offset as i64, 5)),
            executable: Some(flag), digest, new: flag, if_digest: digest, base_wanted: !flag,
        }));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode::<Request>(&line);
        let _ = decode::<Reply>(&line);
    }

    #[test]
    fn no_mangled_message_makes_the_decoder_panic(cut in 0usize..90, byte in any::<u8>()) {
        let mut line = br#"{"v":1,"type":"read","id":7,"path":"a","ranges":[{"offset":0,"byte_count":5}]}"#.to_vec();
        if let Some(place) = line.get_mut(cut) { *place = byte; }
        let _ = decode::<Request>(&line);
    }
}

#[test]
fn brackets_within_a_text_are_no_nesting_whatever_is_escaped_there() {
    for text in [r#"\"[[[[[[[[[["#, r#"\\\"{{{{{{{{{{"#, r#"]]\\"#, "[[[[[[[[[["] {
        let line = format!(r#"{{"v":1,"type":"list","id":1,"path":"{text}"}}"#);
        assert!(decode::<Request>(line.as_bytes()).is_ok(), "{line}");
    }
}
