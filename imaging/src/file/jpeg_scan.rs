//! The markers of a JPEG up to its first scan, read from a stream before anything is allocated for its pixels.

use std::io::{self, Read};

use super::{FileError, FileErrorKind};
use crate::Size;

/// What comes before the first scan.
pub(super) struct Head {
    /// Everything from the start of the image to the end of the first scan's header.
    pub bytes: Vec<u8>,
    /// The frame header.
    pub frame: Frame,
    /// Pixels per metre, from the JFIF segment.
    pub resolution: Option<(f64, f64)>,
}

/// What the frame header says.
pub(super) struct Frame {
    /// Size of the image.
    pub size: Size,
    /// Horizontal and vertical sampling of each component, 1 to 4.
    sampling: Vec<(u8, u8)>,
    progressive: bool,
}

impl Frame {
    /// Fewest bytes of compressed data that an image of this size takes. The shortest Huffman code has one bit. A block of
    /// a baseline image is a DC code and at least one AC code, the end of the block; of a progressive one it may be a DC
    /// code alone, since a whole band of AC coefficients can be skipped by one code or never be sent.
    pub(super) fn least_bytes(&self) -> u64 {
        self.blocks() * if self.progressive { 1 } else { 2 } / 8
    }

    /// Bytes of the coefficients that are held until the last scan: of all blocks where the image is progressive.
    pub(super) fn coefficient_bytes(&self) -> u64 {
        const BLOCK_BYTES: u64 = 64 * 2;
        if self.progressive {
            self.blocks().saturating_mul(BLOCK_BYTES)
        } else {
            0
        }
    }

    /// Blocks of 8 by 8 samples.
    fn blocks(&self) -> u64 {
        let side = |f: fn(&(u8, u8)) -> u8| u64::from(self.sampling.iter().map(f).max().unwrap_or(1));
        let (across, down) = (side(|s| s.0), side(|s| s.1));
        let blocks = |length: u32, sampling: u8, most: u64| {
            (u64::from(length) * u64::from(sampling))
                .div_ceil(most)
                .div_ceil(8)
        };
        self.sampling
            .iter()
            .map(|(h, v)| blocks(self.size.width, *h, across) * blocks(self.size.height, *v, down))
            .sum()
    }

    /// From a frame segment without its length.
    fn of(marker: u8, segment: &[u8]) -> Result<Self, FileError> {
        let damaged = || FileError::damaged("its frame header is broken");
        let [_, h1, h0, w1, w0, count] = *segment.first_chunk::<6>().ok_or_else(damaged)?;
        let components = segment.get(6..6 + 3 * usize::from(count)).ok_or_else(damaged)?;
        let sampling: Vec<(u8, u8)> = components
            .chunks_exact(3)
            .map(|component| (component[1] >> 4, component[1] & 15))
            .collect();
        let sound = |(h, v): &(u8, u8)| (1..=4).contains(h) && (1..=4).contains(v);
        if sampling.is_empty() || !sampling.iter().all(sound) {
            return Err(damaged());
        }
        Ok(Self {
            size: Size::new(
                u16::from_be_bytes([w1, w0]).into(),
                u16::from_be_bytes([h1, h0]).into(),
            ),
            sampling,
            progressive: marker & 3 == 2,
        })
    }
}

impl Head {
    /// Reads markers from the start of an image to its first scan, `most` bytes at most.
    pub(super) fn read(source: impl Read, most: u64) -> Result<Self, FileError> {
        let mut reader = Segments {
            source: source.take(most),
            bytes: Vec::new(),
        };
        reader.collect().map_err(|error| {
            if error.kind() == FileErrorKind::Damaged && reader.source.limit() == 0 {
                FileError::too_large(format!("its pixels do not begin within {most} bytes of metadata"))
            } else {
                error
            }
        })
    }
}

struct Segments<R> {
    source: io::Take<R>,
    bytes: Vec<u8>,
}

impl<R: Read> Segments<R> {
    fn collect(&mut self) -> Result<Head, FileError> {
        let (mut frame, mut resolution) = (None, None);
        loop {
            let marker = self.marker()?;
            // Markers without a segment: temporary, restart, start of image.
            if matches!(marker, 0x01 | 0xd0..=0xd8) {
                continue;
            }
            if marker == 0xd9 {
                return Err(FileError::damaged("it ends before its pixels"));
            }
            let [high, low] = [self.byte()?, self.byte()?];
            let Some(length) = u16::from_be_bytes([high, low]).checked_sub(2) else {
                return Err(FileError::damaged("a segment of its header has no length"));
            };
            let start = self.bytes.len();
            (&mut self.source)
                .take(length.into())
                .read_to_end(&mut self.bytes)
                .map_err(|error| FileError::reading(&error))?;
            let segment = &self.bytes[start..];
            if segment.len() < usize::from(length) {
                return Err(FileError::damaged("it ends in the middle; send the whole file"));
            }
            match marker {
                // An extension segment (JFXX) has the same marker, and no density.
                0xe0 => resolution = jfif_resolution(segment).or(resolution),
                // Every start of a frame; the gaps are tables.
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    frame = Some(Frame::of(marker, segment)?);
                }
                0xda => {
                    return Ok(Head {
                        bytes: std::mem::take(&mut self.bytes),
                        frame: frame.ok_or_else(|| FileError::damaged("it has no frame header"))?,
                        resolution,
                    });
                }
                _ => {}
            }
        }
    }

    /// The next marker. Cameras pad between segments, and any number of `FF` may stand before a marker.
    fn marker(&mut self) -> Result<u8, FileError> {
        let mut last = 0;
        loop {
            let byte = self.byte()?;
            if last == 0xff && byte != 0xff && byte != 0 {
                return Ok(byte);
            }
            last = byte;
        }
    }

    fn byte(&mut self) -> Result<u8, FileError> {
        let mut byte = [0];
        self.source
            .read_exact(&mut byte)
            .map_err(|error| FileError::reading(&error))?;
        self.bytes.extend(byte);
        Ok(byte[0])
    }
}

/// Where the end marker of the image lies whose scans begin `from` bytes into the file. Compressed data has `FF` before
/// zero and restart markers only; between scans there are segments, which may hold anything.
pub(super) fn end_of_image(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match bytes.get(at + 1)? {
            0xff => at += 1,
            0x00 | 0x01 | 0xd0..=0xd7 => at += 2,
            0xd9 => return Some(at),
            _ => {
                let length = bytes.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
}

/// Unit, then horizontal and vertical density, after name and version.
fn jfif_resolution(segment: &[u8]) -> Option<(f64, f64)> {
    let [unit, x1, x0, y1, y0] = *segment.strip_prefix(b"JFIF\0")?.get(2..)?.first_chunk::<5>()?;
    let per_metre = match unit {
        1 => 1.0 / 0.0254,
        2 => 100.0,
        _ => return None,
    };
    let [x, y] = [[x1, x0], [y1, y0]].map(|density| f64::from(u16::from_be_bytes(density)) * per_metre);
    (x > 0.0 && y > 0.0).then_some((x, y))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: u32, height: u32, sampling: &[(u8, u8)], progressive: bool) -> Frame {
        Frame {
            size: Size::new(width, height),
            sampling: sampling.to_vec(),
            progressive,
        }
    }

    #[test]
    fn the_least_length_is_that_of_the_shortest_codes() {
        // Gray, 64 blocks: two bits each, or one.
        assert_eq!(frame(64, 64, &[(1, 1)], false).least_bytes(), 16);
        assert_eq!(frame(64, 64, &[(1, 1)], true).least_bytes(), 8);
        // 4:2:0: half a block of colour more for each of luminance.
        assert_eq!(frame(64, 64, &[(2, 2), (1, 1), (1, 1)], false).least_bytes(), 24);
        // A lone component is one block a unit whatever its sampling says.
        assert_eq!(frame(64, 64, &[(2, 2)], false).least_bytes(), 16);
    }

    #[test]
    fn an_extension_segment_does_not_erase_the_density() {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x02\x01\x01\x2c\0\x96\0\0".to_vec();
        bytes.extend(b"\xff\xe0\0\x0aJFXX\0\x10ab");
        bytes.extend(b"\0\0\xff\xff\xc0\0\x0b\x08\0\x10\0\x20\x01\x01\x11\0");
        bytes.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0");
        let head = Head::read(&bytes[..], 1 << 16).unwrap();
        assert_eq!(head.frame.size, Size::new(32, 16));
        let (x, y) = head.resolution.unwrap();
        assert!((x - 300.0 / 0.0254).abs() < 1e-6 && (y - 150.0 / 0.0254).abs() < 1e-6);
        assert_eq!(head.bytes, bytes);
    }
}
