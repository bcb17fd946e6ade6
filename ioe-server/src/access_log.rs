//! Hands every answered request to the access log. Must not know what its lines look like.

use program::access_log::{AccessLog, AnsweredRequest};
use shared_folder::serve::{Observe, RequestRecord};

/// The log, as an observer of sessions.
pub(crate) struct Logged(pub(crate) AccessLog);

impl Observe for Logged {
    fn request(&self, record: &RequestRecord<'_>) {
        self.0.write(&AnsweredRequest {
            session: record.session,
            address: record.address,
            who: record.who,
            command: record.command,
            path: record.path,
            byte_count: record.byte_count,
            duration: record.duration,
            outcome: record.outcome.as_str(),
        });
    }
}
