//! The small network that others compare real processes with.

use integration_tests::simulation::{Figures, Holding, Played, Question, Shape, play};

const SONG: &str = "a song (live).mp3";

fn holdings() -> Vec<Holding> {
    let holding = |paths: &[&str]| Holding(paths.iter().map(|path| (*path).to_owned()).collect());
    vec![holding(&[]), holding(&["b/x"]), holding(&[SONG, "b/x"]), holding(&[]), holding(&[SONG])]
}

fn ask(shape: Shape, words: &str, ttl: u8) -> Played {
    play(shape, &holdings(), &[Question { origin: 0, words: words.to_owned(), ttl }])
}

fn found(played: &Played) -> Vec<(usize, &str, u8)> {
    played.answers[0].iter().map(|answer| (answer.holder.unwrap(), &*answer.path, answer.hops)).collect()
}

#[test]
fn files_are_found_at_their_holders_as_far_away_as_they_are() {
    let hops = |shape| found(&ask(shape, "LIVE song", 7)).iter().map(|found| found.2).collect::<Vec<_>>();
    assert_eq!(found(&ask(Shape::Line, "LIVE song", 7)), [(2, SONG, 2), (4, SONG, 4)]);
    assert_eq!([Shape::Ring, Shape::Star, Shape::Mesh].map(hops), [[2, 1], [1, 1], [1, 1]]);
    assert_eq!(found(&ask(Shape::Line, "live song", 3)), [(2, SONG, 2)], "as far as the ttl goes");
}

#[test]
fn a_line_counts_what_crosses_it() {
    let figures = ask(Shape::Line, "live", 7).figures;
    // A search to each neighbour, one result from 2 and one from 4 on the way back.
    let sent: Vec<u64> = figures.iter().map(|peer| peer.messages_sent).collect();
    let received: Vec<u64> = figures.iter().map(|peer| peer.messages_received).collect();
    assert_eq!((sent, received), (vec![1, 3, 3, 2, 1], vec![2, 3, 2, 2, 1]));
}

#[test]
fn sums_are_those_that_do_not_depend_on_the_order() {
    let peers = 5;
    for (shape, links) in [(Shape::Line, 4), (Shape::Ring, 5), (Shape::Star, 4), (Shape::Mesh, 10)] {
        let played = ask(shape, "live", 7);
        let sum = |of: fn(&Figures) -> u64| played.figures.iter().map(of).sum::<u64>();
        let hops: u64 = found(&played).iter().map(|found| u64::from(found.2)).sum();
        assert_eq!(sum(|peer| peer.messages_sent), 2 * links + 1 - peers + hops, "{shape:?}");
        assert_eq!(sum(|peer| peer.messages_received), sum(|peer| peer.messages_sent), "{shape:?}");
        assert_eq!(sum(|peer| peer.duplicates_dropped), 2 * links + 2 - 2 * peers, "{shape:?}");
        let seen: Vec<u64> = played.figures.iter().map(|peer| peer.searches_seen).collect();
        assert_eq!(seen, [0, 1, 1, 1, 1], "{shape:?}");
    }
}

#[test]
fn the_same_network_plays_the_same_again() {
    assert_eq!(ask(Shape::Mesh, "live", 7), ask(Shape::Mesh, "live", 7));
}
