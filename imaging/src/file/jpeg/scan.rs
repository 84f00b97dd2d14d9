//! One scan, decoded a row of MCUs at a time.

use std::sync::Arc;

use super::bits::Bits;
use super::block::{self, Band};
use super::huffman::Huffman;
use super::idct::Block;
use super::markers::{ScanHeader, ScanPart};
use crate::file::FileError;
use crate::header::ReadAt;
use crate::header::jpeg::Frame;

/// The coefficients of a component in one row of MCUs: rows of blocks, padded to whole MCUs.
pub(super) type Coefficients = Vec<Block>;

/// Reads on from where the row before ended.
pub(super) struct Scan {
    bits: Bits,
    parts: Vec<Part>,
    kind: Kind,
    first: u8,
    last: u8,
    shift: u8,
    /// MCUs between restart markers, those left until the next one, and its number.
    restart: u32,
    left: u32,
    number: u8,
    /// Blocks from here on that the band ends in at once.
    ends: u32,
    mcus_across: u32,
}

#[derive(Clone, Copy)]
enum Kind {
    Sequential,
    DcFirst,
    DcRefine,
    AcFirst,
    AcRefine,
}

struct Part {
    component: usize,
    h: usize,
    v: usize,
    blocks_across: usize,
    blocks_down: usize,
    padded_across: usize,
    dc: Arc<Huffman>,
    ac: Arc<Huffman>,
    last_dc: i32,
}

impl Scan {
    /// Of a frame; `capacity` bytes of its data are held at a time.
    pub(super) fn new(header: &ScanHeader, frame: &Frame, capacity: usize) -> Result<Self, FileError> {
        let (first, last) = header.band;
        let kind = match (frame.progressive, first, header.before) {
            (false, ..) => Kind::Sequential,
            (true, 0, 0) => Kind::DcFirst,
            (true, 0, _) => Kind::DcRefine,
            (true, _, 0) => Kind::AcFirst,
            (true, ..) => Kind::AcRefine,
        };
        if frame.progressive {
            let band = match first {
                0 => last == 0,
                _ => first <= last && last < 64 && header.parts.len() == 1,
            };
            if !band || header.after > 13 || header.before != 0 && header.before != header.after + 1 {
                return Err(FileError::damaged(
                    "a scan gives bits that do not belong together",
                ));
            }
        }
        let none = Huffman::new(&[0; 16], &[]).map(Arc::new);
        let table = |table: &Option<Arc<Huffman>>, needed: bool| {
            let table = if needed { table } else { &none };
            table
                .clone()
                .ok_or_else(|| FileError::damaged("a Huffman table is missing"))
        };
        let needs_dc = matches!(kind, Kind::Sequential | Kind::DcFirst);
        let needs_ac = matches!(kind, Kind::Sequential | Kind::AcFirst | Kind::AcRefine);
        let part = |part: &ScanPart| -> Result<Part, FileError> {
            let component = &frame.components[part.component];
            let layout = frame.layout(component);
            Ok(Part {
                component: part.component,
                h: component.h as usize,
                v: component.v as usize,
                blocks_across: layout.blocks_across as usize,
                blocks_down: layout.blocks_down as usize,
                padded_across: layout.padded_across as usize,
                dc: table(&part.dc, needs_dc)?,
                ac: table(&part.ac, needs_ac)?,
                last_dc: 0,
            })
        };
        Ok(Self {
            bits: Bits::new(header.data, capacity),
            parts: header.parts.iter().map(part).collect::<Result<_, _>>()?,
            kind,
            first,
            last,
            shift: header.after,
            restart: header.restart,
            left: header.restart,
            number: 0,
            ends: 0,
            mcus_across: frame.mcus().0,
        })
    }

    /// Decodes row `row` of MCUs into the coefficients of the components.
    pub(super) fn read_row(
        &mut self,
        row: u32,
        coefficients: &mut [Coefficients],
        source: &mut impl ReadAt,
    ) -> Result<(), FileError> {
        match &self.parts[..] {
            [part] => {
                // A component by itself has no padding: its MCU is a block.
                let Part { component, v, .. } = *part;
                let (across, padded, down) = (part.blocks_across, part.padded_across, part.blocks_down);
                let rows = v.min(down.saturating_sub(row as usize * v));
                for y in 0..rows {
                    for block in &mut coefficients[component][y * padded..][..across] {
                        self.begin_mcu(source)?;
                        self.block(0, block)?;
                    }
                }
            }
            _ => {
                for mcu in 0..self.mcus_across as usize {
                    self.begin_mcu(source)?;
                    for index in 0..self.parts.len() {
                        let Part {
                            component,
                            h,
                            v,
                            padded_across,
                            ..
                        } = self.parts[index];
                        for y in 0..v {
                            for x in 0..h {
                                self.bits
                                    .prepare(source)
                                    .map_err(|error| FileError::reading(&error))?;
                                let at = y * padded_across + mcu * h + x;
                                self.block(index, &mut coefficients[component][at])?;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn begin_mcu(&mut self, source: &mut impl ReadAt) -> Result<(), FileError> {
        if self.restart > 0 {
            if self.left == 0 {
                self.bits.restart(self.number, source)?;
                self.number = (self.number + 1) & 7;
                self.left = self.restart;
                self.ends = 0;
                for part in &mut self.parts {
                    part.last_dc = 0;
                }
            }
            self.left -= 1;
        }
        self.bits
            .prepare(source)
            .map_err(|error| FileError::reading(&error))
    }

    #[inline(always)]
    fn block(&mut self, index: usize, block: &mut Block) -> Result<(), FileError> {
        let part = &mut self.parts[index];
        let bits = &mut self.bits;
        let band = Band {
            codes: &part.ac,
            first: self.first.into(),
            last: self.last.into(),
            shift: self.shift,
            ends: &mut self.ends,
        };
        match self.kind {
            Kind::Sequential => block::sequential(bits, (&part.dc, &part.ac), &mut part.last_dc, block),
            Kind::DcFirst => block::dc_first(bits, &part.dc, &mut part.last_dc, self.shift, block),
            Kind::DcRefine => block::dc_refine(bits, self.shift, block),
            Kind::AcFirst => band.first(bits, block),
            Kind::AcRefine => band.refine(bits, block),
        }
    }
}
