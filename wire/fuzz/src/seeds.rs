//! Where inputs begin: the examples of `PROTOCOL.md`, and files under `seeds`, a folder for each target.

use std::path::Path;
use wire::limits::LINE_BYTES_MAX;

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// The seeds of a target, in the same order each time.
///
/// # Errors
/// When a folder cannot be read.
pub fn of(target: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let mut seeds = match target {
        "message" | "line" => examples().map(|line| line.as_bytes().to_vec()).collect(),
        _ => Vec::new(),
    };
    if target == "line" {
        // Steps that only fill the buffer, and then one that wants a line: a line that is too long.
        seeds.push([b"z".repeat(LINE_BYTES_MAX / 4 + 16), b"{".repeat(LINE_BYTES_MAX)].concat());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    if folder.is_dir() {
        let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            seeds.push(std::fs::read(path)?);
        }
    }
    Ok(seeds)
}

/// Every JSON example of the protocol.
pub fn examples() -> impl Iterator<Item = &'static str> {
    let blocks = PROTOCOL.split("```json").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.flat_map(|block| block.lines().skip(1))
}
