//! What the first bytes of an image file say of it, so that the Studio can tell size and format and refuse what the
//! server would refuse before anything is uploaded. The server decides; this only saves a person's time.

use azulejo_imaging::PixelFormat;

/// What is known of a file before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `PNG`, `JPEG`.
    pub format: &'static str,
    /// Stored width, pixels.
    pub width: u32,
    /// Stored height, pixels.
    pub height: u32,
    /// Samples in a pixel, after a palette is expanded.
    pub channels: u8,
    /// Bits in a sample.
    pub depth: u8,
}

impl Header {
    /// `RGB 8 bit`.
    pub fn pixels(self) -> String {
        let channels = match (self.format, self.channels) {
            (_, 1) => "gray",
            (_, 2) => "gray + alpha",
            (_, 3) => "RGB",
            ("JPEG", _) => "CMYK",
            _ => "RGBA",
        };
        format!("{channels} {} bit", self.depth)
    }

    /// The pixels as the pipeline carries them.
    pub fn carried(self) -> PixelFormat {
        match (self.format, self.channels, self.depth > 8) {
            (_, 1, false) => PixelFormat::GRAY8,
            (_, 1, true) => PixelFormat::GRAY16,
            (_, 3, true) => PixelFormat::RGB16,
            ("JPEG", _, _) | (_, 3, false) => PixelFormat::RGB8,
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
        format: "PNG",
        width: be32(bytes, 16)?,
        height: be32(bytes, 20)?,
        channels,
        depth: depth.max(8),
    })
}

fn jpeg(bytes: &[u8]) -> Option<Header> {
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut at = 2;
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
                    format: "JPEG",
                    depth: *bytes.get(at + 4)?,
                    height: be16(bytes, at + 5)?,
                    width: be16(bytes, at + 7)?,
                    channels: *bytes.get(at + 9)?,
                });
            }
            0xD9 | 0xDA => return None,
            _ => at += 2 + be16(bytes, at + 2)?.max(2) as usize,
        }
    }
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
        assert_eq!(
            (header.width, header.height, header.pixels()),
            (12288, 8192, "RGBA 16 bit".to_owned())
        );
        assert_eq!(header.carried(), PixelFormat::RGBA16);
        assert_eq!(read(&png_bytes(2, 2, 1, 3)).unwrap().pixels(), "RGB 8 bit");
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

    #[test]
    fn no_prefix_of_a_file_is_read_out_of_bounds() {
        for whole in [
            png_bytes(1, 1, 8, 2),
            vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 1, 0, 1, 3],
        ] {
            for end in 0..whole.len() {
                let _ = read(&whole[..end]);
            }
        }
        assert_eq!(read(b"GIF89a"), None);
        assert_eq!(read(&[0xFF, 0xD8, 0xFF, 0xDA, 0, 0]), None);
    }
}
