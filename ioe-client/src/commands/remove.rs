//! DELETE.

use super::names::{Named, find};
use super::{Failures, whole};
use crate::client::Client;
use crate::failure::{Code, Failure, exit_status};
use crate::pattern::Pattern;
use program::exit::ExitStatus;
use shared_folder::remote::Repeat;
use wire::error_code::ErrorCode;
use wire::path::SharedPath;

pub(super) fn run(client: &mut Client, texts: &[String], recursive: bool) -> Result<(), Code> {
    let mut failures = Failures::default();
    for text in texts {
        match paths(client, text) {
            Ok(paths) => {
                for path in paths {
                    remove(client, &path, recursive).unwrap_or_else(|code| failures.add(code));
                }
            }
            Err(failure) => failures.add(client.failed("delete", Some(&whole(client, text)), &failure)),
        }
        // Without a connection, each of them would only say so again.
        if failures.0.is_some_and(|code| exit_status(code) == ExitStatus::ConnectionLost) {
            break;
        }
    }
    failures.into_result()
}

/// A plain name is not looked up before: what it is, the server sees best.
fn paths(client: &mut Client, text: &String) -> Result<Vec<SharedPath>, Failure> {
    client.remote()?;
    let path = client.here.below(text)?;
    if Pattern::find(text).is_none() {
        return Ok(vec![path]);
    }
    let found = find(client, std::slice::from_ref(text), true)?;
    let named: Vec<Named> = found.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    Ok(named.into_iter().filter_map(|named| named.path).collect())
}

fn remove(client: &mut Client, path: &SharedPath, recursive: bool) -> Result<(), Code> {
    let removed = client.remote().and_then(|remote| {
        remote.ask(Repeat::Never, |session| session.delete(path, recursive)).map_err(Failure::from)
    });
    match removed {
        Ok(()) => {
            client.report.changed("delete", path.as_str(), None);
            Ok(())
        }
        Err(failure) => {
            let failure = failure.explained(client.report.is_json(), ErrorCode::NotEmpty, |message| {
                format!("{message}: -r takes it with all in it")
            });
            Err(client.failed("delete", Some(path.as_str()), &failure))
        }
    }
}
