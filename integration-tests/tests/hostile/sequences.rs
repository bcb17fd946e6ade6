//! Case 13: seeded random sequences of valid and invalid messages, cut and mixed anyhow. The seed of a
//! failing round is in its message. With `MINUTES=10` in the environment it goes on for so long.

use std::env;
use std::time::{Duration, Instant};

use integration_tests::content::{Dice, bytes, digest};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::{PROCESS_ID, Session, hello, line_of, section_of, with_id};
use integration_tests::upload::{end, small_write, write_request};
use serde_json::{Value, json};

const ROUND_COUNT: usize = 400;
const STEPS_MAX: usize = 30;
const PATHS: [&str; 8] = ["a.txt", "b/c.txt", "b", "new", "../outside/secret.txt", "missing/x", "link", ""];

#[test]
fn random_sequences_neither_kill_the_server_nor_leave_anything_behind() {
    let server =
        server!().option_with("--idle-timeout", "2s").file("a.txt", b"a").file("b/c.txt", b"c").start();
    std::os::unix::fs::symlink("../outside", server.scratch().share().join("link")).unwrap();
    server.session().assert_works();
    server.wait_until_alone();
    let descriptors = server.descriptor_count();
    play_rounds(&server, "warm-up", ROUND_COUNT / 4);
    let memory = server.memory_peak();
    play_rounds(&server, "measured", ROUND_COUNT);
    let end = Instant::now() + wanted_time();
    let mut turn = 0;
    while Instant::now() < end {
        turn += 1;
        play_rounds(&server, &format!("turn {turn}"), ROUND_COUNT);
    }
    let grown = server.memory_peak().saturating_sub(memory);
    assert!(grown < 16 << 20, "memory grew by {grown} bytes");
    assert_eq!(server.descriptor_count(), descriptors);
    server.session().assert_works();
    assert!(server.scratch().partials().is_empty());
}

/// How long is to be played beyond the usual rounds: as many minutes as the environment says.
fn wanted_time() -> Duration {
    let minutes = env::var("MINUTES").map_or(0, |text| text.parse().unwrap());
    Duration::from_secs(60 * minutes)
}

fn play_rounds(server: &Server, name: &str, count: usize) {
    for round in 0..count {
        let seed = format!("{name} {round}");
        let mut session = Session::dial(server.address());
        let sending = session.send_meanwhile(sequence(&mut Dice::new(&seed)));
        // Whether the server took everything is its business; it must answer in lines, and end.
        sending.join().unwrap();
        session.finish_sending();
        skip_to_the_end(&mut session);
    }
    server.wait_until_alone();
}

/// Reads whatever comes, lines and sections, until the connection closes.
fn skip_to_the_end(session: &mut Session) {
    while let Some(line) = session.next_line() {
        if line["type"] == "section" {
            session.raw(usize::try_from(line["byte_count"].as_u64().unwrap()).unwrap());
        }
    }
}

fn sequence(dice: &mut Dice) -> Vec<u8> {
    let mut sequence = match dice.below(10) {
        0 => Vec::new(),
        _ => line_of(&hello(PROCESS_ID)).into_bytes(),
    };
    for id in 0..dice.below(STEPS_MAX) as u64 {
        sequence.extend(step(dice, id));
    }
    if dice.below(4) == 0 {
        sequence.truncate(dice.below(sequence.len() + 1));
    }
    if dice.below(4) == 0 && !sequence.is_empty() {
        let place = dice.below(sequence.len());
        sequence[place] ^= 1 << dice.below(8);
    }
    sequence
}

fn step(dice: &mut Dice, id: u64) -> Vec<u8> {
    let path = *dice.pick(&PATHS);
    let line = |request: Value| line_of(&with_id(request, id)).into_bytes();
    match dice.below(16) {
        0 => line(json!({"type": "list", "path": path, "recursive": true})),
        1 => line(json!({"type": "list"})),
        2 => line(json!({"type": "stat", "path": path, "with_digest": true})),
        3 => line(json!({"type": "read", "path": path})),
        4 => line(json!({"type": "read", "digest": digest(b"a")})),
        5 => line(json!({"type": "pieces", "path": path})),
        6 => line(json!({"type": "rename", "path": path, "to": dice.pick(&PATHS), "replace": true})),
        7 => line(json!({"type": "delete", "path": path, "recursive": true})),
        8 => line(json!({"type": "mkdir", "path": path})),
        9 => line(json!({"type": "search", "words": path})),
        10 => small_write(id, path, &bytes("small", dice.below(5000))),
        11 => small_write(id, "a.txt", b"a"),
        12 => large_write_without_waiting(dice, id),
        13 => section_of(id, dice.below(3) as u64, b"stray"),
        14 => line_of(&end(id, b"stray")).into_bytes(),
        _ => line(json!({"type": "help", "extra": [1, 2, 3]})),
    }
}

fn large_write_without_waiting(dice: &mut Dice, id: u64) -> Vec<u8> {
    let content = bytes("large", dice.below(9000));
    let request = with_id(write_request("large", 0, &json!({"byte_count": null})), id);
    [line_of(&request).into_bytes(), section_of(id, 0, &content), line_of(&end(id, &content)).into_bytes()]
        .concat()
}
