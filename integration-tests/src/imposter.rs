//! A server that is none: it plays a script to each client that connects, however hostile.
//!
//! It must not know the client. What a script says wrong is its business; that the client survives it is
//! the test's.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::session::Session;
use crate::tls::{TlsKey, TlsStream};

/// A running imposter. Dropping it ends every connection.
pub struct Imposter {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// The connections whose scripts are still played, by their number.
    sockets: Mutex<BTreeMap<usize, TcpStream>>,
    is_stopping: AtomicBool,
}

impl Imposter {
    /// Plays `script` to each client, from the first byte on, each in a thread of its own.
    ///
    /// # Panics
    /// When this machine has no free port.
    pub fn start(script: impl Fn(&mut Session) + Send + Sync + 'static) -> Self {
        Self::accepting(move |_, client| script(&mut Session::over(client)))
    }

    /// Shakes hands with each client as the owner of the key that its number gives (they count from 0), then plays `script`.
    /// A client that wants no TLS, or not with that key, is let go.
    pub fn over_tls(
        key_of: impl Fn(usize) -> TlsKey + Send + Sync + 'static,
        script: impl Fn(usize, &mut Session) + Send + Sync + 'static,
    ) -> Self {
        Self::accepting(move |number, client| {
            if let Ok((stream, _)) = TlsStream::accept_over(client, &key_of(number)) {
                let mut session = Session::over(stream);
                script(number, &mut session);
            }
        })
    }

    fn accepting(script: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || accepting.accept(&listener, &script)));
        Self { address, shared, acceptor }
    }

    /// Greets each client as the protocol says, then answers each of its requests with `answer`.
    pub fn answering(answer: impl Fn(&mut Session, &Value) + Send + Sync + 'static) -> Self {
        Self::start(move |session| {
            let Some(_hello) = session.next_line() else { return };
            session.try_send_raw(crate::session::line_of(&welcome()));
            while let Some(request) = session.next_line() {
                answer(session, &request);
            }
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The welcome of an honest server.
pub fn welcome() -> Value {
    json!({
        "type": "welcome", "version": 1, "agent": "imposter/1", "role": "server",
        "process_id": "ffeeddccbbaa99887766554433221100", "features": ["search", "write"],
        "limits": {
            "line_bytes_max": 65536, "section_bytes_max": 1_048_576, "small_write_bytes_max": 1_048_576,
            "requests_in_flight_max": 64,
        },
    })
}

impl Drop for Imposter {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        // The acceptor is woken by one more connection.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener, script: &(impl Fn(usize, TcpStream) + Sync)) {
        thread::scope(|scope| {
            for (number, client) in listener.incoming().enumerate() {
                if self.is_stopping.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(client) = client else { continue };
                self.sockets.lock().unwrap().insert(number, client.try_clone().unwrap());
                scope.spawn(move || {
                    // A script ends when the client leaves in the middle of it: that is no failure of the test. With it
                    // ends the connection.
                    script(number, client);
                    self.sockets.lock().unwrap().remove(&number);
                });
            }
            for socket in self.sockets.lock().unwrap().values() {
                let _ = socket.shutdown(Shutdown::Both);
            }
        });
    }
}
