//! Case 45: ten thousand connections at once are met with a limit, and transfers go on beside them.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use integration_tests::content::{PIECE_BYTES, bytes};
use integration_tests::patience::{DoneWhenDropped, eventually_true};
use integration_tests::server;
use integration_tests::upload::write_file;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const CONNECTION_COUNT: usize = 10_000;
/// What the other tests of this process may need meanwhile.
const SPARE_DESCRIPTORS: u64 = 2000;
/// The limit of the server in this test.
const CONNECTIONS_MAX: usize = 500;
/// Three times the connections that are still opening (PROTOCOL.md, section 11): that gave way and are just ending, too.
const UNOPENED_MAX: usize = 3 * 256;
/// What a server runs without sessions, with room to spare.
const OTHER_THREADS_MAX: usize = 100;

/// As many connections as wanted, or as this process is allowed to have.
fn allowed_connection_count() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let allowed = maximum.map_or(u64::MAX, |maximum| maximum.saturating_sub(SPARE_DESCRIPTORS));
    CONNECTION_COUNT.min(usize::try_from(allowed).unwrap())
}

#[test]
fn ten_thousand_connections_at_once_or_as_many_as_the_system_allows_disturb_no_transfer() {
    let content = bytes("content", 4 * PIECE_BYTES);
    let server = server!()
        .option_with("--max-connections", CONNECTIONS_MAX.to_string())
        .file("film.mov", &content)
        .start();
    let (mut reader, mut writer) = (server.session(), server.session());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let done = DoneWhenDropped(&is_over);
        let transfers = scope.spawn(|| {
            let mut count = 0;
            while count == 0 || !is_over.load(Ordering::Relaxed) {
                assert!(reader.read_file("film.mov") == content);
                write_file(&mut writer, &format!("copy-{}.mov", count % 2), &content);
                count += 1;
            }
        });
        let count = allowed_connection_count();
        let crowd: Vec<TcpStream> =
            (0..count).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
        let threads = server.thread_count();
        let threads_max = CONNECTIONS_MAX + UNOPENED_MAX + OTHER_THREADS_MAX;
        assert!(threads <= threads_max, "{threads} threads for {count} connections");
        drop(done);
        transfers.join().unwrap();
        drop(crowd);
    });
    drop((reader, writer));
    server.wait_until_alone();
    eventually_true("the crowd's threads have ended", || {
        server.session().assert_works();
        server.thread_count() <= OTHER_THREADS_MAX
    });
    assert!(server.scratch().shared("copy-0.mov") == content);
}
