//! How far a flood goes: ttl N reaches peers N links away and nobody beyond; and what counts as a ttl.

use integration_tests::mesh::{Mesh, Wiring};
use integration_tests::peer;
use integration_tests::peer::WHOLE_WAIT;

fn line_of_songs(count: usize) -> Mesh {
    Mesh::start(&Wiring::line(count), |_| peer!().file("song 3.mp3", b"").file("holiday.txt", b"no song"))
}

/// A peer beside one that has `path`.
fn pair(path: &str) -> Mesh {
    Mesh::start(&Wiring::line(2), |number| match number {
        0 => peer!(),
        _ => peer!().file(path, b"x"),
    })
}

fn assert_found(mesh: &Mesh, command: &str, count: usize) {
    assert_eq!(mesh.results(0, command, count).len(), count, "{command}");
}

#[test]
fn ttl_n_reaches_holders_n_links_away_and_none_beyond() {
    let mesh = line_of_songs(5);
    for ttl in 1..=4 {
        let found = mesh.results(0, &format!("SEARCH song {ttl}"), ttl);
        let expected: Vec<(usize, u64)> = (1..=ttl).map(|number| (number, number as u64)).collect();
        assert_eq!(mesh.owners_and_hops(&found), expected, "ttl {ttl}");
        let discovered = mesh.results(0, &format!("DISCOVER {ttl}"), ttl);
        assert_eq!(mesh.owners_and_hops(&discovered), expected, "ttl {ttl}");
    }
}

#[test]
fn seven_links_are_the_most_and_the_default() {
    let mesh = line_of_songs(9);
    let expected: Vec<(usize, u64)> = (1..=7).map(|number| (number, number as u64)).collect();
    for command in ["SEARCH song", "SEARCH song 7", "DISCOVER 7"] {
        let found = mesh.results(0, command, 7);
        assert_eq!(mesh.owners_and_hops(&found), expected, "{command}");
    }
    assert_found(&mesh, "SEARCH song 1", 1);
}

#[test]
fn more_links_than_seven_are_refused() {
    let mesh = pair("song.mp3");
    for command in
        ["SEARCH song 8", "SEARCH song 255", "SEARCH song 256", "DISCOVER 8", "DISCOVER 4000000000"]
    {
        mesh[0].attach(&[command]).expect_error("usage", 2);
    }
    for command in ["DISCOVER", "DISCOVER far", "DISCOVER -1", "SEARCH"] {
        mesh[0].attach(&[command]).expect_error("usage", 2);
    }
}

#[test]
fn a_ttl_of_no_links_reaches_nobody() {
    let mesh = pair("song.mp3");
    for command in ["SEARCH song 0", "DISCOVER 0"] {
        // Whether that is worth a complaint is open; what it must not do is ask anybody.
        let sent = mesh.growth("messages_sent", |mesh| {
            let outcome = mesh[0].attach_with(&["--json", "--wait", "50ms"], &[command]);
            assert!([0, 2].contains(&outcome.code), "{outcome:?}");
            assert!(outcome.lines().iter().all(|line| line.get("hops").is_none()), "{outcome:?}");
        });
        assert_eq!(sent, [0, 0], "{command}");
    }
}

#[test]
fn a_bare_last_number_is_the_ttl_and_no_word() {
    let mesh = pair("holiday 3.mp3");
    assert_found(&mesh, "SEARCH holiday 1", 1);
    assert_found(&mesh, "SEARCH holiday 3 1", 1);
    assert_found(&mesh, "SEARCH holiday 4 1", 0);
    assert_found(&mesh, "SEARCH 3 holiday", 1);
}

#[test]
fn a_quoted_last_number_and_one_that_stands_alone_are_words() {
    let mesh = pair("holiday 3.mp3");
    assert_found(&mesh, "SEARCH 3", 1);
    assert_found(&mesh, "SEARCH 4", 0);
    assert_found(&mesh, "SEARCH holiday \"3\"", 1);
    assert_found(&mesh, "SEARCH holiday '4'", 0);
    assert_found(&mesh, "SEARCH \"holiday 4\"", 0);
    assert_found(&mesh, "SEARCH \"holiday 3\" 1", 1);
}

#[test]
fn the_comma_form_takes_words_and_a_ttl_too() {
    let mesh = line_of_songs(3);
    assert_found(&mesh, "SEARCH,song", 2);
    assert_found(&mesh, "SEARCH,song,1", 1);
    assert_found(&mesh, "DISCOVER,1", 1);
}

#[test]
fn a_search_ends_by_itself_when_its_time_is_over() {
    let mesh = pair("song.mp3");
    let none: [serde_json::Value; 0] = [];
    assert_eq!(mesh[0].results_within("50ms", "SEARCH nothing"), none);
    let searched = mesh[0].results_within(WHOLE_WAIT, "SEARCH song");
    assert_eq!(searched.len(), 1, "{searched:?}");
}

#[test]
fn promise_6_a_way_over_more_links_is_never_faster_so_a_ttl_reaches_whom_it_says() {
    // 0 has two ways to 2: the copy that comes over 1 could go no further.
    let wiring = Wiring { count: 4, links: vec![(0, 1), (0, 2), (1, 2), (2, 3)] };
    let mesh = Mesh::start(&wiring, |number| match number {
        3 => peer!().file("needle", b""),
        _ => peer!(),
    });
    for _ in 0..10 {
        let found = mesh.results(0, "SEARCH needle 2", 1);
        assert_eq!(mesh.owners_and_hops(&found), [(3, 2)]);
    }
}
