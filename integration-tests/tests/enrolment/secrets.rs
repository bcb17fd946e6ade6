//! Case 44: where secrets may stand. An invitation's on standard output and in what its reader makes of it, a key's private
//! half in the file `key`, and both nowhere else.

use crate::ground::{Invitation, enter, hello_with, invitation_of, invite, knock, manage};
use integration_tests::process::Process;
use integration_tests::scratch::files_below;
use integration_tests::server::Server;
use integration_tests::session::Session;
use integration_tests::tls::TlsKey;
use integration_tests::{client, server};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where the secret half stands in a key of this form (RFC 8410, section 7).
const SEED: std::ops::Range<usize> = 16..48;

/// A text as bytes, and as they are written in digits.
struct Secret {
    what: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Secret {
    fn of_invitation(what: &'static str, secret: &str) -> Self {
        let bytes =
            (0..secret.len()).step_by(2).map(|at| u8::from_str_radix(&secret[at..at + 2], 16).unwrap());
        Self {
            what,
            forms: vec![secret.as_bytes().to_vec(), bytes.collect(), secret.to_uppercase().into_bytes()],
        }
    }

    fn of_key(what: &'static str, file: &Path) -> Self {
        let seed = fs::read(file).unwrap()[SEED].to_vec();
        let digits: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{seed:?}");
        Self { what, forms: vec![seed, digits.into_bytes(), list.into_bytes()] }
    }

    fn assert_is_not_in(&self, place: &str, bytes: &[u8]) {
        for form in &self.forms {
            let is_there = bytes.windows(form.len()).any(|part| part == form);
            assert!(!is_there, "{} stands in {place}: {}", self.what, String::from_utf8_lossy(bytes));
        }
    }
}

/// What everybody on this machine may see of a process.
fn shown(process: &Process) -> Vec<u8> {
    let read = |name: &str| fs::read(process.proc_folder().join(name)).unwrap();
    [read("cmdline"), read("environ"), read("comm"), read("status")].concat()
}

/// All that is kept, but for the files with this name.
fn kept(folder: &Path, but: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = files_below(folder).into_iter().filter(|path| !path.ends_with(but));
    files.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// The client comes in with its line in a file, and stays; all that it said is looked at when it has ended.
fn enrol(server: &Server, invitation: &Invitation) -> Process {
    let line = format!("ioe://{}/#{}.{}\n", server.address(), invitation.key, invitation.secret);
    server.scratch().put_local("line.txt", line);
    let file = server.scratch().local().join("line.txt");
    let options = ["--invitation", file.to_str().unwrap(), "-vv"];
    let client = client!(server.scratch(), server.address()).without_address().options(&options);
    let mut process = client.start(&[]);
    process.type_in("MKDIR made\nLIST\n");
    process.output.wait_for_line("the listing", |line| line.contains("a.txt"));
    process
}

#[test]
fn no_secret_stands_where_others_could_find_it() {
    let server = server!()
        .after_shell("umask 000")
        .option("-vv")
        .option("--console")
        .option_with("--invite", "anna:write")
        .option_with("--invite", "open:read")
        .file("a.txt", b"hello");
    let mut server = server.start();
    let lines = server.process().output.wait_for("two invitations", |text| {
        let lines: Vec<_> = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
        (lines.len() >= 3).then(|| [lines[1], lines[2]].map(|line| invitation_of(line.trim_end())))
    });
    let [used, open] = lines;
    let mut anna = enrol(&server, &used);
    let by_command = invite(&server, &["ben", "--read", "--below", "a", "-vv"]);
    let ben = TlsKey::generate();
    enter(server.address(), &ben, Some(&by_command.secret)).assert_works();
    // Refused in several ways, one of them before it is understood.
    knock(server.address(), &TlsKey::generate(), Some(&used.secret));
    let mut damaged = Session::over(crate::ground::dial_tls(server.address(), &TlsKey::generate()));
    damaged.send(&hello_with(Some(&format!("{}x", open.secret))));
    damaged.assert_closed_with("bad_message");
    let mut in_its_place = enter(server.address(), &ben, None);
    in_its_place.ask(json!({"type": "stat", "path": "a", "invitation": open.secret}));
    let mut said = Vec::new();
    for words in [
        &["grants", "-vv"][..],
        &["grants", "--json", "-vv"],
        &["explain", "ben", "read", "a", "-vv"],
        &["deny", "ben", "list,read", "--below", "a/b", "-vv"],
        &["invite", "ben", "--read", "-vv"],
        &["revoke", "ben", "-vv"],
    ] {
        let told = manage(&server, words);
        said.push((words.join(" "), [told.output, told.errors].concat().into_bytes()));
    }
    server.type_in("STATUS");
    server.wait_for_output("the status", |line| line.contains("anna"));
    let scratch = server.scratch();
    let of_server = scratch.state().join("key");
    let of_client = files_below(&scratch.home()).into_iter().find(|path| path.ends_with("key")).unwrap();
    let mut secrets: Vec<Secret> = [("anna's", &used), ("an open", &open), ("ben's", &by_command)]
        .map(|(what, invitation)| Secret::of_invitation(what, &invitation.secret))
        .into();
    secrets.push(Secret::of_key("the server's key", &of_server));
    secrets.push(Secret::of_key("the client's key", &of_client));
    said.push(("what is shown of the server".into(), shown(server.process())));
    said.push(("what is shown of the client".into(), shown(&anna)));
    anna.close_input();
    assert_eq!(anna.exit_code(), 0);
    said.push(("the client's output".into(), anna.output.bytes()));
    said.push(("the client's log".into(), anna.errors.bytes()));
    for folder in [scratch.state(), scratch.home(), scratch.share()] {
        said.extend(
            kept(&folder, "key").into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)),
        );
    }
    let printed = server.output();
    let after_lines: Vec<&str> = printed.lines().skip(3).collect();
    said.push(("the console".into(), after_lines.concat().into_bytes()));
    said.push(("the server's log".into(), server.log().into_bytes()));
    for secret in &secrets {
        said.iter().for_each(|(place, bytes)| secret.assert_is_not_in(place, bytes));
    }
    // The search finds what is there.
    assert!(printed.contains(&used.secret) && server.log().contains("anna") && said.len() > 12);
    assert_is_own(&scratch.state());
    assert_is_own(of_client.parent().unwrap());
}

/// Sees that nobody else may read or change what lies there.
fn assert_is_own(folder: &Path) {
    let kept = files_below(folder);
    assert!(kept.len() > 1, "{kept:?}");
    for path in kept {
        let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
    }
}
