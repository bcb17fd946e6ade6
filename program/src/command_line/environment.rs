//! Gives every option an environment variable.
//!
//! It must not know any option by name, except those that make no sense in an environment.

use std::env;

use clap::builder::{BoolishValueParser, TypedValueParser};
use clap::{Arg, ArgAction, Command};

/// Options that ask for something else than the program's work.
const WITHOUT_VARIABLE: [&str; 3] = ["help", "version", "generate"];

/// Gives each option that has none the environment variable `PREFIX_LONG_NAME`, in subcommands too:
/// `--max-connections` becomes `IOE_MAX_CONNECTIONS`. What is typed wins over the variable.
///
/// - A flag is on with `1`, `true`, `yes`, `y`, `t` or `on` and off with `0`, `false`, `no`, `n`, `f` or
///   `off`, in any case; anything else is wrong usage.
/// - A counted option (`--verbose`) takes its count: `IOE_VERBOSE=2`.
/// - A repeatable option takes one value, or several where it has a delimiter on the command line too;
///   what is typed replaces them.
/// - An empty variable is as good as none.
/// - clap counts a variable as given, so `conflicts_with` also looks at variables.
///
/// Arguments without a long name have no variable. The help shows the names, never the values.
pub fn with_environment(command: Command, prefix: &str) -> Command {
    command
        .mut_args(|argument| match variable_name(&argument, prefix) {
            Some(name) => with_variable(argument, name),
            None => argument,
        })
        .mut_subcommands(|subcommand| with_environment(subcommand, prefix))
}

fn variable_name(argument: &Arg, prefix: &str) -> Option<String> {
    let long = argument.get_long()?;
    let is_without = argument.get_env().is_some() || WITHOUT_VARIABLE.contains(&long);
    (!is_without).then(|| format!("{prefix}_{}", long.replace('-', "_").to_uppercase()))
}

fn with_variable(argument: Arg, name: String) -> Arg {
    let is_flag = matches!(argument.get_action(), ArgAction::SetTrue | ArgAction::SetFalse);
    // clap reads the variable in `env`, so it is the place to treat an empty one as none.
    if env::var_os(&name).is_some_and(|value| value.is_empty()) {
        return argument;
    }
    let argument = argument.env(name).hide_env_values(true);
    if is_flag { argument.value_parser(flag_value()) } else { argument }
}

/// clap's own reader of flags takes only `true` and `false`.
fn flag_value() -> impl TypedValueParser<Value = bool> {
    BoolishValueParser::new()
}
