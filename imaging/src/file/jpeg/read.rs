//! A JPEG file as the other formats are read: its metadata, then its rows.

use super::lossless::Lossless;
use super::markers::Head;
use super::picture::Picture;
use super::tables::Tables;
use crate::file::color::Inks;
use crate::file::metadata::{exif, xmp};
use crate::file::reader::ImageReader;
use crate::file::source::Source;
use crate::file::{FileError, FileKind, ImageInfo, Limits, Metadata};
use crate::header::ReadAt as _;
use crate::header::jpeg::{Colors, most_before_pixels};
use crate::{Depth, Size};

pub(in crate::file) struct JpegReader {
    pixels: Pixels,
    /// Bytes that the picture holds.
    held: u64,
    /// What turns inks into colours, and the inks of a row.
    inks: Option<(Inks, Vec<u8>)>,
    notes: Vec<String>,
    private_notes: Vec<String>,
}

/// What gives the pixels.
enum Pixels {
    Picture(Picture<Source>),
    Lossless(Lossless<Source>),
}

/// Bytes that one pixel of a JPEG may take in the file, generously; a longer file is not what its header says.
const MAX_BYTES_PER_PIXEL: u64 = 16;

impl JpegReader {
    pub(in crate::file) fn open(
        mut file: Source,
        length: u64,
        limits: &Limits,
    ) -> Result<(ImageInfo, Self), FileError> {
        let max_metadata = most_before_pixels(limits);
        let mut head = Head::read(&mut file, Tables::default(), max_metadata)?;
        let size = head.frame.size;
        limits.check_size(size)?;
        let most = size
            .pixels()
            .saturating_mul(MAX_BYTES_PER_PIXEL)
            .saturating_add(max_metadata);
        if length > most {
            return Err(FileError::too_large(format!(
                "its header says {size} pixels, and {length} bytes are more than such a JPEG has; {most} are allowed"
            )));
        }
        if length < head.frame.least_bytes() {
            return Err(FileError::damaged(format!(
                "its header says {size} pixels, which cannot be packed into {length} bytes"
            )));
        }
        let pieces = &mut head.pieces;
        let small = |bytes: &Vec<u8>| bytes.len() <= limits.max_metadata_bytes;
        let (orientation, exif) = exif::take_some(pieces.exif.take().filter(small));
        let xmp = xmp::upright(orientation, pieces.xmp.take().filter(small));
        let mut private_notes = Vec::new();
        if pieces.has_extended_xmp {
            private_notes.push(
                "the extended XMP is left out: only what is in the first segment of XMP is kept".to_owned(),
            );
        }
        let mut notes = Vec::new();
        let has_profile = pieces.has_profile();
        let mut icc = pieces.profile().filter(small);
        if has_profile && icc.is_none() {
            notes.push("the ICC profile is left out: parts of it are missing, or it is too large".to_owned());
        }
        let resolution = pieces.resolution;
        let (lossless, precision) = (head.frame.lossless, head.frame.precision);
        let mut colors = Colors::of_file(&head.frame, &head.pieces)?;
        let format = colors.format(precision);
        if (9..16).contains(&precision) {
            let most = (1u32 << precision) - 1;
            notes.push(format!(
                "samples of {precision} bits are kept as they are in 16 bit: {most} is the brightest"
            ));
        }
        let mut inks = None;
        if colors.are_inks() {
            // The profile is about inks, and the pixels no longer are.
            let (found, sentence) = Inks::of(icc.take().as_deref(), Depth::Eight);
            notes.push(sentence.to_owned());
            if let Some(found) = found {
                colors = colors.as_light();
                inks = Some((found, vec![0; 4 * size.width as usize]));
            }
        }
        let metadata = Metadata {
            icc,
            resolution,
            exif,
            xmp,
            ..Metadata::default()
        };
        let info = ImageInfo {
            kind: FileKind::Jpeg,
            stored_size: size,
            format,
            orientation,
            metadata,
        };
        let scans = head.first_data();
        let mut pixels = if lossless {
            Pixels::Lossless(Lossless::new(file, head)?)
        } else {
            Pixels::Picture(Picture::new(file, head, colors)?)
        };
        if pixels.is_unended() || !has_end(pixels.source(), scans, length)? {
            // Without an end marker it may be whole all the same; only its rows can tell.
            let mut row = vec![0; size.width as usize * pixels.pixel_bytes()];
            for _ in 0..size.height {
                pixels.read_rows(&mut row)?;
            }
            pixels.rewind()?;
        }
        let held = pixels.held_bytes();
        Ok((
            info,
            Self {
                pixels,
                held,
                inks,
                notes,
                private_notes,
            },
        ))
    }
}

impl ImageReader for JpegReader {
    fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let Some((inks, row)) = &mut self.inks else {
            return self.pixels.read_rows(buffer);
        };
        for out in buffer.chunks_exact_mut(3 * self.pixels.size().width as usize) {
            self.pixels.read_rows(row)?;
            // Stored is the light that an ink lets through.
            row.iter_mut().for_each(|sample| *sample = 255 - *sample);
            inks.convert_bytes(row, out)?;
        }
        Ok(())
    }

    fn read_all(&mut self) -> Option<Result<Vec<u8>, FileError>> {
        let channels = if self.inks.is_some() {
            3
        } else {
            self.pixels.pixel_bytes()
        };
        let mut pixels = vec![0; self.pixels.size().pixels() as usize * channels];
        Some(self.read_rows(&mut pixels).map(|()| pixels))
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn private_notes(&self) -> &[String] {
        &self.private_notes
    }

    fn extra_bytes(&self) -> u64 {
        self.held
    }
}

impl Pixels {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), FileError> {
        match self {
            Self::Picture(picture) => picture.read_rows(rows),
            Self::Lossless(samples) => samples.read_rows(rows),
        }
    }

    fn rewind(&mut self) -> Result<(), FileError> {
        match self {
            Self::Picture(picture) => picture.rewind(),
            Self::Lossless(samples) => samples.rewind(),
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Picture(picture) => picture.size(),
            Self::Lossless(samples) => samples.size(),
        }
    }

    fn pixel_bytes(&self) -> usize {
        match self {
            Self::Picture(picture) => picture.channels(),
            Self::Lossless(samples) => samples.pixel_bytes(),
        }
    }

    fn held_bytes(&self) -> u64 {
        match self {
            Self::Picture(picture) => picture.held_bytes(),
            Self::Lossless(samples) => samples.held_bytes(),
        }
    }

    fn is_unended(&self) -> bool {
        match self {
            Self::Picture(picture) => picture.is_unended(),
            Self::Lossless(samples) => samples.is_unended(),
        }
    }

    fn source(&mut self) -> &mut Source {
        match self {
            Self::Picture(picture) => picture.source(),
            Self::Lossless(samples) => samples.source(),
        }
    }
}

/// Whether an end marker follows the start of the scans, `from` bytes into the file. In compressed data `FF` is always
/// followed by zero or a restart marker, so `FF D9` can be nothing else. Looked for from the end, where it usually is;
/// behind it phones append whole films.
fn has_end(file: &mut Source, from: u64, length: u64) -> Result<bool, FileError> {
    const BLOCK: u64 = 1 << 16;
    // One byte more, for a marker that the blocks' border cuts in two.
    let mut block = vec![0; BLOCK as usize + 1];
    let mut end = length;
    while end > from {
        let start = end.saturating_sub(BLOCK).max(from);
        let wanted = &mut block[..(end - start + 1) as usize];
        let read = file
            .read_at(start, wanted)
            .map_err(|error| FileError::reading(&error))?;
        if wanted[..read].windows(2).any(|pair| pair == [0xff, 0xd9]) {
            return Ok(true);
        }
        end = start;
    }
    Ok(false)
}
