//! Lets names change places as fast as the machine can, until its standard input ends: a process of its own, so
//! that nothing of the test waits for it and it for nothing of the test.
//!
//! `flipper NAME OTHER... [-- NAME OTHER...]`: each NAME changes places with one OTHER after another, there and back.
//! What is missing at the moment is passed over. In the end it says how often names changed places.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A name, and those that it changes places with.
struct Group<'a> {
    name: &'a OsString,
    others: &'a [OsString],
}

fn main() -> io::Result<ExitCode> {
    let typed: Vec<OsString> = std::env::args_os().skip(1).collect();
    let groups: Vec<Group<'_>> = typed.split(|word| word == "--").filter_map(Group::of).collect();
    if groups.is_empty() {
        writeln!(io::stderr(), "usage: flipper NAME OTHER... [-- NAME OTHER...]")?;
        return Ok(ExitCode::from(2));
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let waiter = thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            // An error is an end as well.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            is_over.store(true, Ordering::Relaxed);
        }
    });
    let mut flip_count = 0u64;
    writeln!(io::stdout(), "flipping")?;
    for turn in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        // All of them there, and only then all of them back: so each stays away about half of the time.
        let gone: Vec<&Group<'_>> = groups.iter().filter(|group| group.flip(turn)).collect();
        let returned = gone.iter().filter(|group| group.flip(turn)).count();
        flip_count += (gone.len() + returned) as u64;
    }
    let _ = waiter.join();
    writeln!(io::stdout(), "{flip_count}")?;
    Ok(ExitCode::SUCCESS)
}

impl<'a> Group<'a> {
    fn of(words: &'a [OsString]) -> Option<Self> {
        let (name, others) = words.split_first()?;
        (!others.is_empty()).then_some(Self { name, others })
    }

    /// Whether the two names of this turn have changed places.
    fn flip(&self, turn: usize) -> bool {
        let other = self.others.get(turn % self.others.len());
        other.is_some_and(|other| renameat_with(CWD, self.name, CWD, other, RenameFlags::EXCHANGE).is_ok())
    }
}
