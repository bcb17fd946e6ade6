//! One link's two threads: this one hears, another one sends. Must not know what the messages lead to.

use super::Shared;
use super::event::{Event, LinkEnd};
use super::queue::{Next, Queue};
use crate::overlay::{LinkId, Neighbour};
use crossbeam_channel::{Receiver, bounded};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use wire::codec::{DecodeError, Message as _};
use wire::connection::{Connection, ReceiveError, SendError, Sender, shortened};
use wire::error_code::ErrorCode;
use wire::limits::{LINGER_TIME_MAX, PING_INTERVAL, PROTOCOL_VERSIONS};
use wire::message::link::Ping;
use wire::message::reply::Refused;
use wire::message::{LinkMessage, Section};

/// How long a neighbour may take nothing before the link is given up.
const STALL_MAX: Duration = Duration::from_secs(30);

/// A link's end for the owner, before its threads run.
pub(super) fn end_of(connection: &Connection) -> LinkEnd {
    LinkEnd { queue: Arc::default(), closer: connection.closer(), since: Instant::now() }
}

impl Shared {
    /// The id of the next link.
    pub(super) fn next_link(&self) -> LinkId {
        LinkId(self.last_link.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    /// Serves a link until it ends, and tells the owner that it did.
    pub(super) fn run_link(&self, link: LinkId, neighbour: Neighbour, connection: Connection, end: &LinkEnd) {
        let Neighbour { peer, address, .. } = neighbour;
        log::info!("link {} with {address}, peer {peer}", link.0);
        if let Err(error) = self.serve_link(link, connection, end) {
            log::warn!("link {} with {address} cannot be served: {error}", link.0);
        }
        end.queue.finish();
        end.closer.close();
        // An owner that is gone needs no word.
        let _ = self.events.send(Event::Closed { link });
        log::info!("link {} with {address} has ended", link.0);
    }

    fn serve_link(&self, link: LinkId, mut connection: Connection, end: &LinkEnd) -> io::Result<()> {
        connection.stands(STALL_MAX)?;
        let Connection { mut receiver, sender, .. } = connection;
        let (writer, ended) = start_writer(link, sender, end.clone())?;
        let fault = loop {
            match receiver.message::<LinkMessage>() {
                Ok(Some(decoded)) => {
                    if self.events.send(Event::Received { link, message: decoded.message }).is_err() {
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(ReceiveError::Message(DecodeError::UnknownType { type_name, .. }))
                    if type_name != Section::TYPE =>
                {
                    let text = format!("the type {type_name:?} is unknown on a link");
                    // Where the queue is full, nobody waits for this.
                    let _ = end.queue.push(Arc::new(refused(ErrorCode::UnknownType, &text)));
                }
                Err(error) => break Some(error),
            }
        };
        if let Some(last) = fault.and_then(|error| last_words(link, &error)) {
            end.queue.finish_with(last);
            // Whoever does not take the last words in that time is cut.
            if ended.recv_timeout(LINGER_TIME_MAX).is_ok() {
                receiver.linger();
            }
        }
        end.queue.finish();
        end.closer.close();
        // It ends with the queue or the connection, and catches nothing that could be told here.
        let _ = writer.join();
        Ok(())
    }
}

/// What is told to a neighbour that broke the protocol; nothing where the connection is lost.
fn last_words(link: LinkId, error: &ReceiveError) -> Option<LinkMessage> {
    match error {
        ReceiveError::Message(DecodeError::UnsupportedVersion { .. }) => {
            log::info!("link {} is closed: {error} (unsupported_version)", link.0);
            let (code, message) = (ErrorCode::UnsupportedVersion, error.to_string());
            let versions = Some(PROTOCOL_VERSIONS.to_vec());
            Some(LinkMessage::Refused(Refused { code, message, versions }))
        }
        ReceiveError::Message(_) | ReceiveError::LineTooLong(_) => {
            log::info!("link {} is closed: {error} (bad_message)", link.0);
            Some(refused(ErrorCode::BadMessage, &error.to_string()))
        }
        ReceiveError::TimedOut(_) => Some(refused(ErrorCode::TimedOut, &error.to_string())),
        ReceiveError::Closed(_) | ReceiveError::Lost(_) => None,
    }
}

fn refused(code: ErrorCode, text: &str) -> LinkMessage {
    LinkMessage::Refused(Refused { code, message: shortened(text), versions: None })
}

/// The sending thread, and a word when it has ended.
fn start_writer(
    link: LinkId,
    mut sender: Sender,
    end: LinkEnd,
) -> io::Result<(JoinHandle<()>, Receiver<()>)> {
    let (tell, ended) = bounded(1);
    let work = move || {
        if let Err(error) = send_all(&mut sender, &end.queue) {
            log::info!("link {}: {error}", link.0);
            // The hearing thread waits for bytes: it learns from the connection that all is over.
            end.closer.close();
        }
        // Where the other end has closed already, nothing is left to be finished.
        let _ = sender.finish();
        // Nobody may be waiting for the word.
        let _ = tell.try_send(());
    };
    Ok((Builder::new().name(format!("link-{}-send", link.0)).spawn(work)?, ended))
}

fn send_all(sender: &mut Sender, queue: &Queue) -> Result<(), SendError> {
    loop {
        match queue.next(PING_INTERVAL) {
            Next::Send(message) => {
                sender.queue_any(None, &*message)?;
                while let Some(more) = queue.take() {
                    sender.queue_any(None, &*more)?;
                }
                sender.flush()?;
            }
            Next::Silent => sender.send(None, &Ping {})?,
            Next::Finished => return Ok(()),
        }
    }
}
