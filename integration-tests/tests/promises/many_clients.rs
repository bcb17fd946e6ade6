//! Sixty-four clients at once, byte for byte.

use std::thread;

use integration_tests::content::{BOUNDARY_LENGTHS, PIECE_BYTES, bytes};
use integration_tests::server;
use integration_tests::server::Server;
use integration_tests::upload::write_file;
use serde_json::json;

const CLIENT_COUNT: usize = 64;

#[test]
fn sixty_four_clients_write_read_and_rename_at_once() {
    let shared = bytes("shared", 2 * PIECE_BYTES + 1);
    let server = server!().file("shared.bin", &shared).start();
    thread::scope(|scope| {
        for index in 0..CLIENT_COUNT {
            let (server, shared) = (&server, &shared);
            scope.spawn(move || work(server, index, shared));
        }
    });
    for index in 0..CLIENT_COUNT {
        assert!(server.scratch().shared(&format!("client-{index}/done.bin")) == own_content(index));
    }
    assert!(server.scratch().partials().is_empty());
}

fn own_content(index: usize) -> Vec<u8> {
    bytes(&format!("client {index}"), BOUNDARY_LENGTHS[index % BOUNDARY_LENGTHS.len()])
}

/// What one client does: a folder of its own, a file into it, both files read, its own renamed.
fn work(server: &Server, index: usize, shared: &[u8]) {
    let mut session = server.session();
    let (folder, content) = (format!("client-{index}"), own_content(index));
    assert_eq!(session.ask(json!({"type": "mkdir", "path": folder}))["type"], "made");
    write_file(&mut session, &format!("{folder}/own.bin"), &content);
    assert!(session.read_file("shared.bin") == shared, "client {index} read other bytes");
    assert!(session.read_file(&format!("{folder}/own.bin")) == content, "client {index} read other bytes");
    let renaming =
        json!({"type": "rename", "path": format!("{folder}/own.bin"), "to": format!("{folder}/done.bin")});
    assert_eq!(session.ask(renaming)["type"], "renamed");
    let (entries, _) = session.listing(json!({"type": "list", "path": folder}));
    assert_eq!(entries.len(), 1);
    assert_eq!(session.ask(json!({"type": "bye"}))["type"], "goodbye");
}
