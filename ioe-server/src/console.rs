//! The daemon's console: QUIT, FORCEQUIT, STATUS, HELP, in any case.

use program::console_input::ConsoleEvent;
use program::escape::Escaped;
use program::output::Output;
use program::quantity;
use program::stop::StopHandle;
use program::typed;
use wire::net::service::{Service, SessionStatus};

const HELP: &str = "\
QUIT       wait for running requests, then stop
FORCEQUIT  stop at once
STATUS     connections, what they do, and how much they moved
HELP       this list";

/// Carries out one line of the console.
pub(crate) fn obey(event: &ConsoleEvent, service: &Service, stop: &StopHandle, output: &Output) {
    let ConsoleEvent::Line(line) = event else { return };
    let typed = match line
        .as_ref()
        .map_err(ToString::to_string)
        .and_then(|line| typed::parse(line).map_err(|error| error.to_string()))
    {
        Ok(Some(typed)) => typed,
        Ok(None) => return,
        Err(error) => return output.line(error),
    };
    match typed.word.to_ascii_uppercase().as_str() {
        "QUIT" | "EXIT" => stop.drain(),
        "FORCEQUIT" => stop.force(),
        "STATUS" => status(service, output),
        "HELP" => output.line(HELP),
        _ => output.line(format_args!("command not recognized: {}", Escaped(&typed.word))),
    }
    output.flush();
}

fn status(service: &Service, output: &Output) {
    let sessions = service.sessions();
    let running = sessions.iter().filter(|session| session.running.is_some()).count();
    output.line(format_args!("{}, {running} with a request running", connections(sessions.len())));
    sessions.iter().for_each(|session| output.line(session_line(session)));
}

fn session_line(session: &SessionStatus) -> String {
    let age = session.since.elapsed();
    let doing = session.running.as_deref().unwrap_or("idle");
    let rate = quantity::bytes_per_second(session.byte_count, age);
    format!(
        "{:>6}  {:<21}  {:>6}s  {:>10}  {:>12}  {}",
        session.id,
        session.address,
        age.as_secs(),
        quantity::size(session.byte_count),
        quantity::rate(rate),
        Escaped(doing.trim_end()),
    )
}

/// A number of connections, for people.
pub(crate) fn connections(count: usize) -> String {
    match count {
        1 => "1 connection".to_owned(),
        many => format!("{many} connections"),
    }
}
