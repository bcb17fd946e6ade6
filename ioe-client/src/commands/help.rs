//! HELP: the commands, each with an example. Must not know how they work.

use crate::client::Client;
use crate::failure::Code;
use crate::render::HelpLine;
use shared_folder::remote::Repeat;

const LINES: &[HelpLine] = &[
    HelpLine {
        usage: "CONNECT host port | ioe://line",
        text: "connects to a server or a peer; its ioe:// line says whose key answers",
        example: "CONNECT 127.0.0.1 10000",
    },
    HelpLine {
        usage: "LIST [-r] [folder | pattern]  (ls)",
        text: "lists a folder, or what matches; -r all below it",
        example: "LIST music",
    },
    HelpLine {
        usage: "READ [-r] [--dry-run] path... [local]  (get)",
        text: "downloads and verifies; globs, -r for folders, - is standard output",
        example: "READ music/*.mp3 songs/",
    },
    HelpLine {
        usage: "WRITE [-r] [--new] [--if-digest D] [--dry-run] local... [path]  (put)",
        text: "uploads; --new replaces nothing, --if-digest only D; --dry-run: only says",
        example: "WRITE \"my song.mp3\" music/",
    },
    HelpLine {
        usage: "RENAME [--replace] old new  (change, mv)",
        text: "gives a file or folder another path; --replace takes one that is in use",
        example: "RENAME a.txt old/a.txt",
    },
    HelpLine {
        usage: "DELETE [-r] path...  (rm)",
        text: "deletes files and empty folders; -r a folder with all in it",
        example: "DELETE -r old",
    },
    HelpLine { usage: "MKDIR path", text: "makes a folder with its parents", example: "MKDIR photos/2026" },
    HelpLine { usage: "STAT path", text: "shows one entry with its digest", example: "STAT film.mov" },
    HelpLine {
        usage: "SEARCH words",
        text: "finds entries whose path has all the words",
        example: "SEARCH song live",
    },
    HelpLine {
        usage: "CD [folder]",
        text: "later paths start there; .. leads up, / to the top",
        example: "CD music",
    },
    HelpLine { usage: "HELP", text: "shows this", example: "HELP" },
    HelpLine { usage: "BYE", text: "ends the session; CONNECT opens another", example: "BYE" },
    HelpLine { usage: "QUIT  (exit)", text: "leaves the program", example: "QUIT" },
];

const FORMS: &str = "\
Commands are taken in any case, in two forms: READ \"my song.mp3\" copy.mp3, or
with commas READ,my song.mp3,copy.mp3; the form with commas takes no options.";

pub(super) fn run(client: &mut Client) -> Result<(), Code> {
    LINES.iter().for_each(|line| client.report.help(*line));
    client.report.say(FORMS);
    // What the server has to say is a supplement: without a connection there is none.
    if let Ok(remote) = client.remote()
        && let Ok(topics) = remote.ask(Repeat::Harmless, |session| session.topics())
    {
        client.report.topics(&topics);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{first_name, understand};

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
        let helped: Vec<_> =
            LINES.iter().filter_map(|line| first_name(line.usage.split([' ']).next()?)).collect();
        for name in crate::command::names() {
            assert!(helped.contains(&first_name(&name).unwrap()), "{name}");
        }
        for line in LINES {
            assert!(understand(line.example).unwrap().command.is_ok(), "{}", line.example);
        }
    }
}
