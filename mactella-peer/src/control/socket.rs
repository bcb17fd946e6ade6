//! The socket's file: made for this user alone, not beside a living one, and removed at the end.
//!
//! Must not know what is said over it.

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What the kernel takes as a socket's path, in bytes: `sun_path` without its end.
const PATH_BYTES_MAX: usize = 107;
/// Consoles that wait to be accepted.
const BACKLOG: i32 = 16;

/// Why there is no control socket.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    #[error(
        "the path of the control socket is longer than {PATH_BYTES_MAX} bytes: give a shorter one with --control \
         PATH ({})", .path.display()
    )]
    TooLong { path: PathBuf },
    #[error(
        "a running peer listens at the control socket {}: stop that one, or give this one its own with --control \
         PATH", .path.display()
    )]
    InUse { path: PathBuf },
    #[error("{} is no socket, and is left alone: give another path with --control PATH", .path.display())]
    NoSocket { path: PathBuf },
    #[error("the control socket {} cannot be made: give another path with --control PATH", .path.display())]
    Unusable { path: PathBuf, source: io::Error },
}

/// A listening socket with its file, which is removed on drop.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file: one that took the path meanwhile is somebody else's.
    inode: Option<(u64, u64)>,
}

impl ControlSocket {
    /// Makes the socket; one that a killed peer left is replaced.
    pub(crate) fn open(path: &Path) -> Result<Self, ControlError> {
        if path.as_os_str().len() > PATH_BYTES_MAX {
            return Err(ControlError::TooLong { path: path.to_owned() });
        }
        let unusable = |source| ControlError::Unusable { path: path.to_owned(), source };
        clear(path)?;
        let listener = UnixListener::from(listening(path).map_err(unusable)?);
        listener.set_nonblocking(true).map_err(unusable)?;
        Ok(Self { listener, path: path.to_owned(), inode: inode(path) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if self.inode.is_some() && inode(&self.path) == self.inode {
            // What cannot be removed is replaced by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes room: what a killed peer left is removed, and nothing else.
fn clear(path: &Path) -> Result<(), ControlError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ControlError::NoSocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|source| ControlError::Unusable { path: path.to_owned(), source })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(ControlError::InUse { path: path.to_owned() }),
        Err(source) => Err(ControlError::Unusable { path: path.to_owned(), source }),
    }
}

fn listening(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Before it has a name, so that at no time anybody else can connect.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_socket_is_this_users_alone_and_goes_with_the_peer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let socket = ControlSocket::open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(UnixStream::connect(&path).is_ok());
        assert!(matches!(ControlSocket::open(&path), Err(ControlError::InUse { .. })));
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_peer_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _socket = ControlSocket::open(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(ControlSocket::open(&path), Err(ControlError::NoSocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_socket_that_took_the_path_meanwhile_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let socket = ControlSocket::open(&path).unwrap();
        fs::rename(&path, folder.path().join("moved")).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
    }

    #[test]
    fn a_path_may_have_its_limit_and_not_one_byte_more() {
        let folder = tempfile::tempdir().unwrap();
        let room = PATH_BYTES_MAX - folder.path().as_os_str().len() - 1;
        assert!(ControlSocket::open(&folder.path().join("x".repeat(room))).is_ok());
        let error = ControlSocket::open(&folder.path().join("x".repeat(room + 1))).unwrap_err();
        assert!(error.to_string().contains("--control"), "{error}");
    }
}
