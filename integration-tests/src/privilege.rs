//! What not every system grants to a test: mounts of its own, a user of its own, a program without rights. Each is
//! a command line that starts a program so; where there is none, the test says loudly that it was skipped.
//!
//! It must not know what is started.

use std::io::Write;
use std::process::{self, Command, Stdio};
use std::thread;

/// Far from the numbers of real users, and another one for each process of tests.
const FIRST_USER: u32 = 1_000_000_000;

/// Starts a program that may mount what it likes where nobody else sees it; none where the system grants that to
/// nobody like us.
pub fn with_own_mounts() -> Option<Vec<String>> {
    let ways = ["unshare --map-root-user --mount", "unshare --mount"];
    first_that_works("mounts of its own", ways.map(words).to_vec(), "mount -t tmpfs none /tmp")
}

/// Starts a program as a user who has no other process, so that a limit for all of them is its own. It may still
/// read and write every file of the test.
pub fn as_user_without_processes() -> Option<Vec<String>> {
    let user = FIRST_USER + process::id();
    let rights = "-all,+dac_override,+dac_read_search,+fowner";
    // Whoever is root becomes somebody else; anybody else is counted anew in a namespace of his own.
    let way = if rustix::process::getuid().is_root() {
        let caps = format!("--inh-caps {rights} --ambient-caps {rights}");
        format!("setpriv --reuid {user} --regid {user} --clear-groups {caps}")
    } else {
        "unshare --map-root-user".to_owned()
    };
    first_that_works("a user of its own", vec![words(&way)], "true")
}

/// Starts a program whom the permissions of files bind, whoever we are.
pub fn bound_by_permissions() -> Option<Vec<String>> {
    let ways = ["env", "setpriv --bounding-set -all --inh-caps -all"];
    let probe = r#"file=$(mktemp); chmod 0 "$file"; test ! -r "$file"; code=$?; rm -f "$file"; exit $code"#;
    first_that_works("a program that permissions bind", ways.map(words).to_vec(), probe)
}

/// Whether a daemon that says this of its confinement has all of it; where the kernel gives less, the test says that it
/// was skipped, as far as it is about that.
pub fn is_confined(said: &str) -> bool {
    let is_whole = said.contains("confined by Landlock");
    if !is_whole {
        tell_skipped("a kernel with all of Landlock");
    }
    is_whole
}

/// The first command line below which the shell does this.
fn first_that_works(wanted: &str, ways: Vec<Vec<String>>, probe: &str) -> Option<Vec<String>> {
    let works = |way: &Vec<String>| {
        let mut command = Command::new(&way[0]);
        command.args(&way[1..]).args(["bash", "-c", probe]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = ways.into_iter().find(works);
    if found.is_none() {
        tell_skipped(wanted);
    }
    found
}

/// Written past the capture of the test runner, so that it is seen although the test passes.
fn tell_skipped(wanted: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let text = format!("\nSKIPPED: {test} needs {wanted}, which this system does not grant\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
