//! Reading JP2 files and codestreams, as a whole.

use hayro_jpeg2000::ColorSpace;

use super::codestream::Header;
use super::samples::{Meaning, decode, open};
use crate::file::boxes::{boxes, first, read_part};
use crate::file::reader::ImageReader;
use crate::file::source::Source;
use crate::file::whole::Whole;
use crate::file::{FileError, FileKind, ImageInfo, Limits, Metadata, Orientation};
use crate::{Channels, Depth, PixelFormat};

/// Bytes of the header of the codestream, and of what the header of the file has beside metadata.
const MAX_HEADER: u64 = 1 << 16;

pub(in crate::file) struct Jp2Reader {
    file: Source,
    parts: Parts,
    header: Header,
    format: PixelFormat,
    whole: Option<Whole>,
    notes: Vec<String>,
}

/// What lies where in the file.
#[derive(Default)]
struct Parts {
    /// The box with the colours; a codestream alone has none.
    colors: Vec<u8>,
    start: u64,
    length: u64,
    has_metadata: bool,
}

impl Jp2Reader {
    pub(in crate::file) fn open(
        mut file: Source,
        length: u64,
        limits: &Limits,
    ) -> Result<(ImageInfo, Self), FileError> {
        let parts = Parts::of(&mut file, length, limits)?;
        let mut head = parts.head();
        let before = head.len();
        read_part(&mut file, parts.start, parts.length.min(MAX_HEADER), &mut head)?;
        let header = Header::of(&head[before..])?;
        let size = header.size;
        limits.check_size(size)?;
        limits.check_unstreamed(size, "a JPEG 2000")?;
        let most = limits.max_unstreamed_pixels;
        if header.samples() > most || parts.length > most.saturating_mul(8) {
            return Err(FileError::too_large(format!(
                "{size} pixels of {} components; it is decoded in memory, and {most} samples are allowed then",
                header.components.len()
            )));
        }
        let (format, icc, note) = kind(&head, &header, &parts)?;
        let mut notes = Vec::from_iter(note);
        if parts.has_metadata {
            notes.push("what the file says beside the picture (XML, EXIF, GeoJP2) is left out".to_owned());
        }
        let info = ImageInfo {
            kind: FileKind::Jp2,
            stored_size: size,
            format,
            orientation: Orientation::Upright,
            metadata: Metadata {
                icc: icc.filter(|icc| icc.len() <= limits.max_metadata_bytes),
                ..Metadata::default()
            },
        };
        let reader = Self {
            file,
            parts,
            header,
            format,
            whole: None,
            notes,
        };
        Ok((info, reader))
    }

    /// All pixels.
    fn decode(&mut self) -> Result<Vec<u8>, FileError> {
        let mut file = self.parts.head();
        let before = file.len();
        read_part(&mut self.file, self.parts.start, self.parts.length, &mut file)?;
        self.header.check(&file[before..])?;
        let image = open(&file)?;
        let pixels = self.header.size.pixels() as usize;
        let mut out = vec![0; pixels * self.format.bytes_per_pixel()];
        let (count, is_wide) = (self.format.channels.count(), self.format.depth == Depth::Sixteen);
        decode(&image, count, is_wide, Meaning::Part, &mut out)?;
        Ok(out)
    }
}

/// Pixel format, profile and a note on what becomes of the samples.
type Kind = (PixelFormat, Option<Vec<u8>>, Option<String>);

/// What the picture is; `head` is the file up to its pixels.
fn kind(head: &[u8], header: &Header, parts: &Parts) -> Result<Kind, FileError> {
    let unsupported = |what: &str| {
        Err(FileError::unsupported(format!(
            "this kind of JPEG 2000 is not read: {what}; save it as PNG"
        )))
    };
    let image = open(head)?;
    let palette = parts.palette();
    let (count, bits) = match &palette {
        Some(bits) => (bits.len(), bits.iter().copied().max()),
        None => (
            header.components.len(),
            header.components.iter().map(|component| component.bits).max(),
        ),
    };
    let bits = bits.unwrap_or(0);
    if header.components.iter().any(|component| component.is_signed) {
        return unsupported("its samples are signed");
    }
    let (colors, icc) = match image.color_space() {
        ColorSpace::Gray => (1, None),
        ColorSpace::RGB => (3, None),
        ColorSpace::Icc { profile, .. } => match profile.get(16..20) {
            Some(b"GRAY") => (1, Some(profile.clone())),
            Some(b"RGB ") => (3, Some(profile.clone())),
            _ => return unsupported("its colours are neither gray nor RGB"),
        },
        ColorSpace::CMYK => return unsupported("its colours are inks (CMYK)"),
        ColorSpace::Unknown { .. } => return unsupported("what its components are is not said"),
    };
    let channels = match (colors, count) {
        (1, 1) => Channels::Gray,
        (1, 2) => Channels::GrayAlpha,
        (3, 3) => Channels::Rgb,
        (3, 4) => Channels::Rgba,
        _ => return unsupported(&format!("it has {count} components for {colors} colours")),
    };
    let depth = match bits {
        1..=8 => Depth::Eight,
        9..=16 => Depth::Sixteen,
        _ => return unsupported(&format!("its samples have {bits} bits")),
    };
    let whole = 8 * depth.bytes();
    let note = (usize::from(bits) != whole)
        .then(|| format!("samples of {bits} bits became {whole} bit: the brightest stays the brightest"));
    Ok((PixelFormat { channels, depth }, icc, note))
}

impl Parts {
    /// Finds them; no pixel is read.
    fn of(file: &mut Source, length: u64, limits: &Limits) -> Result<Self, FileError> {
        let mut parts = Self::default();
        let mut head = Vec::new();
        read_part(file, 0, 2, &mut head)?;
        if head == [0xff, 0x4f] {
            parts.length = length;
            return Ok(parts);
        }
        for each in boxes(file, length)? {
            match &each.name {
                b"jp2h" if each.length > MAX_HEADER + limits.max_metadata_bytes as u64 => {
                    return Err(FileError::too_large("its metadata is larger than is allowed"));
                }
                b"jp2h" => {
                    parts.colors.clear();
                    read_part(file, each.start, each.length, &mut parts.colors)?;
                }
                b"jp2c" if parts.colors.is_empty() => {
                    return Err(FileError::damaged("what its colours are is not said before them"));
                }
                b"jp2c" => {
                    (parts.start, parts.length) = (each.start, each.length);
                    return Ok(parts);
                }
                b"uuid" | b"xml " => parts.has_metadata = true,
                _ => {}
            }
        }
        Err(FileError::damaged("there is no picture in it"))
    }

    /// A file with the same colours, up to where the codestream begins.
    fn head(&self) -> Vec<u8> {
        if self.colors.is_empty() {
            return Vec::new();
        }
        let length = self.colors.len() as u32 + 8;
        [
            b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 ",
            &length.to_be_bytes()[..],
            b"jp2h",
            &self.colors,
            b"\0\0\0\0jp2c",
        ]
        .concat()
    }

    /// Bits of the columns of a palette, where there is one.
    fn palette(&self) -> Option<Vec<u8>> {
        let mut rest = &self.colors[..];
        while let Some((each, own)) = first(rest, rest.len() as u64) {
            let (inner, later) = rest.split_at_checked(own as usize)?;
            if &each.name == b"pclr" {
                let count = usize::from(*inner.get(10)?);
                let bits = inner.get(11..11 + count)?;
                return Some(bits.iter().map(|bits| (bits & 0x7f) + 1).collect());
            }
            rest = later;
        }
        None
    }
}

impl ImageReader for Jp2Reader {
    fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let mut whole = match self.whole.take() {
            Some(whole) => whole,
            None => Whole::new(self.decode()?),
        };
        let read = whole.read_rows(buffer);
        self.whole = Some(whole);
        read
    }

    fn read_all(&mut self) -> Option<Result<Vec<u8>, FileError>> {
        Some(self.decode())
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn extra_bytes(&self) -> u64 {
        // The packed data, all components twice as floating point, and the coefficients of one.
        let samples = self.header.samples().saturating_mul(8);
        let coefficients = self.header.size.pixels().saturating_mul(4);
        samples
            .saturating_add(coefficients)
            .saturating_add(self.parts.length)
    }
}
