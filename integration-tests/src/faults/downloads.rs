//! Faults while a file is fetched.

use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use super::stage::{NAME, Setting, Stage};
use super::verdict::{Content, Verdict};
use super::{Contents, HALF, Player, flip_in_partial, word_of_rest};
use crate::content::bytes;
use crate::proxy::{Direction, Fault};
use crate::scratch::CANARY;
use crate::systems::ground::{Ground, put, write_into};
use crate::systems::system::Action;

const STUCK: Fault = Fault::Stall(Direction::ToClient, HALF);
/// So long that the system cannot hold all of it between a server and a client that waits.
const LONG: usize = 32 << 20;
/// To so much a file shrinks: less than had been fetched before.
const SHRUNK: usize = 1 << 20;
const GROWTH: usize = 4 << 20;

/// The connection is cut in the middle, over a good local file; the next one would hold.
pub(crate) fn connection_cut(player: &Player) -> Verdict {
    let contents = Contents::new();
    let stage = stage(player, &contents, STUCK);
    put(&stage.ground.local().join(NAME), &contents.old);
    let client = stage.start_until(Action::Download, HALF);
    stage.cut();
    let ended = stage.finish(client);
    let found = look(&stage, &contents, true);
    Verdict::of(&[&found], &ended)
}

/// A bit of what is fetched changes on the way.
pub(crate) fn bit_flipped(player: &Player) -> Verdict {
    let contents = Contents::new();
    let stage = stage(player, &contents, Fault::Flip(Direction::ToClient, HALF));
    put(&stage.ground.local().join(NAME), &contents.old);
    let ended = stage.run(Action::Download, NAME);
    let found = look(&stage, &contents, true);
    Verdict::of(&[&found], &ended)
}

/// A download is stopped, a bit of what it left changes, and it is resumed.
pub(crate) fn resumed_onto_a_changed_partial(player: &Player) -> Verdict {
    resumed_after(player, |stage, _| flip_in_partial(&stage.ground.local()))
}

/// A download is stopped, the file is replaced by another one of the same length and time, and it is resumed.
pub(crate) fn resumed_after_a_replacement(player: &Player) -> Verdict {
    resumed_after(player, |stage, contents| {
        let path = stage.ground.share().join(NAME);
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        contents.new = bytes("the replacement", contents.new.len());
        replace(&path, &contents.new, time);
        !fs::read_dir(stage.ground.local()).unwrap().count().eq(&0)
    })
}

fn resumed_after(player: &Player, spoil: impl FnOnce(&Stage<'_>, &mut Contents) -> bool) -> Verdict {
    let mut contents = Contents::new();
    let stage = stage(player, &contents, STUCK);
    let client = stage.start_until(Action::Download, HALF);
    stage.stop(client);
    let was_kept = spoil(&stage, &mut contents);
    let before = stage.byte_count(Action::Download);
    let ended = stage.run(Action::ResumeDownload, NAME);
    let sent = stage.byte_count(Action::Download) - before;
    let content = Content::of(&stage.ground.local().join(NAME), None, &contents.new);
    Verdict::of(&[content.words(false), word_of_rest(sent, was_kept)], &ended)
}

/// The file is cut to less than what has been fetched already.
pub(crate) fn shrinks(player: &Player) -> Verdict {
    changing(player, |path, _| {
        File::options().write(true).open(path).unwrap().set_len(SHRUNK as u64).unwrap();
    })
}

/// The file grows at its end.
pub(crate) fn grows(player: &Player) -> Verdict {
    changing(player, |path, before| write_into(path, before.len() as u64, &bytes("growth", GROWTH)))
}

/// The file is written over from its beginning to its end.
pub(crate) fn is_written_over(player: &Player) -> Verdict {
    changing(player, |path, before| write_into(path, 0, &bytes("written over", before.len())))
}

fn changing(player: &Player, change: impl FnOnce(&Path, &[u8])) -> Verdict {
    let contents = Contents { new: bytes("changing", LONG), ..Contents::new() };
    let stage = stage(player, &contents, Fault::Hold(Direction::ToClient, HALF));
    let client = stage.start_until(Action::Download, HALF);
    let path = stage.ground.share().join(NAME);
    change(&path, &contents.new);
    stage.release();
    let ended = stage.finish(client);
    let now = fs::read(&path).unwrap();
    let words = match fs::read(stage.ground.local().join(NAME)) {
        Err(_) => "no file",
        Ok(found) if found == now => "as it is now",
        Ok(found) if found == contents.new => "as it was",
        Ok(_) => "**never was**",
    };
    Verdict::of(&[words], &ended)
}

/// The name is a link that leads outside, to a file.
pub(crate) fn through_a_link(player: &Player) -> Verdict {
    let setting = Setting::new(player.system, player.rights);
    let stage = setting.open(Fault::None, |ground| ground.link(NAME, "secret.txt"));
    let ended = stage.run(Action::DownloadLink, NAME);
    match fs::read(stage.ground.local().join(NAME)) {
        Ok(found) if found == CANARY.as_bytes() => Verdict::of(&["**read outside**"], &ended),
        _ if ended.code == 0 => Verdict::of(&["nothing read"], &ended),
        _ => Verdict::new(&["refused"], &ended.said),
    }
}

fn stage<'a>(player: &Player<'a>, contents: &Contents, fault: Fault) -> Stage<'a> {
    let setting = Setting::new(player.system, player.rights);
    setting.open(fault, |ground| put(&ground.share().join(NAME), &contents.new))
}

fn look(stage: &Stage<'_>, contents: &Contents, has_old: bool) -> String {
    let local = stage.ground.local();
    let content = Content::of(&local.join(NAME), Some(&contents.old), &contents.new);
    let aside = if Ground::others(&local, NAME).is_empty() { "" } else { "rest aside" };
    Verdict::new(&[content.words(has_old), aside], "").words
}

fn replace(path: &Path, bytes: &[u8], time: SystemTime) {
    put(path, bytes);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}
