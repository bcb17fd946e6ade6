//! What a person types: one command word and its arguments, in the comma form (`READ,my song.mp3`) or
//! the space form (`READ "my song.mp3"`).
//!
//! It must not know any command: whether `READ` exists and what `-r` means to it is its caller's part.

mod options;
mod spelling;
mod grammar;

pub use grammar::{Argument, Form, LINE_BYTES_MAX, Typed, TypedError, parse};
pub use options::{KnownOption, Operands, OptionError};
pub use spelling::quote;
