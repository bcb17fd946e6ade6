//! From a typed line to a word and its arguments.
//!
//! It must not know options: in the space form they are arguments like the others.

use thiserror::Error;

/// The longest command line, in bytes: room for a path of the greatest length in each argument of any
/// command, and little enough to be read into memory before it is looked at.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// A command as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The command word, as typed: `Read`.
    pub word: String,
    /// Which of the two forms was used.
    pub form: Form,
    /// What came after the word.
    pub arguments: Vec<Argument>,
}

/// The two forms of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `READ,my song.mp3,copy.mp3`: only commas and double quotes mean something.
    Comma,
    /// `READ "my song.mp3" copy.mp3`: with options.
    Space,
}

/// One argument, its quotes removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// What the argument says.
    pub text: String,
    /// Whether it had quotes: a quoted `-r` is a name, and a quoted last number no ttl.
    pub quoted: bool,
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TypedError {
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("a command line is at most {LINE_BYTES_MAX} bytes long, and this one has {byte_count}")]
    TooLong {
        /// The length of the line.
        byte_count: usize,
    },
    /// A quote without its other end.
    #[error(
        "the quote {quote} at character {column} is not closed: add a second {quote} after the name, or put \
         the other kind of quote around a name that contains a {quote}"
    )]
    Unclosed {
        /// `"` or `'`.
        quote: char,
        /// The quote's place in the line, in characters from 1.
        column: usize,
    },
    /// A line that starts with a comma.
    #[error("a command is expected before the comma")]
    NoWord,
}

impl Typed {
    /// Whether the word is this command, in any case.
    pub fn is(&self, command: &str) -> bool {
        self.word.eq_ignore_ascii_case(command)
    }
}

/// Takes a line apart; `None` for a blank one.
///
/// A comma right after the command word chooses the comma form. There the rest is split at commas outside
/// double quotes, white space around each argument is cut off and double quotes are removed; between
/// two commas stands an empty argument, and nothing at all after the first comma is no argument.
///
/// Otherwise white space separates arguments. A quote of either kind at the start of an argument reaches
/// to the next one of its kind, and what follows without a space belongs to the same argument:
/// `"my song".mp3` is one name, and so is `"it's "'"it"'`, where the second quote follows the first at
/// once. Later in an argument a quote is a character like any other, as backslash and `#` are everywhere.
///
/// White space is that of ASCII; Unicode's other spaces belong to names.
pub fn parse(line: &str) -> Result<Option<Typed>, TypedError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(TypedError::TooLong { byte_count: line.len() });
    }
    let start = line.trim_start_matches(is_separator);
    let word_end = start.find(|c| c == ',' || is_separator(c)).unwrap_or(start.len());
    let (word, rest) = start.split_at(word_end);
    let (form, arguments) = match rest.strip_prefix(',') {
        Some(_) if word.is_empty() => return Err(TypedError::NoWord),
        Some(rest) => (Form::Comma, comma_arguments(line, rest)?),
        None if word.is_empty() => return Ok(None),
        None => (Form::Space, space_arguments(line, rest)?),
    };
    Ok(Some(Typed { word: word.to_owned(), form, arguments }))
}

/// White space that separates arguments.
pub(super) fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

/// A quote that may open a quoted part of the space form.
pub(super) fn is_quote(character: char) -> bool {
    matches!(character, '"' | '\'')
}

fn comma_arguments(line: &str, rest: &str) -> Result<Vec<Argument>, TypedError> {
    if rest.trim_matches(is_separator).is_empty() {
        return Ok(Vec::new());
    }
    let mut inside = false;
    let arguments = rest
        .split(|character| {
            inside ^= character == '"';
            character == ',' && !inside
        })
        .map(|text| Argument {
            text: text.trim_matches(is_separator).replace('"', ""),
            quoted: text.contains('"'),
        })
        .collect();
    // An odd number of quotes: the last one opened something.
    match rest.rfind('"') {
        Some(last) if inside => Err(unclosed(line, '"', rest.len().saturating_sub(last))),
        _ => Ok(arguments),
    }
}

fn space_arguments(line: &str, mut rest: &str) -> Result<Vec<Argument>, TypedError> {
    let mut arguments = Vec::new();
    loop {
        rest = rest.trim_start_matches(is_separator);
        if rest.is_empty() {
            return Ok(arguments);
        }
        let (argument, after) = space_argument(line, rest)?;
        arguments.push(argument);
        rest = after;
    }
}

/// Reads one argument from the start of `rest`, and gives what comes after it.
fn space_argument<'a>(line: &str, mut rest: &'a str) -> Result<(Argument, &'a str), TypedError> {
    let mut argument = Argument { text: String::new(), quoted: false };
    while let Some(quote) = rest.chars().next().filter(|first| is_quote(*first)) {
        let opened = rest.strip_prefix(quote).unwrap_or_default();
        let (inside, after) = opened.split_once(quote).ok_or_else(|| unclosed(line, quote, rest.len()))?;
        argument.text.push_str(inside);
        argument.quoted = true;
        rest = after;
    }
    let (bare, after) = rest.split_at(rest.find(is_separator).unwrap_or(rest.len()));
    argument.text.push_str(bare);
    Ok((argument, after))
}

/// The error for a quote that stands `bytes_from_end` before the end of the line.
fn unclosed(line: &str, quote: char, bytes_from_end: usize) -> TypedError {
    let place = line.len().saturating_sub(bytes_from_end);
    let before = line.char_indices().take_while(|(index, _)| *index < place).count();
    TypedError::Unclosed { quote, column: before.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(line: &str) -> Vec<String> {
        parse(line).unwrap().unwrap().arguments.into_iter().map(|argument| argument.text).collect()
    }

    fn quoted(line: &str) -> Vec<bool> {
        parse(line).unwrap().unwrap().arguments.iter().map(|argument| argument.quoted).collect()
    }

    #[test]
    fn a_blank_line_is_no_command() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse(" \t\r\n"), Ok(None));
    }

    #[test]
    fn a_comma_right_after_the_word_chooses_the_comma_form() {
        let typed = parse("  rEaD,my song.mp3 , copy.mp3").unwrap().unwrap();
        assert_eq!((typed.word.as_str(), typed.form), ("rEaD", Form::Comma));
        assert!(typed.is("read") && typed.is("READ") && !typed.is("reads"));
        assert_eq!(texts("READ,my song.mp3 , copy.mp3"), ["my song.mp3", "copy.mp3"]);
        assert_eq!(parse("READ ,a").unwrap().unwrap().form, Form::Space);
        assert_eq!(texts("READ ,a b,c"), [",a", "b,c"]);
    }

    #[test]
    fn the_comma_form_knows_only_commas_and_double_quotes() {
        assert_eq!(texts("READ,\"a, b.mp3\",don't \\ #1.mp3"), ["a, b.mp3", "don't \\ #1.mp3"]);
        assert_eq!(texts("READ,a\"b,c\"d,-r"), ["ab,cd", "-r"]);
        assert_eq!(texts("READ, \" a \" "), [" a "]);
        assert_eq!(quoted("SEARCH,jazz,\"7\",7"), [false, true, false]);
    }

    #[test]
    fn empty_arguments_of_the_comma_form_keep_their_place() {
        assert_eq!(texts("LISTR,,10001"), ["", "10001"]);
        assert_eq!(texts("READ,a,"), ["a", ""]);
        assert_eq!(texts("READ,\"\""), [""]);
        assert!(texts("LIST,").is_empty());
        assert!(texts("LIST,  ").is_empty());
    }

    #[test]
    fn the_space_form_takes_names_as_they_are() {
        assert_eq!(texts("READ don't.mp3 a\\b #1.mp3"), ["don't.mp3", "a\\b", "#1.mp3"]);
        assert_eq!(texts("get\t x\u{a0}y  z "), ["x\u{a0}y", "z"]);
        assert_eq!(texts("READ 5\"disk \"6' disk\""), ["5\"disk", "6' disk"]);
    }

    #[test]
    fn quotes_at_the_start_of_an_argument_hold_it_together() {
        assert_eq!(texts("READ \"my song.mp3\" 'other one'"), ["my song.mp3", "other one"]);
        assert_eq!(texts("READ \"my song\".mp3"), ["my song.mp3"]);
        assert_eq!(texts("READ \"it's \"'\"it\"'"), ["it's \"it\""]);
        assert_eq!(texts("READ '' x"), ["", "x"]);
        assert_eq!(quoted("SEARCH 7 \"7\" 'x'y z"), [false, true, true, false]);
    }

    #[test]
    fn an_unclosed_quote_is_named_with_its_place() {
        let unclosed = |quote, column| Err(TypedError::Unclosed { quote, column });
        assert_eq!(parse("READ \"my song.mp3"), unclosed('"', 6));
        assert_eq!(parse(" READ é 'x"), unclosed('\'', 9));
        assert_eq!(parse("READ,é\"x\",\"y"), unclosed('"', 11));
        let text = parse("READ 'x").unwrap_err().to_string();
        assert!(text.contains("the quote ' at character 6 is not closed: add"), "{text}");
    }

    #[test]
    fn a_comma_without_a_word_is_an_error() {
        assert_eq!(parse(" ,a"), Err(TypedError::NoWord));
    }

    #[test]
    fn a_line_may_have_its_limit_and_not_one_byte_more() {
        let longest = "x".repeat(LINE_BYTES_MAX);
        assert!(parse(&longest).is_ok());
        let byte_count = LINE_BYTES_MAX + 1;
        assert_eq!(parse(&format!("{longest}x")), Err(TypedError::TooLong { byte_count }));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "([a-z ,\"'\\\\#é\t\n-]|.){0,60}") {
            let _ = parse(&line);
        }

        #[test]
        fn any_names_can_be_joined_in_the_comma_form(
            names in prop::collection::vec("([a-z ,'\\\\#-]|[^\"]){0,12}", 1..6)
        ) {
            let line = names.iter().fold("W".to_owned(), |line, name| format!("{line},\"{name}\""));
            prop_assert_eq!(texts(&line), names);
        }
    }
}
