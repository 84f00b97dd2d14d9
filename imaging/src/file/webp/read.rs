//! Reading WebP, lossy and lossless, as a whole; the first frame of an animation.

use std::io::BufReader;

use image_webp::{DecodingError, WebPDecoder};

use crate::file::metadata::{exif, xmp};
use crate::file::reader::ImageReader;
use crate::file::source::Source;
use crate::file::whole::Whole;
use crate::file::{FileError, FileKind, ImageInfo, Limits, Metadata};
use crate::{PixelFormat, Size};

pub(in crate::file) struct WebPReader {
    decoder: WebPDecoder<BufReader<Source>>,
    /// The decoded image and how much of it has been given out.
    whole: Option<Whole>,
    /// What is left out, in sentences.
    notes: Vec<String>,
    private_notes: Vec<String>,
}

impl WebPReader {
    pub(in crate::file) fn open(file: Source, limits: &Limits) -> Result<(ImageInfo, Self), FileError> {
        let mut decoder = WebPDecoder::new(BufReader::with_capacity(1 << 16, file)).map_err(reading)?;
        let (width, height) = decoder.dimensions();
        let size = Size::new(width, height);
        limits.check_size(size)?;
        limits.check_unstreamed(size, "a WebP")?;
        decoder.set_memory_limit(limits.max_metadata_bytes);
        let small = |bytes: &Vec<u8>| bytes.len() <= limits.max_metadata_bytes;
        let exif = decoder.exif_metadata().map_err(reading)?.filter(small);
        let (orientation, exif) = exif::take_some(exif);
        let mut private_notes = Vec::new();
        let xmp = decoder.xmp_metadata().unwrap_or_else(|_| {
            private_notes.push("XMP is left out: it is damaged or too large".to_owned());
            None
        });
        let xmp = xmp::upright(orientation, xmp.filter(small));
        let icc = decoder.icc_profile().map_err(reading)?.filter(small);
        let format = if decoder.has_alpha() {
            PixelFormat::RGBA8
        } else {
            PixelFormat::RGB8
        };
        let metadata = Metadata {
            icc,
            exif,
            xmp,
            ..Metadata::default()
        };
        let mut notes = Vec::new();
        if decoder.is_animated() && decoder.num_frames() > 1 {
            notes.push(format!(
                "the file is an animation of {} frames; the first is read, and the others are left out",
                decoder.num_frames()
            ));
        }
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
                whole: None,
                notes,
                private_notes,
            },
        ))
    }

    /// All pixels.
    fn decode(&mut self) -> Result<Vec<u8>, FileError> {
        let length = self.decoder.output_buffer_size();
        let length = length.ok_or_else(|| FileError::too_large("it does not fit the address space"))?;
        self.decoder.set_memory_limit(length.saturating_mul(2));
        let mut pixels = vec![0; length];
        self.decoder.read_image(&mut pixels).map_err(reading)?;
        Ok(pixels)
    }
}

impl ImageReader for WebPReader {
    fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let whole = self.whole.take();
        self.whole = Some(Whole::read_on(whole, buffer, || self.decode())?);
        Ok(())
    }

    fn read_all(&mut self) -> Option<Result<Vec<u8>, FileError>> {
        Some(self.decode())
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn private_notes(&self) -> &[String] {
        &self.private_notes
    }

    fn extra_bytes(&self) -> u64 {
        let (width, height) = self.decoder.dimensions();
        Size::new(width, height).pixels().saturating_mul(4)
    }
}

/// What an error of the decoder means, in words.
pub(in crate::file) fn reading(error: DecodingError) -> FileError {
    use DecodingError as E;
    match error {
        E::IoError(error) => FileError::reading(&error),
        E::MemoryLimitExceeded => FileError::too_large("its metadata needs more memory than is allowed"),
        E::ImageTooLarge => FileError::too_large("its header says more pixels than a WebP holds"),
        E::UnsupportedFeature(feature) => FileError::unsupported(format!(
            "this kind of WebP is not read: {feature}; save it as PNG"
        )),
        E::RiffSignatureInvalid(_) | E::WebpSignatureInvalid(_) | E::ChunkHeaderInvalid(_) => {
            FileError::damaged("one of its parts has a name that no WebP has")
        }
        E::ChunkMissing | E::NotEnoughInitData => FileError::damaged("one of its parts is missing"),
        E::InvalidChunkSize | E::InconsistentImageSizes | E::FrameOutsideImage => {
            FileError::damaged("its parts say sizes that do not go together")
        }
        E::InvalidAlphaPreprocessing | E::InvalidCompressionMethod | E::AlphaChunkSizeMismatch => {
            FileError::damaged("its alpha is wrong")
        }
        _ => FileError::damaged("its packed pixels are wrong"),
    }
}
