//! Servers that lie, break the rules or say nothing (cases 48 and 49): nothing lands that is not verified.

use integration_tests::content::{bytes, digest};
use integration_tests::imposter::{Imposter, welcome};
use integration_tests::scratch::{Scratch, files_below};
use integration_tests::server::Server;
use integration_tests::session::{Session, line_of, section_of};
use integration_tests::{client, server};
use serde_json::{Value, json};

const CONTENT: &[u8] = b"hello";

/// Makes the bytes of an answer from the request's id.
type Answer = fn(&Value) -> Vec<u8>;

fn entry(path: &str, byte_count: u64) -> Value {
    json!({"path": path, "kind": "text", "byte_count": byte_count, "modified": "2026-11-20T12:00:00Z"})
}

fn reading(id: &Value, path: &str, byte_count: u64) -> Value {
    json!({"type": "reading", "id": id, "entry": entry(path, byte_count), "byte_count": byte_count})
}

fn end(id: &Value, content: &[u8]) -> Value {
    json!({"type": "end", "id": id, "byte_count": content.len(), "digest": digest(content)})
}

/// Answers whatever is no READ as an honest server with one file would.
fn answer_honestly(session: &mut Session, request: &Value) {
    let id = &request["id"];
    let path = request["path"].as_str().unwrap_or_default();
    let answer = match request["type"].as_str().unwrap() {
        "stat" => json!({"type": "found", "id": id, "entry": entry(path, 5), "digest": digest(CONTENT)}),
        "bye" => json!({"type": "goodbye", "id": id}),
        _ => json!({"type": "refused", "id": id, "code": "not_allowed", "message": "not here"}),
    };
    session.try_send_raw(line_of(&answer));
}

/// A server whose READ answers are these bytes, made from the request's id.
fn server_that_reads(answer: impl Fn(&Value) -> Vec<u8> + Send + Sync + 'static) -> Imposter {
    Imposter::answering(move |session, request| match request["type"].as_str() {
        Some("read") => drop(session.try_send_raw(answer(&request["id"]))),
        _ => answer_honestly(session, request),
    })
}

/// A server between the client and a real one, that refuses to read one path which it lists.
pub(crate) fn server_that_loses(server: &Server, lost: &'static str) -> Imposter {
    let address = server.address();
    Imposter::start(move |session| {
        let mut real = Session::dial(address);
        let Some(hello) = session.next_line() else { return };
        real.send(&hello);
        session.try_send_raw(line_of(&real.line()));
        while let Some(request) = session.next_line() {
            if request["path"] == lost {
                let refusal =
                    json!({"type": "refused", "id": request["id"], "code": "not_found", "message": "gone"});
                session.try_send_raw(line_of(&refusal));
            } else {
                real.send(&request);
                pass_answer_on(&mut real, session);
            }
        }
    })
}

/// Passes one whole answer on: lines and sections up to a line that ends it.
fn pass_answer_on(real: &mut Session, session: &mut Session) {
    pass_altered_answer_on(real, session, &|_| {});
}

/// The same, with something altered in its lines.
pub(crate) fn pass_altered_answer_on(real: &mut Session, session: &mut Session, alter: &dyn Fn(&mut Value)) {
    loop {
        let line = real.line();
        let mut altered = line.clone();
        alter(&mut altered);
        session.try_send_raw(line_of(&altered));
        match line["type"].as_str().unwrap() {
            "section" => {
                let byte_count = usize::try_from(line["byte_count"].as_u64().unwrap()).unwrap();
                session.try_send_raw(real.raw(byte_count));
            }
            "reading" | "entries" | "working" | "piece_list" => {}
            _ => return,
        }
    }
}

/// Reads from the imposter; nothing may land, the old file stays, and the exit code is the expected one.
fn assert_nothing_lands(imposter: &Imposter, what: &str) -> i32 {
    let scratch = Scratch::new();
    scratch.put_local("a.txt", b"old");
    let client = client!(&scratch, imposter.address()).options(&["--timeout", "1s"]);
    let outcome = client.run_json(&["READ a.txt"]);
    assert_ne!(outcome.code, 0, "{what}: {outcome:?}");
    assert_eq!(scratch.local_file("a.txt"), b"old", "{what}");
    outcome.lines();
    outcome.code
}

fn read_answer(id: &Value, byte_count: u64, sections: &[u8], end: &Value) -> Vec<u8> {
    [line_of(&reading(id, "a.txt", byte_count)).as_bytes(), sections, line_of(end).as_bytes()].concat()
}

fn number(id: &Value) -> u64 {
    id.as_u64().unwrap()
}

#[test]
fn the_imposter_itself_can_be_honest() {
    let imposter =
        server_that_reads(|id| read_answer(id, 5, &section_of(number(id), 0, CONTENT), &end(id, CONTENT)));
    let scratch = Scratch::new();
    client!(&scratch, imposter.address()).run_json(&["READ a.txt"]).expect_done();
    assert_eq!(scratch.local_file("a.txt"), CONTENT);
}

#[test]
fn a_wrong_digest_is_exit_code_four() {
    let imposter =
        server_that_reads(|id| read_answer(id, 5, &section_of(number(id), 0, b"hullo"), &end(id, CONTENT)));
    assert_eq!(assert_nothing_lands(&imposter, "other bytes than the digest's"), 4);
    let imposter = server_that_reads(|id| {
        let mut end = end(id, CONTENT);
        end["file_digest"] = json!(digest(b"another"));
        read_answer(id, 5, &section_of(number(id), 0, CONTENT), &end)
    });
    assert_eq!(assert_nothing_lands(&imposter, "a file digest that is not the payload's"), 4);
}

#[test]
fn more_or_fewer_bytes_than_announced_never_land() {
    let answers: [(&str, Answer); 6] = [
        ("an extra section", |id| {
            let sections = [section_of(number(id), 0, CONTENT), section_of(number(id), 5, b"extra")].concat();
            read_answer(id, 5, &sections, &end(id, b"helloextra"))
        }),
        ("a missing section", |id| read_answer(id, 5, &section_of(number(id), 0, b"he"), &end(id, b"he"))),
        ("sections with a gap", |id| {
            read_answer(id, 5, &section_of(number(id), 9, CONTENT), &end(id, CONTENT))
        }),
        ("sections twice", |id| {
            let sections = [section_of(number(id), 0, CONTENT), section_of(number(id), 0, CONTENT)].concat();
            read_answer(id, 5, &sections, &end(id, CONTENT))
        }),
        ("the sections of another request", |id| {
            read_answer(id, 5, &section_of(number(id) + 1, 0, CONTENT), &end(id, CONTENT))
        }),
        ("a failure after all bytes", |id| {
            let failed = json!({"type": "failed", "id": id, "code": "changed", "message": "it changed"});
            read_answer(id, 5, &section_of(number(id), 0, CONTENT), &failed)
        }),
    ];
    for (what, answer) in answers {
        assert_nothing_lands(&server_that_reads(answer), what);
    }
}

#[test]
fn lines_that_break_the_rules_never_land() {
    let answers: [(&str, Answer); 7] = [
        ("no JSON", |_| b"hello\n".to_vec()),
        ("a line without an end", |_| vec![b'{'; 1 << 20]),
        ("a deep line", |id| {
            format!("{{\"v\":1,\"type\":\"reading\",\"id\":{id},\"a\":{}\n", "[".repeat(60_000)).into()
        }),
        ("another answer", |id| line_of(&json!({"type": "written", "id": id, "byte_count": 5})).into()),
        ("an unknown answer", |id| line_of(&json!({"type": "surprise", "id": id})).into()),
        ("another id", |id| {
            let other = json!(number(id) + 7);
            read_answer(&other, 5, &section_of(number(&other), 0, CONTENT), &end(&other, CONTENT))
        }),
        ("a negative length", |id| {
            line_of(&reading(id, "a.txt", 5)).replace("\"byte_count\":5", "\"byte_count\":-5").into()
        }),
    ];
    for (what, answer) in answers {
        assert_nothing_lands(&server_that_reads(answer), what);
    }
}

#[test]
fn a_file_of_eight_exabytes_is_not_begun_or_not_finished() {
    let imposter = server_that_reads(|id| {
        let huge = line_of(&reading(id, "a.txt", (1 << 53) - 1));
        [huge.into_bytes(), section_of(number(id), 0, CONTENT)].concat()
    });
    assert_nothing_lands(&imposter, "8 EB");
}

#[test]
fn silence_ends_by_the_timeout() {
    assert_eq!(assert_nothing_lands(&Imposter::start(|session| drop(session.next_line())), "a close"), 3);
    let silent = Imposter::start(|session| while session.next_line().is_some() {});
    assert_eq!(assert_nothing_lands(&silent, "silence before the welcome"), 3);
    let later = Imposter::answering(|_, _| {});
    assert_eq!(assert_nothing_lands(&later, "silence after the welcome"), 3);
}

#[test]
fn a_welcome_that_breaks_the_rules_is_no_connection() {
    for (name, value) in
        [("version", json!(2)), ("limits", json!(5)), ("type", json!("written")), ("v", json!(9))]
    {
        let imposter = Imposter::start(move |session| {
            let _hello = session.next_line();
            let mut bad = welcome();
            bad[name] = value.clone();
            session.try_send_raw(line_of(&bad));
            while session.next_line().is_some() {}
        });
        assert_nothing_lands(&imposter, name);
    }
}

#[test]
fn an_upload_that_is_answered_with_another_digest_is_no_success() {
    let imposter = Imposter::answering(|session, request| {
        let id = &request["id"];
        match request["type"].as_str() {
            Some("section") => {
                session.raw(usize::try_from(request["byte_count"].as_u64().unwrap()).unwrap());
            }
            Some("end") => {
                let lie = json!({"type": "written", "id": id, "byte_count": 5, "digest": digest(b"another")});
                session.try_send_raw(line_of(&lie));
            }
            Some("write") => {}
            _ => answer_honestly(session, request),
        }
    });
    let scratch = Scratch::new();
    scratch.put_local("a.txt", CONTENT);
    let outcome =
        client!(&scratch, imposter.address()).options(&["--timeout", "1s"]).run_json(&["WRITE a.txt"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn an_endless_listing_takes_bounded_memory() {
    const ENOUGH_BYTES: usize = 64 << 20;
    let imposter = Imposter::answering(|session, request| {
        let entries: Vec<Value> = (0..400).map(|index| entry(&format!("name-{index}.txt"), 5)).collect();
        let line = line_of(&json!({"type": "entries", "id": request["id"], "entries": entries}));
        while session.try_send_raw(&line) {}
    });
    let scratch = Scratch::new();
    let mut command = client!(&scratch, imposter.address()).command(&["LIST"]);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut byte_count = 0;
    while byte_count < ENOUGH_BYTES {
        let count = std::io::Read::read(&mut output, &mut buffer).unwrap();
        assert_ne!(count, 0, "the client gave up after {byte_count} bytes");
        byte_count += count;
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(output);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(peak < 64 * 1024, "the client holds {peak} kB");
}

#[test]
fn a_refused_upload_is_not_sent() {
    let server = server!().option("--read-only").start();
    server.scratch().put_local("film.mov", bytes("film", 8 << 20));
    let proxy =
        integration_tests::proxy::Proxy::start(server.address(), |_| integration_tests::proxy::Fault::None);
    client!(server.scratch(), proxy.address()).run_json(&["WRITE film.mov"]).expect_error("read_only", 1);
    let sent = proxy.byte_count(integration_tests::proxy::Direction::ToServer);
    assert!(sent < 10_000, "{sent} bytes were sent");
    assert_eq!(files_below(&server.scratch().share()).len(), 0);
}
