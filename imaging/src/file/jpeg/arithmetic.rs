//! Arithmetic codes of a JPEG: the coefficients that annexes F and G of ITU-T T.81 make of [decisions](super::decisions).

use super::codes::{Codes, Kind};
use super::decisions::Decisions;
use super::idct::Block;
use super::markers::ScanHeader;
use super::tables::{Conditioning, NATURAL};
use crate::file::FileError;
use crate::header::bytes::ReadAt;

/// Estimates of the decisions of DC and of AC coefficients, each a state and, in the highest bit, which answer is the more probable.
type DcEstimates = [u8; 64];
type AcEstimates = [u8; 256];

/// The components of a scan and what is known of their coefficients.
pub(super) struct ArithmeticCodes {
    decisions: Decisions,
    parts: Vec<Part>,
    conditioning: Conditioning,
    /// One for each table that is named, which components may share.
    dc: Vec<(u8, DcEstimates)>,
    ac: Vec<(u8, AcEstimates)>,
    kind: Kind,
    first: usize,
    last: usize,
    shift: u8,
}

struct Part {
    /// Places of its estimates, and the numbers of the tables.
    dc: usize,
    ac: usize,
    dc_table: usize,
    ac_table: usize,
    last_dc: i32,
    /// Which estimates the next DC coefficient uses: those for what the last difference was.
    context: usize,
}

/// Where the estimates of a table lie, which are made where there are none.
fn place<const N: usize>(estimates: &mut Vec<(u8, [u8; N])>, table: u8) -> usize {
    let known = estimates.iter().position(|(number, _)| *number == table);
    known.unwrap_or_else(|| {
        estimates.push((table, [0; N]));
        estimates.len() - 1
    })
}

impl ArithmeticCodes {
    pub(super) fn new(header: &ScanHeader, kind: Kind, capacity: usize) -> Self {
        let (mut dc, mut ac) = (Vec::new(), Vec::new());
        let parts = header.parts.iter().map(|part| {
            let (dc_table, ac_table) = part.tables;
            Part {
                dc: place(&mut dc, dc_table),
                ac: place(&mut ac, ac_table),
                dc_table: dc_table.into(),
                ac_table: ac_table.into(),
                last_dc: 0,
                context: 0,
            }
        });
        Self {
            parts: parts.collect(),
            decisions: Decisions::new(header.data, capacity),
            conditioning: header.conditioning,
            dc,
            ac,
            kind,
            first: header.band.0.into(),
            last: header.band.1.into(),
            shift: header.after,
        }
    }

    /// The DC coefficient of a block of a component (F.1.4.1 and F.2.4.1).
    fn dc(&mut self, index: usize, source: &mut impl ReadAt) -> Result<i32, FileError> {
        let part = &mut self.parts[index];
        let (_, estimates) = &mut self.dc[part.dc];
        let decisions = &mut self.decisions;
        if !decisions.next(&mut estimates[part.context], source)? {
            part.context = 0;
            return Ok(part.last_dc);
        }
        let negative = decisions.next(&mut estimates[part.context + 1], source)?;
        let mut at = part.context + 2 + usize::from(negative);
        let mut upper = 0;
        if decisions.next(&mut estimates[at], source)? {
            (at, upper) = (20, 1);
            while decisions.next(&mut estimates[at], source)? {
                upper <<= 1;
                at += 1;
                if upper == 0x8000 {
                    return Err(broken());
                }
            }
        }
        let (lower, higher) = self.conditioning.dc[part.dc_table];
        part.context = if upper < (1 << lower) >> 1 {
            0
        } else {
            4 + 4 * usize::from(negative) + if upper > (1 << higher) >> 1 { 8 } else { 0 }
        };
        let value = decisions.below(upper, &mut estimates[at + 14], source)? + 1;
        let difference = if negative { -value } else { value };
        part.last_dc = part.last_dc.wrapping_add(difference);
        Ok(part.last_dc)
    }

    /// The AC coefficients of a block from `first` to `last` (F.1.4.2 and F.2.4.2).
    fn ac(
        &mut self,
        index: usize,
        (first, last): (usize, usize),
        block: &mut Block,
        source: &mut impl ReadAt,
    ) -> Result<(), FileError> {
        let part = &self.parts[index];
        let (_, estimates) = &mut self.ac[part.ac];
        let border = usize::from(self.conditioning.ac[part.ac_table]);
        let decisions = &mut self.decisions;
        let mut k = first;
        while k <= last {
            // The end of the block.
            if decisions.next(&mut estimates[3 * (k - 1)], source)? {
                break;
            }
            while !decisions.next(&mut estimates[3 * (k - 1) + 1], source)? {
                k += 1;
                if k > last {
                    return Err(broken());
                }
            }
            let negative = decisions.even(source)?;
            let mut at = 3 * (k - 1) + 2;
            let mut upper = 0;
            if decisions.next(&mut estimates[at], source)? {
                upper = 1;
                if decisions.next(&mut estimates[at], source)? {
                    upper = 2;
                    at = if k <= border { 189 } else { 217 };
                    while decisions.next(&mut estimates[at], source)? {
                        upper <<= 1;
                        at += 1;
                        if upper == 0x8000 {
                            return Err(broken());
                        }
                    }
                }
            }
            let value = decisions.below(upper, &mut estimates[at + 14], source)? + 1;
            let value = if negative { -value } else { value };
            block[usize::from(NATURAL[k & 63])] = (value << self.shift) as i16;
            k += 1;
        }
        Ok(())
    }

    /// One bit more of the AC coefficients (G.1.3.3).
    fn refine(&mut self, index: usize, block: &mut Block, source: &mut impl ReadAt) -> Result<(), FileError> {
        let (_, estimates) = &mut self.ac[self.parts[index].ac];
        let decisions = &mut self.decisions;
        let bit = 1i16 << self.shift;
        let place = |k: usize| usize::from(NATURAL[k & 63]);
        // Before the last coefficient that is known the block does not end.
        let known = (1..=self.last).rev().find(|k| block[place(*k)] != 0).unwrap_or(0);
        let mut k = self.first;
        while k <= self.last {
            if k > known && decisions.next(&mut estimates[3 * (k - 1)], source)? {
                break;
            }
            loop {
                let coefficient = &mut block[place(k)];
                let at = 3 * (k - 1);
                if *coefficient != 0 {
                    if decisions.next(&mut estimates[at + 2], source)? {
                        let more = if *coefficient < 0 { -bit } else { bit };
                        *coefficient = coefficient.wrapping_add(more);
                    }
                    break;
                }
                if decisions.next(&mut estimates[at + 1], source)? {
                    *coefficient = if decisions.even(source)? { -bit } else { bit };
                    break;
                }
                k += 1;
                if k > self.last {
                    return Err(broken());
                }
            }
            k += 1;
        }
        Ok(())
    }
}

fn broken() -> FileError {
    FileError::damaged("its compressed data is broken")
}

impl Codes for ArithmeticCodes {
    fn prepare(&mut self, source: &mut impl ReadAt) -> Result<(), FileError> {
        if self.decisions.has_begun {
            return Ok(());
        }
        self.decisions.begin(source)
    }

    fn restart(&mut self, number: u8, source: &mut impl ReadAt) -> Result<(), FileError> {
        self.decisions.reader.restart(number, source)?;
        self.decisions.has_begun = false;
        self.dc.iter_mut().for_each(|(_, estimates)| estimates.fill(0));
        self.ac.iter_mut().for_each(|(_, estimates)| estimates.fill(0));
        for part in &mut self.parts {
            (part.last_dc, part.context) = (0, 0);
        }
        Ok(())
    }

    fn block(&mut self, index: usize, block: &mut Block, source: &mut impl ReadAt) -> Result<(), FileError> {
        match self.kind {
            Kind::Sequential => {
                block[0] = self.dc(index, source)? as i16;
                self.ac(index, (1, 63), block, source)
            }
            Kind::DcFirst => {
                block[0] = self.dc(index, source)?.wrapping_shl(self.shift.into()) as i16;
                Ok(())
            }
            Kind::DcRefine => {
                if self.decisions.even(source)? {
                    block[0] |= 1 << self.shift;
                }
                Ok(())
            }
            Kind::AcFirst => self.ac(index, (self.first, self.last), block, source),
            Kind::AcRefine => self.refine(index, block, source),
        }
    }
}
