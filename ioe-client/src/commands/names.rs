//! From what was typed to what there is at the other end: a file, a folder, or all that a pattern matches.

use crate::client::Client;
use crate::failure::{Code, Failure, not_connected};
use crate::local::{ITEMS_MAX, too_many};
use crate::pattern::Pattern;
use shared_folder::remote::{Found, Listed, ListedName, RemoteError, Repeat};
use wire::error_code::ErrorCode;
use wire::message::{Entry, Kind};
use wire::path::SharedPath;

/// Something there is. The share's root has no path.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) path: Option<SharedPath>,
    pub(super) entry: Entry,
}

impl Named {
    pub(super) fn is_folder(&self) -> bool {
        self.entry.kind == Kind::Folder
    }
}

/// What each of `texts` names. Something that is called exactly so comes before a pattern, and a pattern that is not
/// `recursive` means files alone.
pub(super) fn find(
    client: &mut Client,
    texts: &[String],
    recursive: bool,
) -> Result<Vec<Result<Vec<Named>, Failure>>, Failure> {
    client.remote()?;
    let paths: Vec<_> = texts.iter().map(|text| client.here.resolve(text)).collect();
    let sound: Vec<_> = paths.iter().flatten().cloned().collect();
    let mut found =
        client.remote()?.ask(Repeat::Harmless, |session| session.stat_several(&sound))?.into_iter();
    let mut all = Vec::new();
    for (text, path) in texts.iter().zip(paths) {
        all.push(match path {
            Ok(path) => match found.next() {
                Some(outcome) => one(client, (text, path), outcome, recursive),
                None => Ok(Vec::new()),
            },
            Err(error) => Err(error.into()),
        });
    }
    Ok(all)
}

fn one(
    client: &mut Client,
    (text, path): (&str, Option<SharedPath>),
    outcome: Result<Found, RemoteError>,
    recursive: bool,
) -> Result<Vec<Named>, Failure> {
    match (outcome, Pattern::find(text)) {
        (Ok(found), _) => Ok(vec![Named { path, entry: found.entry }]),
        (Err(error), Some(pattern)) if error.refusal() == Some(ErrorCode::NotFound) => {
            matches(client, &pattern, recursive)
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// All below a folder, without the folder itself.
pub(super) fn all_below(client: &mut Client, folder: Option<&SharedPath>) -> Result<Vec<Named>, Failure> {
    listed(client, folder, true, &mut |_| true)
}

fn matches(client: &mut Client, pattern: &Pattern, recursive: bool) -> Result<Vec<Named>, Failure> {
    let folder = match pattern.folder.as_str() {
        "" => client.here.folder().cloned(),
        folder => Some(client.here.below(folder)?),
    };
    let start = folder.as_ref().map_or(0, |folder| folder.as_str().len() + 1);
    let mut is_match =
        |path: &SharedPath| path.as_str().get(start..).is_some_and(|name| pattern.matches(name));
    let mut found = listed(client, folder.as_ref(), pattern.is_deep, &mut is_match)?;
    let all = found.len();
    found.retain(|named| recursive || !named.is_folder());
    if found.is_empty() {
        let text = if all == 0 { "nothing matches the pattern" } else { "only folders match: -r takes them" };
        return Err(Failure::new(Code::Remote(ErrorCode::NotFound), text));
    }
    if found.len() < all {
        client.report.note(format_args!("folders left out, which -r takes: {}", all - found.len()));
    }
    Ok(found)
}

/// The entries that are wanted; names that are not where they should be are reported, and used for nothing.
fn listed(
    client: &mut Client,
    folder: Option<&SharedPath>,
    recursive: bool,
    is_wanted: &mut dyn FnMut(&SharedPath) -> bool,
) -> Result<Vec<Named>, Failure> {
    let (remote, report, _) = client.parts();
    let remote = remote.ok_or_else(not_connected)?;
    let (mut found, mut is_sound, mut is_too_many) = (Vec::new(), true, false);
    let listed = remote.ask(Repeat::Harmless, |session| {
        found.clear();
        let mut listing = session.list(folder, recursive)?;
        while let Some(name) = listing.next_entry()? {
            match name {
                ListedName::Sound(path, entry) if is_wanted(&path) => {
                    found.push(Named { path: Some(path), entry });
                }
                ListedName::Sound(..) => {}
                ListedName::Unsound(name) => {
                    is_sound = false;
                    report.note(format_args!("not taken: {name}"));
                }
            }
            if found.len() > ITEMS_MAX {
                is_too_many = true;
                break;
            }
        }
        Ok::<_, RemoteError>(listing.listed().unwrap_or_default())
    })?;
    if is_too_many {
        return Err(too_many());
    }
    if !is_sound {
        let text = "the server named things that are not where it was asked to look";
        return Err(Failure::new(Code::Remote(ErrorCode::BadPath), text));
    }
    let Listed { unnameable_count, left_out_count } = listed;
    if unnameable_count > 0 {
        report.note(format_args!("names that cannot be taken: {unnameable_count}"));
    }
    if left_out_count > 0 {
        let what = "left out at the server (links that lead outside, devices and the like)";
        report.note(format_args!("{what}: {left_out_count}"));
    }
    client.underway.untakeable_count += unnameable_count;
    Ok(found)
}
