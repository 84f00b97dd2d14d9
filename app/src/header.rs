//! What the first bytes of an image file say of it, so that the Studio can tell size and format and refuse what the
//! server would refuse before anything is uploaded. The server decides; this only saves a person's time.

use azulejo_imaging::{FileKind, PixelFormat, Size};

/// Bytes from a file's beginning that are enough for the header of a JPEG behind its colour profile and thumbnail.
pub const HEADER_BYTES: f64 = 1_048_576.0;

/// What is known of a file before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// PNG or JPEG.
    pub kind: FileKind,
    /// Stored width, pixels.
    pub width: u32,
    /// Stored height, pixels.
    pub height: u32,
    /// Samples in a pixel, after a palette is expanded.
    pub channels: u8,
    /// Bits in a sample.
    pub depth: u8,
    /// Whether width and height change places when the picture is turned upright, as its EXIF says.
    pub is_turned: bool,
}

impl Header {
    /// Size of the upright picture, pixels: that of everything that is shown and computed.
    pub fn size(self) -> Size {
        if self.is_turned {
            Size::new(self.height, self.width)
        } else {
            Size::new(self.width, self.height)
        }
    }

    /// The pixels as the pipeline carries them.
    pub fn carried(self) -> PixelFormat {
        match (self.kind, self.channels, self.depth > 8) {
            (_, 1, false) => PixelFormat::GRAY8,
            (_, 1, true) => PixelFormat::GRAY16,
            (_, 3, true) => PixelFormat::RGB16,
            (FileKind::Jpeg, _, _) | (_, 3, false) => PixelFormat::RGB8,
            (_, 2, false) => PixelFormat::GRAYA8,
            (_, 2, true) => PixelFormat::GRAYA16,
            (_, _, false) => PixelFormat::RGBA8,
            (_, _, true) => PixelFormat::RGBA16,
        }
    }
}

/// Reads the header from the beginning of a file. `None` when it is neither PNG nor JPEG, or the size is not within
/// the bytes given.
pub fn read(bytes: &[u8]) -> Option<Header> {
    png(bytes).or_else(|| jpeg(bytes))
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(
        bytes.get(at..at + 2)?.try_into().ok()?,
    )))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn png(bytes: &[u8]) -> Option<Header> {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") || bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let depth = *bytes.get(24)?;
    let channels = match *bytes.get(25)? {
        0 => 1,
        2 | 3 => 3,
        4 => 2,
        6 => 4,
        _ => return None,
    };
    Some(Header {
        kind: FileKind::Png,
        width: be32(bytes, 16)?,
        height: be32(bytes, 20)?,
        channels,
        depth: depth.max(8),
        is_turned: false,
    })
}

fn jpeg(bytes: &[u8]) -> Option<Header> {
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut at = 2;
    let mut is_turned = false;
    loop {
        if *bytes.get(at)? != 0xFF {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        match marker {
            // Fill bytes.
            0xFF => at += 1,
            // Markers without a segment.
            0x01 | 0xD0..=0xD8 => at += 2,
            // A frame: every SOF but DHT (C4), JPG (C8) and DAC (CC).
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                return Some(Header {
                    kind: FileKind::Jpeg,
                    depth: *bytes.get(at + 4)?,
                    height: be16(bytes, at + 5)?,
                    width: be16(bytes, at + 7)?,
                    channels: *bytes.get(at + 9)?,
                    is_turned,
                });
            }
            0xD9 | 0xDA => return None,
            0xE1 if bytes.get(at + 4..at + 10) == Some(b"Exif\0\0") => {
                let end = (at + 2 + be16(bytes, at + 2)?.max(2) as usize).min(bytes.len());
                is_turned = exif_is_turned(bytes.get(at + 10..end).unwrap_or_default()).unwrap_or(is_turned);
                at = end;
            }
            _ => at += 2 + be16(bytes, at + 2)?.max(2) as usize,
        }
    }
}

/// Whether the orientation in an EXIF block (a TIFF structure) is one of the four that exchange width and height.
fn exif_is_turned(exif: &[u8]) -> Option<bool> {
    const ORIENTATION: u32 = 0x0112;
    const LONG: u32 = 4;
    let is_little = exif.starts_with(b"II");
    let number = |at: usize, bytes: usize| -> Option<u32> {
        let digits = exif.get(at..at.checked_add(bytes)?)?;
        let fold = |sum: u32, digit: &u8| (sum << 8) | u32::from(*digit);
        Some(if is_little {
            digits.iter().rev().fold(0, fold)
        } else {
            digits.iter().fold(0, fold)
        })
    };
    let directory = number(4, 4)? as usize;
    let entries = number(directory, 2)? as usize;
    for entry in (0..entries).map(|entry| directory + 2 + 12 * entry) {
        if number(entry, 2)? == ORIENTATION {
            let bytes = if number(entry + 2, 2)? == LONG { 4 } else { 2 };
            return Some((5..=8).contains(&number(entry + 8, bytes)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_bytes(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([depth, colour, 0, 0, 0]);
        bytes
    }

    #[test]
    fn png_tells_size_and_format() {
        let header = read(&png_bytes(12288, 8192, 16, 6)).unwrap();
        assert_eq!((header.width, header.height), (12288, 8192));
        assert_eq!(header.carried(), PixelFormat::RGBA16);
        assert_eq!(read(&png_bytes(2, 2, 1, 3)).unwrap().carried(), PixelFormat::RGB8);
    }

    #[test]
    fn jpeg_tells_size_behind_other_segments() {
        let mut bytes = vec![
            0xFF, 0xD8, 0xFF, 0xE1, 0, 6, 1, 2, 3, 4, 0xFF, 0xFF, 0xC2, 0, 17, 8,
        ];
        bytes.extend([0x07, 0xD0, 0x0B, 0xB8, 3]);
        let header = read(&bytes).unwrap();
        assert_eq!((header.width, header.height, header.channels), (3000, 2000, 3));
    }

    /// A JPEG of 3000 by 2000 whose EXIF says `orientation`.
    fn turned(orientation: u8, is_little: bool, is_long: bool) -> Vec<u8> {
        let kind = if is_long { 4 } else { 3 };
        let mut exif = if is_little {
            vec![b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, kind, 0, 1, 0, 0, 0]
        } else {
            vec![b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, kind, 0, 0, 0, 1]
        };
        exif.extend(match (is_little, is_long) {
            (true, _) => [orientation, 0, 0, 0],
            (false, false) => [0, orientation, 0, 0],
            (false, true) => [0, 0, 0, orientation],
        });
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 8 + exif.len() as u8];
        bytes.extend(b"Exif\0\0");
        bytes.extend(exif);
        bytes.extend([0xFF, 0xC0, 0, 17, 8, 0x07, 0xD0, 0x0B, 0xB8, 3]);
        bytes
    }

    #[test]
    fn a_photograph_that_lies_on_its_side_is_told_upright() {
        for (is_little, is_long) in [(true, false), (true, true), (false, false), (false, true)] {
            for orientation in 1..=8 {
                let header = read(&turned(orientation, is_little, is_long)).unwrap();
                let upright = if orientation < 5 {
                    (3000, 2000)
                } else {
                    (2000, 3000)
                };
                let size = header.size();
                assert_eq!((size.width, size.height), upright, "{orientation}");
            }
        }
    }

    #[test]
    fn no_prefix_of_a_file_is_read_out_of_bounds() {
        for whole in [
            png_bytes(1, 1, 8, 2),
            vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 1, 0, 1, 3],
            turned(6, true, false),
        ] {
            for end in 0..whole.len() {
                let _ = read(&whole[..end]);
            }
        }
        assert_eq!(read(b"GIF89a"), None);
        assert_eq!(read(&[0xFF, 0xD8, 0xFF, 0xDA, 0, 0]), None);
    }
}
