//! The systems that faults are put to, and which of them this machine has.
//!
//! It must not know the faults.

mod ours;
mod sftp;
mod rsync;
mod vsftpd;
mod nginx;

use std::path::Path;

use super::system::{System, find};

/// A system that is left out, because a program is not installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The system.
    pub system: &'static str,
    /// The program.
    pub program: &'static str,
    /// The package that brings it.
    pub package: &'static str,
}

/// Ours and, unless it is to be alone, all others that are installed; and those that are not.
pub(crate) fn installed(programs: &Path, is_alone: bool) -> (Vec<Box<dyn System>>, Vec<Missing>) {
    let mut systems: Vec<Box<dyn System>> = vec![Box::new(ours::Ours::in_folder(programs))];
    let mut missing = Vec::new();
    for system in others().into_iter().filter(|_| !is_alone) {
        match system.needs().iter().find(|(program, _)| find(program).is_none()) {
            None => systems.push(system),
            Some((program, package)) => missing.push(Missing { system: system.name(), program, package }),
        }
    }
    (systems, missing)
}

fn others() -> Vec<Box<dyn System>> {
    vec![
        Box::new(sftp::Sftp),
        Box::new(rsync::Rsync::ASIDE),
        Box::new(rsync::Rsync::PARTIAL),
        Box::new(rsync::Rsync::IN_PLACE),
        Box::new(vsftpd::Vsftpd),
        Box::new(nginx::Nginx),
    ]
}
