//! What was typed on the command line. Must not know what it means.

use crate::invited::{Invited, Public};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use program::command_line::CommonOptions;
use program::logging::LogFormat;
use program::quantity;
use shared_folder::access::{GuestName, Right, Rights};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;
use wire::message::Kind;
use wire::net::Address;
use wire::path::SharedPath;

/// The program's name, whatever its file is called.
pub(crate) const NAME: &str = "ioe-server";
/// Every option is also a variable with this prefix.
pub(crate) const ENVIRONMENT_PREFIX: &str = "IOE";

/// Serve a folder to ioe-client and to MacTella peers.
///
/// The first line on standard output is "listening on ADDRESS". SIGTERM, SIGINT or QUIT waits for running
/// requests and stops; a second signal or FORCEQUIT stops at once.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES, subcommand_precedence_over_arg = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) manage: Option<Manage>,
    /// The folder to serve; one that is called like a command is ./NAME
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Where to listen; port 0 picks a free one
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:10000")]
    pub(crate) listen: Address,
    /// Refuse WRITE, RENAME, DELETE and MKDIR
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Share only files of these kinds
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = kind())]
    pub(crate) kinds: Vec<Kind>,
    /// Connections at once; one more is refused as busy
    #[arg(long, value_name = "N", default_value = "512", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// The longest file that may be written [default: unlimited]
    #[arg(long, value_name = "SIZE", value_parser = quantity::byte_count)]
    pub(crate) max_file_size: Option<u64>,
    /// Downloads of more than 256 KiB at once; others wait and are told at which place [default: unlimited]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_uploads: Option<u32>,
    /// How long a download may take for 256 KiB before it leaves its place among those of --max-uploads to whoever waits
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = quantity::positive_duration)]
    pub(crate) upload_patience: Duration,
    /// How fast contents move, in bytes per second, as 10MiB, of all sessions and in both directions together [default:
    /// unlimited]
    #[arg(long, value_name = "RATE", value_parser = quantity::transfer_rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// How long a connection may be idle, or stuck
    #[arg(long, value_name = "DUR", default_value = "5m", value_parser = quantity::positive_duration)]
    pub(crate) idle_timeout: Duration,
    /// How long a stop waits for running requests
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = quantity::duration)]
    pub(crate) drain_timeout: Duration,
    /// Read console commands from standard input even if it is no terminal
    #[arg(long)]
    pub(crate) console: bool,
    /// The look of the log on standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Invite somebody, if nobody of that name is known yet, and print the line that lets them in; RIGHTS are read, write, drop, or some of
    /// list,read,create,replace,delete; repeatable
    #[arg(long, value_name = "NAME:RIGHTS[:FOLDER]")]
    pub(crate) invite: Vec<Invited>,
    /// What everybody may do who reaches the port, without any key
    #[arg(long, value_name = "RIGHTS")]
    pub(crate) public: Option<Public>,
    /// The address that others should use, where it differs, as files.example:10000
    #[arg(long, value_name = "ADDR")]
    pub(crate) advertise: Option<Address>,
    /// Take plain text from other machines too: everyone on the way can read and change it
    #[arg(long)]
    pub(crate) plaintext: bool,
    /// Start only where the system confines this process to the folder and its state
    #[arg(long)]
    pub(crate) require_confinement: bool,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

const EXAMPLES: &str = "Examples:
  ioe-server ~/Public                      serve a folder on 127.0.0.1:10000, to this machine
  ioe-server -l 0.0.0.0:10000 --invite anna:write ~/Public
                                           serve it to anna: prints the line that she pastes once behind ioe-client
  ioe-server invite ben --read --below music
                                           let ben in too, while it runs
  ioe-server --read-only --kinds music .   share the music here, changing nothing

Console: QUIT drains and stops, FORCEQUIT stops at once, STATUS shows connections, HELP lists the commands.";

/// What is done beside serving, whether a server runs or not.
#[derive(Debug, Subcommand)]
pub(crate) enum Manage {
    /// Print a line that lets somebody in, once
    Invite(Invite),
    /// List who may do what
    Grants {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Take back a grant or an open invitation; its sessions end at once
    Revoke {
        /// Whose
        name: GuestName,
    },
    /// Take rights from somebody below a folder, whatever else they are allowed
    Deny {
        /// From whom
        name: GuestName,
        /// Which: some of list,read,create,replace,delete, or all
        #[arg(value_name = "RIGHT,...", value_parser = Rights::listed)]
        rights: Rights,
        /// Below which folder
        #[arg(long, value_name = "FOLDER", value_parser = SharedPath::parse)]
        below: SharedPath,
    },
    /// Say whether somebody may do something at a path, and which rule decides; exit code 1 where they may not
    Explain {
        /// A guest, or 'public'
        name: String,
        /// One of list, read, create, replace, delete
        right: Right,
        /// The path in the share; '/' is the share itself
        path: String,
        /// What everybody may do [default: as the server's last start said]
        #[arg(long, value_name = "RIGHTS")]
        public: Option<Public>,
    },
}

/// Whom to invite to what.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct Invite {
    /// What they will be called
    pub(crate) name: GuestName,
    /// Some of list,read,create,replace,delete, or all
    #[arg(long, value_name = "RIGHT,...", group = "what", value_parser = Rights::listed)]
    pub(crate) rights: Option<Rights>,
    /// To look: list,read
    #[arg(long, group = "what")]
    pub(crate) read: bool,
    /// To do everything
    #[arg(long, group = "what")]
    pub(crate) write: bool,
    /// To leave files and see nothing: create
    #[arg(long, group = "what")]
    pub(crate) drop: bool,
    /// Below this folder alone
    #[arg(long, value_name = "FOLDER", value_parser = SharedPath::parse)]
    pub(crate) below: Option<SharedPath>,
    /// How long the line can be used
    #[arg(long, value_name = "DUR", default_value = EXPIRES, value_parser = quantity::positive_duration)]
    pub(crate) expires: Duration,
    /// The address that the line says, as files.example:10000 [default: that of the server's last start]
    #[arg(long, value_name = "ADDR")]
    pub(crate) advertise: Option<Address>,
}

/// How long invitations can be used, unless it is said.
pub(crate) const EXPIRES: &str = "2d";
/// The same for those of --invite.
pub(crate) const INVITED_TIME: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// Reads a kind that a file can have; the help and the error for another name list them.
fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::OF_FILES.map(Kind::as_str)).try_map(|name| name.parse::<Kind>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent_and_the_defaults_are_those_of_the_contract() {
        Options::command().debug_assert();
        let options = Options::try_parse_from([NAME]).unwrap();
        assert_eq!(options.listen.to_string(), "127.0.0.1:10000");
        assert_eq!((options.max_connections, options.idle_timeout.as_secs()), (512, 300));
        assert_eq!((options.drain_timeout.as_secs(), options.folder), (30, PathBuf::from(".")));
    }
}
