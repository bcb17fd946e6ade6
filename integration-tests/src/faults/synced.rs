//! Whether what a server says it has is on the disk: its system calls are written down, and looked at when the client
//! has ended.
//!
//! It must not know the server.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::stage::{NAME, Setting};
use super::verdict::Verdict;
use super::{Contents, Player};
use crate::proxy::Fault;
use crate::systems::system::{Action, find, program};

/// What was synced before the client ended well.
pub(crate) fn before_success(player: &Player) -> Verdict {
    // It may be there and not allowed.
    let can_look =
        find("strace").is_some() && program("strace").arg("true").output().unwrap().status.success();
    if !can_look {
        return Verdict::new(&["not looked: no strace"], "");
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let contents = Contents::new();
    let setting = Setting { trace: Some(trace.clone()), ..Setting::new(player.system, player.rights) };
    let stage = setting.open(Fault::None, |ground| contents.prepare_upload(ground, true));
    let ended = stage.finish_at_once(stage.start(Action::Upload, NAME));
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    stage.wait_until_quiet();
    if ended.code != 0 || fs::read(stage.ground.share().join(NAME)).unwrap() != contents.new {
        return Verdict::of(&["upload failed"], &ended);
    }
    let calls = fs::read_to_string(&trace).unwrap_or_default();
    let places = ["pub", "share"];
    let synced: Vec<Synced> = calls.lines().filter_map(|line| Synced::parse(line, end, &places)).collect();
    Verdict::new(&[words_of(&synced)], &calls)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Synced {
    All,
    File,
    Folder,
}

impl Synced {
    /// From a line such as `17 1700000000.000001 fsync(5</tmp/share/.x>) = 0 <0.0001>`: what it synced, if that
    /// succeeded before the end. `places` are the names of the share.
    fn parse(line: &str, end: f64, places: &[&str]) -> Option<Self> {
        let mut words = line.split_whitespace().skip(1);
        let began: f64 = words.next()?.parse().ok()?;
        let call = words.next()?.split('(').next()?;
        let took: f64 = line.rsplit_once('<')?.1.strip_suffix('>')?.parse().ok()?;
        if began + took > end || !line.contains(" = 0 <") {
            return None;
        }
        let path = line.split_once('<')?.1.split_once('>')?.0;
        let last = Path::new(path).file_name()?.to_str()?;
        let is_below = path.split('/').any(|part| places.contains(&part));
        match call {
            "syncfs" | "sync" => Some(Self::All),
            "fsync" | "fdatasync" if places.contains(&last) => Some(Self::Folder),
            "fsync" | "fdatasync" if is_below => Some(Self::File),
            _ => None,
        }
    }
}

fn words_of(synced: &[Synced]) -> &'static str {
    let has = |what| synced.contains(&what);
    match (has(Synced::All), has(Synced::File), has(Synced::Folder)) {
        (true, _, _) | (_, true, true) => "file and folder",
        (_, true, false) => "file only",
        _ => "**nothing**",
    }
}
