//! Who is linked to whom: shapes, and distances in them. Must not know what crosses the links.

use crate::content::Dice;
use std::collections::{HashSet, VecDeque};

/// How peers are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each with the next.
    Line,
    /// A line whose ends are linked.
    Ring,
    /// The first with all others.
    Star,
    /// Each with each.
    Mesh,
    /// Each but the first with one before it: a tree in which a peer has two below it.
    Tree,
    /// Every peer with as many others as the degree says, whichever: a random regular graph.
    Random,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Line, Self::Ring, Self::Star, Self::Mesh, Self::Tree, Self::Random];

    /// As it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Ring => "ring",
            Self::Star => "star",
            Self::Mesh => "mesh",
            Self::Tree => "tree",
            Self::Random => "random",
        }
    }
}

/// Links between peers that are numbers from 0.
#[derive(Debug, Clone)]
pub struct Graph {
    /// How many peers there are.
    pub peers: usize,
    /// Each link once: who dials, and whom.
    pub edges: Vec<(u32, u32)>,
}

impl Graph {
    /// So many peers in that shape; `degree` and `dice` decide the random one.
    #[must_use]
    pub fn new(shape: Shape, peers: usize, degree: usize, dice: &mut Dice) -> Self {
        let count = u32::try_from(peers).unwrap();
        let chain = (1..count).map(|peer| (peer - 1, peer));
        let edges = match shape {
            Shape::Line => chain.collect(),
            // The link from end to end would double that of two.
            Shape::Ring => chain.chain((count > 2).then(|| (count - 1, 0))).collect(),
            Shape::Star => (1..count).map(|peer| (peer, 0)).collect(),
            Shape::Mesh => (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect(),
            Shape::Tree => (1..count).map(|peer| (peer, (peer - 1) / 2)).collect(),
            Shape::Random => random(count, degree.min(peers.saturating_sub(1)), dice),
        };
        Self { peers, edges }
    }

    /// The neighbours of every peer.
    #[must_use]
    pub fn neighbours(&self) -> Vec<Vec<usize>> {
        let mut neighbours = vec![Vec::new(); self.peers];
        for &(a, b) in &self.edges {
            neighbours[a as usize].push(b as usize);
            neighbours[b as usize].push(a as usize);
        }
        neighbours
    }

    /// How many links each peer is away from that one, if it can be reached.
    #[must_use]
    pub fn distances(&self, from: usize) -> Vec<Option<usize>> {
        let neighbours = self.neighbours();
        let mut distances = vec![None; self.peers];
        distances[from] = Some(0);
        let mut waiting = VecDeque::from([(from, 0)]);
        while let Some((peer, distance)) = waiting.pop_front() {
            for &next in &neighbours[peer] {
                if distances[next].is_none() {
                    distances[next] = Some(distance + 1);
                    waiting.push_back((next, distance + 1));
                }
            }
        }
        distances
    }
}

/// Pairs the loose ends of all peers by chance, then swaps until nobody is linked to itself or twice to another.
fn random(count: u32, degree: usize, dice: &mut Dice) -> Vec<(u32, u32)> {
    let mut ends: Vec<u32> = (0..count).flat_map(|peer| std::iter::repeat_n(peer, degree)).collect();
    for place in (1..ends.len()).rev() {
        ends.swap(place, dice.below(place + 1));
    }
    let mut edges: Vec<(u32, u32)> = ends.as_chunks::<2>().0.iter().map(|&[a, b]| (a, b)).collect();
    let mut taken = HashSet::with_capacity(edges.len());
    let mut bad: Vec<usize> = Vec::new();
    for (place, &(a, b)) in edges.iter().enumerate() {
        if a == b || !taken.insert(key(a, b)) {
            bad.push(place);
        }
    }
    // Nearly every swap succeeds in a sparse graph; in a dense one, what cannot be mended is left out.
    let mut attempts_left = 100 * (edges.len() + 1);
    while let (Some(&place), 1..) = (bad.last(), attempts_left) {
        attempts_left -= 1;
        let other = dice.below(edges.len());
        if !bad.contains(&other) && swap(&mut edges, &mut taken, place, other) {
            bad.pop();
        }
    }
    bad.sort_unstable();
    for place in bad.into_iter().rev() {
        edges.swap_remove(place);
    }
    edges
}

/// Exchanges one end of two edges, if two good ones come of it.
fn swap(edges: &mut [(u32, u32)], taken: &mut HashSet<(u32, u32)>, place: usize, other: usize) -> bool {
    let ((a, b), (c, d)) = (edges[place], edges[other]);
    let are_good = a != d && c != b && key(a, d) != key(c, b);
    if !are_good || taken.contains(&key(a, d)) || taken.contains(&key(c, b)) {
        return false;
    }
    taken.remove(&key(c, d));
    taken.extend([key(a, d), key(c, b)]);
    (edges[place], edges[other]) = ((a, d), (c, b));
    true
}

fn key(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_graph_links_nobody_to_itself_or_twice_and_everyone_alike() {
        let graph = Graph::new(Shape::Random, 1000, 6, &mut Dice::new("graph"));
        let pairs: HashSet<_> = graph.edges.iter().map(|&(a, b)| key(a, b)).collect();
        assert_eq!((graph.edges.len(), pairs.len()), (3000, 3000));
        assert!(graph.neighbours().iter().enumerate().all(|(peer, of)| of.len() == 6 && !of.contains(&peer)));
    }

    #[test]
    fn shapes_have_the_links_that_their_names_say() {
        let count = |shape| Graph::new(shape, 5, 2, &mut Dice::new("")).edges.len();
        assert_eq!(Shape::ALL.map(count)[..5], [4, 5, 4, 10, 4]);
        let ring = Graph::new(Shape::Ring, 5, 0, &mut Dice::new(""));
        assert_eq!(ring.distances(0), [0, 1, 2, 2, 1].map(Some));
    }
}
