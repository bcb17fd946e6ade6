//! Our programs and those that people use to move files, each as a server and a client in real processes, so that the same
//! can be asked of all of them: how its server is started, how its client is told to move a file, and which of them this
//! machine has.
//!
//! It must not know what is asked.

pub(crate) mod ours;
pub(crate) mod sftp;
pub(crate) mod rsync;
pub(crate) mod vsftpd;
pub(crate) mod nginx;
pub(crate) mod running;
pub(crate) mod tree;
pub(crate) mod system;
pub(crate) mod ground;

use std::path::Path;

pub use ground::{Rights, isolate};

use system::{System, find};

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

impl Missing {
    /// The first of the programs that a system needs and this machine has not.
    pub(crate) fn of(system: &'static str, needs: &[(&'static str, &'static str)]) -> Option<Self> {
        let (program, package) = *needs.iter().find(|(program, _)| find(program).is_none())?;
        Some(Self { system, program, package })
    }

    /// What is said about it.
    pub fn line(&self) -> String {
        let Self { system, program, package } = self;
        format!("LEFT OUT: {system}, for {program} is not installed: apt-get install {package}")
    }
}

/// Ours and, unless it is to be alone, all others that are installed; and those that are not.
pub(crate) fn installed(programs: &Path, is_alone: bool) -> (Vec<Box<dyn System>>, Vec<Missing>) {
    let mut systems: Vec<Box<dyn System>> = vec![Box::new(ours::Ours::in_folder(programs))];
    let mut missing = Vec::new();
    for system in others().into_iter().filter(|_| !is_alone) {
        match Missing::of(system.name(), system.needs()) {
            None => systems.push(system),
            Some(left_out) => missing.push(left_out),
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
        Box::new(vsftpd::Vsftpd::USUAL),
        Box::new(nginx::Nginx::USUAL),
    ]
}
