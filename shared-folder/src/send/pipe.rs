//! Sending what has no length yet and cannot be read twice, such as standard input.

use super::large::{Upload, await_ready};
use super::{Destination, SendError, Sent, request};
use crate::remote::{Remote, RemoteError, Watch};
use std::io;
use wire::error_code::ErrorCode;

/// Sends what `input` gives, to its end. Nothing of it can be sent again, so a lost connection is final.
///
/// # Errors
/// See [`SendError`]; the file at the other end is the old one then.
pub fn send_pipe(
    remote: &mut Remote,
    input: &mut dyn FnMut(&mut [u8]) -> io::Result<usize>,
    destination: &Destination,
    watch: &dyn Watch,
) -> Result<Sent, SendError> {
    let (mut retry, cancel) = (remote.retry(), remote.cancel().clone());
    let (session, id) = loop {
        let session = remote.session()?;
        let id = session.ask(&request(None, destination, false))?;
        match await_ready(session, id, None, watch) {
            Ok(_) => break (remote.session_in_use(true)?, id),
            Err(SendError::Remote(error)) => retry.after(error)?,
            Err(own) => return Err(own),
        };
    };
    let mut upload = Upload::new(session, id, None, (watch, &mut retry));
    loop {
        match input(upload.room(u64::MAX)) {
            Ok(0) => {
                let digest = upload.hashed()?.digest;
                return upload.finish(digest);
            }
            Ok(count) => upload.section(count)?,
            Err(_) if cancel.is_cancelled() => return Err(RemoteError::Cancelled.into()),
            Err(error) => {
                upload.abort(ErrorCode::Internal)?;
                return Err(SendError::Input(error));
            }
        }
    }
}
