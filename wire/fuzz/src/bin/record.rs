//! Makes the seeds anew from what the real programs say: `record FOLDER`, where FOLDER has the three programs.
//!
//! The share is the one that the targets have, so that a recorded session comes to the same when it is played to them.
//! Ids, ports and times are made plain, so that the next recording is the same but for the order of listings.
#![allow(clippy::print_stdout, reason = "a program that reports to a terminal")]

use fuzz::conversation::{join, parse};
use fuzz::recording::{Plain, Recorded, Recorder};
use fuzz::targets::answers::{ASKED, ask};
use fuzz::targets::overlay::{asked, received, stood};
use fuzz::targets::session::{LARGE_BYTES, fill_share};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;
use wire::codec::{Decoded, decode};
use wire::message::LinkMessage;

/// What the client is told to do, one recording each; `large` here differs from the server's in its last bytes.
const SESSIONS: &[(&str, &[&str])] = &[
    ("list", &["LIST", "LIST -r", "LIST folder", "SEARCH song mp3", "BYE"]),
    ("stat", &["STAT 'a song.mp3'", "STAT folder", "STAT large", "STAT loop", "STAT nothing", "BYE"]),
    ("read-small", &["READ 'a song.mp3' one", "READ folder/deep.txt two", "READ empty three", "BYE"]),
    ("read-many", &["READ -r folder trees/", "BYE"]),
    ("read-refused", &["READ nothing", "READ out/secret", "READ loop", "READ -r out", "BYE"]),
    ("write-small", &["WRITE hello.txt", "WRITE hello.txt 'a song.mp3'", "STAT hello.txt", "BYE"]),
    ("write-new", &["WRITE --new hello.txt", "WRITE --new hello.txt empty", "BYE"]),
    (
        "write-over-version",
        &["WRITE --if-digest SONG hello.txt 'a song.mp3'", "WRITE --if-digest SONG hello.txt empty", "BYE"],
    ),
    ("write-pipe", &["WRITE - piped.txt", "BYE"]),
    ("write-with-base", &["WRITE large", "BYE"]),
    ("write-many", &["WRITE -r trees folder/", "BYE"]),
    (
        "write-refused",
        &[
            "WRITE hello.txt out/hello.txt",
            "WRITE hello.txt nothing/hello.txt",
            "WRITE hello.txt loop",
            "BYE",
        ],
    ),
    (
        "changing",
        &[
            "MKDIR one/two",
            "RENAME empty one/full",
            "RENAME 'a song.mp3' folder/deep.txt",
            "RENAME --replace 'a song.mp3' folder/deep.txt",
            "DELETE one",
            "DELETE -r one",
            "DELETE loop",
            "LIST -r",
            "BYE",
        ],
    ),
];
/// In place of the digest of `a song.mp3`.
const SONG: &str = "SONG";
/// After so many bytes of answers a large READ is cut.
const CUT_AFTER: usize = 600_000;
/// Between two looks whether two peers are linked.
const PAUSE: Duration = Duration::from_millis(100);

/// A running program, ended when it is dropped.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn main() {
    let programs = PathBuf::from(std::env::args().nth(1).expect("usage: record FOLDER"));
    for (name, commands) in SESSIONS {
        for (number, recorded) in client_session(&programs, commands, None).into_iter().enumerate() {
            keep("session", &numbered(name, number), &Plain::default().of(&recorded.asked, true));
        }
    }
    let resumed = client_session(&programs, &["READ large copy", "BYE"], Some(CUT_AFTER));
    for (number, recorded) in resumed.into_iter().enumerate() {
        keep("session", &numbered("read-resumed", number), &Plain::default().of(&recorded.asked, true));
    }
    ASKED.iter().for_each(|question| record_answer(&programs, question));
    record_link(&programs);
}

fn numbered(name: &str, number: usize) -> String {
    if number == 0 { name.to_owned() } else { format!("{name}-{number}") }
}

fn keep(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder).expect("the seeds' folder");
    let file = folder.join(name.replace(' ', "-"));
    fs::write(&file, bytes).expect("a seed");
    println!("{:>7}  {}", bytes.len(), file.display());
}

/// All connections of one real client to one real server.
fn client_session(programs: &Path, commands: &[&str], cut_after: Option<usize>) -> Vec<Recorded> {
    let scratch = TempDir::new().expect("a scratch folder");
    let (share, local) = (scratch.path().join("share"), scratch.path().join("local"));
    fs::create_dir_all(scratch.path().join("outside")).expect("a folder");
    fs::create_dir(&share).expect("a folder");
    fill_share(&share);
    fill_local(&local);
    // A cut comes after so many bytes: the time's text must not be longer once and shorter then.
    let large = File::options().write(true).open(share.join("large")).expect("the large file");
    large.set_modified(UNIX_EPOCH).expect("a time");
    let server = start_server(programs, scratch.path());
    let recorder = Recorder::start(server.address, cut_after);
    let song = wire::digest::Digest::of(b"hello").to_string();
    let mut client = Command::new(programs.join("ioe-client"));
    client.arg(recorder.address().to_string()).args(["--keep-going", "--jobs", "1"]).current_dir(&local);
    client.arg("--state-dir").arg(scratch.path().join("client"));
    for command in commands {
        client.args(["--cmd", &command.replace('\'', "\"").replace(SONG, &song)]);
    }
    let mut running = client.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let running = running.as_mut().expect("the client starts");
    // Only one that reads standard input takes it.
    let _ = running.stdin.take().expect("its input").write_all(b"from a pipe");
    running.wait().expect("the client ends");
    recorder.finish()
}

fn fill_local(local: &Path) {
    fs::create_dir_all(local.join("trees/ash")).expect("a folder");
    fs::write(local.join("hello.txt"), b"hello again").expect("a file");
    fs::write(local.join("trees/oak.txt"), b"oak").expect("a file");
    fs::write(local.join("trees/ash/leaf"), b"").expect("a file");
    fs::write(local.join("large"), large()).expect("a file");
}

/// As the server's, but for the last bytes.
fn large() -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(LARGE_BYTES).expect("a length")];
    let end = bytes.len() - 5;
    bytes[end..].copy_from_slice(b"hello");
    bytes
}

fn start_server(programs: &Path, scratch: &Path) -> Program {
    let mut server = Command::new(programs.join("ioe-server"));
    server.arg("--state-dir").arg(scratch.join("state")).args(["--listen", "127.0.0.1:0"]);
    start(server.arg(scratch.join("share")))
}

fn start(command: &mut Command) -> Program {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let address = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
    Program { child, address: address.expect("listening on ADDRESS") }
}

/// What a real server answers to a question of the target, and the same cut before its end.
fn record_answer(programs: &Path, question: &str) {
    let scratch = TempDir::new().expect("a scratch folder");
    let share = scratch.path().join("share");
    fs::create_dir(&share).expect("a folder");
    let song = if question == "fetch large" { large() } else { b"hello".to_vec() };
    fs::write(share.join("a song.mp3"), song).expect("a file");
    if question != "rename" {
        fs::create_dir(share.join("music")).expect("a folder");
        fs::write(share.join("music/a song (live).mp3"), b"live").expect("a file");
    }
    let server = start_server(programs, scratch.path());
    let recorder = Recorder::start(server.address, None);
    let outcome = ask(question, recorder.address());
    assert!(outcome.is_ok(), "{question}: {outcome:?}");
    let told = Plain::default().of(&recorder.finish().remove(0).told, false);
    let seed = [question.as_bytes(), b"\n", &told].concat();
    keep("answers", question, &seed);
    keep("answers", &format!("{question} cut"), &cut(&seed));
}

/// Without the last line, in the middle of what came before: of a payload, if there is one.
fn cut(seed: &[u8]) -> Vec<u8> {
    let mut items = parse(seed);
    let end = items.pop().map_or(0, |item| item.line.len());
    let payload = items.last().map_or(0, |item| item.payload.len());
    let missing = if payload > 0 { end + payload.div_ceil(2) } else { end / 2 };
    seed[..seed.len() - missing].to_vec()
}

/// Two real peers that search and discover: their lines, and the same as operations of the first one's overlay.
fn record_link(programs: &Path) {
    let scratch = TempDir::new().expect("a scratch folder");
    let one = start_peer(programs, scratch.path(), "one", &["--no-peer"]);
    let recorder = Recorder::start(one.address, None);
    let known = recorder.address().to_string();
    let two = start_peer(programs, scratch.path(), "two", &["--peer", &known]);
    while !command(programs, scratch.path(), "one", "DISCOVER 1") {
        thread::sleep(PAUSE);
    }
    let commands = [
        "SEARCH song",
        "SEARCH \"live song\" 3",
        "SEARCH nothing",
        "DISCOVER 7",
        "SEARCH two 1",
        "DISCOVER 0",
    ];
    for typed in commands {
        for peer in ["one", "two"] {
            command(programs, scratch.path(), peer, typed);
        }
    }
    drop((one, two));
    let recorded = recorder.finish().remove(0);
    let mut plain = Plain::default();
    let (from_two, from_one) = (plain.of(&recorded.asked, true), plain.of(&recorded.told, false));
    keep("message", "link-of-who-dialled", &from_two);
    keep("message", "link-of-who-listened", &from_one);
    keep(
        "overlay",
        "link",
        &[operations(&from_one, &from_two, 1), operations(&from_two, &from_one, 2)].concat(),
    );
}

/// What one end of a link said and heard: first what its user asked, then what came.
fn operations(said: &[u8], heard: &[u8], link: u8) -> Vec<u8> {
    let mut plain = Plain::default();
    let mut number = |line: &[u8]| {
        let id =
            parse(line).first().and_then(|item| item.text("search_id").or_else(|| item.text("discover_id")));
        id.map_or(0, |id| plain.flood(&id))
    };
    let mut records = stood(link);
    for (bytes, is_heard) in [(said, false), (heard, true)] {
        for item in parse(bytes) {
            let line = join(&[item]);
            let Ok(Decoded { message, .. }) = decode::<LinkMessage>(line.trim_ascii_end()) else { continue };
            let flood = number(&line);
            let record = if is_heard { received(link, &message, flood) } else { asked(&message, flood) };
            records.extend(record.unwrap_or_default());
        }
    }
    records
}

fn start_peer(programs: &Path, scratch: &Path, name: &str, more: &[&str]) -> Program {
    let share = scratch.join(name).join("share");
    fs::create_dir_all(&share).expect("a folder");
    fs::write(share.join(format!("live song {name}.mp3")), name).expect("a file");
    let mut peer = Command::new(programs.join("mactella-peer"));
    peer.args(["--listen", "127.0.0.1:0", "--wait", "300ms"]).args(more);
    peer.arg("--state-dir")
        .arg(scratch.join(name))
        .arg("--control")
        .arg(scratch.join(format!("{name}.sock")));
    start(peer.arg(share))
}

/// Whether the peer did as it was told.
fn command(programs: &Path, scratch: &Path, name: &str, typed: &str) -> bool {
    let mut attached = Command::new(programs.join("mactella-peer"));
    attached.arg("--attach").arg(scratch.join(format!("{name}.sock"))).args(["-c", typed]);
    attached.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    attached.status().expect("it starts").success()
}
