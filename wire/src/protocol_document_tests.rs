//! Holds `PROTOCOL.md` against the code: every example, every type, every limit, every code.

use crate::codec::{self, MessageSet};
use crate::error_code::ErrorCode;
use crate::limits::*;
use crate::message::hello::Opening;
use crate::message::payload::Upload;
use crate::message::{LinkMessage, Reply, Request};
use std::collections::BTreeSet;

const TEXT: &str = include_str!("../PROTOCOL.md");

/// The lines of all ```json blocks: what an opening or a session says.
fn examples() -> Vec<&'static str> {
    blocks("```json\n")
}

/// The lines of all ```json link blocks: what neighbours say over a link.
fn link_examples() -> Vec<&'static str> {
    blocks("```json link\n")
}

fn blocks(fence: &str) -> Vec<&'static str> {
    let blocks = TEXT.split(fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).collect()
}

fn type_of(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    value["type"].as_str().unwrap().to_owned()
}

/// Decodes and encodes `line` as a member of `Set`; `None` where its type is none.
fn again<Set: MessageSet>(line: &str) -> Option<String> {
    Set::TYPES.contains(&type_of(line).as_str()).then(|| {
        let decoded = codec::decode::<Set>(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut encoded = Vec::new();
        decoded.message.encode_body(decoded.id, &mut encoded);
        String::from_utf8(encoded).unwrap().trim_end().to_owned()
    })
}

#[test]
fn every_example_decodes_and_encodes_to_itself() {
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    for line in examples() {
        let outcomes =
            [again::<Opening>(line), again::<Request>(line), again::<Upload>(line), again::<Reply>(line)];
        let mut known = outcomes.into_iter().flatten().peekable();
        assert!(known.peek().is_some(), "no message has the type of {line}");
        // Optional fields with their default value may be written or left out.
        let dropped = |text: &str| text.replace(",\"executable\":false", "");
        known.for_each(|encoded| assert_eq!(value(&dropped(&encoded)), value(&dropped(line))));
    }
}

#[test]
fn every_example_of_a_link_decodes_and_encodes_to_itself() {
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    for line in link_examples() {
        let encoded =
            again::<LinkMessage>(line).unwrap_or_else(|| panic!("no message has the type of {line}"));
        assert_eq!(value(&encoded), value(line));
    }
}

#[test]
fn every_message_type_has_an_example() {
    let shown: BTreeSet<String> = link_examples().into_iter().chain(examples()).map(type_of).collect();
    for name in LinkMessage::TYPES {
        assert!(shown.contains(*name), "PROTOCOL.md has no example of {name}");
    }
    let shown: BTreeSet<String> = examples().into_iter().map(type_of).collect();
    let sets = [Opening::TYPES, Request::TYPES, Upload::TYPES, Reply::TYPES];
    for name in sets.into_iter().flatten() {
        assert!(shown.contains(*name), "PROTOCOL.md has no example of {name}");
    }
}

#[test]
fn every_limit_in_the_table_is_the_one_in_the_code() {
    let seconds = |time: std::time::Duration| format!("{} s", time.as_secs());
    let limits = [
        ("LINE_BYTES_MAX", LINE_BYTES_MAX.to_string()),
        ("MESSAGE_DEPTH_MAX", MESSAGE_DEPTH_MAX.to_string()),
        ("BYTE_COUNT_MAX", BYTE_COUNT_MAX.to_string()),
        ("SECTION_BYTES_MAX", SECTION_BYTES_MAX.to_string()),
        ("PIECE_BYTES", PIECE_BYTES.to_string()),
        ("SMALL_WRITE_BYTES_MAX", SMALL_WRITE_BYTES_MAX.to_string()),
        ("REQUESTS_IN_FLIGHT_MAX", REQUESTS_IN_FLIGHT_MAX.to_string()),
        ("RANGES_MAX", RANGES_MAX.to_string()),
        ("DISCARD_BYTES_MAX", DISCARD_BYTES_MAX.to_string()),
        ("PATH_BYTES_MAX", PATH_BYTES_MAX.to_string()),
        ("PATH_PART_BYTES_MAX", PATH_PART_BYTES_MAX.to_string()),
        ("SEARCH_BYTES_MAX", SEARCH_BYTES_MAX.to_string()),
        ("AGENT_BYTES_MAX", AGENT_BYTES_MAX.to_string()),
        ("OFFERS_MAX", OFFERS_MAX.to_string()),
        ("PROCESS_ID_DIGITS", PROCESS_ID_DIGITS.to_string()),
        ("REFUSAL_TEXT_BYTES_MAX", REFUSAL_TEXT_BYTES_MAX.to_string()),
        ("TTL_MAX", TTL_MAX.to_string()),
        ("SEARCH_FILES_MAX", SEARCH_FILES_MAX.to_string()),
        ("RESULT_BYTES_MAX", RESULT_BYTES_MAX.to_string()),
        ("SEARCH_RESULTS_PER_LINK_MAX", SEARCH_RESULTS_PER_LINK_MAX.to_string()),
        ("SEARCH_RESULTS_MAX", SEARCH_RESULTS_MAX.to_string()),
        ("FLOODS_AT_ONCE_MAX", FLOODS_AT_ONCE_MAX.to_string()),
        ("FLOODS_PER_SECOND_MAX", FLOODS_PER_SECOND_MAX.to_string()),
        ("RESULTS_AT_ONCE_MAX", RESULTS_AT_ONCE_MAX.to_string()),
        ("RESULTS_PER_SECOND_MAX", RESULTS_PER_SECOND_MAX.to_string()),
        ("FLOODS_REMEMBERED_MAX", FLOODS_REMEMBERED_MAX.to_string()),
        ("FLOOD_MEMORY_TIME", seconds(FLOOD_MEMORY_TIME)),
        ("FLOOD_HOLD_TIME", format!("{} ms", FLOOD_HOLD_TIME.as_millis())),
        ("PING_INTERVAL", seconds(PING_INTERVAL)),
        ("OPENINGS_MAX", OPENINGS_MAX.to_string()),
        ("OPENINGS_PER_ADDRESS_MAX", OPENINGS_PER_ADDRESS_MAX.to_string()),
        ("HELLO_TIME_MAX", seconds(HELLO_TIME_MAX)),
        ("LINE_TIME_MAX", seconds(LINE_TIME_MAX)),
        ("SECTION_TIME_MAX", seconds(SECTION_TIME_MAX)),
        ("WORKING_INTERVAL", seconds(WORKING_INTERVAL)),
        ("LINGER_TIME_MAX", seconds(LINGER_TIME_MAX)),
        ("LINGER_BYTES_MAX", LINGER_BYTES_MAX.to_string()),
    ];
    for (name, value) in &limits {
        assert!(TEXT.contains(&format!("| `{name}` | {value} |")), "PROTOCOL.md: {name} is {value}");
    }
    let declared = include_str!("limits.rs").lines().filter(|line| line.starts_with("pub const "));
    let unlisted = ["PROTOCOL_VERSION", "PROTOCOL_VERSIONS"];
    for line in declared {
        let name = line.trim_start_matches("pub const ").split(':').next().unwrap();
        assert!(
            unlisted.contains(&name) || limits.iter().any(|(listed, _)| *listed == name),
            "{name} is in no table"
        );
    }
}

#[test]
fn every_code_is_listed() {
    let section = TEXT.split("## 10. Codes").nth(1).unwrap().split("## 11").next().unwrap();
    for code in ErrorCode::ALL {
        assert!(section.contains(&format!("`{code}`")), "{code}");
    }
}
