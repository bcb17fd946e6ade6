//! The benchmarks run: each workload with hardly anything to move, by ours alone, gives a whole table and the same as JSON.
//! No time is looked at.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use integration_tests::bench::WORKLOADS;
use integration_tests::process::Process;
use serde_json::Value;

/// Runs one workload and looks at all that it says.
fn assert_gives_tables(workload: &str, expected_systems: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(["--tiny", "--alone", "--only", workload, "--folder"]).arg(folder.path());
    let mut bench = Process::start(command.arg("--json").arg(&file));
    assert_eq!(bench.exit_code(), 0, "{}", bench.errors.text());

    let text = bench.output.text();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    let widths: BTreeSet<usize> = rows.iter().map(|row| row.matches('|').count()).collect();
    assert_eq!(widths.len(), 1, "all rows have as many cells: {text}");
    assert!(text.starts_with(&format!("### {workload}: ")), "{text}");

    let lines = fs::read_to_string(&file).unwrap();
    let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len() + 2, rows.len(), "an object for each row below the head: {text}\n{lines}");
    for object in &objects {
        assert_eq!(object["workload"], workload, "{object}");
        let system = object["system"].as_str().unwrap();
        assert!(rows.iter().any(|row| row.starts_with(&format!("| {system} |"))), "{system} in {text}");
    }
    for system in expected_systems {
        assert!(objects.iter().any(|object| object["system"] == *system), "{system} in {lines}");
    }
}

#[test]
fn one_large_file_is_fetched() {
    let systems = ["limit: read + write", "limit: two connections", "ioe", "ioe, not yet hashed", "ioe, TLS"];
    assert_gives_tables("download-large", &systems);
}

#[test]
fn one_large_file_is_sent() {
    assert_gives_tables("upload-large", &["limit: read + write", "ioe, synced", "ioe, synced, TLS"]);
}

#[test]
fn small_files_are_fetched() {
    assert_gives_tables("download-small", &["limit: the same, digest, rename", "ioe", "ioe, TLS"]);
}

#[test]
fn small_files_are_sent() {
    assert_gives_tables(
        "upload-small",
        &[
            "limit: the same, digest, rename",
            "limit: the same, synced, digest row",
            "ioe, synced",
            "ioe, synced, TLS",
        ],
    );
}

#[test]
fn a_file_is_fetched_from_several_servers() {
    let systems = ["ioe, one", "ioe, four", "ioe, four of 25 MB/s", "ioe, four, one dies half-way"];
    assert_gives_tables("sources", &systems);
}

#[test]
fn a_folder_is_listed() {
    assert_gives_tables("listing", &["ioe LIST", "ioe LIST, TLS"]);
}

#[test]
fn small_requests_are_answered_over_many_connections() {
    assert_gives_tables("requests", &["ioe, STAT, 3 connections", "ioe -q, READ of 1 KiB, 1 connection"]);
}

#[test]
fn idle_connections_are_held() {
    assert_gives_tables("idle", &["ioe", "ioe, TLS"]);
}

#[test]
fn those_that_download_at_the_same_time_are_compared() {
    let systems = ["ioe, alone", "ioe --limit-rate 200MiB, beside one of 64 requests"];
    assert_gives_tables("fairness", &systems);
}

#[test]
fn system_calls_are_counted() {
    // Only with strace, which is not ours: alone, its table has no rows.
    assert_gives_tables("syscalls", &[]);
}

#[test]
fn there_is_no_other_workload() {
    let source = include_str!("benchmarks.rs");
    for (workload, _) in WORKLOADS {
        assert!(source.contains(&format!("\"{workload}\"")), "{workload} is not run here");
    }
}
