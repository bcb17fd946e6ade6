//! Makes text from outside fit for a terminal, a log or a line of plain output: a name may hold line ends,
//! escape sequences or characters that turn the reading direction round, and none of them may act.
//!
//! It must not know what the text means, nor where it goes.

use std::borrow::Cow;
use std::fmt;

/// Text that shows its hidden characters when it is displayed, for format strings:
/// `writeln!(out, "found {}", Escaped(name))`. Width and alignment are honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&for_terminal(self.0))
    }
}

/// The text with each hidden character (see [`is_hidden`]) written out: `\n`, `\r`, `\t`, or `\u{1b}`.
///
/// A backslash stays as it is, so that `a\b` looks like its name, except where it could be read as the
/// start of one of those spellings or of `\\`: there it is doubled. Different texts therefore always look
/// different.
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.contains(|c| is_hidden(c) || c == '\\') {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len().saturating_add(16));
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' if could_be_misread(rest.as_str()) => escaped.push_str("\\\\"),
            other => push_visible(&mut escaped, other),
        }
    }
    Cow::Owned(escaped)
}

/// Like [`for_terminal`], but backslashes are never doubled: for whole log messages, whose names were
/// escaped before. It never contains a line end, and doing it twice changes nothing.
pub fn for_log(message: &str) -> Cow<'_, str> {
    if is_plain(message) || !message.contains(is_hidden) {
        return Cow::Borrowed(message);
    }
    let mut escaped = String::with_capacity(message.len().saturating_add(16));
    message.chars().for_each(|character| push_visible(&mut escaped, character));
    Cow::Owned(escaped)
}

/// Whether a character shows nothing of its own or acts on its surroundings: controls (C0, DEL, C1),
/// bidirectional controls, zero-width and filler characters, line and paragraph separators, tags.
///
/// The list follows the default-ignorable code points of <https://www.unicode.org/reports/tr44/>, without
/// the variation selectors that every second emoji carries.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether it has nothing but visible ASCII and blanks, and no backslash, as most names: to see that takes the least time.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~') & (byte != b'\\'))
}

fn push_visible(escaped: &mut String, character: char) {
    match character {
        '\n' => escaped.push_str("\\n"),
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        hidden if is_hidden(hidden) => escaped.extend(hidden.escape_unicode()),
        plain => escaped.push(plain),
    }
}

/// Whether a backslash before `rest` would look like a spelling of ours.
fn could_be_misread(rest: &str) -> bool {
    rest.starts_with(|next| matches!(next, '\\' | 'n' | 'r' | 't') || is_hidden(next))
        || rest.starts_with("u{")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        for name in ["song.mp3", "Été à Paris", "日本語.txt", "don't", "a\\b", "❤\u{fe0f}", "a b", ""]
        {
            assert_eq!(for_terminal(name), name);
            assert_eq!(for_log(name), name);
        }
    }

    #[test]
    fn hidden_characters_are_written_out() {
        assert_eq!(for_terminal("a\nb\r\tc"), "a\\nb\\r\\tc");
        assert_eq!(for_terminal("\u{1b}[2J\u{7f}\u{9b}\0"), "\\u{1b}[2J\\u{7f}\\u{9b}\\u{0}");
        assert_eq!(for_terminal("x\u{202e}gpj.exe\u{2066}"), "x\\u{202e}gpj.exe\\u{2066}");
        assert_eq!(for_terminal("\u{200b}\u{2028}\u{feff}\u{61c}"), "\\u{200b}\\u{2028}\\u{feff}\\u{61c}");
    }

    #[test]
    fn a_backslash_is_doubled_only_where_it_could_be_misread() {
        assert_eq!(for_terminal("a\\nb"), "a\\\\nb");
        assert_eq!(for_terminal("a\\u{1b}"), "a\\\\u{1b}");
        assert_eq!(for_terminal("a\\under"), "a\\under");
        assert_eq!(for_terminal("a\\\n"), "a\\\\\\n");
        assert_eq!(for_terminal("a\\"), "a\\");
    }

    #[test]
    fn a_log_message_keeps_the_backslashes_of_escaped_names() {
        let once = for_log("a\\nb\nc").into_owned();
        assert_eq!(once, "a\\nb\\nc");
        assert_eq!(for_log(&once), once);
    }

    #[test]
    fn padding_works_in_format_strings() {
        assert_eq!(format!("{:>5}|{:<4}|", Escaped("a\n"), Escaped("b")), "  a\\n|b   |");
    }

    /// Reads back what [`for_terminal`] wrote.
    fn read_back(escaped: &str) -> String {
        let mut text = String::new();
        let mut rest = escaped;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            let Some(next) = rest.chars().next().filter(|_| character == '\\') else {
                text.push(character);
                continue;
            };
            match next {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                '\\' => text.push('\\'),
                'u' if rest.starts_with("u{") => {
                    let (code, after) = rest[2..].split_once('}').unwrap();
                    text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
                    rest = after;
                    continue;
                }
                _ => {
                    text.push('\\');
                    continue;
                }
            }
            rest = &rest[1..];
        }
        text
    }

    proptest! {
        #[test]
        fn different_texts_look_different_and_nothing_hidden_is_left(
            text in "([\\\\nrtu{}1b\n\t\u{1b}\u{202e}é]|.){0,40}"
        ) {
            let escaped = for_terminal(&text);
            prop_assert!(!escaped.contains(is_hidden));
            prop_assert_eq!(read_back(&escaped), text.as_str());
            prop_assert!(!for_log(&text).contains(is_hidden));
        }
    }
}
