//! The targets, by their names.

pub mod session;
pub mod answers;
pub mod overlay;
mod access;
mod message;
mod line;
mod path;
mod seen;

pub use access::access;
pub use answers::answers;
pub use line::line;
pub use message::message;
pub use overlay::overlay;
pub use path::path;
pub use seen::Seen;
pub use session::session;

use crate::mutate::Form;

/// A function over bytes, with its name and what its inputs are made of.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As it is called in commands, and in `seeds`.
    pub name: &'static str,
    /// Panics where a promise is broken.
    pub run: fn(&[u8]) -> Seen,
    /// Any bytes are taken, but most changes keep to this.
    pub form: Form,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "line", run: line, form: Form::Bytes },
    Target { name: "message", run: message, form: Form::Bytes },
    Target { name: "path", run: path, form: Form::Bytes },
    Target { name: "session", run: session, form: Form::Conversation },
    Target { name: "answers", run: answers, form: Form::Conversation },
    Target { name: "overlay", run: overlay, form: Form::Records(overlay::RECORD_BYTES) },
    Target { name: "access", run: access, form: Form::Conversation },
];
