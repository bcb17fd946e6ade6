//! Bytes between two ends: over a plain socket, or over TLS.
//!
//! It must not know what is said.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::tls::TlsStream;

/// One end of a connection; clones are the same end.
#[derive(Clone)]
pub enum Stream {
    /// In plain text.
    Plain(Arc<TcpStream>),
    /// Over TLS.
    Tls(TlsStream),
}

impl Stream {
    /// What carries it.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.socket(),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self::Plain(Arc::new(socket))
    }
}

impl From<TlsStream> for Stream {
    fn from(stream: TlsStream) -> Self {
        Self::Tls(stream)
    }
}

impl Read for Stream {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => (&**socket).read(target),
            Self::Tls(stream) => stream.read(target),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => (&**socket).write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => (&**socket).flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
