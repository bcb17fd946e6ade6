//! Syncing a whole file system at once, where its errors are told.

use std::fs::File;
use std::io;

/// Brings everything that was written to the file system of `file` to the disk (`syncfs`).
///
/// # Errors
/// When something did not reach the disk, whoever wrote it; and where the system has no such call, or one that keeps
/// errors to itself, as Linux before 5.8.
#[cfg(target_os = "linux")]
pub(super) fn sync_file_system(file: &File) -> io::Result<()> {
    use std::sync::LazyLock;
    static TELLS_ERRORS: LazyLock<bool> =
        LazyLock::new(|| is_at_least(&rustix::system::uname().release().to_string_lossy(), (5, 8)));
    if !*TELLS_ERRORS {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(rustix::fs::syncfs(file)?)
}

/// As above: here, there is no such call.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync_file_system(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a kernel release, such as `6.1.0-13-amd64`, is at least that version. What cannot be read is not.
#[cfg(any(target_os = "linux", test))]
fn is_at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_at_least;

    #[test]
    fn a_release_is_compared_by_its_first_two_numbers() {
        for release in ["5.8", "5.8.0-rc1", "5.10.0-13-amd64", "6.1", "10.0.0"] {
            assert!(is_at_least(release, (5, 8)), "{release}");
        }
        for release in ["5.7.19", "4.19.0", "5", "", "unknown", "99999999999.1"] {
            assert!(!is_at_least(release, (5, 8)), "{release}");
        }
    }
}
