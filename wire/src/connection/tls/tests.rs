//! TLS over real loopback sockets: what it must carry, and what must break it.

use super::*;
use crate::connection::identity::Identity;
use crate::connection::stream::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

const PATIENCE: Duration = Duration::from_secs(20);
const CANARY: &[u8] = b"nobody on the way may read this";

fn identity() -> Identity {
    Identity::generate().unwrap().0
}

fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (dialled, listener.accept().unwrap().0)
}

fn stream(socket: TcpStream) -> Stream {
    let stream = Stream::plain(socket, PATIENCE).unwrap();
    stream.set_read_timeout(PATIENCE).unwrap();
    stream
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

type Shaken = Result<(Stream, PublicKey), HandshakeError>;

fn shake(socket: TcpStream, state: State, deadline: Instant) -> Shaken {
    let stream = stream(socket);
    let key = stream.secure(state, deadline)?;
    stream.set_read_timeout(PATIENCE).unwrap();
    Ok((stream, key))
}

/// Shakes hands at both ends of these sockets.
fn shaken(sockets: (TcpStream, TcpStream), client: &Identity, server: &Identity) -> (Shaken, Shaken) {
    shaken_by(sockets, client, server, soon())
}

fn shaken_by(
    (dialled, accepted): (TcpStream, TcpStream),
    client: &Identity,
    server: &Identity,
    deadline: Instant,
) -> (Shaken, Shaken) {
    let acceptor = Acceptor::of(server).unwrap().connection().unwrap();
    let listening = thread::spawn(move || shake(accepted, acceptor, deadline));
    let dialling = shake(dialled, Offer::of(client).unwrap().connection().unwrap(), deadline);
    (dialling, listening.join().unwrap())
}

fn pair() -> (Stream, Stream) {
    let (dialling, listening) = shaken(sockets(), &identity(), &identity());
    (dialling.unwrap().0, listening.unwrap().0)
}

fn read_exact(stream: &Stream, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut at = 0;
    while at < count {
        match read_some(stream, &mut bytes[at..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => at += more,
        }
    }
    Ok(bytes)
}

/// As much as has come, once something has.
fn read_some(stream: &Stream, target: &mut [u8]) -> io::Result<usize> {
    loop {
        if let Some(count) = stream.read(target)? {
            return Ok(count);
        }
    }
}

fn content(byte_count: usize, seed: usize) -> Vec<u8> {
    (0..byte_count).map(|index| u8::try_from((index / 251 + index * 7 + seed) % 256).unwrap()).collect()
}

/// A way between two ends that lets `change` see and change what passes from the dialling end, and keeps it all.
fn relay(
    change: impl Fn(usize, &mut [u8]) + Send + 'static,
) -> ((TcpStream, TcpStream), mpsc::Receiver<Vec<u8>>) {
    let ((dialled, near), (far, accepted)) = (sockets(), sockets());
    let (record, recorded) = mpsc::channel();
    let (mut back_from, mut back_to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    thread::spawn(move || io::copy(&mut back_from, &mut back_to));
    thread::spawn(move || {
        let (mut near, mut far, mut all, mut buffer) = (near, far, Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = near.read(&mut buffer) {
            change(all.len(), &mut buffer[..count]);
            all.extend_from_slice(&buffer[..count]);
            if far.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        // Whoever was on the way leaves: both ends see it.
        let _ = far.shutdown(std::net::Shutdown::Both);
        let _ = near.shutdown(std::net::Shutdown::Both);
        let _ = record.send(all);
    });
    ((dialled, accepted), recorded)
}

#[test]
fn each_end_learns_the_key_of_the_other() {
    let (client, server) = (identity(), identity());
    let (dialling, listening) = shaken(sockets(), &client, &server);
    assert_eq!(dialling.unwrap().1, server.public());
    assert_eq!(listening.unwrap().1, client.public());
}

#[test]
fn much_passes_in_both_directions_at_once_from_two_threads_at_each_end() {
    let (one, other) = pair();
    let bytes = |seed| content(8 << 20, seed);
    thread::scope(|scope| {
        for (stream, own, others) in [(&one, 1, 2), (&other, 2, 1)] {
            scope.spawn(move || {
                bytes(own).chunks(100_000).for_each(|portion| stream.write_all(portion).unwrap());
            });
            scope.spawn(move || assert!(read_exact(stream, 8 << 20).unwrap() == bytes(others)));
        }
    });
}

#[test]
fn who_waits_for_room_in_the_socket_keeps_nobody_from_reading() {
    // More than two sockets hold.
    const BYTES: usize = 64 << 20;
    let (dialled, accepted) = sockets();
    let watched = dialled.try_clone().unwrap();
    let (dialling, listening) = shaken((dialled, accepted), &identity(), &identity());
    let (one, other) = (dialling.unwrap().0, listening.unwrap().0);
    thread::scope(|scope| {
        let writing = scope.spawn(|| one.write_all(&content(BYTES, 1)).unwrap());
        let now = Timespec::default();
        while poll(&mut [PollFd::new(&watched, PollFlags::OUT)], Some(&now)).unwrap() > 0 {
            thread::yield_now();
        }
        other.write_all(b"a word").unwrap();
        assert_eq!(read_exact(&one, 6).unwrap(), b"a word");
        assert!(!writing.is_finished());
        assert!(read_exact(&other, BYTES).unwrap() == content(BYTES, 1));
    });
}

#[test]
fn what_was_said_arrives_before_the_goodbye_and_an_end_without_one_is_an_error() {
    let (one, other) = pair();
    one.write_all(b"last words").unwrap();
    one.finish_sending().unwrap();
    assert_eq!(read_exact(&other, 10).unwrap(), b"last words");
    assert_eq!(read_some(&other, &mut [0; 10]).unwrap(), 0);
    other.write_all(b"an answer").unwrap();
    assert_eq!(read_exact(&one, 9).unwrap(), b"an answer");
    drop(other);
    assert_eq!(read_some(&one, &mut [0; 10]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_look_ahead_sees_whole_records_only_and_takes_nothing() {
    let (one, other) = pair();
    assert!(!other.is_readable_now());
    one.write_all(b"a").unwrap();
    while !other.is_readable_now() {
        thread::yield_now();
    }
    assert_eq!(read_exact(&other, 1).unwrap(), b"a");
    assert!(!other.is_readable_now());
    drop(one);
    while !other.is_readable_now() {
        thread::yield_now();
    }
    assert_eq!(read_some(&other, &mut [0]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_bit_that_is_flipped_anywhere_on_the_way_breaks_the_connection_and_changes_nothing() {
    for place in (0..2000usize).step_by(37) {
        let flip = move |at: usize, bytes: &mut [u8]| {
            if let Some(byte) = place.checked_sub(at).and_then(|index| bytes.get_mut(index)) {
                *byte ^= 4;
            }
        };
        let (sockets, recorded) = relay(flip);
        // A length that was flipped makes an end wait for bytes that nobody sends: that is a failure, too.
        let deadline = Instant::now() + Duration::from_millis(300);
        let (dialling, listening) = shaken_by(sockets, &identity(), &identity(), deadline);
        let sent = content(3000, 5);
        if let Ok((stream, _)) = &dialling {
            // The other end may have ended it already.
            let _ = stream.write_all(&sent).and_then(|()| stream.finish_sending());
        }
        if let Ok((stream, _)) = &listening {
            let received = read_exact(stream, 3000);
            assert!(received.is_err(), "the flip at {place} was not noticed");
        }
        drop((dialling, listening));
        recorded.recv().unwrap();
    }
}

#[test]
fn nothing_that_is_said_can_be_read_on_the_way() {
    let (sockets, recorded) = relay(|_, _| ());
    let (dialling, listening) = shaken(sockets, &identity(), &identity());
    let (one, other) = (dialling.unwrap().0, listening.unwrap().0);
    let said = CANARY.repeat(1000);
    one.write_all(&said).unwrap();
    assert!(read_exact(&other, said.len()).unwrap() == said);
    drop((one, other));
    let seen = recorded.recv().unwrap();
    assert!(seen.len() > said.len());
    assert!(!seen.windows(12).any(|window| CANARY.windows(12).any(|part| part == window)));
}

#[test]
fn what_was_recorded_opens_no_second_connection() {
    let (client, server) = (identity(), identity());
    let (sockets, recorded) = relay(|_, _| ());
    let (dialling, listening) = shaken(sockets, &client, &server);
    dialling.as_ref().unwrap().0.write_all(CANARY).unwrap();
    assert_eq!(read_exact(&listening.as_ref().unwrap().0, CANARY.len()).unwrap(), CANARY);
    drop((dialling, listening));
    let (mut dialled, accepted) = self::sockets();
    dialled.write_all(&recorded.recv().unwrap()).unwrap();
    let again = shake(accepted, Acceptor::of(&server).unwrap().connection().unwrap(), soon());
    assert!(matches!(again, Err(HandshakeError::Failed(_))), "{:?}", again.err());
}

#[test]
fn whoever_shows_a_key_of_another_without_its_secret_is_refused() {
    let (honest, victim, thief) = (identity(), identity(), identity());
    let stolen = thief.showing(&victim);
    let (dialling, listening) = shaken(sockets(), &honest, &stolen);
    assert!(matches!(dialling, Err(HandshakeError::Failed(_))));
    assert!(listening.is_err());
    let (_, listening) = shaken(sockets(), &stolen, &honest);
    assert!(matches!(listening, Err(HandshakeError::Failed(_))));
}

#[test]
fn silence_and_drips_meet_the_same_absolute_deadline() {
    let server = identity();
    for drips in [false, true] {
        let (mut dialled, accepted) = sockets();
        let (begun, time) = (Instant::now(), Duration::from_millis(200));
        let acceptor = Acceptor::of(&server).unwrap().connection().unwrap();
        let listening = thread::spawn(move || shake(accepted, acceptor, begun + time));
        if drips {
            // A record that goes on for ever, a byte at a time, until nobody takes it.
            while dialled.write_all(&[0x16]).is_ok() && !listening.is_finished() {
                thread::yield_now();
            }
        }
        let shaken = listening.join().unwrap();
        assert!(shaken.is_err());
        assert!(drips || matches!(shaken, Err(HandshakeError::TimedOut)));
    }
}

#[test]
fn what_comes_with_the_end_of_the_handshake_is_read_after_it_however_much_it_is() {
    let (dialled, accepted) = sockets();
    let acceptor = Acceptor::of(&identity()).unwrap().connection().unwrap();
    let (say_so, all_is_said) = mpsc::channel();
    let words: Vec<u8> = CANARY.iter().copied().cycle().take(60_000).collect();
    let said = words.clone();
    let dialling = thread::spawn(move || {
        let mut state = Offer::of(&identity()).unwrap().connection().unwrap();
        let mut socket = &dialled;
        while state.is_handshaking() {
            while state.wants_write() {
                state.write_tls(&mut socket).unwrap();
            }
            state.read_tls(&mut socket).unwrap();
            state.process_new_packets().unwrap();
        }
        // The last words of the handshake wait, and leave with all that follows them.
        state.writer().write_all(&said).unwrap();
        state.send_close_notify();
        let mut all = Vec::new();
        drain_into(&mut state, &mut all).unwrap();
        socket.write_all(&all).unwrap();
        say_so.send(dialled).unwrap();
    });
    let listening = shake(accepted, acceptor, soon()).unwrap().0;
    let _dialled = all_is_said.recv().unwrap();
    dialling.join().unwrap();
    assert!(read_exact(&listening, words.len()).unwrap() == words);
    assert_eq!(read_some(&listening, &mut [0]).unwrap(), 0, "the goodbye came with it");
}
