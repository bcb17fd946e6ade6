//! What is meant: options checked and turned into the parts of a daemon. Must not print.

use crate::access_log::Logged;
use crate::cli::{self, Options};
use crate::invited::Invited;
use crate::place::{self, NotKept};
use crate::reach::{self, ReachError};
use program::access_log::AccessLog;
use program::confinement::{Confined, Confinement, ConfinementError};
use program::logging::LogFormat;
use program::quantity;
use program::secret_file::SecretFileError;
use program::state_folder::{StateFolder, StateFolderError};
use shared_folder::access::{Access, ChangeError, GuestName, RefusedChange, Rule, Store, StoreError};
use shared_folder::catalogue::Catalogue;
use shared_folder::folder::{Folder, FolderError};
use shared_folder::incoming::learn_umask;
use shared_folder::serve::{Host, Rules, Share, UploadSlots};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use thiserror::Error;
use wire::connection::{Acceptor, Identity, RateLimit};
use wire::error_code::ErrorCode;
use wire::key::PublicKey;
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
    /// What others know it by.
    pub(crate) own: Locator,
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
    #[error("{name} is invited twice: --invite names each guest once")]
    InvitedTwice { name: GuestName },
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
    let is_awaited = options.public.is_some() || !options.invite.is_empty() || is_awaited(&store)?;
    reach::check(&options.listen, is_awaited, options.plaintext)?;
    let identity = place::identity(&state)?;
    let unusable = |source| StartError::Folder { path: options.folder.clone(), source };
    let folder =
        Folder::open(&options.folder).and_then(|folder| folder.hiding(state.path())).map_err(unusable)?;
    let listener = Listener::bind(&options.listen)?;
    let address = options.advertise.clone().unwrap_or_else(|| place::reachable(listener.address()));
    place::keep(&state, &address)?;
    place::keep_public(&state, options.public)?;
    let own = Locator { address, key: identity.public(), invitation: None };
    let invitations = invite(options, &store, &own)?;
    let summary = summary(options, &store)?;
    let confined = confine(&folder, &state)?.check(options.require_confinement)?;
    let rules = rules(options);
    let agent = format!("{}/{}", cli::NAME, env!("CARGO_PKG_VERSION"));
    let welcome = Host::welcome(agent, Role::Server, process_id(&identity), &rules);
    let share = Share::new(folder, Catalogue::open(Some(state.path())), rules);
    let observer = Box::new(Logged(AccessLog::new(cli::NAME, options.log_format == LogFormat::Json)));
    let cutting = Cutting::default();
    let access = access(options, store, Arc::clone(&cutting))?;
    let rate_limit = options.limit_rate.map(RateLimit::new);
    let slots = options.max_uploads.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let upload_slots = slots.map(|count| UploadSlots::new(count, options.upload_patience));
    let host = Arc::new(Host { access, rate_limit, upload_slots, ..Host::new(share, welcome, observer) });
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
        summary,
        own,
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
            let access = &host.access;
            // Who was a guest and is none is not to go on as one of everybody without being told.
            let is_lost_guest = |key: Option<PublicKey>| key.is_none_or(|key| access.name_of(key).is_none());
            cutter.cut_where(|key, who| {
                access.permit(key).is_nothing() || (who.is_some() && is_lost_guest(key))
            });
        }
    });
    match options.public {
        Some(public) => Access::controlled(store, public.0, cut),
        None => Access::open_until_invited(store, cut),
    }
}

/// Whom the options invite and who has not come yet. Lines of earlier starts stay good.
fn invite(options: &Options, store: &Store, own: &Locator) -> Result<Vec<(Locator, Invited)>, StartError> {
    let mut lines: Vec<(Locator, Invited)> = Vec::new();
    for invited in &options.invite {
        let Invited { name, rule } = invited.clone();
        if lines.iter().any(|(_, other)| other.name == name) {
            return Err(StartError::InvitedTwice { name });
        }
        match store.invite_again(name.clone(), vec![rule.clone()], cli::INVITED_TIME)? {
            Some(secret) => {
                lines.push((Locator { invitation: Some(secret), ..own.clone() }, invited.clone()));
            }
            None => tell_rights_that_stand(store, &name, &rule)?,
        }
    }
    Ok(lines)
}

/// A guest keeps what it has, whatever the option says by now.
fn tell_rights_that_stand(store: &Store, name: &GuestName, wanted: &Rule) -> Result<(), StoreError> {
    let document = store.read()?.unwrap_or_default();
    let rules = document.grant(name).map(|grant| grant.rules.clone()).unwrap_or_default();
    if rules == [wanted.clone()] {
        log::info!("{name} is a guest already: no new invitation is needed");
    } else {
        let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
        log::warn!(
            "{name} is a guest already and keeps these rights: {}. To change them: revoke, and invite anew",
            rules.join("; ")
        );
    }
    Ok(())
}

/// Whether somebody was invited and may still come, or has.
fn is_awaited(store: &Store) -> Result<bool, StoreError> {
    let document = store.read()?.unwrap_or_default();
    Ok(document.grants().len() > 0 || document.invitations().any(|invitation| invitation.used.is_none()))
}

fn summary(options: &Options, store: &Store) -> Result<String, StoreError> {
    let document = store.read()?;
    let who = match (options.public, &document) {
        (Some(public), _) => format!("open to everybody: {}", public.0),
        (None, Some(document)) => format!("to guests alone ({})", document.grants().len()),
        (None, None) => "to everybody on this machine".to_owned(),
    };
    let changes = if options.read_only { ", read-only" } else { "" };
    let rate = options.limit_rate.map(|rate| format!(", at most {}", quantity::rate(rate.get())));
    let uploads = options.max_uploads.map(|count| format!(", at most {count} large at once"));
    let (rate, uploads) = (rate.unwrap_or_default(), uploads.unwrap_or_default());
    Ok(format!("serving {}, {who}{changes}{rate}{uploads}", options.folder.display()))
}

fn rules(options: &Options) -> Rules {
    Rules {
        refuses_changes: options.read_only.then_some(ErrorCode::ReadOnly),
        kinds: (!options.kinds.is_empty()).then(|| options.kinds.clone()),
        file_bytes_max: options.max_file_size,
    }
}
