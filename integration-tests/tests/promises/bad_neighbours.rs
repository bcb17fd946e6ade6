//! One bad session hurts no other: clients that hang, flood or lie while others are served.

use std::thread;

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::server;
use integration_tests::session::{Session, line_of};
use integration_tests::upload::{begin_large, write_file};
use serde_json::json;

#[test]
fn readers_that_are_stuck_do_not_hold_up_the_others_and_get_all_when_they_go_on() {
    let (large, small) = (bytes("large", 32 * PIECE_BYTES), bytes("small", 50_000));
    let server = server!().file("large", &large).file("small", &small).start();
    let mut stuck: Vec<Session> = (0..8).map(|_| server.session()).collect();
    stuck.iter_mut().for_each(|session| {
        session.request(json!({"type": "read", "path": "large"}));
    });
    let mut quick: Vec<Session> = (0..8).map(|_| server.session()).collect();
    for _ in 0..20 {
        quick.iter_mut().for_each(|session| assert!(session.read_file("small") == small));
    }
    assert!(quick[0].read_file("large") == large);
    let mut first_stuck = stuck.swap_remove(0);
    assert_eq!(first_stuck.answer(1)["type"], "reading");
    assert!(first_stuck.payload(1).bytes == large);
}

#[test]
fn writers_that_are_stuck_do_not_hold_up_the_others() {
    let server = server!().start();
    let stuck: Vec<Session> = (0..8)
        .map(|index| {
            let mut session = server.session();
            begin_large(&mut session, &format!("stuck-{index}"), 2 * PIECE_BYTES, &json!({}));
            session
        })
        .collect();
    let content = bytes("content", 2 * PIECE_BYTES);
    for index in 0..8 {
        write_file(&mut server.session(), &format!("quick-{index}"), &content);
    }
    drop(stuck);
}

#[test]
fn hostile_sessions_in_between_disturb_nobody() {
    let content = bytes("content", 200_000);
    let server = server!().file("file", &content).start();
    thread::scope(|scope| {
        let hostile = scope.spawn(|| {
            for index in 0..200 {
                let mut session = Session::dial(server.address());
                match index % 4 {
                    0 => session.send_raw(b"garbage\n"),
                    1 => session.send_raw(vec![b'x'; 70_000]),
                    2 => session.send_raw(line_of(&json!({"type": "hello"}))),
                    _ => session.send_raw(b"{"),
                }
                session.reset();
            }
        });
        let mut session = server.session();
        while !hostile.is_finished() {
            assert!(session.read_file("file") == content);
        }
    });
}

#[test]
fn one_connection_more_than_allowed_is_told_busy_and_a_free_place_is_used_again() {
    let server = server!().option_with("--max-connections", "3").file("a.txt", b"hello").start();
    let mut sessions: Vec<Session> = (0..3).map(|_| server.session()).collect();
    for _ in 0..5 {
        Session::assert_busy(server.address());
    }
    sessions.iter_mut().for_each(Session::assert_works);
    sessions.pop();
    let next = integration_tests::patience::eventually("a place is free again", || {
        let mut session = Session::dial(server.address());
        session.try_send_raw(line_of(&integration_tests::session::hello(&"d".repeat(32))));
        session.next_line().filter(|line| line["type"] == "welcome").map(|_| session)
    });
    sessions.push(next);
    assert_eq!(sessions[2].read_file("a.txt"), b"hello");
    Session::assert_busy(server.address());
}
