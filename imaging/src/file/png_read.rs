//! Reading PNG: every colour type and depth, row by row; interlaced images as a whole.

use std::io::BufReader;

use png::{BitDepth, ColorType, DecodingError, Transformations};

use super::exif::{self, Orientation};
use super::source::Source;
use super::{FileError, FileKind, ImageInfo, Limits, MAX_INFLATE_RATIO, Metadata};
use crate::{Channels, Depth, PixelFormat, Size};

pub(super) struct PngReader {
    reader: png::Reader<BufReader<Source>>,
    sixteen: bool,
    /// The whole image where it is interlaced, and how much of it has been given out.
    whole: Option<(Vec<u8>, usize)>,
    interlaced: bool,
}

impl PngReader {
    pub(super) fn open(file: Source, length: u64, limits: &Limits) -> Result<(ImageInfo, Self), FileError> {
        let mut decoder = png::Decoder::new(BufReader::with_capacity(1 << 16, file));
        decoder.set_ignore_text_chunk(true);
        decoder.set_transformations(Transformations::EXPAND);
        let (size, raw_bytes, interlaced, row_bytes) = {
            let header = decoder.read_header_info().map_err(error)?;
            let size = Size::new(header.width, header.height);
            let bits = header.bits_per_pixel() as u64;
            (
                size,
                size.pixels().saturating_mul(bits) / 8,
                header.interlaced,
                u64::from(size.width) * 8,
            )
        };
        limits.check_size(size)?;
        if raw_bytes / MAX_INFLATE_RATIO > length {
            return Err(FileError::damaged(format!(
                "its header says {size} pixels, which cannot be packed into {length} bytes"
            )));
        }
        if interlaced {
            limits.check_unstreamed(size, "an interlaced PNG")?;
        }
        // Metadata and a few rows are all that the decoder may allocate.
        let bytes = (2 * limits.max_metadata_bytes as u64).saturating_add(row_bytes.saturating_mul(8));
        decoder.set_limits(png::Limits {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        });
        let reader = decoder.read_info().map_err(error)?;
        let format = format(reader.output_color_type())?;
        let info = reader.info();
        let (metadata, orientation) = metadata(info, limits);
        let info = ImageInfo {
            kind: FileKind::Png,
            stored_size: size,
            format,
            orientation,
            metadata,
        };
        let sixteen = format.depth == Depth::Sixteen;
        Ok((
            info,
            Self {
                reader,
                sixteen,
                whole: None,
                interlaced,
            },
        ))
    }

    /// Bytes that decoding takes beside the file and the pixels.
    pub(super) fn extra_bytes(&self) -> u64 {
        match self.reader.output_buffer_size() {
            Some(whole) if self.interlaced => whole as u64,
            Some(_) => 0,
            None => u64::MAX,
        }
    }

    /// Fills `buffer` with the next whole rows of `stride` bytes.
    pub(super) fn read_rows(&mut self, buffer: &mut [u8], stride: usize) -> Result<(), FileError> {
        if self.interlaced {
            self.read_interlaced(buffer)?;
        } else {
            for row in buffer.chunks_exact_mut(stride) {
                if self.reader.read_row(row).map_err(error)?.is_none() {
                    return Err(FileError::damaged("rows are missing at the end"));
                }
            }
        }
        if self.sixteen {
            // PNG is big endian.
            for sample in buffer.chunks_exact_mut(2) {
                sample.swap(0, 1);
            }
        }
        Ok(())
    }

    fn read_interlaced(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        if self.whole.is_none() {
            let bytes = self
                .reader
                .output_buffer_size()
                .ok_or_else(|| FileError::too_large("it does not fit the address space"))?;
            let mut whole = vec![0; bytes];
            self.reader.next_frame(&mut whole).map_err(error)?;
            self.whole = Some((whole, 0));
        }
        if let Some((whole, given)) = &mut self.whole {
            let rows = whole.get(*given..*given + buffer.len());
            buffer.copy_from_slice(rows.ok_or_else(|| FileError::damaged("rows are missing at the end"))?);
            *given += buffer.len();
        }
        Ok(())
    }

    /// Reads on to the end of the file, so that what is missing there is noticed.
    pub(super) fn finish(&mut self) -> Result<(), FileError> {
        self.whole = None;
        self.reader.finish().map_err(error)
    }
}

fn format((color, depth): (ColorType, BitDepth)) -> Result<PixelFormat, FileError> {
    let channels = match color {
        ColorType::Grayscale => Channels::Gray,
        ColorType::GrayscaleAlpha => Channels::GrayAlpha,
        ColorType::Rgb => Channels::Rgb,
        ColorType::Rgba => Channels::Rgba,
        ColorType::Indexed => return Err(FileError::damaged("its palette is missing")),
    };
    let depth = if depth == BitDepth::Sixteen {
        Depth::Sixteen
    } else {
        Depth::Eight
    };
    Ok(PixelFormat { channels, depth })
}

fn metadata(info: &png::Info<'_>, limits: &Limits) -> (Metadata, Orientation) {
    let small = |bytes: &[u8]| (bytes.len() <= limits.max_metadata_bytes).then(|| bytes.to_vec());
    let (orientation, exif) = exif::take_some(info.exif_metadata.as_deref().and_then(small));
    let resolution = info.pixel_dims.filter(|dims| dims.unit == png::Unit::Meter);
    let metadata = Metadata {
        icc: info.icc_profile.as_deref().and_then(small),
        resolution: resolution.map(|dims| (f64::from(dims.xppu), f64::from(dims.yppu))),
        exif,
    };
    (metadata, orientation)
}

fn error(error: DecodingError) -> FileError {
    match error {
        DecodingError::IoError(error) => FileError::reading(&error),
        DecodingError::LimitsExceeded => {
            FileError::too_large("its metadata needs more memory than is allowed")
        }
        other => FileError::damaged(other),
    }
}
