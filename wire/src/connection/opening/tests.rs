//! A first line that drips meets its deadline, in plain text and over TLS.

use super::*;
use crate::connection::{Acceptor, Identity, Offer, Wait};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);
/// Between two drops; whoever closes meanwhile is noticed.
const PAUSE: Duration = Duration::from_millis(10);
/// Far more than fit before the deadline, however late whoever listens comes to look at it.
const DROPS: usize = 6000;

fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (dialled, listener.accept().unwrap().0)
}

/// Whether the other end closed before all drops were sent.
fn drips(mut socket: &TcpStream, drop: &[u8]) -> bool {
    socket.set_read_timeout(Some(PAUSE)).unwrap();
    let is_closed = |mut socket: &TcpStream| match socket.read(&mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => !crate::connection::stream::is_timeout(&error),
    };
    (0..DROPS).any(|_| socket.write_all(drop).is_err() || is_closed(socket))
}

fn hears_nothing_in_time(mut connection: Connection) {
    let heard = connection.receiver.message_by::<Opening>(Some(Instant::now() + SHORT));
    assert!(matches!(heard, Err(ReceiveError::TimedOut(Wait::Hello))), "{heard:?}");
}

#[test]
fn drips_do_not_extend_the_deadline_of_a_first_line() {
    let (dialled, accepted) = sockets();
    let listening = thread::spawn(|| hears_nothing_in_time(Connection::new(accepted, PATIENCE).unwrap()));
    assert!(drips(&dialled, b"{"));
    listening.join().unwrap();
}

#[test]
fn drips_of_a_tls_record_do_not_extend_the_deadline_of_a_first_line() {
    let (dialled, accepted) = sockets();
    let raw = dialled.try_clone().unwrap();
    let soon = Instant::now() + PATIENCE;
    let listening = thread::spawn(move || {
        let mut connection = Connection::new(accepted, PATIENCE).unwrap();
        connection.accept_tls(&Acceptor::of(&Identity::generate().unwrap().0).unwrap(), soon).unwrap();
        hears_nothing_in_time(connection);
    });
    let mut dialling = Connection::new(dialled, PATIENCE).unwrap();
    dialling.offer_tls(&Offer::of(&Identity::generate().unwrap().0).unwrap(), soon).unwrap();
    // A record of application data, longer than all drops.
    (&raw).write_all(&[0x17, 3, 3, 0x20, 0]).unwrap();
    assert!(drips(&raw, &[0]));
    listening.join().unwrap();
}
