//! Links that open: double ones, ones to oneself, too many.

use super::*;
use wire::error_code::ErrorCode;

fn refusal(actions: &[Action]) -> Option<ErrorCode> {
    match actions {
        [Action::Refuse { code, .. }] => Some(*code),
        _ => None,
    }
}

fn opened(overlay: &mut Overlay, id: u32, number: u16) -> Vec<Action> {
    let name = address(number).to_string().into();
    let input = Input::Opened { link: LinkId(id), name, neighbour: neighbour(number) };
    overlay.handle(Moment(0), input, &NOTHING)
}

#[test]
fn a_peer_keeps_no_link_to_itself_whichever_end_sees_it_first() {
    let mut own = overlay(5);
    assert_eq!(refusal(&hello(&mut own, 5)), Some(ErrorCode::NotAllowed));
    let closed = opened(&mut own, 9, 5);
    assert_eq!(closed, [Action::Close { link: LinkId(9), reason: CloseReason::Itself }]);
    assert_eq!(own.link_count(), 0);
}

#[test]
fn a_known_peer_that_turns_out_to_be_this_one_is_not_dialled_again() {
    let mut own = overlay(5);
    let name: Arc<str> = "me:1".into();
    let know = Input::Know { name: Arc::clone(&name), address: None, key: None };
    assert_eq!(own.handle(Moment(0), know, &NOTHING), [Action::Dial { name: Arc::clone(&name) }]);
    own.handle(Moment(0), Input::Opened { link: LinkId(1), name, neighbour: neighbour(5) }, &NOTHING);
    assert_eq!((own.next_moment(), own.handle(Moment(9_999_999), Input::Time, &NOTHING)), (None, Vec::new()));
}

#[test]
fn of_several_links_that_one_peer_dials_the_first_stays() {
    let mut own = overlay(5);
    hello(&mut own, 7);
    let again = Input::Hello { link: LinkId(100), neighbour: neighbour(7) };
    assert_eq!(refusal(&own.handle(Moment(0), again, &NOTHING)), Some(ErrorCode::Exists));
    assert_eq!(own.link_count(), 1);
}

#[test]
fn two_peers_that_dial_each_other_keep_the_same_link_in_every_order() {
    // Link 1 is dialled by the smaller peer, 2, and link 2 by the larger one, 9. Each end sees one link opened by
    // its own dialling and one by a hello, in either order.
    for small_sees_own_first in [true, false] {
        for large_sees_own_first in [true, false] {
            let (mut small, mut large) = (overlay(2), overlay(9));
            let kept = |overlay: &mut Overlay, other: u16, own: u32, theirs: u32, own_first: bool| {
                let hello = Input::Hello { link: LinkId(theirs), neighbour: neighbour(other) };
                if own_first {
                    opened(overlay, own, other);
                    overlay.handle(Moment(0), hello, &NOTHING);
                } else {
                    overlay.handle(Moment(0), hello, &NOTHING);
                    opened(overlay, own, other);
                }
                overlay.links.iter().map(|link| link.id.0).collect::<Vec<_>>()
            };
            assert_eq!(kept(&mut small, 9, 1, 2, small_sees_own_first), [1]);
            assert_eq!(kept(&mut large, 2, 2, 1, large_sees_own_first), [1]);
        }
    }
}

#[test]
fn one_link_more_than_there_is_room_for_is_refused_as_busy() {
    let mut own = Overlay::new(Own { peer: PeerId(1), addresses: Vec::new(), links_max: 2, seed: 1 });
    for number in 5..7 {
        assert_eq!(refusal(&hello(&mut own, number)), None);
    }
    assert_eq!(refusal(&hello(&mut own, 7)), Some(ErrorCode::Busy));
    own.handle(Moment(0), Input::Closed { link: link(5) }, &NOTHING);
    assert_eq!(refusal(&hello(&mut own, 8)), None);
}
