use super::*;
use crossbeam_channel::{Sender, bounded};
use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::thread;

const PATIENCE: Duration = Duration::from_secs(30);

/// Knows the word `work`; keeps QUIT until it is told that its lines have ended, if it is `slow`.
struct Fake {
    emptied: (Sender<()>, Receiver<()>),
    /// What a drain still waits for.
    busy: usize,
    is_slow: bool,
    held: RefCell<Option<StopHandle>>,
    is_cut: Cell<bool>,
}

impl Fake {
    fn new(busy: usize) -> Self {
        Self { emptied: bounded(1), busy, is_slow: false, held: RefCell::default(), is_cut: Cell::new(false) }
    }
}

impl Work for Fake {
    fn drain(&self) -> usize {
        if self.busy == 0 {
            self.emptied.0.send(()).unwrap();
        }
        self.busy
    }

    fn emptied(&self) -> &Receiver<()> {
        &self.emptied.1
    }

    fn cut(&self) -> usize {
        self.is_cut.set(true);
        self.busy
    }

    fn obey(&self, typed: &Typed, output: &Output) -> bool {
        match typed.word.as_str() {
            "work" => output.line("working"),
            "ended" => {
                output.line("ended");
                if let Some(stop) = self.held.take() {
                    stop.drain();
                }
            }
            _ => return false,
        }
        true
    }

    fn quit(&self, stop: &StopHandle) {
        if self.is_slow {
            self.held.replace(Some(stop.clone()));
        } else {
            stop.drain();
        }
    }
}

/// Runs a daemon on console lines; gives its end and what it said.
fn run(work: &Fake, lines: &[u8], drain_timeout: Duration) -> (ExitStatus, String) {
    let (input, mut typing) = io::pipe().unwrap();
    let (mut reading, answers) = io::pipe().unwrap();
    typing.write_all(lines).unwrap();
    let daemon = Daemon {
        work,
        signals: StopSignals::without_handler().unwrap(),
        console: Some(ConsoleInput::from_descriptor(input.into()).unwrap()),
        output: Output::to(Box::new(answers)),
    };
    let reader = thread::spawn(move || {
        let mut text = String::new();
        reading.read_to_string(&mut text).map(|_| text)
    });
    let status = daemon.run(drain_timeout);
    (status, reader.join().unwrap().unwrap())
}

#[test]
fn lines_are_carried_out_in_order_and_quit_drains() {
    let work = Fake::new(0);
    let (status, said) = run(&work, b"work\n\nno,pe\nwork \"x\nExit\n", PATIENCE);
    assert_eq!(status, ExitStatus::Done);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[..2], ["working", "command not recognized: no"]);
    assert!(lines[2].starts_with("the quote \" at character 6 is not closed"), "{said}");
    assert_eq!(lines[3..], ["waiting for 0 connections with a running request"]);
    assert!(!work.is_cut.get());
}

#[test]
fn forcequit_cuts_although_nothing_has_ended() {
    let work = Fake::new(1);
    let (status, said) = run(&work, b"quit\nforcequit\n", PATIENCE);
    assert_eq!(status, ExitStatus::Failed);
    assert!(said.starts_with("waiting for 1 connection with a running request"), "{said}");
    assert!(work.is_cut.get());
}

#[test]
fn a_drain_that_takes_too_long_is_cut() {
    let work = Fake::new(2);
    assert_eq!(run(&work, b"QUIT\n", Duration::ZERO).0, ExitStatus::Failed);
    assert!(work.is_cut.get());
}

#[test]
fn quit_may_wait_for_the_lines_before_it_while_forcequit_does_not() {
    let slow = || Fake { is_slow: true, ..Fake::new(0) };
    let (status, said) = run(&slow(), b"work\nquit\nended\n", PATIENCE);
    assert_eq!(status, ExitStatus::Done);
    assert_eq!(said, "working\nended\nwaiting for 0 connections with a running request\n");
    assert_eq!(run(&slow(), b"work\nquit\nforcequit\n", PATIENCE).0, ExitStatus::Failed);
}
