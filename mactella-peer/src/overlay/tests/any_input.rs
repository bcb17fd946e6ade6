//! Whatever comes in whatever order: no panic, and every table within its limit.

use super::*;
use proptest::prelude::*;
use wire::digest::Digest;
use wire::message::link::DiscoverResult;

fn any_link() -> impl Strategy<Value = LinkId> {
    (0u32..6).prop_map(LinkId)
}

fn any_id() -> impl Strategy<Value = FloodId> {
    (0u128..8).prop_map(FloodId)
}

fn any_message() -> impl Strategy<Value = LinkMessage> {
    let text = prop_oneof![Just(None), Just(Some(String::from("song"))), Just(Some("x".repeat(1025)))];
    let digest = prop_oneof![Just(None), Just(Some(Digest::of(b"")))];
    let place = prop_oneof![Just(None), (1u16..9).prop_map(|port| Some(address(port)))];
    prop_oneof![
        (any_id(), any::<u8>(), 0u8..9, text, digest).prop_map(|(search_id, ttl, hops, words, digest)| {
            LinkMessage::Search(LinkSearch { search_id, ttl, hops, words, digest })
        }),
        (any_id(), any::<u8>(), any::<u8>()).prop_map(|(id, ttl, hops)| discover(id, ttl, hops)),
        (any_id(), 0u8..9, place.clone(), 0usize..300).prop_map(|(search_id, hops, address, count)| {
            let files = vec![file("a"); count];
            LinkMessage::SearchResult(SearchResult { search_id, hops, address, key: None, files })
        }),
        (any_id(), any::<u8>(), place).prop_map(|(discover_id, hops, address)| {
            LinkMessage::DiscoverResult(DiscoverResult { discover_id, hops, address, key: None })
        }),
    ]
}

fn any_input() -> impl Strategy<Value = Input> {
    let name = |number: u16| -> Arc<str> { address(number).to_string().into() };
    prop_oneof![
        8 => (any_link(), any_message()).prop_map(|(link, message)| Input::Received { link, message }),
        2 => (any_link(), 0u16..5).prop_map(|(link, number)| Input::Hello { link, neighbour: neighbour(number) }),
        2 => (any_link(), 0u16..5).prop_map(move |(link, number)| {
            Input::Opened { link, name: name(number), neighbour: neighbour(number) }
        }),
        1 => any_link().prop_map(|link| Input::Closed { link }),
        1 => (0u16..5).prop_map(move |number| Input::DialFailed { name: name(number) }),
        1 => (0u16..5).prop_map(move |number| {
            Input::Know { name: name(number), address: Some(address(number)), key: None }
        }),
        1 => (0u16..9).prop_map(|number| Input::Learn { address: address(number), reached: number > 4 }),
        1 => (any_id(), any::<u8>()).prop_map(|(id, ttl)| Input::Search { id, wanted: words("song"), ttl }),
        1 => Just(Input::Hurry),
        1 => Just(Input::Reset),
        2 => Just(Input::Time),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_inputs_breaks_a_rule(
        inputs in proptest::collection::vec((any_input(), 0u64..20_000), 1..200)
    ) {
        let mut own = Overlay::new(Own { peer: PeerId(0), addresses: Vec::new(), links_max: 3, seed: 1 });
        let (mut now, mut used) = (0, std::collections::BTreeSet::new());
        for (input, pause) in inputs {
            now += pause;
            // The contract: the id of a link is used once.
            if let Input::Hello { link, .. } | Input::Opened { link, .. } = &input
                && !used.insert(*link)
            {
                continue;
            }
            let source = match &input {
                Input::Received { link, .. } => Some(*link),
                _ => None,
            };
            let standing: Vec<_> = own.links.iter().map(|link| link.id).collect();
            for action in own.handle(Moment(now), input, &NOTHING) {
                if let Action::Send { link, message } = action {
                    prop_assert!(standing.contains(&link));
                    if let LinkMessage::Search(LinkSearch { ttl, hops, .. })
                    | LinkMessage::Discover(Discover { ttl, hops, .. }) = &*message
                    {
                        prop_assert!(*ttl >= 1 && ttl + hops <= 7);
                        prop_assert_ne!(Some(link), source);
                    }
                }
            }
            prop_assert!(own.link_count() <= 3 && own.peers().len() <= 256 + 1000 + 4);
            if let Some(next) = own.next_moment() {
                prop_assert!(next.0 <= now + 80_000);
            }
        }
    }
}
