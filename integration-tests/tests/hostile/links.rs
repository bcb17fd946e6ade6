//! Case 19: links that lead outside, nowhere or round in a circle, for every request that takes a name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use integration_tests::scratch::CANARY;
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::session::Session;
use integration_tests::upload::write;
use serde_json::{Value, json};

/// A share with links outside: absolute and relative ones, to a file, to a folder, and through another link.
fn server_with_links_outside() -> Server {
    let setup = server!().file("inside.txt", b"inside");
    let (share, outside) = (setup.scratch.share(), setup.scratch.outside());
    symlink(outside.join("secret.txt"), share.join("absolute-file")).unwrap();
    symlink("../outside/secret.txt", share.join("relative-file")).unwrap();
    symlink(&outside, share.join("absolute-folder")).unwrap();
    symlink("../outside", share.join("relative-folder")).unwrap();
    symlink("relative-folder/inner", share.join("through-a-link")).unwrap();
    symlink("/proc/self/root", share.join("magic")).unwrap();
    setup.start()
}

const LINKS_OUTSIDE: [&str; 9] = [
    "absolute-file",
    "relative-file",
    "absolute-folder",
    "relative-folder",
    "through-a-link",
    "absolute-folder/secret.txt",
    "relative-folder/inner/deep.txt",
    "through-a-link/deep.txt",
    "magic/etc/passwd",
];

/// Names that do not exist outside, and must not come to.
const NEW_NAMES_OUTSIDE: [&str; 3] =
    ["relative-folder/new", "through-a-link/new", "absolute-folder/inner/new"];

fn assert_refused_without_a_secret(session: &mut Session, request: &Value) {
    let answer = session.ask(request.clone());
    assert_eq!(answer["type"], "refused", "{request} got {answer}");
    assert!(!answer.to_string().contains(CANARY), "{answer}");
}

#[test]
fn nothing_outside_is_read_through_a_link() {
    let server = server_with_links_outside();
    let mut session = server.session();
    for path in LINKS_OUTSIDE {
        for name in ["read", "stat", "pieces", "list"] {
            assert_refused_without_a_secret(&mut session, &json!({"type": name, "path": path}));
        }
    }
    let (entries, _) = session.listing(json!({"type": "list", "recursive": true}));
    assert_eq!(entries.len(), 1, "{entries:?}");
    let (found, _) = session.listing(json!({"type": "search", "words": "secret"}));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn nothing_outside_is_written_made_or_moved_through_a_link() {
    let server = server_with_links_outside();
    let mut session = server.session();
    for path in LINKS_OUTSIDE.iter().chain(&NEW_NAMES_OUTSIDE) {
        for fields in [json!({}), json!({"new": true}), json!({"byte_count": null})] {
            let answer = write(&mut session, path, b"planted", &fields).answer;
            assert_eq!(answer["type"], "refused", "{path}: {answer}");
        }
        assert_refused_without_a_secret(
            &mut session,
            &json!({"type": "mkdir", "path": format!("{path}/made")}),
        );
    }
    for path in LINKS_OUTSIDE.iter().filter(|path| path.contains('/')).chain(&NEW_NAMES_OUTSIDE) {
        for request in [
            json!({"type": "rename", "path": path, "to": "stolen"}),
            json!({"type": "rename", "path": "inside.txt", "to": path}),
            json!({"type": "rename", "path": "inside.txt", "to": path, "replace": true}),
            json!({"type": "delete", "path": path}),
            json!({"type": "delete", "path": path, "recursive": true}),
            json!({"type": "mkdir", "path": path}),
        ] {
            assert_refused_without_a_secret(&mut session, &request);
        }
    }
    server.scratch().assert_outside_is_unchanged();
    assert_eq!(session.read_file("inside.txt"), b"inside");
}

#[test]
fn a_link_outside_can_be_deleted_but_not_what_it_leads_to() {
    let server = server_with_links_outside();
    let mut session = server.session();
    for path in LINKS_OUTSIDE.iter().filter(|path| !path.contains('/')) {
        let answer = session.ask(json!({"type": "delete", "path": path, "recursive": true}));
        assert_eq!(answer["type"], "deleted", "{path}: {answer}");
        assert!(server.scratch().share().join(path).symlink_metadata().is_err(), "{path} is still there");
    }
    server.scratch().assert_outside_is_unchanged();
}

fn assert_is_link_to(path: &Path, target: &str) {
    assert_eq!(fs::read_link(path).unwrap(), Path::new(target));
}

#[test]
fn nothing_is_created_through_a_dangling_link() {
    let server = server!().file("inside.txt", b"inside").file("folder/in.txt", b"").start();
    let (share, outside) = (server.scratch().share(), server.scratch().outside());
    for (link, target) in
        [("to-outside", "../outside/new"), ("to-inside", "new-inside"), ("nowhere", "a/b/c")]
    {
        symlink(target, share.join(link)).unwrap();
        let mut session = server.session();
        for fields in
            [json!({}), json!({"new": true}), json!({"byte_count": null}), json!({"base_wanted": true})]
        {
            for content in [b"planted".to_vec(), vec![1; 2 << 20]] {
                let answer = write(&mut session, link, &content, &fields).answer;
                assert_eq!(answer["type"], "refused", "write {link}: {answer}");
            }
        }
        for request in [
            json!({"type": "mkdir", "path": link}),
            json!({"type": "rename", "path": "inside.txt", "to": link, "replace": true}),
        ] {
            session.ask_refused(request, "not_allowed");
        }
        let unread = if target.starts_with("..") { "not_allowed" } else { "not_found" };
        session.ask_refused(json!({"type": "read", "path": link}), unread);
        for request in [
            json!({"type": "mkdir", "path": link}),
            json!({"type": "mkdir", "path": format!("{link}/below")}),
            json!({"type": "rename", "path": "inside.txt", "to": link}),
            json!({"type": "rename", "path": "inside.txt", "to": link, "replace": true}),
            json!({"type": "rename", "path": "folder", "to": link, "replace": true}),
            json!({"type": "rename", "path": "inside.txt", "to": format!("{link}/below")}),
            json!({"type": "read", "path": link}),
        ] {
            assert_refused_without_a_secret(&mut session, &request);
        }
        assert_is_link_to(&share.join(link), target);
    }
    assert!(!outside.join("new").exists() && !share.join("new-inside").exists());
    assert_eq!(server.scratch().shared("inside.txt"), b"inside");
}

#[test]
fn circles_and_long_chains_of_links_end_in_a_refusal() {
    let server = server!().file("a.txt", b"a").start();
    let share = server.scratch().share();
    symlink("circle-two", share.join("circle-one")).unwrap();
    symlink("circle-one", share.join("circle-two")).unwrap();
    symlink(".", share.join("self")).unwrap();
    symlink("a.txt/below", share.join("below-a-file")).unwrap();
    symlink("a.txt", share.join("chain-0")).unwrap();
    (1..100).for_each(|i| symlink(format!("chain-{}", i - 1), share.join(format!("chain-{i}"))).unwrap());
    let mut session = server.session();
    for path in ["circle-one", "circle-one/below", "chain-99", "below-a-file"] {
        for name in ["read", "stat", "list"] {
            session.ask_refused(json!({"type": name, "path": path}), "not_found");
        }
        let answer = write(&mut session, path, b"planted", &json!({})).answer;
        assert_eq!(answer["type"], "refused", "{path}: {answer}");
    }
    let (entries, _) = session.listing(json!({"type": "list", "recursive": true}));
    assert!(entries.iter().all(|entry| !entry["path"].as_str().unwrap().starts_with("self/")), "{entries:?}");
    assert_eq!(session.read_file("a.txt"), b"a");
}
