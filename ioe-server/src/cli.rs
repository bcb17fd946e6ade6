//! What was typed on the command line. Must not know what it means.

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use program::command_line::CommonOptions;
use program::logging::LogFormat;
use program::quantity;
use std::path::PathBuf;
use std::time::Duration;
use wire::message::Kind;
use wire::net::Address;

/// The program's name, whatever its file is called.
pub(crate) const NAME: &str = "ioe-server";
/// Every option is also a variable with this prefix.
pub(crate) const ENVIRONMENT_PREFIX: &str = "IOE";

/// Serve a folder to ioe-client and to MacTella peers.
///
/// The first line on standard output is "listening on ADDRESS". SIGTERM, SIGINT or QUIT waits for running
/// requests and stops; a second signal or FORCEQUIT stops at once.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The folder to serve
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
    /// Listen beyond this machine although nothing is encrypted
    #[arg(long)]
    pub(crate) plaintext: bool,
    /// Start only where the system confines this process to the folder and its state
    #[arg(long)]
    pub(crate) require_confinement: bool,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

const EXAMPLES: &str = "Examples:
  ioe-server ~/Public                      serve a folder on 127.0.0.1:10000
  ioe-server --read-only --kinds music .   share the music here, changing nothing
  ioe-client 127.0.0.1:10000 --cmd LIST    look at it

Console: QUIT drains and stops, FORCEQUIT stops at once, STATUS shows connections, HELP lists the commands.";

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
