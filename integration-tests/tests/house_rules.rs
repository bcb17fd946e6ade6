//! The rules of the house that neither Cargo nor clippy holds: what each part must not know, that arrows point
//! down, and that nothing grows beyond what one can read.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends by panicking, in its helpers too"
)]

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const CRATES: &[&str] = &["wire", "shared-folder", "program", "ioe-server", "ioe-client", "mactella-peer"];

struct Source {
    /// From the workspace's root.
    path: String,
    text: String,
}

impl Source {
    /// The lines before the unit tests, without comments.
    fn code(&self) -> Vec<&str> {
        let lines = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        lines.map(|line| line.split("//").next().unwrap_or_default()).collect()
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("/tests/")
    }

    /// The module below the crate's root that the file belongs to.
    fn module(&self) -> &str {
        let below = self.path.split_once("/src/").map_or("", |(_, below)| below);
        below.split(['/', '.']).next().unwrap_or_default()
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let shown = path.strip_prefix(workspace()).unwrap().to_string_lossy().into_owned();
            found.push(Source { path: shown, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

fn sources_of(name: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&workspace().join(name).join("src"), &mut found);
    found
}

fn product() -> impl Iterator<Item = Source> {
    CRATES.iter().flat_map(|name| sources_of(name)).filter(|source| !source.is_test())
}

/// Every line of `sources` that has one of `words`, as `path: line`.
fn mentions<'a>(sources: impl Iterator<Item = &'a Source>, words: &[&str]) -> Vec<String> {
    let hit = |line: &&str| words.iter().any(|word| line.contains(word));
    let of_one = |source: &'a Source| {
        source
            .code()
            .into_iter()
            .filter(hit)
            .map(|line| format!("{}: {}", source.path, line.trim()))
            .collect::<Vec<_>>()
    };
    sources.flat_map(of_one).collect()
}

#[track_caller]
fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn the_lower_half_of_wire_knows_no_socket_file_thread_clock_or_random_source() {
    let sources = sources_of("wire");
    let lower = sources
        .iter()
        .filter(|source| !["net", "connection"].contains(&source.module()) && !source.is_test());
    let words =
        ["std::net", "std::fs", "std::thread", "Instant", "SystemTime", "getrandom", "rustix", "socket2"];
    assert_none(&mentions(lower, &words), "below wire::connection everything is pure");
}

#[test]
fn the_overlay_knows_no_socket_file_thread_clock_or_random_source() {
    let sources = sources_of("mactella-peer");
    let overlay: Vec<&Source> =
        sources.iter().filter(|source| source.module() == "overlay" && !source.is_test()).collect();
    assert!(overlay.len() > 5, "the overlay is gone");
    // Addresses are data, and so they come from `core`.
    let words = [
        "std::net",
        "net::Tcp",
        "net::Udp",
        "std::fs",
        "std::io",
        "std::thread",
        "std::sync::mpsc",
        "Instant",
        "SystemTime",
        "getrandom",
        "rand::",
        "crossbeam",
        "rustix",
        "socket2",
        "wire::net",
        "wire::connection",
        "shared_folder",
        "crate::network",
    ];
    assert_none(&mentions(overlay.into_iter(), &words), "the overlay is pure: events in, actions out");
}

#[test]
fn only_the_codec_knows_the_text_form_of_the_protocol() {
    let sources = sources_of("wire");
    let others = sources.iter().filter(|source| source.module() != "codec" && !source.is_test());
    assert_none(&mentions(others, &["serde_json"]), "in wire, only codec mentions serde_json");
    let shared = sources_of("shared-folder");
    let others = shared.iter().filter(|source| source.module() != "access");
    assert_none(&mentions(others, &["serde_json"]), "in shared-folder, only the access file has a text form");
}

#[test]
fn folders_landings_and_access_know_no_message_and_serving_opens_no_file_itself() {
    let sources = sources_of("shared-folder");
    let folder = sources
        .iter()
        .filter(|source| ["folder", "incoming"].contains(&source.module()) && !source.is_test());
    assert_none(
        &mentions(folder, &["wire::message::re", "wire::codec"]),
        "folder and incoming know no request or reply",
    );
    let access = sources.iter().filter(|source| source.module() == "access" && !source.is_test());
    assert_none(
        &mentions(access, &["wire::message", "wire::codec", "wire::connection", "wire::net", "crate::"]),
        "access knows no message, no connection and no file of the share",
    );
    let serving = sources.iter().filter(|source| source.module() == "serve");
    let words = ["openat", "File::open", "fs::read", "fs::write", "rustix::fs"];
    assert_none(&mentions(serving, &words), "serve opens files through folder and incoming only");
}

#[test]
fn the_index_knows_no_folder_thread_or_clock() {
    let sources = sources_of("shared-folder");
    let index = sources.iter().filter(|source| source.module() == "index" && !source.is_test());
    let words = ["std::fs", "std::thread", "Instant", "SystemTime", "Folder", "rustix", "notify"];
    assert_none(&mentions(index, &words), "the index is pure");
}

#[test]
fn libraries_do_not_print_and_programs_print_through_output() {
    let sources: Vec<Source> = product().collect();
    assert_none(
        &mentions(sources.iter(), &["println!", "eprintln!", "print!(", "dbg!"]),
        "printing panics on a closed pipe",
    );
}

#[test]
fn nothing_is_unbounded_and_nothing_sleeps() {
    let sources: Vec<Source> = product().collect();
    assert_none(&mentions(sources.iter(), &["unbounded(", "mpsc::channel()"]), "every queue has a bound");
    assert_none(
        &mentions(sources.iter(), &["thread::sleep"]),
        "a thread waits for an event, never for time alone",
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = product().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path);
    assert_none(&silent.collect::<Vec<_>>(), "each file opens with //!");
}

#[test]
fn files_and_functions_can_be_read_in_one_sitting() {
    for source in product() {
        let code = source.code();
        assert!(code.len() <= FILE_LINES_MAX, "{} has {} lines", source.path, code.len());
        for (name, length) in functions(&code) {
            assert!(length <= FUNCTION_LINES_MAX, "{}: {name} has {length} lines", source.path);
        }
    }
}

/// Names and lengths of functions, by the indentation that rustfmt gives them.
fn functions(code: &[&str]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (start, line) in code.iter().enumerate() {
        let Some(name) = line.split("fn ").nth(1).filter(|_| is_function(line)) else { continue };
        let is_declaration = code[start..]
            .iter()
            .find(|line| line.contains(['{', ';']))
            .is_some_and(|line| !line.contains('{'));
        if is_declaration {
            continue;
        }
        let end = format!("{}}}", " ".repeat(line.len() - line.trim_start().len()));
        let length =
            code[start..].iter().position(|line| line.trim_end() == end).map_or(1, |length| length + 1);
        found.push((name.split('(').next().unwrap_or_default().to_owned(), length));
    }
    found
}

fn is_function(line: &str) -> bool {
    let words = line.split_whitespace().take_while(|word| *word != "fn");
    line.contains("fn ")
        && words.into_iter().all(|word| word.starts_with("pub") || ["const", "async"].contains(&word))
}

#[test]
fn modules_use_only_modules_declared_below_them() {
    for name in ["wire", "shared-folder", "program", "mactella-peer"] {
        let sources = sources_of(name);
        let root = sources.iter().find(|source| source.path.ends_with("src/lib.rs")).unwrap();
        let declared: Vec<&str> = root.code().into_iter().filter_map(declared_module).collect();
        for source in sources.iter().filter(|source| !source.is_test()) {
            let Some(place) = declared.iter().position(|module| *module == source.module()) else { continue };
            for above in &declared[..place] {
                let uses = source.code().into_iter().any(|line| line.contains(&format!("crate::{above}::")));
                assert!(!uses, "{} uses {above}, which stands above it in lib.rs", source.path);
            }
        }
    }
}

fn declared_module(line: &str) -> Option<&str> {
    line.trim().trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')
}
