//! Writing: one encoder over all formats, rows from top to bottom.

use std::path::Path;

use super::jpeg::write::{self as jpeg_write, JpegWriter};
use super::metadata::exif;
use super::metadata::tags::Tags;
use super::other::{OtherWriter, PlainWriter};
use super::png::write::PngWriter;
use super::tiff::write::TiffWriter;
use super::webp::WebPWriter;
use super::writer::{ImageWriter, Output};
use super::{EncodeOptions, FileError, FileKind, Metadata};
use crate::{PixelFormat, Size};

/// Writes an image from top to bottom.
pub struct Encoder {
    writer: Box<dyn ImageWriter>,
    stride: usize,
    missing_bytes: u64,
    left_out: Vec<String>,
}

/// Why a format cannot take EXIF or XMP of that many bytes; a JPEG holds `most`.
fn no_room(kind: FileKind, bytes: usize, most: usize) -> Option<String> {
    match kind {
        FileKind::Jpeg if bytes > most => Some(format!(
            "it has {bytes} bytes, and JPEG holds {most}; choose png, tiff or webp to keep it"
        )),
        FileKind::Png | FileKind::Jpeg | FileKind::Tiff | FileKind::WebP => None,
        other => Some(format!(
            "{other} has no place for it; choose png, jpeg, tiff or webp to keep it"
        )),
    }
}

/// Why a format cannot take that EXIF as a whole, and whether that is all of it.
fn exif_problem(kind: FileKind, exif: &[u8]) -> Option<(String, bool)> {
    if let Some(problem) = no_room(kind, exif.len(), jpeg_write::MAX_EXIF) {
        return Some((format!("EXIF is left out: {problem}"), true));
    }
    if kind != FileKind::Tiff {
        return None;
    }
    let choose = "it is damaged; choose png, jpeg or webp to keep it as it is";
    match Tags::of(exif) {
        None => Some((format!("EXIF is left out: {choose}"), true)),
        Some(tags) if tags.is_damaged => Some((format!("a part of EXIF is left out: {choose}"), false)),
        Some(_) => None,
    }
}

impl Encoder {
    /// Creates the file at `path`, over one that is there, for an image of that size and format.
    ///
    /// # Errors
    /// When `kind` cannot hold such an image (see [`EncodeOptions::check`]) or the file cannot be written.
    pub fn create(
        path: &Path,
        kind: FileKind,
        options: &EncodeOptions,
        size: Size,
        format: PixelFormat,
        metadata: &Metadata,
    ) -> Result<Self, FileError> {
        options.check(kind, size, format)?;
        if size.is_empty() {
            return Err(FileError::unsupported(format!(
                "an image of {size} pixels cannot be written"
            )));
        }
        let (mut metadata, mut left_out) = metadata.for_file(kind, format);
        if !options.keep_exif {
            metadata.exif = None;
            metadata.xmp = None;
        }
        let length = metadata.xmp.as_ref().map(Vec::len);
        if let Some(problem) = length.and_then(|length| no_room(kind, length, jpeg_write::MAX_XMP)) {
            left_out.push(format!("XMP is left out: {problem}"));
            metadata.xmp = None;
        }
        let problem = metadata.exif.as_ref().and_then(|exif| exif_problem(kind, exif));
        if let Some((problem, is_all)) = problem {
            left_out.push(problem);
            metadata.exif.take_if(|_| is_all);
        }
        if let Some(exif) = &mut metadata.exif {
            exif::set_size(exif, size);
        }
        let output = Output::create(path)?;
        let stride = size.width as usize * format.bytes_per_pixel();
        let writer: Box<dyn ImageWriter> = match kind {
            FileKind::Png => Box::new(PngWriter::new(output, options, size, format, &metadata)?),
            FileKind::Jpeg => Box::new(JpegWriter::new(output, options, size, format, &metadata)?),
            FileKind::Tiff => Box::new(TiffWriter::new(output, options, size, format, &metadata)?),
            FileKind::WebP => Box::new(WebPWriter::new(output, options, size, format, &metadata)),
            other => {
                if metadata.icc.is_some() {
                    left_out.push(format!(
                        "the ICC profile is left out: it is not written to {other}; choose png, jpeg, tiff or webp to keep it"
                    ));
                }
                match other {
                    FileKind::Pnm | FileKind::Farbfeld => {
                        Box::new(PlainWriter::new(output, other, size, format)?)
                    }
                    _ => Box::new(OtherWriter::new(output, other, size, format)),
                }
            }
        };
        Ok(Self {
            writer,
            stride,
            missing_bytes: stride as u64 * u64::from(size.height),
            left_out,
        })
    }

    /// Sentences on what is not written, because the format or the pixels cannot have it. What the pixels decide, the colours of a
    /// GIF, is known when the last row was written.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Takes the next rows, as many as there are in `rows`.
    ///
    /// # Errors
    /// When `rows` are not whole rows, are more than the image has, or cannot be written.
    pub fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        if !rows.len().is_multiple_of(self.stride) || rows.len() as u64 > self.missing_bytes {
            return Err(FileError::unsupported(format!(
                "{} bytes are not whole rows of {} bytes of the {} that are missing",
                rows.len(),
                self.stride,
                self.missing_bytes
            )));
        }
        self.missing_bytes -= rows.len() as u64;
        self.writer.write_rows(rows)?;
        if self.missing_bytes == 0 {
            self.left_out.extend(self.writer.losses());
        }
        Ok(())
    }

    /// Writes the end; gives the length of the file.
    ///
    /// # Errors
    /// When rows are missing or the file cannot be written.
    pub fn finish(self) -> Result<u64, FileError> {
        if self.missing_bytes > 0 {
            return Err(FileError::unsupported(format!(
                "{} bytes of rows are missing",
                self.missing_bytes
            )));
        }
        self.writer.finish()
    }
}
