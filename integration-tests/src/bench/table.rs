//! Tables of results, as Markdown to be put into a document, and as JSON lines.
//!
//! It must not know what was measured.

use std::fmt::Write;

use serde_json::{Value, json};

use super::trial::Trial;

const MEBIBYTE: f64 = 1_048_576.0;

/// All that was measured of one kind.
pub struct Table {
    /// Its name, as it is typed.
    pub workload: &'static str,
    /// What stands above it.
    pub title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// What stands below it.
    legend: Option<String>,
    objects: Vec<Value>,
}

/// One row: a system, and what each of its runs took.
pub(crate) struct Row {
    /// The system.
    pub name: String,
    /// The row that it is compared with.
    pub reference: String,
    /// How much was done in each second of a run, and what that run cost.
    pub runs: Vec<(f64, Trial)>,
}

impl Row {
    /// One without runs.
    pub(crate) fn new(name: impl Into<String>, reference: impl Into<String>) -> Self {
        Self { name: name.into(), reference: reference.into(), runs: Vec::new() }
    }

    fn middle(&self, of: impl Fn(&(f64, Trial)) -> f64) -> f64 {
        median(self.runs.iter().map(of).collect())
    }

    fn rate(&self) -> f64 {
        self.middle(|(rate, _)| *rate)
    }
}

/// What the numbers of a table of rows count.
pub(crate) struct Unit {
    /// The head of its column.
    pub name: &'static str,
    /// Processor seconds are divided by this.
    pub cpu_divisor: f64,
    /// The heads of their columns.
    pub cpu_names: [&'static str; 2],
    /// Whether it is told when the first line came.
    pub has_first_line: bool,
}

impl Table {
    /// One with these columns and no rows.
    pub(crate) fn new(workload: &'static str, title: String, columns: Vec<&'static str>) -> Self {
        Self { workload, title, columns, rows: Vec::new(), legend: None, objects: Vec::new() }
    }

    /// Adds a row, and the same as an object.
    pub(crate) fn add(&mut self, cells: Vec<String>, object: Value) {
        assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
        self.objects.push(object);
    }

    /// One of rows of runs.
    pub(crate) fn of_rows(workload: &'static str, title: String, unit: &Unit, rows: &[Row]) -> Self {
        let [client, server] = unit.cpu_names;
        let mut columns = vec!["system", unit.name, "least – most", "ratio", client, server];
        columns.extend(["client MiB", "server MiB (before)"]);
        columns.extend(unit.has_first_line.then_some("first line ms"));
        let mut table = Self { legend: legend(rows), ..Self::new(workload, title, columns) };
        for row in rows {
            let of_reference = rows.iter().find(|other| other.name == row.reference).map(Row::rate);
            table.add_row(row, unit, of_reference);
        }
        table
    }

    fn add_row(&mut self, row: &Row, unit: &Unit, of_reference: Option<f64>) {
        let rate = row.rate();
        let least = row.runs.iter().map(|run| run.0).fold(f64::INFINITY, f64::min);
        let most = row.runs.iter().map(|run| run.0).fold(0.0, f64::max);
        let ratio = of_reference.map(|reference| rate / reference);
        let cpu = [
            row.middle(|run| run.1.client_cpu) / unit.cpu_divisor,
            row.middle(|run| run.1.server_cpu) / unit.cpu_divisor,
        ];
        let memory =
            [|run: &Trial| run.client_peak, |run: &Trial| run.server_peak, |run: &Trial| run.server_before]
                .map(|of| row.middle(|run| as_f64(of(&run.1))));
        let first = row.middle(|run| run.1.first_line_seconds.unwrap_or(0.0));
        let mut cells = vec![
            row.name.clone(),
            shown(rate),
            format!("{} – {}", shown(least), shown(most)),
            ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
            format!("{:.2}", cpu[0]),
            format!("{:.2}", cpu[1]),
        ];
        let [client, server, before] = memory.map(|bytes| bytes / MEBIBYTE);
        cells.extend([format!("{client:.0}"), format!("{server:.0} ({before:.0})")]);
        cells.extend(unit.has_first_line.then(|| format!("{:.0}", first * 1000.0)));
        let object = json!({
            "workload": self.workload, "system": row.name, "unit": unit.name, "median": rate, "least": least,
            "most": most, "reference": row.reference, "ratio": ratio,
            "client_cpu_seconds": cpu[0] * unit.cpu_divisor, "server_cpu_seconds": cpu[1] * unit.cpu_divisor,
            "client_peak_bytes": memory[0], "server_peak_bytes": memory[1], "server_bytes_before": memory[2],
            "first_line_seconds": unit.has_first_line.then_some(first),
            "runs": row.runs.iter().map(|run| run.0).collect::<Vec<_>>(),
        });
        self.add(cells, object);
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n| {} |\n|---|", self.title, self.columns.join(" | "));
        text.push_str(&"--:|".repeat(self.columns.len().saturating_sub(1)));
        text.push('\n');
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        if let Some(legend) = &self.legend {
            let _ = writeln!(text, "\n{legend}");
        }
        text.push('\n');
        text
    }

    /// As JSON: an object for each row, one a line.
    pub fn json(&self) -> String {
        self.objects.iter().map(|object| format!("{object}\n")).collect()
    }
}

/// What the ratios are to.
fn legend(rows: &[Row]) -> Option<String> {
    let first = rows.first()?;
    let is_one = rows.iter().all(|row| row.reference == first.reference);
    let all = || "the row of the same kind with 1.00".to_owned();
    let reference = if is_one { format!("\"{}\"", first.reference) } else { all() };
    Some(format!("Medians (rounds: {}); ratio: to {reference}.", first.runs.len()))
}

/// The one in the middle.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        count if count % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

/// A number with three digits or more.
pub(crate) fn shown(number: f64) -> String {
    let decimals = if number >= 100.0 { 0 } else { 2 };
    format!("{number:.decimals$}")
}

/// A count as a number to calculate with.
pub(crate) fn as_f64(count: u64) -> f64 {
    // Exact up to 2^53, and nothing here is as large.
    count as f64
}
