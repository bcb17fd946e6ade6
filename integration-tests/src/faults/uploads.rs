//! Faults while a file is sent.

use super::stage::{NAME, Setting, Stage};
use super::verdict::{Content, Verdict};
use super::{Contents, HALF, Player, flip_in_partial, word_of_rest};
use crate::proxy::{Direction, Fault};
use crate::systems::ground::Ground;
use crate::systems::system::Action;

const STUCK: Fault = Fault::Stall(Direction::ToServer, HALF);
/// More than a small disk takes.
const TOO_MUCH: usize = 12 << 20;

/// A client is killed in the middle, over a good file.
pub(crate) fn client_killed(player: &Player) -> Verdict {
    let contents = Contents::new();
    let stage = contents.stage(player, STUCK, true);
    let client = stage.start_until(Action::Upload, HALF);
    stage.kill(client);
    look(&stage, &contents, true)
}

/// The connection is cut in the middle, over a good file; the next one would hold.
pub(crate) fn connection_cut(player: &Player) -> Verdict {
    cut(player, true)
}

/// The connection is cut in the middle of a file that is new.
pub(crate) fn connection_cut_new_name(player: &Player) -> Verdict {
    cut(player, false)
}

fn cut(player: &Player, has_old: bool) -> Verdict {
    let contents = Contents::new();
    let stage = contents.stage(player, STUCK, has_old);
    let client = stage.start_until(Action::Upload, HALF);
    stage.cut();
    let ended = stage.finish(client);
    let found = look(&stage, &contents, has_old);
    Verdict::of(&[&found.words], &ended)
}

/// The server is killed in the middle, over a good file.
pub(crate) fn server_killed(player: &Player) -> Verdict {
    let contents = Contents::new();
    let mut stage = contents.stage(player, STUCK, true);
    let client = stage.start_until(Action::Upload, HALF);
    stage.kill_server(client);
    look(&stage, &contents, true)
}

/// The disk is full before the file is whole, which replaces a good one.
pub(crate) fn disk_full(player: &Player) -> Verdict {
    let contents = Contents { new: crate::content::bytes("too much", TOO_MUCH), ..Contents::new() };
    let setting = Setting { is_small: true, ..Setting::new(player.system, player.rights) };
    let stage = setting.open(Fault::None, |ground| contents.prepare_upload(ground, true));
    let ended = stage.run(Action::Upload, NAME);
    let found = look(&stage, &contents, true);
    Verdict::of(&[&found.words], &ended)
}

/// A bit of what is sent changes on the way.
pub(crate) fn bit_flipped(player: &Player) -> Verdict {
    let contents = Contents::new();
    let stage = contents.stage(player, Fault::Flip(Direction::ToServer, HALF), true);
    let ended = stage.run(Action::Upload, NAME);
    let found = look(&stage, &contents, true);
    Verdict::of(&[&found.words], &ended)
}

/// An upload of a new name is stopped, a bit of what it left changes, and it is resumed.
pub(crate) fn resumed_onto_a_changed_partial(player: &Player) -> Verdict {
    let contents = Contents::new();
    let stage = contents.stage(player, STUCK, false);
    let client = stage.start_until(Action::Upload, HALF);
    stage.stop(client);
    let was_kept = flip_in_partial(&stage.ground.share());
    let before = stage.byte_count(Action::Upload);
    let ended = stage.run(Action::ResumeUpload, NAME);
    let sent = stage.byte_count(Action::Upload) - before;
    let content = Content::of(&stage.ground.share().join(NAME), None, &contents.new);
    Verdict::of(&[content.words(false), word_of_rest(sent, was_kept)], &ended)
}

/// The name is a link that leads outside, to nothing.
pub(crate) fn onto_a_dangling_link(player: &Player) -> Verdict {
    let contents = Contents::new();
    let setting = Setting::new(player.system, player.rights);
    let stage = setting.open(Fault::None, |ground| {
        contents.prepare_upload(ground, false);
        ground.link(NAME, "created");
    });
    let ended = stage.run(Action::Upload, NAME);
    if stage.ground.beyond().join("created").exists() {
        return Verdict::of(&["**written outside**"], &ended);
    }
    let is_link = stage.ground.share().join(NAME).is_symlink();
    match (is_link, ended.code) {
        (true, 1..) => Verdict::new(&["refused"], &ended.said),
        (true, _) => Verdict::of(&["nothing written"], &ended),
        (false, _) => Verdict::of(&["link replaced"], &ended),
    }
}

/// What lies under the name, and whether anything lies beside it.
fn look(stage: &Stage<'_>, contents: &Contents, has_old: bool) -> Verdict {
    let share = stage.ground.share();
    let old = has_old.then_some(&*contents.old);
    let content = Content::of(&share.join(NAME), old, &contents.new);
    let aside = if Ground::others(&share, NAME).is_empty() { "" } else { "rest aside" };
    Verdict::new(&[content.words(has_old), aside], "")
}
