//! What a person sees of invitations and grants, as text and as JSON. Must not know how they came about.

use program::output::Output;
use program::quantity;
use program::results::json_line;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde::Serialize;
use shared_folder::access::{Document, Grant, GuestName, Invitation, InvitationState, Revoked, Rights, Rule};
use std::fmt;
use std::io::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::net::Locator;
use wire::path::SharedPath;
use wire::timestamp::Timestamp;

/// What is said about an invitation, beside its line.
pub(crate) struct InvitationNote<'a> {
    pub(crate) name: &'a GuestName,
    pub(crate) rule: &'a Rule,
    pub(crate) lifetime: Duration,
}

impl fmt::Display for InvitationNote<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rule, lifetime } = self;
        let lifetime = quantity::duration_text(*lifetime);
        write!(formatter, "the line lets {name} in, once, within {lifetime} ({rule}): ioe-client 'LINE'")
    }
}

/// The line alone goes to standard output, so that it can be piped on; on a terminal that has room, below a QR code of it.
pub(crate) fn invitation(locator: &Locator, output: &Output) {
    let line = locator.to_string();
    if let Some(code) = terminal_size().and_then(|size| qr_code(&line, size)) {
        output.line(code);
    }
    output.line(line);
    output.flush();
}

/// Rows and columns of the terminal that standard output is; none elsewhere.
fn terminal_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some((size.ws_row.into(), size.ws_col.into()))
}

/// What is said beside a result, to whoever typed the command.
pub(crate) fn note(note: impl fmt::Display) {
    // Who does not hear it has the result all the same.
    let _ = writeln!(io::stderr(), "{note}");
}

/// With a margin where there is room for it; none where not even the code fits.
fn qr_code(text: &str, (rows, columns): (usize, usize)) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let drawn = |has_margin| {
        let mut drawing = code.render::<Dense1x2>();
        drawing.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(has_margin).build()
    };
    // What stands below it has to be seen, too: the line may take several rows.
    let left = rows.saturating_sub(ROWS_BESIDE_CODE);
    let fits = |code: &String| {
        code.lines().count() <= left && code.lines().all(|row| row.chars().count() <= columns)
    };
    [drawn(true), drawn(false)].into_iter().find(fits)
}

/// Rows of a terminal for what stands below a QR code: the line and what is said of it.
const ROWS_BESIDE_CODE: usize = 6;

/// That a key is a guest by another name, too.
pub(crate) fn still_guest(name: &GuestName, other: &GuestName) -> String {
    format!("the key of {name} is still the guest {other}: revoke that one too, if it is meant")
}

/// That the door that was open to everybody is closed by the first invitation.
pub(crate) const CLOSED: &str = "from now on guests alone come in, from this machine, too: the server's own user needs an invitation as well, \
                                 or a server with --public write";

/// That nobody has a right any more.
pub(crate) const NOBODY_LEFT: &str = "nobody may come in any more: invite somebody, or start the server with --public write, and everybody may";

/// What was taken back.
pub(crate) fn revoked(name: &GuestName, revoked: Revoked) -> String {
    match (revoked.grant, revoked.invitation) {
        (true, true) => format!("{name} may do nothing any more, and the open invitation is void"),
        (true, false) => format!("{name} may do nothing any more"),
        _ => format!("the open invitation for {name} is void"),
    }
}

/// What was taken away.
pub(crate) fn denied(name: &GuestName, rights: Rights, below: &SharedPath) -> String {
    format!("{name}: {}", Rule::deny(rights, Some(below.clone())))
}

/// One grant or invitation as JSON.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    rules: Vec<String>,
}

/// Everybody who was let in or invited.
pub(crate) fn grants(document: Option<&Document>, json: bool, output: &Output) {
    let now = now();
    let Some(document) = document else {
        let nobody = "nobody was invited yet: whoever connects from this machine may do everything";
        if !json {
            output.line(nobody);
        }
        return;
    };
    let invitations = document.invitations().filter(|invitation| invitation.used.is_none());
    let lines: Vec<Line<'_>> =
        document.grants().map(of_grant).chain(invitations.map(|one| of_invitation(one, now))).collect();
    if json {
        return lines.iter().for_each(|line| output.line(json_line(line)));
    }
    if lines.is_empty() {
        return output.line("nobody may come in any more, or yet: ioe-server invite NAME --read");
    }
    for Line { name, state, key, expires, rules } in &lines {
        let key = key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
        let word = if *state == "invited" { "until" } else { "at" };
        let until = expires.map(|time| format!(" {word} {time}")).unwrap_or_default();
        output.line(format_args!("{name}: {state}{until}{key}"));
        rules.iter().for_each(|rule| output.line(format_args!("    {rule}")));
    }
}

fn of_grant(grant: &Grant) -> Line<'_> {
    let key = Some(grant.key.to_string());
    Line { name: grant.name.as_str(), state: "guest", key, expires: None, rules: texts(&grant.rules) }
}

fn of_invitation(invitation: &Invitation, now: Timestamp) -> Line<'_> {
    let state = match invitation.state(now) {
        InvitationState::Open => "invited",
        InvitationState::Used => "used",
        InvitationState::Expired => "expired",
    };
    let (name, expires) = (invitation.name.as_str(), Some(invitation.expires.whole_seconds()));
    Line { name, state, key: None, expires, rules: texts(&invitation.rules) }
}

fn texts(rules: &[Rule]) -> Vec<String> {
    rules.iter().map(ToString::to_string).collect()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}
