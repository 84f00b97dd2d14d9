//! Writing WebP, as a whole: without loss, or with a quality.

use std::io::Write;

use image_webp::{ColorType, EncodingError, WebPEncoder};

use super::lossy;
use crate::file::writer::{ImageWriter, Output};
use crate::file::{EncodeOptions, FileError, Metadata};
use crate::{Channels, PixelFormat, Size};

/// Keeps the rows until the last, since the format is coded as a whole.
pub(in crate::file) struct WebPWriter {
    output: Output,
    size: Size,
    channels: Channels,
    /// `None` where nothing is to be lost.
    quality: Option<u8>,
    metadata: Metadata,
    pixels: Vec<u8>,
}

impl WebPWriter {
    pub(in crate::file) fn new(
        output: Output,
        options: &EncodeOptions,
        size: Size,
        format: PixelFormat,
        metadata: &Metadata,
    ) -> Self {
        Self {
            output,
            size,
            channels: format.channels,
            quality: options.quality,
            metadata: metadata.clone(),
            pixels: Vec::new(),
        }
    }

    fn finish_lossy(mut self, quality: u8) -> Result<u64, FileError> {
        let channels = match self.channels {
            Channels::Gray => Channels::Rgb,
            Channels::GrayAlpha => Channels::Rgba,
            other => other,
        };
        let file = lossy::encode(&self.pixels, self.size, channels, quality, &self.metadata)?;
        self.output.write_all(&file)?;
        Ok(self.output.finish()?)
    }
}

impl ImageWriter for WebPWriter {
    fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        let stored = self.channels.count();
        let is_gray = matches!(self.channels, Channels::Gray | Channels::GrayAlpha);
        if self.quality.is_some() && is_gray {
            // The encoder with a quality takes colours only.
            self.pixels.reserve(rows.len() / stored * (stored + 2));
            for pixel in rows.chunks_exact(stored) {
                self.pixels.extend_from_slice(&[pixel[0]; 2]);
                self.pixels.extend_from_slice(pixel);
            }
        } else {
            self.pixels.extend_from_slice(rows);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, FileError> {
        if let Some(quality) = self.quality {
            return self.finish_lossy(quality);
        }
        let mut encoder = WebPEncoder::new(&mut self.output);
        if let Some(icc) = self.metadata.icc {
            encoder.set_icc_profile(icc);
        }
        if let Some(exif) = self.metadata.exif {
            encoder.set_exif_metadata(exif);
        }
        if let Some(xmp) = self.metadata.xmp {
            encoder.set_xmp_metadata(xmp);
        }
        let color = match self.channels {
            Channels::Gray => ColorType::L8,
            Channels::GrayAlpha => ColorType::La8,
            Channels::Rgb => ColorType::Rgb8,
            Channels::Rgba => ColorType::Rgba8,
            Channels::Bands(_) => return Err(FileError::unsupported("WebP has no bands")),
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
