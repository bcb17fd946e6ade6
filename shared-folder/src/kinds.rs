//! What sort of content a file has, by the ending of its name. Must not know any file's content.

use std::collections::HashMap;
use std::sync::LazyLock;
use wire::message::Kind;

/// Endings in lower case, by kind. The first of picture, music and video are those of the original system.
const ENDINGS: &[(Kind, &[&str])] = &[
    (
        Kind::Picture,
        &[
            "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "svg", "heic", "heif", "avif", "ico",
            "raw", "psd",
        ],
    ),
    (
        Kind::Music,
        &["mp3", "flac", "ogg", "oga", "opus", "wav", "m4a", "aac", "wma", "aif", "aiff", "mid", "midi"],
    ),
    (
        Kind::Video,
        &["mov", "mp4", "m4v", "mkv", "avi", "webm", "mpg", "mpeg", "wmv", "flv", "ogv", "3gp", "ts"],
    ),
    (
        Kind::Document,
        &[
            "pdf", "doc", "docx", "odt", "rtf", "xls", "xlsx", "ods", "ppt", "pptx", "odp", "epub", "mobi",
            "ps", "djvu", "pages", "numbers", "key",
        ],
    ),
    (
        Kind::Archive,
        &[
            "zip", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "zst", "7z", "rar", "jar", "iso", "deb",
            "rpm", "cab", "lz4", "lzma",
        ],
    ),
    (
        Kind::Text,
        &[
            "txt", "md", "rst", "log", "csv", "tsv", "json", "jsonl", "xml", "html", "htm", "css", "js",
            "yaml", "yml", "toml", "ini", "conf", "rs", "c", "h", "cpp", "hpp", "py", "java", "go", "rb",
            "sh", "sql", "tex",
        ],
    ),
];

/// Of each ending its kind: each entry of a listing is looked up.
static KINDS: LazyLock<HashMap<&str, Kind>> = LazyLock::new(|| {
    let of_kind = |(kind, endings): &(Kind, &'static [&'static str])| {
        let kind = *kind;
        endings.iter().map(move |ending| (*ending, kind))
    };
    ENDINGS.iter().flat_map(of_kind).collect()
});

/// The kind of a file called `name`; `other` where the ending says nothing.
#[must_use]
pub fn kind_of(name: &str) -> Kind {
    let ending = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => ending.to_ascii_lowercase(),
        _ => return Kind::Other,
    };
    KINDS.get(ending.as_str()).copied().unwrap_or(Kind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endings_of_the_original_system_keep_their_kinds() {
        assert_eq!(kind_of("a.jpg"), Kind::Picture);
        assert_eq!(kind_of("a.mp3"), Kind::Music);
        assert_eq!(kind_of("a.mov"), Kind::Video);
    }

    #[test]
    fn endings_are_compared_without_case_and_only_the_last_counts() {
        assert_eq!(kind_of("HOLIDAY.JPG"), Kind::Picture);
        assert_eq!(kind_of("a.mp3.txt"), Kind::Text);
        assert_eq!(kind_of("notes.tar.gz"), Kind::Archive);
    }

    #[test]
    fn names_without_an_ending_are_other() {
        for name in ["mp3", ".mp3", "a.", "a.unheard-of", ""] {
            assert_eq!(kind_of(name), Kind::Other, "{name:?}");
        }
    }

    #[test]
    fn no_ending_stands_twice() {
        let mut all: Vec<_> = ENDINGS.iter().flat_map(|(_, endings)| endings.iter()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
