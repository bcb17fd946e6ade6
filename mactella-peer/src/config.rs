//! What is meant: options checked and turned into the parts of a daemon. Must not print.

use crate::access_log::Logged;
use crate::cli::{self, Options};
use crate::control::{ControlError, ControlSocket};
use crate::network::Settings;
use crate::new_network::{self, NetworkFileError};
use crate::trust::{Plain, Trust, Unusable};
use program::access_log::AccessLog;
use program::confinement::{Confined, Confinement, ConfinementError};
use program::logging::LogFormat;
use program::quantity;
use program::secret_file::{self, SecretFileError};
use program::state_folder::{StateFolder, StateFolderError};
use shared_folder::catalogue::Catalogue;
use shared_folder::folder::{Folder, FolderError};
use shared_folder::incoming::learn_umask;
use shared_folder::serve::{Host, Rules, Share, UploadSlots};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use wire::connection::{Identity, RateLimit};
use wire::error_code::ErrorCode;
use wire::message::{Hello, Role};
use wire::net::service::Admission;
use wire::net::{Address, ListenError, Listener};

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
    #[error(
        "{0} can be reached from other machines. Say who may come: --network FILE for the members of a private network \
         (mactella-peer new-network FILE makes one), or --public read for everybody"
    )]
    Unguarded(Address),
    #[error(transparent)]
    Network(#[from] NetworkFileError),
    #[error(transparent)]
    Key(#[from] SecretFileError),
    #[error(transparent)]
    Tls(#[from] Unusable),
    #[error("the console cannot be read")]
    Console(#[from] program::console_input::ConsoleInputError),
    #[error(transparent)]
    Signals(#[from] program::stop::StopError),
    #[error("no thread can be started")]
    Thread(#[from] io::Error),
}

/// Opens everything the daemon needs.
pub(crate) fn configure(options: &Options) -> Result<Config, StartError> {
    check_reach(options)?;
    let network = options.network.as_deref().map(new_network::read).transpose()?;
    let state = options.common.locked_state_folder(cli::NAME)?;
    let plain = if options.plaintext { Plain::Anywhere } else { Plain::Loopback };
    let trust = Trust::new(
        &secret_file::own_key(&state, Identity::generate_kept, Identity::from_pkcs8)?,
        plain,
        network,
    )?;
    let process_id = trust.process_id();
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
    let settings = settings(options, (agent, trust), listener.address(), state.path());
    let connections_max = number(options.max_connections);
    let admission = Admission { connections_max, patience: options.idle_timeout };
    Ok(Config { listener, host, admission, settings, control, ways: ways(options, hello), confined, state })
}

/// Beyond this machine, somebody must have said who may come; what leaves in plain text is warned of.
fn check_reach(options: &Options) -> Result<(), StartError> {
    let address = &options.listen;
    let unusable = |source| ListenError::Unusable { address: address.clone(), source };
    if !address.is_beyond_loopback().map_err(unusable)? {
        return Ok(());
    }
    if options.plaintext {
        log::warn!(
            "listening on {address} without encryption: everyone on the way can read and change what is sent"
        );
    }
    if options.public.is_some() || options.network.is_some() {
        return Ok(());
    }
    Err(StartError::Unguarded(address.clone()))
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
    let rate_limit = options.limit_rate.map(RateLimit::new);
    let slots = |count| UploadSlots::new(number(count), options.upload_patience);
    let upload_slots = options.max_uploads.map(slots);
    Host { rate_limit, upload_slots, ..Host::new(share, welcome, observer) }
}

fn settings(
    options: &Options,
    (agent, trust): (String, Trust),
    listening: SocketAddr,
    state: &Path,
) -> Settings {
    Settings {
        agent,
        trust,
        listening,
        advertise: options.advertise,
        peers: if options.no_peer { Vec::new() } else { options.peer.clone() },
        links_max: number(options.max_links),
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
        summary: summary(options),
    }
}

fn summary(options: &Options) -> String {
    let rate = options.limit_rate.map(|rate| format!(", at most {}", quantity::rate(rate.get())));
    let uploads = options.max_uploads.map(|count| format!(", at most {count} large at once"));
    let (rate, uploads) = (rate.unwrap_or_default(), uploads.unwrap_or_default());
    format!("sharing {}{rate}{uploads}", shown(&options.folder).display())
}

/// The path from the root on: whoever attaches may stand elsewhere.
fn shown(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn number(option: u32) -> usize {
    usize::try_from(option).unwrap_or(usize::MAX)
}
