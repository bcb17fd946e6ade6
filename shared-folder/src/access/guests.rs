//! One state of the access file, made ready to be asked on each request. Pure. Must not know where it came from.

use super::document::Document;
use super::name::{GuestName, PUBLIC_NAME};
use super::rights::{Right, Rights};
use super::rules::{Explanation, Permit};
use std::collections::HashMap;
use std::sync::Arc;
use wire::key::PublicKey;
use wire::path::SharedPath;

/// Who may do what, in one state. It does not change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Guests {
    regime: Regime,
    public: Rights,
    document: Document,
    known: HashMap<PublicKey, (Arc<str>, Arc<Permit>)>,
    others: Arc<Permit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Regime {
    /// Nobody made rules.
    Open,
    /// By the document.
    Controlled,
    /// The document cannot be read, for this reason: nobody may do anything.
    Shut(String),
}

impl Guests {
    pub(super) fn open_to_all() -> Self {
        let others = Arc::new(Permit::everything());
        let (public, document) = (Rights::NONE, Document::default());
        Self { regime: Regime::Open, public, document, known: HashMap::new(), others }
    }

    pub(super) fn controlled(public: Rights) -> Self {
        Self::of(public, Document::default())
    }

    fn of(public: Rights, document: Document) -> Self {
        let mut known = HashMap::new();
        for grant in document.grants() {
            let permit = || Arc::new(document.permit(Some(grant.key), public));
            known.entry(grant.key).or_insert_with(|| (grant.name.to_shared(), permit()));
        }
        let others = Arc::new(document.permit(None, public));
        Self { regime: Regime::Controlled, public, document, known, others }
    }

    /// The state that follows when the file says this; where there is none, it depends on what was before: rules that were
    /// there once are never gone, or to lose the file would open everything.
    pub(super) fn after(&self, document: Option<Document>) -> Self {
        match (document, &self.regime) {
            (None, Regime::Open) => Self::open_to_all(),
            (document, _) => Self::of(self.public, document.unwrap_or_default()),
        }
    }

    /// The state that follows when the file cannot be read.
    pub(super) fn shut_out(&self, reason: String) -> Self {
        let others = Arc::new(Permit::nothing());
        let document = Document::default();
        Self { regime: Regime::Shut(reason), public: self.public, document, known: HashMap::new(), others }
    }

    pub(super) fn shut_out_because(&self) -> Option<&str> {
        if let Regime::Shut(reason) = &self.regime { Some(reason) } else { None }
    }

    pub(super) fn is_controlled(&self) -> bool {
        self.regime != Regime::Open
    }

    pub(super) fn document(&self) -> &Document {
        &self.document
    }

    pub(super) fn permit(&self, key: Option<PublicKey>) -> Arc<Permit> {
        let known = key.and_then(|key| self.known.get(&key));
        Arc::clone(known.map_or(&self.others, |(_, permit)| permit))
    }

    pub(super) fn name_of(&self, key: PublicKey) -> Option<Arc<str>> {
        self.known.get(&key).map(|(name, _)| Arc::clone(name))
    }

    pub(super) fn explain(&self, name: &str, right: Right, path: Option<&SharedPath>) -> Option<Explanation> {
        if name == PUBLIC_NAME {
            return Some(self.others.explain(right, path));
        }
        let name: GuestName = name.parse().ok()?;
        self.document.explain(&name, self.public, right, path)
    }
}
