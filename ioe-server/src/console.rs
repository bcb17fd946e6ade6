//! The console words that are this daemon's own: STATUS and HELP, in any case.

use program::confinement::Confined;
use program::output::Output;
use program::status::{Session, summary};
use program::typed::Typed;
use wire::net::Locator;
use wire::net::service::{Service, SessionStatus};

const HELP: &str = "\
QUIT       wait for running requests, then stop
FORCEQUIT  stop at once
STATUS     connections, what they do, and how much they moved
HELP       this list";

/// Carries out one line of the console; false where its word is unknown.
pub(crate) fn obey(typed: &Typed, service: &Service, own: (&Confined, &Locator), output: &Output) -> bool {
    match typed.word.to_ascii_uppercase().as_str() {
        "STATUS" => status(service, own, output),
        "HELP" => output.line(HELP),
        _ => return false,
    }
    true
}

fn status(service: &Service, (confined, locator): (&Confined, &Locator), output: &Output) {
    let statuses = service.sessions();
    let sessions: Vec<_> = statuses.iter().map(shown).collect();
    output.line(summary(&sessions));
    sessions.iter().for_each(|session| output.line(session));
    output.line(confined);
    output.line(format_args!("others know this server by {locator}"));
}

fn shown(status: &SessionStatus) -> Session<'_> {
    Session {
        id: status.id,
        address: status.address,
        age: status.since.elapsed(),
        byte_count: status.byte_count,
        running: status.running.as_deref(),
        who: status.who.as_deref(),
    }
}
