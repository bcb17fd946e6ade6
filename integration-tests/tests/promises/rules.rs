//! The rules of this package itself, so that they are kept.

use std::fs;
use std::path::{Path, PathBuf};

use integration_tests::scratch::files_below;

/// The most lines of a file here.
const LINE_COUNT_MAX: usize = 400;

fn sources() -> Vec<(PathBuf, String)> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "tests"].iter().flat_map(|folder| files_below(&package.join(folder)));
    files.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// What watches over the product's own sources, and so names what it looks for.
fn watches_the_product(path: &Path) -> bool {
    path.ends_with("tests/house_rules.rs")
}

/// What drives the overlay in a network of its own making: the one thing outside the product that imports some of it.
fn simulates(path: &Path) -> bool {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path == source.join("simulation.rs") || path.starts_with(source.join("simulation"))
}

/// Fails for each line of a source with this word in it; a word is put together, so as not to find itself.
fn assert_absent(word: &str, is_meant: impl Fn(&Path) -> bool) {
    for (path, text) in sources().iter().filter(|(path, _)| is_meant(path)) {
        let found = text.lines().position(|line| line.contains(word));
        assert_eq!(found, None, "{word} in {} (lines count from 0)", path.display());
    }
}

#[test]
fn no_test_uses_the_products_code_to_test_the_product() {
    for product in ["wire", "shared_folder", "program", "mactella_peer"] {
        let is_meant = |path: &Path| !watches_the_product(path) && !simulates(path);
        assert_absent(&format!("{product}{}", "::"), is_meant);
        assert_absent(&format!("use {product}{}", ";"), |_| true);
    }
}

#[test]
fn the_simulator_uses_the_overlay_messages_as_data_and_what_a_word_is() {
    let modules = [
        ("mactella_peer", "overlay"),
        ("shared_folder", "words"),
        ("wire", "message"),
        ("wire", "key"),
        ("wire", "limits"),
    ];
    let allowed = modules.map(|(product, module)| format!("{product}{}{module}", "::"));
    for (path, text) in sources().iter().filter(|(path, _)| simulates(path)) {
        for product in ["wire", "shared_folder", "program", "mactella_peer"] {
            let start = format!("{product}{}", "::");
            for (place, _) in text.match_indices(&start) {
                let is_allowed = allowed.iter().any(|name| text[place..].starts_with(name));
                assert!(is_allowed, "{} imports {}", path.display(), &text[place..place + 40]);
            }
        }
    }
}

#[test]
fn no_test_is_ignored_and_none_sleeps() {
    assert_absent(&["#[", "ignore"].concat(), |_| true);
    assert_absent(&["sleep", "("].concat(), |path| !path.ends_with("patience.rs"));
}

#[test]
fn each_file_says_what_it_is_for_and_is_short_enough_to_be_read() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{} has no header", path.display());
        let line_count = text.lines().count();
        assert!(line_count < LINE_COUNT_MAX, "{} has {line_count} lines", path.display());
    }
}

#[test]
fn each_test_that_the_readme_names_exists() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(package.join("README.md")).unwrap();
    let named = readme.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
    for name in named.clone() {
        let mut parts = name.split("::");
        let file = format!("tests/{}/{}.rs", parts.next().unwrap(), parts.next().unwrap());
        let text = fs::read_to_string(package.join(&file)).unwrap_or_else(|_| panic!("{name}: no {file}"));
        let is_there = parts.next().is_none_or(|test| text.contains(&format!("fn {test}()")));
        assert!(is_there, "{name} is not there");
    }
    assert!(named.count() > 50, "the table of cases is gone");
}

#[test]
fn each_case_has_a_line_in_the_readme() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for case in 1..=51 {
        let line = readme.lines().find(|line| line.starts_with(&format!("| {case} | ")));
        assert!(line.is_some_and(|line| line.contains("::") || line.contains("*open*")), "case {case}");
    }
}
