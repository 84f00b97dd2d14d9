//! Huffman codes of a JPEG, as tables that are looked up.

use super::bits::Bits;
use crate::file::FileError;

/// Bits that the quick tables are looked up by: nearly all codes are shorter, and most with their value, too.
const QUICK: u32 = 10;

/// The codes of one table.
pub(super) struct Huffman {
    /// By the next bits: the symbol, and the length of its code above it; zero where the code is longer.
    quick: Box<[u16; 1 << QUICK]>,
    /// By the next bits, where code and value are both among them: value, zeros before it, and bits of both; zero otherwise.
    values: Box<[Value; 1 << QUICK]>,
    /// For each length, the first code of 16 bits that is longer.
    limits: [u32; 17],
    /// For each length, what to add to a code for its place in `symbols`.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

/// An AC coefficient that was found with one look.
#[derive(Clone, Copy, Default)]
pub(super) struct Value {
    pub value: i16,
    /// Zeros before it.
    pub run: u8,
    /// Bits of code and value; zero where there is none.
    pub length: u8,
}

impl Huffman {
    /// From the number of codes of each length and the symbols in the order of their codes; `None` where the codes do not fit.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        if symbols.len() > 256 {
            return None;
        }
        let mut table = Self {
            quick: Box::new([0; 1 << QUICK]),
            values: Box::new([Value::default(); 1 << QUICK]),
            limits: [0; 17],
            offsets: [0; 17],
            symbols: [0; 256],
        };
        table.symbols[..symbols.len()].copy_from_slice(symbols);
        let (mut code, mut index) = (0u32, 0usize);
        for (length, count) in (1u32..).zip(counts) {
            table.offsets[length as usize] = index as i32 - code as i32;
            for _ in 0..*count {
                if code >> length != 0 {
                    return None;
                }
                if length <= QUICK {
                    let first = (code << (QUICK - length)) as usize;
                    let entry = u16::from(table.symbols[index]) | (length as u16) << 8;
                    table.quick[first..first + (1 << (QUICK - length))].fill(entry);
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length {
                return None;
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        table.add_values();
        Some(table)
    }

    fn add_values(&mut self) {
        for (bits, (entry, value)) in self.quick.iter().zip(self.values.iter_mut()).enumerate() {
            let (length, size) = (u32::from(entry >> 8), u32::from(entry & 15));
            if length == 0 || size == 0 || length + size > QUICK {
                continue;
            }
            let raw = (bits >> (QUICK - length - size)) as u32 & ((1 << size) - 1);
            *value = Value {
                value: extended(raw, size) as i16,
                run: (entry >> 4 & 15) as u8,
                length: (length + size) as u8,
            };
        }
    }

    /// The coefficient that comes next, if one look finds it.
    #[inline(always)]
    pub(super) fn value(&self, bits: &Bits) -> Value {
        self.values[bits.peek(QUICK) as usize]
    }

    /// The next symbol. There are at least 16 bits, or the data is at its end.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut Bits) -> Result<u8, FileError> {
        let entry = self.quick[bits.peek(QUICK) as usize];
        if entry != 0 {
            bits.skip(u32::from(entry >> 8));
            return Ok(entry as u8);
        }
        self.long_symbol(bits)
    }

    #[cold]
    fn long_symbol(&self, bits: &mut Bits) -> Result<u8, FileError> {
        let next = bits.peek(16);
        // An empty quick entry may also stand for no code at all, so shorter lengths are not skipped.
        let length = (1..=16).find(|length| next < self.limits[*length]);
        let length = length.ok_or_else(|| bits.broken())?;
        let index = (next >> (16 - length)) as i32 + self.offsets[length];
        bits.skip(length as u32);
        let symbol = usize::try_from(index)
            .ok()
            .and_then(|index| self.symbols.get(index));
        symbol.copied().ok_or_else(|| bits.broken())
    }
}

/// The number that `size` bits stand for: the lower half of them are negative.
#[inline(always)]
pub(super) fn extended(raw: u32, size: u32) -> i32 {
    let raw = raw as i32;
    if size > 0 && raw < 1 << (size - 1) {
        raw - (1 << size) + 1
    } else {
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_overflow_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Huffman::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(Huffman::new(&counts, &[1, 2]).is_some());
        counts[1] = 1;
        assert!(Huffman::new(&counts, &[1, 2, 3]).is_none());
    }

    #[test]
    fn values_have_both_signs() {
        assert_eq!([0, 1].map(|raw| extended(raw, 1)), [-1, 1]);
        assert_eq!([0, 3, 4, 7].map(|raw| extended(raw, 3)), [-7, -4, 4, 7]);
        assert_eq!(extended(0, 0), 0);
    }

    #[test]
    fn long_codes_are_found_too() {
        // One code of each length: 0, 10, 110, ...
        let codes = Huffman::new(&[1; 16], &(0..16).collect::<Vec<u8>>()).unwrap();
        for length in 1..=16u32 {
            let code = (0xffff << (17 - length)) as u16;
            let data = [&code.to_be_bytes()[..], &[0; 4]].concat();
            let stuffed: Vec<u8> = data
                .iter()
                .flat_map(|byte| if *byte == 0xff { vec![0xff, 0] } else { vec![*byte] })
                .collect();
            let mut bits = Bits::new(0, 64);
            bits.prepare(&mut &stuffed[..]).unwrap();
            bits.refill();
            assert_eq!(u32::from(codes.symbol(&mut bits).unwrap()), length - 1);
        }
    }
}
