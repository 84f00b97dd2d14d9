//! The codes of one block: sequential, and the four kinds of progressive scan.

use std::sync::Arc;

use super::bits::Bits;
use super::codes::{Codes, Kind};
use super::huffman::{Huffman, extended};
use super::idct::Block;
use super::markers::{ScanHeader, ScanPart};
use super::tables::NATURAL;
use crate::file::FileError;
use crate::header::bytes::ReadAt;

/// Huffman codes of the components of a scan.
pub(super) struct HuffmanCodes {
    bits: Bits,
    parts: Vec<Part>,
    kind: Kind,
    first: u8,
    last: u8,
    shift: u8,
    /// Blocks from here on that the band ends in at once.
    ends: u32,
}

struct Part {
    dc: Arc<Huffman>,
    ac: Arc<Huffman>,
    last_dc: i32,
}

impl HuffmanCodes {
    /// `capacity` bytes of the data are held at a time.
    pub(super) fn new(header: &ScanHeader, kind: Kind, capacity: usize) -> Result<Self, FileError> {
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
            Ok(Part {
                dc: table(&part.dc, needs_dc)?,
                ac: table(&part.ac, needs_ac)?,
                last_dc: 0,
            })
        };
        Ok(Self {
            bits: Bits::new(header.data, capacity),
            parts: header.parts.iter().map(part).collect::<Result<_, _>>()?,
            kind,
            first: header.band.0,
            last: header.band.1,
            shift: header.after,
            ends: 0,
        })
    }
}

impl Codes for HuffmanCodes {
    #[inline(always)]
    fn prepare(&mut self, source: &mut impl ReadAt) -> Result<(), FileError> {
        self.bits
            .prepare(source)
            .map_err(|error| FileError::reading(&error))
    }

    fn restart(&mut self, number: u8, source: &mut impl ReadAt) -> Result<(), FileError> {
        self.bits.restart(number, source)?;
        self.ends = 0;
        for part in &mut self.parts {
            part.last_dc = 0;
        }
        Ok(())
    }

    #[inline(always)]
    fn block(&mut self, index: usize, block: &mut Block, _: &mut impl ReadAt) -> Result<(), FileError> {
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
            Kind::Sequential => sequential(bits, (&part.dc, &part.ac), &mut part.last_dc, block),
            Kind::DcFirst => dc_first(bits, &part.dc, &mut part.last_dc, self.shift, block),
            Kind::DcRefine => dc_refine(bits, self.shift, block),
            Kind::AcFirst => band.first(bits, block),
            Kind::AcRefine => band.refine(bits, block),
        }
    }
}

/// Where the `k`th coefficient lies.
#[inline(always)]
fn place(k: usize) -> usize {
    usize::from(NATURAL[k & 63])
}

/// The difference of a DC coefficient.
#[inline(always)]
fn difference(bits: &mut Bits, codes: &Huffman) -> Result<i32, FileError> {
    bits.refill();
    let size = u32::from(codes.symbol(bits)?);
    if size > 15 {
        return Err(bits.broken());
    }
    Ok(extended(bits.take(size), size))
}

/// All coefficients of a block; `last` is the DC coefficient of the block before.
#[inline(always)]
fn sequential(
    bits: &mut Bits,
    (dc, ac): (&Huffman, &Huffman),
    last: &mut i32,
    block: &mut Block,
) -> Result<(), FileError> {
    *last = last.wrapping_add(difference(bits, dc)?);
    block[0] = *last as i16;
    let mut k = 1;
    while k < 64 {
        bits.refill();
        let found = ac.value(bits);
        if found.length != 0 {
            bits.skip(found.length.into());
            k += usize::from(found.run);
            if k > 63 {
                return Err(bits.broken());
            }
            block[place(k)] = found.value;
            k += 1;
            continue;
        }
        let symbol = ac.symbol(bits)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run != 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += run;
        if k > 63 {
            return Err(bits.broken());
        }
        block[place(k)] = extended(bits.take(size), size) as i16;
        k += 1;
    }
    bits.check()
}

/// The upper bits of the DC coefficient.
#[inline(always)]
fn dc_first(
    bits: &mut Bits,
    codes: &Huffman,
    last: &mut i32,
    shift: u8,
    block: &mut Block,
) -> Result<(), FileError> {
    *last = last.wrapping_add(difference(bits, codes)?);
    block[0] = last.wrapping_shl(shift.into()) as i16;
    bits.check()
}

/// One bit more of the DC coefficient.
#[inline(always)]
fn dc_refine(bits: &mut Bits, shift: u8, block: &mut Block) -> Result<(), FileError> {
    if bits.one() {
        block[0] |= 1 << shift;
    }
    bits.check()
}

/// A band of AC coefficients and what their scans count.
struct Band<'a> {
    codes: &'a Huffman,
    first: usize,
    last: usize,
    shift: u8,
    /// Blocks from here on that the band ends in at once.
    ends: &'a mut u32,
}

impl Band<'_> {
    /// The upper bits of the coefficients.
    #[inline(always)]
    fn first(self, bits: &mut Bits, block: &mut Block) -> Result<(), FileError> {
        if *self.ends > 0 {
            *self.ends -= 1;
            return Ok(());
        }
        let mut k = self.first;
        while k <= self.last {
            bits.refill();
            let symbol = self.codes.symbol(bits)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if run != 15 {
                    *self.ends = (1 << run) - 1 + bits.take(run as u32);
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            if k > 63 {
                return Err(bits.broken());
            }
            block[place(k)] = (extended(bits.take(size), size) << self.shift) as i16;
            k += 1;
        }
        bits.check()
    }

    /// One bit more of the coefficients.
    #[inline(always)]
    fn refine(self, bits: &mut Bits, block: &mut Block) -> Result<(), FileError> {
        let bit = 1i16 << self.shift;
        let mut k = self.first;
        if *self.ends == 0 {
            while k <= self.last {
                bits.refill();
                let symbol = self.codes.symbol(bits)?;
                let (mut run, size) = (symbol >> 4, symbol & 15);
                let mut value = 0;
                if size != 0 {
                    value = if bits.take(1) != 0 { bit } else { -bit };
                } else if run != 15 {
                    *self.ends = (1 << run) + bits.take(run.into());
                    break;
                }
                // On to the place behind `run` coefficients that are still zero.
                while k <= self.last {
                    let coefficient = &mut block[place(k)];
                    if *coefficient != 0 {
                        refine(bits, coefficient, bit);
                    } else if run == 0 {
                        if value != 0 {
                            *coefficient = value;
                        }
                        break;
                    } else {
                        run -= 1;
                    }
                    k += 1;
                }
                k += 1;
            }
        }
        if *self.ends > 0 {
            *self.ends -= 1;
            while k <= self.last {
                let coefficient = &mut block[place(k)];
                if *coefficient != 0 {
                    refine(bits, coefficient, bit);
                }
                k += 1;
            }
        }
        bits.check()
    }
}

/// One bit more of a coefficient that is not zero.
#[inline(always)]
fn refine(bits: &mut Bits, coefficient: &mut i16, bit: i16) {
    if bits.one() && *coefficient & bit == 0 {
        *coefficient = coefficient.wrapping_add(if *coefficient >= 0 { bit } else { -bit });
    }
}
