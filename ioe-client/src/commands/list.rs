//! LIST and SEARCH: entries shown as they come.

use super::whole;
use crate::client::Client;
use crate::failure::{Code, Failure};
use crate::here::Here;
use crate::render::{Report, ShownListing};
use shared_folder::remote::{ListedName, Listing, Recovery, RemoteError, Session};
use wire::error_code::ErrorCode;

const NO_FILES: &str = "there are no files in the folder";
const NO_MATCH: &str = "nothing has all these words";

pub(super) fn list(client: &mut Client, folder: Option<&str>, recursive: bool) -> Result<(), Code> {
    let text = folder.unwrap_or(".");
    let path = client.remote().map(drop).and_then(|()| Ok(client.here.resolve(text)?));
    let path = path.map_err(|failure| client.failed("list", Some(&whole(client, text)), &failure))?;
    let name = path.as_ref().map_or("", |path| path.as_str());
    let shown = show(client, "list", NO_FILES, &|session| session.list(path.as_ref(), recursive));
    shown.map_err(|failure| client.failed("list", Some(name), &failure))
}

pub(super) fn search(client: &mut Client, words: &str) -> Result<(), Code> {
    let shown = show(client, "search", NO_MATCH, &|session| session.search(words));
    shown.map_err(|failure| client.failed("search", Some(words), &failure))
}

type Ask<'a> = &'a dyn for<'s> Fn(&'s mut Session) -> Result<Listing<'s>, RemoteError>;

/// Shows all entries. A session that ended while nobody used it is made again, as long as nothing was shown.
fn show(client: &mut Client, command: &'static str, nothing: &str, ask: Ask<'_>) -> Result<(), Failure> {
    let was_open = client.remote()?.is_open();
    let shown = match show_once(client, command, nothing, ask) {
        Err((false, error)) if was_open && error.recovery() == Recovery::Reconnect => {
            client.remote()?.abandon();
            show_once(client, command, nothing, ask)
        }
        other => other,
    };
    match shown {
        Ok(0) => Ok(()),
        Ok(count) => {
            let text = format!("the server named {count} things that are not where it was asked to look");
            Err(Failure::new(Code::Remote(ErrorCode::BadPath), text))
        }
        Err((_, error)) => Err(error.into()),
    }
}

/// Gives how many names were unsound; an error comes with whether anything had been shown before.
fn show_once(
    client: &mut Client,
    command: &'static str,
    nothing: &str,
    ask: Ask<'_>,
) -> Result<u64, (bool, RemoteError)> {
    let (remote, report, here) = client.parts();
    let Some(remote) = remote else { return Ok(0) };
    let session = remote.session().map_err(|error| (false, error))?;
    let mut listing = ask(session).map_err(|error| (false, error))?;
    let mut shown = report.listing(command);
    let counted = show_entries(&mut listing, &mut shown, report, here);
    if let Some(listed) = listing.listed() {
        shown.counts(listed);
    }
    match counted {
        Ok(unsound) => {
            shown.end(if unsound == 0 { nothing } else { "" });
            Ok(unsound)
        }
        Err(error) => Err((shown.end_early() > 0, error)),
    }
}

fn show_entries(
    listing: &mut Listing<'_>,
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
