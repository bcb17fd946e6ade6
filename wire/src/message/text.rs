//! Texts that one end writes for people at the other. Must not know what they say.

use crate::limits::REFUSAL_TEXT_BYTES_MAX;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

/// Text for the other end, cut at [`REFUSAL_TEXT_BYTES_MAX`].
#[must_use]
pub fn shortened(text: &str) -> String {
    let end = (0..=REFUSAL_TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

/// Whoever should have cut a text may be hostile: it is shown and logged, so whoever reads it cuts it, too.
pub(super) fn short<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Cow::<str>::deserialize(deserializer).map(|text| shortened(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::message::Reply;

    #[test]
    fn a_text_is_cut_at_its_limit_between_two_characters_by_who_writes_and_by_who_reads() {
        let long = "ü".repeat(REFUSAL_TEXT_BYTES_MAX);
        let odd = format!("x{long}");
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&long).len(), REFUSAL_TEXT_BYTES_MAX);
        assert_eq!(shortened(&odd).len(), REFUSAL_TEXT_BYTES_MAX - 1);
        for kind in ["refused", "failed"] {
            let line = format!(r#"{{"v":1,"type":"{kind}","id":1,"code":"busy","message":"{odd}"}}"#);
            let read = match codec::decode::<Reply>(line.as_bytes()).unwrap().message {
                Reply::Refused(refused) => refused.message,
                Reply::Failed(failed) => failed.message,
                other => panic!("{other:?}"),
            };
            assert_eq!(read, shortened(&odd));
        }
    }
}
