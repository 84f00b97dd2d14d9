//! A directory of a TIFF as it is written: tags in ascending order, long values before it.

use super::level::Level;
use super::pack::Packing;
use super::sink::Sink;
use crate::encoding::TiffCompression;
use crate::file::metadata::tags::{self, Tag, Tags};
use crate::file::tiff::{geo, measured};
use crate::file::{FileError, GeoTags, Metadata};
use crate::header::tiff::page::tag;
use crate::{Channels, PixelFormat};

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Byte,
    Ascii,
    Short,
    Long,
    Rational,
    Undefined,
    Double,
    Long8,
    /// One of EXIF's, by its code and the bytes of a value.
    Given(u16, usize),
}

impl Kind {
    fn code(self) -> u16 {
        match self {
            Self::Byte => 1,
            Self::Ascii => 2,
            Self::Short => 3,
            Self::Long => 4,
            Self::Rational => 5,
            Self::Undefined => 7,
            Self::Double => 12,
            Self::Long8 => 16,
            Self::Given(code, _) => code,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Byte | Self::Ascii | Self::Undefined => 1,
            Self::Short => 2,
            Self::Long => 4,
            Self::Rational | Self::Double | Self::Long8 => 8,
            Self::Given(_, bytes) => bytes,
        }
    }
}

/// An offset or count in the width of the file.
pub(super) fn number(big: bool, number: u64) -> Vec<u8> {
    if big {
        number.to_le_bytes().to_vec()
    } else {
        (number as u32).to_le_bytes().to_vec()
    }
}

pub(super) struct Directory {
    big: bool,
    entries: Vec<(u16, Kind, Vec<u8>)>,
}

impl Directory {
    pub(super) fn new(big: bool) -> Self {
        Self {
            big,
            entries: Vec::new(),
        }
    }

    fn add(&mut self, tag: u16, kind: Kind, values: Vec<u8>) {
        self.entries.push((tag, kind, values));
    }

    fn shorts(&mut self, tag: u16, values: &[u16]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(tag, Kind::Short, bytes);
    }

    fn longs(&mut self, tag: u16, values: &[u32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(tag, Kind::Long, bytes);
    }

    /// What it says of a picture whose chunks lie at these places.
    pub(super) fn picture(
        &mut self,
        level: &Level,
        is_reduced: bool,
        packing: Packing,
        format: PixelFormat,
        places: &[(u64, u64)],
    ) {
        let channels = format.channels;
        let samples = channels.count();
        if is_reduced {
            self.longs(tag::SUBFILE, &[1]);
        }
        self.longs(tag::WIDTH, &[level.size.width]);
        self.longs(tag::HEIGHT, &[level.size.height]);
        self.shorts(tag::BITS, &vec![8 * format.depth.bytes() as u16; samples]);
        self.shorts(tag::COMPRESSION, &[packing.code()]);
        self.shorts(
            tag::PHOTOMETRIC,
            &[match (packing.compression, channels) {
                // YCbCr.
                (TiffCompression::Jpeg, Channels::Rgb) => 6,
                _ => measured::photometric(format),
            }],
        );
        self.shorts(tag::SAMPLES, &[samples as u16]);
        self.shorts(tag::PLANAR, &[1]);
        if packing.has_differences() {
            self.shorts(tag::PREDICTOR, &[measured::predictor(format)]);
        }
        let (offsets, lengths) = if level.tiled {
            self.longs(tag::TILE_WIDTH, &[level.chunk.width]);
            self.longs(tag::TILE_HEIGHT, &[level.chunk.height]);
            (tag::TILE_OFFSETS, tag::TILE_LENGTHS)
        } else {
            self.longs(tag::ROWS_PER_STRIP, &[level.chunk.height]);
            (tag::STRIP_OFFSETS, tag::STRIP_LENGTHS)
        };
        let kind = if self.big { Kind::Long8 } else { Kind::Long };
        let at = places.iter().flat_map(|(at, _)| number(self.big, *at)).collect();
        self.add(offsets, kind, at);
        let bytes: Vec<u32> = places.iter().map(|(_, length)| *length as u32).collect();
        self.longs(lengths, &bytes);
        for (tag, values) in [
            (tag::EXTRA, measured::extra_samples(format)),
            (tag::SAMPLE_FORMAT, measured::sample_format(format)),
        ] {
            if !values.is_empty() {
                self.shorts(tag, &values);
            }
        }
        if let Some(shared) = packing.subsampling() {
            self.shorts(tag::YCBCR_SUBSAMPLING, &[shared, shared]);
            // JFIF's: all numbers are used.
            let pairs = [0, 255, 128, 255, 128, 255].map(|value: u32| [value, 1]);
            let bytes = pairs.as_flattened().iter().flat_map(|value| value.to_le_bytes());
            self.add(tag::REFERENCE_BLACK_WHITE, Kind::Rational, bytes.collect());
        }
    }

    /// Which number stands for no data, of every picture.
    pub(super) fn no_data(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.add(tag::GDAL_NODATA, Kind::Ascii, measured::no_data_text(value));
        }
    }

    /// What carries over beside the pixels.
    pub(super) fn metadata(&mut self, metadata: &Metadata) {
        if let Some((x, y)) = metadata.resolution {
            // In thousandths of pixels per centimetre.
            let rational = |per_metre: f64| {
                let thousandths = (per_metre * 10.0).round().clamp(1.0, f64::from(u32::MAX)) as u32;
                [thousandths.to_le_bytes(), 1000u32.to_le_bytes()].concat()
            };
            self.add(tag::X_RESOLUTION, Kind::Rational, rational(x));
            self.add(tag::Y_RESOLUTION, Kind::Rational, rational(y));
            self.shorts(tag::RESOLUTION_UNIT, &[3]);
        }
        if let Some(icc) = &metadata.icc {
            self.add(tag::ICC, Kind::Undefined, icc.clone());
        }
        if let Some(xmp) = &metadata.xmp {
            self.add(geo::XMP, Kind::Byte, xmp.clone());
        }
        self.place(&metadata.geo);
    }

    /// EXIF, whose numbers are little endian: what describes the image, and directories below this one, which are written now.
    pub(super) fn exif(&mut self, tags: &Tags, sink: &mut Sink) -> Result<(), FileError> {
        let mut exif = Self::new(self.big);
        self.given(&tags.main);
        exif.given(&tags.exif);
        exif.below(
            tags::INTEROPERABILITY,
            Self::new(self.big),
            &tags.interoperability,
            sink,
        )?;
        self.below(tags::EXIF, exif, &[], sink)?;
        self.below(tags::GPS, Self::new(self.big), &tags.gps, sink)
    }

    fn given(&mut self, tags: &[Tag]) {
        for tag in tags {
            let kind = Kind::Given(tag.kind, tags::width(tag.kind).unwrap_or(1));
            self.add(tag.number, kind, tag.bytes.clone());
        }
    }

    /// Writes a directory, with `tags` beside what it has, and says in this one where it lies; nothing where it is empty.
    fn below(&mut self, tag: u16, mut other: Self, tags: &[Tag], sink: &mut Sink) -> Result<(), FileError> {
        other.given(tags);
        if other.entries.is_empty() {
            return Ok(());
        }
        let at = other.write(sink, 0)?;
        // Not every reader of BigTIFF takes wider places here.
        match u32::try_from(at) {
            Ok(at) => self.longs(tag, &[at]),
            Err(_) => self.add(tag, Kind::Long8, at.to_le_bytes().to_vec()),
        }
        Ok(())
    }

    /// Where on Earth the image lies, and what GDAL says of it.
    fn place(&mut self, tags: &GeoTags) {
        for (tag, values) in [
            (geo::PIXEL_SCALE, &tags.pixel_scale),
            (geo::TIE_POINTS, &tags.tie_points),
            (geo::TRANSFORMATION, &tags.transformation),
            (geo::DOUBLES, &tags.doubles),
        ] {
            if !values.is_empty() {
                let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                self.add(tag, Kind::Double, bytes);
            }
        }
        if !tags.keys.is_empty() {
            self.shorts(geo::KEYS, &tags.keys);
        }
        for (tag, text) in [
            (geo::ASCII, &tags.ascii),
            (geo::GDAL_METADATA, &tags.gdal_metadata),
        ] {
            if !text.is_empty() {
                self.add(tag, Kind::Ascii, text.clone());
            }
        }
    }

    /// Writes it; gives its place. `next` is that of the directory after it, 0 where there is none.
    pub(super) fn write(mut self, sink: &mut Sink, next: u64) -> Result<u64, FileError> {
        let big = self.big;
        self.entries.sort_by_key(|(tag, ..)| *tag);
        // Values that do not fit their entry lie before the directory, each on an even offset.
        let inline = if big { 8 } else { 4 };
        let mut table = Vec::new();
        for (tag, kind, mut field) in self.entries.drain(..) {
            table.extend(tag.to_le_bytes());
            table.extend(kind.code().to_le_bytes());
            table.extend(number(big, (field.len() / kind.bytes()) as u64));
            if field.len() > inline {
                sink.align()?;
                let at = sink.position;
                sink.write(&field)?;
                field = number(big, at);
            }
            field.resize(inline, 0);
            table.extend(field);
        }
        sink.align()?;
        let at = sink.position;
        let count = (table.len() / if big { 20 } else { 12 }) as u64;
        match big {
            true => sink.write(&count.to_le_bytes())?,
            false => sink.write(&(count as u16).to_le_bytes())?,
        }
        sink.write(&table)?;
        sink.write(&number(big, next))?;
        Ok(at)
    }
}
