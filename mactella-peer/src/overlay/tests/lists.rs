//! The peer list and what is dialled because of it.

use super::*;

fn know(overlay: &mut Overlay, now: u64, number: u16) -> Vec<Action> {
    let address = address(number);
    let input = Input::Know { name: address.to_string().into(), address: Some(address), key: None };
    overlay.handle(Moment(now), input, &NOTHING)
}

fn name(number: u16) -> Arc<str> {
    address(number).to_string().into()
}

fn dials(actions: &[Action]) -> Vec<Arc<str>> {
    let dialled = |action: &Action| match action {
        Action::Dial { name } => Some(Arc::clone(name)),
        _ => None,
    };
    actions.iter().filter_map(dialled).collect()
}

fn fail(overlay: &mut Overlay, now: u64, number: u16) -> Vec<Action> {
    overlay.handle(Moment(now), Input::DialFailed { name: name(number) }, &NOTHING)
}

fn open(overlay: &mut Overlay, now: u64, number: u16) -> Vec<Action> {
    let input = Input::Opened { link: link(number), name: name(number), neighbour: neighbour(number) };
    overlay.handle(Moment(now), input, &NOTHING)
}

fn time(overlay: &mut Overlay, now: u64) -> Vec<Arc<str>> {
    dials(&overlay.handle(Moment(now), Input::Time, &NOTHING))
}

fn learn(overlay: &mut Overlay, number: u16, reached: bool) {
    overlay.handle(Moment(0), Input::Learn { address: address(number), reached }, &NOTHING);
}

#[test]
fn a_known_peer_is_dialled_at_once_and_then_with_growing_pauses() {
    let mut own = overlay(1);
    assert_eq!(dials(&know(&mut own, 0, 7)), [name(7)]);
    let (mut now, mut pauses) = (0, Vec::new());
    for _ in 0..12 {
        assert_eq!(fail(&mut own, now, 7), []);
        let next = own.next_moment().unwrap().0;
        assert_eq!(time(&mut own, next - 1), []);
        assert_eq!(time(&mut own, next), [name(7)]);
        pauses.push(next - now);
        now = next;
    }
    assert!((375..=625).contains(&pauses[0]) && (750..=1250).contains(&pauses[1]), "{pauses:?}");
    assert!(pauses[8..].iter().all(|pause| (45_000..=75_000).contains(pause)), "{pauses:?}");
}

#[test]
fn a_lost_link_to_a_known_peer_is_made_again() {
    let mut own = overlay(1);
    know(&mut own, 0, 7);
    open(&mut own, 0, 7);
    assert_eq!((own.next_moment(), own.is_linked(&name(7))), (None, true));
    own.handle(Moment(5000), Input::Closed { link: link(7) }, &NOTHING);
    let next = own.next_moment().unwrap().0;
    assert!((5000..6000).contains(&next));
    assert_eq!(time(&mut own, next), [name(7)]);
}

#[test]
fn a_known_peer_that_has_a_link_to_us_is_not_dialled() {
    let mut own = overlay(1);
    hello(&mut own, 7);
    assert_eq!(know(&mut own, 0, 7), []);
    assert_eq!(own.peers().iter().filter(|peer| peer.linked).count(), 1);
}

#[test]
fn learned_addresses_are_dialled_only_to_replace_a_lost_link_and_not_often() {
    let mut own = overlay(1);
    for number in 20..30 {
        learn(&mut own, number, number == 25);
    }
    assert_eq!((own.next_moment(), time(&mut own, 1_000_000)), (None, Vec::new()));
    hello(&mut own, 7);
    let lost = 2_000_000;
    own.handle(Moment(lost), Input::Closed { link: link(7) }, &NOTHING);
    let next = own.next_moment().unwrap().0;
    assert!(next >= lost + 10_000);
    assert_eq!(time(&mut own, next), [name(25)], "where somebody was reached comes first");
    fail(&mut own, next, 25);
    assert_eq!(time(&mut own, next + 9_999), []);
    assert_eq!(time(&mut own, next + 10_000), [name(20)]);
    open(&mut own, next + 10_000, 20);
    assert_eq!((own.next_moment(), time(&mut own, next + 1_000_000)), (None, Vec::new()), "it is replaced");
}

#[test]
fn hearsay_never_displaces_an_address_where_somebody_was_reached() {
    let mut own = overlay(1);
    (0..1000).for_each(|number| learn(&mut own, 2000 + number, true));
    learn(&mut own, 9000, false);
    let list = own.peers();
    assert!(list.len() == 1000 && list.iter().all(|peer| peer.reached));
}

#[test]
fn what_comes_later_displaces_no_hearsay_but_what_failed() {
    let mut own = overlay(1);
    (0..1001).for_each(|number| learn(&mut own, 2000 + number, false));
    assert_eq!((own.peers().len(), own.peers()[0].address), (1000, Some(address(2000))));
    fail(&mut own, 0, 2000);
    learn(&mut own, 9000, false);
    let list = own.peers();
    assert_eq!(
        (list.len(), list[0].address, list[999].address),
        (1000, Some(address(2001)), Some(address(9000)))
    );
}

#[test]
fn what_can_be_nobodys_address_is_not_learned() {
    let mut own = overlay(1);
    for text in [
        "0.0.0.0:5",
        "1.2.3.4:0",
        "224.0.0.1:5",
        "255.255.255.255:5",
        "[::]:1",
        "[fe80::1%3]:4",
        "[::ffff:127.0.0.1]:5",
    ] {
        own.handle(Moment(0), Input::Learn { address: text.parse().unwrap(), reached: false }, &NOTHING);
    }
    assert_eq!(own.peers(), []);
}

#[test]
fn more_known_peers_than_the_limit_are_not_kept() {
    let mut own = overlay(1);
    (0..257).for_each(|number| drop(know(&mut own, 0, 2000 + number)));
    assert_eq!(own.peers().len(), 256);
}

#[test]
fn reset_forgets_learned_addresses_and_keeps_known_peers_and_links() {
    let mut own = overlay(1);
    know(&mut own, 0, 7);
    learn(&mut own, 20, true);
    hello(&mut own, 8);
    own.handle(Moment(0), Input::Reset, &NOTHING);
    let names: Vec<_> = own.peers().into_iter().map(|peer| peer.name).collect();
    assert_eq!((names, own.link_count()), (vec![name(7), name(8)], 1));
}

#[test]
fn who_hurries_dials_known_peers_now_but_not_all_the_time() {
    let mut own = overlay(1);
    know(&mut own, 0, 7);
    fail(&mut own, 0, 7);
    assert_eq!(dials(&own.handle(Moment(10), Input::Hurry, &NOTHING)), [name(7)]);
    fail(&mut own, 11, 7);
    assert_eq!(own.handle(Moment(12), Input::Hurry, &NOTHING), []);
}
