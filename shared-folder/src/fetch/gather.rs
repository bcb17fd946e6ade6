//! One file from several ends that hold it: each brings the pieces that the others do not, every piece is verified when
//! it is whole, and whoever brings another is not asked any more.
//!
//! Must not know how the sources were found.

mod errand;
mod arriving;
mod ground;
mod remains;
mod board;
mod pace;

use super::FetchError;
use crate::folder::{Folder, FolderError};
use crate::incoming::{Landed, Landing, LandingError, Offer};
use crate::remote::{Cancel, Remote, Watch};
use errand::Errand;
use ground::Ground;
use std::io::{self, PipeReader, Read as _};
use std::sync::Arc;
use std::thread::{Builder, Scope};
use std::time::Instant;
use wire::digest::Digest;
use wire::net::{Address, Ready};
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
    /// Whether the file may still be arriving there: then it is asked by digest, from time to time, for what it has by now.
    pub is_partial: bool,
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
    /// Where others find what has arrived, if they may.
    pub offer: Option<Arc<Offer>>,
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
    /// Whether that is because nobody could be spoken to there.
    pub is_unreachable: bool,
}

/// What a fetch from several sources came to.
#[derive(Debug)]
pub struct Gathered {
    /// The file, or why it did not land; what was verified is kept then.
    pub fetched: Result<Landed, FetchError>,
    /// Everyone who was asked, in the order in which they came.
    pub sources: Vec<SourceShare>,
    /// Bytes that came in vain: pieces that two sources brought, or that were not verified.
    pub surplus: u64,
}

/// Where other sources come from when some are lost, and from time to time.
pub trait Supply {
    /// Others, or none. The sources that are left go on meanwhile; `over` is cancelled when nobody is needed any more.
    fn more(&mut self, lost: &SourceShare, over: &Cancel) -> Vec<Source>;

    /// When it is to be asked by [`Supply::others`]; never, if it does not say.
    fn next_look(&self) -> Option<Instant> {
        None
    }

    /// Others that came since, though nobody is lost; else as [`Supply::more`].
    fn others(&mut self, _over: &Cancel) -> Vec<Source> {
        Vec::new()
    }
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
        // A peer notes the digest for its own share.
        identified: true,
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
            let admitted = self.ground.admit(source.remote.dialer().address(), source.is_partial);
            let Some((number, cancel)) = admitted else { return };
            let errand = Errand::new(self.ground, number, source, &cancel);
            let name = format!("source-{number}");
            let spawned = Builder::new().name(name).spawn_scoped(self.threads, move || errand.run());
            if let Err(error) = spawned {
                self.ground.lost(number, no_resource(error));
            }
        }
    }

    /// Waits until all is done, and looks for others where a source is lost, and when it is time to.
    fn attend(&mut self, mut news: PipeReader, supply: &mut dyn Supply, cancel: &Cancel) {
        let mut lost = 0;
        // Whoever was the last may be lost already, and may yet be replaced.
        while !self.ground.is_over() && (self.ground.live() > 0 || self.ground.nth_lost(lost).is_some()) {
            match until_news(&news, supply.next_look(), cancel) {
                Ok(Ready::Source) => _ = news.read(&mut [0; 64]),
                Ok(Ready::Nothing) => {
                    let others = supply.others(self.ground.over());
                    self.start(others);
                }
                Ok(Ready::Wake) | Err(_) => return,
            }
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

/// Waits for news, for the moment, or for the end.
fn until_news(news: &PipeReader, moment: Option<Instant>, cancel: &Cancel) -> io::Result<Ready> {
    match moment {
        Some(moment) => cancel.until_readable_within(news, moment.saturating_duration_since(Instant::now())),
        None => cancel.until_readable(news).map(|is_news| if is_news { Ready::Source } else { Ready::Wake }),
    }
}
