//! What is meant: options checked and turned into the parts of a daemon. Must not print.

use crate::access_log::Logged;
use crate::cli::{self, Options};
use crate::invited::Invited;
use crate::place::{self, NotKept};
use crate::reach::{self, ReachError};
use program::access_log::AccessLog;
use program::confinement::{Confined, Confinement, ConfinementError};
use program::logging::LogFormat;
use program::secret_file::SecretFileError;
use program::state_folder::{StateFolder, StateFolderError};
use shared_folder::access::{Access, ChangeError, RefusedChange, Store, StoreError};
use shared_folder::catalogue::Catalogue;
use shared_folder::folder::{Folder, FolderError};
use shared_folder::incoming::learn_umask;
use shared_folder::serve::{Host, Rules, Share};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use thiserror::Error;
use wire::connection::{Acceptor, Identity};
use wire::error_code::ErrorCode;
use wire::limits::PROCESS_ID_DIGITS;
use wire::message::Role;
use wire::net::service::{Admission, Cutter};
use wire::net::{Door, ListenError, Listener, Locator, PlainFrom};
use wire::path::PathError;

/// Everything a daemon runs on.
pub(crate) struct Config {
    pub(crate) listener: Listener,
    pub(crate) host: Arc<Host>,
    pub(crate) admission: Admission,
    pub(crate) drain_timeout: Duration,
    pub(crate) console: bool,
    pub(crate) door: Door,
    /// The lines that let somebody in, for standard output.
    pub(crate) invitations: Vec<(Locator, Invited)>,
    /// Ends sessions of guests who lost everything, once there are sessions.
    pub(crate) cutting: Cutting,
    /// What is served and how, for the log.
    pub(crate) summary: String,
    pub(crate) confined: Confined,
    /// Its lock lasts as long as the daemon.
    pub(crate) state: StateFolder,
}

/// Why the daemon does not start, or cannot go on.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("the folder {} cannot be served", .path.display())]
    Folder { path: PathBuf, source: FolderError },
    #[error(transparent)]
    State(#[from] StateFolderError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Confinement(#[from] ConfinementError),
    #[error(transparent)]
    Key(#[from] SecretFileError),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error(transparent)]
    Access(#[from] StoreError),
    #[error(transparent)]
    Change(#[from] ChangeError<RefusedChange>),
    #[error(transparent)]
    Place(#[from] NotKept),
    #[error("no address is known for the invitation: give one with --advertise HOST:PORT")]
    NoAddress,
    #[error("there is no guest called '{name}': ioe-server grants lists them")]
    NoGuest { name: String },
    #[error("the path: {0}")]
    Path(#[from] PathError),
    #[error("the console cannot be read")]
    Console(#[from] program::console_input::ConsoleInputError),
    #[error(transparent)]
    Signals(#[from] program::stop::StopError),
    #[error("no thread can be started")]
    Thread(#[from] io::Error),
}

/// What ends sessions, and where it is asked whose: known once the daemon serves.
pub(crate) type Cutting = Arc<OnceLock<(Cutter, Weak<Host>)>>;

/// Opens everything the daemon needs.
pub(crate) fn configure(options: &Options) -> Result<Config, StartError> {
    let state = options.common.locked_state_folder(cli::NAME)?;
    let store = Store::open(state.path())?;
    let invited = !options.invite.is_empty();
    let is_controlled = options.public.is_some() || invited || store.read()?.is_some();
    reach::check(&options.listen, is_controlled, options.plaintext)?;
    let identity = place::identity(&state)?;
    let unusable = |source| StartError::Folder { path: options.folder.clone(), source };
    let folder =
        Folder::open(&options.folder).and_then(|folder| folder.hiding(state.path())).map_err(unusable)?;
    let listener = Listener::bind(&options.listen)?;
    let address = options.advertise.clone().unwrap_or_else(|| place::reachable(listener.address()));
    place::keep(&state, &address)?;
    let invitations =
        invite(options, &store, &Locator { address, key: identity.public(), invitation: None })?;
    let confined = confine(&folder, &state)?.check(options.require_confinement)?;
    let rules = rules(options);
    let agent = format!("{}/{}", cli::NAME, env!("CARGO_PKG_VERSION"));
    let welcome = Host::welcome(agent, Role::Server, process_id(&identity), &rules);
    let share = Share::new(folder, Catalogue::open(Some(state.path())), rules);
    let observer = Box::new(Logged(AccessLog::new(cli::NAME, options.log_format == LogFormat::Json)));
    let cutting = Cutting::default();
    let access = access(options, store, Arc::clone(&cutting))?;
    let host = Arc::new(Host { access, ..Host::new(share, welcome, observer) });
    let connections_max = usize::try_from(options.max_connections).unwrap_or(usize::MAX);
    let admission = Admission { connections_max, patience: options.idle_timeout };
    Ok(Config {
        listener,
        host,
        door: door(options, &identity)?,
        invitations,
        cutting,
        admission,
        drain_timeout: options.drain_timeout,
        console: options.console,
        summary: summary(options, is_controlled),
        confined,
        state,
    })
}

/// From here on this process has its folder, its state and what is open already. No thread runs yet; those that the
/// digest database starts are the first.
fn confine(folder: &Folder, state: &StateFolder) -> Result<Confined, ConfinementError> {
    learn_umask();
    Confinement::new().may_change_in(folder.as_fd()).may_change(state.path()).enter()
}

/// What tells this server from others is the beginning of its key: the same at each start.
fn process_id(identity: &Identity) -> String {
    identity.public().to_string().chars().take(PROCESS_ID_DIGITS).collect()
}

fn door(options: &Options, identity: &Identity) -> Result<Door, StartError> {
    let acceptor = Acceptor::of(identity).map_err(|error| StartError::Tls(error.to_string()))?;
    let plain = if options.plaintext { PlainFrom::Anywhere } else { PlainFrom::Loopback };
    Ok(Door::new(acceptor, plain))
}

/// Everybody on this machine may do everything until somebody is invited, or it is said what everybody may do.
fn access(options: &Options, store: Store, cutting: Cutting) -> Result<Access, StoreError> {
    let cut = Box::new(move || {
        if let Some((cutter, host)) = cutting.get()
            && let Some(host) = host.upgrade()
        {
            cutter.cut_where(|key| host.access.permit(key).is_nothing());
        }
    });
    match options.public {
        Some(public) => Access::controlled(store, public.0, cut),
        None => Access::open_until_invited(store, cut),
    }
}

/// Whom the options invite and who has not come yet: a line that was printed at an earlier start is void then.
fn invite(options: &Options, store: &Store, own: &Locator) -> Result<Vec<(Locator, Invited)>, StartError> {
    let mut lines = Vec::new();
    for invited in &options.invite {
        let name = &invited.name;
        let is_guest = store.change(|document| {
            let is_guest = document.grant(name).is_some();
            // Where there is neither, nothing has to be taken back.
            let _ = (!is_guest).then(|| document.revoke(name));
            Ok::<_, RefusedChange>(is_guest)
        })?;
        if is_guest {
            log::info!("{name} is a guest already: no new invitation is needed");
            continue;
        }
        let secret = store.invite(name.clone(), vec![invited.rule.clone()], cli::INVITED_TIME)?;
        lines.push((Locator { invitation: Some(secret), ..own.clone() }, invited.clone()));
    }
    Ok(lines)
}

fn summary(options: &Options, is_controlled: bool) -> String {
    let changes = match (options.read_only, is_controlled) {
        (true, _) => "read-only",
        (false, true) => "guests may change what their rules say",
        (false, false) => "whoever connects from this machine may change it",
    };
    format!("serving {}, {changes}", options.folder.display())
}

fn rules(options: &Options) -> Rules {
    Rules {
        refuses_changes: options.read_only.then_some(ErrorCode::ReadOnly),
        kinds: (!options.kinds.is_empty()).then(|| options.kinds.clone()),
        file_bytes_max: options.max_file_size,
    }
}
