//! Opening below a directory handle and nowhere else.
//!
//! On Linux the kernel does it (`openat2` with `RESOLVE_BENEATH`, Linux 5.6); elsewhere, and on older kernels,
//! each part is opened from its parent's handle and links are refused.

use super::FolderError;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, openat};
use rustix::path::Arg as _;
use std::ffi::CStr;

/// With links that contain `..`, the kernel gives up when anything is renamed meanwhile, and asks to try again.
#[cfg(target_os = "linux")]
const ATTEMPTS_MAX: usize = 64;

/// Opens `path` below `root`, following links that stay inside.
pub(super) fn open_beneath(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, FolderError> {
    path_and(path, |path| open(root, path, flags, false))
}

/// As [`open_beneath`], but no link at all is followed, not even inside.
pub(super) fn open_without_links(
    root: BorrowedFd<'_>,
    path: impl rustix::path::Arg,
    flags: OFlags,
) -> Result<OwnedFd, FolderError> {
    path.into_with_c_str(|path| Ok(open(root, path, flags, true))).map_err(FolderError::from)?
}

/// A handle for inspecting what `path` leads to, without opening it: a FIFO or device is not touched.
pub(super) fn open_for_status(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, FolderError> {
    #[cfg(target_os = "linux")]
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    path_and(path, |path| open(root, path, flags, false)).map_err(|error| match error {
        // The link itself is there; what it names is not, or would lie in a file.
        FolderError::NotFound | FolderError::NotAFolder => FolderError::LeadsNowhere,
        other => other,
    })
}

#[cfg(target_os = "linux")]
fn open(root: BorrowedFd<'_>, path: &CStr, flags: OFlags, no_links: bool) -> Result<OwnedFd, FolderError> {
    use rustix::fs::{ResolveFlags, openat2};
    use rustix::io::Errno;
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    resolve.set(ResolveFlags::NO_SYMLINKS, no_links);
    for _ in 0..ATTEMPTS_MAX {
        match openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::XDEV) => return Err(FolderError::LeadsOutside),
            Err(Errno::NOSYS) => return part_by_part(root, path, flags),
            other => return Ok(other?),
        }
    }
    Err(FolderError::Unsteady)
}

#[cfg(not(target_os = "linux"))]
fn open(root: BorrowedFd<'_>, path: &CStr, flags: OFlags, _: bool) -> Result<OwnedFd, FolderError> {
    part_by_part(root, path, flags)
}

fn path_and<T>(path: &str, call: impl FnOnce(&CStr) -> Result<T, FolderError>) -> Result<T, FolderError> {
    path.into_with_c_str(|path| Ok(call(path))).map_err(FolderError::from)?
}

/// Opens every part from its parent's handle without following links.
fn part_by_part(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd, FolderError> {
    let way = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parent = None;
    let mut parts = path.to_bytes().split(|byte| *byte == b'/').peekable();
    while let Some(part) = parts.next() {
        let from = parent.as_ref().map_or(root, |handle: &OwnedFd| handle.as_fd());
        let wanted = if parts.peek().is_some() { way } else { flags | OFlags::NOFOLLOW };
        parent = Some(openat(from, part, wanted, Mode::empty())?);
    }
    parent.ok_or(FolderError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn part_by_part_opens_what_lies_below_and_refuses_links() {
        let share = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(share.path().join("a/b")).unwrap();
        std::fs::write(share.path().join("a/b/c"), "x").unwrap();
        symlink("a", share.path().join("link")).unwrap();
        let root = std::fs::File::open(share.path()).unwrap();
        assert!(part_by_part(root.as_fd(), c"a/b/c", OFlags::RDONLY).is_ok());
        assert!(part_by_part(root.as_fd(), c"link/b/c", OFlags::RDONLY).is_err());
        assert!(part_by_part(root.as_fd(), c"link", OFlags::RDONLY).is_err());
    }
}
