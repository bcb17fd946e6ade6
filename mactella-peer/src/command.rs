//! Commands: what a typed line means. Must not know how a command is carried out.

use crate::destination::{Destination, DestinationError};
use crate::failure::Failure;
use crate::overlay::Wanted;
use program::escape::Escaped;
use program::typed::{Argument, Form, KnownOption, Operands, Typed};
use shared_folder::words::Query;
use wire::digest::Digest;
use wire::limits::{SEARCH_BYTES_MAX, TTL_MAX};
use wire::net::Address;

const REPLACE: KnownOption = KnownOption::flag(&["--replace"]);
/// Before the digest of a file that is searched by it.
const DIGEST_PREFIX: &str = "digest:";

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    ListOwn,
    ListRemote(Destination),
    Search { wanted: Wanted, ttl: u8 },
    Discover { ttl: u8 },
    Get { path: String, destination: Destination, replace: bool },
    GetBest { wanted: Wanted, replace: bool },
    Connect(Destination),
    Peers,
    Reset,
    Status,
    Help,
    Bye,
    Quit,
    ForceQuit,
}

/// `None` is wrong usage.
type Built = Option<Result<Command, Failure>>;

/// A word, what it reads from the line, and how it is used.
struct Word {
    names: &'static [&'static str],
    options: &'static [KnownOption],
    usage: &'static str,
    build: fn(&Arguments) -> Built,
}

const WORDS: &[Word] = &[
    Word { names: &["listl", "ls"], options: &[], usage: "LISTL", build: |all| all.none(Command::ListOwn) },
    Word { names: &["listr"], options: &[], usage: "LISTR host port", build: list_remote },
    Word { names: &["search"], options: &[], usage: "SEARCH words [ttl]", build: search },
    Word { names: &["discover"], options: &[], usage: "DISCOVER ttl", build: discover },
    Word {
        names: &["get"],
        options: &[REPLACE],
        usage: "GET [--replace] path host port, or GET [--replace] \"some words\"",
        build: get,
    },
    Word { names: &["connect"], options: &[], usage: "CONNECT host port", build: connect },
    Word { names: &["peers"], options: &[], usage: "PEERS", build: |all| all.none(Command::Peers) },
    Word { names: &["reset"], options: &[], usage: "RESET", build: |all| all.none(Command::Reset) },
    Word { names: &["status"], options: &[], usage: "STATUS", build: |all| all.none(Command::Status) },
    Word { names: &["help"], options: &[], usage: "HELP", build: |_| Some(Ok(Command::Help)) },
    Word { names: &["bye"], options: &[], usage: "BYE", build: |all| all.none(Command::Bye) },
    Word { names: &["quit", "exit"], options: &[], usage: "QUIT", build: |all| all.none(Command::Quit) },
    Word {
        names: &["forcequit"],
        options: &[],
        usage: "FORCEQUIT",
        build: |all| all.none(Command::ForceQuit),
    },
];

/// The operands of a line, options apart.
struct Arguments {
    operands: Vec<Argument>,
    options: Operands,
}

/// A line that was understood, with the first name of its command in lower case; or why it was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Understood {
    /// What results are reported under: the command's first name, or the word as typed where it is none.
    pub(crate) name: String,
    pub(crate) command: Result<Command, Failure>,
}

/// What a line that was taken apart means.
pub(crate) fn understand(typed: &Typed) -> Understood {
    let known = WORDS.iter().find(|word| word.names.iter().any(|name| typed.is(name)));
    match known {
        Some(word) => Understood { name: word.first_name().to_owned(), command: word.read(typed) },
        None => {
            let text = format!("command not recognized: {}; HELP lists them all", Escaped(&typed.word));
            Understood { name: typed.word.to_lowercase(), command: Err(Failure::usage(text)) }
        }
    }
}

/// The first name and the aliases of every command, in upper case, for completion.
pub(crate) fn names() -> impl Iterator<Item = String> {
    WORDS.iter().flat_map(|word| word.names).map(|name| name.to_uppercase())
}

/// What is searched, as it was typed.
pub(crate) fn shown(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Words(words) => words.clone(),
        Wanted::Digest(digest) => format!("{DIGEST_PREFIX}{digest}"),
    }
}

impl Word {
    fn first_name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    fn read(&self, typed: &Typed) -> Result<Command, Failure> {
        let options = typed.split(self.options).map_err(|error| Failure::usage(error.to_string()))?;
        let mut operands = options.operands.clone();
        // In the comma form the last argument may be left empty, as in `SEARCH,song,`.
        operands.pop_if(|last| typed.form == Form::Comma && last.text.is_empty() && !last.quoted);
        let built = (self.build)(&Arguments { operands, options });
        built.unwrap_or_else(|| Err(Failure::usage(format!("usage: {}", self.usage))))
    }
}

impl Arguments {
    fn none(&self, command: Command) -> Built {
        self.operands.is_empty().then_some(Ok(command))
    }

    fn texts(&self) -> Vec<&str> {
        self.operands.iter().map(|operand| operand.text.as_str()).collect()
    }
}

fn list_remote(arguments: &Arguments) -> Built {
    Some(destination(&arguments.texts())?.map(Command::ListRemote))
}

fn connect(arguments: &Arguments) -> Built {
    Some(destination(&arguments.texts())?.map(Command::Connect))
}

/// `host port` or `host:port` or `ioe://host:port/#KEY`.
fn destination(texts: &[&str]) -> Option<Result<Destination, Failure>> {
    let read = match texts {
        [host, port] => Address::new(host, port).map(Destination::from).map_err(DestinationError::from),
        [text] => text.parse(),
        _ => return None,
    };
    let read = read.map_err(|error| Failure::usage(error.to_string()));
    Some(read.and_then(|destination| match destination.address.port() {
        0 => Err(Failure::usage("nobody listens at port 0")),
        _ => Ok(destination),
    }))
}

fn search(arguments: &Arguments) -> Built {
    let (operands, ttl) = match arguments.operands.as_slice() {
        [words @ .., last] if !words.is_empty() && is_bare_number(last) => {
            (words, ttl_of(&last.text, QUOTES_HINT))
        }
        all => (all, Ok(TTL_MAX)),
    };
    let texts: Vec<&str> = operands.iter().map(|operand| operand.text.as_str()).collect();
    let built = |ttl| Ok(Command::Search { wanted: wanted(&texts.join(" "))?, ttl });
    (!texts.is_empty()).then(|| ttl.and_then(built))
}

fn discover(arguments: &Arguments) -> Built {
    let [ttl] = arguments.operands.as_slice() else { return None };
    is_bare_number(ttl).then(|| ttl_of(&ttl.text, "").map(|ttl| Command::Discover { ttl }))
}

fn get(arguments: &Arguments) -> Built {
    let replace = arguments.options.has("--replace");
    match arguments.texts().as_slice() {
        [words] => Some(wanted(words).map(|wanted| Command::GetBest { wanted, replace })),
        // What is no address may be the second of several words: the usage says that they need quotes.
        [_, second] if !second.contains(':') => None,
        [path, place @ ..] => {
            let destination = destination(place)?;
            Some(destination.map(|destination| Command::Get {
                path: (*path).to_owned(),
                destination,
                replace,
            }))
        }
        [] => None,
    }
}

fn wanted(text: &str) -> Result<Wanted, Failure> {
    if let Some(hex) = text.strip_prefix(DIGEST_PREFIX) {
        let none = || Failure::usage(format!("'{}' is no digest: a digest has 64 hex digits", Escaped(hex)));
        return Digest::from_hex(hex).map(Wanted::Digest).ok_or_else(none);
    }
    if text.len() > SEARCH_BYTES_MAX {
        return Err(Failure::usage(format!("the words of a search have at most {SEARCH_BYTES_MAX} bytes")));
    }
    let none = || Failure::usage("a search needs at least one word of letters or digits");
    Query::new(text).map(|_| Wanted::Words(text.to_owned())).ok_or_else(none)
}

fn is_bare_number(argument: &Argument) -> bool {
    let is_number = !argument.text.is_empty() && argument.text.bytes().all(|byte| byte.is_ascii_digit());
    is_number && !argument.quoted
}

/// What helps who searches for a number.
const QUOTES_HINT: &str = "; a number that is one of the words stands in quotes";

fn ttl_of(text: &str, hint: &str) -> Result<u8, Failure> {
    let wrong = || {
        let text = Escaped(text);
        Failure::usage(format!("{text} is no ttl: from 1 to {TTL_MAX} links can be crossed{hint}"))
    };
    text.parse().ok().filter(|ttl| (1..=TTL_MAX).contains(ttl)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Code;
    use program::typed::parse;

    fn understood(line: &str) -> Understood {
        understand(&parse(line).unwrap().unwrap())
    }

    fn command(line: &str) -> Command {
        understood(line).command.unwrap()
    }

    fn searched(line: &str) -> (String, u8) {
        match command(line) {
            Command::Search { wanted, ttl } => (shown(&wanted), ttl),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bare_last_number_is_the_ttl_unless_it_is_quoted_or_the_only_word() {
        let cases = [
            ("SEARCH song live", "song live", 7),
            ("search song 3", "song", 3),
            ("SEARCH song \"3\"", "song 3", 7),
            ("SEARCH 3", "3", 7),
            ("SEARCH 3 1", "3", 1),
            ("SEARCH \"song 3\" 2", "song 3", 2),
            ("SEARCH,song live,4", "song live", 4),
            ("SEARCH,song live,", "song live", 7),
            ("SEARCH,song,\"4\"", "song 4", 7),
            ("SEARCH song 3a", "song 3a", 7),
        ];
        for (line, words, ttl) in cases {
            assert_eq!(searched(line), (words.to_owned(), ttl), "{line}");
        }
        let hex = "ab".repeat(32);
        assert_eq!(searched(&format!("SEARCH digest:{hex} 2")), (format!("digest:{hex}"), 2));
    }

    #[test]
    fn a_ttl_is_a_number_of_links_from_one_to_seven() {
        for line in ["SEARCH a 0", "SEARCH a 8", "SEARCH a 99999999999", "DISCOVER 8", "DISCOVER 0"] {
            let failure = understood(line).command.unwrap_err();
            assert!(failure.code == Code::Usage && failure.message.contains("from 1 to 7"), "{line}");
        }
        assert_eq!(command("DISCOVER 7"), Command::Discover { ttl: 7 });
    }

    #[test]
    fn get_takes_a_path_with_an_address_or_words_alone() {
        let destination: Destination = "127.0.0.1:5".parse().unwrap();
        let expected = Command::Get { path: "a b.mp3".into(), destination, replace: false };
        for line in ["GET \"a b.mp3\" 127.0.0.1 5", "GET,a b.mp3,127.0.0.1,5", "get 'a b.mp3' 127.0.0.1:5"] {
            assert_eq!(command(line), expected, "{line}");
        }
        let words = Command::GetBest { wanted: Wanted::Words("rare song".into()), replace: true };
        assert_eq!(command("GET --replace \"rare song\""), words);
        assert!(understood("GET rare song").command.unwrap_err().message.starts_with("usage: GET"));
    }

    #[test]
    fn wrong_usage_says_the_right_one() {
        let lines =
            ["SEARCH", "SEARCH ...", "SEARCH digest:xy", "DISCOVER", "DISCOVER far", "DISCOVER -1", "GET"];
        let places =
            ["CONNECT", "CONNECT x", "CONNECT x 0", "CONNECT x 70000", "LISTR", "LISTR a b c", "PEERS x"];
        for line in lines.into_iter().chain(places) {
            assert_eq!(understood(line).command.unwrap_err().code, Code::Usage, "{line}");
        }
        let unknown = understood("Frob x");
        assert_eq!(unknown.name, "frob");
        assert_eq!(unknown.command.unwrap_err().message, "command not recognized: Frob; HELP lists them all");
        assert!(understood(&format!("SEARCH {}", "x".repeat(SEARCH_BYTES_MAX + 1))).command.is_err());
        assert!(understood(&format!("SEARCH {}", "x".repeat(SEARCH_BYTES_MAX))).command.is_ok());
    }

    #[test]
    fn every_alias_reports_under_the_first_name() {
        assert_eq!([understood("ls").name, understood("EXIT").name], ["listl", "quit"]);
    }
}
