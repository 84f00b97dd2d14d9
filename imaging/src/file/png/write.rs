//! Writing PNG: rows filtered and compressed in strips, by several threads, in bounded memory.

use std::io::Write;

use super::filter;
use crate::file::metadata::xmp;
use crate::file::pool::{Job, Pool};
use crate::file::splice::{self, Adler, Strip};
use crate::file::writer::{ImageWriter, Output};
use crate::file::{EncodeOptions, FileError, Metadata, PngColor};
use crate::{Channels, Depth, PixelFormat, Size};

/// Bytes of rows in a strip, about.
const STRIP_BYTES: usize = 1 << 19;

pub(in crate::file) struct PngWriter {
    layout: Layout,
    /// Rows of the strip that is being filled.
    strip: Vec<u8>,
    /// The row above the strip.
    above: Vec<u8>,
    missing_rows: u32,
    pool: Pool<RowsJob>,
    sink: Sink,
}

/// Where compressed strips go.
struct Sink {
    output: Output,
    adler: Adler,
    first: bool,
}

/// What a strip needs to be compressed.
#[derive(Clone, Copy)]
struct Layout {
    stride: usize,
    sixteen: bool,
    /// Bytes of a pixel.
    pixel: usize,
    level: Option<u8>,
}

impl PngWriter {
    pub(in crate::file) fn new(
        mut output: Output,
        options: &EncodeOptions,
        size: Size,
        format: PixelFormat,
        metadata: &Metadata,
    ) -> Result<Self, FileError> {
        let layout = Layout {
            stride: size.width as usize * format.bytes_per_pixel(),
            sixteen: format.depth == Depth::Sixteen,
            pixel: format.bytes_per_pixel(),
            level: options.level,
        };
        write_head(&mut output, size, format, metadata)?;
        Ok(Self {
            layout,
            strip: Vec::new(),
            above: vec![0; layout.stride],
            missing_rows: size.height,
            pool: Pool::new(options.threads),
            sink: Sink {
                output,
                adler: Adler::new(),
                first: true,
            },
        })
    }

    fn send_strip(&mut self) -> Result<(), FileError> {
        let rows = std::mem::take(&mut self.strip);
        let last_row = rows[rows.len() - self.layout.stride..].to_vec();
        let above = std::mem::replace(&mut self.above, last_row);
        let job = RowsJob {
            layout: self.layout,
            above,
            rows,
            last: self.missing_rows == 0,
        };
        self.pool.submit(job, &mut |strip| self.sink.put(&strip))
    }
}

impl ImageWriter for PngWriter {
    fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        let rows_per_strip = (STRIP_BYTES / self.layout.stride).max(1);
        let full = rows_per_strip * self.layout.stride;
        for row in rows.chunks_exact(self.layout.stride) {
            self.strip.extend_from_slice(row);
            self.missing_rows = self.missing_rows.saturating_sub(1);
            if self.strip.len() >= full || self.missing_rows == 0 {
                self.send_strip()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, FileError> {
        self.pool.finish(&mut |strip| self.sink.put(&strip))?;
        let mut output = self.sink.output;
        write_chunk(&mut output, b"IDAT", &[&self.sink.adler.value().to_be_bytes()])?;
        write_chunk(&mut output, b"IEND", &[])?;
        Ok(output.finish()?)
    }
}

impl Sink {
    fn put(&mut self, strip: &Strip) -> Result<(), FileError> {
        self.adler.append(strip);
        let header: &[u8] = if std::mem::take(&mut self.first) {
            &splice::ZLIB_HEADER
        } else {
            &[]
        };
        write_chunk(&mut self.output, b"IDAT", &[header, &strip.bytes])
    }
}

/// Signature and every chunk before the pixels.
fn write_head(
    output: &mut Output,
    size: Size,
    format: PixelFormat,
    metadata: &Metadata,
) -> Result<(), FileError> {
    output.write_all(b"\x89PNG\r\n\x1a\n")?;
    let color = match format.channels {
        Channels::Gray => 0,
        Channels::Rgb => 2,
        Channels::GrayAlpha => 4,
        Channels::Rgba => 6,
        Channels::Bands(_) => return Err(FileError::unsupported("PNG has no bands")),
    };
    let bits = 8 * format.depth.bytes() as u8;
    write_chunk(
        output,
        b"IHDR",
        &[
            &size.width.to_be_bytes(),
            &size.height.to_be_bytes(),
            &[bits, color, 0, 0, 0],
        ],
    )?;
    write_color(output, &metadata.png_color)?;
    if let Some(icc) = &metadata.icc {
        let packed = splice::zlib(icc, None)?;
        write_chunk(output, b"iCCP", &[b"icc\0\0", &packed])?;
    }
    if let Some((x, y)) = metadata.resolution {
        let per_metre = |value: f64| (value.round().clamp(1.0, f64::from(i32::MAX)) as u32).to_be_bytes();
        write_chunk(output, b"pHYs", &[&per_metre(x), &per_metre(y), &[1]])?;
    }
    if let Some(exif) = &metadata.exif {
        write_chunk(output, b"eXIf", &[exif])?;
    }
    if let Some(text) = &metadata.xmp {
        // Not packed, of no language, and without another keyword.
        write_chunk(output, b"iTXt", &[xmp::PNG, &[0; 4], text])?;
    }
    Ok(())
}

/// What a PNG said of its colours, as it said it.
fn write_color(output: &mut Output, color: &PngColor) -> Result<(), FileError> {
    if let Some(cicp) = &color.cicp {
        write_chunk(output, b"cICP", &[cicp])?;
    }
    if let Some(mastering) = &color.mastering {
        write_chunk(output, b"mDCV", &[mastering])?;
    }
    if let Some(light) = &color.light {
        write_chunk(output, b"cLLI", &[light])?;
    }
    if let Some(intent) = color.srgb {
        write_chunk(output, b"sRGB", &[&[intent]])?;
    }
    if let Some(gamma) = color.gamma {
        write_chunk(output, b"gAMA", &[&gamma.to_be_bytes()])?;
    }
    if let Some(points) = &color.chromaticities {
        write_chunk(output, b"cHRM", &[&points.map(u32::to_be_bytes).concat()])?;
    }
    Ok(())
}

fn write_chunk(output: &mut Output, name: &[u8; 4], parts: &[&[u8]]) -> Result<(), FileError> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length =
        u32::try_from(length).map_err(|_| FileError::unsupported("a PNG chunk would exceed 4 GiB"))?;
    let mut crc = crc32fast::Hasher::new();
    output.write_all(&length.to_be_bytes())?;
    output.write_all(name)?;
    crc.update(name);
    for part in parts {
        output.write_all(part)?;
        crc.update(part);
    }
    output.write_all(&crc.finalize().to_be_bytes())?;
    Ok(())
}

/// Rows to filter and compress.
struct RowsJob {
    layout: Layout,
    above: Vec<u8>,
    rows: Vec<u8>,
    last: bool,
}

impl Job for RowsJob {
    type Done = Strip;

    fn run(mut self) -> Result<Strip, FileError> {
        let Layout {
            stride,
            sixteen,
            pixel,
            level,
        } = self.layout;
        if sixteen {
            for sample in self
                .rows
                .chunks_exact_mut(2)
                .chain(self.above.chunks_exact_mut(2))
            {
                sample.swap(0, 1);
            }
        }
        let filtered = match level {
            None => filter::up(&self.rows, &self.above, stride),
            Some(0) => filter::none(&self.rows, stride),
            Some(_) => filter::best(&self.rows, &self.above, stride, pixel),
        };
        splice::compress(&filtered, level, self.last)
    }
}
