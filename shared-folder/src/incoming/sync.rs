//! Syncing a whole file system at once, where its errors are told.

use std::fs::File;
use std::io;

/// Brings everything that was written to the file system of `file` to the disk (`syncfs`).
///
/// # Errors
/// When something did not reach the disk, whoever wrote it; and where that call does less than that: in file systems
/// that are not known for it (FUSE, say, tells its daemon nothing), and on Linux before 5.8, which keeps errors to
/// itself.
#[cfg(target_os = "linux")]
pub(super) fn sync_file_system(file: &File) -> io::Result<()> {
    use std::sync::LazyLock;
    static TELLS_ERRORS: LazyLock<bool> =
        LazyLock::new(|| is_at_least(&rustix::system::uname().release().to_string_lossy(), (5, 8)));
    if !*TELLS_ERRORS || !is_synced_as_a_whole(rustix::fs::fstatfs(file)?.f_type) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(rustix::fs::syncfs(file)?)
}

/// Whether `syncfs` brings all of a file system of this type (statfs(2)) to its disk.
#[cfg(target_os = "linux")]
fn is_synced_as_a_whole(file_system: impl TryInto<u32>) -> bool {
    const EXT: u32 = 0xef53;
    const XFS: u32 = 0x5846_5342;
    const BTRFS: u32 = 0x9123_683e;
    const F2FS: u32 = 0xf2f5_2010;
    const TMPFS: u32 = 0x0102_1994;
    file_system.try_into().is_ok_and(|known| [EXT, XFS, BTRFS, F2FS, TMPFS].contains(&known))
}

/// As above: here, there is no such call.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync_file_system(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a kernel release, such as `6.1.0-13-amd64`, is at least that version. What cannot be read is not.
#[cfg(target_os = "linux")]
fn is_at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= wanted,
        _ => false,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_compared_by_its_first_two_numbers() {
        for release in ["5.8", "5.8.0-rc1", "5.10.0-13-amd64", "6.1", "10.0.0"] {
            assert!(is_at_least(release, (5, 8)), "{release}");
        }
        for release in ["5.7.19", "4.19.0", "5", "", "unknown", "99999999999.1"] {
            assert!(!is_at_least(release, (5, 8)), "{release}");
        }
    }

    #[test]
    fn a_file_system_that_is_not_known_for_it_is_not_synced_as_a_whole() {
        let (ext, fuse, nfs) = (0xef53_i64, 0x6573_5546_i64, 0x6969_i64);
        assert!(is_synced_as_a_whole(ext));
        assert!(!is_synced_as_a_whole(fuse) && !is_synced_as_a_whole(nfs) && !is_synced_as_a_whole(-1_i64));
    }

    #[test]
    fn what_syncfs_would_not_bring_to_a_disk_is_not_taken_for_synced() {
        let error = sync_file_system(&File::open("/proc/self/status").unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
