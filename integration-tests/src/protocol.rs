//! What PROTOCOL.md says itself, for tests that must cover all of it: a request or a code that is added there
//! and forgotten by such a test makes it fail.
//!
//! It must not know the product's own lists.

use std::fs;
use std::path::Path;

/// Every type of request, from the table of states: what a client may send in an open session.
///
/// # Panics
/// When the table has no such line.
pub fn request_types() -> Vec<String> {
    let text = text();
    let line = text.lines().find(|line| line.starts_with("| *open* |")).expect("the line of open sessions");
    let cell = line.split('|').nth(2).expect("what a client may send then");
    quoted(cell)
}

/// Every code, from section 10.
///
/// # Panics
/// When there is no such section.
pub fn codes() -> Vec<String> {
    let text = text();
    let section = text.split("\n## 10. Codes\n").nth(1).expect("the section of codes");
    quoted(section.trim_start().split("\n\n").next().expect("its first paragraph"))
}

fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/PROTOCOL.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
