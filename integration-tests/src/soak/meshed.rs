//! A ring of peers that are killed and started again while they search and download from each other.
//!
//! It must not know anything of the server.

use std::fs;
use std::time::{Duration, Instant};

use super::Shared;
use super::vitals::Vitals;
use crate::content::{Dice, PIECE_BYTES, bytes};
use crate::mesh::{Mesh, Wiring};
use crate::patience::eventually_true;
use crate::peer::{Peer, PeerSetup};

const PEER_COUNT: usize = 6;
/// A killed peer stays away for at most so many milliseconds.
const AWAY_MAX: usize = 1500;

/// Searches, downloads and kills until then; then the mesh must be whole again.
pub(super) fn churn_until(deadline: Instant, shared: &Shared) {
    let setup = |number: usize| {
        PeerSetup::new(shared.program("mactella-peer-under-test")).file(&file_of(number), content_of(number))
    };
    let mut mesh = Mesh::start(&Wiring::ring(PEER_COUNT), setup);
    let mut at_start: Vec<Vitals> = mesh.peers().iter().map(|peer| Vitals::of(peer.process())).collect();
    let mut dice = shared.dice("mesh");
    let churn_end = Instant::now() + deadline.saturating_duration_since(Instant::now()).mul_f64(0.8);
    while Instant::now() < deadline {
        match dice.below(8) {
            0..=3 => search(&mesh, &mut dice, shared),
            4..=5 => download(&mut mesh, &mut dice, None, shared),
            _ if Instant::now() > churn_end => {}
            6 => {
                let victim = dice.below(PEER_COUNT);
                mesh[victim].kill();
                shared.pause(Duration::from_millis(dice.below(AWAY_MAX) as u64));
                at_start[victim] = restart(&mut mesh[victim], shared);
            }
            _ => {
                let victim = dice.below(PEER_COUNT);
                download(&mut mesh, &mut dice, Some(victim), shared);
                at_start[victim] = restart(&mut mesh[victim], shared);
            }
        }
    }
    assert_whole(&mesh, &at_start);
}

fn file_of(number: usize) -> String {
    format!("song-of-{number}.bin")
}

fn content_of(number: usize) -> Vec<u8> {
    bytes(&format!("mesh {number}"), 2 * PIECE_BYTES + number * 100_000)
}

fn restart(peer: &mut Peer, shared: &Shared) -> Vitals {
    shared.add("peers killed", 1);
    peer.start_again();
    Vitals::of(peer.process())
}

fn search(mesh: &Mesh, dice: &mut Dice, shared: &Shared) {
    let (asker, owner) = (dice.below(PEER_COUNT), dice.below(PEER_COUNT));
    let command = format!("SEARCH {}", file_of(owner));
    let outcome = mesh[asker].attach_with(&["--json", "--wait", "500ms"], &[&command]);
    shared.add("mesh searches", 1);
    // No link may stand at the moment.
    shared.expect([0, 3].contains(&outcome.code), || format!("{command}: {outcome:?}"));
    shared.add("mesh results", if outcome.code == 0 { outcome.lines().len() as u64 } else { 0 });
}

/// One peer gets another's file, while the other is perhaps killed.
fn download(mesh: &mut Mesh, dice: &mut Dice, victim: Option<usize>, shared: &Shared) {
    let source = victim.unwrap_or_else(|| dice.below(PEER_COUNT));
    let taker = (source + 1 + dice.below(PEER_COUNT - 1)) % PEER_COUNT;
    let command = format!("GET {} {}", file_of(source), mesh[source].host_and_port());
    let mut getting = mesh[taker].start_attached(&["--json"], &[&command]);
    if victim.is_some() {
        getting.ends_within(Duration::from_millis(dice.below(60) as u64));
        mesh[source].kill();
        shared.add("mesh downloads with a killed source", 1);
    }
    if victim.is_some() && !getting.ends_within(Duration::from_secs(1)) {
        getting.kill();
    }
    let code = getting.exit_code();
    shared.add("mesh downloads", 1);
    let said = getting.output.text();
    shared.expect(code == 0 || victim.is_some(), || format!("{command}: exit code {code}: {said}"));
    let landed = mesh[taker].scratch().share().join(file_of(source));
    if let Ok(content) = fs::read(&landed) {
        shared.add("bytes downloaded in the mesh", content.len() as u64);
        shared.expect(content == content_of(source), || format!("{command}: other bytes landed"));
        fs::remove_file(&landed).unwrap();
    } else {
        shared.expect(code != 0, || format!("{command}: exit 0, and nothing landed"));
    }
}

fn assert_whole(mesh: &Mesh, at_start: &[Vitals]) {
    for asker in 0..PEER_COUNT {
        for owner in (0..PEER_COUNT).filter(|owner| *owner != asker) {
            eventually_true(&format!("peer {asker} finds the file of {owner} after all churn"), || {
                let command = format!("SEARCH {}", file_of(owner));
                let found = mesh[asker].attach_with(&["--json", "--wait", "300ms"], &[&command]);
                let address = mesh[owner].address().to_string();
                found.code == 0 && found.lines().iter().any(|line| line["address"] == address)
            });
        }
        mesh[asker].scratch().assert_outside_is_unchanged();
    }
    for (peer, before) in mesh.peers().iter().zip(at_start) {
        eventually_true(&format!("the peer at {} is near {before:?} again", peer.address()), || {
            Vitals::of(peer.process()).is_near(before)
        });
    }
}
