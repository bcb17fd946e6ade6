//! The board under any order of events, and in the cases that it is for.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

const MIB: u32 = 1 << 20;

fn all(count: usize) -> Board {
    Board::new(count, &(0..count).collect::<Vec<_>>())
}

/// What one says that has the first pieces.
fn first(count: usize) -> Vec<Range<usize>> {
    std::iter::once(0..count).collect()
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
        let order = (board.first..count).chain(0..board.first);
        assert!(order.take(board.lowest).all(|piece| board.states[piece] != State::Free));
    }

    fn ask(&mut self, board: &mut Board, source: usize, now: Duration) {
        if let Next::Take(pieces) = board.next(source, now) {
            let queue = self.under_way.entry(source).or_default();
            for piece in pieces {
                assert!(!self.done.contains(&piece), "a piece that is done is fetched again");
                assert!(!queue.contains(&piece), "a source is asked twice");
                assert!(board.is_held(source, piece), "a source is asked for what it has not");
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
        first in 0usize..150,
        events in prop::collection::vec((0usize..5, 0u8..9, 0u64..400), 0..300),
    ) {
        let (mut board, mut model, mut now) = (all(count).beginning_at(first), Model::default(), moment(0));
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
                // All but the first may be such at which the file still arrives; what is there stays there.
                8 if source > 0 => {
                    let end = (usize::try_from(now.as_millis()).unwrap() / 20).min(count);
                    board.holds(source, Some(&[0..end / source, end / 2..end]));
                }
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

#[test]
fn a_source_in_full_flow_is_asked_for_whole_runs() {
    let (mut board, mut now, mut runs) = (all(1000), moment(0), Vec::new());
    let mut model = Model::default();
    for step in 0..200 {
        while let Next::Take(pieces) = board.next(0, now) {
            runs.push(pieces.len());
            model.under_way.entry(0).or_default().extend(pieces);
        }
        // Twenty pieces a second: ten are half a second's work.
        now += moment(50);
        model.bring(&mut board, 0, now);
        assert!(step < 20 || board.under_way(0) >= 6, "too little is under way: {}", board.under_way(0));
    }
    assert!(runs.iter().skip(20).all(|run| *run == 3), "{runs:?}");
}

#[test]
fn a_source_with_a_part_is_given_that_alone_and_the_others_leave_it_what_they_can() {
    let mut board = all(10);
    assert_eq!(board.holds(1, Some(&[0..4, 8..9])), Use::Now);
    assert_eq!(board.next(0, moment(0)), Next::Take(4..5));
    assert_eq!(board.next(0, moment(0)), Next::Take(5..6));
    assert_eq!(board.next(1, moment(0)), Next::Take(0..1));
    board.release(0);
    assert_eq!(board.holds(1, Some(&[0..4, 8..9])), Use::Now);
    let mut given = vec![0];
    while let Next::Take(pieces) = board.next(1, moment(0)) {
        given.extend(pieces.clone());
        pieces.for_each(|piece| assert!(board.done(1, piece)));
    }
    board.done(1, 0);
    given.sort_unstable();
    assert_eq!(given, [0, 1, 2, 3, 8]);
    assert_eq!(board.next(1, moment(0)), Next::Look, "it may have more by now");
    assert_eq!(board.holds(1, Some(&first(4))), Use::Nothing);
    assert_eq!(board.holds(1, None), Use::Now);
    assert_eq!(board.next(1, moment(0)), Next::Take(4..5));
}

#[test]
fn what_one_with_a_part_could_bring_is_taken_by_another_when_nothing_else_is_left() {
    let mut board = all(4);
    board.holds(1, Some(&first(4)));
    assert_eq!(board.next(0, moment(0)), Next::Take(0..1));
    let mut slow = all(2);
    slow.holds(1, Some(&first(1)));
    assert_eq!(slow.next(0, moment(0)), Next::Take(1..2));
    assert_eq!(slow.next(1, moment(0)), Next::Take(0..1));
    assert_eq!(slow.holds(1, Some(&first(1))), Use::Perhaps);
}

#[test]
fn pieces_are_taken_from_anywhere_on_and_round_the_end() {
    let (mut board, mut taken) = (all(6).beginning_at(4), Vec::new());
    while let Next::Take(pieces) = board.next(0, moment(0)) {
        taken.extend(pieces.clone());
        pieces.for_each(|piece| assert!(board.done(0, piece)));
    }
    assert_eq!(taken, [4, 5, 0, 1, 2, 3]);
    assert_eq!(all(3).beginning_at(99).next(0, moment(0)), Next::Take(2..3));
    assert_eq!(Board::new(0, &[]).beginning_at(1).next(0, moment(0)), Next::Over);
}

#[test]
fn two_that_fetch_from_one_and_from_each_other_take_each_piece_from_it_about_once() {
    let count = 200;
    let mut boards = [all(count), all(count).beginning_at(count / 2)];
    let mut has = [vec![false; count], vec![false; count]];
    let (mut from_origin, mut now) = (0, moment(0));
    for _ in 0..100 * count {
        now += moment(10);
        for own in 0..2 {
            let there: Vec<Range<usize>> =
                (0..count).filter(|piece| has[1 - own][*piece]).map(|piece| piece..piece + 1).collect();
            boards[own].holds(1, Some(&there));
            for source in 0..2 {
                let Next::Take(pieces) = boards[own].next(source, now) else { continue };
                for piece in pieces {
                    boards[own].moved(source, MIB, now);
                    has[own][piece] = true;
                    from_origin += usize::from(boards[own].done(source, piece) && source == 0);
                }
            }
        }
    }
    assert!(boards.iter().all(Board::is_done));
    assert!(from_origin <= count + count / 20, "{from_origin} pieces came from the origin");
}
