//! One scan, decoded a row of MCUs at a time.

use super::arithmetic::ArithmeticCodes;
use super::block::HuffmanCodes;
use super::codes::{Codes, Kind};
use super::idct::Block;
use super::markers::{ScanHeader, ScanPart};
use crate::file::FileError;
use crate::header::ReadAt;
use crate::header::jpeg::Frame;

/// The coefficients of a component in one row of MCUs: rows of blocks, padded to whole MCUs.
pub(super) type Coefficients = Vec<Block>;

/// Reads on from where the row before ended.
pub(super) enum Scan {
    Huffman(Rows<HuffmanCodes>),
    Arithmetic(Rows<ArithmeticCodes>),
}

/// A scan with one kind of codes.
pub(super) struct Rows<C> {
    codes: C,
    parts: Vec<Part>,
    /// MCUs between restart markers, those left until the next one, and its number.
    restart: u32,
    left: u32,
    number: u8,
    mcus_across: u32,
}

struct Part {
    component: usize,
    h: usize,
    v: usize,
    blocks_across: usize,
    blocks_down: usize,
    padded_across: usize,
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
        Ok(if frame.arithmetic {
            Self::Arithmetic(Rows::new(
                ArithmeticCodes::new(header, kind, capacity),
                header,
                frame,
            ))
        } else {
            Self::Huffman(Rows::new(
                HuffmanCodes::new(header, kind, capacity)?,
                header,
                frame,
            ))
        })
    }

    /// Decodes row `row` of MCUs into the coefficients of the components.
    pub(super) fn read_row(
        &mut self,
        row: u32,
        coefficients: &mut [Coefficients],
        source: &mut impl ReadAt,
    ) -> Result<(), FileError> {
        match self {
            Self::Huffman(rows) => rows.read_row(row, coefficients, source),
            Self::Arithmetic(rows) => rows.read_row(row, coefficients, source),
        }
    }
}

impl<C: Codes> Rows<C> {
    fn new(codes: C, header: &ScanHeader, frame: &Frame) -> Self {
        let part = |part: &ScanPart| {
            let component = &frame.components[part.component];
            let layout = frame.layout(component);
            Part {
                component: part.component,
                h: component.h as usize,
                v: component.v as usize,
                blocks_across: layout.blocks_across as usize,
                blocks_down: layout.blocks_down as usize,
                padded_across: layout.padded_across as usize,
            }
        };
        Self {
            codes,
            parts: header.parts.iter().map(part).collect(),
            restart: header.restart,
            left: header.restart,
            number: 0,
            mcus_across: frame.mcus().0,
        }
    }

    fn read_row(
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
                        self.codes.block(0, block, source)?;
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
                                self.codes.prepare(source)?;
                                let at = y * padded_across + mcu * h + x;
                                let block = &mut coefficients[component][at];
                                self.codes.block(index, block, source)?;
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
                self.codes.restart(self.number, source)?;
                self.number = (self.number + 1) & 7;
                self.left = self.restart;
            }
            self.left -= 1;
        }
        self.codes.prepare(source)
    }
}
