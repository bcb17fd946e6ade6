//! Which arguments of a typed command are options.
//!
//! It must not know any option: each command names its own.

use thiserror::Error;

use super::grammar::{Argument, Form, Typed};
use crate::escape::Escaped;

/// An option that a command knows, under one or more names with their dashes: `-r`, `--recursive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownOption {
    names: &'static [&'static str],
    takes_value: bool,
}

impl KnownOption {
    /// An option that is there or not.
    pub const fn flag(names: &'static [&'static str]) -> Self {
        Self { names, takes_value: false }
    }

    /// An option with a value, typed `--name value` or `--name=value`.
    pub const fn valued(names: &'static [&'static str]) -> Self {
        Self { names, takes_value: true }
    }
}

/// The arguments of a command, its options taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operands {
    /// The other arguments, in their order.
    pub operands: Vec<Argument>,
    options: Vec<(KnownOption, Option<String>)>,
}

/// Why the arguments make no sense as options.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionError {
    /// An option that the command does not know.
    #[error("{command} has no option {}: put -- before a name that starts with -, or quotes round it", Escaped(.option))]
    Unknown {
        /// The command word, as typed.
        command: String,
        /// The option, as typed.
        option: String,
    },
    /// An option that needs a value, and nothing after it.
    #[error("the option {option} needs a value after it")]
    MissingValue {
        /// The option, as typed.
        option: String,
    },
    /// A flag with a value.
    #[error("the option {option} takes no value")]
    UnexpectedValue {
        /// The option, as typed, without the value.
        option: String,
    },
    /// An option whose value was given before.
    #[error("the option {option} is given twice")]
    Repeated {
        /// The option, as typed the second time.
        option: String,
    },
}

impl Operands {
    /// Whether the option was given, under whichever of its names; `name` is any of them.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value of the option, if it was given; `name` is any of its names.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.find(name).and_then(|(_, value)| value.as_deref())
    }

    fn find(&self, name: &str) -> Option<&(KnownOption, Option<String>)> {
        self.options.iter().find(|(option, _)| option.names.contains(&name))
    }

    /// Keeps an option; giving a flag twice is harmless, two values are not.
    fn keep(&mut self, typed: &str, option: KnownOption, value: Option<String>) -> Result<(), OptionError> {
        let given_before = self.options.iter().any(|(given, _)| *given == option);
        if given_before && option.takes_value {
            return Err(OptionError::Repeated { option: typed.to_owned() });
        }
        if !given_before {
            self.options.push((option, value));
        }
        Ok(())
    }
}

impl Typed {
    /// Separates options from operands.
    ///
    /// In the space form, an argument without quotes that starts with `-` and has more than that is an
    /// option, until `--` ends them; a single `-` is an operand. A value may not look like an option
    /// unless it is quoted. In the comma form every argument is an operand.
    pub fn split(&self, known: &[KnownOption]) -> Result<Operands, OptionError> {
        let mut result = Operands::default();
        if self.form == Form::Comma {
            result.operands = self.arguments.clone();
            return Ok(result);
        }
        let mut rest = self.arguments.iter();
        while let Some(argument) = rest.next() {
            if !looks_like_option(argument) {
                result.operands.push(argument.clone());
            } else if argument.text == "--" {
                result.operands.extend(rest.by_ref().cloned());
            } else {
                let (name, attached) = name_and_value(&argument.text);
                let option = self.known_option(known, name)?;
                let value = value_of(option, name, attached, &mut rest)?;
                result.keep(name, option, value)?;
            }
        }
        Ok(result)
    }

    fn known_option(&self, known: &[KnownOption], name: &str) -> Result<KnownOption, OptionError> {
        known.iter().copied().find(|option| option.names.contains(&name)).ok_or_else(|| {
            OptionError::Unknown { command: self.word.to_uppercase(), option: name.to_owned() }
        })
    }
}

fn looks_like_option(argument: &Argument) -> bool {
    !argument.quoted && argument.text.starts_with('-') && argument.text != "-"
}

/// `--name=value` taken apart; short options have no `=`.
fn name_and_value(text: &str) -> (&str, Option<&str>) {
    match text.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name, Some(value)),
        _ => (text, None),
    }
}

fn value_of<'a>(
    option: KnownOption,
    name: &str,
    attached: Option<&str>,
    rest: &mut impl Iterator<Item = &'a Argument>,
) -> Result<Option<String>, OptionError> {
    match (option.takes_value, attached) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(OptionError::UnexpectedValue { option: name.to_owned() }),
        (true, Some(value)) => Ok(Some(value.to_owned())),
        (true, None) => match rest.next() {
            Some(value) if !looks_like_option(value) => Ok(Some(value.text.clone())),
            _ => Err(OptionError::MissingValue { option: name.to_owned() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use proptest::prelude::*;

    const KNOWN: &[KnownOption] = &[
        KnownOption::flag(&["-r", "--recursive"]),
        KnownOption::flag(&["--new"]),
        KnownOption::valued(&["--if-digest"]),
    ];

    fn split(line: &str) -> Result<Operands, OptionError> {
        parse(line).unwrap().unwrap().split(KNOWN)
    }

    fn operands(line: &str) -> Vec<String> {
        split(line).unwrap().operands.into_iter().map(|argument| argument.text).collect()
    }

    #[test]
    fn options_may_stand_anywhere_and_under_any_of_their_names() {
        let split = split("WRITE --recursive a --if-digest 00ff b").unwrap();
        assert!(split.has("-r") && split.has("--recursive") && !split.has("--new"));
        assert_eq!(split.value("--if-digest"), Some("00ff"));
        assert_eq!(operands("WRITE --recursive a --if-digest 00ff b"), ["a", "b"]);
    }

    #[test]
    fn quotes_dashes_and_the_comma_form_make_names_of_options() {
        assert_eq!(operands("READ \"-r\" - -- -x --"), ["-r", "-", "-x", "--"]);
        assert_eq!(operands("READ,-r,--"), ["-r", "--"]);
    }

    #[test]
    fn an_unknown_option_is_named() {
        let error = split("Read -x").unwrap_err();
        assert_eq!(error, OptionError::Unknown { command: "READ".into(), option: "-x".into() });
        assert!(error.to_string().starts_with("READ has no option -x: put --"), "{error}");
        assert!(split("READ -rx").is_err());
    }

    #[test]
    fn values_are_needed_where_they_belong_and_only_there() {
        let option = || "--if-digest".to_owned();
        assert_eq!(split("W --if-digest=a=b").unwrap().value("--if-digest"), Some("a=b"));
        assert_eq!(split("W --if-digest '-r'").unwrap().value("--if-digest"), Some("-r"));
        assert_eq!(split("W --if-digest"), Err(OptionError::MissingValue { option: option() }));
        assert_eq!(split("W --if-digest -r"), Err(OptionError::MissingValue { option: option() }));
        assert_eq!(split("W --new=x"), Err(OptionError::UnexpectedValue { option: "--new".into() }));
        assert_eq!(split("W --if-digest a --if-digest b"), Err(OptionError::Repeated { option: option() }));
        assert!(split("W -r -r --recursive").is_ok());
    }

    proptest! {
        #[test]
        fn no_arguments_panic(line in "w( -r| --new=?| --if-digest=?| --| -|[a-z\"=]){0,8}") {
            if let Ok(Some(typed)) = parse(&line) {
                let _ = typed.split(KNOWN);
            }
        }
    }
}
