//! How the server of any system is started on free ports of this machine.
//!
//! It must not know which system it is, nor who asks.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use super::ground::Ground;
use super::system::{Ports, System};
use super::tree;
use crate::patience::eventually;
use crate::process::Process;

/// So often other ports are tried.
const ATTEMPTS_MAX: usize = 5;

/// A server that listens.
pub(crate) struct Running {
    /// The server.
    pub process: Process,
    /// Where it listens.
    pub main: SocketAddr,
    /// Where it takes files, if that is another port.
    pub data: SocketAddr,
}

/// Starts a system's server and waits until it listens; `wrap` may put its command below another one.
///
/// # Panics
/// When it does not.
pub(crate) fn start(system: &dyn System, ground: &Ground, wrap: impl Fn(Command) -> Command) -> Running {
    for _ in 0..ATTEMPTS_MAX {
        let ports = free_ports();
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut process = Process::start(&mut wrap(system.server(ground, ports)));
        if let Some(main) = system.address(&process) {
            return Running { process, main, data: at(ports.data) };
        }
        let is_there = eventually("the server listens or ends", || {
            let has_ended = !tree::is_running(process.id());
            let listens = || TcpStream::connect(at(ports.main)).is_ok();
            if has_ended { Some(false) } else { listens().then_some(true) }
        });
        if is_there {
            return Running { process, main: at(ports.main), data: at(ports.data) };
        }
        process.wait();
        let _ = fs::write(ground.state().join("refused"), process.errors.bytes());
    }
    let said = fs::read_to_string(ground.state().join("refused")).unwrap_or_default();
    panic!("{} does not start: {said}", system.name());
}

fn free_ports() -> Ports {
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let [main, data] = listeners.each_ref().map(|listener| listener.local_addr().unwrap().port());
    Ports { main, data }
}
