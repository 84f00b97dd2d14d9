//! Reading PNG: every colour type and depth, row by row; interlaced images as a whole.

use std::io::Seek as _;

use png::{BitDepth, ColorType, DecodingError, Transformations};

use super::chunks::Chunks;
use super::feed::Feed;
use crate::file::metadata::{exif, xmp};
use crate::file::reader::ImageReader;
use crate::file::source::Source;
use crate::file::{FileError, FileKind, ImageInfo, Limits, Metadata};
use crate::limits::MAX_INFLATE_RATIO;
use crate::{Channels, Depth, PixelFormat, Size};

pub(in crate::file) struct PngReader {
    reader: png::Reader<Feed>,
    sixteen: bool,
    stride: usize,
    /// The whole image where it is interlaced, and how much of it has been given out.
    whole: Option<(Vec<u8>, usize)>,
    interlaced: bool,
    /// Whether the file has its end.
    ended: bool,
    notes: Vec<String>,
}

impl PngReader {
    pub(in crate::file) fn open(
        mut file: Source,
        length: u64,
        limits: &Limits,
    ) -> Result<(ImageInfo, Self), FileError> {
        let Chunks {
            pieces,
            ended,
            icc,
            exif,
            xmp,
            resolution,
            color,
            notes,
        } = Chunks::read(&mut file, length, limits)?;
        file.rewind()?;
        let error = |error| explain(error, ended);
        let mut decoder = png::Decoder::new(Feed::new(file, pieces));
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
        // A few rows and a palette are all that the decoder may allocate.
        let bytes = (1u64 << 20).saturating_add(row_bytes.saturating_mul(8));
        decoder.set_limits(png::Limits {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        });
        let reader = decoder.read_info().map_err(error)?;
        let format = format(reader.output_color_type())?;
        let (orientation, exif) = exif::take_some(exif);
        let metadata = Metadata {
            icc,
            resolution,
            exif,
            xmp: xmp::upright(orientation, xmp),
            png_color: color,
            ..Metadata::default()
        };
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
                stride: size.width as usize * format.bytes_per_pixel(),
                whole: None,
                interlaced,
                ended,
                notes,
            },
        ))
    }

    /// Adds sentences on the file that the PNG came from.
    #[cfg(feature = "files")]
    pub(in crate::file) fn add_notes(&mut self, notes: Vec<String>) {
        self.notes.splice(0..0, notes);
    }

    fn read_interlaced(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        if self.whole.is_none() {
            let bytes = self
                .reader
                .output_buffer_size()
                .ok_or_else(|| FileError::too_large("it does not fit the address space"))?;
            let mut whole = vec![0; bytes];
            let read = self.reader.next_frame(&mut whole);
            read.map_err(|error| explain(error, self.ended))?;
            self.whole = Some((whole, 0));
        }
        if let Some((whole, given)) = &mut self.whole {
            let rows = whole.get(*given..*given + buffer.len());
            buffer.copy_from_slice(rows.ok_or_else(|| FileError::damaged("rows are missing at the end"))?);
            *given += buffer.len();
        }
        Ok(())
    }
}

impl ImageReader for PngReader {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), FileError> {
        if self.interlaced {
            self.read_interlaced(rows)?;
        } else {
            for row in rows.chunks_exact_mut(self.stride) {
                let read = self.reader.read_row(row);
                if read.map_err(|error| explain(error, self.ended))?.is_none() {
                    return Err(FileError::damaged("rows are missing at the end"));
                }
            }
        }
        if self.sixteen {
            // PNG is big endian.
            for sample in rows.chunks_exact_mut(2) {
                sample.swap(0, 1);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), FileError> {
        self.whole = None;
        if !self.ended {
            return Ok(());
        }
        self.reader.finish().map_err(|error| explain(error, self.ended))
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn extra_bytes(&self) -> u64 {
        match self.reader.output_buffer_size() {
            Some(whole) if self.interlaced => whole as u64,
            Some(_) => 0,
            None => u64::MAX,
        }
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

/// `ended`: whether the file has its end.
fn explain(error: DecodingError, ended: bool) -> FileError {
    match error {
        DecodingError::IoError(error) => FileError::reading(&error),
        DecodingError::LimitsExceeded => FileError::too_large("it needs more memory than is allowed"),
        _ if !ended => FileError::damaged("it ends in the middle; send the whole file"),
        other => {
            let said = other.to_string();
            if said.starts_with("Unrecognized critical") {
                return FileError::unsupported(
                    "this kind of PNG is not read: it has a chunk that is needed and not known; save it as an ordinary PNG",
                );
            }
            FileError::damaged(sentence(&said))
        }
    }
}

/// In words what the decoder says in terms of its own. It does not tell which of its errors it is but by the text.
fn sentence(said: &str) -> &'static str {
    const SENTENCES: [(&str, &str); 14] = [
        ("CRC error", "a checksum is wrong: bytes of it have changed"),
        ("IDAT or fdAT chunk is missing", "it has no pixels"),
        ("IDAT or fDAT chunk does not", "rows are missing at the end"),
        ("Corrupt deflate", "its packed pixels are wrong"),
        ("Missing palette", "its palette is missing"),
        ("Not enough palette", "its palette is too short"),
        ("Transparency chunk", "it has a transparent colour beside alpha"),
        (
            "Invalid color/depth",
            "its header names a depth that does not go with its kind of colours",
        ),
        ("Invalid bit depth", "its header names a depth that no PNG has"),
        (
            "Invalid color type",
            "its header names a kind of colours that no PNG has",
        ),
        (
            "Invalid image dimensions",
            "its header names a size that no PNG has",
        ),
        (
            "Unknown compression",
            "its header names a compression that no PNG has",
        ),
        ("Unknown filter", "its header names a filter that no PNG has"),
        (
            "Unknown interlace",
            "its header names an interlacing that no PNG has",
        ),
    ];
    SENTENCES
        .iter()
        .find(|(start, _)| said.starts_with(start))
        .map_or("its chunks are wrong or in the wrong order", |(_, sentence)| {
            sentence
        })
}
