//! WebP: read (lossy and lossless) and written (lossless) as a whole; the first frame of an animation.

use std::fs::File;
use std::io::BufReader;

use image_webp::{ColorType, DecodingError, EncodingError, WebPDecoder, WebPEncoder};

use super::encoder::Output;
use super::exif;
use super::{FileError, FileKind, ImageInfo, Limits, Metadata};
use crate::{Channels, PixelFormat, Size};

pub(super) struct WebPReader {
    decoder: WebPDecoder<BufReader<File>>,
    /// The decoded image and how much of it has been given out.
    pixels: Option<(Vec<u8>, usize)>,
}

impl WebPReader {
    pub(super) fn open(file: File, limits: &Limits) -> Result<(ImageInfo, Self), FileError> {
        let mut decoder = WebPDecoder::new(BufReader::with_capacity(1 << 16, file)).map_err(reading)?;
        let (width, height) = decoder.dimensions();
        let size = Size::new(width, height);
        limits.check_size(size)?;
        limits.check_unstreamed(size, "a WebP")?;
        decoder.set_memory_limit(limits.max_metadata_bytes);
        let small = |bytes: &Vec<u8>| bytes.len() <= limits.max_metadata_bytes;
        let exif = decoder.exif_metadata().map_err(reading)?.filter(small);
        let (orientation, exif) = exif::take_some(exif);
        let icc = decoder.icc_profile().map_err(reading)?.filter(small);
        let format = if decoder.has_alpha() {
            PixelFormat::RGBA8
        } else {
            PixelFormat::RGB8
        };
        let metadata = Metadata {
            icc,
            resolution: None,
            exif,
        };
        let info = ImageInfo {
            kind: FileKind::WebP,
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
            let length = self.decoder.output_buffer_size();
            let length = length.ok_or_else(|| FileError::too_large("it does not fit the address space"))?;
            self.decoder.set_memory_limit(length.saturating_mul(2));
            let mut pixels = vec![0; length];
            self.decoder.read_image(&mut pixels).map_err(reading)?;
            self.pixels = Some((pixels, 0));
        }
        if let Some((pixels, given)) = &mut self.pixels {
            let rows = pixels.get(*given..*given + buffer.len());
            buffer.copy_from_slice(rows.ok_or_else(|| FileError::damaged("rows are missing at the end"))?);
            *given += buffer.len();
        }
        Ok(())
    }
}

fn reading(error: DecodingError) -> FileError {
    match error {
        DecodingError::IoError(error) => FileError::reading(&error),
        DecodingError::MemoryLimitExceeded => {
            FileError::too_large("its metadata needs more memory than is allowed")
        }
        DecodingError::UnsupportedFeature(feature) => FileError::unsupported(format!(
            "this kind of WebP is not read: {feature}; save it as PNG"
        )),
        other => FileError::damaged(other),
    }
}

/// Keeps the rows until the last, since the format is coded as a whole.
pub(super) struct WebPWriter {
    output: Output,
    size: Size,
    channels: Channels,
    metadata: Metadata,
    pixels: Vec<u8>,
}

impl WebPWriter {
    pub(super) fn new(output: Output, size: Size, format: PixelFormat, metadata: &Metadata) -> Self {
        Self {
            output,
            size,
            channels: format.channels,
            metadata: metadata.clone(),
            pixels: Vec::new(),
        }
    }

    pub(super) fn write_rows(&mut self, rows: &[u8]) {
        self.pixels.extend_from_slice(rows);
    }

    pub(super) fn finish(mut self) -> Result<u64, FileError> {
        let mut encoder = WebPEncoder::new(&mut self.output);
        if let Some(icc) = self.metadata.icc {
            encoder.set_icc_profile(icc);
        }
        if let Some(exif) = self.metadata.exif {
            encoder.set_exif_metadata(exif);
        }
        let color = match self.channels {
            Channels::Gray => ColorType::L8,
            Channels::GrayAlpha => ColorType::La8,
            Channels::Rgb => ColorType::Rgb8,
            Channels::Rgba => ColorType::Rgba8,
        };
        encoder
            .encode(&self.pixels, self.size.width, self.size.height, color)
            .map_err(|error| match error {
                EncodingError::IoError(error) => FileError::from(error),
                other => FileError::unsupported(format!("the WebP cannot be written: {other}")),
            })?;
        Ok(self.output.finish()?)
    }
}
