//! Text from elsewhere on its way to a terminal: file names, what the server says, ids and errors that came through Kafka.
//!
//! A terminal obeys what it is sent: escape sequences move the cursor and write over what is there, controls of direction
//! turn a line around. Here such characters become visible. They are written as JSON writes them (`\n`, `\u001b`), so that
//! JSON which is cleaned still says the same.

use std::borrow::Cow;

/// `text` on one line, with everything visible that a terminal would obey or not show.
pub fn clean(text: &str) -> Cow<'_, str> {
    escape(text, is_obeyed)
}

/// The same with its line breaks (line feeds) kept, for text of several lines.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_obeyed(c))
}

fn escape(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_bad(c) => clean.push(c),
            '\n' => clean.push_str("\\n"),
            '\r' => clean.push_str("\\r"),
            '\t' => clean.push_str("\\t"),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    clean.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    Cow::Owned(clean)
}

/// Control characters (C0, DEL, C1), and what is not seen or changes the direction of what is around it: Unicode's controls
/// of direction, separators of lines, marks without width and tags. The joiners U+200C and U+200D stay, because words and
/// emoji are written with them.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_visible() {
        for (given, shown) in [
            ("plain Åke 風 👩‍🚀.png", "plain Åke 風 👩‍🚀.png"),
            ("a\u{1b}[2Jb", "a\\u001b[2Jb"),
            ("a\u{1b}]0;title\u{7}b", "a\\u001b]0;title\\u0007b"),
            ("a\u{9b}31mb", "a\\u009b31mb"),
            ("a\u{7f}b\0c", "a\\u007fb\\u0000c"),
            ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
            ("invoice\u{202e}gnp.exe", "invoice\\u202egnp.exe"),
            (
                "\u{2066}a\u{2069}\u{61c}\u{200f}",
                "\\u2066a\\u2069\\u061c\\u200f",
            ),
            ("a\u{2028}b\u{feff}c", "a\\u2028b\\ufeffc"),
            ("\u{e0041}", "\\udb40\\udc41"),
        ] {
            assert_eq!(clean(given), shown, "{given:?}");
        }
    }

    #[test]
    fn nothing_that_is_obeyed_is_left_of_any_character() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = format!("a{c}b");
            let clean = clean(&text);
            assert!(!clean.chars().any(is_obeyed), "{c:?}: {clean}");
            // Cleaned again it is the same, and what was clean was left alone.
            assert_eq!(super::clean(&clean), clean);
        }
    }

    #[test]
    fn text_of_several_lines_keeps_them_and_nothing_else() {
        assert_eq!(clean_lines("a\n  b\r\u{1b}c"), "a\n  b\\r\\u001bc");
    }

    #[test]
    fn cleaned_json_says_the_same() {
        let value = serde_json::json!({ "name\u{85}": "a\u{9b}\u{202e}\n\"\\\u{7f}\u{e0041}\u{1b}" });
        for text in [
            serde_json::to_string(&value).unwrap(),
            serde_json::to_string_pretty(&value).unwrap(),
        ] {
            let clean = clean_lines(&text);
            assert_ne!(clean, text);
            assert_eq!(serde_json::from_str::<serde_json::Value>(&clean).unwrap(), value);
        }
    }
}
