//! From a name to what has to be typed for it.
//!
//! It must not know where the name comes from, nor whether a terminal may show it.

use std::borrow::Cow;

use super::grammar::{is_quote, is_separator};

/// The space form's spelling of a name: the name itself where that is enough, else with quotes.
///
/// Quotes are double ones, single ones round a name with double quotes, and a part for each kind, one
/// directly after the other, round a name with both: every name has a spelling that
/// [`parse`](super::parse) reads as that one argument. A name with a line end has one too, although
/// nobody can type it. For a terminal, hidden characters still have to be escaped.
pub fn quote(name: &str) -> Cow<'_, str> {
    let needs_quotes =
        name.is_empty() || name.contains(is_separator) || name.starts_with(|c| c == '-' || is_quote(c));
    if !needs_quotes {
        return Cow::Borrowed(name);
    }
    let mut spelling = String::with_capacity(name.len().saturating_add(2));
    let mut rest = name;
    loop {
        let quote = quote_for(rest);
        let (part, after) = rest.split_at(rest.find(quote).unwrap_or(rest.len()));
        spelling.extend([quote.encode_utf8(&mut [0; 4]), part, quote.encode_utf8(&mut [0; 4])]);
        rest = after;
        if rest.is_empty() {
            return Cow::Owned(spelling);
        }
    }
}

/// The kind of quote that does not come first in the text, so that each part takes at least a character.
fn quote_for(text: &str) -> char {
    if text.chars().find(|c| is_quote(*c)) == Some('"') { '\'' } else { '"' }
}

#[cfg(test)]
mod tests {
    use super::super::{Argument, KnownOption, parse};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_quoted_only_where_it_is_needed() {
        for name in ["song.mp3", "don't.mp3", "a\\b", "#1", "a,b", "5\"disk", "x\u{a0}y"] {
            assert_eq!(quote(name), name);
        }
        assert_eq!(quote(""), "\"\"");
        assert_eq!(quote("my song"), "\"my song\"");
        assert_eq!(quote("-r"), "\"-r\"");
        assert_eq!(quote("\"x\""), "'\"x\"'");
        assert_eq!(quote("it's me"), "\"it's me\"");
        assert_eq!(quote("it's \"me\" x"), "\"it's \"'\"me\" x'");
    }

    proptest! {
        #[test]
        fn any_argument_list_can_be_quoted_and_read_back(
            names in prop::collection::vec("([a-c \"'\\\\#,-]|.|\n){0,12}", 0..6)
        ) {
            let line = names.iter().fold("READ".to_owned(), |line, name| line + " " + &quote(name));
            let typed = parse(&line).unwrap().unwrap();
            let texts: Vec<&str> = typed.arguments.iter().map(|a: &Argument| a.text.as_str()).collect();
            prop_assert_eq!(&texts, &names);
            let operands = typed.split(&[KnownOption::flag(&["-a", "-b"])]).unwrap().operands;
            prop_assert_eq!(operands, typed.arguments);
        }
    }
}
