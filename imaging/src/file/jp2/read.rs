//! Reading JP2 files and codestreams, as a whole.

use hayro_jpeg2000::ColorSpace;

use super::samples::{Meaning, decode, open};
use crate::file::reader::ImageReader;
use crate::file::source::Source;
use crate::file::whole::Whole;
use crate::file::{FileError, FileKind, ImageInfo, Limits, Metadata, Orientation};
use crate::header::boxes::read_part;
use crate::header::jp2::{Parts, Picture};
use crate::{Depth, Size};

/// Bytes of the header of the codestream.
const MAX_HEADER: u64 = 1 << 16;

pub(in crate::file) struct Jp2Reader {
    file: Source,
    picture: Picture,
    whole: Option<Whole>,
    notes: Vec<String>,
}

impl Jp2Reader {
    pub(in crate::file) fn open(
        mut file: Source,
        length: u64,
        limits: &Limits,
    ) -> Result<(ImageInfo, Self), FileError> {
        let picture = Picture::of(&mut file, length, limits)?;
        let (parts, frame, size) = (&picture.parts, &picture.frame, picture.frame.size);
        limits.check_size(size)?;
        limits.check_unstreamed(size, "a JPEG 2000")?;
        let most = limits.max_unstreamed_pixels;
        if frame.samples() > most || parts.length > most.saturating_mul(8) {
            return Err(FileError::too_large(format!(
                "{size} pixels of {} components; it is decoded in memory, and {most} samples are allowed then",
                frame.components.len()
            )));
        }
        let mut head = head(parts);
        read_part(&mut file, parts.start, parts.length.min(MAX_HEADER), &mut head)?;
        let icc = profile(&head, &picture)?;
        let (bits, whole) = (picture.bits, 8 * picture.format.depth.bytes());
        let mut notes = Vec::new();
        if usize::from(bits) != whole {
            notes.push(format!(
                "samples of {bits} bits became {whole} bit: the brightest stays the brightest"
            ));
        }
        if parts.has_metadata {
            notes.push("what the file says beside the picture (XML, EXIF, GeoJP2) is left out".to_owned());
        }
        let info = ImageInfo {
            kind: FileKind::Jp2,
            stored_size: size,
            format: picture.format,
            orientation: Orientation::Upright,
            metadata: Metadata {
                icc: icc.filter(|icc| icc.len() <= limits.max_metadata_bytes),
                ..Metadata::default()
            },
        };
        let reader = Self {
            file,
            picture,
            whole: None,
            notes,
        };
        Ok((info, reader))
    }

    /// All pixels.
    fn decode(&mut self) -> Result<Vec<u8>, FileError> {
        let Picture {
            parts, frame, format, ..
        } = &self.picture;
        let mut file = head(parts);
        let before = file.len();
        read_part(&mut self.file, parts.start, parts.length, &mut file)?;
        frame.check(&file[before..])?;
        let image = open(&file)?;
        let mut out = vec![0; frame.size.pixels() as usize * format.bytes_per_pixel()];
        let (count, is_wide) = (format.channels.count(), format.depth == Depth::Sixteen);
        decode(&image, count, is_wide, Meaning::Part, &mut out)?;
        Ok(out)
    }
}

/// A file with the same colours, up to where the codestream begins.
fn head(parts: &Parts) -> Vec<u8> {
    if parts.colors.is_empty() {
        return Vec::new();
    }
    let length = parts.colors.len() as u32 + 8;
    [
        b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 ",
        &length.to_be_bytes()[..],
        b"jp2h",
        &parts.colors,
        b"\0\0\0\0jp2c",
    ]
    .concat()
}

/// The profile of a picture, of whose file `head` is what lies before its pixels.
///
/// # Errors
/// When the decoder takes it for another picture than its header says.
fn profile(head: &[u8], picture: &Picture) -> Result<Option<Vec<u8>>, FileError> {
    let image = open(head)?;
    let size = Size::new(image.width(), image.height());
    let space = image.color_space();
    if size != picture.frame.size || usize::from(space.num_channels()) != picture.colors {
        return Err(FileError::damaged("its headers contradict each other"));
    }
    Ok(match space {
        ColorSpace::Icc { profile, .. } => Some(profile.clone()),
        _ => None,
    })
}

impl ImageReader for Jp2Reader {
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

    fn extra_bytes(&self) -> u64 {
        // The packed data, all components twice as floating point, and the coefficients of one.
        let Picture { parts, frame, .. } = &self.picture;
        let samples = frame.samples().saturating_mul(8);
        let coefficients = frame.size.pixels().saturating_mul(4);
        samples.saturating_add(coefficients).saturating_add(parts.length)
    }
}
