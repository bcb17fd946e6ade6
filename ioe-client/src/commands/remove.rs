//! DELETE.

use super::names::{Named, find};
use super::{Failures, whole};
use crate::client::Client;
use crate::failure::{Code, Failure};
use crate::pattern::Pattern;
use shared_folder::remote::Repeat;
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
    }
    failures.into_result()
}

/// A plain name is not looked up before: what it is, the server sees best.
fn paths(client: &mut Client, text: &str) -> Result<Vec<SharedPath>, Failure> {
    client.remote()?;
    let path = client.here.below(text)?;
    if Pattern::find(text).is_none() {
        return Ok(vec![path]);
    }
    Ok(find(client, text, true)?.into_iter().filter_map(|Named { path, .. }| path).collect())
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
        Err(failure) => Err(client.failed("delete", Some(path.as_str()), &failure)),
    }
}
