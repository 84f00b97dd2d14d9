//! What an error of `image` means, in words.

use image::ImageError;
use image::error::UnsupportedErrorKind;

use crate::file::{FileError, FileKind};

/// Longest text of a codec that is shown, bytes.
const MAX_TEXT: usize = 100;

/// Of an error while a file of `kind` is read.
pub(super) fn reading(kind: FileKind, error: ImageError) -> FileError {
    match error {
        ImageError::IoError(error) => FileError::reading(&error),
        ImageError::Limits(_) => FileError::too_large("decoding it needs more memory than is allowed"),
        ImageError::Unsupported(error) => {
            let what = match error.kind() {
                UnsupportedErrorKind::GenericFeature(text) => words(&text),
                _ => None,
            };
            let what = what.unwrap_or_else(|| "the kind of its pixels".to_owned());
            FileError::unsupported(format!("this kind of {kind} is not read: {what}; save it as PNG"))
        }
        ImageError::Decoding(error) => {
            let what = std::error::Error::source(&error).and_then(|source| words(&source.to_string()));
            FileError::damaged(what.unwrap_or_else(|| "its header or its packed pixels are wrong".to_owned()))
        }
        _ => FileError::damaged("there is no picture in it"),
    }
}

/// The text of a codec where that is words and not what Rust prints for its programmers.
fn words(text: &str) -> Option<String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || " -,.'%".contains(character);
    let is_name = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let is_sentence = text.len() <= MAX_TEXT
        && text.contains(' ')
        && !text.contains("0x")
        && !text.as_bytes().windows(2).any(is_name)
        && text.chars().all(plain);
    is_sentence.then(|| text.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_programmers_is_not_shown() {
        assert_eq!(
            words("color map is too long.").as_deref(),
            Some("color map is too long")
        );
        for text in [
            "Error(Kind { a: 1 })",
            "UnexpectedEof",
            "expected [0x01, 0x02]",
            "a character 0xE0 in it",
            "no GenericFeature here",
            &"a ".repeat(60),
        ] {
            assert_eq!(words(text), None, "{text}");
        }
    }
}
