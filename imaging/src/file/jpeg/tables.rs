//! The tables of a JPEG: quantization, Huffman codes, restart interval, as they stand when a scan begins.

use std::sync::Arc;

use super::huffman::Huffman;
use crate::file::FileError;

/// Place of each coefficient in its block, row by row, in the order in which they are stored.
pub(super) const NATURAL: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Steps of the 64 coefficients, row by row.
pub(super) type Quantization = [u16; 64];

/// The tables that a scan may name.
#[derive(Clone, Default)]
pub(super) struct Tables {
    pub quantization: [Option<Arc<Quantization>>; 4],
    pub dc: [Option<Arc<Huffman>>; 4],
    pub ac: [Option<Arc<Huffman>>; 4],
    /// MCUs between restart markers; zero where there are none.
    pub restart: u32,
    pub conditioning: Conditioning,
}

/// What arithmetic codes go by, for each of the tables that a scan may name.
#[derive(Clone, Copy)]
pub(super) struct Conditioning {
    /// Bounds, in bits, below which a difference of DC coefficients is taken for none, and above which for a large one.
    pub dc: [(u8, u8); 16],
    /// The last AC coefficient that counts as a low one.
    pub ac: [u8; 16],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self {
            dc: [(0, 1); 16],
            ac: [5; 16],
        }
    }
}

impl Tables {
    /// Takes over a DQT segment.
    pub(super) fn quantization_segment(&mut self, mut segment: &[u8]) -> Result<(), FileError> {
        let damaged = || FileError::damaged("a quantization table is broken");
        while let Some((head, rest)) = segment.split_first() {
            let slot = self
                .quantization
                .get_mut(usize::from(head & 15))
                .ok_or_else(damaged)?;
            let wide = head >> 4 != 0;
            let length = if wide { 128 } else { 64 };
            let (steps, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
            let mut table = [0; 64];
            for (index, natural) in NATURAL.iter().enumerate() {
                table[usize::from(*natural)] = if wide {
                    u16::from_be_bytes([steps[2 * index], steps[2 * index + 1]])
                } else {
                    steps[index].into()
                };
            }
            *slot = Some(Arc::new(table));
            segment = rest;
        }
        Ok(())
    }

    /// Takes over a DHT segment.
    pub(super) fn huffman_segment(&mut self, mut segment: &[u8]) -> Result<(), FileError> {
        let damaged = || FileError::damaged("a Huffman table is broken");
        while let Some((head, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
            let total = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or_else(damaged)?;
            let kind = match head >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(damaged()),
            };
            let slot = kind.get_mut(usize::from(head & 15)).ok_or_else(damaged)?;
            *slot = Some(Arc::new(Huffman::new(counts, symbols).ok_or_else(damaged)?));
            segment = rest;
        }
        Ok(())
    }

    /// Takes over a DAC segment.
    pub(super) fn arithmetic_segment(&mut self, segment: &[u8]) -> Result<(), FileError> {
        let damaged = || FileError::damaged("a table for its arithmetic codes is broken");
        for pair in segment.chunks(2) {
            let [head, value] = *pair.first_chunk::<2>().ok_or_else(damaged)?;
            let slot = usize::from(head & 15);
            match head >> 4 {
                0 if value & 15 <= value >> 4 => self.conditioning.dc[slot] = (value & 15, value >> 4),
                1 if (1..=63).contains(&value) => self.conditioning.ac[slot] = value,
                _ => return Err(damaged()),
            }
        }
        Ok(())
    }

    /// Takes over a DRI segment.
    pub(super) fn restart_segment(&mut self, segment: &[u8]) -> Result<(), FileError> {
        let interval = segment.first_chunk::<2>();
        let interval = interval.ok_or_else(|| FileError::damaged("its restart interval is broken"))?;
        self.restart = u16::from_be_bytes(*interval).into();
        Ok(())
    }

    /// Fills the places 0 and 1 that nothing was put into with the tables of the standard's annex K.3: the frames of motion
    /// JPEG come without any.
    pub(super) fn add_standard(&mut self) {
        for (index, (dc, ac)) in [LUMA, CHROMA].into_iter().enumerate() {
            for (slot, (counts, symbols)) in [(&mut self.dc[index], dc), (&mut self.ac[index], ac)] {
                if slot.is_none() {
                    *slot = Huffman::new(counts, symbols).map(Arc::new);
                }
            }
        }
    }
}

type Code = (&'static [u8; 16], &'static [u8]);

const LUMA: (Code, Code) = (
    (
        &[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ),
    (
        &[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
        &[
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
            0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
            0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
            0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
            0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
            0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
            0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
            0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
            0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
            0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
            0xf9, 0xfa,
        ],
    ),
);

const CHROMA: (Code, Code) = (
    (
        &[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ),
    (
        &[0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
        &[
            0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
            0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
            0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
            0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
            0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
            0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
            0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
            0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
            0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
            0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
            0xf9, 0xfa,
        ],
    ),
);
