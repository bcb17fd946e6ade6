//! Cases 26, 27 and 40: what the operating system does not let the server do is refused as such, before anything is sent
//! where that can be known, and everything else goes on.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use integration_tests::content::{PIECE_BYTES, bytes, digest};
use integration_tests::scratch::tree_digest;
use integration_tests::server::Server;
use integration_tests::upload::write;
use integration_tests::{privilege, server};
use serde_json::json;

/// A server whom permissions bind, with an unreadable file and folder, and a folder that is not to be changed.
fn server_with_locked_things() -> Option<Server> {
    let launcher = privilege::bound_by_permissions()?;
    let setup = server!().launched_by(launcher).file("open.txt", b"for all");
    let setup =
        setup.file("locked.txt", b"for nobody").file("locked/in.txt", b"").file("fixed/old.txt", b"old");
    let setup = setup.file("fixed/below/deep.txt", b"deep");
    let server = setup.start();
    set_modes(&server, [0, 0, 0o555]);
    Some(server)
}

/// A scratch folder that cannot be looked into cannot be removed either, but by root.
fn set_modes(server: &Server, modes: [u32; 3]) {
    for (name, mode) in ["locked.txt", "locked", "fixed"].into_iter().zip(modes) {
        fs::set_permissions(server.scratch().share().join(name), Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn what_may_not_be_read_is_refused_and_the_rest_is_served() {
    let Some(server) = server_with_locked_things() else { return };
    let mut session = server.session();
    for request in [
        json!({"type": "read", "path": "locked.txt"}),
        json!({"type": "pieces", "path": "locked.txt"}),
        json!({"type": "stat", "path": "locked.txt", "with_digest": true}),
        json!({"type": "read", "path": "locked/in.txt"}),
        json!({"type": "stat", "path": "locked/in.txt"}),
        json!({"type": "list", "path": "locked"}),
        json!({"type": "delete", "path": "locked", "recursive": true}),
        json!({"type": "rename", "path": "locked/in.txt", "to": "out.txt"}),
    ] {
        session.ask_refused(request, "not_allowed");
    }
    assert_eq!(session.ask(json!({"type": "stat", "path": "locked.txt"}))["entry"]["byte_count"], 10);
    let (entries, end) = session.listing(json!({"type": "list", "recursive": true}));
    assert_eq!((entries.len(), &end["left_out_count"]), (7, &json!(1)), "{entries:?}");
    assert_eq!(session.listing(json!({"type": "search", "words": "open"})).0.len(), 1);
    assert_eq!(session.read_file("open.txt"), b"for all");
    set_modes(&server, [0o644, 0o755, 0o755]);
}

#[test]
fn a_folder_that_may_not_be_changed_stays_as_it_is() {
    let Some(server) = server_with_locked_things() else { return };
    let fixed = server.scratch().share().join("fixed");
    let before = tree_digest(&fixed);
    let mut session = server.session();
    for fields in [json!({}), json!({"base_wanted": true}), json!({"byte_count": null})] {
        for content in [b"new".to_vec(), bytes("new", 2 * PIECE_BYTES)] {
            for path in ["fixed/old.txt", "fixed/new.txt"] {
                let uploaded = write(&mut session, path, &content, &fields);
                assert_eq!(uploaded.answer["code"], "not_allowed", "{path}: {}", uploaded.answer);
                assert!(content.len() < PIECE_BYTES || uploaded.sent_byte_count == 0, "it was sent first");
            }
        }
    }
    for request in [
        json!({"type": "mkdir", "path": "fixed/made"}),
        json!({"type": "delete", "path": "fixed/old.txt"}),
        json!({"type": "delete", "path": "fixed/below"}),
        json!({"type": "rename", "path": "fixed/old.txt", "to": "stolen.txt"}),
        json!({"type": "rename", "path": "open.txt", "to": "fixed/open.txt"}),
        json!({"type": "rename", "path": "open.txt", "to": "fixed/old.txt", "replace": true}),
    ] {
        let answer = session.ask(request.clone());
        let is_refused = answer["code"] == "not_allowed" || answer["code"] == "not_empty";
        assert!(answer["type"] == "refused" && is_refused, "{request}: {answer}");
    }
    assert_eq!(tree_digest(&fixed), before);
    assert_eq!(session.read_file("open.txt"), b"for all");
    set_modes(&server, [0o644, 0o755, 0o755]);
}

#[test]
fn a_file_that_may_be_replaced_but_not_read_gives_no_base_and_no_answer_about_its_content() {
    let Some(server) = server_with_locked_things() else { return };
    let mut session = server.session();
    let content = bytes("new", 2 * PIECE_BYTES);
    let guess = json!({"if_digest": digest(b"for nobody")});
    let answer = write(&mut session, "locked.txt", b"new", &guess).answer;
    assert_eq!(answer["code"], "not_allowed", "{answer}");
    let uploaded = write(&mut session, "locked.txt", &content, &json!({"base_wanted": true}));
    assert_eq!(uploaded.answer["type"], "written", "{}", uploaded.answer);
    assert_eq!(uploaded.sent_byte_count, content.len());
    set_modes(&server, [0o644, 0o755, 0o755]);
    assert!(server.scratch().shared("locked.txt") == content);
}
