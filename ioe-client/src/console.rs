//! The console: a prompt that shows where one is, history, completion, and commands until QUIT.
//!
//! Must not know what a command does.

use crate::completion::{Completion, Standing};
use crate::interrupt::Interrupt;
use crate::run::{Next, Run};
use program::prompt::{Prompt, PromptLine};
use program::state_folder::StateFolder;

const WELCOME: &str = "HELP lists the commands, QUIT leaves.";

/// Runs commands until QUIT or the end of input. A failure is reported, and the next line asked for.
pub(crate) fn run(run: &mut Run<'_>, state: &StateFolder, interrupt: &Interrupt) {
    let standing = Standing::default();
    let mut prompt = match Prompt::open(state, Box::new(Completion::new(standing.clone()))) {
        Ok(prompt) => prompt,
        Err(error) => {
            log::error!("{}", program::logging::WithCauses(&error));
            return;
        }
    };
    interrupt.set_terminal(prompt.terminal());
    run.client.report.note(WELCOME);
    loop {
        standing.set(run.client.dialer(), &run.client.here, &run.client.config.dir);
        match prompt.read_line(&prompt_text(run)) {
            PromptLine::Line(line) => {
                if run.line(&line, true) == Next::Stop {
                    return;
                }
            }
            PromptLine::Interrupted => {}
            PromptLine::End => return,
        }
    }
}

fn prompt_text(run: &Run<'_>) -> String {
    let folder = run.client.here.folder().map(|folder| format!("/{folder}"));
    match run.client.address() {
        Some(address) => format!("ioe {address}{}> ", folder.unwrap_or_default()),
        None => "ioe> ".to_owned(),
    }
}
