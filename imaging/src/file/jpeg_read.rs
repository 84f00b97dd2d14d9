//! Reading JPEG: baseline and progressive, gray, YCbCr, CMYK and YCCK, decoded as a whole.

use std::fs::File;
use std::io::Read;

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::exif::{self, Orientation};
use super::{FileError, FileKind, ImageInfo, Limits, Metadata};
use crate::{PixelFormat, Size};

pub(super) struct JpegReader {
    decoder: JpegDecoder<ZCursor<Vec<u8>>>,
    /// The decoded image and how much of it has been given out.
    pixels: Option<(Vec<u8>, usize)>,
}

/// Bytes that one pixel of a JPEG may take in the file, generously; a longer file is refused before it is read.
const MAX_BYTES_PER_PIXEL: u64 = 16;

impl JpegReader {
    pub(super) fn open(mut file: File, length: u64, limits: &Limits) -> Result<(ImageInfo, Self), FileError> {
        // A JPEG is at most 65535 pixels a side; what is allowed in memory bounds the file too.
        if length > limits.max_unstreamed_pixels.saturating_mul(MAX_BYTES_PER_PIXEL) {
            return Err(FileError::too_large(format!(
                "{length} bytes are more than a JPEG within the limits has"
            )));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|error| FileError::reading(&error))?;
        let scan = Scan::of(&bytes);
        if !scan.has_end {
            return Err(FileError::damaged("it ends in the middle; send the whole file"));
        }
        let options = DecoderOptions::default()
            .set_max_width(usize::from(u16::MAX))
            .set_max_height(usize::from(u16::MAX));
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(error)?;
        let header = decoder
            .info()
            .ok_or_else(|| FileError::damaged("it has no header"))?;
        let size = Size::new(header.width.into(), header.height.into());
        limits.check_size(size)?;
        limits.check_unstreamed(size, "a JPEG")?;
        let format = if header.components == 1 {
            PixelFormat::GRAY8
        } else {
            PixelFormat::RGB8
        };
        let colors = if header.components == 1 {
            ColorSpace::Luma
        } else {
            ColorSpace::RGB
        };
        let options = (*decoder.options()).jpeg_set_out_colorspace(colors);
        decoder.set_options(options);
        let small = |bytes: &Vec<u8>| bytes.len() <= limits.max_metadata_bytes;
        let mut exif = header.exif_data.filter(small);
        let orientation = exif
            .as_deref_mut()
            .map_or(Orientation::Upright, exif::take_orientation);
        let metadata = Metadata {
            icc: decoder.icc_profile().filter(small),
            resolution: scan.resolution,
            exif,
        };
        let info = ImageInfo {
            kind: FileKind::Jpeg,
            stored_size: size,
            format,
            orientation,
            metadata,
        };
        Ok((
            info,
            Self {
                decoder,
                pixels: None,
            },
        ))
    }

    /// Fills `buffer` with the next rows.
    pub(super) fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        if self.pixels.is_none() {
            self.pixels = Some((self.decoder.decode().map_err(error)?, 0));
        }
        if let Some((pixels, given)) = &mut self.pixels {
            let rows = pixels.get(*given..*given + buffer.len());
            buffer.copy_from_slice(rows.ok_or_else(|| FileError::damaged("rows are missing at the end"))?);
            *given += buffer.len();
        }
        Ok(())
    }
}

/// What the markers tell that the decoder does not.
#[derive(Default)]
struct Scan {
    /// Whether an end marker follows the start of the scans. In compressed data `FF` is always followed by zero or a
    /// restart marker, so `FF D9` can be nothing else. The decoder alone would fill what is missing with gray.
    has_end: bool,
    /// Pixels per metre, from the JFIF segment.
    resolution: Option<(f64, f64)>,
}

impl Scan {
    fn of(bytes: &[u8]) -> Self {
        let mut scan = Self::default();
        let mut at = 2;
        while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
            if marker == 0xff {
                at += 1;
                continue;
            }
            if marker == 0xda {
                break;
            }
            let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
                return scan;
            };
            let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
            if marker == 0xe0 {
                scan.resolution = bytes.get(at + 4..end).and_then(jfif_resolution);
            }
            at = end;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        scan.has_end = rest.windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
        scan
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

fn error(error: DecodeErrors) -> FileError {
    match error {
        DecodeErrors::Unsupported(scheme) => FileError::unsupported(format!(
            "this kind of JPEG is not read ({scheme:?}); save it as baseline or PNG"
        )),
        DecodeErrors::ExhaustedData => FileError::damaged("it ends in the middle; send the whole file"),
        other => FileError::damaged(format!("{other:?}").chars().take(200).collect::<String>()),
    }
}
