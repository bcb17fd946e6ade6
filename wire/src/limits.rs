//! Every limit of the protocol, with its reason and with what happens to whoever exceeds it.
//!
//! `PROTOCOL.md` prints the same numbers; a test compares them. Must not know who enforces a limit.

use std::time::Duration;

/// The major version of the protocol that this code speaks.
pub const PROTOCOL_VERSION: u64 = 1;
/// The versions offered in `hello` and listed in an `unsupported_version` refusal.
pub const PROTOCOL_VERSIONS: &[u64] = &[PROTOCOL_VERSION];

/// One control line with its `\n`, in bytes. Keeps a reader's memory flat. Exceeded: `bad_message`, close.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Objects and arrays inside one another in a message. Ours need three. Exceeded: `bad_message`, close.
pub const MESSAGE_DEPTH_MAX: usize = 8;
/// The largest number of bytes, and the largest id: what every JSON reader keeps exactly. Exceeded: `bad_message`, close.
pub const BYTE_COUNT_MAX: u64 = (1 << 53) - 1;

/// One section of a payload, in bytes: one piece, so that a section can lie within a piece. Exceeded: `bad_message`, close.
pub const SECTION_BYTES_MAX: u64 = PIECE_BYTES;
/// A piece of a file, in bytes: an aligned subtree of its BLAKE3 hash.
pub const PIECE_BYTES: u64 = 1 << 20;
/// A WRITE of at most this many bytes is sent without waiting for `ready`. One piece: there is nothing to resume.
pub const SMALL_WRITE_BYTES_MAX: u64 = PIECE_BYTES;
/// Requests whose answer is not complete, in one session. Exceeded: the server reads no further until it has caught up.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 64;
/// Ranges in one READ: each costs a seek; and what STAT tells of a file that is arriving. Exceeded: `bad_message`, close.
pub const RANGES_MAX: usize = 256;
/// What is read and thrown away of a WRITE that was refused, in bytes. Exceeded: the sending side is closed, then the connection.
pub const DISCARD_BYTES_MAX: u64 = 8 << 20;

/// A shared path, in bytes of UTF-8 (`PATH_MAX` on Linux). Exceeded: `bad_path`.
pub const PATH_BYTES_MAX: usize = 4096;
/// One part of a shared path, in bytes (`NAME_MAX`). Exceeded: `bad_path`.
pub const PATH_PART_BYTES_MAX: usize = 255;
/// The words of a SEARCH, in bytes. Exceeded: `bad_message`, the session goes on.
pub const SEARCH_BYTES_MAX: usize = 1024;
/// `agent` in bytes. Exceeded: `bad_message`, close.
pub const AGENT_BYTES_MAX: usize = 128;
/// Entries of `versions` and of `features`. Exceeded: `bad_message`, close.
pub const OFFERS_MAX: usize = 64;
/// A process id, in hex digits: 128 bits, so that two processes never draw the same.
pub const PROCESS_ID_DIGITS: usize = 32;
/// The text of a refusal, in bytes. Longer ones are cut by who writes them.
pub const REFUSAL_TEXT_BYTES_MAX: usize = 512;

/// Connections that are still opening. Exceeded: of those of the address that has most of them, the oldest is closed.
pub const OPENINGS_MAX: usize = 256;
/// Connections of one address (of one /64 in IPv6) that are still opening. Exceeded: its oldest is closed.
pub const OPENINGS_PER_ADDRESS_MAX: usize = 64;
/// From accepting a connection to its whole `hello`: absolute, however busily it drips. Exceeded: close.
pub const HELLO_TIME_MAX: Duration = Duration::from_secs(10);
/// From a line's first byte to its `\n`: absolute. Exceeded: `timed_out`, close.
pub const LINE_TIME_MAX: Duration = Duration::from_secs(30);
/// From a section's line to its last byte: absolute; a megabyte at modem speed. Exceeded: `timed_out`, close.
pub const SECTION_TIME_MAX: Duration = Duration::from_secs(600);
/// Who works longer than this without sending says `working`, and says it again after as long.
pub const WORKING_INTERVAL: Duration = Duration::from_secs(5);
/// How long a closing end reads on, so that its last words are not lost to a reset.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(1);
/// What a closing end reads on at most, in bytes.
pub const LINGER_BYTES_MAX: u64 = 4 << 20;

/// `ttl` and `ttl` + `hops` of a search or discover: links that it crosses in all. Exceeded: cut to it.
pub const TTL_MAX: u8 = 7;
/// Files with which one peer answers one search: more help nobody. Further ones are left out.
pub const SEARCH_FILES_MAX: usize = 256;
/// Files that one neighbour may bring home for one search, so that no liar uses up what all may bring. Further ones are dropped.
pub const SEARCH_RESULTS_PER_LINK_MAX: u32 = 4096;
/// Files that go home through one peer for one search. Further ones are dropped.
pub const SEARCH_RESULTS_MAX: u32 = 16_384;
/// Searches and discovers that one neighbour may send at once. Exceeded: dropped.
pub const FLOODS_AT_ONCE_MAX: u32 = 1000;
/// Searches and discovers that one neighbour may send every second in the long run. Exceeded: dropped.
pub const FLOODS_PER_SECOND_MAX: u32 = 100;
/// Results that one neighbour may send at once, in messages. Exceeded: dropped.
pub const RESULTS_AT_ONCE_MAX: u32 = 10_000;
/// Results that one neighbour may send every second in the long run, in messages. Exceeded: dropped.
pub const RESULTS_PER_SECOND_MAX: u32 = 1000;
/// How long the way of a search is remembered at least; at most twice as long.
pub const FLOOD_MEMORY_TIME: Duration = Duration::from_secs(60);
/// Searches and discovers of one neighbour that are remembered in that time: more than its budget has. Exceeded: dropped.
pub const FLOODS_REMEMBERED_MAX: u32 = 8192;
/// How long a peer holds a search or discover of another before it sends it on: on a fast network chance would decide which
/// copy comes first; so the one over fewer links does, and a search reaches whom its ttl says.
pub const FLOOD_HOLD_TIME: Duration = Duration::from_millis(30);
/// Who has sent nothing over a link for so long sends `ping`.
pub const PING_INTERVAL: Duration = Duration::from_secs(60);
/// The line of a `search_result`, in bytes: below a line's limit by what the address adds on the way. Exceeded: dropped.
pub const RESULT_BYTES_MAX: usize = LINE_BYTES_MAX - 256;
