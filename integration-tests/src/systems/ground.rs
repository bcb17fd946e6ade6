//! Where systems work: a scratch with the share and the local folder, beside them what links lead to, a jail for
//! servers that can be confined, and a small disk.
//!
//! It must not know who works there.

use std::fs::{self, File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::{CANARY, Scratch, files_below};

/// The folder of all jails: only root can write to it and to those above it, as sshd demands.
const JAILS: &str = "/run/jails";
/// The name of the share in its jail.
const PUBLIC: &str = "pub";
/// How much a small disk takes.
pub(crate) const SMALL_DISK_BYTES: usize = 8 << 20;
/// What stands for a small disk where none may be mounted: no file can grow longer, and who tries is told so.
pub(crate) const FILE_LIMIT: &str = "trap '' XFSZ; ulimit -f 8192";

/// What the harness may do on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Mount file systems, where nobody else sees them: it runs as root in a mount namespace of its own.
    Mounts,
    /// No more than anybody.
    Usual,
}

/// The folders of one fault.
pub(crate) struct Ground {
    scratch: Scratch,
    mounts: Vec<PathBuf>,
    jail: Option<PathBuf>,
}

/// Gives this mount namespace a `/run` of its own, with what sshd and the jails need in it.
///
/// # Panics
/// When it may not.
pub fn isolate() {
    mount(&["-t", "tmpfs", "-o", "mode=755", "none"], Path::new("/run"));
    for folder in ["/run/sshd", JAILS] {
        fs::create_dir(folder).unwrap();
    }
}

impl Ground {
    /// New folders; with a small disk below the share where that is asked for and allowed.
    ///
    /// # Panics
    /// When they cannot be made.
    pub(crate) fn new(rights: Rights, is_small: bool) -> Self {
        let mut ground = Self { scratch: Scratch::new(), mounts: Vec::new(), jail: None };
        if rights == Rights::Mounts && is_small {
            let size = format!("size={SMALL_DISK_BYTES}");
            ground.mount(&["-t", "tmpfs", "-o", &size, "none"], ground.share());
        }
        // A server may work as another user.
        set_mode(ground.share().parent().unwrap(), 0o755);
        set_mode(&ground.share(), 0o777);
        fs::create_dir(ground.beyond()).unwrap();
        set_mode(&ground.beyond(), 0o777);
        fs::write(ground.beyond().join("secret.txt"), CANARY).unwrap();
        if rights == Rights::Mounts {
            ground.build_jail();
        }
        ground
    }

    fn build_jail(&mut self) {
        let scratch = self.share();
        let jail = Path::new(JAILS).join(scratch.parent().unwrap().file_name().unwrap());
        fs::create_dir_all(jail.join(PUBLIC)).unwrap();
        self.mount(&["--bind", &scratch.to_string_lossy()], jail.join(PUBLIC));
        self.jail = Some(jail);
    }

    fn mount(&mut self, what: &[&str], place: PathBuf) {
        mount(what, &place);
        self.mounts.push(place);
    }

    /// The folder to which a server is to be confined, if it can be.
    pub(crate) fn jail(&self) -> Option<&Path> {
        self.jail.as_deref()
    }

    /// What stands before a name for a server that is confined to the jail, or else serves the share itself.
    pub(crate) fn public(&self, name: &str) -> String {
        if self.jail.is_some() { format!("{PUBLIC}/{name}") } else { name.to_owned() }
    }

    /// The served folder.
    pub(crate) fn share(&self) -> PathBuf {
        self.scratch.share()
    }

    /// Where clients keep their files.
    pub(crate) fn local(&self) -> PathBuf {
        self.scratch.local()
    }

    /// Where servers keep theirs.
    pub(crate) fn state(&self) -> PathBuf {
        self.scratch.state()
    }

    /// The home of all programs.
    pub(crate) fn home(&self) -> PathBuf {
        self.scratch.home()
    }

    /// The folder beside the share to which links lead.
    pub(crate) fn beyond(&self) -> PathBuf {
        self.share().with_file_name("beyond")
    }

    /// Makes a link in the share that leads to `beyond`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub(crate) fn link(&self, name: &str, to: &str) {
        symlink(format!("../beyond/{to}"), self.share().join(name)).unwrap();
    }

    /// The files in a folder besides the one of this name.
    pub(crate) fn others(folder: &Path, name: &str) -> Vec<PathBuf> {
        let named = folder.join(name);
        files_below(folder).into_iter().filter(|path| *path != named).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for place in self.mounts.iter().rev() {
            // What is left goes with the namespace.
            let _ = Command::new("umount").arg("--lazy").arg(place).status();
        }
    }
}

/// Writes a file that everybody may replace.
///
/// # Panics
/// When it cannot be written.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    set_mode(path, 0o666);
}

/// Writes into a file that is there, without cutting it.
///
/// # Panics
/// When it cannot be written.
pub(crate) fn write_into(path: &Path, offset: u64, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mount(what: &[&str], place: &Path) {
    let status = Command::new("mount").args(what).arg(place).status().unwrap();
    assert!(status.success(), "mount {what:?} {}", place.display());
}
