//! What a daemon's console shows of its connections, for people.
//!
//! It must not know what is done on them, nor where the text goes.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::escape::Escaped;
use crate::quantity;

/// One connection, as a line of STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session<'a> {
    /// Its number since the daemon's start.
    pub id: u64,
    /// The other end.
    pub address: SocketAddr,
    /// How long it has been there.
    pub age: Duration,
    /// Payload bytes in both directions, so far.
    pub byte_count: u64,
    /// The request that runs, if any; not escaped.
    pub running: Option<&'a str>,
    /// Whose connection it is, where that is known; not escaped.
    pub who: Option<&'a str>,
}

impl fmt::Display for Session<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = quantity::bytes_per_second(self.byte_count, self.age);
        write!(
            formatter,
            "{:>6}  {:<21}  {:>6}s  {:>10}  {:>12}  {}",
            self.id,
            self.address,
            self.age.as_secs(),
            quantity::size(self.byte_count),
            quantity::rate(rate),
            Escaped(self.running.unwrap_or("idle").trim_end()),
        )?;
        self.who.map_or(Ok(()), |who| write!(formatter, "  ({})", Escaped(who)))
    }
}

/// The line above those of the sessions: how many there are and how many are busy.
pub fn summary(sessions: &[Session<'_>]) -> String {
    let running = sessions.iter().filter(|session| session.running.is_some()).count();
    format!("{}, {running} with a request running", connections(sessions.len()))
}

/// A number of connections: `1 connection`, `2 connections`.
pub fn connections(count: usize) -> String {
    match count {
        1 => "1 connection".to_owned(),
        many => format!("{many} connections"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(running: Option<&str>) -> Session<'_> {
        let address = "127.0.0.1:9".parse().unwrap();
        Session { id: 7, address, age: Duration::from_secs(2), byte_count: 3072, running, who: None }
    }

    #[test]
    fn a_line_has_its_columns_and_no_name_acts_on_the_terminal() {
        let line = session(Some("read a\u{1b}b ")).to_string();
        assert_eq!(line, "     7  127.0.0.1:9                 2s     3.0 KiB     1.5 KiB/s  read a\\u{1b}b");
        assert!(session(None).to_string().ends_with("  idle"));
        let known = Session { who: Some("al\u{1b}ice"), ..session(None) };
        assert!(known.to_string().ends_with("  idle  (al\\u{1b}ice)"), "{known}");
    }

    #[test]
    fn the_summary_counts_all_and_the_busy_ones() {
        let sessions = [session(None), session(Some("list"))];
        assert_eq!(summary(&sessions), "2 connections, 1 with a request running");
        assert_eq!(summary(&[]), "0 connections, 0 with a request running");
        assert_eq!(connections(1), "1 connection");
    }
}
