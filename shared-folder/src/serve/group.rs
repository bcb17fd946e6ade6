//! Small writes that arrived and wait, to go to the disk together: none is answered before its sync.

use super::Host;
use super::pulse::{Pulse, while_working};
use super::record::Begun;
use super::refusal::{End, Stop, conclude};
use super::sync_choice::SyncChoice;
use super::uploads::Registered;
use crate::incoming::{
    Arrived, Incoming, Landed, LandingError, SectionSource, Step, Syncing, land, run_step,
};
use rustix::process::{Resource, getrlimit};
use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wire::connection::{ReceiveError, SectionBytes, Sender};
use wire::limits::{REQUESTS_IN_FLIGHT_MAX, SMALL_WRITE_BYTES_MAX};
use wire::message::ByteCount;
use wire::message::reply::Written;
use wire::net::service::SessionSlot;
use wire::path::SharedPath;

/// Files of a session that wait at once. Reached: they land. Half of what a client may have in flight, so that it sends
/// the other half meanwhile; more would gain little.
pub(super) const GROUP_FILES_MAX: usize = REQUESTS_IN_FLIGHT_MAX / 2;
/// Files that wait in all sessions of a share, as each holds up to two descriptors. Exceeded: a group lands as it is.
/// Fewer, where the process may have fewer descriptors: they hold a quarter of them.
const WAITING_FILES_MAX: usize = 512;
/// Where there is less free space, a file lands by itself: only then that of the one it replaces is free again. Twice what a
/// group can have, so that one look is enough for it.
const SPARE_BYTES_MIN: u64 = 64 << 20;
/// A group after one that took no longer lands without anybody beside it who could say `working`: it would have to take a
/// hundred times as long to need that.
const QUICK_TIME_MAX: Duration = Duration::from_millis(50);
/// So many files and more are worth a sync of the whole file system.
const TOGETHER_FILES_MIN: usize = 8;

/// A file that only has to land.
pub(super) struct Waiting<'a> {
    pub(super) id: u64,
    pub(super) path: SharedPath,
    pub(super) arrived: Arrived<'a>,
    // Declared after the landing: its lock is gone when the next upload is let in.
    pub(super) registered: Option<Registered<'a>>,
}

/// What is known of it beside its bytes.
struct Rest<'a> {
    id: u64,
    path: SharedPath,
    begun: Begun,
    _registered: Option<Registered<'a>>,
    _place: Place<'a>,
}

/// Counts a file among those that wait in all sessions.
struct Place<'a>(&'a AtomicUsize);

/// The files of one session that wait.
#[derive(Default)]
pub(super) struct Group<'a> {
    arrived: Vec<Arrived<'a>>,
    rests: Vec<Rest<'a>>,
    rhythm: Rhythm,
}

/// What groups of a session have shown of those to come.
#[derive(Default)]
pub(super) struct Rhythm {
    choice: SyncChoice,
    /// How long the last group took to land.
    last_took: Duration,
}

/// Where a group is answered and told of.
pub(super) struct Ends<'s> {
    pub(super) sender: &'s mut Sender,
    pub(super) host: &'s Host,
    pub(super) slot: &'s SessionSlot,
}

impl<'a> Group<'a> {
    pub(super) fn with(rhythm: Rhythm) -> Self {
        Self { arrived: Vec::new(), rests: Vec::new(), rhythm }
    }

    /// What is to be kept when nothing waits.
    pub(super) fn rhythm(self) -> Rhythm {
        self.rhythm
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rests.is_empty()
    }

    /// Whether one that waits lands under the name of this one.
    pub(super) fn has_target_of(&self, incoming: &Incoming<'_>) -> bool {
        self.arrived.iter().any(|arrived| arrived.has_target_of(incoming))
    }

    /// Adds one; true when all have to land now.
    pub(super) fn add(&mut self, waiting: Waiting<'a>, begun: Begun, host: &'a Host) -> bool {
        let Waiting { id, path, arrived, registered } = waiting;
        let place = Place(&host.share.waiting_files);
        let in_all = place.0.fetch_add(1, Ordering::Relaxed) + 1;
        let is_large = arrived.byte_count() > SMALL_WRITE_BYTES_MAX;
        let has_spare_space = !self.is_empty() || arrived.has_free_space(SPARE_BYTES_MIN);
        self.arrived.push(arrived);
        self.rests.push(Rest { id, path, begun, _registered: registered, _place: place });
        is_large || self.rests.len() >= GROUP_FILES_MAX || in_all > waiting_files_max() || !has_spare_space
    }

    /// Lands all, and answers them in their order.
    pub(super) fn land(&mut self, ends: &mut Ends<'_>) -> Result<(), End> {
        let rests = std::mem::take(&mut self.rests);
        let Some(first) = rests.first() else { return Ok(()) };
        let landed = self.land_files(first.id, ends);
        let mut said = Ok(());
        for (rest, landed) in rests.into_iter().zip(landed) {
            said = said.and(rest.answer(landed, ends));
        }
        said
    }

    fn land_files(&mut self, id: u64, ends: &mut Ends<'_>) -> Vec<Result<Landed, LandingError>> {
        let files = self.arrived.len();
        let is_choice = files >= TOGETHER_FILES_MIN;
        let syncing = if is_choice { self.rhythm.choice.next() } else { Syncing::Each };
        let byte_count = self.arrived.iter().map(Arrived::byte_count).sum();
        let (begun, pulse) = (Instant::now(), Pulse::new(id, &ends.host.share));
        let mut arrived = std::mem::take(&mut self.arrived);
        let mut work = || land(std::mem::take(&mut arrived), syncing);
        // A thread for each group costs a tenth of the speed where syncing costs nothing.
        let is_quick =
            byte_count <= SMALL_WRITE_BYTES_MAX && (files == 1 || self.rhythm.last_took < QUICK_TIME_MAX);
        let landed = if is_quick { work() } else { while_working(pulse, ends.sender, byte_count, &mut work) };
        self.rhythm.last_took = begun.elapsed();
        if is_choice {
            self.rhythm.choice.took(syncing, u32::try_from(files).unwrap_or(u32::MAX), self.rhythm.last_took);
        }
        landed
    }
}

/// How many files may wait in all sessions.
fn waiting_files_max() -> usize {
    static DESCRIPTORS_MAX: LazyLock<u64> =
        LazyLock::new(|| getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
    usize::try_from(*DESCRIPTORS_MAX / 8).unwrap_or(usize::MAX).min(WAITING_FILES_MAX)
}

impl Rest<'_> {
    fn answer(self, landed: Result<Landed, LandingError>, ends: &mut Ends<'_>) -> Result<(), End> {
        let said = self.say(landed, ends);
        let (outcome, next) = conclude(ends.sender, self.id, said);
        self.begun.tell(ends.host, ends.slot, outcome);
        next
    }

    fn say(&self, landed: Result<Landed, LandingError>, ends: &mut Ends<'_>) -> Result<(), Stop> {
        let landed = landed?;
        let (byte_count, digest, share) = (landed.byte_count, landed.digest, &ends.host.share);
        share.note_landed(&self.path, landed);
        let written = Written { byte_count: ByteCount::new(byte_count), digest };
        run_step(&share.probe, Step::Reply, || Ok(()))?;
        Ok(ends.sender.queue(Some(self.id), &written)?)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes of a section, which lets nobody wait for an answer while it waits for them.
pub(super) struct Attentive<'s, 'a> {
    pub(super) bytes: SectionBytes<'s>,
    pub(super) group: &'s mut Group<'a>,
    pub(super) ends: Ends<'s>,
}

impl SectionSource for Attentive<'_, '_> {
    fn left(&self) -> u64 {
        self.bytes.left()
    }

    fn read_some(&mut self, target: &mut [u8]) -> Result<usize, ReceiveError> {
        let somebody_waits = !self.group.is_empty() || self.ends.sender.has_gathered();
        if somebody_waits && !self.bytes.is_ready() {
            self.group.land(&mut self.ends).map_err(|end| lost(&end))?;
            self.ends.sender.flush().map_err(|error| ReceiveError::Lost(io::Error::other(error)))?;
        }
        self.bytes.read_some(target)
    }
}

/// Nothing can be sent any more; then nothing more is received either.
fn lost(end: &End) -> ReceiveError {
    ReceiveError::Lost(io::Error::other(format!("{end:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::folder::Folder;
    use crate::incoming::Landing;
    use crate::serve::{Observe, RequestRecord, Rules, Share};
    use wire::digest::Digest;
    use wire::message::Role;

    struct Quiet;

    impl Observe for Quiet {
        fn request(&self, _: &RequestRecord<'_>) {}
    }

    fn host(place: &tempfile::TempDir) -> Host {
        let rules = Rules::default();
        let welcome = Host::welcome("test".into(), Role::Server, "0".repeat(32), &rules);
        let share = Share::new(Folder::open(place.path()).unwrap(), Catalogue::open(None), rules);
        Host::new(share, welcome, Box::new(Quiet))
    }

    fn add<'a>(group: &mut Group<'a>, host: &'a Host, name: &str) -> bool {
        let path = SharedPath::parse(name).unwrap();
        let incoming = Incoming::begin(&host.share.folder, &path, Landing::default()).unwrap();
        let arrived = incoming.arrived(0, Some(Digest::of(b""))).unwrap();
        let begun =
            Begun { at: Instant::now(), who: None, command: "write", path: name.into(), byte_count: 0 };
        group.add(Waiting { id: 1, path, arrived, registered: None }, begun, host)
    }

    #[test]
    fn the_last_file_that_may_wait_in_all_sessions_waits_and_one_more_lands_its_group() {
        let place = tempfile::tempdir().unwrap();
        let host = host(&place);
        host.share.waiting_files.store(waiting_files_max() - 1, Ordering::Relaxed);
        let mut group = Group::default();
        assert!(!add(&mut group, &host, "a"));
        assert!(add(&mut group, &host, "b"));
        drop(group);
        assert_eq!(host.share.waiting_files.load(Ordering::Relaxed), waiting_files_max() - 1);
    }

    #[test]
    fn as_many_files_of_a_session_as_may_wait_land_at_once() {
        let place = tempfile::tempdir().unwrap();
        let host = host(&place);
        let mut group = Group::default();
        let lands: Vec<_> =
            (1..=GROUP_FILES_MAX).map(|number| add(&mut group, &host, &number.to_string())).collect();
        assert_eq!(lands.iter().position(|lands| *lands), Some(GROUP_FILES_MAX - 1));
    }
}
