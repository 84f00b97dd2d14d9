//! Compressed data as bits: stuffed zeros are taken out, and a marker ends it.

use std::io;

use crate::file::FileError;
use crate::header::bytes::{ReadAt, Reader};

/// Most bytes that a block takes: 64 codes of 16 bits with values of 15, and a stuffed zero behind each.
pub(super) const MAX_BLOCK_BYTES: usize = 64 * 31 / 8 * 2 + 16;

/// Reads bits from one place on, up to a marker.
pub(super) struct Bits {
    reader: Reader,
    /// The next bits, from the highest on; zeros follow them.
    bits: u64,
    /// How many there are; below zero where more were taken than there were, which only happens at a marker or at the end.
    count: i32,
}

impl Bits {
    /// Of the data from byte `start` of the file on, `capacity` bytes of which are held at a time.
    pub(super) fn new(start: u64, capacity: usize) -> Self {
        Self {
            reader: Reader::new(start, capacity),
            bits: 0,
            count: 0,
        }
    }

    /// Makes the bytes of a block available.
    #[inline(always)]
    pub(super) fn prepare(&mut self, source: &mut impl ReadAt) -> io::Result<()> {
        self.reader.fill(MAX_BLOCK_BYTES, source)
    }

    /// Makes at least 32 bits available, or all there are.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.count > 31 {
            return;
        }
        if let Some(four) = self.reader.four()
            && (!four).wrapping_sub(0x0101_0101) & four & 0x8080_8080 == 0
            && self.count >= 0
        {
            self.bits |= u64::from(four) << (32 - self.count);
            self.count += 32;
            self.reader.advance(4);
            return;
        }
        self.refill_slowly();
    }

    #[cold]
    fn refill_slowly(&mut self) {
        while (0..=48).contains(&self.count) {
            let byte = match self.reader.available() {
                [0xff, 0, ..] => {
                    self.reader.advance(2);
                    0xff
                }
                [0xff, ..] | [] => return,
                [byte, ..] => {
                    let byte = *byte;
                    self.reader.advance(1);
                    byte
                }
            };
            self.bits |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `count` bits, 1 to 16, which stay.
    #[inline(always)]
    pub(super) fn peek(&self, count: u32) -> u32 {
        (self.bits >> (64 - count)) as u32
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.bits <<= count;
        self.count -= count as i32;
    }

    /// The next `count` bits, 0 to 16.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let taken = (self.bits >> 32 >> (32 - count)) as u32;
        self.skip(count);
        taken
    }

    /// The next bit, refilled where there is none.
    #[inline(always)]
    pub(super) fn one(&mut self) -> bool {
        if self.count < 1 {
            self.refill();
        }
        self.take(1) != 0
    }

    /// An error where more bits were taken than there are.
    #[inline(always)]
    pub(super) fn check(&self) -> Result<(), FileError> {
        if self.count < 0 {
            return Err(self.broken());
        }
        Ok(())
    }

    /// What is wrong where the data makes no sense: an end in the middle, or damage.
    #[cold]
    pub(super) fn broken(&self) -> FileError {
        if matches!(self.reader.available(), [] | [0xff, ..]) && self.count < 16 {
            FileError::damaged("it ends in the middle; send the whole file")
        } else {
            FileError::damaged("its compressed data is broken")
        }
    }

    /// Goes on behind the restart marker of that number, 0 to 7. What lies before it is skipped.
    pub(super) fn restart(&mut self, number: u8, source: &mut impl ReadAt) -> Result<(), FileError> {
        self.bits = 0;
        self.count = 0;
        self.reader.restart(number, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_zeros_are_taken_out_and_markers_end_the_data() {
        let data = [0x12, 0xff, 0x00, 0x34, 0x56, 0x78, 0x9a, 0xff, 0xd0, 0xab];
        let mut source = &data[..];
        let mut bits = Bits::new(0, MAX_BLOCK_BYTES + 1);
        bits.prepare(&mut source).unwrap();
        for nibble in [1, 2, 0xf, 0xf, 3, 4, 5, 6, 7, 8, 9, 0xa] {
            bits.refill();
            assert_eq!(bits.take(4), nibble);
        }
        bits.check().unwrap();
        bits.refill();
        assert_eq!(bits.take(1), 0);
        assert!(bits.check().is_err());
        bits.restart(0, &mut source).unwrap();
        bits.refill();
        assert_eq!(bits.take(8), 0xab);
    }
}
