//! What each command does. Failures are reported where they happen; what comes back is their code.
//!
//! Must not know how commands are typed or results are shown.

mod read;
mod write;
mod rehearse;
mod likeness;
mod remove;
mod list;
mod names;
mod help;

use crate::client::Client;
use crate::command::Command;
use crate::destination::Destination;
use crate::failure::{Code, Failure, not_connected};
use crate::render::Report;
use shared_folder::remote::{Cancel, Found, Remote, Repeat, Unwatched};
use wire::error_code::ErrorCode;
use wire::message::Kind;
use wire::path::SharedPath;

/// Runs a command; `cancel` is how it is interrupted.
pub(crate) fn run(client: &mut Client, command: &Command, cancel: &Cancel) -> Result<(), Code> {
    match command {
        Command::Connect(destination) => connect(client, destination, cancel),
        Command::List { folder, recursive } => list::list(client, folder.as_deref(), *recursive),
        Command::Search { words } => list::search(client, words),
        Command::Read { paths, local, terms } => read::run(client, paths, local.as_deref(), *terms),
        Command::Write { locals, path, terms } => write::run(client, locals, path.as_deref(), *terms),
        Command::Rename { path, to, replace } => rename(client, path, to, *replace),
        Command::Delete { paths, recursive } => remove::run(client, paths, *recursive),
        Command::MakeFolder { path } => make_folder(client, path),
        Command::Stat { path } => stat(client, path),
        Command::Enter { folder } => enter(client, folder.as_deref()),
        Command::Help => help::run(client),
        Command::Bye => bye(client),
        Command::Quit => Ok(()),
    }
}

/// Collects the failures of a command that goes on after one.
#[derive(Debug, Default)]
struct Failures(Option<Code>);

impl Failures {
    fn add(&mut self, code: Code) {
        self.0.get_or_insert(code);
    }

    /// Notes and shows that one file failed; an interruption is told once, by the command.
    fn report(&mut self, report: &Report, (command, path): (&str, &str), failure: &Failure) {
        self.add(failure.code);
        if failure.code != Code::Interrupted {
            report.failure(command, Some(path), failure);
        }
    }

    fn into_result(self) -> Result<(), Code> {
        self.0.map_or(Ok(()), Err)
    }
}

fn connect(client: &mut Client, destination: &Destination, cancel: &Cancel) -> Result<(), Code> {
    match client.connect(destination, cancel) {
        Ok(()) => {
            client.report.connected(&destination.to_string());
            Ok(())
        }
        Err(failure) => Err(client.failed("connect", None, &failure)),
    }
}

fn bye(client: &mut Client) -> Result<(), Code> {
    if client.address().is_none() {
        return Err(client.failed("bye", None, &not_connected()));
    }
    client.disconnect();
    client.report.say("the session is ended");
    Ok(())
}

fn rename(client: &mut Client, path: &str, to: &str, replace: bool) -> Result<(), Code> {
    let renamed = both_paths(client, path, to).and_then(|(path, to)| {
        let done = client.remote()?.ask(Repeat::Never, |session| session.rename(&path, &to, replace));
        done.map(|()| (path, to)).map_err(Failure::from)
    });
    match renamed {
        Ok((path, to)) => {
            client.report.changed("rename", path.as_str(), Some(to.as_str()));
            Ok(())
        }
        Err(failure) => {
            let failure = failure.explained(client.report.is_json(), ErrorCode::Exists, |_| {
                format!("{to} is there already: --replace takes its place")
            });
            Err(client.failed("rename", Some(&whole(client, path)), &failure))
        }
    }
}

/// A new name that ends in `/` is a folder, in which the old one's last part is kept.
fn both_paths(client: &mut Client, path: &str, to: &str) -> Result<(SharedPath, SharedPath), Failure> {
    client.remote()?;
    let path = client.here.below(path)?;
    let to = match client.here.resolve(to)? {
        Some(folder) if to.ends_with('/') => folder.join(path.name())?,
        Some(to) => to,
        None => SharedPath::below(None, path.name())?,
    };
    Ok((path, to))
}

fn make_folder(client: &mut Client, text: &str) -> Result<(), Code> {
    let made = on_path(client, text, |remote, path| {
        remote.ask(Repeat::Harmless, |session| session.make_folder(path)).map_err(Failure::from)
    });
    match made {
        Ok((path, ())) => {
            client.report.changed("mkdir", path.as_str(), None);
            Ok(())
        }
        Err(failure) => Err(client.failed("mkdir", Some(&whole(client, text)), &failure)),
    }
}

fn stat(client: &mut Client, text: &str) -> Result<(), Code> {
    let found = client.remote().map(drop).and_then(|()| Ok(client.here.resolve(text)?)).and_then(|path| {
        let bars = client.report.bars(1, None);
        let watch = bars.as_ref().map(|bars| bars.file(text, None));
        let watch = watch.as_deref().unwrap_or(&Unwatched);
        let remote = client.remote()?;
        remote
            .ask(Repeat::Harmless, |session| session.stat(path.as_ref(), true, watch))
            .map_err(Failure::from)
    });
    match found {
        Ok(Found { entry, digest }) => {
            client.report.stat(client.here.shown(&entry.path), &entry, digest);
            Ok(())
        }
        Err(failure) => Err(client.failed("stat", Some(&whole(client, text)), &failure)),
    }
}

fn enter(client: &mut Client, folder: Option<&str>) -> Result<(), Code> {
    let folder = folder.unwrap_or("/");
    let entered = client.remote().map(drop).and_then(|()| Ok(client.here.enter(folder)?)).and_then(|here| {
        let ask =
            client.remote()?.ask(Repeat::Harmless, |session| session.stat(here.folder(), false, &Unwatched));
        if ask?.entry.kind == Kind::Folder { Ok(here) } else { Err(not_a_folder()) }
    });
    match entered {
        Ok(here) => {
            client.here = here;
            Ok(())
        }
        Err(failure) => Err(client.failed("cd", Some(&whole(client, folder)), &failure)),
    }
}

fn not_a_folder() -> Failure {
    Failure::new(Code::Remote(ErrorCode::NotAFolder), "it is no folder")
}

/// Does something with what `text` names below the folder where one stands.
fn on_path<T>(
    client: &mut Client,
    text: &str,
    act: impl FnOnce(&mut Remote, &SharedPath) -> Result<T, Failure>,
) -> Result<(SharedPath, T), Failure> {
    client.remote()?;
    let path = client.here.below(text)?;
    let done = act(client.remote()?, &path)?;
    Ok((path, done))
}

/// What was typed, from the share's root on where it is a path.
fn whole(client: &Client, text: &str) -> String {
    match client.here.resolve(text) {
        Ok(path) => path.map_or_else(String::new, |path| path.as_str().to_owned()),
        Err(_) => text.to_owned(),
    }
}
