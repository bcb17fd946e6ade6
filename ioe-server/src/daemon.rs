//! The daemon's life: listening, waiting for whatever comes first, draining, stopping.

use crate::config::{Config, StartError};
use crate::console::{connections, obey};
use crate::sweeper::Sweeper;
use crossbeam_channel::{after, never, select};
use program::console_input::{ConsoleEvent, ConsoleInput};
use program::exit::ExitStatus;
use program::output::Output;
use program::ready::announce;
use program::stop::{Stop, StopSignals};
use program::system_limits;
use shared_folder::serve::Host;
use std::sync::Arc;
use std::time::Duration;
use wire::net::service::{Serve, Service};

/// Runs until it is stopped: `Done` after a drain, `Failed` after a forced stop.
pub(crate) fn run(config: Config) -> Result<ExitStatus, StartError> {
    let Config { listener, host, admission, drain_timeout, console, summary, state } = config;
    let signals = StopSignals::install()?;
    system_limits::outlive_file_size()?;
    system_limits::raise_descriptors();
    let service = Service::start(listener, admission, Arc::clone(&host) as Arc<dyn Serve>)?;
    let output = Output::stdout();
    announce(&output, &service.address());
    log::info!("{summary}");
    let _sweeper = Sweeper::start(Arc::clone(&host))?;
    let console = if ConsoleInput::is_wanted(console) { Some(ConsoleInput::from_stdin()?) } else { None };
    let status = Daemon { service, host, signals, console, output }.wait(drain_timeout);
    // The lock ends after everything that uses the folder.
    drop(state);
    Ok(status)
}

struct Daemon {
    service: Service,
    host: Arc<Host>,
    signals: StopSignals,
    console: Option<ConsoleInput>,
    output: Output,
}

impl Daemon {
    fn wait(&self, drain_timeout: Duration) -> ExitStatus {
        let nothing = never::<ConsoleEvent>();
        let lines = self.console.as_ref().map_or(&nothing, ConsoleInput::receiver);
        let mut deadline = never();
        loop {
            select! {
                recv(self.signals.receiver()) -> stop => match stop {
                    Ok(Stop::Drain) => {
                        self.drain();
                        deadline = after(drain_timeout);
                    }
                    _ => return self.cut("stopping at once"),
                },
                recv(self.service.emptied()) -> _ => {
                    log::info!("stopped");
                    return ExitStatus::Done;
                }
                recv(deadline) -> _ => return self.cut("the drain timeout has passed"),
                recv(lines) -> event => if let Ok(event) = event {
                    obey(&event, &self.service, self.signals.handle(), &self.output);
                },
            }
        }
    }

    fn drain(&self) {
        let busy = self.service.drain();
        let waiting = format!("waiting for {} with a running request", connections(busy));
        if self.console.is_some() {
            self.output.line(&waiting);
            self.output.flush();
        } else {
            log::info!("stopping: {waiting}");
        }
    }

    fn cut(&self, why: &str) -> ExitStatus {
        self.host.give_up();
        let cut = self.service.cut();
        log::warn!("{why}: {} cut", connections(cut));
        // With nobody left to cut, nothing was lost.
        ExitStatus::Failed
    }
}
