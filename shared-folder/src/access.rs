//! Who may do what in the share, as a running daemon asks for it: by the key at the other end of a connection.
//!
//! Changes of the access file are in force as soon as they are heard of; whoever made them waits for that (`store`).
//! Must not know messages, sockets or how anything is printed.

mod guests;
mod watch;
mod store;
mod written;
mod document;
mod name;
mod rules;
mod rights;

pub use document::{
    Document, FILE_BYTES_MAX, GRANTS_MAX, Grant, INVITATIONS_MAX, Invitation, InvitationState, NoEntry,
    OPEN_OF_ONE_MAX, RULES_MAX, Redeemed, RefusedChange, Revoked, SPENT_INVITATIONS_MAX, Use,
};
pub use name::{GuestName, NAME_CHARACTERS_MAX, NoName, PUBLIC_NAME};
pub use rights::{NoRight, NoRights, Right, Rights};
pub use rules::{Effect, Explanation, Owner, Permit, Reason, Rule};
pub use store::{CHANGE_TIME_MAX, ChangeError, Probe, Step, Store, StoreError};
pub use written::UnreadableDocument;

use guests::Guests;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;
use store::{Held, timestamp};
use watch::Watch;
use wire::invitation::{SECRET_BYTES, Secret};
use wire::key::PublicKey;
use wire::path::SharedPath;

/// Is called after a change is in force and before whoever made it is told so: sessions that lost everything end here. It
/// may run on any thread that lets somebody in, and must not wait for a session.
pub type OnChange = Box<dyn Fn() + Send + Sync>;

/// Who may do what, now.
pub struct Access {
    /// Ends first: its thread uses the state.
    _watch: Option<Watch>,
    state: Arc<State>,
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// What their grant is called; `None` has the rights of everybody.
    pub name: Option<Arc<str>>,
    /// What they proved to have the secret half of; `None` on a plain connection.
    pub key: Option<PublicKey>,
}

struct State {
    store: Option<Store>,
    on_change: OnChange,
    current: RwLock<Arc<Guests>>,
    generation: AtomicU64,
    /// One load at a time: a later file must not give way to an earlier one.
    held: Mutex<Option<Held>>,
}

impl Access {
    /// Everybody may do everything, for good.
    #[must_use]
    pub fn open_to_all() -> Self {
        Self { _watch: None, state: Arc::new(State::new(None, Guests::open_to_all(), Box::new(|| {}))) }
    }

    /// Only guests come in, and whoever else has the rights `public`.
    ///
    /// # Errors
    /// Where the access file cannot be read or watched.
    pub fn controlled(store: Store, public: Rights, on_change: OnChange) -> Result<Self, StoreError> {
        Self::start(store, Guests::controlled(public), on_change)
    }

    /// Everybody may do everything until somebody is invited; from then on as with `controlled`, also when nobody is left.
    ///
    /// # Errors
    /// As `controlled`.
    pub fn open_until_invited(store: Store, on_change: OnChange) -> Result<Self, StoreError> {
        Self::start(store, Guests::open_to_all(), on_change)
    }

    /// Watches before it loads, so that no change is missed in between.
    fn start(store: Store, guests: Guests, on_change: OnChange) -> Result<Self, StoreError> {
        let path = store.folder_path().to_owned();
        let unwatched = |source| StoreError::Unwatched { path: path.clone(), source };
        let hints = watch::watch(&path).map_err(unwatched)?;
        let state = Arc::new(State::new(Some(store), guests, on_change));
        state.load_first()?;
        let reloaded = Arc::clone(&state);
        let watch = Watch::start(hints, move || reloaded.reload()).map_err(unwatched)?;
        Ok(Self { _watch: Some(watch), state })
    }

    /// Whether there are rules. Where there are none, everybody may do everything.
    #[must_use]
    pub fn is_controlled(&self) -> bool {
        self.state.current().is_controlled()
    }

    /// Grows with each change: what was asked before one may be answered otherwise after it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state.generation.load(Ordering::Acquire)
    }

    /// What who has `key` may do now; without one, what everybody may.
    #[must_use]
    pub fn permit(&self, key: Option<PublicKey>) -> Arc<Permit> {
        self.state.current().permit(key)
    }

    /// What who has `key` is called.
    #[must_use]
    pub fn name_of(&self, key: PublicKey) -> Option<Arc<str>> {
        self.state.current().name_of(key)
    }

    /// Lets somebody in, as a guest or as one of everybody. An invitation is written down as used before that is said.
    ///
    /// # Errors
    /// Who is unknown where nothing is public; and whose invitation is of no use. To unknown keys and unknown invitations,
    /// and to those without any, the same is said after the same work.
    pub fn enter(&self, key: Option<PublicKey>, invitation: Option<&Secret>) -> Result<Guest, NoEntry> {
        let guests = self.state.usable();
        let no_secret = Secret::new([0; SECRET_BYTES]);
        let is_known = guests.document().knows(invitation.unwrap_or(&no_secret));
        match (key, invitation) {
            (Some(key), Some(secret)) if is_known && guests.is_controlled() => {
                self.state.redeem(&guests, secret, key)
            }
            _ if guests.permit(key).is_nothing() => Err(NoEntry::Unknown),
            _ => Ok(Guest { name: key.and_then(|key| guests.name_of(key)), key }),
        }
    }

    /// Whether the guest called `name` may do it, with the rule that decides: `public` is everybody. `None` where there
    /// is no such guest.
    #[must_use]
    pub fn explain(&self, name: &str, right: Right, path: Option<&SharedPath>) -> Option<Explanation> {
        self.state.current().explain(name, right, path)
    }
}

impl State {
    fn new(store: Option<Store>, guests: Guests, on_change: OnChange) -> Self {
        let current = RwLock::new(Arc::new(guests));
        Self { store, on_change, current, generation: AtomicU64::new(0), held: Mutex::new(None) }
    }

    fn current(&self) -> Arc<Guests> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is in force. Where the file could not be used, it is looked at again: it may have been for a moment alone, as without a
    /// descriptor left.
    fn usable(&self) -> Arc<Guests> {
        if self.current().shut_out_because().is_some() {
            self.reload();
        }
        self.current()
    }

    fn load_first(&self) -> Result<(), StoreError> {
        let Some(store) = &self.store else { return Ok(()) };
        let (held, document) = store.hold()?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        self.put(self.current().after(document));
        Ok(())
    }

    /// Goes by what the file says now. The old one is let go of after that is in force everywhere.
    fn reload(&self) {
        let Some(store) = &self.store else { return };
        let mut old = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current();
        let (held, guests) = match store.hold() {
            Ok((held, document)) => (Some(held), current.after(document)),
            Err(error) => (None, current.shut_out(error.to_string())),
        };
        if guests != *current {
            if let Some(reason) = guests.shut_out_because() {
                log::error!("nobody may do anything: {reason}");
            }
            self.put(guests);
            (self.on_change)();
        }
        *old = held;
    }

    fn put(&self, guests: Guests) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(guests);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Only what would change the file needs to look at it: all else is known.
    fn redeem(&self, guests: &Guests, secret: &Secret, key: PublicKey) -> Result<Guest, NoEntry> {
        let now = timestamp(SystemTime::now());
        let mut redeemed = guests.document().clone().redeem(secret, key, now)?;
        if redeemed.is_new {
            let store = self.store.as_ref().ok_or(NoEntry::Failed)?;
            let written = store.replace(|document| document.redeem(secret, key, now));
            let (outcome, replaced) = written.map_err(|error| match error {
                ChangeError::Refused(refusal) => refusal,
                ChangeError::Store(error) => not_taken(&error),
            })?;
            self.reload();
            log::info!("{} is a guest from now on, with the key {key}", outcome.name.as_str());
            redeemed = outcome;
            replaced.map_or(Ok(()), |replaced| store.wait(replaced)).map_err(|error| not_taken(&error))?;
        }
        Ok(Guest { name: Some(redeemed.name.to_shared()), key: Some(key) })
    }
}

fn not_taken(error: &StoreError) -> NoEntry {
    log::error!("an invitation could not be taken: {error}");
    NoEntry::Failed
}

#[cfg(test)]
mod tests;
