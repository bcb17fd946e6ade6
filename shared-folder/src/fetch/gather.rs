//! One file from several ends that hold it: each brings the pieces that the others do not, every piece is verified when
//! it is whole, and whoever brings another is not asked any more.
//!
//! Must not know how the sources were found.

mod errand;
mod ground;
mod board;
mod pace;

use super::{FetchError, Fetched};
use crate::folder::{Folder, FolderError};
use crate::incoming::{Landing, LandingError};
use crate::remote::{Cancel, Remote, Watch};
use errand::Errand;
use ground::Ground;
use std::io::{self, PipeReader, Read as _};
use std::thread::{Builder, Scope};
use wire::digest::Digest;
use wire::net::Address;
use wire::path::SharedPath;
use wire::timestamp::Timestamp;

/// Ends that are asked for one file at once. Further ones are left out.
pub const SOURCES_MAX: usize = 16;
/// Ends that are asked for one file in all, with those that come for others. Further ones are left out.
const SOURCES_IN_ALL_MAX: usize = 64;

/// An end that may hold the file.
#[derive(Debug)]
pub struct Source {
    /// How it is asked.
    pub remote: Remote,
    /// Where it has the file, as far as is known; if that is another version, and otherwise, it is asked by digest.
    pub path: Option<SharedPath>,
}

/// The file that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it must be. Its length follows from that: nobody's word is taken for it.
    pub digest: Digest,
    /// Its modification time and whether it can be run; where nobody has told yet, as the first source says.
    pub attributes: Option<(Timestamp, bool)>,
    /// Where it lands, below the folder here.
    pub target: SharedPath,
    /// Nothing may have the name already.
    pub new: bool,
}

/// What one source did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceShare {
    /// Where it is.
    pub address: Address,
    /// Bytes of the file that came from it and from no other before.
    pub byte_count: u64,
    /// Why it was not asked any more, if that is so.
    pub fault: Option<String>,
    /// Whether that is because it is not who it should be, or gave what is not the file.
    pub is_false: bool,
}

/// What a fetch from several sources came to.
#[derive(Debug)]
pub struct Gathered {
    /// The file, or why it did not land; what was verified is kept then.
    pub fetched: Result<Fetched, FetchError>,
    /// Everyone who was asked, in the order in which they came.
    pub sources: Vec<SourceShare>,
    /// Bytes that came in vain: pieces that two sources brought, or that were not verified.
    pub surplus: u64,
}

/// Where other sources come from when some are lost.
pub trait Supply {
    /// Others, or none. The sources that are left go on meanwhile; `over` is cancelled when nobody is needed any more.
    fn more(&mut self, lost: &SourceShare, over: &Cancel) -> Vec<Source>;
}

/// There are no others.
#[derive(Debug, Clone, Copy)]
pub struct NoSupply;

impl Supply for NoSupply {
    fn more(&mut self, _: &SourceShare, _: &Cancel) -> Vec<Source> {
        Vec::new()
    }
}

/// Fetches one file from all `sources` at once, until it is here or no source is left; `cancel` ends all waits.
pub fn gather(
    sources: Vec<Source>,
    (folder, wanted): (&Folder, &Wanted),
    supply: &mut dyn Supply,
    (watch, cancel): (&dyn Watch, &Cancel),
) -> Gathered {
    let (ground, news) = match Ground::new(folder, wanted, watch) {
        Ok(new) => new,
        Err(error) => {
            let fetched = Err(no_resource(error));
            return Gathered { fetched, sources: Vec::new(), surplus: 0 };
        }
    };
    std::thread::scope(|threads| {
        let mut crew = Crew { threads, ground: &ground, started: 0 };
        crew.start(sources);
        crew.attend(news, supply, cancel);
        ground.end();
    });
    ground.conclude(cancel)
}

/// How the file is to land.
fn landing_of(wanted: &Wanted, byte_count: u64, told: Option<(Timestamp, bool)>) -> Landing {
    let attributes = wanted.attributes.or(told);
    Landing {
        modified: attributes.map(|attributes| attributes.0),
        executable: attributes.map(|attributes| attributes.1),
        new: wanted.new,
        spares_links: true,
        resumable: byte_count > wire::limits::PIECE_BYTES,
        ..Landing::default()
    }
}

/// No descriptor or thread is left here.
fn no_resource(error: io::Error) -> FetchError {
    FetchError::Local(LandingError::Folder(FolderError::from(error)))
}

/// The threads that fetch, one for each source.
struct Crew<'scope, 'env, 'a> {
    threads: &'scope Scope<'scope, 'env>,
    ground: &'scope Ground<'a>,
    started: usize,
}

impl Crew<'_, '_, '_> {
    fn start(&mut self, sources: Vec<Source>) {
        for source in sources {
            if self.started == SOURCES_IN_ALL_MAX || self.ground.live() >= SOURCES_MAX {
                return;
            }
            self.started += 1;
            let Some((number, cancel)) = self.ground.admit(source.remote.dialer().address()) else { return };
            let errand = Errand::new(self.ground, number, source, &cancel);
            let name = format!("source-{number}");
            let spawned = Builder::new().name(name).spawn_scoped(self.threads, move || errand.run());
            if let Err(error) = spawned {
                self.ground.lost(number, no_resource(error));
            }
        }
    }

    /// Waits until all is done, and looks for others where a source is lost.
    fn attend(&mut self, mut news: PipeReader, supply: &mut dyn Supply, cancel: &Cancel) {
        let mut lost = 0;
        while !self.ground.is_over() && self.ground.live() > 0 {
            match cancel.until_readable(&news) {
                Ok(true) => {}
                _ => return,
            }
            let _ = news.read(&mut [0; 64]);
            while let Some(share) = self.ground.nth_lost(lost) {
                lost += 1;
                if self.started < SOURCES_IN_ALL_MAX && !self.ground.is_over() {
                    let others = supply.more(&share, self.ground.over());
                    self.start(others);
                }
            }
        }
    }
}
