//! Puts the same faults to ioe and to its peers that are installed, and prints what each left.

use integration_tests::faults::{Options, Rights, isolate, run};
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: scripts/faults [--json]";

fn main() -> io::Result<ExitCode> {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| typed.iter().any(|word| word == option);
    if typed.iter().any(|word| !["--json", "--isolated"].contains(&word.as_str())) {
        writeln!(io::stderr(), "{USAGE}")?;
        return Ok(ExitCode::from(2));
    }
    let mut rights = Rights::Usual;
    if has("--isolated") {
        isolate();
        rights = Rights::Mounts;
    } else {
        writeln!(
            io::stderr(),
            "not root: peers run unconfined, and a limit of the system stands for the full disk"
        )?;
    }
    // The programs under test are built into the folder that this one was built into.
    let mut programs = std::env::current_exe()?;
    programs.pop();
    let options = Options { programs, rights, is_alone: false };
    let (table, missing) = run(&options, |name| {
        let _ = writeln!(io::stderr(), "{name} …");
    });
    for left_out in missing {
        writeln!(io::stderr(), "{}", left_out.line())?;
    }
    let text = if has("--json") { table.json() } else { table.markdown() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if table.has_gaps() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
