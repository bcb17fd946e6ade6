//! Commands: what a typed line means. Must not know how a command is carried out.

use crate::destination::{Destination, without_secrets};
use crate::failure::Failure;
use program::escape::Escaped;
use program::typed::{Form, KnownOption, Operands, Typed, parse};
use wire::digest::Digest;

const RECURSIVE: KnownOption = KnownOption::flag(&["-r", "--recursive"]);
const NEW: KnownOption = KnownOption::flag(&["--new"]);
const REPLACE: KnownOption = KnownOption::flag(&["--replace"]);
const DRY_RUN: KnownOption = KnownOption::flag(&["--dry-run"]);
const IF_DIGEST: KnownOption = KnownOption::valued(&["--if-digest"]);

/// A command with its arguments, as they were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Connect(Destination),
    List { folder: Option<String>, recursive: bool },
    Read { paths: Vec<String>, local: Option<String>, terms: ReadTerms },
    Write { locals: Vec<String>, path: Option<String>, terms: WriteTerms },
    Rename { path: String, to: String, replace: bool },
    Delete { paths: Vec<String>, recursive: bool },
    MakeFolder { path: String },
    Stat { path: String },
    Search { words: String },
    Enter { folder: Option<String> },
    Help,
    Bye,
    Quit,
}

impl Command {
    /// What is needed to go on where it was broken off.
    pub(crate) fn resumption(&self) -> Resumption {
        match self {
            Self::Read { terms: ReadTerms { dry_run: true, .. }, .. }
            | Self::Write { terms: WriteTerms { dry_run: true, .. }, .. } => Resumption::None,
            Self::Read { local, .. } if local.as_deref() != Some("-") => Resumption::Repeat,
            Self::Write { locals, .. } if locals.iter().any(|local| local == "-") => Resumption::Feed,
            Self::Write { .. } => Resumption::Repeat,
            _ => Resumption::None,
        }
    }
}

/// How a command that was broken off goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resumption {
    /// It does not: it begins anew.
    None,
    /// It is typed again.
    Repeat,
    /// What flowed through its pipe has to flow once more.
    Feed,
}

/// On which terms a file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReadTerms {
    pub(crate) recursive: bool,
    /// Say what would move, and move nothing.
    pub(crate) dry_run: bool,
}

/// On which terms a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WriteTerms {
    pub(crate) recursive: bool,
    pub(crate) new: bool,
    /// Say what would move, and move nothing.
    pub(crate) dry_run: bool,
    pub(crate) if_digest: Option<Digest>,
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
    Word { names: &["connect"], options: &[], usage: "CONNECT host port | ioe://line", build: connect },
    Word {
        names: &["list", "ls"],
        options: &[RECURSIVE],
        usage: "LIST [-r] [folder | pattern]",
        build: list,
    },
    Word {
        names: &["read", "get"],
        options: &[RECURSIVE, DRY_RUN],
        usage: "READ [-r] [--dry-run] path [local]",
        build: read,
    },
    Word {
        names: &["write", "put"],
        options: &[RECURSIVE, NEW, DRY_RUN, IF_DIGEST],
        usage: "WRITE [-r] [--new] [--if-digest D] [--dry-run] local [path]",
        build: write,
    },
    Word {
        names: &["rename", "change", "mv"],
        options: &[REPLACE],
        usage: "RENAME [--replace] old new",
        build: rename,
    },
    Word { names: &["delete", "rm"], options: &[RECURSIVE], usage: "DELETE [-r] path", build: delete },
    Word { names: &["mkdir"], options: &[], usage: "MKDIR path", build: make_folder },
    Word { names: &["stat"], options: &[], usage: "STAT path", build: stat },
    Word { names: &["search"], options: &[], usage: "SEARCH words", build: search },
    Word { names: &["cd"], options: &[], usage: "CD folder", build: enter },
    Word { names: &["help"], options: &[], usage: "HELP", build: |_| Some(Ok(Command::Help)) },
    Word { names: &["bye"], options: &[], usage: "BYE", build: |arguments| arguments.none(Command::Bye) },
    Word {
        names: &["quit", "exit"],
        options: &[],
        usage: "QUIT",
        build: |arguments| arguments.none(Command::Quit),
    },
];

/// The operands of a line, options apart.
struct Arguments {
    texts: Vec<String>,
    options: Operands,
}

/// A line that was understood, with the first name of its command in lower case; or why it was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Understood {
    /// What results are reported under: the command's first name, or the word as typed where it is none.
    pub(crate) name: String,
    pub(crate) command: Result<Command, Failure>,
}

/// Reads a line; `None` for a blank one.
pub(crate) fn understand(line: &str) -> Option<Understood> {
    let typed = match parse(line) {
        Ok(None) => return None,
        Ok(Some(typed)) => typed,
        Err(error) => {
            let name = line.split([' ', ',', '\t']).next().unwrap_or_default();
            let name = without_secrets(name).to_lowercase();
            return Some(Understood { name, command: Err(Failure::usage(error.to_string())) });
        }
    };
    let known = WORDS.iter().find(|word| word.names.iter().any(|name| typed.is(name)));
    Some(match known {
        Some(word) => Understood { name: word.first_name().to_owned(), command: word.read(&typed) },
        None => {
            let word = without_secrets(&typed.word);
            let text = format!("command not recognized: {}; HELP lists them all", Escaped(&word));
            Understood { name: word.to_lowercase(), command: Err(Failure::usage(text)) }
        }
    })
}

/// The first name and the aliases of every command, in upper case, for completion.
pub(crate) fn names() -> impl Iterator<Item = String> {
    WORDS.iter().flat_map(|word| word.names).map(|name| name.to_uppercase())
}

/// The first name of the command that `word` is a name of.
pub(crate) fn first_name(word: &str) -> Option<&'static str> {
    let known = WORDS.iter().find(|known| known.names.iter().any(|name| name.eq_ignore_ascii_case(word)))?;
    Some(known.first_name())
}

impl Word {
    fn first_name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    fn read(&self, typed: &Typed) -> Result<Command, Failure> {
        let options = typed.split(self.options).map_err(|error| Failure::usage(error.to_string()))?;
        let mut operands = options.operands.as_slice();
        // In the comma form the last argument may be left empty, as in `READ,a,`.
        if let [before @ .., last] = operands
            && typed.form == Form::Comma
            && last.text.is_empty()
            && !last.quoted
        {
            operands = before;
        }
        let texts = operands.iter().map(|operand| operand.text.clone()).collect();
        let built = (self.build)(&Arguments { texts, options });
        built.unwrap_or_else(|| Err(Failure::usage(format!("usage: {}", self.usage))))
    }
}

impl Arguments {
    fn none(&self, command: Command) -> Built {
        self.texts.is_empty().then_some(Ok(command))
    }

    /// The only operand, if there is one; `None` if there are more.
    fn at_most_one(&self) -> Option<Option<String>> {
        match self.texts.as_slice() {
            [] => Some(None),
            [only] => Some(Some(only.clone())),
            _ => None,
        }
    }

    fn is_recursive(&self) -> bool {
        self.options.has("-r")
    }

    fn is_dry_run(&self) -> bool {
        self.options.has("--dry-run")
    }

    /// Sources and, where there is more than one operand, a target behind them.
    fn with_target(&self) -> Option<(Vec<String>, Option<String>)> {
        match self.texts.as_slice() {
            [] => None,
            [only] => Some((vec![only.clone()], None)),
            [sources @ .., target] => Some((sources.to_vec(), Some(target.clone()))),
        }
    }
}

fn connect(arguments: &Arguments) -> Built {
    let destination = match arguments.texts.as_slice() {
        [host, port] => Destination::of_host(host, port),
        [only] => Destination::parse(only),
        _ => return None,
    };
    Some(destination.map(Command::Connect))
}

fn list(arguments: &Arguments) -> Built {
    let (folder, recursive) = (arguments.at_most_one()?, arguments.is_recursive());
    Some(Ok(Command::List { folder, recursive }))
}

fn read(arguments: &Arguments) -> Built {
    let (paths, local) = arguments.with_target()?;
    let terms = ReadTerms { recursive: arguments.is_recursive(), dry_run: arguments.is_dry_run() };
    Some(Ok(Command::Read { paths, local, terms }))
}

fn write(arguments: &Arguments) -> Built {
    let if_digest = match arguments.options.value("--if-digest").map(|text| (text, Digest::from_hex(text))) {
        Some((text, None)) => {
            let text = format!("'{}' is no digest: a digest has 64 hex digits", Escaped(text));
            return Some(Err(Failure::usage(text)));
        }
        Some((_, digest)) => digest,
        None => None,
    };
    let (recursive, new) = (arguments.is_recursive(), arguments.options.has("--new"));
    let terms = WriteTerms { recursive, new, dry_run: arguments.is_dry_run(), if_digest };
    let (locals, path) = arguments.with_target()?;
    Some(Ok(Command::Write { locals, path, terms }))
}

fn rename(arguments: &Arguments) -> Built {
    let [path, to] = arguments.texts.as_slice() else { return None };
    let (path, to) = (path.clone(), to.clone());
    Some(Ok(Command::Rename { path, to, replace: arguments.options.has("--replace") }))
}

fn delete(arguments: &Arguments) -> Built {
    let (paths, recursive) = (arguments.texts.clone(), arguments.is_recursive());
    (!paths.is_empty()).then_some(Ok(Command::Delete { paths, recursive }))
}

fn make_folder(arguments: &Arguments) -> Built {
    arguments.at_most_one()?.map(|path| Ok(Command::MakeFolder { path }))
}

fn stat(arguments: &Arguments) -> Built {
    arguments.at_most_one()?.map(|path| Ok(Command::Stat { path }))
}

fn search(arguments: &Arguments) -> Built {
    (!arguments.texts.is_empty()).then(|| Ok(Command::Search { words: arguments.texts.join(" ") }))
}

fn enter(arguments: &Arguments) -> Built {
    Some(Ok(Command::Enter { folder: arguments.at_most_one()? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Code;

    fn command(line: &str) -> Command {
        understand(line).unwrap().command.unwrap()
    }

    fn failure(line: &str) -> Failure {
        understand(line).unwrap().command.unwrap_err()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn both_forms_and_any_case_give_the_same_command() {
        let expected = Command::Read {
            paths: texts(&["my song.mp3"]),
            local: Some("copy.mp3".into()),
            terms: ReadTerms::default(),
        };
        for line in
            ["READ,my song.mp3,copy.mp3", "get \"my song.mp3\" copy.mp3", "rEaD 'my song.mp3' copy.mp3"]
        {
            assert_eq!(command(line), expected, "{line}");
        }
        assert_eq!(command("LIST,"), command("ls"));
        assert_eq!(understand("  "), None);
    }

    #[test]
    fn every_alias_reports_under_the_first_name() {
        let aliases = [("ls", "list"), ("get x", "read"), ("put x", "write"), ("change a b", "rename")];
        for (line, name) in
            aliases.into_iter().chain([("mv a b", "rename"), ("rm x", "delete"), ("exit", "quit")])
        {
            assert_eq!(understand(line).unwrap().name, name);
        }
    }

    #[test]
    fn an_unknown_word_is_named() {
        let understood = understand("FROB x").unwrap();
        assert_eq!(understood.name, "frob");
        assert_eq!(
            understood.command.unwrap_err().message,
            "command not recognized: FROB; HELP lists them all"
        );
    }

    #[test]
    fn wrong_usage_says_the_right_one() {
        assert_eq!(failure("READ").message, "usage: READ [-r] [--dry-run] path [local]");
        assert_eq!(failure("RENAME a").code, Code::Usage);
        assert_eq!(failure("LIST a b").code, Code::Usage);
        assert_eq!(failure("QUIT now").code, Code::Usage);
        assert_eq!(failure("READ --new x").code, Code::Usage);
        assert!(failure("WRITE --if-digest xyz a").message.contains("64 hex digits"));
        assert!(failure("READ 'x").message.contains("not closed"));
    }

    #[test]
    fn connect_takes_host_and_port_in_either_spelling() {
        assert_eq!(command("CONNECT ::1 10000"), command("CONNECT [::1]:10000"));
        assert_eq!(command("CONNECT,127.0.0.1,5"), command("connect 127.0.0.1:5"));
        assert_eq!(failure("CONNECT x").code, Code::Usage);
    }

    #[test]
    fn connect_takes_a_line_and_no_text_shows_its_secret() {
        let line = format!("ioe://host:1/#{}.{}", "ab".repeat(32), "0123456789abcdef".repeat(2));
        let Command::Connect(destination) = command(&format!("CONNECT {line}")) else { panic!("no CONNECT") };
        assert_eq!(command(&format!("connect,{line}")), Command::Connect(destination));
        for wrong in
            [format!("CONNECT {line}0"), line.clone(), format!("CONNECT 'x {line}"), format!("'{line}")]
        {
            let understood = understand(&wrong).unwrap();
            let shown = format!("{} {:?}", understood.name, understood.command);
            assert!(understood.command.is_err() && !shown.contains("0123456789abcdef"), "{shown}");
        }
    }

    #[test]
    fn write_keeps_its_terms() {
        let digest = "ab".repeat(32);
        let Command::Write { locals, path, terms } =
            command(&format!("put -r --new --dry-run --if-digest {digest} a b c/"))
        else {
            panic!("no WRITE");
        };
        assert_eq!((locals, path), (texts(&["a", "b"]), Some("c/".into())));
        assert!(
            terms.recursive && terms.new && terms.dry_run && terms.if_digest == Digest::from_hex(&digest)
        );
    }
}
