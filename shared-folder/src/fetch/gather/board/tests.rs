//! The board under any order of events, and in the cases that it is for.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

const MIB: u32 = 1 << 20;

fn all(count: usize) -> Board {
    Board::new(count, &(0..count).collect::<Vec<_>>())
}

fn moment(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// What the board does not show: which pieces are at which source, as it was told.
#[derive(Default)]
struct Model {
    under_way: BTreeMap<usize, VecDeque<usize>>,
    done: HashSet<usize>,
}

impl Model {
    fn check(&self, board: &Board, count: usize) {
        for piece in 0..count {
            let copies = self.under_way.values().filter(|queue| queue.contains(&piece)).count();
            assert!(copies <= COPIES_MAX, "piece {piece} is at {copies} sources");
            let expected = match (self.done.contains(&piece), copies) {
                (true, _) => State::Done,
                (false, 0) => State::Free,
                (false, _) => State::Taken,
            };
            assert_eq!(board.states[piece], expected, "piece {piece}");
        }
        assert_eq!(board.open, count - self.done.len());
        let free = board.states.iter().filter(|state| **state == State::Free).count();
        assert_eq!(board.free, free);
        assert!(board.states.iter().take(board.lowest).all(|state| *state != State::Free));
    }

    fn ask(&mut self, board: &mut Board, source: usize, now: Duration) {
        if let Next::Take(pieces) = board.next(source, now) {
            let queue = self.under_way.entry(source).or_default();
            for piece in pieces {
                assert!(!self.done.contains(&piece), "a piece that is done is fetched again");
                assert!(!queue.contains(&piece), "a source is asked twice");
                queue.push_back(piece);
            }
            assert!(queue.len() <= WINDOW_MAX);
        }
    }

    fn bring(&mut self, board: &mut Board, source: usize, now: Duration) {
        let Some(piece) = self.under_way.get_mut(&source).and_then(VecDeque::pop_front) else { return };
        board.moved(source, MIB, now);
        assert_eq!(board.done(source, piece), self.done.insert(piece));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn whatever_happens_each_piece_is_at_few_sources_and_in_the_end_done(
        count in 1usize..150,
        events in prop::collection::vec((0usize..5, 0u8..8, 0u64..400), 0..300),
    ) {
        let (mut board, mut model, mut now) = (all(count), Model::default(), moment(0));
        for (source, event, later) in events {
            now += moment(later);
            match event {
                0 => {
                    board.release(source);
                    model.under_way.remove(&source);
                }
                1 if board.is_settled(source) => {
                    board.forgo(source);
                    model.under_way.remove(&source);
                }
                1 | 2 => board.moved(source, 100_000, now),
                3 | 4 => model.bring(&mut board, source, now),
                _ => model.ask(&mut board, source, now),
            }
            model.check(&board, count);
        }
        // Whoever is left finishes, in a bounded number of steps: all have gone but one.
        for source in 1..5 {
            board.release(source);
            model.under_way.remove(&source);
        }
        for _ in 0..3 * count {
            now += moment(10);
            model.ask(&mut board, 0, now);
            model.bring(&mut board, 0, now);
        }
        prop_assert!(board.is_done());
        prop_assert_eq!(board.next(0, now), Next::Over);
    }

    #[test]
    fn sources_that_never_give_anything_keep_nothing_from_one_that_does(
        count in 1usize..30, stuck in 1usize..9,
    ) {
        let (mut board, mut model, mut now) = (all(count), Model::default(), moment(0));
        for source in 1..=stuck {
            model.ask(&mut board, source, now);
        }
        for _ in 0..10 * count + 400 {
            now += moment(20);
            model.ask(&mut board, 0, now);
            model.bring(&mut board, 0, now);
        }
        model.check(&board, count);
        prop_assert!(board.is_done());
    }
}

/// Sources with these rates in MiB a second fetch that many pieces: the time it took in seconds, and the pieces that came twice.
fn simulate(count: usize, rates: &[f64]) -> (f64, f64) {
    let (mut board, step) = (all(count), 0.002);
    let mut queues: Vec<(VecDeque<usize>, f64)> = rates.iter().map(|_| (VecDeque::new(), 0.0)).collect();
    let (mut time, mut moved) = (0.0, 0.0);
    while !board.is_done() && time < 3600.0 {
        time += step;
        let now = Duration::from_secs_f64(time);
        for (source, (rate, (queue, part))) in rates.iter().zip(&mut queues).enumerate() {
            while let Next::Take(pieces) = board.next(source, now) {
                queue.extend(pieces);
            }
            let Some(piece) = queue.front().copied() else { continue };
            *part += rate * step;
            moved += rate * step;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few megabytes")]
            board.moved(source, (rate * step * f64::from(MIB)) as u32, now);
            if *part >= 1.0 {
                *part -= 1.0;
                queue.pop_front();
                board.done(source, piece);
            }
            if !queue.is_empty() && board.is_settled(source) {
                queue.clear();
                *part = 0.0;
                board.forgo(source);
            }
        }
    }
    (time, moved - whole(count))
}

#[test]
fn equal_sources_end_together_and_fetch_next_to_nothing_twice() {
    for count in [256, 1024] {
        let (time, twice) = simulate(count, &[25.0; 4]);
        let ideal = whole(count) / 100.0;
        assert!(time < ideal / 0.97 + 0.04 && twice <= 0.005 * whole(count) + 1.0, "{time} s, {twice} twice");
    }
}

#[test]
fn fast_sources_take_work_from_a_slow_one() {
    let (time, twice) = simulate(1024, &[25.0, 25.0, 25.0, 0.25]);
    assert!(time < 1024.0 / 75.25 * 1.02 && twice < 0.005 * 1024.0, "{time} s, {twice} twice");
    let (time, twice) = simulate(300, &[100.0, 10.0, 1.0]);
    assert!(time < 300.0 / 111.0 * 1.06 && twice <= 2.5, "{time} s, {twice} twice");
}

#[test]
fn runs_stay_contiguous_and_what_is_here_is_not_asked_for() {
    let mut board = Board::new(10, &[2, 3, 4, 8]);
    assert_eq!(board.next(0, moment(0)), Next::Take(2..3));
    assert_eq!(board.next(1, moment(0)), Next::Take(3..4));
    board.release(0);
    assert_eq!(board.next(1, moment(0)), Next::Take(2..3));
}
