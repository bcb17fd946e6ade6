//! The table of all faults and systems, as Markdown and as JSON lines.
//!
//! It must not know how it came about.

use std::fmt::Write;

use serde_json::json;

use super::verdict::{LEGEND, NOT_PLAYED, Verdict};
use crate::systems::system::System;

/// A row for each fault, a column for each system.
pub struct Table {
    /// The systems.
    pub columns: Vec<Column>,
    /// The faults.
    pub rows: Vec<Row>,
}

/// A system.
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// How it was told to work.
    pub options: &'static str,
}

/// A fault, and what each system made of it.
pub struct Row {
    /// What happens.
    pub title: &'static str,
    /// In the order of the columns.
    pub verdicts: Vec<Verdict>,
}

impl Column {
    /// A system's.
    pub(crate) fn of(system: &dyn System) -> Self {
        Self { name: system.name(), version: system.version(), options: system.options() }
    }
}

impl Row {
    /// One without verdicts.
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, verdicts: Vec::new() }
    }
}

impl Table {
    /// Whether the harness failed at anything.
    pub fn has_gaps(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.verdicts).any(|verdict| verdict.words == NOT_PLAYED)
    }

    /// As Markdown: the table, what the words mean, and how the systems were told to work.
    pub fn markdown(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let mut text =
            format!("| what happens | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
        for row in &self.rows {
            let words: Vec<&str> = row.verdicts.iter().map(|verdict| &*verdict.words).collect();
            let _ = writeln!(text, "| {} | {} |", row.title, words.join(" | "));
        }
        text.push_str("\n| words | what they mean |\n|---|---|\n");
        for (words, meaning) in LEGEND {
            let _ = writeln!(text, "| {words} | {meaning} |");
        }
        text.push_str("\n| column | version | how it was told to work |\n|---|---|---|\n");
        for column in &self.columns {
            let _ = writeln!(text, "| {} | {} | {} |", column.name, column.version, column.options);
        }
        text
    }

    /// As JSON: an object for each cell, one a line.
    pub fn json(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            for (column, verdict) in self.columns.iter().zip(&row.verdicts) {
                let line = json!({
                    "fault": row.title, "system": column.name, "version": column.version,
                    "verdict": verdict.words.replace("**", ""), "is_bad": verdict.words.contains("**"),
                    "said": verdict.said,
                });
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}
