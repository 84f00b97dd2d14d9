//! Headers that are text: PNM, PAM and Radiance HDR.

use super::bytes::{ReadAt, Reader};
use super::{Header, broken};
use crate::{Channels, Depth, FileError, FileKind, PixelFormat, Size};

/// Bytes of a header, with its comments.
const MAX_HEADER: u64 = 1 << 16;
/// Bytes that are read at once.
const BUFFER: usize = 512;

/// The text of a header, byte by byte.
struct Text<'a, S> {
    reader: Reader,
    source: &'a mut S,
}

impl<'a, S: ReadAt> Text<'a, S> {
    /// From byte `start` on.
    fn new(source: &'a mut S, start: u64) -> Self {
        Self {
            reader: Reader::new(start, BUFFER),
            source,
        }
    }

    /// The next byte; `None` at the end of the file.
    fn byte(&mut self) -> Result<Option<u8>, FileError> {
        if self.reader.position() >= MAX_HEADER {
            return Err(FileError::damaged("its header has no end"));
        }
        let byte = self.reader.byte(self.source);
        byte.map_err(|error| FileError::reading(&error))
    }

    /// The next number and the space behind it; comments, from `#` to the end of the line, are none of it.
    fn number(&mut self) -> Result<u32, FileError> {
        let (mut number, mut is_comment) = (None::<u32>, false);
        while let Some(byte) = self.byte()? {
            match byte {
                b'\r' | b'\n' if is_comment => is_comment = false,
                _ if is_comment => {}
                b'#' => is_comment = true,
                b'0'..=b'9' => {
                    let more = number.unwrap_or(0).checked_mul(10);
                    let more = more.and_then(|more| more.checked_add(u32::from(byte - b'0')));
                    number = Some(more.ok_or_else(broken)?);
                }
                b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | b' ' if number.is_some() => break,
                b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | b' ' => {}
                _ => return Err(broken()),
            }
        }
        number.ok_or_else(broken)
    }

    /// The next line without its end; `None` at the end of the file.
    fn line(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let mut line = Vec::new();
        while let Some(byte) = self.byte()? {
            if byte == b'\n' {
                return Ok(Some(line));
            }
            line.push(byte);
        }
        Ok(Some(line).filter(|line| !line.is_empty()))
    }
}

pub(super) fn pnm(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let [_, kind] = super::array(source, 0)?;
    let mut text = Text::new(source, 2);
    if kind == b'7' {
        return pam(&mut text);
    }
    let size = Size::new(text.number()?, text.number()?);
    let most = match kind {
        b'1' | b'4' => 1,
        _ => text.number()?,
    };
    let channels = match kind {
        b'3' | b'6' => Channels::Rgb,
        _ => Channels::Gray,
    };
    let format = PixelFormat {
        channels,
        depth: depth(most)?,
    };
    Ok(Header::plain(FileKind::Pnm, size, format))
}

/// By the largest number of a sample.
fn depth(most: u32) -> Result<Depth, FileError> {
    match most {
        1..=255 => Ok(Depth::Eight),
        256..=65535 => Ok(Depth::Sixteen),
        _ => Err(broken()),
    }
}

fn pam(text: &mut Text<'_, impl ReadAt>) -> Result<Header, FileError> {
    let (mut width, mut height, mut samples, mut most) = (None, None, None, None);
    let mut kind = String::new();
    text.line()?;
    loop {
        let line = text.line()?.ok_or_else(broken)?;
        let line = String::from_utf8(line).map_err(|_| broken())?;
        if line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .trim_start()
            .split_once(char::is_whitespace)
            .unwrap_or((line.trim(), ""));
        let place = match name {
            "ENDHDR" => break,
            "WIDTH" => &mut width,
            "HEIGHT" => &mut height,
            "DEPTH" => &mut samples,
            "MAXVAL" => &mut most,
            "TUPLTYPE" => {
                kind = [&kind, value.trim()].join(" ").trim().to_owned();
                continue;
            }
            _ => return Err(broken()),
        };
        *place = Some(value.trim().parse::<u32>().map_err(|_| broken())?);
    }
    let (Some(width), Some(height), Some(samples), Some(most)) = (width, height, samples, most) else {
        return Err(broken());
    };
    let channels = match (kind.as_str(), samples) {
        ("BLACKANDWHITE" | "GRAYSCALE", _) | ("", 1) => Channels::Gray,
        ("BLACKANDWHITE_ALPHA" | "GRAYSCALE_ALPHA", _) | ("", 2) => Channels::GrayAlpha,
        ("RGB", _) | ("", 3) => Channels::Rgb,
        ("RGB_ALPHA", _) | ("", 4) => Channels::Rgba,
        _ => {
            return Err(FileError::unsupported(
                "this kind of PNM is not read: the kind of its pixels; save it as PNG",
            ));
        }
    };
    // Where nothing is said of the pixels the codec takes them for such of 8 bit.
    let depth = if kind.is_empty() {
        Depth::Eight
    } else {
        depth(most)?
    };
    Ok(Header::plain(
        FileKind::Pnm,
        Size::new(width, height),
        PixelFormat { channels, depth },
    ))
}

pub(super) fn hdr(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let mut text = Text::new(source, 0);
    // The header ends with an empty line.
    while !text.line()?.ok_or_else(broken)?.is_empty() {}
    let line = text.line()?.ok_or_else(broken)?;
    let line = String::from_utf8_lossy(&line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["-Y", height, "+X", width] = words[..] else {
        return Err(FileError::unsupported(
            "this kind of HDR is not read: its rows do not go from top to bottom and from left to right; save it as PNG",
        ));
    };
    let side = |text: &str| text.parse::<u32>().map_err(|_| broken());
    let size = Size::new(side(width)?, side(height)?);
    Ok(Header::plain(FileKind::Hdr, size, PixelFormat::RGB16))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<(Size, PixelFormat)> {
        let header = Header::read(&mut { text }, text.len() as u64, None).ok()?;
        Some((header.stored_size, header.format))
    }

    #[test]
    fn comments_are_none_of_a_header() {
        let size = Size::new(30, 20);
        for (text, format) in [
            (
                &b"P6\n# made by hand\n30 20 # so wide\n255\n"[..],
                PixelFormat::RGB8,
            ),
            (b"P2 30\t20\r65535 ", PixelFormat::GRAY16),
            (b"P4 30 20\n", PixelFormat::GRAY8),
            (
                b"P7\nWIDTH 30\n# c\nHEIGHT 20\nDEPTH 4\nMAXVAL 1000\nTUPLTYPE RGB_ALPHA\nENDHDR\n",
                PixelFormat::RGBA16,
            ),
            (
                b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 20 +X 30\n",
                PixelFormat::RGB16,
            ),
        ] {
            assert_eq!(read(text), Some((size, format)), "{text:?}");
        }
        for text in [
            &b"P6\n30 -20 255\n"[..],
            b"P5 99999999999 1 1 ",
            b"P5 # 1 1 1",
            b"P5 1 1 0\n",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        let endless = [&b"P5 #"[..], &[b'x'; 100_000]].concat();
        assert_eq!(read(&endless), None);
    }
}
