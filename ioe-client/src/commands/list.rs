//! LIST and SEARCH: entries shown as they come.

use super::whole;
use crate::client::Client;
use crate::failure::{Code, Failure};
use crate::here::Here;
use crate::pattern::Pattern;
use crate::render::{Report, ShownListing};
use shared_folder::remote::{ListedName, Listing, RemoteError, Session};
use wire::error_code::ErrorCode;
use wire::path::SharedPath;

pub(super) fn list(client: &mut Client, folder: Option<&str>, recursive: bool) -> Result<(), Code> {
    let text = folder.unwrap_or(".");
    let path = client.remote().map(drop).and_then(|()| Ok(client.here.resolve(text)?));
    let path = path.map_err(|failure| client.failed("list", Some(&whole(client, text)), &failure))?;
    let name = path.as_ref().map_or("", |path| path.as_str());
    let shown = match show(client, "list", &|session| session.list(path.as_ref(), recursive), &|_| true) {
        // A folder that is called exactly so comes before a pattern.
        Err(failure) if is_no_folder(&failure) => match Pattern::find(text) {
            Some(pattern) => list_matches(client, &pattern, recursive),
            None => Err(failure),
        },
        shown => shown,
    };
    let count = shown.map_err(|failure| client.failed("list", Some(name), &failure))?;
    if count == 0 {
        client.report.say("there are no files in the folder");
    }
    Ok(())
}

fn is_no_folder(failure: &Failure) -> bool {
    matches!(failure.code, Code::Remote(ErrorCode::NotFound | ErrorCode::NotAFolder))
}

/// What matches in the pattern's folder; `recursive`: in all folders below it, too.
fn list_matches(client: &mut Client, pattern: &Pattern, recursive: bool) -> Result<u64, Failure> {
    let folder = match pattern.folder.as_str() {
        "" => client.here.folder().cloned(),
        folder => Some(client.here.below(folder)?),
    };
    let start = folder.as_ref().map_or(0, |folder| folder.as_str().len() + 1);
    let matches = |path: &SharedPath| {
        let below = path.as_str().get(start..).unwrap_or_default();
        pattern.matches(below) || recursive && pattern.matches(path.name())
    };
    let is_deep = recursive || pattern.is_deep;
    match show(client, "list", &|session| session.list(folder.as_ref(), is_deep), &matches)? {
        0 => Err(Failure::new(Code::Remote(ErrorCode::NotFound), "nothing matches the pattern")),
        count => Ok(count),
    }
}

pub(super) fn search(client: &mut Client, words: &str) -> Result<(), Code> {
    let shown = show(client, "search", &|session| session.search(words), &|_| true);
    let count = shown.map_err(|failure| client.failed("search", Some(words), &failure))?;
    if count == 0 && !client.report.is_json() {
        client.report.note("nothing has all these words");
    }
    Ok(())
}

type Ask<'a> = &'a dyn for<'s> Fn(&'s mut Session) -> Result<Listing<'s>, RemoteError>;

/// Which of the entries are shown.
type Wanted<'a> = &'a dyn Fn(&SharedPath) -> bool;

/// Shows all that are wanted, and gives how many there were. A session that ended while nobody used it is made again, as
/// long as nothing was shown.
fn show(
    client: &mut Client,
    command: &'static str,
    ask: Ask<'_>,
    is_wanted: Wanted<'_>,
) -> Result<u64, Failure> {
    let was_open = client.remote()?.is_open();
    let shown = match show_once(client, command, ask, is_wanted) {
        Err((false, error)) if was_open && error.is_gone() => {
            client.remote()?.abandon();
            show_once(client, command, ask, is_wanted)
        }
        other => other,
    };
    match shown {
        Ok((count, 0)) => Ok(count),
        Ok((_, unsound)) => {
            let text = format!("the server named {unsound} things that are not where it was asked to look");
            Err(Failure::new(Code::Remote(ErrorCode::BadPath), text))
        }
        Err((_, error)) => Err(error.into()),
    }
}

/// Gives how many names were shown and how many were unsound; an error comes with whether anything had been shown
/// before.
fn show_once(
    client: &mut Client,
    command: &'static str,
    ask: Ask<'_>,
    is_wanted: Wanted<'_>,
) -> Result<(u64, u64), (bool, RemoteError)> {
    let (remote, report, here) = client.parts();
    let Some(remote) = remote else { return Ok((0, 0)) };
    let session = remote.session().map_err(|error| (false, error))?;
    let mut listing = ask(session).map_err(|error| (false, error))?;
    let mut shown = report.listing(command);
    let counted = show_entries((&mut listing, is_wanted), &mut shown, report, here);
    if let Some(listed) = listing.listed() {
        shown.counts(listed);
    }
    match counted {
        Ok(unsound) => Ok((shown.end(), unsound)),
        Err(error) => Err((shown.end() > 0, error)),
    }
}

fn show_entries(
    (listing, is_wanted): (&mut Listing<'_>, Wanted<'_>),
    shown: &mut ShownListing<'_>,
    report: &Report,
    here: &Here,
) -> Result<u64, RemoteError> {
    let mut unsound = 0;
    while !report.is_closed() {
        // What has come is shown before the next wait.
        if !listing.is_ready() {
            report.flush();
        }
        match listing.next_entry()? {
            Some(ListedName::Sound(path, _)) if !is_wanted(&path) => {}
            Some(ListedName::Sound(path, entry)) => shown.entry(here.shown(path.as_str()), entry),
            Some(ListedName::Unsound(name)) => {
                unsound += 1;
                report.note(format_args!("not shown: {name}"));
            }
            None => break,
        }
    }
    Ok(unsound)
}
