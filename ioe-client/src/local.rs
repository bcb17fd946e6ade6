//! Local files and folders: where a typed name leads, what lies below a folder, what a pattern matches.
//!
//! Must not know any connection, and opens no file.

use crate::failure::Failure;
use crate::pattern::Pattern;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use wire::path::{SharedPath, is_reserved};

/// Files and folders of one command: more are refused before anything is sent or read.
pub(crate) const ITEMS_MAX: usize = 2_000_000;

/// Where files that arrive are to land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Under their own names in this folder.
    Into(PathBuf),
    /// Under this name.
    Exactly(PathBuf),
}

/// Something below a folder that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Below {
    /// A folder, with its name from the top on.
    Folder(String),
    /// A regular file, with its name from the top on and its length.
    File(String, u64),
    /// What is neither: left out, and no failure.
    Special(PathBuf),
    /// What should be sent and cannot.
    Unusable(PathBuf, String),
}

/// The local path that `text` names; `dir` is left out of it where it is the current folder.
pub(crate) fn at(dir: &Path, text: &str) -> PathBuf {
    if dir == Path::new(".") { PathBuf::from(text) } else { dir.join(text) }
}

/// Where `text`, or nothing, says that files are to land. A folder is made only where `text` ends in `/`, and not where it is
/// only asked (`is_made`: false).
pub(crate) fn target(dir: &Path, text: Option<&str>, is_made: bool) -> io::Result<Target> {
    let Some(text) = text else { return Ok(Target::Into(at(dir, "."))) };
    let path = at(dir, text);
    if text.ends_with('/') {
        if is_made {
            fs::create_dir_all(&path)?;
        }
        return Ok(Target::Into(path));
    }
    Ok(if path.is_dir() { Target::Into(path) } else { Target::Exactly(path) })
}

/// The path as it is shown: without `./` in front.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).to_string_lossy().into_owned()
}

/// Walks through all below `root`, folders before what is in them. Names begin with `top`, if it has one. Links to
/// files count as files, links to folders as special: they may lead in circles.
pub(crate) fn walk(
    root: &Path,
    top: &str,
    on: &mut dyn FnMut(Below) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut folders = vec![(root.to_owned(), top.to_owned())];
    while let Some((folder, name)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                on(Below::Unusable(folder, error.to_string()))?;
                continue;
            }
        };
        if !name.is_empty() {
            on(Below::Folder(name.clone()))?;
        }
        for entry in entries {
            match entry.map(|entry| look_at(&entry, &name)) {
                Ok(Some(Below::Folder(below))) => folders.push((folder.join(last_part(&below)), below)),
                Ok(Some(other)) => on(other)?,
                Ok(None) => {}
                Err(error) => on(Below::Unusable(folder.clone(), error.to_string()))?,
            }
        }
    }
    Ok(())
}

/// What a pattern matches below `dir`, in the order of names: paths of files and folders.
pub(crate) fn expand(dir: &Path, pattern: &Pattern) -> Result<Vec<PathBuf>, Failure> {
    let root = at(dir, if pattern.folder.is_empty() { "." } else { &pattern.folder });
    let (mut matches, mut folders, mut seen) = (Vec::new(), vec![(root, String::new())], 0usize);
    while let Some((folder, name)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > ITEMS_MAX {
                return Err(too_many());
            }
            let Some(below) = entry.file_name().to_str().map(|part| joined(&name, part)) else { continue };
            let path = folder.join(entry.file_name());
            if pattern.matches(&below) {
                matches.push(path);
            } else if pattern.is_deep && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push((path, below));
            }
        }
    }
    matches.sort_unstable();
    Ok(matches)
}

/// Why a command is refused that would take too much at once.
pub(crate) fn too_many() -> Failure {
    Failure::local(format!("more than {ITEMS_MAX} files and folders: take its folders one by one"))
}

/// `name` below `folder`, which may be nothing.
pub(crate) fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn last_part(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

/// What an entry is; `None` for what is still landing.
fn look_at(entry: &fs::DirEntry, folder: &str) -> Option<Below> {
    let path = entry.path();
    let Some(name) = entry.file_name().to_str().map(ToOwned::to_owned) else {
        return Some(Below::Unusable(path, "its name is not UTF-8".to_owned()));
    };
    if is_reserved(&name) {
        return None;
    }
    let below = joined(folder, &name);
    if let Err(error) = SharedPath::parse(&below) {
        return Some(Below::Unusable(path, error.to_string()));
    }
    Some(match kind_of(entry, &path) {
        Ok((kind, byte_count)) if kind.is_file() => Below::File(below, byte_count),
        Ok((kind, _)) if kind.is_dir() => Below::Folder(below),
        Ok(_) => Below::Special(path),
        Err(error) => Below::Unusable(path, error.to_string()),
    })
}

/// The type and length of an entry; a link has the type of a file it leads to, and otherwise its own.
fn kind_of(entry: &fs::DirEntry, path: &Path) -> io::Result<(FileType, u64)> {
    let own = entry.metadata()?;
    if !own.is_symlink() {
        return Ok((own.file_type(), own.len()));
    }
    match fs::metadata(path) {
        Ok(led_to) if led_to.is_file() => Ok((led_to.file_type(), led_to.len())),
        _ => Ok((own.file_type(), 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/b/1.mp3"), b"12345").unwrap();
        fs::write(place.path().join("a/2.txt"), b"").unwrap();
        fs::write(place.path().join("a/.ioe-partial-x"), b"").unwrap();
        std::os::unix::fs::symlink("2.txt", place.path().join("a/link")).unwrap();
        std::os::unix::fs::symlink("..", place.path().join("a/circle")).unwrap();
        place
    }

    #[test]
    fn a_walk_meets_everything_once_and_enters_no_links() {
        let place = tree();
        let (mut all, root) = (Vec::new(), place.path().join("a"));
        walk(&root, "a", &mut |below| {
            all.push(below);
            Ok(())
        })
        .unwrap();
        assert_eq!(all.first(), Some(&Below::Folder("a".into())));
        for expected in [
            Below::Folder("a/b".into()),
            Below::File("a/b/1.mp3".into(), 5),
            Below::File("a/2.txt".into(), 0),
            Below::File("a/link".into(), 0),
            Below::Special(root.join("circle")),
        ] {
            assert!(all.contains(&expected), "{expected:?}");
        }
        assert_eq!(all.len(), 6, "{all:?}");
    }

    #[test]
    fn a_name_that_is_no_text_is_reported() {
        use std::os::unix::ffi::OsStrExt as _;
        let place = tree();
        fs::write(place.path().join(std::ffi::OsStr::from_bytes(b"\xff")), b"").unwrap();
        let mut unusable = 0;
        walk(place.path(), "", &mut |below| {
            unusable += usize::from(matches!(below, Below::Unusable(..)));
            Ok(())
        })
        .unwrap();
        assert_eq!(unusable, 1);
    }

    #[test]
    fn patterns_match_in_their_folder_or_below_it() {
        let place = tree();
        let names = |text: &str| {
            let found = expand(place.path(), &Pattern::find(text).unwrap()).unwrap();
            found.iter().map(|path| shown(path.strip_prefix(place.path()).unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(names("a/*.txt"), ["a/2.txt"]);
        assert_eq!(names("*/*.txt"), ["a/2.txt"]);
        assert_eq!(names("**/*.mp3"), ["a/b/1.mp3"]);
        assert_eq!(names("*.mp3"), [""; 0]);
    }

    #[test]
    fn a_target_is_a_folder_when_it_says_so_or_is_one() {
        let place = tree();
        let dir = place.path();
        assert_eq!(target(dir, Some("a"), true).unwrap(), Target::Into(dir.join("a")));
        assert_eq!(target(dir, Some("c"), true).unwrap(), Target::Exactly(dir.join("c")));
        assert_eq!(target(dir, Some("c/d/"), true).unwrap(), Target::Into(dir.join("c/d/")));
        assert!(dir.join("c/d").is_dir());
        assert_eq!(shown(&at(Path::new("."), "x")), "x");
        assert_eq!(shown(Path::new("./x")), "x");
    }
}
