//! READ: files from the other end to here.

use super::names::{Named, all_below, find};
use super::rehearse::{self, Reads};
use super::{Failures, likeness, whole};
use crate::client::Client;
use crate::command::ReadTerms;
use crate::failure::{Code, Failure, not_connected};
use crate::local::{self, Target, joined};
use crate::pattern::Pattern;
use crate::render::{Sum, Transferred};
use crate::transfers::{Done, Item, Work, transfer};
use program::typed::quote;
use shared_folder::fetch::{
    Brought, Fetch, FetchOutcome, FetchTerms, Fetched, SourceShare, fetch_many, fetch_to,
};
use shared_folder::folder::Folder;
use shared_folder::remote::{Unwatched, Watch};
use std::collections::HashSet;
use std::collections::hash_map::{self, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;
use wire::error_code::ErrorCode;
use wire::message::Entry;
use wire::path::SharedPath;

const COMMAND: &str = "read";

pub(super) fn run(
    client: &mut Client,
    texts: &[String],
    local: Option<&str>,
    terms: ReadTerms,
) -> Result<(), Code> {
    let ReadTerms { recursive, dry_run } = terms;
    if local == Some("-") {
        return to_output(client, texts, terms);
    }
    let mut failures = Failures::default();
    let mut wanted = Vec::new();
    let found = match find(client, texts, recursive) {
        Ok(found) => found,
        Err(failure) => {
            let path = texts.first().map(|text| whole(client, text));
            return Err(client.failed(COMMAND, path.as_deref(), &failure));
        }
    };
    for (text, named) in texts.iter().zip(found) {
        match named {
            Ok(named) => wanted.extend(named),
            Err(failure) => failures.add(client.failed(COMMAND, Some(&whole(client, text)), &failure)),
        }
    }
    if wanted.is_empty() {
        tell_untakeable(client, &mut failures);
        return failures.into_result();
    }
    let is_one = texts.len() == 1 && wanted.len() == 1;
    let place = match Place::find(&client.config.dir, local, (is_one, dry_run)) {
        Ok(place) => place,
        Err(failure) => return Err(client.failed(COMMAND, local, &failure)),
    };
    let mut batch = Batch::new(place);
    for named in &wanted {
        batch.add(client, named, recursive).unwrap_or_else(|code| failures.add(code));
    }
    batch.find_alike();
    if dry_run {
        let Batch { place: Place { folder, path, .. }, files, .. } = batch;
        rehearse::read(client, Reads { folder, path, files }, &mut failures);
    } else {
        client.underway.continuation = continuation(client, &wanted, local, &batch.place);
        batch.make_folders(client, &mut failures);
        batch.run(client, &mut failures);
    }
    tell_untakeable(client, &mut failures);
    failures.into_result()
}

/// A folder that lands under a new name finds that name in use when the line is repeated, and would land in it.
fn continuation(client: &Client, wanted: &[Named], local: Option<&str>, place: &Place) -> Option<String> {
    let ([named], Some(target), Some(_)) = (wanted, local, &place.name) else { return None };
    let path = named.path.as_ref().filter(|_| named.is_folder())?;
    let all = if client.here.folder() == Some(path) {
        "*".to_owned()
    } else {
        Pattern::all_in(client.here.shown(path.as_str()))
    };
    Some(format!("READ -r {} {}", quote(&all), quote(&format!("{target}/"))))
}

/// Not everything that was asked for has come where the other end has names that are none here; the count itself
/// was told before.
fn tell_untakeable(client: &Client, failures: &mut Failures) {
    let count = client.underway.untakeable_count;
    if count == 0 {
        return;
    }
    let code = Code::Remote(ErrorCode::BadPath);
    if client.report.is_json() {
        let text = format!("names that cannot be taken: {count}");
        client.report.failure(COMMAND, None, &Failure::new(code, text));
    }
    failures.add(code);
}

/// The local folder in which files land, and the name that a single one gets.
struct Place {
    /// None where nothing is to be moved, and there is none yet.
    folder: Option<Folder>,
    path: PathBuf,
    name: Option<String>,
}

impl Place {
    fn find(dir: &Path, text: Option<&str>, (is_one, dry_run): (bool, bool)) -> Result<Self, Failure> {
        let target = local::target(dir, text, !dry_run).map_err(|error| Failure::of_local(&error))?;
        let (path, name) = match target {
            Target::Into(path) => (path, None),
            Target::Exactly(_) if !is_one => {
                return Err(Failure::usage("several files need a target that ends in / or is a folder"));
            }
            Target::Exactly(path) => {
                let name = path.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned);
                let name = name.ok_or_else(|| Failure::local("the target has no file name"))?;
                let parent =
                    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
                (parent.to_owned(), Some(name))
            }
        };
        let is_to_come = dry_run && text.is_some_and(|text| text.ends_with('/')) && !path.exists();
        let open = || {
            Folder::open(&path)
                .map_err(|error| Failure::local(format!("the local folder {}: {error}", local::shown(&path))))
        };
        let folder = if is_to_come { None } else { Some(open()?) };
        Ok(Self { folder, path, name })
    }

    /// Where something called `name` lands.
    fn name_for(&self, name: &str) -> String {
        self.name.clone().unwrap_or_else(|| name.to_owned())
    }

    fn shown(&self, target: &SharedPath) -> String {
        local::shown(&self.path.join(target.as_str()))
    }
}

/// The files and folders of one command.
struct Batch {
    place: Place,
    files: Vec<Fetch>,
    folders: Vec<SharedPath>,
    /// Where each folder that was named lands; none is the local folder itself.
    tops: Vec<Option<SharedPath>>,
    /// Names that are taken by a file of this command.
    names: HashSet<SharedPath>,
}

impl Batch {
    fn new(place: Place) -> Self {
        let (files, folders, tops) = (Vec::new(), Vec::new(), Vec::new());
        Self { place, files, folders, tops, names: HashSet::new() }
    }

    fn add(&mut self, client: &mut Client, named: &Named, recursive: bool) -> Result<(), Code> {
        let path = named.path.as_ref().map_or(String::new(), |path| path.as_str().to_owned());
        let added =
            if named.is_folder() { self.add_folder(client, named, recursive) } else { self.add_file(named) };
        added.map_err(|failure| client.failed(COMMAND, Some(&path), &failure))
    }

    fn add_file(&mut self, named: &Named) -> Result<(), Failure> {
        let Some(source) = &named.path else { return Ok(()) };
        self.land(source.clone(), named.entry.clone(), &self.place.name_for(source.name()))
    }

    /// The folder keeps its name; the share's root has none, and its entries land where the folder would.
    fn add_folder(&mut self, client: &mut Client, named: &Named, recursive: bool) -> Result<(), Failure> {
        if !recursive {
            let text = "it is a folder: -r takes it with all in it";
            return Err(Failure::new(Code::Remote(ErrorCode::NotAFile), text));
        }
        let folder = named.path.as_ref();
        let top = folder.map_or_else(
            || self.place.name.clone().unwrap_or_default(),
            |folder| self.place.name_for(folder.name()),
        );
        let named = if top.is_empty() { None } else { Some(local_name(&top)?) };
        self.folders.extend(named.clone());
        self.tops.push(named);
        let start = folder.map_or(0, |folder| folder.as_str().len() + 1);
        let all = all_below(client, folder)?;
        self.files.reserve(all.len());
        self.names.reserve(all.len());
        for below in all {
            let is_folder = below.is_folder();
            let Some(path) = below.path else { continue };
            let name = joined(&top, path.as_str().get(start..).unwrap_or_default());
            if is_folder {
                self.folders.push(local_name(&name)?);
            } else {
                self.land(path, below.entry, &name)?;
            }
        }
        Ok(())
    }

    fn land(&mut self, source: SharedPath, entry: Entry, name: &str) -> Result<(), Failure> {
        let target = local_name(name)?;
        if !self.names.insert(target.clone()) {
            let text = format!("another file of this command lands as {name}");
            return Err(Failure::new(Code::Remote(ErrorCode::Exists), text));
        }
        let terms = FetchTerms::default();
        self.files.push(Fetch { source, entry, target, alike: None, is_target_free: false, terms });
        Ok(())
    }

    /// What the other end has renamed is here under its old name.
    fn find_alike(&mut self) {
        if let Some(here) = &self.place.folder {
            likeness::find_here(here, &self.tops, (&mut self.files, &self.names));
        }
    }

    /// Folders come before what is in them; a file's folder is made even if nobody named it.
    fn make_folders(&mut self, client: &Client, failures: &mut Failures) {
        let Some(here) = &self.place.folder else { return };
        let mut seen = HashMap::new();
        let mut is_new = |folder: SharedPath| match seen.entry(folder) {
            hash_map::Entry::Occupied(known) => *known.get(),
            hash_map::Entry::Vacant(unknown) => {
                let made = here.make_folders(unknown.key()).unwrap_or_else(|error| {
                    let failure = Failure::local(format!("the local folder cannot be made: {error}"));
                    let shown = self.place.shown(unknown.key());
                    failures.add(client.failed(COMMAND, Some(&shown), &failure));
                    false
                });
                *unknown.insert(made)
            }
        };
        for folder in std::mem::take(&mut self.folders) {
            is_new(folder);
        }
        for file in &mut self.files {
            file.is_target_free = file.target.folder().is_some_and(&mut is_new);
        }
    }

    fn run(self, client: &mut Client, failures: &mut Failures) {
        let Self { place, files, .. } = self;
        let byte_count = files.iter().map(|file| file.entry.byte_count.get()).fold(0, u64::saturating_add);
        let jobs = client.config.jobs;
        client.underway.has_begun = true;
        let (others, digests) = (client.others(), client.digests.clone());
        let first = client.address().filter(|_| client.config.tells_sources).map(ToString::to_string);
        let (remote, report, here) = client.parts();
        let (Some(remote), Some(folder)) = (remote, &place.folder) else { return };
        let bars = report.bars(files.len(), Some(byte_count));
        let total = bars.as_ref().map(|bars| bars.total());
        let watch: &dyn Watch = total.as_ref().map_or(&Unwatched, |total| total);
        let items = files.into_iter().map(|fetch| Item {
            name: here.shown(fetch.source.as_str()).to_owned(),
            byte_count: fetch.entry.byte_count.get(),
            what: fetch,
        });
        let mut sum = Sum::begin();
        let mut on_done = |done: Done<Fetch, FetchOutcome>| {
            match &done.outcome {
                Ok(Brought { fetched, .. }) => sum.add(fetched.byte_count, fetched.reused),
                Err(_) => sum.add_failed(),
            }
            let print = || report_one(report, (&place, first.as_deref()), done, failures);
            match &bars {
                Some(bars) => bars.around(print),
                None => print(),
            }
        };
        let work: Work<'_, _, _> =
            &|remote, jobs| fetch_many(remote, &others, folder, jobs, (watch, &digests));
        let left = transfer(remote, items, jobs, (work, bars.as_ref()), &mut on_done);
        drop(bars);
        report.summed_up(&sum);
        if left > 0 {
            report.note(format_args!("files that were not tried or not completed: {left}"));
        }
    }
}

fn report_one(
    report: &crate::render::Report,
    (place, first): (&Place, Option<&str>),
    done: Done<Fetch, FetchOutcome>,
    failures: &mut Failures,
) {
    let Done { what, outcome, time } = done;
    let path = what.source.as_str();
    match outcome {
        Ok(Brought { fetched: Fetched { byte_count, digest, reused }, sources }) => {
            tell_lost(report, path, &sources);
            let local = place.shown(&what.target);
            report.transferred(Transferred {
                command: COMMAND,
                path,
                local: &local,
                byte_count,
                digest,
                reused,
                sources: first.map(|first| shares(&sources, (first, byte_count.saturating_sub(reused)))),
                time,
            });
        }
        Err(error) => failures.report(report, (COMMAND, path), &Failure::from(error)),
    }
}

/// Who brought how much; a small file came from the first alone.
fn shares(sources: &[SourceShare], (first, byte_count): (&str, u64)) -> Vec<(String, u64)> {
    if sources.is_empty() {
        return vec![(first.to_owned(), byte_count)];
    }
    sources.iter().map(|share| (share.address.to_string(), share.byte_count)).collect()
}

/// Whoever cannot be trusted or reached is named in any case, whoever did not have the file only to who wants to know.
fn tell_lost(report: &crate::render::Report, path: &str, sources: &[SourceShare]) {
    for share in sources {
        let (address, Some(fault)) = (&share.address, &share.fault) else { continue };
        if share.is_false || share.is_unreachable {
            report.note(format_args!("warning: {path} is not taken from {address}: {fault}"));
        } else if share.byte_count > 0 {
            report.note(format_args!("warning: the rest of {path} is not taken from {address}: {fault}"));
        } else {
            log::info!("{path} is not taken from {address}: {fault}");
        }
    }
}

/// A name in the local folder; what cannot be one here is a local failure.
fn local_name(name: &str) -> Result<SharedPath, Failure> {
    SharedPath::parse(name).map_err(|error| Failure::local(error.to_string()))
}

/// One file to standard output, as its bytes come.
fn to_output(client: &mut Client, texts: &[String], terms: ReadTerms) -> Result<(), Code> {
    let [text] = texts else {
        return Err(client.failed(
            COMMAND,
            None,
            &Failure::usage("only one file can be written to standard output"),
        ));
    };
    if terms.dry_run {
        return Err(client.failed(
            COMMAND,
            None,
            &Failure::usage("--dry-run is for files, not for standard output"),
        ));
    }
    if terms.recursive || client.report.is_json() {
        let text = if terms.recursive { "a folder" } else { "a file between JSON results" };
        let failure = Failure::usage(format!("{text} cannot be written to standard output"));
        return Err(client.failed(COMMAND, None, &failure));
    }
    let begun = Instant::now();
    let sent = client.remote().map(drop).and_then(|()| Ok(client.here.below(text)?)).and_then(|source| {
        let (remote, report, _) = client.parts();
        let remote = remote.ok_or_else(not_connected)?;
        let bars = report.bars(1, None);
        let watch = bars.as_ref().map(|bars| bars.file(text, None));
        let watch = watch.as_deref().unwrap_or(&Unwatched);
        Ok(fetch_to(remote, &source, &mut |bytes| report.bytes(bytes), watch)?)
    });
    match sent {
        Ok(fetched) => {
            log::info!("{} bytes to standard output in {:?}", fetched.byte_count, begun.elapsed());
            client.report.flush();
            if client.report.is_closed() { Err(unread(client, text)) } else { Ok(()) }
        }
        Err(_) if client.report.is_closed() => Err(unread(client, text)),
        Err(failure) => Err(client.failed(COMMAND, Some(&whole(client, text)), &failure)),
    }
}

/// A file of which only a part was delivered. On a full disk, the program's last line says so.
fn unread(client: &Client, text: &str) -> Code {
    if client.report.has_lost_results() {
        return Code::LocalFile;
    }
    let failure = Failure::local("the reader of standard output went away before it had everything");
    client.failed(COMMAND, Some(&whole(client, text)), &failure)
}
