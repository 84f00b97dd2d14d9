//! `Content-Disposition` of a field of a form: its name, and the name of its file.
//!
//! `multer` reads a file's name only as UTF-8 in quotes, and takes `name=` inside a file's name for the field's own. Clients write
//! names in more ways:
//! - browsers, in the page's charset, with `%22`, `%0D` and `%0A` for what would end the text (WHATWG's form encoding); curl the
//!   same, and before 7.81 with a backslash before `"` and `\`;
//! - some programs as Latin-1;
//! - others as `filename*=UTF-8''...` (RFC 8187), which is meant for answers, but is unmistakable.
//!
//! A name that is made harmless is not this file's job: see `azulejo_protocol::filename`.

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode;

/// Longest header that is looked at, bytes.
const MAX_BYTES: usize = 8 * 1024;

/// What a field's header says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Disposition {
    /// The field's name; empty when it has none.
    pub name: String,
    /// The name of the file, as the client's owner sees it. With whatever characters it has.
    pub filename: Option<String>,
}

impl Disposition {
    /// Reads it from a field's headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_DISPOSITION);
        value.map_or_else(Self::default, |value| Self::read(value.as_bytes()))
    }

    fn read(text: &[u8]) -> Self {
        let mut read = Self::default();
        let (mut plain, mut extended) = (None, None);
        let mut rest = &text[..text.len().min(MAX_BYTES)];
        // The type itself, which is `form-data`.
        rest = behind(rest, b';');
        while !rest.is_empty() {
            let end = position(rest, |byte| matches!(byte, b'=' | b';')).unwrap_or(rest.len());
            let key = rest[..end].trim_ascii().to_ascii_lowercase();
            if rest.get(end) != Some(&b'=') {
                rest = rest.get(end + 1..).unwrap_or_default();
                continue;
            }
            let (value, after) = value(rest[end + 1..].trim_ascii_start());
            rest = after;
            match key.as_slice() {
                b"name" if read.name.is_empty() => read.name = text_of(&value),
                b"filename" if plain.is_none() => plain = Some(text_of(&value)),
                b"filename*" if extended.is_none() => extended = extended_text(&value),
                _ => {}
            }
        }
        read.filename = extended.or(plain);
        read
    }
}

fn position(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    bytes.iter().position(|byte| wanted(*byte))
}

/// What comes behind the first `mark`.
fn behind(bytes: &[u8], mark: u8) -> &[u8] {
    position(bytes, |byte| byte == mark)
        .and_then(|at| bytes.get(at + 1..))
        .unwrap_or_default()
}

/// The value at the beginning of `bytes` without its quotes and backslashes, and what comes behind it and its semicolon.
fn value(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = bytes.strip_prefix(b"\"") else {
        let end = position(bytes, |byte| byte == b';').unwrap_or(bytes.len());
        return (bytes[..end].trim_ascii().to_vec(), behind(bytes, b';'));
    };
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(byte) = quoted.get(at) {
        match (byte, quoted.get(at + 1)) {
            (b'"', _) => return (value, behind(&quoted[at..], b';')),
            // A backslash before anything else is one: browsers do not escape it.
            (b'\\', Some(next @ (b'"' | b'\\'))) => {
                value.push(*next);
                at += 2;
            }
            (other, _) => {
                value.push(*other);
                at += 1;
            }
        }
    }
    // No end: what was taken for an escaped quote was it, behind a name that ends in a backslash.
    if let Some(last @ b'"') = value.last_mut() {
        *last = b'\\';
    }
    (value, &[])
}

/// Text as a form has it: UTF-8 where it is that, else Latin-1; quotes and line breaks percent-encoded, and nothing else.
fn text_of(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(bytes),
    };
    text.replace("%22", "\"")
        .replace("%0D", "\r")
        .replace("%0d", "\r")
        .replace("%0A", "\n")
        .replace("%0a", "\n")
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// `CHARSET'LANGUAGE'TEXT` of RFC 8187, if it is that.
fn extended_text(bytes: &[u8]) -> Option<String> {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let decoded: Vec<u8> = percent_decode(text).collect();
    if charset.eq_ignore_ascii_case(b"utf-8") {
        String::from_utf8(decoded).ok()
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Some(latin1(&decoded))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filename(parameters: &[u8]) -> Option<String> {
        let read = Disposition::read(&[b"form-data; name=\"file\"; ", parameters].concat());
        assert_eq!(read.name, "file", "{}", String::from_utf8_lossy(parameters));
        read.filename
    }

    #[test]
    fn names_are_read_as_real_clients_write_them() {
        for (written, name) in [
            (&b"filename=\"photo.png\""[..], "photo.png"),
            // Without quotes, with spaces, in capitals, with more behind it.
            (b"filename=photo.png", "photo.png"),
            (b"FileName = \"photo.png\" ; x=y", "photo.png"),
            ("filename=\"Åke 風.png\"".as_bytes(), "Åke 風.png"),
            // Latin-1.
            (b"filename=\"na\xefve \xe9t\xe9.png\"", "naïve été.png"),
            // WHATWG: Chromium, Firefox, Safari, curl from 7.81 on.
            (b"filename=\"a %22b%22%0D%0Ac.png\"", "a \"b\"\r\nc.png"),
            (b"filename=\"100%.png\"", "100%.png"),
            (b"filename=\"a%20b.png\"", "a%20b.png"),
            // curl before 7.81.
            (b"filename=\"a \\\"b\\\" \\\\ c.png\"", "a \"b\" \\ c.png"),
            // Browsers leave a backslash alone, also at the end.
            (b"filename=\"C:\\fakepath\\a.png\"", "C:\\fakepath\\a.png"),
            (b"filename=\"a\\\"", "a\\"),
            // RFC 8187, which wins wherever it stands.
            (b"filename*=UTF-8''na%C3%AFve%20%22x%22.png", "naïve \"x\".png"),
            (
                b"filename=\"na_ve.png\"; filename*=utf-8'fr'na%C3%AFve.png",
                "naïve.png",
            ),
            (b"filename*=ISO-8859-1''na%EFve.png; filename=x", "naïve.png"),
            (b"filename*=\"UTF-8''na%C3%AFve.png\"", "naïve.png"),
            // What is not that is passed over.
            (b"filename*=UTF-8''%ff%fe; filename=\"plain.png\"", "plain.png"),
            (b"filename*=KOI8-R''x; filename=\"plain.png\"", "plain.png"),
            (b"filename*=plain; filename=\"plain.png\"", "plain.png"),
            // Parameters inside a name are part of it.
            (
                b"filename=\"a; name=evil; filename*=UTF-8''b\"",
                "a; name=evil; filename*=UTF-8''b",
            ),
        ] {
            let shown = String::from_utf8_lossy(written);
            assert_eq!(filename(written).as_deref(), Some(name), "{shown}");
        }
        assert_eq!(filename(b""), None);
        assert_eq!(filename(b"filename"), None);
    }

    #[test]
    fn a_file_cannot_name_its_field() {
        let read = Disposition::read(b"form-data; filename=\"x; name=transformation\"; name=\"file\"");
        assert_eq!(read.name, "file");
        assert_eq!(Disposition::read(b""), Disposition::default());
        assert_eq!(Disposition::read(b"name=\"x\""), Disposition::default());
    }

    proptest! {
        #[test]
        fn anything_is_read_in_bounded_time(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let read = Disposition::read(&bytes);
            prop_assert!(read.name.len() <= 2 * bytes.len());
        }

        /// What a browser writes is read as it was.
        #[test]
        fn the_form_encoding_comes_back(name in "[^\\\\%]{0,40}") {
            let written = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
            let header = format!("form-data; name=\"file\"; filename=\"{written}\"");
            prop_assert_eq!(Disposition::read(header.as_bytes()).filename, Some(name));
        }
    }
}
