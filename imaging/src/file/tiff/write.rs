//! Writing TIFF: tiles of 256 pixels, deflate with horizontal differences; BigTIFF where 4 GiB might not do.

use std::io::Write;

use super::measured;
use super::page::tag;
use crate::file::encoder::Output;
use crate::file::splice;
use crate::file::{EncodeOptions, FileError, Metadata};
use crate::{PixelFormat, Size};

/// Side of a tile.
const TILE: usize = 256;
/// Most raw bytes, padding of the tiles included, of a file that is not a BigTIFF: what deflate cannot shrink must fit
/// below 4 GiB with its headers and the directory. A tile that would grow is stored, 5 bytes more in each 64 KiB.
const MAX_CLASSIC: u64 = 4_000_000_000;

pub(in crate::file) struct TiffWriter {
    output: Output,
    position: u64,
    big: bool,
    size: Size,
    format: PixelFormat,
    metadata: Metadata,
    stride: usize,
    /// Rows of the row of tiles that is being filled.
    rows: Vec<u8>,
    missing_rows: u32,
    tiles: Vec<(u64, u64)>,
}

impl TiffWriter {
    pub(in crate::file) fn new(
        mut output: Output,
        options: &EncodeOptions,
        size: Size,
        format: PixelFormat,
        metadata: &Metadata,
    ) -> Result<Self, FileError> {
        let stride = size.width as usize * format.bytes_per_pixel();
        let side = |length: u32| u64::from(length).next_multiple_of(TILE as u64);
        let raw = side(size.width) * side(size.height) * format.bytes_per_pixel() as u64;
        let big = options.big_tiff || raw > MAX_CLASSIC;
        // The offset of the directory, at the end of the header, is filled in last.
        let header: &[u8] = if big {
            b"II\x2b\0\x08\0\0\0\0\0\0\0\0\0\0\0"
        } else {
            b"II\x2a\0\0\0\0\0"
        };
        output.write_all(header)?;
        Ok(Self {
            output,
            position: header.len() as u64,
            big,
            size,
            format,
            metadata: metadata.clone(),
            stride,
            rows: Vec::new(),
            missing_rows: size.height,
            tiles: Vec::new(),
        })
    }

    pub(in crate::file) fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        for row in rows.chunks_exact(self.stride) {
            self.rows.extend_from_slice(row);
            self.missing_rows = self.missing_rows.saturating_sub(1);
            if self.rows.len() >= TILE * self.stride || self.missing_rows == 0 {
                self.write_tiles()?;
            }
        }
        Ok(())
    }

    fn write_tiles(&mut self) -> Result<(), FileError> {
        let rows = std::mem::take(&mut self.rows);
        let pixel = self.format.bytes_per_pixel();
        let mut tile = vec![0; TILE * TILE * pixel];
        for left in (0..self.size.width as usize).step_by(TILE) {
            let width = TILE.min(self.size.width as usize - left);
            tile.fill(0);
            for (to, from) in tile
                .chunks_exact_mut(TILE * pixel)
                .zip(rows.chunks_exact(self.stride))
            {
                to[..width * pixel].copy_from_slice(&from[left * pixel..(left + width) * pixel]);
                measured::differences(to, self.format);
            }
            let packed = splice::zlib(&tile)?;
            self.tiles.push((self.position, packed.len() as u64));
            self.put(&packed)?;
        }
        self.rows = rows;
        self.rows.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.output.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    pub(in crate::file) fn finish(mut self) -> Result<u64, FileError> {
        let entries = self.entries();
        // Values that do not fit their entry lie before the directory, each on an even offset.
        let inline = if self.big { 8 } else { 4 };
        let mut directory = Vec::new();
        for (tag, kind, values) in &entries {
            let count = values.len() as u64 / kind.bytes();
            directory.extend(tag.to_le_bytes());
            directory.extend(kind.code().to_le_bytes());
            self.push_number(&mut directory, count);
            let mut field = values.clone();
            if field.len() > inline {
                if !self.position.is_multiple_of(2) {
                    self.put(&[0])?;
                }
                let at = self.position;
                self.put(&field)?;
                field.clear();
                self.push_number(&mut field, at);
            }
            field.resize(inline, 0);
            directory.extend(field);
        }
        if !self.position.is_multiple_of(2) {
            self.put(&[0])?;
        }
        let at = self.position;
        let mut count = Vec::new();
        match self.big {
            true => count.extend((entries.len() as u64).to_le_bytes()),
            false => count.extend((entries.len() as u16).to_le_bytes()),
        }
        self.put(&count)?;
        self.put(&directory)?;
        self.put(&vec![0; inline])?;
        if !self.big && self.position > u64::from(u32::MAX) {
            return Err(FileError::unsupported("the TIFF grew beyond 4 GiB"));
        }
        let mut pointer = Vec::new();
        self.push_number(&mut pointer, at);
        Ok(self.output.finish_with(if self.big { 8 } else { 4 }, &pointer)?)
    }

    /// An offset or count in the width of this file.
    fn push_number(&self, to: &mut Vec<u8>, number: u64) {
        if self.big {
            to.extend(number.to_le_bytes());
        } else {
            to.extend((number as u32).to_le_bytes());
        }
    }

    /// The directory: tags in ascending order with their values as bytes.
    fn entries(&self) -> Vec<(u16, Kind, Vec<u8>)> {
        let short = |value: u16| value.to_le_bytes().to_vec();
        let long = |value: u32| value.to_le_bytes().to_vec();
        let samples = self.format.channels.count();
        let bits = 8 * self.format.depth.bytes() as u16;
        let mut offsets = Vec::new();
        let mut lengths = Vec::new();
        for (offset, length) in &self.tiles {
            self.push_number(&mut offsets, *offset);
            lengths.extend((*length as u32).to_le_bytes());
        }
        let mut entries = vec![
            (256, Kind::Long, long(self.size.width)),
            (257, Kind::Long, long(self.size.height)),
            (258, Kind::Short, short(bits).repeat(samples)),
            // Deflate.
            (259, Kind::Short, short(8)),
            (262, Kind::Short, short(measured::photometric(self.format))),
            (277, Kind::Short, short(samples as u16)),
        ];
        if let Some((x, y)) = self.metadata.resolution {
            // In thousandths of pixels per centimetre.
            let rational = |per_metre: f64| {
                let thousandths = (per_metre * 10.0).round().clamp(1.0, f64::from(u32::MAX)) as u32;
                [long(thousandths), long(1000)].concat()
            };
            entries.push((282, Kind::Rational, rational(x)));
            entries.push((283, Kind::Rational, rational(y)));
        }
        entries.push((284, Kind::Short, short(1)));
        if self.metadata.resolution.is_some() {
            entries.push((296, Kind::Short, short(3)));
        }
        entries.push((317, Kind::Short, short(measured::predictor(self.format))));
        entries.push((322, Kind::Long, long(TILE as u32)));
        entries.push((323, Kind::Long, long(TILE as u32)));
        entries.push((324, if self.big { Kind::Long8 } else { Kind::Long }, offsets));
        entries.push((325, Kind::Long, lengths));
        let shorts = |values: Vec<u16>| -> Vec<u8> { values.into_iter().flat_map(short).collect() };
        for (tag, values) in [
            (338, measured::extra_samples(self.format)),
            (339, measured::sample_format(self.format)),
        ] {
            if !values.is_empty() {
                entries.push((tag, Kind::Short, shorts(values)));
            }
        }
        if let Some(icc) = &self.metadata.icc {
            entries.push((34675, Kind::Undefined, icc.clone()));
        }
        if let Some(value) = self.metadata.no_data {
            entries.push((tag::GDAL_NODATA, Kind::Ascii, measured::no_data_text(value)));
        }
        entries
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Ascii,
    Short,
    Long,
    Rational,
    Undefined,
    Long8,
}

impl Kind {
    fn code(self) -> u16 {
        match self {
            Self::Ascii => 2,
            Self::Short => 3,
            Self::Long => 4,
            Self::Rational => 5,
            Self::Undefined => 7,
            Self::Long8 => 16,
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Self::Ascii | Self::Undefined => 1,
            Self::Short => 2,
            Self::Long => 4,
            Self::Rational | Self::Long8 => 8,
        }
    }
}
