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
use shared_folder::access::{Document, Rights, Rule, Store};
use wire::net::Locator;
use wire::path::SharedPath;

/// Does it; the exit code of `explain` says what it explains.
pub(crate) fn run(options: &Options, manage: &Manage) -> Result<ExitStatus, StartError> {
    let state = options.common.shared_state_folder(cli::NAME);
    let (store, output) = (Store::open(state.path())?, Output::stdout());
    let status = match manage {
        Manage::Invite(wanted) => invite(options, wanted, (&state, &store), &output)?,
        Manage::Grants { json } => {
            render::grants(&store.read()?.unwrap_or_default(), *json, &output);
            ExitStatus::Done
        }
        Manage::Revoke { name } => {
            let revoked = store.change(|document| document.revoke(name))?;
            output.line(render::revoked(name, revoked));
            ExitStatus::Done
        }
        Manage::Deny { name, rights, below } => {
            store.change(|document| document.deny(name, *rights, Some(below.clone())))?;
            output.line(render::denied(name, *rights, below));
            ExitStatus::Done
        }
        Manage::Explain { name, right, path, public } => {
            let public = public.map_or(Rights::NONE, |public| public.0);
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
    options: &Options,
    wanted: &Invite,
    (state, store): (&StateFolder, &Store),
    output: &Output,
) -> Result<ExitStatus, StartError> {
    let identity = place::identity(state)?;
    let rule = Rule::allow(wanted.what(), wanted.below.clone());
    let address = options.advertise.clone().or_else(|| place::kept(state.path()));
    let address = address.ok_or(StartError::NoAddress)?;
    let secret = store.invite(wanted.name.clone(), vec![rule.clone()], wanted.expires)?;
    let locator = Locator { address, key: identity.public(), invitation: Some(secret) };
    render::invitation(&locator, output);
    render::note(InvitationNote { name: &wanted.name, rule: &rule, lifetime: wanted.expires });
    Ok(ExitStatus::Done)
}

fn explain(
    document: Option<Document>,
    (name, public): (&str, Rights),
    right: shared_folder::access::Right,
    path: Option<&SharedPath>,
) -> Result<shared_folder::access::Explanation, StartError> {
    use shared_folder::access::{PUBLIC_NAME, Permit};
    let is_public = name == PUBLIC_NAME;
    let Some(document) = document else {
        let permit =
            if public.is_empty() { Permit::everything() } else { Document::default().permit(None, public) };
        return Ok(permit.explain(right, path));
    };
    if is_public {
        return Ok(document.permit(None, public).explain(right, path));
    }
    let known = name.parse().ok().and_then(|name| document.explain(&name, public, right, path));
    known.ok_or_else(|| StartError::NoGuest { name: name.to_owned() })
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
