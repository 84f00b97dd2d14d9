//! How a result is written: the kind of file and, for a JPEG, its quality. Its text is what APIs, the database and addresses of
//! pages carry: `png`, `jpeg`, `jpeg:quality=80`.

use std::fmt;
use std::str::FromStr;

use crate::FileKind;

/// The kind of file and the quality of a JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    kind: FileKind,
    quality: u8,
}

impl Encoding {
    /// Longest text that is looked at, bytes.
    pub const MAX_TEXT: usize = 40;
    /// JPEG quality where nobody asks for another.
    pub const USUAL_QUALITY: u8 = 90;

    /// A JPEG of that quality, 1 to 100; what is beyond is taken for the nearest.
    pub fn jpeg(quality: u8) -> Self {
        Self {
            kind: FileKind::Jpeg,
            quality: quality.clamp(1, 100),
        }
    }

    /// The kind of file.
    pub const fn kind(self) -> FileKind {
        self.kind
    }

    /// The quality, 1 to 100; it means something for a JPEG only.
    pub const fn quality(self) -> u8 {
        self.quality
    }
}

impl From<FileKind> for Encoding {
    fn from(kind: FileKind) -> Self {
        Self {
            kind,
            quality: Self::USUAL_QUALITY,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.kind == FileKind::Jpeg && self.quality != Self::USUAL_QUALITY {
            write!(f, ":quality={}", self.quality)?;
        }
        Ok(())
    }
}

/// A text that is no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseEncodingError {
    /// There is no such kind of file.
    #[error("'{0}' is no file format to write; there are {list}", list = written())]
    Kind(String),
    /// The parameter is not the quality of a JPEG.
    #[error("'{0}' is no quality: a JPEG has one from 1 to 100, jpeg:quality=80")]
    Quality(String),
}

/// The kinds that are written, in words: `png, jpeg and gif`.
fn written() -> String {
    let names = FileKind::WRITTEN.map(FileKind::name);
    match names.split_last() {
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Longest part of a wrong text that an error repeats, characters.
const SHOWN: usize = 20;

impl FromStr for Encoding {
    type Err = ParseEncodingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        let (name, quality) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let kind = FileKind::from_name(name).filter(|kind| kind.is_written());
        let kind = kind.ok_or_else(|| ParseEncodingError::Kind(shown(name)))?;
        let Some(parameter) = quality else {
            return Ok(kind.into());
        };
        let quality = parameter
            .strip_prefix("quality=")
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|number| number.parse::<u8>().ok())
            .filter(|quality| kind == FileKind::Jpeg && (1..=100).contains(quality));
        quality
            .map(Self::jpeg)
            .ok_or_else(|| ParseEncodingError::Quality(shown(parameter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        let every = FileKind::WRITTEN.into_iter().map(Encoding::from);
        for format in every.chain([Encoding::jpeg(1), Encoding::jpeg(100)]) {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!(Encoding::jpeg(80).to_string(), "jpeg:quality=80");
        assert_eq!(Encoding::jpeg(90).to_string(), "jpeg");
        assert_eq!("JPG".parse(), Ok(Encoding::from(FileKind::Jpeg)));
    }

    #[test]
    fn what_is_none_is_refused_with_what_there_is() {
        for text in ["psd", "", "exr", ":quality=9", "\u{7}psd"] {
            let error = text.parse::<Encoding>().map_err(|error| error.to_string());
            assert!(
                error.is_err_and(|error| error.contains("there are png")),
                "{text}"
            );
        }
        for text in [
            "jpeg:quality=0",
            "jpeg:quality=101",
            "jpeg:quality=",
            "jpeg:quality=+9",
            "jpeg:80",
            "png:quality=9",
        ] {
            let error = text.parse::<Encoding>().map_err(|error| error.to_string());
            assert!(error.is_err_and(|error| error.contains("1 to 100")), "{text}");
        }
    }
}
