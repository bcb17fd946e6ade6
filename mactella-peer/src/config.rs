//! What is meant: options checked and turned into the parts of a daemon. Must not print.

use crate::access_log::Logged;
use crate::cli::{self, Options};
use crate::control::{ControlError, ControlSocket};
use crate::network::Settings;
use program::access_log::AccessLog;
use program::confinement::{Confined, Confinement, ConfinementError};
use program::logging::LogFormat;
use program::process_id::ProcessId;
use program::state_folder::{StateFolder, StateFolderError};
use shared_folder::catalogue::Catalogue;
use shared_folder::folder::{Folder, FolderError};
use shared_folder::incoming::learn_umask;
use shared_folder::serve::{Host, Rules, Share};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use wire::error_code::ErrorCode;
use wire::message::{Hello, Role};
use wire::net::service::Admission;
use wire::net::{ListenError, Listener, PlainTo, Security, check_reach};

/// The control socket's name in the state folder.
const CONTROL_FILE: &str = "control.sock";

/// What resolving names reads, or one of these: the settings, wherever programs that manage networks keep them, and the
/// modules that the C library loads for it.
const FOR_RESOLVING: [&str; 10] = [
    "/etc",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/connman",
    "/mnt/wsl",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// Everything a daemon runs on.
pub(crate) struct Config {
    pub(crate) listener: Listener,
    pub(crate) host: Arc<Host>,
    pub(crate) admission: Admission,
    pub(crate) settings: Settings,
    pub(crate) control: ControlSocket,
    pub(crate) ways: Ways,
    pub(crate) confined: Confined,
    /// Its lock lasts as long as the daemon.
    pub(crate) state: StateFolder,
}

/// How the daemon behaves, beside what it runs on.
pub(crate) struct Ways {
    pub(crate) drain_timeout: Duration,
    pub(crate) console: bool,
    /// How long the console's commands wait for results.
    pub(crate) wait: Duration,
    /// The shared folder, as it was named.
    pub(crate) folder: PathBuf,
    /// What this peer says of itself where it is a client.
    pub(crate) hello: Hello,
    /// What is served, for the log.
    pub(crate) summary: String,
}

/// Why the daemon does not start, or cannot go on.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("the folder {} cannot be shared", .path.display())]
    Folder { path: PathBuf, source: FolderError },
    #[error(transparent)]
    State(#[from] StateFolderError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Confinement(#[from] ConfinementError),
    #[error("no random bytes for a process id")]
    ProcessId(#[source] io::Error),
    #[error("the console cannot be read")]
    Console(#[from] program::console_input::ConsoleInputError),
    #[error(transparent)]
    Signals(#[from] program::stop::StopError),
    #[error("no thread can be started")]
    Thread(#[from] io::Error),
}

/// Opens everything the daemon needs.
pub(crate) fn configure(options: &Options) -> Result<Config, StartError> {
    check_reach(&options.listen, options.plaintext)?;
    let state = options.common.locked_state_folder(cli::NAME)?;
    let process_id = ProcessId::draw().map_err(StartError::ProcessId)?.as_str().to_owned();
    let agent = format!("{}/{}", cli::NAME, env!("CARGO_PKG_VERSION"));
    let unusable = |source| StartError::Folder { path: options.folder.clone(), source };
    let folder =
        Folder::open(&options.folder).and_then(|folder| folder.hiding(state.path())).map_err(unusable)?;
    let listener = Listener::bind(&options.listen)?;
    let in_state = state.path().join(CONTROL_FILE);
    let control = ControlSocket::open(&shown(options.control.as_deref().unwrap_or(&in_state)))?;
    let confined = confine(&folder, &state, &control)?.check(options.require_confinement)?;
    let host = Arc::new(host(options, folder, &state, (&agent, &process_id)));
    let hello = Hello::of_client(&agent, &process_id);
    let settings = settings(options, (agent, process_id), listener.address(), state.path());
    let connections_max = number(options.max_connections);
    let admission = Admission { connections_max, patience: options.idle_timeout };
    Ok(Config { listener, host, admission, settings, control, ways: ways(options, hello), confined, state })
}

/// From here on this process has its folder, its state, the way to others and what is open already. No thread runs yet;
/// those that the digest database starts are the first.
fn confine(
    folder: &Folder,
    state: &StateFolder,
    control: &ControlSocket,
) -> Result<Confined, ConfinementError> {
    learn_umask();
    let needed = Confinement::new().may_change_in(folder.as_fd()).may_change(state.path()).may_connect();
    // At its end the daemon removes the socket, which may lie anywhere.
    let needed = control.path().parent().into_iter().fold(needed, Confinement::may_remove_from);
    FOR_RESOLVING.into_iter().map(Path::new).fold(needed, Confinement::may_read).enter()
}

fn host(options: &Options, folder: Folder, state: &StateFolder, (agent, process_id): (&str, &str)) -> Host {
    let rules = Rules {
        refuses_changes: Some(ErrorCode::NotAllowed),
        kinds: (!options.kinds.is_empty()).then(|| options.kinds.clone()),
        file_bytes_max: None,
    };
    let welcome = Host::welcome(agent.to_owned(), Role::Peer, process_id.to_owned(), &rules);
    let share = Share::new(folder, Catalogue::open(Some(state.path())), rules);
    let observer = Box::new(Logged(AccessLog::new(cli::NAME, options.log_format == LogFormat::Json)));
    Host::new(share, welcome, observer)
}

fn settings(
    options: &Options,
    (agent, process_id): (String, String),
    listening: SocketAddr,
    state: &Path,
) -> Settings {
    Settings {
        agent,
        process_id,
        listening,
        advertise: options.advertise,
        peers: if options.no_peer { Vec::new() } else { options.peer.clone() },
        links_max: number(options.max_links),
        security: Security::plain(if options.plaintext { PlainTo::Anywhere } else { PlainTo::Loopback }),
        state: state.to_owned(),
    }
}

fn ways(options: &Options, hello: Hello) -> Ways {
    Ways {
        drain_timeout: options.drain_timeout,
        console: options.console,
        wait: options.wait,
        folder: shown(&options.folder),
        hello,
        summary: format!("sharing {}", shown(&options.folder).display()),
    }
}

/// The path from the root on: whoever attaches may stand elsewhere.
fn shown(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn number(option: u32) -> usize {
    usize::try_from(option).unwrap_or(usize::MAX)
}
