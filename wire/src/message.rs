//! The messages, as data: what may stand on a control line. No message acts.
//!
//! Each set below is closed: decoding, encoding, the table in `PROTOCOL.md` and every `match` follow from it.

pub mod number;
pub mod text;
pub mod hello;
pub mod entry;
pub mod request;
pub mod link;
pub mod reply;
pub mod payload;

pub use entry::{Entry, Kind, UnknownKind};
pub use hello::{Hello, Role, SessionLimits, Welcome};
pub use link::{FloodId, LinkMessage};
pub use number::ByteCount;
pub use payload::{Abort, End, Failed, Section, Sent};
pub use reply::Reply;
pub use request::{Range, Request};

/// Declares a closed set of messages, each with the text of its `type`.
macro_rules! message_set {
    ($(#[$doc:meta])* $set:ident { $($variant:ident($message:ty) = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $set { $(#[doc = concat!("`", $text, "`")] $variant($message)),* }

        impl $crate::codec::MessageSet for $set {
            const TYPES: &'static [&'static str] = &[$($text),*];

            fn decode_body(type_name: &str, line: &str) -> Option<$crate::codec::Body<Self>> {
                match type_name {
                    $($text => Some($crate::codec::decode_body::<$message>(line).map(Self::$variant)),)*
                    _ => None,
                }
            }

            fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $text),* }
            }

            fn encode_body(&self, id: Option<u64>, line: &mut Vec<u8>) {
                match self { $(Self::$variant(message) => $crate::codec::encode_as($text, id, message, line)),* }
            }
        }
    };
}
pub(crate) use message_set;

/// Declares that a struct is the message with that `type`.
macro_rules! message_types {
    ($($message:ty = $text:literal),* $(,)?) => {
        $(impl $crate::codec::Message for $message { const TYPE: &'static str = $text; })*
    };
}
pub(crate) use message_types;
