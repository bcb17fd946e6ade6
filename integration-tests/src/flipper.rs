//! A process that lets folders and links change places, while a test does something with them.
//!
//! It must not know what is done meanwhile.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::Process;

/// The name that is a folder at one moment and a link at the next.
pub const FLIP: &str = "flip";
/// What waits to take that name, and where it leads: inside, inside by way of the parent, outside (a test's canary, from
/// a folder of the share), nowhere.
pub const LINKS: [(&str, &str); 4] =
    [("link-1", "inside"), ("link-2", "../LANE/inside"), ("link-3", "../../outside"), ("link-4", "missing")];

/// A flipper that runs: `flipper!(&[folder])`.
#[macro_export]
macro_rules! flipper {
    ($folders:expr) => {
        $crate::flipper::Flipper::start(env!("CARGO_BIN_EXE_flipper").as_ref(), $folders)
    };
}

/// A running flipper. Dropping it ends it.
pub struct Flipper(Process);

impl Flipper {
    /// Lets `flip` in each of these folders change places with each of its [`LINKS`].
    pub fn start(binary: &Path, folders: &[PathBuf]) -> Self {
        let mut command = Command::new(binary);
        for folder in folders {
            command.arg("--").arg(folder.join(FLIP)).args(LINKS.iter().map(|(name, _)| folder.join(name)));
        }
        Self::of(&mut command)
    }

    /// Lets one name change places with another.
    pub fn of_two(binary: &Path, name: &Path, other: &Path) -> Self {
        Self::of(Command::new(binary).args([name, other]))
    }

    fn of(command: &mut Command) -> Self {
        let process = Process::start(command);
        process.output.wait_for_line("the first flip", |line| line == "flipping");
        Self(process)
    }

    /// Ends it, with every folder where it was at first; returns how often names changed places.
    ///
    /// # Panics
    /// When it fails.
    pub fn stop(mut self) -> u64 {
        self.0.close_input();
        assert_eq!(self.0.exit_code(), 0, "{}", self.0.errors.text());
        self.0
            .output
            .text()
            .lines()
            .last()
            .and_then(|count| count.parse().ok())
            .expect("how often it flipped")
    }
}

/// Puts the [`LINKS`] into a folder of a share, or of the local folder.
///
/// # Panics
/// When one of the names is taken.
pub fn put_links(folder: &Path, lane: &str) {
    for (name, target) in LINKS {
        symlink(target.replace("LANE", lane), folder.join(name)).unwrap();
    }
}

/// What is in the folder that was `flip` at first, whatever name it has now: among `names`, the one that is no link.
pub fn real_folder(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let is_folder = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    names.iter().map(|name| folder.join(name)).find(is_folder)
}

/// Until when a race goes on: some seconds in the usual suite; as many minutes as the variable `MINUTES` says, if it
/// says something.
///
/// # Panics
/// When it is no number.
pub fn race_end(usual: Duration) -> Instant {
    let minutes =
        env::var("MINUTES").map(|text| Duration::from_secs_f64(60.0 * text.parse::<f64>().unwrap()));
    Instant::now() + minutes.unwrap_or(usual)
}
