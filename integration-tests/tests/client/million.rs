//! Case 36: a folder of a million entries is listed whole, within bounded memory at both ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use integration_tests::proxy::{Direction, Fault, Proxy};
use integration_tests::{client, server};
use tempfile::TempDir;

const ENTRY_COUNT: usize = 1_000_000;
/// So far before its end the client still has something to print, and can be looked at.
const LOOK_AT: usize = ENTRY_COUNT - 50_000;
/// One byte for each entry would be 1 MB, one name for each 20 MB or more.
const GROWTH_MAX: u64 = 16 << 20;
/// What sockets and pipes hold; all entries are more than a hundred megabytes.
const UNDER_WAY_MAX: u64 = 40 << 20;
const CLIENT_MEMORY_MAX: u64 = 24 << 20;

/// A folder of links to one empty file, in memory where the system has such a place.
fn folder_of_many() -> TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("ioe-test-").tempdir_in(parent).unwrap();
    let first = folder.path().join(name_of(0));
    fs::write(&first, b"").unwrap();
    let mut seed = first;
    for index in 1..ENTRY_COUNT {
        let path = folder.path().join(name_of(index));
        // A disk's file systems allow some ten thousand names for one file.
        if index % 30_000 == 0 {
            fs::write(&path, b"").unwrap();
            seed = path;
        } else {
            fs::hard_link(&seed, path).unwrap();
        }
    }
    folder
}

fn name_of(index: usize) -> String {
    format!("entry-{index:07}.txt")
}

fn index_in(line: &str) -> usize {
    let start = line.find("entry-").unwrap_or_else(|| panic!("no entry: {line}")) + "entry-".len();
    line[start..start + 7].parse().unwrap()
}

fn memory_peak(process_id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
}

#[test]
fn a_million_entries_are_listed_whole_within_bounded_memory_at_both_ends() {
    let folder = folder_of_many();
    let server = server!().serving(folder.path()).start();
    server.session().assert_works();
    let before = server.memory_peak();
    let proxy = Proxy::start(server.address(), |_| Fault::None);
    let mut command = client!(server.scratch(), proxy.address()).command(&["LIST"]);
    let mut client = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut was_seen, mut count) = (vec![false; ENTRY_COUNT], 0);
    for line in BufReader::new(client.stdout.take().unwrap()).lines() {
        let index = index_in(&line.unwrap());
        assert!(!was_seen[index], "entry {index} comes twice");
        was_seen[index] = true;
        count += 1;
        if count == 1 {
            // It is printed long before the last one can have left the server, who waits for its reader.
            let passed = proxy.byte_count(Direction::ToClient);
            assert!(passed < UNDER_WAY_MAX, "{passed} bytes came before the first line");
        }
        if count == LOOK_AT {
            let peak = memory_peak(client.id());
            assert!(peak < CLIENT_MEMORY_MAX, "the client holds {peak} bytes");
        }
    }
    assert!(client.wait().unwrap().success());
    assert_eq!(count, ENTRY_COUNT);
    let grown = server.memory_peak().saturating_sub(before);
    assert!(grown < GROWTH_MAX, "the server's memory grew by {grown} bytes");
}
