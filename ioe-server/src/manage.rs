//! What is done beside serving: inviting, listing, revoking, denying, explaining. A running server of the same state folder
//! goes by each change before it is reported.
//!
//! Must not know how rules are kept or judged.

use crate::cli::{self, Invite, Manage, Options};
use crate::config::StartError;
use crate::place;
use crate::render::{self, InvitationNote};
use program::exit::ExitStatus;
use program::output::Output;
use program::state_folder::StateFolder;
use shared_folder::access::{
    Document, Explanation, GuestName, Owner, PUBLIC_NAME, Permit, RefusedChange, Revoked, Right, Rights,
    Rule, Store,
};
use wire::net::Locator;
use wire::path::SharedPath;

/// Does it; the exit code of `explain` says what it explains.
pub(crate) fn run(options: &Options, manage: &Manage) -> Result<ExitStatus, StartError> {
    let state = options.common.shared_state_folder(cli::NAME);
    let (store, output) = (Store::open(state.path())?, Output::stdout());
    let status = match manage {
        Manage::Invite(wanted) => invite(wanted, (&state, &store), &output)?,
        Manage::Grants { json } => {
            render::grants(store.read()?.as_ref(), *json, &output);
            ExitStatus::Done
        }
        Manage::Revoke { name } => {
            let (revoked, others) = store.change(|document| revoke(document, name))?;
            output.line(render::revoked(name, revoked));
            let is_empty = |document: Document| document.grants().len() + document.invitations().len() == 0;
            if store.read()?.is_some_and(is_empty) && place::kept_public(state.path()).is_empty() {
                render::note(render::NOBODY_LEFT);
            }
            others.iter().for_each(|other| render::note(render::still_guest(name, other)));
            ExitStatus::Done
        }
        Manage::Deny { name, rights, below } => {
            store.change(|document| document.deny(name, *rights, Some(below.clone())))?;
            output.line(render::denied(name, *rights, below));
            ExitStatus::Done
        }
        Manage::Explain { name, right, path, public } => {
            let public = public.map_or_else(|| place::kept_public(state.path()), |public| public.0);
            let document = store.read()?;
            let path = shared_path(path)?;
            let explanation = explain(document, (name, public), *right, path.as_ref())?;
            output.line(&explanation);
            if explanation.is_allowed() { ExitStatus::Done } else { ExitStatus::Failed }
        }
    };
    output.flush();
    Ok(status)
}

fn invite(
    wanted: &Invite,
    (state, store): (&StateFolder, &Store),
    output: &Output,
) -> Result<ExitStatus, StartError> {
    let identity = place::identity(state)?;
    let rule = Rule::allow(wanted.what(), wanted.below.clone());
    let address = wanted.advertise.clone().or_else(|| place::kept(state.path()));
    if address.is_none() {
        render::note(
            "no server has run with this state folder yet: where it will listen is a guess, unless --advertise says it",
        );
    }
    let address = address.or_else(place::usual).ok_or(StartError::NoAddress)?;
    let was_open = store.read()?.is_none() && place::kept_public(state.path()).is_empty();
    let secret = store.invite(wanted.name.clone(), vec![rule.clone()], wanted.expires)?;
    let locator = Locator { address, key: identity.public(), invitation: Some(secret) };
    render::invitation(&locator, output);
    render::note(InvitationNote { name: &wanted.name, rule: &rule, lifetime: wanted.expires });
    if was_open {
        render::note(render::CLOSED);
    }
    Ok(ExitStatus::Done)
}

/// Takes the name back; gives also the names by which the same key still is a guest.
fn revoke(document: &mut Document, name: &GuestName) -> Result<(Revoked, Vec<GuestName>), RefusedChange> {
    let key = document.grant(name).map(|grant| grant.key);
    let revoked = document.revoke(name)?;
    let others = document.grants().filter(|grant| Some(grant.key) == key);
    Ok((revoked, others.map(|grant| grant.name.clone()).collect()))
}

fn explain(
    document: Option<Document>,
    (name, public): (&str, Rights),
    right: Right,
    path: Option<&SharedPath>,
) -> Result<Explanation, StartError> {
    let is_public = name == PUBLIC_NAME;
    let Some(document) = document else {
        let permit =
            if public.is_empty() { Permit::everything() } else { Document::default().permit(None, public) };
        return Ok(permit.explain(right, path));
    };
    if is_public {
        return Ok(document.permit(None, public).explain(right, path));
    }
    let unknown = || StartError::NoGuest { name: name.to_owned() };
    let name: GuestName = name.parse().map_err(|_| unknown())?;
    let known = document.explain(&name, public, right, path);
    known.or_else(|| invited(&document, &name, right, path)).ok_or_else(unknown)
}

/// What somebody may do who has not come yet, by the invitation that is open.
fn invited(
    document: &Document,
    name: &GuestName,
    right: Right,
    path: Option<&SharedPath>,
) -> Option<Explanation> {
    let open = document.invitations().filter(|one| one.name == *name && one.used.is_none()).last()?;
    let owned = open.rules.iter().map(|rule| (Owner::Grant(name.to_shared()), rule.clone()));
    Some(Permit::ruled(owned).explain(right, path))
}

/// A path as it is typed: the share itself is `/`, as `CD` has it.
fn shared_path(text: &str) -> Result<Option<SharedPath>, StartError> {
    match text.trim_start_matches('/') {
        "" => Ok(None),
        path => Ok(Some(SharedPath::parse(path)?)),
    }
}

impl Invite {
    fn what(&self) -> Rights {
        match self.rights {
            Some(rights) => rights,
            None if self.read => Rights::read(),
            None if self.write => Rights::ALL,
            None => Rights::drop_box(),
        }
    }
}
