//! Shell completions and the manual page, made from the options themselves.
//!
//! It must not know any option.

use std::io::{self, Write};

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

/// What `--generate` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// Completions for bash
    CompletionsBash,
    /// Completions for zsh
    CompletionsZsh,
    /// Completions for fish
    CompletionsFish,
    /// The manual page, in troff
    Man,
}

/// Writes what was asked for. The command's name is the program's in the text, so it has to be set.
pub fn generate(command: Command, what: Generate, output: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    match what {
        Generate::CompletionsBash => completions(command, Shell::Bash, &mut text),
        Generate::CompletionsZsh => completions(command, Shell::Zsh, &mut text),
        Generate::CompletionsFish => completions(command, Shell::Fish, &mut text),
        Generate::Man => Man::new(command).render(&mut text)?,
    }
    output.write_all(&text)?;
    output.flush()
}

/// Into memory, because clap_complete panics where it cannot write.
fn completions(mut command: Command, shell: Shell, text: &mut Vec<u8>) {
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, text);
}

#[cfg(test)]
mod tests {
    use super::super::CommonOptions;
    use super::*;
    use clap::Args;

    #[test]
    fn every_kind_is_made_and_names_the_program_and_its_options() {
        for what in Generate::value_variants() {
            let command = CommonOptions::augment_args(Command::new("ioe-test"));
            let mut text = Vec::new();
            generate(command, *what, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap().replace('\\', "");
            assert!(text.contains("ioe-test") && text.contains("state-dir"), "{what:?}: {text}");
        }
    }

    #[test]
    fn the_kinds_have_the_names_of_the_contract() {
        let names = Generate::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
        assert_eq!(names, ["completions-bash", "completions-zsh", "completions-fish", "man"]);
    }

    #[test]
    fn a_closed_output_is_an_error_and_no_panic() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        let command = CommonOptions::augment_args(Command::new("ioe-test"));
        let error = generate(command, Generate::CompletionsBash, &mut writer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
