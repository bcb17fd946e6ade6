//! A system at work on a ground of its own, with proxies between its client and its server: here files move, and here
//! connections, clients and servers die.
//!
//! It must not know what is made of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::patience::eventually;
use crate::process::Process;
use crate::proxy::{Direction, Fault, Proxy};
use crate::systems::ground::{FILE_LIMIT, Ground, Rights};
use crate::systems::running::{self, Running};
use crate::systems::system::{Action, Job, System, below};
use crate::systems::tree;

/// How long a client may take to stop before its connection is cut.
const TIME_TO_STOP: Duration = Duration::from_secs(1);
/// The other number of this machine at which proxies listen, with the very ports of the server: so a server that tells
/// its client where to send a file, and the client, meet the proxy and not each other.
const PROXIES_HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The file that all is about.
pub(crate) const NAME: &str = "film.mov";

/// How a stage is to be.
pub(crate) struct Setting<'a> {
    /// Who plays.
    pub system: &'a dyn System,
    /// What the harness may do.
    pub rights: Rights,
    /// Whether the share has little room.
    pub is_small: bool,
    /// Where the system calls of the server are written down, if they are.
    pub trace: Option<PathBuf>,
}

/// A running server with its folders and the proxies before it.
pub(crate) struct Stage<'a> {
    system: &'a dyn System,
    /// Its folders.
    pub ground: Ground,
    server: Process,
    proxy: Proxy,
    data: Option<Proxy>,
}

/// How a client ended.
pub(crate) struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What it said last.
    pub said: String,
}

impl<'a> Setting<'a> {
    /// A stage without anything special.
    pub(crate) fn new(system: &'a dyn System, rights: Rights) -> Self {
        Self { system, rights, is_small: false, trace: None }
    }

    /// Prepares the folders, starts the server, and puts this fault into the way of the first connection that
    /// carries files.
    ///
    /// # Panics
    /// When the server does not start.
    pub(crate) fn open(self, fault: Fault, prepare: impl FnOnce(&Ground)) -> Stage<'a> {
        let ground = Ground::new(self.rights, self.is_small);
        prepare(&ground);
        let Running { process: server, main, data } =
            running::start(self.system, &ground, |command| self.wrapped(command));
        let plan = move |number| if number == 0 { fault } else { Fault::None };
        let system = self.system;
        let (proxy, data) = if system.has_data_port() {
            (proxy_before(main, |_| Fault::None), Some(proxy_before(data, plan)))
        } else {
            (proxy_before(main, plan), None)
        };
        Stage { system, ground, server, proxy, data }
    }

    fn wrapped(&self, command: Command) -> Command {
        if let Some(trace) = &self.trace {
            let file = trace.to_string_lossy();
            let calls = "trace=fsync,fdatasync,syncfs,sync,sync_file_range,rename,renameat,renameat2";
            return below(&["strace", "-f", "-y", "-ttt", "-T", "-o", &file, "-e", calls], &command);
        }
        if self.is_small && self.rights == Rights::Usual {
            let line = format!("{FILE_LIMIT}; exec \"$0\" \"$@\"");
            return below(&["bash", "-c", &line], &command);
        }
        command
    }
}

impl Stage<'_> {
    /// Starts the client.
    pub(crate) fn start(&self, action: Action, name: &'static str) -> Process {
        let job = Job { action, name };
        let mut command = self.system.client(&self.ground, &job, self.proxy.address());
        command.env("HOME", self.ground.home()).env("LC_ALL", "C").current_dir(self.ground.local());
        let mut client = Process::start(&mut command);
        client.close_input();
        client
    }

    /// Starts the client, and waits until so many bytes of it have passed and nothing moves any more.
    ///
    /// # Panics
    /// When it ends before.
    pub(crate) fn start_until(&self, action: Action, byte_count: u64) -> Process {
        let client = self.start(action, NAME);
        let direction = direction_of(action);
        eventually("the transfer is stuck in the middle", || {
            let is_stuck = self.payload().byte_count(direction) >= byte_count;
            assert!(is_stuck || tree::is_running(client.id()), "it ended before: {}", client.errors.text());
            is_stuck.then_some(())
        });
        tree::wait_until_quiet(&[&client, &self.server]);
        client
    }

    /// Runs the client to its end.
    pub(crate) fn run(&self, action: Action, name: &'static str) -> Ended {
        self.finish(self.start(action, name))
    }

    /// Waits for a client's end, and until the server has dealt with it.
    pub(crate) fn finish(&self, client: Process) -> Ended {
        let ended = self.finish_at_once(client);
        self.wait_until_quiet();
        ended
    }

    /// Waits until the server has dealt with all that came.
    pub(crate) fn wait_until_quiet(&self) {
        tree::wait_until_quiet(&[&self.server]);
    }

    /// Waits for a client's end, and no longer.
    pub(crate) fn finish_at_once(&self, mut client: Process) -> Ended {
        let code = client.exit_code();
        let said = [client.output.text(), client.errors.text()].concat();
        Ended { code, said: said.lines().last().unwrap_or_default().to_owned() }
    }

    /// Kills a client, as when its machine loses power; its connections end.
    pub(crate) fn kill(&self, mut client: Process) {
        tree::kill(&mut client);
        self.cut();
        self.wait_until_quiet();
    }

    /// Asks a client to end, as somebody does who has waited long enough, and waits for that. One that would first have
    /// to move what it has begun has its connection cut.
    pub(crate) fn stop(&self, mut client: Process) {
        tree::signal(&client, Signal::TERM);
        // Its children may go on, and so may it, until they see this.
        client.ends_within(TIME_TO_STOP);
        self.cut();
        client.wait();
        self.wait_until_quiet();
    }

    /// Kills the server with all that belongs to it, and then the client that was at work.
    pub(crate) fn kill_server(&mut self, mut client: Process) {
        tree::kill(&mut self.server);
        tree::kill(&mut client);
    }

    /// Cuts all connections that there are.
    pub(crate) fn cut(&self) {
        self.proxy.cut_all();
        self.data.iter().for_each(Proxy::cut_all);
    }

    /// Lets pass what is held.
    pub(crate) fn release(&self) {
        self.payload().release();
    }

    /// How many bytes went over the connections that carry files.
    pub(crate) fn byte_count(&self, action: Action) -> u64 {
        self.payload().byte_count(direction_of(action))
    }

    fn payload(&self) -> &Proxy {
        self.data.as_ref().unwrap_or(&self.proxy)
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        tree::kill(&mut self.server);
    }
}

/// The way that the bytes of files go.
pub(crate) fn direction_of(action: Action) -> Direction {
    if (Job { action, name: NAME }).is_upload() { Direction::ToServer } else { Direction::ToClient }
}

fn proxy_before(server: SocketAddr, plan: impl FnMut(usize) -> Fault + Send + 'static) -> Proxy {
    Proxy::start_at((PROXIES_HOST, server.port()).into(), server, plan)
}
