//! How a connection opens: `hello` from whoever dialled, `welcome` or a refusal from whoever listened.

use super::{Connection, Membership, ReceiveError, Received, SendError};
use crate::codec::DecodeError;
use crate::error_code::ErrorCode;
use crate::limits::{
    AGENT_BYTES_MAX, HELLO_TIME_MAX, LINE_BYTES_MAX, OFFERS_MAX, PROCESS_ID_DIGITS, PROTOCOL_VERSION,
    PROTOCOL_VERSIONS, REQUESTS_IN_FLIGHT_MAX, SECTION_BYTES_MAX, SMALL_WRITE_BYTES_MAX,
};
use crate::message::hello::Opening;
use crate::message::reply::Refused;
use crate::message::text::shortened;
use crate::message::{Hello, Reply, Role, SessionLimits, Welcome};
use crate::network::Prover;
use std::time::Instant;
use thiserror::Error;

/// Why a connection did not open.
#[derive(Debug, Error)]
pub enum OpeningError {
    /// Nothing came, or nothing that is a message.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The first words could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The other end closed without a word.
    #[error("the other end closed the connection without a word")]
    Silent,
    /// The other end refuses; it said why.
    #[error("refused: {} ({})", .0.message, .0.code)]
    Refused(Refused),
    /// The other end does not prove that it is in this end's private network.
    #[error("it is not in this network")]
    NoMember,
    /// The other end's first line breaks the protocol.
    #[error("{0}")]
    Unexpected(&'static str),
    /// Too many connections were opening, and this was the oldest of them.
    #[error("closed in favour of newer connections: it did not open, and too many were opening")]
    GaveWay,
}

impl OpeningError {
    /// Whether the other end said something that is no opening: neither silence nor a broken line is.
    pub(crate) fn breaks_protocol(&self) -> bool {
        let said = matches!(self, Self::Receive(ReceiveError::Message(_) | ReceiveError::LineTooLong(_)));
        said || matches!(self, Self::Unexpected(_))
    }
}

/// What the two ends agreed on.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What the other end said of itself.
    pub welcome: Welcome,
}

/// Opens a connection from the dialling end; a member of a private network speaks to other members alone.
///
/// # Errors
/// See [`OpeningError`].
pub fn say_hello(
    connection: &mut Connection,
    hello: &Hello,
    membership: Option<&Membership>,
) -> Result<Opened, OpeningError> {
    let network_proof = membership.and_then(|member| member.prove(connection, Prover::Dialler));
    connection.sender.send(None, &Hello { network_proof, ..hello.clone() })?;
    let is_member = |connection: &Connection, proof| {
        membership.is_none_or(|member| member.is_proven(connection, Prover::Listener, proof))
    };
    let deadline = Instant::now() + HELLO_TIME_MAX;
    match connection.receiver.message_by::<Reply>(Some(deadline))?.map(|decoded| decoded.message) {
        Some(Reply::Welcome(welcome)) if !is_member(connection, welcome.network_proof) => {
            Err(OpeningError::NoMember)
        }
        Some(Reply::Welcome(welcome)) if is_sound(&welcome) => Ok(Opened { welcome }),
        Some(Reply::Welcome(_)) => Err(OpeningError::Unexpected("the welcome breaks the protocol's limits")),
        Some(Reply::Refused(refused)) => Err(OpeningError::Refused(refused)),
        Some(_) => Err(OpeningError::Unexpected("the first line is no welcome")),
        None => Err(OpeningError::Silent),
    }
}

/// Takes the other end's `hello`, and says nothing: whoever broke the protocol is to be told by [`refuse_opening`], others
/// by [`welcome`] or [`refuse`].
pub(crate) fn hear_hello(connection: &mut Connection) -> Result<Hello, OpeningError> {
    let deadline = connection.opening_deadline();
    let received = connection.receiver.message_by::<Opening>(Some(deadline));
    connection.receiver.watch(false);
    check_hello(received)
}

/// Accepts the connection whose `hello` was received.
///
/// # Errors
/// When it cannot be sent.
pub fn welcome(connection: &mut Connection, welcome: &Welcome) -> Result<(), SendError> {
    connection.sender.send(None, welcome)
}

/// Refuses a connection as a whole, before or after its `hello`, in one line without an id.
///
/// # Errors
/// When it cannot be sent.
pub fn refuse(connection: &mut Connection, code: ErrorCode, message: &str) -> Result<(), SendError> {
    let versions = (code == ErrorCode::UnsupportedVersion).then(|| PROTOCOL_VERSIONS.to_vec());
    connection.sender.send(None, &Refused { code, message: shortened(message), versions })
}

impl SessionLimits {
    /// The limits that this code keeps.
    #[must_use]
    pub fn ours() -> Self {
        Self {
            line_bytes_max: LINE_BYTES_MAX as u64,
            section_bytes_max: SECTION_BYTES_MAX,
            small_write_bytes_max: SMALL_WRITE_BYTES_MAX,
            requests_in_flight_max: REQUESTS_IN_FLIGHT_MAX as u64,
        }
    }
}

impl Hello {
    /// The `hello` of a program that opens a session.
    #[must_use]
    pub fn of_client(agent: &str, process_id: &str) -> Self {
        Self {
            agent: agent.to_owned(),
            versions: PROTOCOL_VERSIONS.to_vec(),
            role: Role::Client,
            process_id: process_id.to_owned(),
            port: None,
            advertise: None,
            invitation: None,
            network_proof: None,
        }
    }

    /// The `hello` of a peer that opens a link and listens at `port`.
    #[must_use]
    pub fn of_peer(agent: &str, process_id: &str, port: u16) -> Self {
        Self { role: Role::Peer, port: Some(port), ..Self::of_client(agent, process_id) }
    }
}

fn check_hello(received: Result<Received<Opening>, ReceiveError>) -> Result<Hello, OpeningError> {
    let Opening::Hello(hello) = received?.ok_or(OpeningError::Silent)?.message;
    if !hello.versions.contains(&PROTOCOL_VERSION) {
        let version = hello.versions.first().copied().unwrap_or(0);
        return Err(ReceiveError::from(DecodeError::UnsupportedVersion { version }).into());
    }
    if !is_process_id(&hello.process_id) {
        return Err(OpeningError::Unexpected("process_id is not 32 hex digits"));
    }
    if hello.agent.len() > AGENT_BYTES_MAX || hello.versions.len() > OFFERS_MAX {
        return Err(OpeningError::Unexpected("agent or versions is too long"));
    }
    match hello.role {
        Role::Client => {}
        Role::Peer if hello.port.is_some_and(|port| port > 0) => {}
        Role::Peer => return Err(OpeningError::Unexpected("a peer says the port where it listens")),
        Role::Server => return Err(OpeningError::Unexpected("who dials is a client or a peer")),
    }
    Ok(hello)
}

fn is_process_id(text: &str) -> bool {
    text.len() == PROCESS_ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_sound(welcome: &Welcome) -> bool {
    let limits = &welcome.limits;
    welcome.version == PROTOCOL_VERSION
        && welcome.role != Role::Client
        && is_process_id(&welcome.process_id)
        && welcome.agent.len() <= AGENT_BYTES_MAX
        && welcome.features.len() <= OFFERS_MAX
        && limits.section_bytes_max >= 1
        && limits.requests_in_flight_max >= 1
}

/// Tells the other end what was wrong with its first line, where that can still be read.
pub(crate) fn refuse_opening(connection: &mut Connection, error: &OpeningError) {
    let code = match error {
        OpeningError::Receive(ReceiveError::Message(DecodeError::UnsupportedVersion { .. })) => {
            ErrorCode::UnsupportedVersion
        }
        OpeningError::Receive(ReceiveError::Message(_) | ReceiveError::LineTooLong(_))
        | OpeningError::Unexpected(_) => ErrorCode::BadMessage,
        OpeningError::Receive(ReceiveError::TimedOut(_)) => ErrorCode::TimedOut,
        _ => return,
    };
    let text = match error {
        OpeningError::Receive(ReceiveError::Message(DecodeError::UnknownType { .. })) => {
            "the first line is no hello".to_owned()
        }
        other => other.to_string(),
    };
    // It may have left already; then nobody needs the answer.
    let _ = refuse(connection, code, &text);
}

#[cfg(test)]
mod tests;
