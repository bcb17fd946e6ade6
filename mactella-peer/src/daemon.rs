//! The daemon's parts put together and started; what happens then is `program`'s.

use crate::config::{Config, StartError};
use crate::console::Console;
use crate::control::Control;
use crate::network::Network;
use crate::own_files::OwnFiles;
use crate::peer::Peer;
use crate::running::Running;
use crossbeam_channel::{Receiver, Sender, bounded, select};
use program::console_input::ConsoleInput;
use program::daemon::{Daemon, Work};
use program::exit::ExitStatus;
use program::output::Output;
use program::ready::announce;
use program::stop::{StopHandle, StopSignals};
use program::system_limits;
use program::typed::Typed;
use shared_folder::library::Library;
use shared_folder::sweeper::Sweeper;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use wire::net::service::Service;

/// How long a start waits for the first look at the whole share; a larger one is found bit by bit.
const SCAN_WAIT: Duration = Duration::from_millis(500);

/// Runs until it is stopped: `Done` after a drain, `Failed` after a forced stop.
pub(crate) fn run(config: Config) -> Result<ExitStatus, StartError> {
    // What is bound first is dropped last: the lock ends after everything that uses the folder.
    let Config { state: _lock, listener, host, admission, settings, control, ways, confined } = config;
    let signals = StopSignals::install()?;
    system_limits::raise_descriptors();
    let _sweeper = Sweeper::start(Arc::clone(&host))?;
    let library = Arc::new(Library::start(Arc::clone(&host))?);
    let own_files = Arc::new(OwnFiles(Arc::clone(&library)));
    let trust = settings.trust.clone();
    let network = Network::start(settings, Arc::clone(&host), own_files)?;
    let service = Service::start(listener, admission, trust.door(), network.serve())?;
    let peer = Arc::new(Peer {
        network,
        service,
        library,
        host,
        running: Running::new(),
        folder: ways.folder,
        hello: ways.hello,
        trust,
        confined,
    });
    let output = Output::stdout();
    let control_path = control.path().to_owned();
    let control = Control::start(control, Arc::clone(&peer), signals.handle().clone())?;
    // Whoever reads the ready line may search at once: a share of usual size is known by then.
    if !peer.library.until_scanned(SCAN_WAIT) {
        log::info!("the share is large: searches find more and more of it");
    }
    announce(&output, &peer.service.address());
    log::info!("{}, commands: --attach {}", ways.summary, control_path.display());
    peer.confined.tell();
    log::info!("this peer's key: {}", peer.trust.key());
    let input = if ConsoleInput::is_wanted(ways.console) { Some(ConsoleInput::from_stdin()?) } else { None };
    if input.is_some() {
        log::info!("commands are taken here, too: HELP lists them");
    }
    let console = Console::start(Arc::clone(&peer), output.clone(), ways.wait)?;
    let drain = Drain::start(&peer)?;
    let work = Serving { console, _control: control, drain, peer };
    Ok(Daemon { work: &work, signals, console: input, output }.run(ways.drain_timeout))
}

/// Fields are dropped in this order, after whatever runs was interrupted.
struct Serving {
    console: Console,
    _control: Control,
    drain: Drain,
    peer: Arc<Peer>,
}

impl Work for Serving {
    fn drain(&self) -> usize {
        self.peer.network.stop();
        // Those that run first: a session that ends because of them needs no more of them.
        let commands = self.peer.running.drain();
        commands + self.peer.service.drain()
    }

    fn emptied(&self) -> &Receiver<()> {
        &self.drain.emptied
    }

    fn cut(&self) -> usize {
        self.peer.network.stop();
        self.peer.host.give_up();
        let commands = self.peer.running.cut();
        commands + self.peer.service.cut()
    }

    fn obey(&self, typed: &Typed, output: &Output) -> bool {
        self.console.obey(typed, output);
        true
    }

    fn quit(&self, stop: &StopHandle) {
        self.console.quit(stop);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // A drain has left nothing to interrupt, but the console may hold lines that were typed after QUIT.
        self.peer.running.cut();
    }
}

/// Waits in a thread for both things that a drain waits for: others' requests, and one's own commands.
struct Drain {
    emptied: Receiver<()>,
    give_up: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Drain {
    fn start(peer: &Peer) -> io::Result<Self> {
        let (sender, emptied) = bounded(1);
        let (give_up, given_up) = bounded(0);
        let waited_for = [peer.service.emptied().clone(), peer.running.emptied().clone()];
        let wait = move || {
            for emptied in waited_for {
                select! {
                    recv(emptied) -> _ => {}
                    recv(given_up) -> _ => return,
                }
            }
            // The daemon's loop lives as long as this thread.
            let _ = sender.send(());
        };
        let thread = Builder::new().name("drain".into()).spawn(wait)?;
        Ok(Self { emptied, give_up: Some(give_up), thread: Some(thread) })
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.give_up = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the drain's thread ended by a bug in this program");
        }
    }
}
