//! Peers in one process, with real links between them.

use super::answer::Connected;
use super::*;
use crate::overlay::Wanted;
use crate::trust::{NO_MEMBER, Plain};
use shared_folder::catalogue::Catalogue;
use shared_folder::folder::Folder;
use shared_folder::serve::{Observe, RequestRecord, Rules, Share};
use std::time::{Duration, Instant};
use wire::connection::Identity;
use wire::error_code::ErrorCode;
use wire::message::link::FileResult;
use wire::message::{ByteCount, Role};
use wire::net::service::{Admission, Service};
use wire::net::{Address, Listener};
use wire::network::{NETWORK_KEY_BYTES, NetworkKey};

const PATIENCE: Duration = Duration::from_secs(60);
const LINKS_MAX: usize = 4;

struct Names(Vec<String>);

impl Index for Names {
    fn find(&self, wanted: &Wanted, max: usize) -> Vec<FileResult> {
        let Wanted::Words(words) = wanted else { return Vec::new() };
        let found = self.0.iter().filter(|name| name.contains(words)).take(max);
        let file = |path: &String| FileResult {
            path: path.clone(),
            byte_count: ByteCount::new(5),
            digest: None,
            partial: false,
        };
        found.map(file).collect()
    }
}

struct Silent;

impl Observe for Silent {
    fn request(&self, _: &RequestRecord<'_>) {}
}

/// One running peer. Fields are dropped in this order.
struct Peer {
    network: Network,
    service: Service,
    state: tempfile::TempDir,
}

impl Peer {
    fn start(file: &str, peers: &[SocketAddr]) -> Self {
        Self::start_at("127.0.0.1:0", file, peers, tempfile::tempdir().unwrap())
    }

    fn start_at(listen: &str, file: &str, peers: &[SocketAddr], state: tempfile::TempDir) -> Self {
        Self::start_in(None, (listen, file), peers, state)
    }

    fn start_in(
        network: Option<NetworkKey>,
        (listen, file): (&str, &str),
        peers: &[SocketAddr],
        state: tempfile::TempDir,
    ) -> Self {
        let listener = Listener::bind(&listen.parse().unwrap()).unwrap();
        let identity = Identity::generate().unwrap().0;
        let trust = Trust::new(&identity, Plain::Loopback, network).unwrap();
        let rules = Rules { refuses_changes: Some(ErrorCode::NotAllowed), ..Rules::default() };
        let welcome = Host::welcome("test".into(), Role::Peer, trust.process_id(), &rules);
        let share = Share::new(Folder::open(state.path()).unwrap(), Catalogue::open(None), rules);
        let host = Arc::new(Host::new(share, welcome, Box::new(Silent)));
        let settings = Settings {
            agent: "test".into(),
            listening: listener.address(),
            advertise: None,
            peers: peers.iter().map(|peer| Address::from(*peer).into()).collect(),
            links_max: LINKS_MAX,
            trust: trust.clone(),
            state: state.path().to_owned(),
        };
        let network = Network::start(settings, host, Arc::new(Names(vec![file.to_owned()]))).unwrap();
        let admission = Admission { connections_max: 2, patience: PATIENCE };
        let service = Service::start(listener, admission, trust.door(), network.serve()).unwrap();
        Self { network, service, state }
    }

    fn address(&self) -> SocketAddr {
        self.service.address()
    }

    fn links(&self) -> usize {
        self.network.handle().status().neighbours.len()
    }

    /// Asks again and again; each time waits for the owner, not for time alone.
    fn await_links(&self, count: usize) {
        let begun = Instant::now();
        while self.links() != count {
            assert!(begun.elapsed() < PATIENCE, "{} links instead of {count}", self.links());
            std::thread::yield_now();
        }
    }

    fn search(&self, words: &str, count: usize) -> Vec<FoundFile> {
        let asked = self.network.handle().search(Wanted::Words(words.into()), 7, &never()).unwrap();
        (0..count).map(|_| asked.results.recv_timeout(PATIENCE).unwrap()).collect()
    }
}

#[test]
fn a_search_crosses_links_and_its_results_name_their_owners() {
    let first = Peer::start("first song", &[]);
    let second = Peer::start("second song", &[first.address()]);
    let third = Peer::start("third song", &[second.address()]);
    second.await_links(2);
    let mut found = third.search("song", 2);
    found.sort_by_key(|file| file.hops);
    let paths: Vec<_> = found.iter().map(|file| (file.path.as_str(), file.address, file.hops)).collect();
    assert_eq!(paths, [("second song", second.address(), 1), ("first song", first.address(), 2)]);
    let counters = second.network.handle().status().counters;
    assert_eq!((counters.messages_received, counters.messages_sent, counters.searches_seen), (2, 3, 1));
}

#[test]
fn members_of_a_private_network_link_with_each_other_alone() {
    let member = |seed, peers: &[SocketAddr]| {
        let network = NetworkKey::new([seed; NETWORK_KEY_BYTES]);
        Peer::start_in(Some(network), ("127.0.0.1:0", "song"), peers, tempfile::tempdir().unwrap())
    };
    let (one, other) = (member(1, &[]), member(2, &[]));
    let friend = member(1, &[one.address()]);
    one.await_links(1);
    assert!(one.network.handle().status().neighbours[0].is_tls);
    let key = friend.network.shared.trust.key();
    assert_eq!(one.search("song", 1)[0].key, Some(key));
    let connect = |peer: &Peer, to: &Peer| {
        peer.network.handle().connect(&Address::from(to.address()).into(), &never()).unwrap_err()
    };
    let refused = |error: &ConnectError| matches!(error, ConnectError::Refused { code: ErrorCode::NotAllowed, why } if why == NO_MEMBER);
    assert!(refused(&connect(&other, &one)) && refused(&connect(&one, &other)));
    let open = Peer::start("song", &[]);
    assert!(refused(&connect(&open, &one)));
    assert!(matches!(connect(&one, &open), ConnectError::Unreachable(why) if why.contains("network")));
    // It took the one that dialled it in, until that one had left.
    open.await_links(0);
    assert_eq!([one.links(), other.links()], [1, 0]);
}

#[test]
fn a_discover_fills_the_peer_list_and_a_restart_keeps_it() {
    let first = Peer::start("a", &[]);
    let second = Peer::start("b", &[first.address()]);
    let third = Peer::start("c", &[second.address()]);
    second.await_links(2);
    let asked = third.network.handle().discover(7, &never()).unwrap();
    let found: Vec<_> = (0..2).map(|_| asked.results.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(found.contains(&FoundPeer { address: first.address(), key: None, hops: 2, added: true }));
    assert!(found.contains(&FoundPeer { address: second.address(), key: None, hops: 1, added: false }));
    let Peer { network, service, state } = third;
    drop(service);
    drop(network);
    let again = Peer::start_at("127.0.0.1:0", "c", &[], state);
    assert!(again.network.handle().peers().iter().any(|peer| peer.address == Some(first.address())));
    assert_eq!((again.network.handle().reset(), again.network.handle().peers().len()), (1, 0));
}

#[test]
fn a_lost_link_is_made_again_when_the_neighbour_is_back() {
    let first = Peer::start("a", &[]);
    let address = first.address();
    let second = Peer::start("b", &[address]);
    second.await_links(1);
    drop(first);
    second.await_links(0);
    let _first = Peer::start_at(&address.to_string(), "a", &[], tempfile::tempdir().unwrap());
    second.await_links(1);
}

#[test]
fn connect_opens_a_link_once_and_says_what_it_met() {
    let (first, second) = (Peer::start("a", &[]), Peer::start("b", &[]));
    let handle = first.network.handle();
    let there = Destination::from(Address::from(second.address()));
    assert_eq!(handle.connect(&there, &never()), Ok(Connected { was_linked: false }));
    assert_eq!(handle.connect(&there, &never()), Ok(Connected { was_linked: true }));
    assert_eq!(handle.connect(&Address::from(first.address()).into(), &never()), Err(ConnectError::Itself));
    drop(second);
    first.await_links(0);
    assert!(matches!(handle.connect(&there, &never()), Err(ConnectError::Unreachable(_))));
    assert!(matches!(handle.search(Wanted::Words("x".into()), 7, &never()), Err(AskError::NoLinks)));
    assert_eq!(handle.unreachable()[0].name, there.to_string());
}

#[test]
fn connect_where_no_link_has_room_is_no_success() {
    let first = Peer::start("a", &[]);
    let others: Vec<_> = (0..LINKS_MAX).map(|_| Peer::start("b", &[first.address()])).collect();
    first.await_links(LINKS_MAX);
    let one_more = Peer::start("c", &[]);
    let there = Destination::from(Address::from(one_more.address()));
    let refused = first.network.handle().connect(&there, &never()).unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { code: ErrorCode::Busy, .. }), "{refused}");
    drop(others);
}

#[test]
fn two_that_know_each_other_keep_one_link() {
    let first = Peer::start("a", &[]);
    let second = Peer::start("b", &[first.address()]);
    first.await_links(1);
    assert!(first.network.handle().connect(&Address::from(second.address()).into(), &never()).is_ok());
    first.await_links(1);
    second.await_links(1);
}

#[test]
fn a_peer_that_listens_elsewhere_than_it_dials_from_is_found_where_it_listens() {
    let Ok(probe) = std::net::TcpListener::bind("[::1]:0") else { return };
    drop(probe);
    let first = Peer::start("a", &[]);
    let second = Peer::start_at("[::1]:0", "b", &[first.address()], tempfile::tempdir().unwrap());
    first.await_links(1);
    let begun = Instant::now();
    while first.network.handle().status().neighbours[0].address != second.address() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    assert_eq!(first.search("b", 1)[0].address, second.address());
}

#[test]
fn a_stop_ends_links_and_searches_at_once() {
    let first = Peer::start("a", &[]);
    let second = Peer::start("b", &[first.address()]);
    first.await_links(1);
    let asked = second.network.handle().search(Wanted::Words("nothing".into()), 7, &never()).unwrap();
    let begun = Instant::now();
    second.network.stop();
    assert!(asked.results.recv().is_err());
    first.await_links(0);
    assert!(matches!(second.network.handle().discover(7, &never()), Err(AskError::Stopping)));
    second.service.drain();
    second.service.emptied().recv_timeout(PATIENCE).unwrap();
    assert!(begun.elapsed() < PATIENCE);
}
