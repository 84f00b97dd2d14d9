//! The markers of a JPEG: its header up to the first scan, and the scans behind one another.

use std::sync::Arc;

use super::bytes::{ReadAt, Reader};
use super::color::Colors;
use super::frame::Frame;
use super::huffman::Huffman;
use super::metadata::Pieces;
use super::tables::{Conditioning, Quantization, Tables};
use crate::file::FileError;

/// Bytes that are held while markers are read.
const BUFFER: usize = 1 << 16;

/// What comes before the first scan's data.
pub(in crate::file) struct Head {
    pub frame: Frame,
    pub(super) pieces: Pieces,
    tables: Tables,
    first: ScanHeader,
}

/// What is said of a scan before its data.
pub(super) struct ScanHeader {
    /// Where its data begins.
    pub data: u64,
    pub parts: Vec<ScanPart>,
    /// First and last coefficient, in the order in which they are stored.
    pub band: (u8, u8),
    /// Bits below those that earlier scans gave; zero where there was none.
    pub before: u8,
    /// Bits that later scans give.
    pub after: u8,
    /// MCUs between restart markers.
    pub restart: u32,
    /// The quantization tables as they stand.
    pub quantization: [Option<Arc<Quantization>>; 4],
    pub conditioning: Conditioning,
}

/// A component in a scan.
pub(super) struct ScanPart {
    /// Which of the frame.
    pub component: usize,
    pub dc: Option<Arc<Huffman>>,
    pub ac: Option<Arc<Huffman>>,
    /// The numbers of its tables for DC and AC coefficients.
    pub tables: (u8, u8),
}

/// All scans.
pub(super) struct Scans {
    pub headers: Vec<ScanHeader>,
    /// Whether the end marker was seen; it is not looked for behind a scan that has everything.
    pub ended: bool,
}

/// Most scans of one image. A coefficient and a bit at a time make some hundreds.
const MAX_SCANS: usize = 2000;

impl Head {
    /// Reads markers up to the first scan, `most` bytes at most, with `tables` as they stand before.
    pub(super) fn read(source: &mut impl ReadAt, tables: Tables, most: u64) -> Result<Self, FileError> {
        let mut walk = Walk {
            reader: Reader::new(0, BUFFER),
            source,
            tables,
        };
        let (mut frame, mut pieces) = (None, Pieces::default());
        loop {
            let marker = walk.marker()?.ok_or_else(ends_early)?;
            match marker {
                // Markers without a segment: temporary, restart, start of image.
                0x01 | 0xd0..=0xd8 => continue,
                0xd9 => return Err(FileError::damaged("it ends before its pixels")),
                _ => {}
            }
            let length = walk.length()?;
            if walk.reader.position() + length as u64 > most {
                return Err(FileError::too_large(format!(
                    "its pixels do not begin within {most} bytes of metadata"
                )));
            }
            match marker {
                // Every start of a frame; the gaps are tables.
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    let segment = walk.segment(length)?;
                    if frame.replace(Frame::of(marker, &segment)?).is_some() {
                        return Err(FileError::damaged("it has two frame headers"));
                    }
                }
                0xda => {
                    let mut frame = frame.ok_or_else(|| FileError::damaged("it has no frame header"))?;
                    let mut first = walk.scan(length, &frame, &[])?;
                    if frame.size.height == 0 {
                        frame.size.height = walk.height()?;
                        first.data = walk.rewound(first.data);
                    }
                    return Ok(Self {
                        frame,
                        pieces,
                        tables: walk.tables,
                        first,
                    });
                }
                0xe0..=0xef => pieces.take(marker, walk.segment(length)?),
                _ => walk.table(marker, length)?,
            }
        }
    }

    /// What the components are.
    pub(super) fn colors(&self) -> Result<Colors, FileError> {
        Colors::of(&self.frame.components, self.pieces.jfif, self.pieces.adobe)
            .ok_or_else(|| FileError::unsupported("the number of its components is that of no known colours"))
    }

    /// Where the data of the first scan begins.
    pub(super) fn first_data(&self) -> u64 {
        self.first.data
    }

    /// The headers of all scans. Behind a first one that has everything nothing is looked at.
    pub(super) fn scans(self, source: &mut impl ReadAt) -> Result<(Frame, Scans), FileError> {
        let Self {
            frame, tables, first, ..
        } = self;
        let whole = !frame.progressive && first.parts.len() == frame.components.len();
        let mut walk = Walk {
            reader: Reader::new(first.data, BUFFER),
            source,
            tables,
        };
        let mut scans = Scans {
            headers: vec![first],
            ended: whole,
        };
        if whole {
            return Ok((frame, scans));
        }
        while let Some(marker) = walk.marker()? {
            match marker {
                0x01 | 0xd0..=0xd8 => continue,
                0xd9 => {
                    scans.ended = true;
                    break;
                }
                _ => {}
            }
            let Ok(length) = walk.length() else { break };
            match marker {
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    return Err(FileError::damaged("it has two frame headers"));
                }
                0xda => {
                    if scans.headers.len() == MAX_SCANS {
                        return Err(FileError::too_large(format!(
                            "it has more than {MAX_SCANS} scans"
                        )));
                    }
                    let scan = walk.scan(length, &frame, &scans.headers)?;
                    scans.headers.push(scan);
                }
                0xe0..=0xef => walk.skip(length),
                _ => walk.table(marker, length)?,
            }
        }
        Ok((frame, scans))
    }
}

/// The tables of a stream that has nothing else: what a TIFF keeps apart for all of its tiles.
pub(super) fn only_tables(mut bytes: &[u8]) -> Result<Tables, FileError> {
    let mut walk = Walk {
        reader: Reader::new(0, BUFFER),
        source: &mut bytes,
        tables: Tables::default(),
    };
    loop {
        match walk.marker()? {
            None | Some(0xd9) => return Ok(walk.tables),
            Some(0x01 | 0xd0..=0xd8) => {}
            Some(marker) => {
                let length = walk.length()?;
                walk.table(marker, length)?;
            }
        }
    }
}

fn ends_early() -> FileError {
    FileError::damaged("it ends in the middle; send the whole file")
}

/// Goes from marker to marker.
struct Walk<'a, S> {
    reader: Reader,
    source: &'a mut S,
    tables: Tables,
}

impl<S: ReadAt> Walk<'_, S> {
    fn marker(&mut self) -> Result<Option<u8>, FileError> {
        self.reader
            .marker(self.source)
            .map_err(|error| FileError::reading(&error))
    }

    fn byte(&mut self) -> Result<u8, FileError> {
        let byte = self.reader.byte(self.source);
        byte.map_err(|error| FileError::reading(&error))?
            .ok_or_else(ends_early)
    }

    /// Length of the segment that begins, without the two bytes that say it.
    fn length(&mut self) -> Result<usize, FileError> {
        let length = u16::from_be_bytes([self.byte()?, self.byte()?]);
        let length = length.checked_sub(2);
        length
            .map(usize::from)
            .ok_or_else(|| FileError::damaged("a segment of its header has no length"))
    }

    fn segment(&mut self, length: usize) -> Result<Vec<u8>, FileError> {
        let mut segment = Vec::with_capacity(length);
        while segment.len() < length {
            self.reader
                .fill(1, self.source)
                .map_err(|error| FileError::reading(&error))?;
            let bytes = self.reader.available();
            if bytes.is_empty() {
                return Err(ends_early());
            }
            let bytes = &bytes[..bytes.len().min(length - segment.len())];
            segment.extend_from_slice(bytes);
            self.reader.advance(bytes.len());
        }
        Ok(segment)
    }

    fn skip(&mut self, length: usize) {
        let to = self.reader.position() + length as u64;
        if length <= self.reader.available().len() {
            self.reader.advance(length);
        } else {
            self.reader = Reader::new(to, BUFFER);
        }
    }

    /// Takes over a segment of tables, skips any other.
    fn table(&mut self, marker: u8, length: usize) -> Result<(), FileError> {
        match marker {
            0xdb => {
                let segment = self.segment(length)?;
                self.tables.quantization_segment(&segment)
            }
            0xc4 => {
                let segment = self.segment(length)?;
                self.tables.huffman_segment(&segment)
            }
            0xdd => {
                let segment = self.segment(length)?;
                self.tables.restart_segment(&segment)
            }
            0xcc => {
                let segment = self.segment(length)?;
                self.tables.arithmetic_segment(&segment)
            }
            _ => {
                self.skip(length);
                Ok(())
            }
        }
    }

    /// The header of a scan that begins, behind those of `earlier` scans.
    fn scan(
        &mut self,
        length: usize,
        frame: &Frame,
        earlier: &[ScanHeader],
    ) -> Result<ScanHeader, FileError> {
        let damaged = || FileError::damaged("the header of a scan is broken");
        let segment = self.segment(length)?;
        let (count, rest) = segment.split_first().ok_or_else(damaged)?;
        let (list, rest) = rest
            .split_at_checked(2 * usize::from(*count))
            .ok_or_else(damaged)?;
        let [first, last, bits] = *rest.first_chunk::<3>().ok_or_else(damaged)?;
        if list.is_empty() {
            return Err(damaged());
        }
        self.tables.add_standard();
        let mut parts: Vec<ScanPart> = Vec::new();
        for pair in list.chunks_exact(2) {
            let component = component(pair[0], frame, &parts, earlier).ok_or_else(damaged)?;
            let table = |tables: &[Option<Arc<Huffman>>; 4], slot: u8| {
                tables.get(usize::from(slot)).cloned().flatten()
            };
            parts.push(ScanPart {
                component,
                dc: table(&self.tables.dc, pair[1] >> 4),
                ac: table(&self.tables.ac, pair[1] & 15),
                tables: (pair[1] >> 4, pair[1] & 15),
            });
        }
        Ok(ScanHeader {
            data: self.reader.position(),
            parts,
            band: (first, last),
            before: bits >> 4,
            after: bits & 15,
            restart: self.tables.restart,
            quantization: self.tables.quantization.clone(),
            conditioning: self.tables.conditioning,
        })
    }

    /// The number of rows, which the segment behind the first scan tells where the frame header does not.
    fn height(&mut self) -> Result<u32, FileError> {
        loop {
            match self.marker()? {
                Some(0xd0..=0xd7) => {}
                Some(0xdc) => {
                    let length = self.length()?;
                    let segment = self.segment(length)?;
                    let rows = segment.first_chunk::<2>();
                    return Ok(rows.map_or(0, |rows| u16::from_be_bytes(*rows).into()));
                }
                _ => return Ok(0),
            }
        }
    }

    /// Goes back to `data`.
    fn rewound(&mut self, data: u64) -> u64 {
        self.reader = Reader::new(data, BUFFER);
        data
    }
}

/// Which component a scan means by an id. Some writers give several the same: then it is the first that this scan does not
/// have yet, rather one that no earlier scan has.
fn component(id: u8, frame: &Frame, parts: &[ScanPart], earlier: &[ScanHeader]) -> Option<usize> {
    let has = |parts: &[ScanPart], index| parts.iter().any(|part| part.component == index);
    let candidates = || {
        (0..frame.components.len()).filter(|index| frame.components[*index].id == id && !has(parts, *index))
    };
    candidates()
        .find(|index| !earlier.iter().any(|scan| has(&scan.parts, *index)))
        .or_else(|| candidates().next())
}
