//! Small requests over few and over many connections: what a path is, and a file of 1 KiB.
//!
//! It must not know how an answer looks, but for the words that ask for it.

use std::fs;

use super::contenders::{nginx, ours, ours_quiet};
use super::load::{self, Asked, LOAD};
use super::site::{Contender, Site};
use super::table::{Row, Table, Unit};
use super::{Bench, rounds};

/// The file that is asked for.
const NAME: &str = "small.txt";
/// How long it is.
const BYTE_COUNT: usize = 1024;

/// Asks both servers for both things over each number of connections.
pub(crate) fn run(bench: &Bench) -> Table {
    let mut rows = Vec::new();
    for (what, of_ours, of_nginx) in
        [("STAT", Asked::Stat, Asked::Head), ("READ of 1 KiB", Asked::Read, Asked::Get)]
    {
        for count in &bench.sizes.connection_counts {
            rows.extend(compare(bench, what, *count, [of_ours, of_nginx]));
        }
    }
    let unit = Unit {
        name: "requests/s",
        cpu_divisor: 1.0,
        cpu_names: ["client CPU s", "server CPU s"],
        has_first_line: false,
    };
    let time = bench.sizes.load_time;
    let title = format!(
        "requests: one after the other on each connection, for {time:?}; the client is one thread; nginx is asked by HEAD and \
         GET and logs nothing, ioe logs each request (-q: none)"
    );
    Table::of_rows("requests", title, &unit, &rows)
}

fn compare(bench: &Bench, what: &str, count: usize, asked: [Asked; 2]) -> Vec<Row> {
    let what = match count {
        1 => format!("{what}, 1 connection"),
        count => format!("{what}, {count} connections"),
    };
    let reference = format!("nginx, {what}");
    let contenders = vec![
        Contender { name: "ioe", needs: &[], system: ours, client: Site::nothing, is_fresh: false },
        Contender { name: "ioe -q", needs: &[], system: ours_quiet, client: Site::nothing, is_fresh: false },
        Contender {
            name: "nginx",
            needs: &[("nginx", "nginx")],
            system: nginx,
            client: Site::nothing,
            is_fresh: false,
        },
    ];
    let content: Vec<u8> = (0..BYTE_COUNT).map(|index| b'a' + u8::try_from(index % 26).unwrap()).collect();
    let mut places =
        rounds::open(bench, contenders, |ground| fs::write(ground.share().join(NAME), &content).unwrap());
    rounds::play(bench, &mut places, |place, sizes| {
        let asked = if place.name() == "nginx" { asked[1] } else { asked[0] };
        let mut command = place.site.itself();
        command.arg(LOAD).arg(place.site.address.to_string()).arg(asked.word()).arg(NAME);
        command.arg(count.to_string()).arg(sizes.load_time.as_millis().to_string());
        let trial = place.run_this(command);
        (load::rate_of(&trial.output), trial)
    });
    let rows = rounds::rows(places, &reference);
    rows.into_iter().map(|row| Row { name: format!("{}, {what}", row.name), ..row }).collect()
}
