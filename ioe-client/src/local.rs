//! Local files and folders: where a typed name leads, what lies below a folder, what a pattern matches.
//!
//! Must not know any connection, and opens no file.

use crate::failure::Failure;
use crate::pattern::Pattern;
use std::fs::{self, FileType};
use std::io;
use std::iter;
use std::panic::resume_unwind;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};
use wire::path::{SharedPath, is_reserved};

/// Files and folders of one command: more are refused before anything is sent or read.
pub(crate) const ITEMS_MAX: usize = 2_000_000;

/// Folders that a walk looks into together.
const FOLDERS_MAX: usize = 64;
/// A walk has a thread for so many of these folders, and at most so many threads.
const FOLDERS_EACH_MIN: usize = 8;
const THREADS_MAX: usize = 4;

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
    let Some(text) = text else { return Ok(Target::Into(dir.to_owned())) };
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
    let text = path.to_str().unwrap_or_default();
    let below = text.strip_prefix("./").filter(|below| !below.starts_with('/')).unwrap_or(text);
    if is_plain(below) { below.to_owned() } else { shown_in_parts(path) }
}

/// Whether no part is empty or `.`, as in most of the many paths of a command.
fn is_plain(text: &str) -> bool {
    let mut parts = text.strip_prefix('/').unwrap_or(text).split('/');
    parts.all(|part| !matches!(part, "" | "."))
}

fn shown_in_parts(path: &Path) -> String {
    // Parts that are `.` say nothing, but the only one.
    let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let shown = if plain.as_os_str().is_empty() { path } else { &plain };
    shown.to_string_lossy().into_owned()
}

/// Walks through all below `root`, folders before what is in them. Names begin with `top`, if it has one. Links to
/// files count as files, links to folders as special: they may lead in circles.
pub(crate) fn walk(
    root: &Path,
    top: &str,
    on: &mut dyn FnMut(Below) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut folders = vec![(root.to_owned(), top.to_owned())];
    while !folders.is_empty() {
        // The latest ones first, or a wide tree would be held as a whole.
        let together = folders.split_off(folders.len().saturating_sub(FOLDERS_MAX));
        for ((folder, name), found) in together.iter().zip(look_into(&together)) {
            if !name.is_empty() && found.is_ok() {
                on(Below::Folder(name.clone()))?;
            }
            for below in found.unwrap_or_else(|unusable| vec![unusable]) {
                match below {
                    Below::Folder(below) => folders.push((folder.join(last_part(&below)), below)),
                    other => on(other)?,
                }
            }
        }
    }
    Ok(())
}

/// A folder with its name from the top on.
type Named = (PathBuf, String);

/// What is in each of these folders, or why it cannot be told. Several threads look: while a command looks for its files, nothing
/// else has begun.
fn look_into(folders: &[Named]) -> Vec<Result<Vec<Below>, Below>> {
    let next = AtomicUsize::new(0);
    let look = || {
        let one = || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            folders.get(index).map(|folder| (index, look_in(folder)))
        };
        iter::from_fn(one).collect::<Vec<_>>()
    };
    let mut found = thread::scope(|scope| {
        let start = |_| Builder::new().name("walk".into()).spawn_scoped(scope, look).ok();
        let others: Vec<_> = (0..folders.len().div_ceil(FOLDERS_EACH_MIN).min(THREADS_MAX))
            .skip(1)
            .filter_map(start)
            .collect();
        let mut found = look();
        for other in others {
            found.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        found
    });
    found.sort_unstable_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, found)| found).collect()
}

fn look_in((folder, name): &Named) -> Result<Vec<Below>, Below> {
    let unusable = |error: io::Error| Below::Unusable(folder.clone(), error.to_string());
    let entries = fs::read_dir(folder).map_err(unusable)?;
    let looked =
        entries.map(|entry| entry.map_or_else(|error| Some(unusable(error)), |entry| look_at(&entry, name)));
    Ok(looked.flatten().collect())
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
    let unusable = |why: String| Some(Below::Unusable(entry.path(), why));
    let name = entry.file_name();
    let Some(name) = name.to_str() else { return unusable("its name is not UTF-8".to_owned()) };
    if is_reserved(name) {
        return None;
    }
    let below = joined(folder, name);
    if let Err(error) = SharedPath::parse(&below) {
        return unusable(error.to_string());
    }
    match kind_of(entry) {
        Ok((kind, byte_count)) if kind.is_file() => Some(Below::File(below, byte_count)),
        Ok((kind, _)) if kind.is_dir() => Some(Below::Folder(below)),
        Ok(_) => Some(Below::Special(entry.path())),
        Err(error) => unusable(error.to_string()),
    }
}

/// The type and length of an entry; a link has the type of a file it leads to, and otherwise its own.
fn kind_of(entry: &fs::DirEntry) -> io::Result<(FileType, u64)> {
    let own = entry.metadata()?;
    if !own.is_symlink() {
        return Ok((own.file_type(), own.len()));
    }
    match fs::metadata(entry.path()) {
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
    fn a_path_is_shown_without_what_says_nothing() {
        let texts =
            ["./a", "dir/./a", "/x/./y/../a", ".", "a/b", "/a/b", "a//b", "a/", "/", "", "./", ".//a"];
        let shown = texts.map(|text| shown(Path::new(text)));
        assert_eq!(shown, ["a", "dir/a", "/x/y/../a", ".", "a/b", "/a/b", "a/b", "a", "/", "", "./", "a"]);
    }

    #[test]
    fn a_wide_tree_is_walked_the_same_way_each_time_and_folders_come_before_what_is_in_them() {
        let place = tempfile::tempdir().unwrap();
        for index in 0..3 * FOLDERS_MAX {
            let folder = place.path().join(format!("{}/{index}", index % 7));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("file"), "x").unwrap();
        }
        let walked = || {
            let mut all = Vec::new();
            walk(place.path(), "", &mut |below| {
                all.push(below);
                Ok(())
            })
            .unwrap();
            all
        };
        let all = walked();
        assert_eq!(all.len(), 7 + 2 * 3 * FOLDERS_MAX);
        let mut folders = std::collections::HashSet::from([String::new()]);
        for below in &all {
            let (Below::Folder(name) | Below::File(name, _)) = below else { panic!("{below:?}") };
            assert!(folders.contains(name.rsplit_once('/').map_or("", |(folder, _)| folder)), "{name}");
            if matches!(below, Below::Folder(_)) {
                assert!(folders.insert(name.clone()), "{name} comes twice");
            }
        }
        assert_eq!(walked(), all);
    }

    #[test]
    fn a_command_that_has_enough_ends_a_walk() {
        let place = tree();
        let mut count = 0;
        let ended = walk(place.path(), "", &mut |_| {
            count += 1;
            if count < 2 { Ok(()) } else { Err(too_many()) }
        });
        assert!(ended.is_err() && count == 2);
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
