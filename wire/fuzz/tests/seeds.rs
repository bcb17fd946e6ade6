//! Every seed leads to where it is meant to lead, and most changes of it still say something.
//!
//! Without this, a field that is added to the protocol could turn all seeds into refused first lines, and nobody
//! would see that the targets look at nothing else any more.

use fuzz::chance::Chance;
use fuzz::conversation::{Item, join, mend, parse};
use fuzz::mutate::{Form, Mutator};
use fuzz::seeds;
use fuzz::targets::answers::{ASKED, told};
use fuzz::targets::overlay::{RECORD_BYTES, drive};
use fuzz::targets::session::answered;
use fuzz::targets::{Seen, TARGETS};
use shared_folder::access::{Document, Effect};
use std::collections::BTreeSet;
use std::time::Duration;
use wire::codec::{DecodeError, decode};
use wire::message::{LinkMessage, Reply};

const CHANGED: usize = 2000;
const PATIENCE: Duration = Duration::from_secs(5);

fn is_request(item: &Item) -> bool {
    let of_uploads: [&[u8]; 3] = [b"\"section\"", b"\"end\"", b"\"abort\""];
    item.number("id").is_some() && !of_uploads.contains(&item.kind())
}

#[test]
fn every_request_of_every_session_is_answered() {
    for seed in seeds::of("session").unwrap() {
        let (asked, answer) = (parse(&seed), parse(&answered(&seed)));
        let shown = seed.escape_ascii();
        assert_eq!(answer[0].kind(), b"\"welcome\"", "{shown}");
        for request in asked.iter().filter(|item| is_request(item)) {
            let is_last_word = |item: &&Item| {
                let partial: [&[u8]; 5] =
                    [b"\"working\"", b"\"entries\"", b"\"reading\"", b"\"section\"", b"\"ready\""];
                item.number("id") == request.number("id") && !partial.contains(&item.kind())
            };
            let line = request.line.escape_ascii();
            assert!(answer.iter().find(is_last_word).is_some(), "{line} is not answered in {shown}");
        }
        let is_fault = |item: &Item| item.kind() == b"\"refused\"" && item.number("id").is_none();
        assert!(!answer.iter().any(is_fault), "{shown} ends with a fault");
    }
}

#[test]
fn every_question_has_a_seed_that_answers_it_and_one_that_is_cut() {
    let outcomes: Vec<_> = seeds::of("answers").unwrap().iter().map(|seed| told(seed, PATIENCE)).collect();
    for question in ASKED {
        let of_it =
            |is_good| outcomes.iter().any(|(asked, told)| asked == question && told.is_ok() == is_good);
        assert!(of_it(true), "no seed answers {question}: {outcomes:?}");
        assert!(of_it(false), "no seed breaks off in the answer to {question}");
    }
}

#[test]
fn what_is_recorded_of_a_link_is_understood_and_answered() {
    let lines = seeds::of("message").unwrap();
    let is_link = |line: &&[u8]| decode::<LinkMessage>(line).is_ok();
    let count = lines.iter().flat_map(|seed| seed.split(|byte| *byte == b'\n')).filter(is_link).count();
    assert!(count > 20, "{count} messages of links");
    let acts: BTreeSet<String> = seeds::of("overlay").unwrap().iter().flat_map(|seed| drive(seed)).collect();
    for act in ["Received to Send", "Received to Found", "Received to Discovered", "Search to Send"] {
        assert!(acts.contains(act), "no {act} among {acts:?}");
    }
}

#[test]
fn a_conversation_is_cut_and_joined_without_loss_and_what_fits_is_not_changed() {
    for target in ["session", "answers"] {
        for seed in seeds::of(target).unwrap() {
            assert_eq!(join(&parse(&seed)), seed);
            let mut items = parse(&seed);
            mend(&mut items);
            assert_eq!(join(&items).escape_ascii().to_string(), seed.escape_ascii().to_string());
        }
    }
}

#[test]
fn most_changed_answers_are_still_lines_with_the_payloads_that_they_announce() {
    let seeds = seeds::of("answers").unwrap();
    let mut mutator = Mutator::new(Chance::new(1), &seeds, Form::Conversation);
    let is_sound = |input: &Vec<u8>| {
        let items = parse(input);
        items.iter().skip(1).all(|item| {
            let is_whole = item
                .number("byte_count")
                .is_none_or(|count| item.kind() != b"\"section\"" || count == item.payload.len() as u64);
            let read = decode::<Reply>(item.line.trim_ascii_end());
            is_whole && !matches!(read, Err(DecodeError::BadMessage { .. }))
        })
    };
    let sound = (0..CHANGED).map(|_| mutator.next(&seeds)).filter(is_sound).count();
    // Some changes are meant to break lines.
    assert!(sound > CHANGED / 4, "only {sound} of {CHANGED} changed conversations mean anything");
}

#[test]
fn changed_operations_stay_in_step() {
    let seeds = seeds::of("overlay").unwrap();
    let mut mutator = Mutator::new(Chance::new(1), &seeds, Form::Records(RECORD_BYTES));
    let whole = |input: &Vec<u8>| input.len().is_multiple_of(RECORD_BYTES);
    let count = (0..CHANGED).map(|_| mutator.next(&seeds)).filter(whole).count();
    assert!(count > CHANGED / 2, "only {count} of {CHANGED}");
}

#[test]
fn every_access_file_is_read_and_many_changed_ones_are() {
    let seeds = seeds::of("access").unwrap();
    let read: Vec<Document> = seeds.iter().map(|seed| Document::parse(seed).unwrap()).collect();
    let has_rule = |effect| {
        read.iter()
            .flat_map(Document::grants)
            .flat_map(|grant| &grant.rules)
            .any(|rule| rule.effect == effect)
    };
    assert!(has_rule(Effect::Allow) && has_rule(Effect::Deny));
    assert!(read.iter().flat_map(Document::invitations).any(|invitation| invitation.used.is_some()));
    let mut mutator = Mutator::new(Chance::new(1), &seeds, Form::Conversation);
    let changed: Vec<_> = (0..CHANGED).map(|_| mutator.next(&seeds)).collect();
    let is_another =
        |input: &&Vec<u8>| Document::parse(input).is_ok_and(|document| !read.contains(&document));
    let count = changed.iter().filter(is_another).count();
    assert!(count > CHANGED / 50, "only {count} of {CHANGED} changed files say something else");
}

#[test]
fn every_target_takes_any_bytes() {
    // By their names, too, as libFuzzer's `fuzz_target!` calls them.
    use fuzz::targets::{access, answers, line, message, overlay, path, session};
    let named: [fn(&[u8]) -> Seen; 7] = [line, message, path, session, answers, overlay, access];
    assert_eq!(named.len(), TARGETS.len());
    for target in TARGETS {
        for bytes in
            [&b""[..], b"\n", b"{", &[0xff; 40], b"{\"v\":1,\"type\":\"section\",\"byte_count\":9}\nx"]
        {
            (target.run)(bytes);
        }
    }
}
