//! Trees and steps, made from chance. Names are few, so that steps meet what is there.

use super::disk::{LINKED, LINKED_MODIFIED};
use super::model::{File, Node};
use super::predictions::Closing;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::sync::Arc;

/// What the share is at first.
pub(crate) type Tree = Node;

/// One thing that happens, in a session or behind the server's back.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    List(Option<Path>, bool),
    Search(String),
    Stat(Option<Path>, bool),
    StatDigest(Version),
    Read(Path, Option<Vec<(u64, u64)>>, Option<Version>),
    ReadDigest(Version),
    Pieces(Path),
    Write(Path, Upload),
    Rename(Path, Path, bool),
    Delete(Path, bool),
    Mkdir(Path),
    /// Somebody else puts something there, or removes what is there.
    Outside(Path, Option<Node>),
    /// Requests that are all sent before the first is answered.
    Together(Vec<Step>),
}

/// What happens, one step after the other.
pub(crate) struct Steps(pub(crate) Vec<Step>);

impl std::fmt::Debug for Steps {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().enumerate().try_for_each(|(number, step)| write!(formatter, "\n{number}: {step:?}"))
    }
}

/// How a step names something.
#[derive(Debug, Clone)]
pub(crate) enum Path {
    /// One of those that are there then.
    There(Index),
    /// One below one that is there, folder or not.
    Below(Index, String),
    Named(String),
    /// Another name for the first path of the step, through a link if there is one.
    Alias(Index),
}

#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) content: Content,
    pub(crate) is_announced: bool,
    pub(crate) modified: Option<(i64, u32)>,
    pub(crate) executable: Option<bool>,
    pub(crate) new: bool,
    pub(crate) if_digest: Option<Version>,
    pub(crate) base_wanted: bool,
    pub(crate) closing: Closing,
}

/// Which version a step means.
#[derive(Debug, Clone)]
pub(crate) enum Version {
    /// That of the file that the step is about.
    Its,
    /// That of a file that is there.
    Of(Path),
    Other(Content),
}

/// A length, and what the bytes are; two of one length and different bytes agree in all whole pieces but the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content(usize, u8);

impl Content {
    pub(crate) fn bytes(self) -> Arc<Vec<u8>> {
        let Self(length, variant) = self;
        let mut bytes: Vec<u8> = (0..length).map(|place| (place % 251).to_le_bytes()[0]).collect();
        if let Some(first) = bytes.first_mut() {
            *first = b'a' + variant;
        }
        Arc::new(bytes)
    }
}

const NAMES: &[&str] =
    &["a", "b", "song.mp3", "Lied (live).MP3", "it's \"so\" `x`", "$(y);,-r", "日本\u{301}😀", "sub"];
const LENGTHS_LARGE: &[usize] = &[70_000, 300_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 17];
const BAD_PATHS: &[&str] = &[
    "",
    ".",
    "..",
    "a/..",
    "../outside",
    "/a",
    "a/",
    "a//b",
    ".ioe-partial-1",
    "b/.IOE-PARTIAL-x",
    "a\nb",
    "\u{85}",
    "a/./b",
];

/// Links that lead up, out, round, or nowhere.
const TARGETS: &[&str] = &[
    "/share/a",
    "/share",
    "/outside",
    "/outside/secret.txt",
    "../outside",
    "../../outside/secret.txt",
    ".",
    "..",
    "a/..",
    "ghost",
    "b/.",
];

/// A whole share.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![8 => file(), 4 => link(), 1 => special()];
    let node = leaf.prop_recursive(3, 24, 5, folder);
    folder(node)
}

fn folder(inner: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    btree_map(name_on_disk(), inner, 0..6).prop_map(Node::Folder)
}

fn file() -> impl Strategy<Value = Node> {
    let made = (content(), 1_000_000_000_i64..1_700_000_000, any::<bool>());
    let plain = made.prop_map(|(content, seconds, executable)| {
        Node::File(File { bytes: content.bytes(), modified: Some((seconds, 7)), executable })
    });
    let linked =
        File { bytes: Arc::new(LINKED.to_vec()), modified: Some(LINKED_MODIFIED), executable: false };
    prop_oneof![6 => plain, 1 => Just(Node::File(linked))]
}

fn link() -> impl Strategy<Value = Node> {
    let inside = vec(select(NAMES), 1..3).prop_map(|names| names.join("/"));
    let up =
        (1..3_usize, inside.clone()).prop_map(|(count, below)| format!("{}{below}", "../".repeat(count)));
    prop_oneof![4 => inside, 3 => up, 3 => select(TARGETS).prop_map(str::to_owned)].prop_map(Node::Link)
}

fn special() -> impl Strategy<Value = Node> {
    any::<bool>().prop_map(|is_socket| Node::Special { is_socket })
}

fn name_on_disk() -> impl Strategy<Value = Vec<u8>> {
    let odd: &[&[u8]] = &[
        b"\xff\xfe",
        b"line\nbreak",
        b"\xc2\x85",
        b".ioe-partial-0123",
        b".Ioe-Partial-once-x",
        &[b'n'; 255],
    ];
    prop_oneof![12 => select(NAMES).prop_map(|name| name.as_bytes().to_vec()), 1 => select(odd).prop_map(<[u8]>::to_vec)]
}

fn content() -> impl Strategy<Value = Content> {
    let length = prop_oneof![20 => 0..4_usize, 10 => 4..3000_usize, 1 => select(LENGTHS_LARGE)];
    (length, 0..4_u8).prop_map(|(length, variant)| Content(length, variant))
}

fn path() -> impl Strategy<Value = Path> {
    let named = vec(select(NAMES), 1..4).prop_map(|names| Path::Named(names.join("/")));
    let bad = prop_oneof![8 => select(BAD_PATHS).prop_map(str::to_owned), 1 => Just("x".repeat(256)), 1 => Just("yy/".repeat(1400) + "y")];
    prop_oneof![
        12 => any::<Index>().prop_map(Path::There),
        4 => (any::<Index>(), select(NAMES)).prop_map(|(index, name)| Path::Below(index, name.to_owned())),
        4 => named,
        1 => bad.prop_map(Path::Named),
    ]
}

fn target() -> impl Strategy<Value = Path> {
    prop_oneof![6 => path(), 1 => any::<Index>().prop_map(Path::Alias)]
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![3 => Just(Version::Its), 2 => path().prop_map(Version::Of), 1 => content().prop_map(Version::Other)]
}

fn upload() -> impl Strategy<Value = Upload> {
    let closing =
        prop_oneof![8 => Just(Closing::End), 1 => Just(Closing::OtherDigest), 1 => Just(Closing::Abort)];
    let modified = option::of((0..2_000_000_000_i64, 0..1_000_000_000_u32));
    let terms = (option::of(any::<bool>()), prop::bool::weighted(0.2), option::weighted(0.3, version()));
    (content(), prop::bool::weighted(0.9), modified, terms, closing, any::<bool>()).prop_map(
        |(content, is_announced, modified, (executable, new, if_digest), closing, base)| Upload {
            content,
            is_announced,
            modified,
            executable,
            new,
            if_digest,
            // What is kept of an upload that was not ended is another test's business.
            base_wanted: base && closing == Closing::End,
            closing,
        },
    )
}

fn ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let offset =
        || prop_oneof![4 => 0..5_u64, 2 => 0..3000_u64, 1 => 0..(3_u64 << 20), 1 => Just((1_u64 << 53) - 1)];
    vec((offset(), offset()), 0..5)
}

fn planted() -> impl Strategy<Value = Option<Node>> {
    let empty = Just(Node::Folder(std::collections::BTreeMap::new()));
    option::weighted(0.7, prop_oneof![4 => file(), 3 => link(), 1 => empty, 1 => special()])
}

/// What happens, one step after the other.
pub(crate) fn conversation() -> impl Strategy<Value = Steps> {
    let together = vec(request(), 2..6).prop_map(Step::Together);
    let outside = (path(), planted()).prop_map(|(path, node)| Step::Outside(path, node));
    vec(prop_oneof![24 => request(), 3 => outside, 2 => together], 1..24).prop_map(Steps)
}

fn request() -> impl Strategy<Value = Step> {
    let words = prop_oneof![4 => select(&["song", "LIVE lied", "mp3 song", "a", "日本", "it s", "-", ""][..]).prop_map(str::to_owned), 1 => "\\PC{0,12}"];
    prop_oneof![
        3 => (option::of(path()), any::<bool>()).prop_map(|(path, recursive)| Step::List(path, recursive)),
        1 => words.prop_map(Step::Search),
        2 => (option::weighted(0.9, path()), any::<bool>()).prop_map(|(path, digest)| Step::Stat(path, digest)),
        1 => version().prop_map(Step::StatDigest),
        3 => (path(), option::of(ranges()), option::weighted(0.3, version()))
            .prop_map(|(path, ranges, version)| Step::Read(path, ranges, version)),
        1 => version().prop_map(Step::ReadDigest),
        1 => path().prop_map(Step::Pieces),
        6 => (path(), upload()).prop_map(|(path, upload)| Step::Write(path, upload)),
        5 => (path(), target(), any::<bool>()).prop_map(|(path, to, replace)| Step::Rename(path, to, replace)),
        2 => (path(), any::<bool>()).prop_map(|(path, recursive)| Step::Delete(path, recursive)),
        2 => path().prop_map(Step::Mkdir),
    ]
}
