//! The targets, by their names.

mod session;
mod answers;
mod overlay;
mod message;
mod line;
mod path;
mod seen;

pub use answers::answers;
pub use line::line;
pub use message::message;
pub use overlay::overlay;
pub use path::path;
pub use seen::Seen;
pub use session::session;

/// A function over bytes.
pub type Target = fn(&[u8]) -> Seen;

/// Every target with its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("line", line),
    ("message", message),
    ("path", path),
    ("session", session),
    ("answers", answers),
    ("overlay", overlay),
];
