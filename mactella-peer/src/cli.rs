//! What was typed on the command line. Must not know what it means.

use crate::destination::Destination;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use program::command_line::{CommonOptions, with_environment};
use program::logging::LogFormat;
use program::quantity;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;
use wire::message::Kind;
use wire::net::Address;

/// The program's name, whatever its file is called.
pub(crate) const NAME: &str = "mactella-peer";
/// Every option is also a variable with this prefix.
const ENVIRONMENT_PREFIX: &str = "MACTELLA";

/// Share a folder in a mesh of peers: searches cross it, downloads go straight to the file's owner.
///
/// The first line on standard output is "listening on ADDRESS". SIGTERM, SIGINT or QUIT waits for running
/// requests and stops; a second signal or FORCEQUIT stops at once. With --attach it is no peer but talks to one.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    /// The folder to share, in which downloads land
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Where to listen; port 0 picks a free one
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:10000")]
    pub(crate) listen: Address,
    /// The address that other peers should use, where it differs, as 203.0.113.7:10000
    #[arg(long, value_name = "ADDR", value_parser = advertised)]
    pub(crate) advertise: Option<SocketAddr>,
    /// A known peer, linked now and whenever no link to it stands; repeatable. As ioe://HOST:PORT/#KEY, only that key will do
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:10001")]
    pub(crate) peer: Vec<Destination>,
    /// Know no peer at the start
    #[arg(long)]
    pub(crate) no_peer: bool,
    /// The Unix socket that accepts commands [default: control.sock in the state folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,
    /// Share only files of these kinds
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = kind())]
    pub(crate) kinds: Vec<Kind>,
    /// Sessions of clients at once; one more is refused as busy
    #[arg(long, value_name = "N", default_value = "512", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// Links to other peers at once; one more is refused as busy
    #[arg(long, value_name = "N", default_value = "128", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_links: u32,
    /// Downloads of more than 256 KiB from here at once; others wait and are told at which place [default: unlimited]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_uploads: Option<u32>,
    /// How long a download may take for 256 KiB before it leaves its place among those of --max-uploads to whoever waits
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = quantity::positive_duration)]
    pub(crate) upload_patience: Duration,
    /// How fast contents move, in bytes per second, as 10MiB, with own downloads, in both directions together [default:
    /// unlimited]
    #[arg(long, value_name = "RATE", value_parser = quantity::transfer_rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// How long a session may be idle, or stuck; links may be idle
    #[arg(long, value_name = "DUR", default_value = "5m", value_parser = quantity::positive_duration)]
    pub(crate) idle_timeout: Duration,
    /// How long a stop waits for running requests and downloads
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = quantity::duration)]
    pub(crate) drain_timeout: Duration,
    /// Read console commands from standard input even if it is no terminal
    #[arg(long)]
    pub(crate) console: bool,
    /// The look of the log on standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Talk to the members of this private network alone: the file that new-network made
    #[arg(long, value_name = "FILE")]
    pub(crate) network: Option<PathBuf>,
    /// Let everybody who reaches this peer read what it shares
    #[arg(long, value_enum, value_name = "RIGHT")]
    pub(crate) public: Option<Public>,
    /// Listen and connect beyond this machine although nothing is encrypted
    #[arg(long)]
    pub(crate) plaintext: bool,
    /// Start only where the system confines this process to the folder, its state and connections
    #[arg(long)]
    pub(crate) require_confinement: bool,
    /// How long SEARCH, DISCOVER and GET by words wait for results
    #[arg(long, value_name = "DUR", default_value = "2s", value_parser = quantity::duration)]
    pub(crate) wait: Duration,
    /// Talk to the running peer whose control socket this is
    #[arg(long, value_name = "PATH")]
    pub(crate) attach: Option<PathBuf>,
    /// With --attach: run this command; repeatable, run in order, stops at the first that fails
    #[arg(short, long = "cmd", value_name = "COMMAND")]
    pub(crate) cmd: Vec<String>,
    /// With --attach: run the commands after one that fails too; the exit code is the first failure's
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// With --attach: write each result as one JSON object on a line of its own
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

/// What is done instead of running a peer. A folder that is called so is given as ./new-network.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make a private network: a file with its key, to be copied to each member
    NewNetwork {
        /// The file to make; one that is there is not replaced
        file: PathBuf,
    },
}

/// What everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Public {
    Read,
}

const EXAMPLES: &str = "Examples:
  mactella-peer ~/Public                        share a folder; 127.0.0.1:10001 is a known peer
  mactella-peer --no-peer --listen 127.0.0.1:0  the first peer of a mesh, on any free port
  mactella-peer -l 127.0.0.1:10002 -p 127.0.0.1:10000 --state-dir /tmp/second music
                                                a second peer on this machine, linked to the first
  mactella-peer new-network friends.network     make a private network; each member gets that file
  mactella-peer -l 192.0.2.1:10000 --network friends.network ~/Public
                                                share with its members alone
  mactella-peer --attach ~/.local/state/mactella-peer/control.sock
                                                a console; HELP lists the commands, each with an example
  mactella-peer --attach SOCKET --json -c 'SEARCH live song' -c 'GET \"live song\"'

Exit codes with --attach:
  0    all done
  1    an operation was refused or failed
  2    wrong usage, or an unknown command
  3    no connection, no link, or the connection was lost
  4    the data did not match its digest
  5    another key answered than the one that is known
  130  interrupted";

/// Options that only a peer has.
const OF_PEERS: [&str; 20] = [
    "folder",
    "listen",
    "advertise",
    "peer",
    "no_peer",
    "control",
    "kinds",
    "max_connections",
    "max_links",
    "max_uploads",
    "upload_patience",
    "limit_rate",
    "idle_timeout",
    "drain_timeout",
    "console",
    "log_format",
    "plaintext",
    "require_confinement",
    "network",
    "public",
];
/// Options that make sense with `--attach` alone.
const OF_ATTACH: [&str; 3] = ["cmd", "keep_going", "json"];

/// The definition, with the environment's variables.
pub(crate) fn command() -> clap::Command {
    with_environment(Options::command(), ENVIRONMENT_PREFIX)
}

/// Reads the process's command line; ends the process as clap does where it is wrong.
pub(crate) fn parse() -> Options {
    try_parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// What is typed for a peer and for `--attach` does not go together. Only what is typed counts: a variable that is set
/// for one of the two must not get in the way of the other.
fn try_parse_from(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Options, clap::Error> {
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    let is_attached = matches.contains_id("attach");
    let typed = |ids: &[&'static str]| ids.iter().copied().find(|id| is_typed(&matches, id));
    let problem = match (typed(&OF_PEERS), typed(&OF_ATTACH)) {
        (Some(id), _) if is_attached => Some(format!("{} makes no sense with --attach", shown(id))),
        (_, Some(id)) if !is_attached => Some(format!("{} needs --attach PATH", shown(id))),
        // Also where one of them is a variable: who wants a private network must not get less by mistake.
        _ if !is_attached && is_given(&matches, "network") && is_given(&matches, "plaintext") => {
            Some("--network and --plaintext contradict each other: members speak TLS alone".to_owned())
        }
        _ if !is_attached && is_given(&matches, "network") && is_given(&matches, "public") => {
            Some("--network and --public contradict each other: a private network has no public".to_owned())
        }
        (Some(_), _) if is_typed(&matches, "no_peer") && is_typed(&matches, "peer") => {
            Some("--peer and --no-peer contradict each other".to_owned())
        }
        _ => None,
    };
    if let Some(problem) = problem {
        return Err(command.error(ErrorKind::ArgumentConflict, problem));
    }
    Options::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Whether it has a value that is no default: `--plaintext` has one where it is not given.
fn is_given(matches: &ArgMatches, id: &str) -> bool {
    let is_set = matches.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue);
    is_set && matches.try_get_one::<bool>(id).map_or(true, |flag| flag.is_none_or(|flag| *flag))
}

fn shown(id: &str) -> String {
    match id {
        "folder" => "a folder".to_owned(),
        option => format!("--{}", option.replace('_', "-")),
    }
}

/// Others cannot come back to an address that is none.
fn advertised(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address of numbers is needed, as 203.0.113.7:10000".to_owned())?;
    if address.port() == 0 || address.ip().is_unspecified() {
        return Err("nobody can be reached there".to_owned());
    }
    Ok(address)
}

/// Reads a kind that a file can have; the help and the error for another name list them.
fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::OF_FILES.map(Kind::as_str)).try_map(|name| name.parse::<Kind>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn options(line: &str) -> Result<Options, clap::Error> {
        try_parse_from([NAME].into_iter().chain(line.split_whitespace()))
    }

    fn problem(line: &str) -> String {
        let error = options(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        error.to_string()
    }

    #[test]
    fn the_definition_is_consistent_and_the_defaults_are_those_of_the_contract() {
        command().debug_assert();
        let options = options("").unwrap();
        assert_eq!(options.listen.to_string(), "127.0.0.1:10000");
        assert_eq!(options.peer.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:10001"]);
        assert_eq!((options.max_connections, options.max_links), (512, 128));
        assert_eq!((options.idle_timeout.as_secs(), options.drain_timeout.as_secs()), (300, 30));
        assert_eq!((options.folder, options.wait.as_secs()), (PathBuf::from("."), 2));
    }

    #[test]
    fn every_option_is_one_of_a_peer_or_of_attach_or_of_both() {
        let common = ["wait", "attach", "state_dir", "verbose", "quiet", "generate"];
        for argument in Options::command().get_arguments() {
            let id = argument.get_id().as_str();
            let count = [&OF_PEERS[..], &OF_ATTACH, &common].iter().filter(|ids| ids.contains(&id)).count();
            assert_eq!(count, 1, "{id}");
        }
    }

    #[test]
    fn a_peer_and_attach_do_not_go_together() {
        assert!(problem("--attach x --listen 127.0.0.1:1").contains("--listen makes no sense"));
        assert!(problem("--attach x folder").contains("a folder makes no sense"));
        assert!(problem("-c STATUS").contains("--cmd needs --attach"));
        assert!(problem("--json").contains("--json needs --attach"));
        assert!(problem("--peer 127.0.0.1:1 --no-peer").contains("contradict"));
        let attached = options("--attach x --json --wait 50ms -c STATUS -c PEERS --keep-going").unwrap();
        assert_eq!((attached.cmd.len(), attached.wait.as_millis()), (2, 50));
    }

    #[test]
    fn a_private_network_goes_with_nothing_that_lets_others_in() {
        assert!(problem("--network n --plaintext").contains("contradict"));
        assert!(problem("--network n --public read").contains("contradict"));
        assert!(options("--public write").is_err());
        assert!(problem("--attach x --network n").contains("--network makes no sense"));
        assert!(options("--network n").unwrap().network.is_some());
    }

    #[test]
    fn a_network_is_made_by_a_word_of_its_own_and_a_folder_of_that_name_can_be_shared_all_the_same() {
        let made = options("new-network friends").unwrap();
        assert!(matches!(made.action, Some(Action::NewNetwork { file }) if file == Path::new("friends")));
        for line in ["./new-network", "help", "new-networks", "--no-peer new-network"] {
            let options = options(line).unwrap();
            assert!(options.action.is_none() && options.folder != Path::new("."), "{line}");
        }
        for wrong in ["new-network", "new-network a b", "new-network a --no-peer"] {
            assert!(options(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_advertised_address_is_one_that_can_be_reached() {
        assert!(options("--advertise [2001:db8::1]:5").is_ok());
        for text in ["host:5", "0.0.0.0:5", "127.0.0.1:0", "127.0.0.1"] {
            assert!(options(&format!("--advertise {text}")).is_err(), "{text}");
        }
    }
}
