//! The daemon's parts put together and started; what happens then is `program`'s.

use crate::cli::INVITED_TIME;
use crate::config::{Config, StartError};
use crate::console;
use crate::render::{self, InvitationNote};
use crossbeam_channel::Receiver;
use program::confinement::Confined;
use program::console_input::ConsoleInput;
use program::daemon::{Daemon, Work};
use program::exit::ExitStatus;
use program::output::Output;
use program::ready::announce;
use program::stop::StopSignals;
use program::system_limits;
use program::typed::Typed;
use shared_folder::serve::Host;
use shared_folder::sweeper::Sweeper;
use std::sync::Arc;
use wire::net::Locator;
use wire::net::service::Service;

/// Runs until it is stopped: `Done` after a drain, `Failed` after a forced stop.
pub(crate) fn run(config: Config) -> Result<ExitStatus, StartError> {
    // What is bound first is dropped last: the lock ends after everything that uses the folder.
    let Config { state: _lock, listener, host, admission, door, cutting, confined, .. } = config;
    let signals = StopSignals::install()?;
    system_limits::raise_descriptors();
    let service = Service::start(listener, admission, door, Arc::clone(&host))?;
    // Nobody else sets it.
    let _ = cutting.set((service.cutter(), Arc::downgrade(&host)));
    let output = Output::stdout();
    announce(&output, &service.address());
    for (locator, invited) in &config.invitations {
        let note = InvitationNote { name: &invited.name, rule: &invited.rule, lifetime: INVITED_TIME };
        render::invitation(locator, &output);
        log::info!("{note}");
    }
    log::info!("{}", config.summary);
    log::info!("others know this server by {}", config.own);
    confined.tell();
    let _sweeper = Sweeper::start(Arc::clone(&host))?;
    let is_wanted = ConsoleInput::is_wanted(config.console);
    let console = if is_wanted { Some(ConsoleInput::from_stdin()?) } else { None };
    let work = Serving { service, host, confined, own: config.own };
    Ok(Daemon { work: &work, signals, console, output }.run(config.drain_timeout))
}

struct Serving {
    service: Service,
    host: Arc<Host>,
    confined: Confined,
    own: Locator,
}

impl Work for Serving {
    fn drain(&self) -> usize {
        self.service.drain()
    }

    fn emptied(&self) -> &Receiver<()> {
        self.service.emptied()
    }

    fn cut(&self) -> usize {
        self.host.give_up();
        self.service.cut()
    }

    fn obey(&self, typed: &Typed, output: &Output) -> bool {
        console::obey(typed, &self.service, (&self.confined, &self.own), output)
    }
}
