//! Writing WebP, lossless, as a whole.

use image_webp::{ColorType, EncodingError, WebPEncoder};

use crate::file::writer::{ImageWriter, Output};
use crate::file::{FileError, Metadata};
use crate::{Channels, PixelFormat, Size};

/// Keeps the rows until the last, since the format is coded as a whole.
pub(in crate::file) struct WebPWriter {
    output: Output,
    size: Size,
    channels: Channels,
    metadata: Metadata,
    pixels: Vec<u8>,
}

impl WebPWriter {
    pub(in crate::file) fn new(output: Output, size: Size, format: PixelFormat, metadata: &Metadata) -> Self {
        Self {
            output,
            size,
            channels: format.channels,
            metadata: metadata.clone(),
            pixels: Vec::new(),
        }
    }
}

impl ImageWriter for WebPWriter {
    fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        self.pixels.extend_from_slice(rows);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, FileError> {
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
