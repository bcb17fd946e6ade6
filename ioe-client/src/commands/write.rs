//! WRITE: local files to the other end.

use super::{Failures, likeness, rehearse, whole};
use crate::client::Client;
use crate::command::WriteTerms;
use crate::failure::{Code, Failure, not_connected};
use crate::local::{self, Below, ITEMS_MAX, joined, too_many};
use crate::pattern::Pattern;
use crate::render::{Report, Sum, Transferred};
use crate::transfers::{Done, Item, Work, transfer};
use program::typed::quote;
use shared_folder::remote::{Repeat, Unwatched, Watch};
use shared_folder::send::{
    Destination, Likeness, Outgoing, SendError, SendOutcome, Sent, send_many, send_pipe,
};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wire::error_code::ErrorCode;
use wire::message::Kind;
use wire::path::SharedPath;

const COMMAND: &str = "write";

pub(super) fn run(
    client: &mut Client,
    texts: &[String],
    path: Option<&str>,
    terms: WriteTerms,
) -> Result<(), Code> {
    if let [text] = texts
        && text == "-"
    {
        return from_input(client, path, terms);
    }
    if let Err(failure) = client.remote() {
        return Err(client.failed(COMMAND, path, &failure));
    }
    if !client.config.others.is_empty() {
        client.report.note("WRITE goes to the server that the session is with: --source is for READ");
    }
    let mut failures = Failures::default();
    let mut sources = Vec::new();
    for text in texts {
        match find(client, text, terms.recursive) {
            Ok(found) => sources.extend(found),
            Err(failure) => failures.add(client.failed(COMMAND, Some(text), &failure)),
        }
    }
    if sources.is_empty() {
        return failures.into_result();
    }
    let is_one = texts.len() == 1 && sources.len() == 1;
    let target = match Place::find(client, path, is_one) {
        Ok(target) => target,
        Err(failure) => return Err(client.failed(COMMAND, path, &failure)),
    };
    if !terms.dry_run {
        client.underway.continuation = continuation(&client.config.dir, &sources, path, (&target, terms));
    }
    let mut batch = Batch::new(target, terms);
    for source in sources {
        batch.add(client, &source, &mut failures);
    }
    batch.run(client, &mut failures);
    failures.into_result()
}

/// A folder that gets a new name finds that name in use when the line is repeated, and would land in it.
fn continuation(
    dir: &Path,
    sources: &[PathBuf],
    path: Option<&str>,
    (target, terms): (&Place, WriteTerms),
) -> Option<String> {
    let ([source], Some(path), Some(_)) = (sources, path, &target.name) else { return None };
    if !source.is_dir() {
        return None;
    }
    let typed = if dir == Path::new(".") { source } else { source.strip_prefix(dir).unwrap_or(source) };
    let mut line = "WRITE -r".to_owned();
    if terms.new {
        line += " --new";
    }
    if let Some(digest) = terms.if_digest {
        line += &format!(" --if-digest {digest}");
    }
    let all = Pattern::all_in(&typed.to_string_lossy());
    Some(format!("{line} {} {}", quote(&all), quote(&format!("{path}/"))))
}

/// What `text` names here. Something that is called exactly so comes before a pattern, and a pattern that is not
/// `recursive` means files alone.
fn find(client: &Client, text: &str, recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    let path = local::at(&client.config.dir, text);
    match (fs::symlink_metadata(&path), Pattern::find(text)) {
        (Ok(_), _) => Ok(vec![path]),
        (Err(_), Some(pattern)) => {
            let mut found = local::expand(&client.config.dir, &pattern)?;
            let all = found.len();
            found.retain(|path| recursive || !path.is_dir());
            if found.len() < all {
                client.report.note(format_args!("folders left out, which -r takes: {}", all - found.len()));
            }
            if found.is_empty() { Err(Failure::local("file not found")) } else { Ok(found) }
        }
        (Err(error), None) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::local("file not found"))
        }
        (Err(error), None) => Err(Failure::of_local(&error)),
    }
}

/// Where files go at the other end, and the name that a single one gets.
struct Place {
    folder: Option<SharedPath>,
    name: Option<String>,
    /// The folder was named with a `/` behind it: it is made if it is not there.
    is_to_be_made: bool,
}

impl Place {
    fn find(client: &mut Client, text: Option<&str>, is_one: bool) -> Result<Self, Failure> {
        let Some(text) = text else {
            let folder = client.here.folder().cloned();
            return Ok(Self { folder, name: None, is_to_be_made: false });
        };
        let path = client.here.resolve(text)?;
        if text.ends_with('/') {
            return Ok(Self { folder: path, name: None, is_to_be_made: true });
        }
        let Some(path) = path else { return Ok(Self { folder: None, name: None, is_to_be_made: false }) };
        if is_folder(client, &path)? {
            return Ok(Self { folder: Some(path), name: None, is_to_be_made: false });
        }
        if !is_one {
            return Err(Failure::usage("several files need a target that ends in / or is a folder"));
        }
        Ok(Self { folder: path.folder(), name: Some(path.name().to_owned()), is_to_be_made: false })
    }

    /// Where something called `name` here goes.
    fn name_for(&self, name: &str) -> String {
        self.name.clone().unwrap_or_else(|| name.to_owned())
    }

    fn path(&self, name: &str) -> Result<SharedPath, Failure> {
        let folder = self.folder.as_ref().map_or("", SharedPath::as_str);
        Ok(SharedPath::parse(&joined(folder, name))?)
    }
}

fn is_folder(client: &mut Client, path: &SharedPath) -> Result<bool, Failure> {
    let ask = client.remote()?.ask(Repeat::Harmless, |session| session.stat(Some(path), false, &Unwatched));
    match ask {
        Ok(found) => Ok(found.entry.kind == Kind::Folder),
        // What else may be wrong with the path, the WRITE itself will say.
        Err(error) if error.keeps_session() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The files and folders of one command.
struct Batch {
    target: Place,
    terms: WriteTerms,
    files: Vec<(Outgoing, u64)>,
    folders: Vec<SharedPath>,
    /// Where each folder that was named goes; none is the share's root.
    tops: Vec<Option<SharedPath>>,
    /// Places of the files that were named themselves.
    named: Vec<usize>,
    special_count: u64,
}

impl Batch {
    fn new(target: Place, terms: WriteTerms) -> Self {
        let (files, folders, tops, named) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { target, terms, files, folders, tops, named, special_count: 0 }
    }

    fn add(&mut self, client: &Client, source: &Path, failures: &mut Failures) {
        if let Err(failure) = self.try_add(client, source, failures) {
            failures.add(client.failed(COMMAND, Some(&local::shown(source)), &failure));
        }
    }

    fn try_add(&mut self, client: &Client, source: &Path, failures: &mut Failures) -> Result<(), Failure> {
        let metadata = fs::metadata(source).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::local("file not found"),
            _ => Failure::of_local(&error),
        })?;
        // `..` and `.` have no name of their own.
        let own = source.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned);
        let name = self.target.name.clone().or(own);
        if !metadata.is_dir() {
            let name = name.ok_or_else(|| Failure::local("its name is not UTF-8: name a target"))?;
            self.named.push(self.files.len());
            return self.add_file(source.to_owned(), &name, metadata.len());
        }
        if !self.terms.recursive {
            return Err(Failure::local("it is a folder: -r takes it with all in it"));
        }
        let top = self.target.name_for(name.as_deref().unwrap_or_default());
        self.add_folder(client, source, &top, failures)
    }

    fn add_file(&mut self, source: PathBuf, name: &str, byte_count: u64) -> Result<(), Failure> {
        let path = self.target.path(name)?;
        let destination = Destination { path, new: self.terms.new, if_digest: self.terms.if_digest };
        let likeness = Likeness::default();
        self.files.push((Outgoing { source, destination, likeness }, byte_count));
        if self.files.len() > ITEMS_MAX { Err(too_many()) } else { Ok(()) }
    }

    fn add_folder(
        &mut self,
        client: &Client,
        source: &Path,
        top: &str,
        failures: &mut Failures,
    ) -> Result<(), Failure> {
        self.tops.push(if top.is_empty() {
            self.target.folder.clone()
        } else {
            Some(self.target.path(top)?)
        });
        let start = if top.is_empty() { 0 } else { top.len() + 1 };
        local::walk(source, top, &mut |below| {
            match below {
                Below::Folder(name) => self.folders.push(self.target.path(&name)?),
                Below::File(name, byte_count) => {
                    let path = source.join(name.get(start..).unwrap_or_default());
                    self.add_file(path, &name, byte_count)?;
                }
                Below::Special(path) => {
                    self.special_count += 1;
                    log::info!("not sent, because it is no regular file: {}", path.display());
                }
                Below::Unusable(path, why) => {
                    let failure = Failure::local(why);
                    failures.add(client.failed(COMMAND, Some(&local::shown(&path)), &failure));
                }
            }
            Ok(())
        })
    }

    fn run(mut self, client: &mut Client, failures: &mut Failures) {
        if self.special_count > 0 {
            let count = self.special_count;
            client
                .report
                .note(format_args!("links to folders, devices and the like that are not sent: {count}"));
        }
        self.find_likenesses(client);
        if self.terms.dry_run {
            return self.rehearse(client, failures);
        }
        if self.target.is_to_be_made {
            self.folders.extend(self.target.folder.clone());
        }
        let folders = std::mem::take(&mut self.folders);
        let made = client.remote().and_then(|remote| {
            remote.ask(Repeat::Harmless, |session| session.make_folders(&folders)).map_err(Failure::from)
        });
        match made {
            Ok(made) => {
                for (path, outcome) in folders.iter().zip(made) {
                    let Err(error) = outcome else { continue };
                    failures.add(client.failed(COMMAND, Some(path.as_str()), &error.into()));
                }
                self.send(client, failures);
            }
            Err(failure) => failures.add(client.failed(COMMAND, None, &failure)),
        }
    }

    /// What is the same at the other end is only worth looking for where it may be replaced.
    fn find_likenesses(&mut self, client: &mut Client) {
        if self.terms.new || self.terms.if_digest.is_some() {
            return;
        }
        if let Ok(remote) = client.remote() {
            for index in &self.named {
                self.files.get_mut(*index).into_iter().for_each(|file| likeness::find_one(remote, file));
            }
            self.tops.iter().for_each(|top| likeness::find(remote, top.as_ref(), &mut self.files));
        }
    }

    /// A folder that is missing and would not be made is missed by each file in it.
    fn rehearse(self, client: &mut Client, failures: &mut Failures) {
        let Self { target, files, .. } = self;
        if let Some(folder) = target.folder.as_ref().filter(|_| !target.is_to_be_made) {
            let missing = || Failure::new(Code::Remote(ErrorCode::NotFound), "the folder does not exist");
            let failure = match is_folder(client, folder) {
                Ok(true) => None,
                Ok(false) => Some(missing()),
                Err(failure) => Some(failure),
            };
            if let Some(failure) = failure {
                return failures.add(client.failed(COMMAND, Some(folder.as_str()), &failure));
            }
        }
        rehearse::write(client, files, failures);
    }

    fn send(self, client: &mut Client, failures: &mut Failures) {
        let byte_count = self.files.iter().map(|(_, count)| *count).fold(0, u64::saturating_add);
        let jobs = client.config.jobs;
        client.underway.has_begun = true;
        let digests = client.digests.clone();
        let (remote, report, _) = client.parts();
        let Some(remote) = remote else { return };
        let bars = report.bars(self.files.len(), Some(byte_count));
        let total = bars.as_ref().map(|bars| bars.total());
        let watch: &dyn Watch = total.as_ref().map_or(&Unwatched, |total| total);
        let items = self.files.into_iter().map(|(what, byte_count)| {
            let name = local::shown(&what.source);
            Item { what, name, byte_count }
        });
        let mut sum = Sum::begin();
        let mut on_done = |done: Done<Outgoing, SendOutcome>| {
            match &done.outcome {
                Ok(sent) => sum.add(sent.byte_count, sent.reused),
                Err(_) => sum.add_failed(),
            }
            let print = || report_one(report, done, failures);
            match &bars {
                Some(bars) => bars.around(print),
                None => print(),
            }
        };
        let work: Work<'_, _, _> = &|remote, jobs| send_many(remote, jobs, watch, &digests);
        let left = transfer(remote, items, jobs, (work, bars.as_ref()), &mut on_done);
        drop(bars);
        report.summed_up(&sum);
        if left > 0 {
            report.note(format_args!("files that were not tried or not completed: {left}"));
        }
    }
}

fn report_one(report: &Report, done: Done<Outgoing, SendOutcome>, failures: &mut Failures) {
    let Done { what, outcome, time } = done;
    let (path, local) = (what.destination.path.as_str(), local::shown(&what.source));
    match outcome {
        Ok(Sent { byte_count, digest, reused }) => {
            report.transferred(Transferred {
                command: COMMAND,
                path,
                local: &local,
                byte_count,
                digest,
                reused,
                sources: None,
                time,
            });
        }
        Err(error) => {
            let is_about_local =
                matches!(error, SendError::NotFound | SendError::Local(_) | SendError::Changed);
            let failure = missing_folder(report, &what.destination, error.into());
            let about = if is_about_local { &local } else { path };
            failures.report(report, (COMMAND, about), &failure);
        }
    }
}

/// Where a WRITE to a plain name finds nothing, it is the folder that is missing.
fn missing_folder(report: &Report, destination: &Destination, failure: Failure) -> Failure {
    match destination.path.folder() {
        Some(folder) if destination.if_digest.is_none() => {
            failure.explained(report.is_json(), ErrorCode::NotFound, |_| {
                format!("the folder {folder} does not exist: MKDIR it first")
            })
        }
        _ => failure,
    }
}

/// Standard input, whose length nobody knows.
fn from_input(client: &mut Client, path: Option<&str>, terms: WriteTerms) -> Result<(), Code> {
    let Some(text) = path else {
        return Err(client.failed(
            COMMAND,
            None,
            &Failure::usage("standard input has no name: name the target"),
        ));
    };
    if client.input_holds_commands {
        let failure = Failure::usage("standard input holds the commands: give the upload by --cmd");
        return Err(client.failed(COMMAND, path, &failure));
    }
    if terms.dry_run {
        let failure = Failure::usage("--dry-run is for files, not for standard input");
        return Err(client.failed(COMMAND, path, &failure));
    }
    let begun = Instant::now();
    let sent = client.remote().map(drop).and_then(|()| Ok(client.here.below(text)?)).and_then(|path| {
        if terms.recursive || text.ends_with('/') {
            return Err(Failure::new(Code::Remote(ErrorCode::NotAFile), "standard input is one file"));
        }
        let destination = Destination { path, new: terms.new, if_digest: terms.if_digest };
        client.underway.has_begun = true;
        let (remote, report, _) = client.parts();
        let remote = remote.ok_or_else(not_connected)?;
        let bars = report.bars(1, None);
        let watch = bars.as_ref().map(|bars| bars.file(text, None));
        let cancel = remote.cancel().clone();
        let mut input = |target: &mut [u8]| {
            let stdin = rustix::stdio::stdin();
            if !cancel.until_readable(&stdin)? {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(rustix::io::retry_on_intr(|| rustix::io::read(stdin, &mut *target))?)
        };
        let watch = watch.as_deref().unwrap_or(&Unwatched);
        let sent = send_pipe(remote, &mut input, &destination, watch)
            .map_err(|error| missing_folder(report, &destination, error.into()))?;
        Ok((destination, sent))
    });
    match sent {
        Ok((destination, Sent { byte_count, digest, reused })) => {
            let (path, time) = (destination.path.as_str(), begun.elapsed());
            client.report.transferred(Transferred {
                command: COMMAND,
                path,
                local: "-",
                byte_count,
                digest,
                reused,
                sources: None,
                time,
            });
            Ok(())
        }
        Err(failure) => Err(client.failed(COMMAND, Some(&whole(client, text)), &failure)),
    }
}
