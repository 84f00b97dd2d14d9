//! The markers of a JPEG: its header up to the first scan, and the scans behind one another.

use std::sync::Arc;

use super::huffman::Huffman;
use super::tables::{Conditioning, Quantization, Tables};
use crate::file::FileError;
use crate::header::ReadAt;
use crate::header::jpeg::segments::Pieces;
use crate::header::jpeg::{Colors, Frame, Markers, Preface};

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
            markers: Markers::new(source, 0),
            tables,
        };
        let Walk { markers, tables } = &mut walk;
        let preface = markers.preface(most, |markers, marker, length| {
            table(tables, markers, marker, length)
        })?;
        let Preface {
            mut frame,
            pieces,
            scan,
        } = preface;
        let first = walk.scan(scan, &frame, &[])?;
        if frame.size.height == 0 {
            frame.size.height = walk.markers.height()?;
        }
        Ok(Self {
            frame,
            pieces,
            tables: walk.tables,
            first,
        })
    }

    /// What the components are.
    pub(super) fn colors(&self) -> Result<Colors, FileError> {
        Colors::of_frame(&self.frame, &self.pieces)
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
            markers: Markers::new(source, first.data),
            tables,
        };
        let mut scans = Scans {
            headers: vec![first],
            ended: whole,
        };
        if whole {
            return Ok((frame, scans));
        }
        while let Some(marker) = walk.markers.marker()? {
            match marker {
                0x01 | 0xd0..=0xd8 => continue,
                0xd9 => {
                    scans.ended = true;
                    break;
                }
                _ => {}
            }
            let Ok(length) = walk.markers.length() else { break };
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
                0xe0..=0xef => walk.markers.skip(length),
                _ => table(&mut walk.tables, &mut walk.markers, marker, length)?,
            }
        }
        Ok((frame, scans))
    }
}

/// The tables of a stream that has nothing else: what a TIFF keeps apart for all of its tiles.
pub(super) fn only_tables(mut bytes: &[u8]) -> Result<Tables, FileError> {
    let mut walk = Walk {
        markers: Markers::new(&mut bytes, 0),
        tables: Tables::default(),
    };
    loop {
        match walk.markers.marker()? {
            None | Some(0xd9) => return Ok(walk.tables),
            Some(0x01 | 0xd0..=0xd8) => {}
            Some(marker) => {
                let length = walk.markers.length()?;
                table(&mut walk.tables, &mut walk.markers, marker, length)?;
            }
        }
    }
}

/// Goes from marker to marker, with the tables as they stand.
struct Walk<'a, S> {
    markers: Markers<'a, S>,
    tables: Tables,
}

/// Takes over a segment of tables, skips any other.
fn table<S: ReadAt>(
    tables: &mut Tables,
    markers: &mut Markers<'_, S>,
    marker: u8,
    length: usize,
) -> Result<(), FileError> {
    match marker {
        0xdb => tables.quantization_segment(&markers.segment(length)?),
        0xc4 => tables.huffman_segment(&markers.segment(length)?),
        0xdd => tables.restart_segment(&markers.segment(length)?),
        0xcc => tables.arithmetic_segment(&markers.segment(length)?),
        _ => {
            markers.skip(length);
            Ok(())
        }
    }
}

impl<S: ReadAt> Walk<'_, S> {
    /// The header of a scan that begins, behind those of `earlier` scans.
    fn scan(
        &mut self,
        length: usize,
        frame: &Frame,
        earlier: &[ScanHeader],
    ) -> Result<ScanHeader, FileError> {
        let damaged = || FileError::damaged("the header of a scan is broken");
        let segment = self.markers.segment(length)?;
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
            data: self.markers.position(),
            parts,
            band: (first, last),
            before: bits >> 4,
            after: bits & 15,
            restart: self.tables.restart,
            quantization: self.tables.quantization.clone(),
            conditioning: self.tables.conditioning,
        })
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
