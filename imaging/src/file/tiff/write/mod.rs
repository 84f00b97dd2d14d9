//! Writing TIFF: tiles or strips, packed by several threads, with or without a pyramid; BigTIFF where 4 GiB might not do.
//!
//! Rows are cut as they come and are never seen again: a row of tiles of the image is in memory, and one of each reduced picture.
//! The pages of a pyramid follow the image's own in the chain of directories, marked as reduced (`NewSubfileType` 1). GDAL reads
//! these as overviews and libvips as pages; sub-directories (`SubIFDs`), the other way, are overlooked by GDAL. Directories stand
//! at the end, the image's last, so that each knows where the next one is.

mod directory;
mod halve;
mod level;
mod pack;
mod sink;

use std::io::Write;

use directory::Directory;
use level::Level;
use pack::{Chunk, Packing};
use sink::Sink;

use crate::encoding::{TiffCompression, TiffLayout, TiffOptions};
use crate::file::metadata::tags::Tags;
use crate::file::pool::Pool;
use crate::file::writer::{ImageWriter, Output};
use crate::file::{EncodeOptions, FileError, Metadata};
use crate::{PixelFormat, Size};

/// Side of a tile unless it is said or too much memory would be needed.
const TILE: u32 = 256;
/// Raw bytes of a strip, about.
const STRIP_BYTES: usize = 1 << 18;
/// Most bytes that rows of tiles may take where nobody chose their size, and where somebody did.
const USUAL_HELD: u64 = 256 << 20;
const MAX_HELD: u64 = 1 << 30;
/// Most bytes of a file that is not a BigTIFF, by an estimate that leaves room for headers and directories.
const MAX_CLASSIC: u64 = 4_000_000_000;

/// Writes a TIFF from top to bottom.
pub(in crate::file) struct TiffWriter {
    format: PixelFormat,
    packing: Packing,
    metadata: Metadata,
    stride: usize,
    /// The image, then each picture half as large as the one before.
    levels: Vec<Level>,
    pool: Pool<Chunk>,
    sink: Sink,
}

/// Sizes of the image and of its reduced pictures: halves, rounded up, until one fits a tile of that side.
fn sizes(size: Size, side: u32) -> Vec<Size> {
    let mut sizes = vec![size];
    let mut last = size;
    while last.width > side || last.height > side {
        last = Size::new(last.width.div_ceil(2), last.height.div_ceil(2));
        sizes.push(last);
    }
    sizes
}

/// Size of the tiles or of a strip of an image of that width.
fn chunk(options: TiffOptions, width: u32, format: PixelFormat) -> Result<Size, FileError> {
    let row = u64::from(width) * format.bytes_per_pixel() as u64;
    // Those of the reduced pictures together take less than once more.
    let held = |side: u32| row.max(1).saturating_mul(side.into()) << u32::from(options.pyramid);
    match options.layout {
        TiffLayout::Strips => {
            let rows = (STRIP_BYTES as u64 / row.max(1)).clamp(1, 1 << 16) as u32;
            let rows = match options.compression {
                // A JPEG is made of blocks, two of them where colours are halved.
                TiffCompression::Jpeg => rows.next_multiple_of(16),
                _ => rows,
            };
            Ok(Size::new(width, rows))
        }
        TiffLayout::Tiles(None) => {
            let sides = std::iter::successors(Some(TILE), |side| (*side > 16).then_some(side / 2));
            let side = sides.clone().find(|side| held(*side) <= USUAL_HELD).unwrap_or(16);
            Ok(Size::new(side, side))
        }
        TiffLayout::Tiles(Some(side)) => {
            let side = u32::from(side);
            if held(side) > MAX_HELD {
                return Err(FileError::unsupported(format!(
                    "rows of tiles of tile={side} take {} MiB of memory with this image, and {} are allowed; \
                     choose smaller tiles, or tile=strips",
                    held(side) >> 20,
                    MAX_HELD >> 20
                )));
            }
            Ok(Size::new(side, side))
        }
    }
}

/// Most bytes that the chunks of these pictures can have, about: what cannot be packed grows with some packings.
fn most_bytes(sizes: &[Size], chunk: Size, options: TiffOptions, format: PixelFormat) -> u64 {
    let side = |length: u32, chunk: u32| u64::from(length).next_multiple_of(chunk.into());
    let tiled = options.layout != TiffLayout::Strips;
    let raw: u64 = sizes
        .iter()
        .map(|size| match tiled {
            true => side(size.width, chunk.width).saturating_mul(side(size.height, chunk.height)),
            false => size.pixels(),
        })
        .fold(0, u64::saturating_add)
        .saturating_mul(format.bytes_per_pixel() as u64);
    match options.compression {
        TiffCompression::Lzw | TiffCompression::Jpeg => raw.saturating_add(raw / 2),
        _ => raw.saturating_add(raw / 100),
    }
}

impl TiffWriter {
    pub(in crate::file) fn new(
        mut output: Output,
        options: &EncodeOptions,
        size: Size,
        format: PixelFormat,
        metadata: &Metadata,
    ) -> Result<Self, FileError> {
        let tiff = options.tiff;
        let chunk = chunk(tiff, size.width, format)?;
        if tiff.compression == TiffCompression::Jpeg && chunk.width > 65_535 {
            return Err(FileError::unsupported(format!(
                "a strip of compression=jpeg holds 65535 pixels a row, not {}; write it in tiles",
                chunk.width
            )));
        }
        let tiled = tiff.layout != TiffLayout::Strips;
        let sizes = match tiff.pyramid {
            true => sizes(size, if tiled { chunk.width } else { TILE }),
            false => vec![size],
        };
        let big = tiff
            .big
            .unwrap_or_else(|| most_bytes(&sizes, chunk, tiff, format) > MAX_CLASSIC);
        // The offset of the first directory, at the end of the header, is filled in last.
        let header: &[u8] = if big {
            b"II\x2b\0\x08\0\0\0\0\0\0\0\0\0\0\0"
        } else {
            b"II\x2a\0\0\0\0\0"
        };
        output.write_all(header)?;
        let packing = Packing {
            compression: tiff.compression,
            level: options.level,
            quality: options.jpeg_quality(),
            format,
        };
        Ok(Self {
            format,
            packing,
            metadata: metadata.clone(),
            stride: size.width as usize * format.bytes_per_pixel(),
            sink: Sink {
                output,
                position: header.len() as u64,
                big,
                places: vec![Vec::new(); sizes.len()],
            },
            levels: sizes
                .iter()
                .map(|size| Level::new(*size, chunk, tiled, format, metadata.no_data))
                .collect(),
            pool: Pool::new(options.threads),
        })
    }

    /// Takes a row of the image, and the rows of the reduced pictures that it completes.
    fn push(&mut self, row: &[u8]) -> Result<(), FileError> {
        let Self {
            levels, pool, sink, ..
        } = self;
        let count = levels.len();
        let mut reduced = Vec::new();
        for (index, level) in levels.iter_mut().enumerate() {
            let row = if index == 0 { row } else { &reduced[..] };
            if level.take(row) {
                level.cut(&mut |pixels, size| {
                    let chunk = Chunk {
                        level: index,
                        packing: self.packing,
                        pixels,
                        size,
                    };
                    pool.submit(chunk, &mut |packed| sink.put(&packed))
                })?;
            }
            if index + 1 == count {
                break;
            }
            match level.halve(row) {
                Some(next) => reduced = next,
                None => break,
            }
        }
        Ok(())
    }
}

impl ImageWriter for TiffWriter {
    fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        for row in rows.chunks_exact(self.stride) {
            self.push(row)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, FileError> {
        let sink = &mut self.sink;
        self.pool.finish(&mut |packed| sink.put(&packed))?;
        let places = std::mem::take(&mut sink.places);
        let mut next = 0;
        for (index, (level, places)) in self.levels.iter().zip(&places).enumerate().rev() {
            let mut directory = Directory::new(sink.big);
            directory.picture(level, index > 0, self.packing, self.format, places);
            directory.no_data(self.metadata.no_data);
            if index == 0 {
                directory.metadata(&self.metadata);
                if let Some(tags) = self.metadata.exif.as_deref().and_then(Tags::of) {
                    directory.exif(&tags.into_little(), sink)?;
                }
            }
            next = directory.write(sink, next)?;
        }
        let at = if sink.big { 8 } else { 4 };
        let pointer = directory::number(sink.big, next);
        Ok(self.sink.output.finish_with(at, &pointer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> TiffOptions {
        text.parse::<crate::Encoding>().unwrap().tiff()
    }

    #[test]
    fn pictures_are_halved_until_one_fits_a_tile() {
        let expected = [(1000, 301), (500, 151), (250, 76)].map(|(x, y)| Size::new(x, y));
        assert_eq!(sizes(Size::new(1000, 301), 256), expected);
        assert_eq!(sizes(Size::new(256, 1), 256), [Size::new(256, 1)]);
    }

    #[test]
    fn rows_of_tiles_are_bounded_however_wide_the_image() {
        let side =
            |text: &str, width| chunk(options(text), width, PixelFormat::RGBA16).map(|size| size.width);
        assert_eq!(side("tiff", 100_000).unwrap(), 256);
        assert_eq!(side("tiff", 200_000).unwrap(), 128);
        assert_eq!(side("tiff:pyramid=true", 1_000_000).unwrap(), 16);
        let error = side("tiff:tile=1024", 1_000_000).unwrap_err().to_string();
        assert!(error.contains("tile=1024") && error.contains("strips"), "{error}");
    }

    #[test]
    fn a_bigtiff_is_chosen_where_the_worst_case_needs_it() {
        let most = |text: &str, side| {
            let (size, options) = (Size::new(side, side), options(text));
            let chunk = chunk(options, size.width, PixelFormat::RGB8).unwrap();
            let sizes = if options.pyramid {
                sizes(size, TILE)
            } else {
                vec![size]
            };
            most_bytes(&sizes, chunk, options, PixelFormat::RGB8)
        };
        assert!(most("tiff", 36_000) < MAX_CLASSIC);
        assert!(most("tiff:compression=lzw", 36_000) > MAX_CLASSIC);
        assert!(most("tiff:pyramid=true", 36_000) > MAX_CLASSIC);
    }
}
