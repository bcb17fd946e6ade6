//! Several transfers at once, over as many connections as help, their outcomes in the order of the files.
//!
//! Must not know which way the bytes move.

use crate::render::Bars;
use crossbeam_channel::{Receiver, Sender, bounded};
use shared_folder::lane::{Jobs, LaneEnd};
use shared_folder::remote::{Remote, Unwatched, Watch};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};
use wire::limits::PIECE_BYTES;

/// How far a transfer may be ahead of the first one that is not done: outcomes are held until it is.
const AHEAD_MAX: usize = 16 * 1024;
/// Small files for each connection: fewer are done before another connection is made.
const SMALLS_PER_CONNECTION: usize = 256;

/// Small files that a connection takes at once, all of one folder: connections that work in one folder wait for each other. Fewer
/// where fewer than so many such runs are left, so that all connections end together.
const RUN_FILES_MAX: usize = 128;
const RUNS_LEFT_MIN: usize = 8;

/// Outcomes that are handed over together, and how long the first of them may wait for others: a thread that is woken for each
/// small file costs more than the file.
const TOGETHER_MAX: usize = 32;
const TOGETHER_TIME_MAX: Duration = Duration::from_millis(20);

/// One file to transfer.
pub(crate) struct Item<T> {
    pub(crate) what: T,
    /// Its name beside a bar.
    pub(crate) name: String,
    pub(crate) byte_count: u64,
}

impl<T> Item<T> {
    fn folder(&self) -> Option<&str> {
        self.name.rsplit_once('/').map(|(folder, _)| folder)
    }
}

/// Files that one connection takes together, with their places in the order.
type Run<T> = VecDeque<(usize, Item<T>)>;

/// A file under way.
pub(crate) struct Job<T> {
    index: usize,
    begun: Instant,
    item: Item<T>,
}

impl<T> AsRef<T> for Job<T> {
    fn as_ref(&self) -> &T {
        &self.item.what
    }
}

/// A file that is done, in order.
pub(crate) struct Done<T, O> {
    pub(crate) what: T,
    pub(crate) outcome: O,
    pub(crate) time: Duration,
}

/// A file that is done, wherever it stands.
type Outcome<T, O> = (Job<T>, Duration, O);

/// Carries out jobs over one connection until there are no more.
pub(crate) type Work<'a, T, O> = &'a (dyn Fn(&mut Remote, &mut dyn Jobs<Job<T>, O>) -> LaneEnd + Sync);

/// Transfers all `items`, and gives each outcome to `on_done`, in order. Gives how many have none, because the
/// other end was lost or somebody cancelled.
pub(crate) fn transfer<T: Send, O: Send>(
    remote: &mut Remote,
    items: impl IntoIterator<Item = Item<T>>,
    jobs: usize,
    (work, bars): (Work<'_, T, O>, Option<&Bars>),
    on_done: &mut dyn FnMut(Done<T, O>),
) -> usize {
    let queue = Queue::new(items.into_iter());
    let count = queue.len();
    let others: Vec<Remote> = (1..queue.connections(jobs)).map(|_| remote.another()).collect();
    let (sender, receiver) = bounded(AHEAD_MAX);
    let mut done = 0;
    thread::scope(|scope| {
        let first = Worker::new(&queue, sender.clone(), bars, false);
        spawn(scope, first, move |worker| work_with(remote, worker, work));
        for mut other in others {
            let worker = Worker::new(&queue, sender.clone(), bars, true);
            spawn(scope, worker, move |worker| {
                // One connection less is no failure; the first one does the work then.
                match other.session() {
                    Ok(_) => work_with(&mut other, worker, work),
                    Err(error) => log::debug!("one connection less: {error}"),
                }
            });
        }
        drop(sender);
        done = in_order(&queue, &receiver, &mut |count, one| {
            on_done(one);
            if let Some(bars) = bars {
                bars.files_done(count);
            }
        });
    });
    count - done
}

fn spawn<'scope, 'env: 'scope, T: Send + 'scope, O: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, 'env>,
    mut worker: Worker<'scope, T, O>,
    act: impl FnOnce(&mut Worker<'scope, T, O>) + Send + 'scope,
) {
    let queue = worker.queue;
    let spawned = Builder::new().name("transfer".into()).spawn_scoped(scope, move || act(&mut worker));
    if let Err(error) = spawned {
        log::warn!("a thread cannot be started: {error}");
        queue.stop();
    }
}

fn work_with<T: Send, O: Send>(remote: &mut Remote, worker: &mut Worker<'_, T, O>, work: Work<'_, T, O>) {
    if work(remote, worker) == LaneEnd::Lost {
        worker.queue.stop();
    }
}

/// Hands outcomes over in the order of the files, each with how many that makes; gives how many there were.
fn in_order<T, O>(
    queue: &Queue<T>,
    receiver: &Receiver<Vec<Outcome<T, O>>>,
    on_done: &mut dyn FnMut(usize, Done<T, O>),
) -> usize {
    let mut held = HashMap::new();
    let (mut next, mut count) = (0, 0);
    let mut hand_over = |(job, time, outcome): Outcome<T, O>| {
        count += 1;
        on_done(count, Done { what: job.item.what, outcome, time });
    };
    for together in receiver {
        held.extend(together.into_iter().map(|one| (one.0.index, one)));
        while let Some(first) = held.remove(&next) {
            hand_over(first);
            next += 1;
        }
        queue.advance(next);
    }
    // What was stopped has gaps.
    let mut rest: Vec<_> = held.into_values().collect();
    rest.sort_unstable_by_key(|(job, ..)| job.index);
    rest.into_iter().for_each(hand_over);
    count
}

/// Files that wait, small and large apart, so that a large one blocks no small ones.
struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Set under the lock, so that nobody begins to wait afterwards.
    is_stopped: AtomicBool,
}

struct State<T> {
    small: Run<T>,
    large: Run<T>,
    /// All before this one are done.
    first_open: usize,
    /// Threads that wait for `first_open` to move.
    waiting: usize,
}

impl<T> Queue<T> {
    fn new(items: impl Iterator<Item = Item<T>>) -> Self {
        // What has no room grows by moving all that is there already.
        let (mut small, mut large) = (VecDeque::with_capacity(items.size_hint().0), VecDeque::new());
        for (index, item) in items.enumerate() {
            let lane = if item.byte_count > PIECE_BYTES { &mut large } else { &mut small };
            lane.push_back((index, item));
        }
        let state = State { small, large, first_open: 0, waiting: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), is_stopped: AtomicBool::new(false) }
    }

    fn len(&self) -> usize {
        let state = self.state();
        state.small.len() + state.large.len()
    }

    /// How many connections help: one for each large file, and one for so many small ones.
    fn connections(&self, jobs: usize) -> usize {
        let state = self.state();
        let small = state.small.len().div_ceil(SMALLS_PER_CONNECTION);
        (state.large.len() + small).clamp(1, jobs)
    }

    /// One large file, or a run of small ones.
    fn next(&self, prefers_large: bool, wait: bool) -> Option<Run<T>> {
        let mut state = self.state();
        loop {
            if self.is_stopped() || (state.small.is_empty() && state.large.is_empty()) {
                return None;
            }
            let run = state.take(prefers_large);
            if !run.is_empty() {
                return Some(run);
            }
            if !wait {
                return None;
            }
            state.waiting += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    fn advance(&self, first_open: usize) {
        let mut state = self.state();
        state.first_open = first_open;
        // Each notice is a system call, and for small files there is one of these each.
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    fn stop(&self) {
        let state = self.state();
        self.is_stopped.store(true, Ordering::Relaxed);
        drop(state);
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn take(&mut self, prefers_large: bool) -> Run<T> {
        let end = self.first_open + AHEAD_MAX;
        let is_near = |lane: &Run<T>| lane.front().is_some_and(|(index, _)| *index < end);
        let (small, large) = (is_near(&self.small), is_near(&self.large));
        match (small, large, prefers_large) {
            (true, false, _) | (true, true, false) => self.take_small(end),
            (false, true, _) | (true, true, true) => self.large.pop_front().into_iter().collect(),
            (false, false, _) => Run::new(),
        }
    }

    /// The next small files of one folder before `end`, no more bytes than a large file begins with.
    fn take_small(&mut self, end: usize) -> Run<T> {
        let files_max = (self.small.len() / RUNS_LEFT_MIN).clamp(1, RUN_FILES_MAX);
        let folder = self.small.front().and_then(|(_, item)| item.folder());
        let mut byte_count = 0;
        let belongs = |(index, item): &&(usize, Item<T>)| {
            byte_count += item.byte_count;
            *index < end && item.folder() == folder && byte_count <= PIECE_BYTES
        };
        let length = self.small.iter().take(files_max).take_while(belongs).count();
        self.small.drain(..length).collect()
    }
}

/// One connection's end of the queue.
struct Worker<'a, T, O> {
    queue: &'a Queue<T>,
    sender: Sender<Vec<Outcome<T, O>>>,
    bars: Option<&'a Bars>,
    prefers_large: bool,
    /// What it has taken and not begun.
    run: Run<T>,
    /// Outcomes that were not handed over yet, and when they were last.
    together: Vec<Outcome<T, O>>,
    handed_over: Instant,
}

impl<'a, T, O> Worker<'a, T, O> {
    fn new(
        queue: &'a Queue<T>,
        sender: Sender<Vec<Outcome<T, O>>>,
        bars: Option<&'a Bars>,
        prefers_large: bool,
    ) -> Self {
        let (together, handed_over) = (Vec::new(), Instant::now());
        Self { queue, sender, bars, prefers_large, run: Run::new(), together, handed_over }
    }

    fn take_run(&mut self, wait: bool) -> Option<Run<T>> {
        self.queue.next(self.prefers_large, false).or_else(|| {
            // What others may wait for is not kept while this one waits.
            self.hand_over();
            if wait { self.queue.next(self.prefers_large, true) } else { None }
        })
    }

    fn hand_over(&mut self) {
        self.handed_over = Instant::now();
        if !self.together.is_empty() {
            // The receiver lives as long as any worker.
            let _ = self.sender.send(std::mem::take(&mut self.together));
        }
    }
}

impl<T, O> Drop for Worker<'_, T, O> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

impl<T, O> Jobs<Job<T>, O> for Worker<'_, T, O> {
    fn next(&mut self, wait: bool) -> Option<Job<T>> {
        if self.run.is_empty() {
            self.run = self.take_run(wait)?;
        }
        let (index, item) = self.run.pop_front().filter(|_| !self.queue.is_stopped())?;
        Some(Job { index, begun: Instant::now(), item })
    }

    fn done(&mut self, job: Job<T>, outcome: O) {
        let (now, is_large) = (Instant::now(), job.item.byte_count > PIECE_BYTES);
        let (time, is_due) = (now - job.begun, now - self.handed_over >= TOGETHER_TIME_MAX);
        self.together.push((job, time, outcome));
        if is_large || is_due || self.together.len() >= TOGETHER_MAX {
            self.hand_over();
        }
    }

    fn watch(&mut self, job: &Job<T>) -> Box<dyn Watch> {
        match self.bars {
            Some(bars) => bars.file(&job.item.name, Some(job.item.byte_count)),
            None => Box::new(Unwatched),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(sizes: &[u64]) -> Queue<usize> {
        let item =
            |(what, byte_count): (usize, &u64)| Item { what, name: String::new(), byte_count: *byte_count };
        Queue::new(sizes.iter().enumerate().map(item))
    }

    #[test]
    fn few_files_need_few_connections() {
        assert_eq!(queue(&[1; 100]).connections(4), 1);
        assert_eq!(queue(&[1; 300]).connections(4), 2);
        assert_eq!(queue(&[2 << 20; 2]).connections(4), 2);
        assert_eq!(queue(&[2 << 20; 9]).connections(4), 4);
        assert_eq!(queue(&[2 << 20; 9]).connections(1), 1);
    }

    #[test]
    fn large_and_small_files_do_not_wait_for_each_other() {
        let queue = queue(&[1, 2 << 20, 2]);
        assert_eq!(queue.next(true, true).unwrap()[0].0, 1);
        assert_eq!(queue.next(true, true).unwrap()[0].0, 0);
        assert_eq!(queue.next(false, true).unwrap()[0].0, 2);
        assert!(queue.next(false, true).is_none());
    }

    #[test]
    fn nobody_is_further_ahead_than_outcomes_can_be_held() {
        let queue = queue(&vec![1; AHEAD_MAX + 1]);
        let taken: usize = std::iter::from_fn(|| queue.next(false, false)).map(|run| run.len()).sum();
        assert_eq!(taken, AHEAD_MAX);
        queue.advance(1);
        assert!(queue.next(false, false).is_some());
    }

    #[test]
    fn small_files_are_taken_by_folders_and_towards_the_end_few_at_once() {
        let name = |index: usize| format!("{}/{index}", index / 300);
        let items = (0..2400).map(|what| Item { what, name: name(what), byte_count: 1 });
        let queue = Queue::new(items.into_iter());
        let runs: Vec<_> = std::iter::from_fn(|| queue.next(false, false)).collect();
        let lengths: Vec<_> = runs.iter().map(VecDeque::len).collect();
        assert_eq!(lengths[..4], [128, 128, 44, 128]);
        assert_eq!(lengths.last(), Some(&1));
        assert!(runs.iter().all(|run| run.iter().all(|(_, item)| item.folder() == run[0].1.folder())));
        let order: Vec<_> = runs.into_iter().flatten().map(|(index, _)| index).collect();
        assert!(order.into_iter().eq(0..2400));
    }

    #[test]
    fn a_run_of_small_files_has_no_more_bytes_than_a_large_file() {
        let queue = queue(&[PIECE_BYTES / 2; 100]);
        assert_eq!(queue.next(false, false).unwrap().len(), 2);
    }

    #[test]
    fn outcomes_come_in_the_order_of_the_files() {
        let queue = queue(&[1, 1, 1]);
        let (sender, receiver) = bounded(3);
        let mut jobs: Vec<_> = std::iter::from_fn(|| queue.next(false, false)).flatten().collect();
        jobs.reverse();
        for (index, item) in jobs {
            sender.send(vec![(Job { index, begun: Instant::now(), item }, Duration::ZERO, index)]).unwrap();
        }
        drop(sender);
        let mut order = Vec::new();
        assert_eq!(in_order(&queue, &receiver, &mut |_, done| order.push(done.outcome)), 3);
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn outcomes_behind_gaps_come_in_their_order_too() {
        let queue = queue(&[1; 40]);
        let (sender, receiver) = bounded(40);
        let jobs = std::iter::from_fn(|| queue.next(false, false)).flatten();
        for (index, item) in jobs.filter(|(index, _)| index % 3 != 1) {
            sender.send(vec![(Job { index, begun: Instant::now(), item }, Duration::ZERO, index)]).unwrap();
        }
        drop(sender);
        let mut order = Vec::new();
        in_order(&queue, &receiver, &mut |_, done| order.push(done.outcome));
        assert_eq!(order, (0..40).filter(|index| index % 3 != 1).collect::<Vec<_>>());
    }
}
