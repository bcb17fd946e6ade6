//! The published table of what the same faults do here and elsewhere: its rows are the harness's, its words are explained,
//! and our column is what the faults leave today, word by word.

use std::fs;
use std::path::{Path, PathBuf};

use integration_tests::faults::{FAULTS, LEGEND, Options, Rights, run};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The rows of the published table, its head first, each as its cells.
fn published() -> Vec<Vec<String>> {
    let text = readme();
    let lines = text.lines().skip_while(|line| !line.starts_with("| what happens |"));
    let lines = lines.take_while(|line| line.starts_with('|')).filter(|line| !line.starts_with("|---"));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.map(cells).collect()
}

#[test]
fn the_published_table_has_a_row_for_each_fault_and_a_cell_for_each_system() {
    let table = published();
    let titles: Vec<&str> = table[1..].iter().map(|row| &*row[0]).collect();
    let faults: Vec<&str> = FAULTS.iter().map(|fault| fault.title).collect();
    assert_eq!(titles, faults);
    assert!(table[0].len() > 2, "{:?}", table[0]);
    for row in &table {
        assert_eq!(row.len(), table[0].len(), "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty() && cell != "not played"), "{row:?}");
    }
}

#[test]
fn each_word_of_the_published_table_is_explained_beside_it() {
    let text = readme();
    let explained: Vec<&str> = LEGEND.iter().flat_map(|(words, _)| words.split(", ")).collect();
    for (words, meaning) in LEGEND {
        assert!(text.contains(&format!("| {words} | {meaning} |")), "{words}");
    }
    for row in &published()[1..] {
        for word in row[1..].iter().flat_map(|cell| cell.split(", ")) {
            assert!(explained.contains(&word), "{word}, of {}", row[0]);
        }
    }
}

#[test]
fn our_column_of_the_published_table_is_what_the_faults_leave() {
    let programs = PathBuf::from(env!("CARGO_BIN_EXE_ioe-server-under-test"));
    assert!(Path::new(env!("CARGO_BIN_EXE_ioe-client-under-test")).parent() == programs.parent());
    let programs = programs.parent().unwrap().to_owned();
    let options = Options { programs, rights: Rights::Usual, is_alone: true };
    let (table, missing) = run(&options, |_| {});
    assert!(missing.is_empty());
    let published = published();
    assert_eq!(published[0][1], table.columns[0].name);
    for (row, published) in table.rows.iter().zip(&published[1..]) {
        let verdict = &row.verdicts[0];
        // Where nobody may look at system calls, that one row cannot be played.
        if !verdict.words.starts_with("not looked") {
            assert_eq!(verdict.words, published[1], "{}: {}", row.title, verdict.said);
        }
    }
}
