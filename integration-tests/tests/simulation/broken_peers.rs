//! Peers that break one rule each: the invariants must notice every one of them, or they would notice nothing.

use integration_tests::content::Dice;
use integration_tests::simulation::overlay::{
    Action, Index, Input, LinkId, LinkMessage, Moment, Overlay, Own, Wanted,
};
use integration_tests::simulation::{Driver, Graph, Network, Options, Shape};
use std::sync::Arc;

/// What a broken peer does to what the overlay decides, given the link that the input came over.
type Fault = fn(Option<LinkId>, &mut Vec<Action>, &dyn Index);

struct Broken {
    overlay: Overlay,
    fault: Fault,
}

impl Driver for Broken {
    fn handle(&mut self, now: Moment, input: Input, index: &dyn Index) -> Vec<Action> {
        let link = if let Input::Received { link, .. } = &input { Some(*link) } else { None };
        let mut actions = self.overlay.handle(now, input, index);
        (self.fault)(link, &mut actions, index);
        actions
    }
}

/// What the invariants say of a peer with that fault, in the middle of a ring with a chord.
fn noticed(fault: Fault) -> String {
    let mut graph = Graph::new(Shape::Ring, 6, 0, &mut Dice::new("broken"));
    graph.edges.push((1, 4));
    let options = Options { peers: 6, latency: 5..=40, ..Options::default() };
    let mut network = Network::new(&options, graph);
    let own = Own { peer: network.peer_id(1), addresses: Vec::new(), links_max: 9, seed: 1 };
    network.replace(1, Box::new(Broken { overlay: Overlay::new(own), fault }));
    network.start().unwrap();
    (2..5).for_each(|holder| network.put(holder, "song"));
    network.search_after(1, 0, "song", 7);
    network.run_until(u64::MAX).err().unwrap_or_default()
}

/// Changes every message that is sent.
fn change(actions: &mut [Action], change: impl Fn(&mut LinkMessage)) {
    for action in actions {
        if let Action::Send { message, .. } = action {
            let mut changed = (**message).clone();
            change(&mut changed);
            *message = Arc::new(changed);
        }
    }
}

fn search(actions: &[Action]) -> Option<(LinkId, Arc<LinkMessage>)> {
    actions.iter().find_map(|action| match action {
        Action::Send { link, message } if matches!(**message, LinkMessage::Search(_)) => {
            Some((*link, Arc::clone(message)))
        }
        _ => None,
    })
}

#[track_caller]
fn assert_noticed(fault: Fault, as_what: &str) {
    let text = noticed(fault);
    assert!(text.contains("peer 1") && text.contains(as_what), "{as_what}: {text}");
}

#[test]
fn a_peer_that_keeps_the_rules_is_not_accused() {
    assert_eq!(noticed(|_, _, _| ()), "");
}

#[test]
fn sending_a_search_back_is_noticed() {
    let fault: Fault = |link, actions, _| {
        if let (Some(link), Some((_, message))) = (link, search(actions)) {
            actions.push(Action::Send { link, message });
        }
    };
    assert_noticed(fault, "back to where it came from");
}

#[test]
fn sending_a_search_twice_is_noticed() {
    let fault: Fault = |_, actions, _| {
        if let Some((link, message)) = search(actions) {
            actions.push(Action::Send { link, message });
        }
    };
    assert_noticed(fault, "twice over one link");
}

#[test]
fn evaluating_a_search_twice_is_noticed() {
    let fault: Fault = |link, _, index| {
        if link.is_some() {
            index.find(&Wanted::Words("song".to_owned()), 1);
        }
    };
    assert_noticed(fault, "evaluated a search");
}

#[test]
fn keeping_the_ttl_is_noticed() {
    let fault: Fault = |_, actions, _| {
        change(actions, |message| {
            if let LinkMessage::Search(search) = message {
                search.ttl += 1;
            }
        });
    };
    assert_noticed(fault, "miscounted the links");
}

#[test]
fn sending_a_result_elsewhere_is_noticed() {
    let fault: Fault = |link, actions, _| {
        for action in actions {
            if let (Action::Send { link: to, message }, Some(link)) = (action, link)
                && matches!(**message, LinkMessage::SearchResult(_))
            {
                *to = link;
            }
        }
    };
    assert_noticed(fault, "elsewhere than home");
}

#[test]
fn not_counting_the_links_of_a_result_is_noticed() {
    let fault: Fault = |_, actions, _| {
        change(actions, |message| {
            if let LinkMessage::SearchResult(result) = message {
                result.hops = 0;
            }
        });
    };
    assert_noticed(fault, "miscounted the links of a result");
}

#[test]
fn sending_what_was_never_taken_is_noticed() {
    let fault: Fault = |_, actions, _| {
        change(actions, |message| {
            if let LinkMessage::Search(search) = message {
                search.search_id.0 ^= 1;
            }
        });
    };
    assert_noticed(fault, "when it was given something else");
}
