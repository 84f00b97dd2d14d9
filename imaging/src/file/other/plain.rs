//! PNM and farbfeld: the numbers themselves behind a short header, written row by row.

use std::io::Write;

use crate::file::writer::{ImageWriter, Output};
use crate::file::{FileError, FileKind};
use crate::{Channels, Depth, PixelFormat, Size};

/// Writes a PNM or a farbfeld.
pub(in crate::file) struct PlainWriter {
    output: Output,
    kind: FileKind,
    format: PixelFormat,
    /// Bytes of the rows at hand as the file has them.
    buffer: Vec<u8>,
}

impl PlainWriter {
    /// Writes the header: a farbfeld, or a PGM of gray, a PPM of colours, a PAM where there is alpha.
    pub(in crate::file) fn new(
        mut output: Output,
        kind: FileKind,
        size: Size,
        format: PixelFormat,
    ) -> Result<Self, FileError> {
        if kind == FileKind::Farbfeld {
            output.write_all(b"farbfeld")?;
            output.write_all(&size.width.to_be_bytes())?;
            output.write_all(&size.height.to_be_bytes())?;
        } else {
            output.write_all(pnm_header(size, format).as_bytes())?;
        }
        Ok(Self {
            output,
            kind,
            format,
            buffer: Vec::new(),
        })
    }
}

impl ImageWriter for PlainWriter {
    fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        self.buffer.clear();
        let pixels = rows.chunks_exact(self.format.bytes_per_pixel());
        match (self.kind, self.format.depth) {
            (FileKind::Farbfeld, _) => {
                pixels.for_each(|pixel| farbfeld(&mut self.buffer, pixel, self.format))
            }
            (_, Depth::Eight) => return Ok(self.output.write_all(rows)?),
            // The higher byte first.
            (_, _) => self
                .buffer
                .extend(rows.chunks_exact(2).flat_map(|sample| [sample[1], sample[0]])),
        }
        Ok(self.output.write_all(&self.buffer)?)
    }

    fn finish(self: Box<Self>) -> Result<u64, FileError> {
        Ok(self.output.finish()?)
    }
}

fn pnm_header(Size { width, height }: Size, format: PixelFormat) -> String {
    let most = match format.depth {
        Depth::Eight => 255,
        // Wider samples are refused before: `FileKind::problem`.
        _ => 65535,
    };
    let (depth, tuple) = match format.channels {
        Channels::Gray => return format!("P5\n{width} {height}\n{most}\n"),
        Channels::Rgb => return format!("P6\n{width} {height}\n{most}\n"),
        Channels::GrayAlpha => (2, "GRAYSCALE_ALPHA"),
        Channels::Rgba => (4, "RGB_ALPHA"),
        Channels::Bands(bands) => (bands.count(), "BANDS"),
    };
    format!("P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {most}\nTUPLTYPE {tuple}\nENDHDR\n")
}

/// Appends a pixel as four samples of 16 bit, the higher byte first; 255 of 8 bit is 65535.
fn farbfeld(out: &mut Vec<u8>, pixel: &[u8], format: PixelFormat) {
    let sample = |index: usize| match format.depth {
        Depth::Eight => [pixel[index]; 2],
        _ => [pixel[2 * index + 1], pixel[2 * index]],
    };
    let (colors, alpha) = match format.channels {
        Channels::Gray | Channels::Bands(_) => ([0, 0, 0], None),
        Channels::GrayAlpha => ([0, 0, 0], Some(1)),
        Channels::Rgb => ([0, 1, 2], None),
        Channels::Rgba => ([0, 1, 2], Some(3)),
    };
    for color in colors {
        out.extend(sample(color));
    }
    out.extend(alpha.map_or([255, 255], sample));
}
