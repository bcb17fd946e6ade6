//! A local file that is sent: opened once, and read where it is needed.

use super::SendError;
use crate::folder::{FolderError, OpenFile, Shape, Status, identity_of};
use crate::remote::Session;
use rustix::fs::{Mode, OFlags, fstat};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;
use wire::limits::SMALL_WRITE_BYTES_MAX;
use wire::timestamp::Timestamp;

/// An open regular file, with what was said of it when it was opened.
#[derive(Debug)]
pub struct Source {
    pub(super) opened: OpenFile,
    /// Its length, in bytes.
    pub byte_count: u64,
    /// When its content last changed.
    pub modified: Timestamp,
    /// Whether its owner may run it.
    pub executable: bool,
}

impl Source {
    /// Opens `path`; anything but a regular file is refused, and a FIFO is not waited for.
    ///
    /// # Errors
    /// When it is not there, no regular file, or may not be read.
    pub fn open(path: &Path) -> Result<Self, SendError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(not_there)?;
        let status = Status::of(&fstat(&handle).map_err(not_there)?);
        if status.shape != Shape::File {
            return Err(FolderError::NotAFile.into());
        }
        let Status { byte_count, modified, executable, .. } = status;
        let opened = OpenFile { file: File::from(handle), status };
        Ok(Self { opened, byte_count, modified, executable })
    }

    /// Whether it goes out with its request.
    pub(super) fn is_small_for(&self, session: &Session) -> bool {
        let theirs = session.welcome().limits.small_write_bytes_max;
        self.byte_count <= theirs.min(SMALL_WRITE_BYTES_MAX)
    }

    /// Whether what was read since it was opened may be a mixture of two versions.
    pub(super) fn has_changed(&self) -> Result<bool, SendError> {
        Ok(!identity_of(&self.opened.file)?.has_content_of(&self.opened.status.identity))
    }

    /// Fills `target` from `offset` on; fewer bytes only at the file's end.
    pub(super) fn read(&self, offset: u64, target: &mut [u8]) -> Result<usize, SendError> {
        let mut done = 0;
        while done < target.len() {
            let rest = target.get_mut(done..).unwrap_or_default();
            match rustix::io::pread(&self.opened.file, rest, offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(FolderError::from(error).into()),
            }
        }
        Ok(done)
    }
}

fn not_there(error: Errno) -> SendError {
    match error {
        Errno::NOENT | Errno::NOTDIR => SendError::NotFound,
        // What opening a socket, or a device without a driver, gives.
        Errno::NXIO | Errno::NODEV => FolderError::NotAFile.into(),
        other => FolderError::from(other).into(),
    }
}
