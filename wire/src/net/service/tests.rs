//! Admission, drain and panics of a service, over real loopback sockets.

use super::*;
use crate::connection::{self, Opened, OpeningError, ReceiveError, Wait, say_hello};
use crate::error_code::ErrorCode;
use crate::message::reply::Goodbye;
use crate::message::request::Bye;
use crate::message::{Hello, Reply, Request, Role, SessionLimits, Welcome};
use crate::net::{Address, Security, dial};
use std::io::{Read as _, Write as _};
use std::sync::mpsc;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);

/// Says welcome, tells the test, and holds one request open until the test lets go.
struct Holding {
    begun: mpsc::SyncSender<()>,
    release: Receiver<()>,
}

impl Serve for Holding {
    type Kept = ();

    fn open(&self, mut connection: Connection, slot: &SessionSlot) -> Option<Rest<()>> {
        if slot.receive_hello(&mut connection).is_err() {
            connection.close_gently();
        } else if slot.becomes_session(false).is_err() {
            slot.turn_away(connection, ErrorCode::Busy, "full");
        } else {
            connection::welcome(&mut connection, &welcome()).unwrap();
            slot.begin("hold", "").unwrap();
            self.begun.send(()).unwrap();
            self.release.recv().unwrap();
            slot.end();
        }
        None
    }

    fn resume(&self, _: Rest<()>, _: &SessionSlot) -> Option<Rest<()>> {
        unreachable!("it never rests")
    }
}

struct Panicking;

impl Serve for Panicking {
    type Kept = ();

    fn open(&self, _: Connection, _: &SessionSlot) -> Option<Rest<()>> {
        panic!("on purpose");
    }

    fn resume(&self, _: Rest<()>, _: &SessionSlot) -> Option<Rest<()>> {
        panic!("on purpose");
    }
}

/// Says welcome, and answers every line with a goodbye; tells the test where sessions begin and end.
struct Resting {
    told: mpsc::SyncSender<&'static str>,
    /// Of sessions; all that comes before has the usual one.
    patience: Duration,
}

impl Serve for Resting {
    type Kept = usize;

    fn open(&self, mut connection: Connection, slot: &SessionSlot) -> Option<Rest<usize>> {
        slot.receive_hello(&mut connection).unwrap();
        slot.becomes_session(false).unwrap();
        connection::welcome(&mut connection, &welcome()).unwrap();
        connection.receiver.set_patience(self.patience);
        self.told.send("rests").unwrap();
        connection.receiver.comes_within(Duration::ZERO);
        Some(Rest { connection, kept: 0 })
    }

    fn resume(&self, Rest { mut connection, kept }: Rest<usize>, _: &SessionSlot) -> Option<Rest<usize>> {
        match connection.receiver.message::<Request>() {
            Ok(Some(asked)) => {
                connection.sender.send(asked.id, &Goodbye {}).unwrap();
                assert_eq!(asked.id, Some(kept as u64));
                connection.receiver.comes_within(Duration::ZERO);
                return Some(Rest { connection, kept: kept + 1 });
            }
            Ok(None) => self.told.send("left").unwrap(),
            Err(ReceiveError::TimedOut(Wait::Message)) => self.told.send("silent").unwrap(),
            Err(other) => panic!("{other}"),
        }
        None
    }
}

fn welcome() -> Welcome {
    Welcome {
        version: 1,
        agent: "test".into(),
        role: Role::Server,
        process_id: "0".repeat(32),
        features: Vec::new(),
        limits: SessionLimits::ours(),
        advertise: None,
        network_proof: None,
    }
}

fn start(connections_max: usize, serve: Arc<impl Serve>) -> Service {
    let admission = Admission { connections_max, patience: PATIENCE };
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    Service::start(listener, admission, Door::plain(), serve).unwrap()
}

fn open(service: &Service) -> Result<(Connection, Opened), OpeningError> {
    let mut connection = dialled(service);
    let opened = say_hello(&mut connection, &Hello::of_client("test", &"1".repeat(32)), None)?;
    Ok((connection, opened))
}

fn dialled(service: &Service) -> Connection {
    let (address, wake) = (Address::from(service.address()), Wake::new().unwrap());
    dial(&address, PATIENCE, &Security::none(), &wake).unwrap().secured().unwrap()
}

fn refusal(result: Result<(Connection, Opened), OpeningError>) -> Option<ErrorCode> {
    match result {
        Err(OpeningError::Refused(refused)) => Some(refused.code),
        _ => None,
    }
}

fn holding(connections_max: usize) -> (Service, mpsc::Receiver<()>, Sender<()>) {
    let (begun, has_begun) = mpsc::sync_channel(8);
    let (let_go, release) = bounded(400);
    (start(connections_max, Arc::new(Holding { begun, release })), has_begun, let_go)
}

#[test]
fn one_connection_past_the_limit_is_refused_as_busy_and_admitted_later() {
    let (service, has_begun, let_go) = holding(1);
    let first = open(&service).unwrap();
    has_begun.recv().unwrap();
    assert_eq!(refusal(open(&service)), Some(ErrorCode::Busy));
    let_go.send(()).unwrap();
    drop(first);
    let admitted = std::iter::repeat_with(|| open(&service)).find_map(Result::ok);
    has_begun.recv().unwrap();
    let_go.send(()).unwrap();
    assert!(admitted.is_some());
}

#[test]
fn who_is_refused_is_told_so_however_many_were_refused_before() {
    let (service, has_begun, let_go) = holding(1);
    let _first = open(&service).unwrap();
    has_begun.recv().unwrap();
    let is_told = |_: &u32| refusal(open(&service)) == Some(ErrorCode::Busy);
    assert_eq!((0..500).filter(is_told).count(), 500);
    let_go.send(()).unwrap();
}

#[test]
fn promise_7_a_drain_waits_for_the_running_request_and_refuses_newcomers() {
    let (service, has_begun, let_go) = holding(4);
    let _connection = open(&service).unwrap();
    has_begun.recv().unwrap();
    assert_eq!(service.drain(), 1);
    assert!(service.emptied().try_recv().is_err(), "a request still runs");
    assert_eq!(refusal(open(&service)), Some(ErrorCode::Stopping));
    let_go.send(()).unwrap();
    service.emptied().recv_timeout(PATIENCE).unwrap();
    assert_eq!(service.cut(), 0);
}

#[test]
fn promise_5_a_panic_in_one_session_ends_that_session_alone() {
    let service = start(4, Arc::new(Panicking));
    for _ in 0..3 {
        assert!(open(&service).is_err());
    }
    assert_eq!(service.drain(), 0);
    service.emptied().recv_timeout(PATIENCE).unwrap();
}

#[test]
fn another_protocol_is_told_by_its_first_byte_and_not_by_a_time_out() {
    let (service, _has_begun, let_go) = holding(1);
    let mut socket = std::net::TcpStream::connect(service.address()).unwrap();
    socket.write_all(b"\x16\x03\x01").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"code\":\"bad_message\""), "{answer}");
    let_go.send(()).unwrap();
}

#[test]
fn sessions_at_their_limit_leave_room_for_links() {
    struct Roles;
    impl Serve for Roles {
        type Kept = ();

        fn open(&self, mut connection: Connection, slot: &SessionSlot) -> Option<Rest<()>> {
            let hello = slot.receive_hello(&mut connection).unwrap();
            if hello.role == Role::Peer {
                slot.becomes_link();
            } else if slot.becomes_session(false).is_err() {
                slot.turn_away(connection, ErrorCode::Busy, "full");
                return None;
            }
            connection::welcome(&mut connection, &welcome()).unwrap();
            let _ = connection.receiver.message::<Request>();
            None
        }

        fn resume(&self, _: Rest<()>, _: &SessionSlot) -> Option<Rest<()>> {
            unreachable!("it never rests")
        }
    }
    let service = start(1, Arc::new(Roles));
    let _session = open(&service).unwrap();
    assert_eq!(refusal(open(&service)), Some(ErrorCode::Busy));
    let mut links = Vec::new();
    for number in 0..3 {
        let mut connection = dialled(&service);
        say_hello(&mut connection, &Hello::of_peer("test", &format!("{number:032}"), 1), None).unwrap();
        links.push(connection);
    }
    // The refused one is an opening until it has left.
    let deadline = Instant::now() + PATIENCE;
    while service.sessions().len() > 1 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(service.sessions().len(), 1);
}

#[test]
fn a_thousand_half_open_connections_shut_nobody_out_who_opens_promptly() {
    let (service, has_begun, let_go) = holding(4);
    let _works = open(&service).unwrap();
    has_begun.recv().unwrap();
    let half_open = |number: u32| {
        let mut socket = std::net::TcpStream::connect(service.address()).unwrap();
        // Some say nothing, some begin.
        if number.is_multiple_of(2) {
            let _ = socket.write_all(b"{\"v\":1,");
        }
        socket
    };
    let crowd: Vec<_> = (0..1000).map(half_open).collect();
    for _ in 0..3 {
        open(&service).unwrap();
        has_begun.recv().unwrap();
    }
    assert_eq!(refusal(open(&service)), Some(ErrorCode::Busy));
    (0..4).for_each(|_| let_go.send(()).unwrap());
    drop(crowd);
}

#[test]
fn a_crowd_that_opens_promptly_is_served_to_the_last() {
    let (service, has_begun, let_go) = holding(400);
    let hello = Hello::of_client("test", &"1".repeat(32));
    let crowd: Vec<_> = (0..400)
        .map(|_| {
            let mut connection = dialled(&service);
            connection.sender.send(None, &hello).unwrap();
            connection
        })
        .collect();
    for number in 0..400 {
        assert!(has_begun.recv_timeout(PATIENCE).is_ok(), "{number} were served");
        let_go.send(()).unwrap();
    }
    drop(crowd);
}

#[test]
fn sessions_that_rest_go_on_when_something_comes_however_often_and_however_many_they_are() {
    let (told, tells) = mpsc::sync_channel(1000);
    let service = start(500, Arc::new(Resting { told, patience: PATIENCE }));
    let mut clients: Vec<_> = (0..300).map(|_| open(&service).unwrap().0).collect();
    for id in 0..5 {
        for client in &mut clients {
            client.sender.send(Some(id), &Bye {}).unwrap();
        }
        for client in &mut clients {
            let answer = client.receiver.message::<Reply>().unwrap().unwrap();
            assert!(answer.id == Some(id) && matches!(answer.message, Reply::Goodbye(_)));
        }
    }
    drop(clients);
    let said: Vec<_> = (0..600).map(|_| tells.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(said.iter().filter(|word| **word == "left").count(), 300);
}

#[test]
fn a_session_that_rests_longer_than_patience_allows_is_told_so() {
    let (told, tells) = mpsc::sync_channel(8);
    let service = start(4, Arc::new(Resting { told, patience: Duration::from_millis(50) }));
    let _silent = open(&service).unwrap();
    let said: Vec<_> = (0..2).map(|_| tells.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(said, ["rests", "silent"]);
}

#[test]
fn promise_7_a_drain_closes_sessions_that_rest_at_once() {
    let (told, tells) = mpsc::sync_channel(8);
    let service = start(4, Arc::new(Resting { told, patience: PATIENCE }));
    let _one = open(&service).unwrap();
    assert_eq!(tells.recv_timeout(PATIENCE), Ok("rests"));
    assert_eq!(service.drain(), 0);
    assert_eq!(tells.recv_timeout(PATIENCE), Ok("left"));
    service.emptied().recv_timeout(PATIENCE).unwrap();
}

#[test]
fn whoever_is_ready_is_served_while_many_others_keep_their_threads() {
    /// Keeps the thread with the first request until the test lets go.
    struct Keeping(Holding);
    impl Serve for Keeping {
        type Kept = ();

        fn open(&self, mut connection: Connection, slot: &SessionSlot) -> Option<Rest<()>> {
            slot.receive_hello(&mut connection).unwrap();
            slot.becomes_session(false).unwrap();
            connection::welcome(&mut connection, &welcome()).unwrap();
            Some(Rest { connection, kept: () })
        }

        fn resume(&self, _: Rest<()>, _: &SessionSlot) -> Option<Rest<()>> {
            self.0.begun.send(()).unwrap();
            self.0.release.recv().unwrap();
            None
        }
    }
    let (begun, has_begun) = mpsc::sync_channel(100);
    let (let_go, release) = bounded(100);
    let service = start(100, Arc::new(Keeping(Holding { begun, release })));
    let mut crowd: Vec<_> = (0..100).map(|_| open(&service).unwrap().0).collect();
    crowd.iter_mut().for_each(|client| client.sender.send(Some(0), &Bye {}).unwrap());
    (0..100).for_each(|_| has_begun.recv_timeout(PATIENCE).unwrap());
    (0..100).for_each(|_| let_go.send(()).unwrap());
}
