//! Who gives way to whom, who finds a place, and who is cut: a table without a service around it.

use super::*;
use crate::connection::HandshakeError;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

/// A table, and a real socket for all that pretend to come from elsewhere.
struct World {
    slots: Arc<Slots>,
    listener: TcpListener,
    /// In the order in which they came.
    slots_held: Vec<(SessionSlot, Connection, TcpStream)>,
}

impl World {
    fn new(connections_max: usize) -> Self {
        let (emptied, _) = crossbeam_channel::bounded(1);
        let admission = Admission { connections_max, patience: Duration::from_secs(20) };
        let slots = Arc::new(Slots::new(admission, emptied));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { slots, listener, slots_held: Vec::new() }
    }

    fn connection(&self) -> (Connection, TcpStream) {
        let dialled = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        let accepted = self.listener.accept().unwrap().0;
        (Connection::new(accepted, Duration::from_secs(20)).unwrap(), dialled)
    }

    /// One more from this address, which says nothing; its index.
    fn comes(&mut self, address: &str) -> usize {
        let (connection, dialled) = self.connection();
        connection.closer().pretend_to_read();
        let address = SocketAddr::new(address.parse().unwrap(), 4711);
        match self.slots.enter(connection.closer(), address) {
            Entry::Entered(slot) => self.slots_held.push((slot, connection, dialled)),
            other => panic!("{other:?}"),
        }
        self.slots_held.len() - 1
    }

    fn crowd(&mut self, address: &str, count: usize) {
        for _ in 0..count {
            self.comes(address);
        }
    }

    /// This one says something that this end does not read yet.
    fn says(&mut self, index: usize) {
        let (_, connection, dialled) = &mut self.slots_held[index];
        dialled.write_all(b"{").unwrap();
        while connection.closer().is_kept_waiting() {
            std::thread::yield_now();
        }
    }

    fn slot(&self, index: usize) -> &SessionSlot {
        &self.slots_held[index].0
    }

    fn gone(&self) -> Vec<usize> {
        let all = self.slots_held.iter().enumerate();
        all.filter(|(_, (slot, ..))| slot.gave_way()).map(|(index, _)| index).collect()
    }

    fn becomes(&mut self, address: &str, is_trusted: bool) -> Result<(), Crowded> {
        let index = self.comes(address);
        self.slot(index).becomes_session(is_trusted)
    }
}

#[test]
fn past_the_limit_of_an_address_its_own_oldest_gives_way() {
    let mut world = World::new(4);
    world.comes("192.0.2.2");
    world.crowd("192.0.2.1", OPENINGS_PER_ADDRESS_MAX);
    assert_eq!(world.gone(), [0; 0]);
    world.comes("192.0.2.1");
    world.comes("::ffff:192.0.2.1");
    assert_eq!(world.gone(), [1, 2]);
    world.comes("192.0.2.2");
    assert_eq!(world.gone(), [1, 2]);
}

#[test]
fn addresses_of_one_64_share_a_limit() {
    let mut world = World::new(4);
    for number in 0..OPENINGS_PER_ADDRESS_MAX {
        world.comes(&format!("2001:db8::{number:x}"));
    }
    world.comes("2001:db8:0:1::1");
    assert_eq!(world.gone(), [0; 0]);
    world.comes("2001:db8::ffff:1");
    assert_eq!(world.gone(), [0]);
}

#[test]
fn past_the_limit_in_all_the_oldest_of_the_address_with_most_gives_way() {
    let mut world = World::new(4);
    let light = (1..=OPENINGS_MAX - 50).map(|number| format!("10.0.{}.{}", number / 100, number % 100));
    for address in light {
        world.comes(&address);
    }
    world.crowd("192.0.2.1", 50);
    world.comes("192.0.2.2");
    world.comes("192.0.2.3");
    assert_eq!(world.gone(), [OPENINGS_MAX - 50, OPENINGS_MAX - 49]);
    let (slot, connection, _) = &mut world.slots_held[7];
    assert!(slot.hold_back(connection));
    world.comes("192.0.2.4");
    assert_eq!(world.gone(), [7, OPENINGS_MAX - 50, OPENINGS_MAX - 49], "who failed goes first");
}

#[test]
fn who_failed_gives_way_before_older_ones() {
    let mut world = World::new(4);
    world.crowd("192.0.2.1", OPENINGS_PER_ADDRESS_MAX);
    let (slot, connection, _) = &mut world.slots_held[5];
    slot.hold_back(connection);
    world.comes("192.0.2.1");
    world.comes("192.0.2.1");
    assert_eq!(world.gone(), [0, 5]);
}

#[test]
fn who_has_said_something_and_waits_for_us_gives_way_only_where_twice_as_many_do() {
    let mut world = World::new(4);
    world.crowd("192.0.2.1", OPENINGS_PER_ADDRESS_MAX);
    let silent = [3, 4];
    (0..OPENINGS_PER_ADDRESS_MAX).filter(|index| !silent.contains(index)).for_each(|index| world.says(index));
    for _ in 0..OPENINGS_PER_ADDRESS_MAX + silent.len() {
        let index = world.comes("192.0.2.1");
        world.says(index);
    }
    assert_eq!(world.gone(), silent);
    world.comes("192.0.2.1");
    assert_eq!(world.gone(), [0, 3, 4]);
}

#[test]
fn sessions_and_links_never_give_way_and_who_gave_way_becomes_neither() {
    let mut world = World::new(4);
    world.crowd("192.0.2.1", OPENINGS_PER_ADDRESS_MAX);
    world.slot(0).becomes_session(false).unwrap();
    world.slot(1).becomes_link();
    world.crowd("192.0.2.1", 3);
    assert_eq!(world.gone(), [2]);
    world.slot(2).becomes_link();
    assert_eq!(world.gone(), [2]);
}

#[test]
fn what_gave_way_and_does_not_end_counts_within_a_hard_bound() {
    let mut world = World::new(4);
    world.crowd("192.0.2.1", UNOPENED_MAX);
    assert_eq!(world.gone().len(), UNOPENED_MAX - OPENINGS_PER_ADDRESS_MAX);
    let (connection, _dialled) = world.connection();
    let other = SocketAddr::new("192.0.2.2".parse().unwrap(), 4711);
    assert!(matches!(world.slots.enter(connection.closer(), other), Entry::Overrun));
    drop(world.slots_held.remove(0));
    world.comes("192.0.2.2");
}

#[test]
fn strangers_of_one_address_leave_places_for_all_others() {
    let mut world = World::new(8);
    (0..6).for_each(|_| world.becomes("192.0.2.1", false).unwrap());
    assert_eq!(world.becomes("192.0.2.1", false), Err(Crowded));
    assert_eq!(world.becomes("192.0.2.1", true), Ok(()));
    assert_eq!(world.becomes("192.0.2.2", false), Ok(()));
    assert_eq!(world.becomes("192.0.2.3", true), Err(Crowded), "there are eight");
}

#[test]
fn this_machine_may_take_every_place_and_a_stranger_the_only_one() {
    let mut world = World::new(8);
    (0..8).for_each(|_| world.becomes("127.0.0.1", false).unwrap());
    World::new(1).becomes("192.0.2.1", false).unwrap();
}

#[test]
fn the_sessions_of_a_lost_key_are_cut_and_no_others() {
    let mut world = World::new(8);
    let keys = [Some(PublicKey([1; 32])), Some(PublicKey([2; 32])), None];
    for key in keys {
        let index = world.comes("192.0.2.1");
        world.slot(index).belongs_to(key);
        world.slot(index).becomes_session(true).unwrap();
    }
    let unjudged = world.comes("192.0.2.1");
    world.slot(unjudged).set_name("alice".into());
    // Who is not in yet: another key with the invitation that somebody used just now, which is to be told so.
    let opening = world.comes("192.0.2.1");
    world.slot(opening).belongs_to(keys[0]);
    assert_eq!(world.slots.cut_where(&|key, _| key == keys[0]), 1);
    assert_eq!(world.slots.cut_where(&|key, _| key.is_none()), 1);
    for (index, is_cut) in [(0, true), (1, false), (2, true), (3, false), (4, false)] {
        let (_, _, dialled) = &world.slots_held[index];
        dialled.set_nonblocking(true).unwrap();
        let waits = dialled.peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert_eq!(waits, !is_cut, "{index}");
    }
    assert_eq!(world.slots.statuses()[3].who.as_deref(), Some("alice"));
}

#[test]
fn a_failed_handshake_counts_as_a_failed_opening_and_silence_does_not() {
    let mut world = World::new(8);
    let failed = || DoorError::from(HandshakeError::NoKey);
    let silent = || DoorError::from(HandshakeError::TimedOut);
    for (address, error, is_counted) in
        [("192.0.2.1", failed(), true), ("192.0.2.2", silent(), false), ("127.0.0.1", failed(), false)]
    {
        world.comes(address);
        let (slot, connection, _dialled) = world.slots_held.last_mut().unwrap();
        slot.stays_outside(connection, &error);
        // The next failure of this address would wait.
        let wait = world.slots.lock().penalties.fails(Block::of(slot.address()), Instant::now());
        assert_eq!(!wait.is_zero(), is_counted, "{address}: {error}");
    }
}

/// From now on an answer to this one is held back as long as any can be.
fn fails_often(slots: &Slots, slot: &SessionSlot) {
    for _ in 0..10 {
        slots.lock().penalties.fails(Block::of(slot.address()), Instant::now());
    }
}

#[test]
fn who_is_held_back_and_leaves_or_sends_no_end_is_not_answered() {
    let mut world = World::new(8);
    world.comes("192.0.2.1");
    let (slot, connection, dialled) = &mut world.slots_held[0];
    // The first failure waits for nothing; a later one does, and ends with the connection.
    assert!(slot.hold_back(connection));
    fails_often(&world.slots, slot);
    dialled.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(!slot.hold_back(connection));
    assert!(connection.sender.send(None, &Hello::of_client("test", &"1".repeat(32))).is_err());
}

#[test]
fn who_is_held_back_and_waits_is_answered() {
    let mut world = World::new(8);
    world.comes("192.0.2.1");
    let (slot, connection, dialled) = &mut world.slots_held[0];
    dialled.write_all(b"what is sent meanwhile is thrown away").unwrap();
    assert!(slot.hold_back(connection));
    assert!(slot.hold_back(connection));
    connection.sender.send(None, &Hello::of_client("test", &"1".repeat(32))).unwrap();
}

#[test]
fn a_stop_ends_the_wait_of_who_is_held_back() {
    let mut world = World::new(8);
    world.comes("192.0.2.1");
    let slots = Arc::clone(&world.slots);
    let (slot, connection, _dialled) = &mut world.slots_held[0];
    fails_often(&slots, slot);
    std::thread::scope(|scope| {
        let held_back = scope.spawn(|| slot.hold_back(connection));
        while slots.lock().count(|held| held.role == Role::Refused) == 0 {
            std::thread::yield_now();
        }
        slots.drain();
        assert!(!held_back.join().unwrap(), "it waited to its end");
    });
}
