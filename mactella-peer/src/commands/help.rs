//! HELP: the commands, each with an example. Must not know how they work.

use super::{Order, Outcome};
use crate::render::HelpLine;

const LINES: &[HelpLine] = &[
    HelpLine { usage: "LISTL  (ls)", text: "lists this peer's own files", example: "LISTL" },
    HelpLine {
        usage: "LISTR host port",
        text: "lists the files of another peer, or of an ioe-server",
        example: "LISTR 127.0.0.1 10001",
    },
    HelpLine {
        usage: "SEARCH words [ttl]",
        text: "finds files by words of their paths, or by digest:HEX, ttl (7) links far",
        example: "SEARCH live song 3",
    },
    HelpLine {
        usage: "DISCOVER ttl",
        text: "asks who is there, and adds who answers to the peer list",
        example: "DISCOVER 7",
    },
    HelpLine {
        usage: "GET [--replace] path host port",
        text: "downloads a file from that peer into the own folder, verified",
        example: "GET \"music/my song.mp3\" 127.0.0.1 10001",
    },
    HelpLine {
        usage: "GET [--replace] words",
        text: "searches and downloads the best result; several words need quotes",
        example: "GET \"my song\"",
    },
    HelpLine {
        usage: "CONNECT host port",
        text: "opens a link to that peer and keeps it as known",
        example: "CONNECT 127.0.0.1 10001",
    },
    HelpLine { usage: "PEERS", text: "shows the peer list", example: "PEERS" },
    HelpLine {
        usage: "RESET",
        text: "forgets learned addresses; known ones and links stay",
        example: "RESET",
    },
    HelpLine { usage: "STATUS", text: "shows links, transfers and counters", example: "STATUS" },
    HelpLine { usage: "HELP", text: "shows this", example: "HELP" },
    HelpLine { usage: "BYE", text: "leaves an attached console; the peer runs on", example: "BYE" },
    HelpLine { usage: "QUIT  (exit)", text: "waits for what runs, then stops the peer", example: "QUIT" },
    HelpLine { usage: "FORCEQUIT", text: "stops the peer at once", example: "FORCEQUIT" },
];

const FORMS: &str = "\
Commands are taken in any case, in two forms: GET \"my song.mp3\" host port, or
with commas GET,my song.mp3,host,port; the form with commas takes no options.
Instead of host port stands ioe://host:port/#KEY where only that key will do.";

pub(super) fn run(order: &Order<'_>) -> Outcome {
    LINES.iter().for_each(|line| order.report.help(*line));
    FORMS.lines().for_each(|line| order.report.say(line));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{names, understand};
    use program::typed::parse;

    #[test]
    fn help_fits_on_a_narrow_terminal() {
        for line in LINES {
            let texts = line.usage.lines().chain(line.text.lines());
            texts.for_each(|text| assert!(text.len() <= 76, "{text}"));
        }
        FORMS.lines().for_each(|text| assert!(text.len() <= 80, "{text}"));
    }

    #[test]
    fn every_command_has_help_and_every_example_is_one() {
        let name_of = |text: &str| understand(&parse(text).unwrap().unwrap()).name;
        let helped: Vec<_> = LINES.iter().map(|line| name_of(line.usage)).collect();
        for name in names() {
            assert!(helped.contains(&name_of(&name)), "{name}");
        }
        for line in LINES {
            let understood = understand(&parse(line.example).unwrap().unwrap());
            assert!(understood.command.is_ok(), "{}", line.example);
        }
    }
}
