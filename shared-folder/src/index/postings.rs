//! Ascending lists of numbers: which files have a word. Must not know what the numbers stand for.

use std::collections::HashMap;

/// Puts `number` into its place, usually the end; it may be there already.
pub(super) fn insert_number(list: &mut Vec<u32>, number: u32) {
    if let Err(place) = list.binary_search(&number) {
        if list.is_empty() {
            // Most words have one file or few: the usual room for four would be most of their memory.
            list.reserve_exact(1);
        }
        list.insert(place, number);
    }
}

/// Takes `number` out of a word's list, and the word out with its last number.
pub(super) fn remove_number(lists: &mut HashMap<Box<str>, Vec<u32>>, word: &str, number: u32) {
    let Some(list) = lists.get_mut(word) else { return };
    if let Ok(place) = list.binary_search(&number) {
        list.remove(place);
    }
    if list.is_empty() {
        lists.remove(word);
    }
}

/// The numbers that are in all lists, going through the shortest and leaping through the others.
pub(super) fn intersect(mut lists: Vec<&[u32]>) -> impl Iterator<Item = u32> {
    lists.sort_unstable_by_key(|list| std::cmp::Reverse(list.len()));
    let shortest = lists.pop().unwrap_or_default();
    shortest.iter().copied().filter(move |number| {
        lists.iter_mut().all(|rest| {
            *rest = from(rest, *number);
            rest.first() == Some(number)
        })
    })
}

/// The rest of `list` from the first number that is not below `number`, by steps that double: the next one is
/// usually near.
fn from(list: &[u32], number: u32) -> &[u32] {
    let mut step = 1;
    while list.get(step).is_some_and(|there| *there < number) {
        step *= 2;
    }
    let end = (step + 1).min(list.len());
    let skipped = list.get(..end).unwrap_or_default().partition_point(|there| *there < number);
    list.get(skipped..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_intersection_has_what_all_lists_have(
            sets in proptest::collection::vec(btree_set(0u32..60, 0..50), 1..4)
        ) {
            let lists: Vec<Vec<u32>> = sets.iter().map(|set| set.iter().copied().collect()).collect();
            let found: Vec<u32> = intersect(lists.iter().map(Vec::as_slice).collect()).collect();
            let expected: Vec<u32> =
                (0..60).filter(|number| sets.iter().all(|set| set.contains(number))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
