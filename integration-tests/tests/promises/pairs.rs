//! Two at one name, in every pair of requests of which one changes something (cases 29 and 30): what both are answered,
//! and what is in the folder then, must be what comes of one after the other, in one order or the other. What comes of
//! them one after the other is not thought up: both orders are really played, in a fresh folder each.
//!
//! One of the two may also be somebody who changes the folder directly. Some rounds of each pair; with `MINUTES=10` in
//! the environment as many as fit into ten minutes. The seed of a failing round is in its message.

mod actions;
mod starts;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actions::{Action, actions};
use integration_tests::content::Dice;
use integration_tests::document::request_types;
use integration_tests::flipper::race_end;
use integration_tests::scratch::tree_below;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::Session;
use serde_json::Value;
use starts::{STARTS, Start};

/// How many pairs are played at once, each in a folder of its own.
const PLAYER_COUNT: usize = 4;
/// How long it goes on, unless more time is wanted; but each pair is played once at least.
const USUAL_TIME: Duration = Duration::from_secs(5);
/// How often two are at it at once, for each time that both orders are played.
const ROUND_COUNT: usize = 3;
/// After so many failures there will be no new ones.
const FAILURES_MAX: usize = 20;
/// Two clients, whom the server must tell apart.
const PROCESS_IDS: [&str; 2] = ["11111111111111111111111111111111", "22222222222222222222222222222222"];
/// Requests that name nothing in the share.
const PATHLESS: [&str; 2] = ["help", "bye"];

/// Two at one name, and how it stands before.
#[derive(Clone, Copy)]
struct Match<'a> {
    start: &'a Start,
    pair: [&'a Action; 2],
}

/// What both were answered, and what is there then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    answers: [Vec<String>; 2],
    tree: Vec<String>,
}

/// Who plays: two sessions with one server.
struct Player<'a> {
    server: &'a Server,
    sessions: [Session; 2],
    /// How long each took when it was played alone.
    alone: [Duration; 2],
    number: usize,
    folder_count: usize,
}

#[test]
fn every_request_that_takes_a_path_meets_every_other() {
    let actions = actions();
    let here: BTreeSet<&str> = actions.iter().map(|action| action.request).chain(PATHLESS).collect();
    let mut wanted = request_types();
    wanted.push(actions::DIRECT.to_owned());
    assert_eq!(here, wanted.iter().map(String::as_str).collect(), "PROTOCOL.md has other requests");
}

#[test]
fn of_two_at_one_name_both_are_answered_as_if_one_had_come_after_the_other() {
    let server = server!().start();
    let actions = actions();
    let matches = matches(&actions);
    let pair_count = matches.len() / STARTS.len();
    let end = race_end(USUAL_TIME);
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for number in 0..PLAYER_COUNT {
            let (server, matches, next, failures) = (&server, &matches, &next, &failures);
            scope.spawn(move || {
                let mut player = Player::new(server, number);
                while failures.lock().unwrap().len() < FAILURES_MAX {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= pair_count && Instant::now() > end {
                        break;
                    }
                    let failure = player.play(&matches[turn % matches.len()], turn / matches.len());
                    failures.lock().unwrap().extend(failure);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(server.scratch().partials().is_empty());
}

/// All pairs of which one changes something, from every start: first each pair from one start, then all from the next.
fn matches(actions: &[Action]) -> Vec<Match<'_>> {
    let others = |index: usize| actions[index..].iter().filter(move |other| actions[index].meets(other));
    let pairs: Vec<_> = (0..actions.len())
        .flat_map(|index| others(index).map(move |other| [&actions[index], other]))
        .collect();
    let from = |turn: usize| {
        let start = move |index: usize| &STARTS[(index + turn) % STARTS.len()];
        pairs.iter().enumerate().map(move |(index, pair)| Match { start: start(index), pair: *pair })
    };
    (0..STARTS.len()).flat_map(from).collect()
}

impl<'a> Player<'a> {
    fn new(server: &'a Server, number: usize) -> Self {
        let sessions = PROCESS_IDS.map(|id| Session::open_as(server.address(), id));
        Self { server, sessions, alone: [Duration::ZERO; 2], number, folder_count: 0 }
    }

    /// Plays it in both orders and, some times, at once; what is wrong, if anything is.
    fn play(&mut self, this: &Match<'_>, turn: usize) -> Option<String> {
        let orders =
            [self.one_after_the_other(this, [0, 1], None), self.one_after_the_other(this, [1, 0], None)];
        (0..ROUND_COUNT)
            .find_map(|round| self.play_at_once(this, &orders, &format!("turn {turn}, round {round}")))
    }

    fn play_at_once(&mut self, this: &Match<'_>, orders: &[Outcome], when: &str) -> Option<String> {
        let [first, second] = this.pair.map(|action| action.name);
        let seed = format!("{first} and {second}, {}, {when}", this.start.name);
        let outcome = self.at_once(this, &mut Dice::new(&seed));
        if orders.contains(&outcome) {
            return None;
        }
        let orders = [orders, &self.in_between(this)].concat();
        if orders.contains(&outcome) || this.allows(&outcome, &orders) {
            return None;
        }
        let orders: String = orders.iter().map(|order| format!("\n{order}")).collect();
        Some(format!("{seed}: there came\n{outcome}\ninstead of{orders}"))
    }

    /// What comes of one in the middle of the other, where that is not one step.
    fn in_between(&mut self, this: &Match<'_>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (index, action) in this.pair.iter().enumerate() {
            for beginning in action.beginnings {
                let mut outcome = self.one_after_the_other(this, [1 - index, index], Some(beginning));
                outcomes.push(outcome.clone());
                // Who removed a part of what is gone then has deleted it, too.
                if action.request == "delete" && outcome.answers[index] == ["not_found"] {
                    outcome.answers[index] = vec!["deleted".to_owned()];
                    outcomes.push(outcome);
                }
            }
        }
        outcomes
    }

    /// What comes of one after the other, perhaps with a part of the latter done before.
    fn one_after_the_other(
        &mut self,
        this: &Match<'_>,
        order: [usize; 2],
        beginning: Option<&fn(&Path)>,
    ) -> Outcome {
        let folder = self.fresh_folder(this.start);
        let path = self.path(&folder);
        beginning.inspect(|begin| begin(&path.join("x")));
        let mut answers = [Vec::new(), Vec::new()];
        for index in order {
            let (action, session) = (this.pair[index], &mut self.sessions[index]);
            let begun = action.begin(session, &folder);
            let start = Instant::now();
            let begun = action.go_on(session, begun, &path);
            answers[index] = action.end(session, begun, &folder);
            if index == order[0] {
                self.alone[index] = start.elapsed();
            }
        }
        self.outcome(answers, &folder)
    }

    /// What comes of both at once: back to back, or with a head start of a part of the time that the first takes alone.
    fn at_once(&mut self, this: &Match<'_>, dice: &mut Dice) -> Outcome {
        let folder = self.fresh_folder(this.start);
        let path = self.path(&folder);
        // Who changes the folder directly comes second: the request is on its way then.
        let is_direct = this.pair[1].request == actions::DIRECT;
        let first = if is_direct { 0 } else { dice.below(2) };
        let head_start = self.alone[first].mul_f64([0, dice.below(1000)][dice.below(2)] as f64 / 1000.0);
        let mut begun = [0, 1].map(|index| Some(this.pair[index].begin(&mut self.sessions[index], &folder)));
        let start = Instant::now();
        for index in [first, 1 - first] {
            while index != first && start.elapsed() < head_start {
                std::hint::spin_loop();
            }
            let ready = begun[index].take().unwrap();
            begun[index] = Some(this.pair[index].go_on(&mut self.sessions[index], ready, &path));
        }
        let answers = [0, 1].map(|index| {
            this.pair[index].end(&mut self.sessions[index], begun[index].take().unwrap(), &folder)
        });
        self.outcome(answers, &folder)
    }

    fn fresh_folder(&mut self, start: &Start) -> String {
        self.folder_count += 1;
        let folder = format!("folder{}x{}", self.number, self.folder_count);
        start.make(&self.path(&folder));
        folder
    }

    fn path(&self, folder: &str) -> PathBuf {
        self.server.scratch().share().join(folder)
    }

    fn outcome(&self, answers: [Vec<String>; 2], folder: &str) -> Outcome {
        let path = self.path(folder);
        let tree = tree_below(&path).unwrap().into_iter();
        // The beginning of a digest is enough to tell these files apart.
        let tree = tree.map(|(path, what)| format!("{path}: {what:.20}")).collect();
        fs::remove_dir_all(&path).unwrap();
        Outcome { answers, tree }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.answers.each_ref().map(|answer| answer.join(", "));
        write!(formatter, "  {first} | {second} | {}", self.tree.join(", "))
    }
}

impl Match<'_> {
    /// What comes of neither order, and may all the same.
    fn allows(&self, outcome: &Outcome, orders: &[Outcome]) -> bool {
        // One upload for which a base is wanted runs at a time.
        if self.pair.iter().all(|action| action.name == "write-based") {
            return outcome.answers.iter().filter(|answer| **answer == ["busy"]).count() == 1;
        }
        (0..2).any(|index| self.pair[index].lists && allows_listing(index, outcome, orders))
    }
}

/// A listing is no picture of one moment: what is changed meanwhile may be in it or not, all else must be.
fn allows_listing(index: usize, outcome: &Outcome, orders: &[Outcome]) -> bool {
    let listed = |outcome: &Outcome| -> BTreeSet<String> { outcome.answers[index].iter().cloned().collect() };
    let here = listed(outcome);
    let all: BTreeSet<String> = orders.iter().flat_map(listed).collect();
    let is_always = |line: &String| orders.iter().all(|order| order.answers[index].contains(line));
    let rest = |outcome: &Outcome| (outcome.answers[1 - index].clone(), outcome.tree.clone());
    let is_rest_usual = orders.iter().any(|order| rest(order) == rest(outcome));
    is_rest_usual
        && here.is_subset(&all)
        && all.iter().filter(|line| is_always(line)).all(|line| here.contains(line))
}

/// The code of a refusal, or else the type of the answer.
fn word(answer: &Value) -> String {
    answer["code"].as_str().or(answer["type"].as_str()).unwrap_or_default().to_owned()
}
