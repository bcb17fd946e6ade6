//! Keys: whose results carry one, who takes whose place, and whom a name with a key means.

use super::*;
use wire::error_code::ErrorCode;
use wire::key::PublicKey;
use wire::message::link::DiscoverResult;

/// A neighbour of that number that has proven its key.
fn proven(number: u16) -> Neighbour {
    Neighbour { key: Some(key(number)), ..neighbour(number) }
}

fn key(number: u16) -> PublicKey {
    let mut key = [0; 32];
    key[14..16].copy_from_slice(&number.to_be_bytes());
    PublicKey(key)
}

fn opens(overlay: &mut Overlay, id: u32, neighbour: Neighbour) -> Vec<Action> {
    let name = neighbour.address.to_string().into();
    overlay.handle(Moment(0), Input::Opened { link: LinkId(id), name, neighbour }, &NOTHING)
}

fn dials(overlay: &mut Overlay, id: u32, neighbour: Neighbour) -> Vec<Action> {
    overlay.handle(Moment(0), Input::Hello { link: LinkId(id), neighbour }, &NOTHING)
}

fn with_key(message: LinkMessage, key: Option<PublicKey>) -> LinkMessage {
    match message {
        LinkMessage::SearchResult(result) => LinkMessage::SearchResult(SearchResult { key, ..result }),
        other => other,
    }
}

#[test]
fn a_peer_is_called_by_the_beginning_of_its_key() {
    assert_eq!(PeerId::of(key(513)), PeerId(513));
    assert_eq!(PeerId::of(PublicKey([0xab; 32])).to_string(), "ab".repeat(16));
}

#[test]
fn the_owners_neighbour_writes_the_key_that_it_saw_whatever_the_owner_says() {
    let (lie, mut hub) = (Some(key(666)), hub(2));
    dials(&mut hub, 3, proven(3));
    receive(&mut hub, 1, search(ID, 7, 0));
    let of_plain = sent(&receive(&mut hub, 2, with_key(result(ID, 0, None), lie)));
    assert_eq!(of_plain, result(ID, 1, Some(address(2))), "plain text proves nothing");
    let of_proven = sent(&receive(&mut hub, 3, with_key(result(ID, 0, None), lie)));
    assert_eq!(of_proven, with_key(result(ID, 1, Some(address(3))), Some(key(3))));
    let passed_on = sent(&receive(&mut hub, 2, with_key(result(ID, 1, Some(address(9))), lie)));
    assert_eq!(passed_on, with_key(result(ID, 2, Some(address(9))), lie), "further on it is passed as it is");
}

#[test]
fn what_comes_home_says_whose_key_it_is_about() {
    let mut hub = hub(1);
    dials(&mut hub, 3, proven(3));
    hub.handle(Moment(0), Input::Search { id: ID, wanted: words("song"), ttl: 3 }, &NOTHING);
    let found = receive(&mut hub, 3, result(ID, 0, None));
    assert!(matches!(found.as_slice(), [Action::Found { key: Some(found), .. }] if *found == key(3)));
    let id = FloodId(78);
    hub.handle(Moment(0), Input::Discover { id, ttl: 3 }, &NOTHING);
    let discovered = DiscoverResult { discover_id: id, hops: 0, address: None, key: None };
    let discovered = receive(&mut hub, 3, LinkMessage::DiscoverResult(discovered));
    assert!(
        matches!(discovered.as_slice(), [Action::Discovered { key: Some(found), .. }] if *found == key(3))
    );
}

#[test]
fn whoever_proves_its_key_takes_the_place_of_whoever_only_says_so_and_never_the_other_way() {
    // The id of this peer decides nothing here: smaller and larger, dialling and dialled.
    for own in [1, 9] {
        let closed = |id| Action::Close { link: LinkId(id), reason: CloseReason::Double };
        let mut dialled = overlay(own);
        dials(&mut dialled, 1, neighbour(5));
        assert_eq!(dials(&mut dialled, 2, proven(5)), [closed(1), Action::Welcome { link: LinkId(2) }]);
        let refused = dials(&mut dialled, 3, neighbour(5));
        assert!(matches!(refused.as_slice(), [Action::Refuse { code: ErrorCode::Exists, .. }]));
        let mut dialling = overlay(own);
        opens(&mut dialling, 1, neighbour(5));
        assert_eq!(opens(&mut dialling, 2, proven(5)), [closed(1)]);
        assert_eq!(opens(&mut dialling, 3, neighbour(5)), [closed(3)]);
        assert_eq!([dialled.links[0].id, dialling.links[0].id], [LinkId(2); 2]);
    }
}

#[test]
fn a_name_with_a_key_means_its_owner_and_not_whoever_is_at_the_address() {
    let mut own = overlay(1);
    let name: Arc<str> = "ioe://127.0.0.1:5/#key".into();
    dials(&mut own, 1, neighbour(5));
    let know = |name: &Arc<str>, key| Input::Know { name: Arc::clone(name), address: Some(address(5)), key };
    let dial = [Action::Dial { name: Arc::clone(&name) }];
    assert_eq!(own.handle(Moment(0), know(&name, Some(key(5))), &NOTHING), dial);
    assert!(!own.is_linked(&name));
    let opened = Input::Opened { link: LinkId(2), name: Arc::clone(&name), neighbour: proven(5) };
    own.handle(Moment(0), opened, &NOTHING);
    assert!(own.is_linked(&name));
}

#[test]
fn a_name_with_a_key_takes_the_place_of_one_without_and_never_the_other_way() {
    let mut own = overlay(1);
    let (bare, full): (Arc<str>, Arc<str>) = ("127.0.0.1:5".into(), "ioe://127.0.0.1:5/#key".into());
    for (name, key) in [(&bare, None), (&full, Some(key(5))), (&bare, None)] {
        own.handle(
            Moment(0),
            Input::Know { name: Arc::clone(name), address: Some(address(5)), key },
            &NOTHING,
        );
        // Also while the old one was being dialled: that dial says nothing about the new name.
        own.handle(Moment(0), Input::DialFailed { name: Arc::clone(&bare) }, &NOTHING);
    }
    let names: Vec<_> = own.peers().into_iter().map(|peer| peer.name).collect();
    assert_eq!(names, [full]);
}
