//! What is meant: options checked and turned into the parts of a daemon. Must not print.

use crate::access_log::Logged;
use crate::cli::{self, Options};
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
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use wire::error_code::ErrorCode;
use wire::message::Role;
use wire::net::service::Admission;
use wire::net::{ListenError, Listener, check_reach};

/// Everything a daemon runs on.
pub(crate) struct Config {
    pub(crate) listener: Listener,
    pub(crate) host: Arc<Host>,
    pub(crate) admission: Admission,
    pub(crate) drain_timeout: Duration,
    pub(crate) console: bool,
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
    let unusable = |source| StartError::Folder { path: options.folder.clone(), source };
    let folder =
        Folder::open(&options.folder).and_then(|folder| folder.hiding(state.path())).map_err(unusable)?;
    let listener = Listener::bind(&options.listen)?;
    let confined = confine(&folder, &state)?.check(options.require_confinement)?;
    let rules = rules(options);
    let agent = format!("{}/{}", cli::NAME, env!("CARGO_PKG_VERSION"));
    let welcome = Host::welcome(
        agent,
        Role::Server,
        ProcessId::draw().map_err(StartError::ProcessId)?.as_str().to_owned(),
        &rules,
    );
    let share = Share::new(folder, Catalogue::open(Some(state.path())), rules);
    let observer = Box::new(Logged(AccessLog::new(cli::NAME, options.log_format == LogFormat::Json)));
    let host = Arc::new(Host { share, welcome, observer });
    let connections_max = usize::try_from(options.max_connections).unwrap_or(usize::MAX);
    let admission = Admission { connections_max, patience: options.idle_timeout };
    Ok(Config {
        listener,
        host,
        admission,
        drain_timeout: options.drain_timeout,
        console: options.console,
        summary: summary(options),
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

fn summary(options: &Options) -> String {
    let changes = if options.read_only { "read-only" } else { "whoever connects may change it" };
    format!("serving {}, {changes}", options.folder.display())
}

fn rules(options: &Options) -> Rules {
    Rules {
        refuses_changes: options.read_only.then_some(ErrorCode::ReadOnly),
        kinds: (!options.kinds.is_empty()).then(|| options.kinds.clone()),
        file_bytes_max: options.max_file_size,
    }
}
