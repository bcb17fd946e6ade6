//! Who may do what in the share.
//!
//! Must not know messages, sockets or how anything is printed.

mod written;
mod document;
mod name;
mod rules;
mod rights;

pub use document::{
    Document, FILE_BYTES_MAX, GRANTS_MAX, Grant, INVITATIONS_MAX, Invitation, InvitationState, NoEntry,
    RULES_MAX, Redeemed, RefusedChange, Revoked, SPENT_INVITATIONS_MAX, Use,
};
pub use name::{GuestName, NAME_CHARACTERS_MAX, NoName, PUBLIC_NAME};
pub use rights::{NoRight, NoRights, Right, Rights};
pub use rules::{Effect, Explanation, Owner, Permit, Reason, Rule};
pub use written::UnreadableDocument;
