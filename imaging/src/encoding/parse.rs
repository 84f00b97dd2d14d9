//! The text of an encoding, read: the kind of file, then `:` and its options as `name=value` joined by `,`.

use std::str::FromStr;

use super::{Encoding, TiffCompression, TiffLayout};
use crate::FileKind;

/// A text that is no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseEncodingError {
    /// There is no such kind of file.
    #[error("'{0}' is no file format to write; there are {list}", list = written())]
    Kind(String),
    /// The kind of file has no such option.
    #[error("'{option}' is no option of {kind}; {there_are}")]
    Option {
        /// What was said.
        option: String,
        /// The name of the kind.
        kind: &'static str,
        /// Which there are.
        there_are: &'static str,
    },
    /// The option has no such value.
    #[error("{option} of {kind} is {allowed}, not '{value}'")]
    Value {
        /// The option.
        option: &'static str,
        /// The name of the kind.
        kind: &'static str,
        /// Which values there are.
        allowed: &'static str,
        /// What was said.
        value: String,
    },
    /// The option is said twice.
    #[error("'{0}' is said twice")]
    Twice(&'static str),
    /// The option means nothing with the compression of the TIFF.
    #[error("{option} goes with compression={with} of a tiff, not with {compression}")]
    Meaningless {
        /// The option.
        option: &'static str,
        /// Which compressions have it.
        with: &'static str,
        /// The compression that was said or is usual.
        compression: &'static str,
    },
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

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// The options of every kind: names, and the sentence with all of them.
const fn options(kind: FileKind) -> (&'static [&'static str], &'static str) {
    match kind {
        FileKind::Png => (&["level"], "there is level, png:level=6"),
        FileKind::Jpeg => (&["quality"], "there is quality, jpeg:quality=80"),
        FileKind::Tiff => (
            &["compression", "level", "quality", "tile", "pyramid", "bigtiff"],
            "there are compression, level, quality, tile, pyramid and bigtiff, tiff:compression=zstd,pyramid=true",
        ),
        FileKind::WebP => (
            &["quality"],
            "there is quality, webp:quality=80; without it nothing is lost",
        ),
        _ => (&[], "it has none"),
    }
}

impl Encoding {
    /// The same with options of compression beside those it has: `6` (a level), `zstd`, `zstd,level=9`.
    ///
    /// # Errors
    /// When one is said twice, or is none of this kind of file.
    pub fn compressed(self, text: &str) -> Result<Self, ParseEncodingError> {
        let name = if text.starts_with(|first: char| first.is_ascii_digit()) {
            "level"
        } else {
            "compression"
        };
        let so_far = self.to_string();
        let separator = if so_far.contains(':') { ',' } else { ':' };
        format!("{so_far}{separator}{name}={text}").parse()
    }
}

impl FromStr for Encoding {
    type Err = ParseEncodingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
    }
}

fn parse(text: &str) -> Result<Encoding, ParseEncodingError> {
    let (name, rest) = match text.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    let kind = FileKind::from_name(name).filter(|kind| kind.is_written());
    let kind = kind.ok_or_else(|| ParseEncodingError::Kind(shown(name)))?;
    let (names, there_are) = options(kind);
    let mut encoding = Encoding::from(kind);
    let mut seen = Vec::new();
    for part in rest.into_iter().flat_map(|rest| rest.split(',')) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let unknown = || ParseEncodingError::Option {
            option: shown(name),
            kind: kind.name(),
            there_are,
        };
        let name = *names.iter().find(|each| **each == name).ok_or_else(unknown)?;
        if seen.contains(&name) {
            return Err(ParseEncodingError::Twice(name));
        }
        seen.push(name);
        let allowed = set(&mut encoding, name, value);
        allowed.map_err(|allowed| ParseEncodingError::Value {
            option: name,
            kind: kind.name(),
            allowed,
            value: shown(value),
        })?;
    }
    fit(encoding, &seen)
}

/// Sets an option; the error says which values there are.
fn set(encoding: &mut Encoding, name: &str, value: &str) -> Result<(), &'static str> {
    match name {
        "level" => {
            // Whether the compression has it is looked at when all options are known.
            let (least, most, allowed) = match encoding.kind {
                FileKind::Png => {
                    let (least, most) = Encoding::PNG_LEVELS;
                    (least, most, "a whole number from 0 (not compressed) to 9 (small)")
                }
                _ => (1, 19, "a whole number from 1 to 9 for deflate, to 19 for zstd"),
            };
            encoding.level = Some(number(value, least, most).ok_or(allowed)?);
        }
        "quality" => {
            let quality = number(value, 1, 100).ok_or("a whole number from 1 to 100")?;
            *encoding = encoding.of_quality(quality);
        }
        "compression" => {
            let compression = TiffCompression::from_name(value);
            encoding.tiff.compression =
                compression.ok_or("one of none, packbits, lzw, deflate, zstd and jpeg")?;
        }
        "tile" if value == "strips" => encoding.tiff.layout = TiffLayout::Strips,
        "tile" => {
            let side = number(value, TiffLayout::STEP, TiffLayout::MAX_TILE).and_then(TiffLayout::tiles);
            encoding.tiff.layout = side.ok_or("a multiple of 16 from 16 to 1024, or strips")?;
        }
        "pyramid" => encoding.tiff.pyramid = truth(value).ok_or("true or false")?,
        _ if value == "auto" => encoding.tiff.big = None,
        _ => encoding.tiff.big = Some(truth(value).ok_or("auto, true or false")?),
    }
    Ok(())
}

fn number<T: std::str::FromStr + PartialOrd>(text: &str, least: T, most: T) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    (least..=most).contains(&number).then_some(number)
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Looks whether the options of a TIFF mean something together.
fn fit(encoding: Encoding, seen: &[&'static str]) -> Result<Encoding, ParseEncodingError> {
    if encoding.kind != FileKind::Tiff {
        return Ok(encoding);
    }
    let compression = encoding.tiff.compression;
    let meaningless = |option: &'static str, with: &'static str| ParseEncodingError::Meaningless {
        option,
        with,
        compression: compression.name(),
    };
    if seen.contains(&"quality") && compression != TiffCompression::Jpeg {
        return Err(meaningless("quality", "jpeg"));
    }
    let Some(level) = encoding.level else {
        return Ok(encoding);
    };
    match compression.levels() {
        None => Err(meaningless("level", "deflate or zstd")),
        Some((_, most)) if level > most => Err(ParseEncodingError::Value {
            option: "level",
            kind: "tiff",
            allowed: "a whole number from 1 to 9 for deflate, to 19 for zstd",
            value: level.to_string(),
        }),
        Some(_) => Ok(encoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Encoding>().map_or_else(
            |error| error.to_string(),
            |encoding| panic!("{text} is {encoding}"),
        )
    }

    #[test]
    fn options_come_in_any_order_and_are_written_in_one() {
        for (text, canonical) in [
            ("png:level=9", "png:level=9"),
            ("tif:compression=deflate,bigtiff=auto,pyramid=false", "tiff"),
            ("WEBP:quality=90", "webp:quality=90"),
            ("tiff:quality=90,compression=jpeg", "tiff:compression=jpeg"),
            (
                "tiff:pyramid=true,tile=512,level=12,compression=zstd",
                "tiff:compression=zstd,level=12,tile=512,pyramid=true",
            ),
            (
                "tiff:tile=strips,bigtiff=true,compression=lzw",
                "tiff:compression=lzw,tile=strips,bigtiff=true",
            ),
            (
                "tiff:quality=75,compression=JPEG,bigtiff=false",
                "tiff:compression=jpeg,quality=75,bigtiff=false",
            ),
        ] {
            let encoding: Encoding = text.parse().unwrap();
            assert_eq!(encoding.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(encoding));
        }
    }

    #[test]
    fn what_is_no_kind_is_refused_with_what_there_is() {
        for text in ["psd", "", "exr", ":quality=9", "\u{7}psd"] {
            assert!(error(text).contains("there are png"), "{text}");
        }
    }

    #[test]
    fn what_is_no_option_or_value_is_refused_by_name_with_what_is_allowed() {
        for (text, named, allowed) in [
            ("jpeg:quality=0", "'0'", "1 to 100"),
            ("jpeg:quality=101", "'101'", "1 to 100"),
            ("jpeg:quality=", "''", "1 to 100"),
            ("jpeg:quality=+9", "'+9'", "1 to 100"),
            ("jpeg:80", "'80'", "jpeg:quality=80"),
            ("jpeg:", "''", "jpeg:quality=80"),
            ("jpeg:level=2", "'level'", "jpeg:quality=80"),
            ("png:quality=9", "'quality'", "png:level=6"),
            ("png:level=10", "'10'", "0 (not compressed) to 9"),
            ("png:level=-1", "'-1'", "0 (not compressed) to 9"),
            ("png:level=3,level=4", "'level'", "twice"),
            ("webp:quality=0", "'0'", "1 to 100"),
            ("webp:level=6", "'level'", "without it nothing is lost"),
            ("bmp:level=8", "'level'", "it has none"),
            ("tiff:level=10", "'10'", "1 to 9 for deflate"),
            ("tiff:compression=zstd,level=20", "'20'", "to 19 for zstd"),
            (
                "tiff:compression=lzw,level=3",
                "level",
                "deflate or zstd of a tiff, not with lzw",
            ),
            ("tiff:quality=80", "quality", "jpeg of a tiff, not with deflate"),
            ("tiff:compression=lzma", "'lzma'", "none, packbits, lzw"),
            ("tiff:tile=100", "'100'", "a multiple of 16"),
            ("tiff:tile=99999999999", "'99999999999'", "a multiple of 16"),
            ("tiff:pyramid=yes", "'yes'", "true or false"),
            ("tiff:bigtiff=no", "'no'", "auto, true or false"),
            ("tiff:overviews=3", "'overviews'", "compression, level"),
        ] {
            let error = error(text);
            assert!(
                error.contains(named) && error.contains(allowed),
                "{text}: {error}"
            );
        }
    }
}
