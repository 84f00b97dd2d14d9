//! Texts as values of parameters: how recipes carry them, and which are allowed.
//!
//! A recipe separates by `|` and `,`, and a text may hold both. So `%`, `|` and `,` are percent-encoded as in addresses (RFC 3986,
//! section 2.1): `%25`, `%7C` and `%2C`. White space at either end, which the parser drops, is so, too. All else stands as it is; a
//! reader takes the code of any byte of UTF-8.

use std::fmt::Write as _;
use std::sync::Arc;

/// Most characters of a text.
pub(crate) const MAX_CHARACTERS: usize = 200;

/// The characters that a text may have, first and last of each run, in order: those of the font in `imaging/fonts` that are seen or
/// are a space. A parser without the font knows them from here; a test compares.
pub(crate) const CHARACTERS: &[(char, char)] = &[
    // Basic Latin.
    ('\u{20}', '\u{7e}'),
    // Latin-1 without the soft hyphen, Latin Extended-A.
    ('\u{a0}', '\u{ac}'),
    ('\u{ae}', '\u{17f}'),
    // Romanian.
    ('\u{218}', '\u{21b}'),
    // The apostrophe as a letter.
    ('\u{2bc}', '\u{2bc}'),
    // Greek and Cyrillic.
    ('\u{370}', '\u{377}'),
    ('\u{37a}', '\u{37e}'),
    ('\u{384}', '\u{38a}'),
    ('\u{38c}', '\u{38c}'),
    ('\u{38e}', '\u{3a1}'),
    ('\u{3a3}', '\u{482}'),
    ('\u{48a}', '\u{4ff}'),
    // ẞ.
    ('\u{1e9e}', '\u{1e9e}'),
    // Spaces, dashes, quotation marks and other punctuation.
    ('\u{2002}', '\u{200a}'),
    ('\u{2010}', '\u{2027}'),
    ('\u{202f}', '\u{205e}'),
    // Currencies.
    ('\u{20a0}', '\u{20b5}'),
    ('\u{20b8}', '\u{20ba}'),
    ('\u{20bd}', '\u{20bd}'),
    // № ℗ ™.
    ('\u{2116}', '\u{2117}'),
    ('\u{2122}', '\u{2122}'),
    // Arrows.
    ('\u{2190}', '\u{21ff}'),
    // − ∞ ≈ ≠ ≤ ≥.
    ('\u{2212}', '\u{2212}'),
    ('\u{221e}', '\u{221e}'),
    ('\u{2248}', '\u{2248}'),
    ('\u{2260}', '\u{2260}'),
    ('\u{2264}', '\u{2265}'),
];

/// Whether a text may have it.
pub(crate) fn is_known(character: char) -> bool {
    let after = CHARACTERS.partition_point(|(first, _)| *first <= character);
    after > 0 && character <= CHARACTERS[after - 1].1
}

/// Checks a text of at most `most` characters.
///
/// # Errors
/// In words that follow the name of the parameter: what is wrong, the character by its name.
pub(crate) fn check(text: &str, most: usize) -> Result<(), String> {
    // Bytes first: what is that long has too many characters, and is not counted.
    if text.len() > 4 * most || text.chars().count() > most {
        return Err(format!("has more than {most} characters"));
    }
    if let Some(unknown) = text.chars().find(|character| !is_known(*character)) {
        // What is no letter may be seen nowhere, or turn the sentence around.
        let shown = match unknown {
            letter if letter.is_alphanumeric() => format!("'{letter}', "),
            _ => String::new(),
        };
        return Err(format!(
            "has the character {shown}U+{:04X}, which the font does not have; it has Latin, Greek and Cyrillic letters, digits, \
             punctuation, signs of currencies and arrows, and no marks by themselves",
            u32::from(unknown)
        ));
    }
    if text.chars().all(char::is_whitespace) {
        return Err("has no character that is seen".to_owned());
    }
    Ok(())
}

/// Reads the text of a recipe.
///
/// # Errors
/// As [`check`], and where a percent sign begins no code.
pub(crate) fn read(encoded: &str, most: usize) -> Result<Arc<str>, String> {
    let text = decode(encoded)?;
    check(&text, most)?;
    Ok(text.into())
}

fn decode(encoded: &str) -> Result<String, String> {
    let mut parts = encoded.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part
            .get(..2)
            .filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|code| u8::from_str_radix(code, 16).ok())
            .ok_or("has a '%' that no code follows; write %25 for it, %2C for ',' and %7C for '|'")?;
        bytes.push(code);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| "has codes that are not those of UTF-8".to_owned())
}

/// The text as recipes carry it; [`read`] gives the same again.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let inner = text.trim();
    let before = text.len() - text.trim_start().len();
    for (at, character) in text.char_indices() {
        let is_inner = (before..before + inner.len()).contains(&at);
        if is_inner && !matches!(character, '%' | '|' | ',') {
            encoded.push(character);
            continue;
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Longest text in a title, characters.
const MAX_SHOWN: usize = 24;

/// The text in quotation marks, cut where it is long: for titles.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("“{}…”", text[..end].trim_end()),
        None => format!("“{text}”"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known() -> Vec<char> {
        CHARACTERS
            .iter()
            .flat_map(|&(first, last)| first..=last)
            .collect()
    }

    #[test]
    fn runs_of_characters_are_in_order_and_apart() {
        assert!(CHARACTERS.iter().all(|(first, last)| first <= last));
        assert!(CHARACTERS.is_sorted_by(|one, other| one.1 < other.0));
        assert!(known().into_iter().all(is_known));
        assert!(!is_known('\n') && !is_known('\u{ad}') && !is_known('漢') && !is_known('\u{10ffff}'));
    }

    #[test]
    fn separators_are_encoded_and_all_else_is_not() {
        assert_eq!(encode("© 2026 Zoë: a=b"), "© 2026 Zoë: a=b");
        assert_eq!(encode(" 50%, or | none\u{a0}"), "%2050%25%2C or %7C none%C2%A0");
        assert_eq!(decode("a%2Cb%7cc%c2%A9"), Ok("a,b|c©".to_owned()));
    }

    #[test]
    fn what_is_no_code_is_refused_in_words() {
        for text in ["50%", "50% off", "%2", "%+1", "%é1", "%%25"] {
            assert!(read(text, 200).unwrap_err().contains("%25"), "{text}");
        }
        assert!(read("%C3", 200).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        assert!(check(&"x".repeat(200), 200).is_ok());
        assert!(check(&"ä".repeat(201), 200).unwrap_err().contains("200"));
        for (text, name) in [
            ("漢", "'漢', U+6F22"),
            ("e\u{301}", "U+0301"),
            ("a\u{200b}b", "U+200B"),
            ("\u{202e}abc", "U+202E"),
            ("a\nb", "U+000A"),
            ("שלום", "'ש', U+05E9"),
            ("😀", "U+1F600"),
        ] {
            let error = check(text, 200).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        for text in ["", " ", "\u{a0}\u{2003}"] {
            assert!(check(text, 200).unwrap_err().contains("seen"));
        }
    }

    #[test]
    fn titles_show_the_beginning() {
        assert_eq!(shown("Azulejo"), "“Azulejo”");
        assert_eq!(shown(&"ä".repeat(24)).chars().count(), 26);
        assert_eq!(
            shown("A title of twenty-three, and on"),
            "“A title of twenty-three,…”"
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_again(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(!encoded.contains(['|', ',']));
            prop_assert_eq!(encoded.trim(), &encoded);
            prop_assert_eq!(decode(&encoded), Ok(text));
        }

        #[test]
        fn texts_of_known_characters_are_values(text in proptest::collection::vec(proptest::sample::select(known()), 1..=200)) {
            let text: String = text.into_iter().collect();
            match read(&encode(&text), 200) {
                Ok(again) => prop_assert_eq!(&*again, &text),
                Err(_) => prop_assert!(text.trim().is_empty()),
            }
        }
    }
}
