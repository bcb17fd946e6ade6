//! Meshes of real peers on this machine: lines, rings, stars, full meshes and whatever a test wires.
//!
//! It must not know what crosses the mesh.

use std::ops::{Index, IndexMut};

use serde_json::Value;

use crate::peer::{Peer, PeerSetup};
use crate::process::{Process, wait_until_all_quiet};

/// Running peers whose links all stand.
pub struct Mesh {
    peers: Vec<Peer>,
    /// The peers that each of them has links with.
    neighbours: Vec<Vec<usize>>,
}

/// How peers are wired: pairs of their numbers.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// How many peers.
    pub count: usize,
    /// Who has a link with whom.
    pub links: Vec<(usize, usize)>,
}

impl Wiring {
    /// 0 – 1 – 2 – …
    pub fn line(count: usize) -> Self {
        Self { count, links: (1..count).map(|number| (number - 1, number)).collect() }
    }

    /// A line whose ends are linked, too.
    pub fn ring(count: usize) -> Self {
        let mut ring = Self::line(count);
        ring.links.push((0, count - 1));
        ring
    }

    /// All others around 0.
    pub fn star(count: usize) -> Self {
        Self { count, links: (1..count).map(|number| (0, number)).collect() }
    }

    /// Each with each.
    pub fn full(count: usize) -> Self {
        let before = |number| (0..number).map(move |other| (other, number));
        Self { count, links: (1..count).flat_map(before).collect() }
    }

    /// The neighbours of each peer.
    pub fn neighbours(&self) -> Vec<Vec<usize>> {
        let mut neighbours = vec![Vec::new(); self.count];
        for (one, other) in &self.links {
            neighbours[*one].push(*other);
            neighbours[*other].push(*one);
        }
        neighbours
    }

    /// How many links lie between a peer and each peer on the shortest way; none where there is no way.
    pub fn distances_from(&self, origin: usize) -> Vec<Option<usize>> {
        let neighbours = self.neighbours();
        let mut distances = vec![None; self.count];
        distances[origin] = Some(0);
        let mut reached = vec![origin];
        let mut next = 0;
        while let Some(peer) = reached.get(next).copied() {
            next += 1;
            for neighbour in neighbours[peer].iter().copied() {
                if distances[neighbour].is_none() {
                    distances[neighbour] = distances[peer].map(|distance| distance + 1);
                    reached.push(neighbour);
                }
            }
        }
        distances
    }
}

impl Mesh {
    /// Starts peers that are wired so; `setup` says how the peer of each number is to be started. Whoever has
    /// the higher number dials. Waits until all links stand and all files are found.
    pub fn start(wiring: &Wiring, setup: impl Fn(usize) -> PeerSetup) -> Self {
        let neighbours = wiring.neighbours();
        let mut peers: Vec<Peer> = Vec::new();
        for (number, linked) in neighbours.iter().enumerate() {
            let known = linked.iter().filter(|other| **other < number).map(|other| peers[*other].address());
            peers.push(known.fold(setup(number), |peer, address| peer.knows(&address)).start());
        }
        let mesh = Self { peers, neighbours };
        mesh.peers.iter().for_each(Peer::wait_until_indexed);
        mesh.wait_for_links();
        mesh
    }

    /// Waits until every link stands, and none besides.
    pub fn wait_for_links(&self) {
        for (peer, linked) in self.peers.iter().zip(&self.neighbours) {
            peer.wait_for_links(linked.len() as u64);
        }
    }

    /// All peers.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// All peers, to take them out.
    pub fn peers_mut(&mut self) -> &mut Vec<Peer> {
        &mut self.peers
    }

    /// Gives the peer of that number a command, waits for so many results and until the whole mesh is quiet, and
    /// returns all results, sorted by address and path.
    pub fn results(&self, number: usize, command: &str, count: usize) -> Vec<Value> {
        let mut results = self.peers[number].ask(command).results(count, &self.peers);
        results.sort_by_key(|line| (line["address"].to_string(), line["path"].to_string()));
        results
    }

    /// The numbers of the peers that gave these results, with the hops that were told, sorted.
    ///
    /// # Panics
    /// When an address is nobody's.
    pub fn owners_and_hops(&self, results: &[Value]) -> Vec<(usize, u64)> {
        let owner = |line: &Value| {
            let is_it = |peer: &Peer| line["address"] == peer.address().to_string();
            self.peers.iter().position(is_it).unwrap_or_else(|| panic!("nobody is there: {line}"))
        };
        let hops = |line: &Value| line["hops"].as_u64().unwrap();
        let mut owners: Vec<_> = results.iter().map(|line| (owner(line), hops(line))).collect();
        owners.sort_unstable();
        owners
    }

    /// One number of STATUS of each peer.
    pub fn counts(&self, name: &str) -> Vec<u64> {
        self.peers.iter().map(|peer| peer.count(name)).collect()
    }

    /// How much that number grows at each peer while something is done and until all are quiet.
    pub fn growth(&self, name: &str, act: impl FnOnce(&Self)) -> Vec<u64> {
        let before = self.counts(name);
        act(self);
        self.wait_until_quiet();
        self.counts(name).iter().zip(before).map(|(after, before)| after - before).collect()
    }

    /// Waits until nobody has anything to do.
    pub fn wait_until_quiet(&self) {
        let processes: Vec<&Process> = self.peers.iter().map(Peer::process).collect();
        wait_until_all_quiet(&processes);
    }
}

impl Index<usize> for Mesh {
    type Output = Peer;

    fn index(&self, number: usize) -> &Peer {
        &self.peers[number]
    }
}

impl IndexMut<usize> for Mesh {
    fn index_mut(&mut self, number: usize) -> &mut Peer {
        &mut self.peers[number]
    }
}
