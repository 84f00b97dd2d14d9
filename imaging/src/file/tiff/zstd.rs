//! Zstandard of strips and tiles.
//!
//! A decoder holds as many bytes as the frame says that its data may repeat from, the window, and gives none before it has more: 128 MiB
//! for a strip of a few bytes, where the writer compressed hardest or wanted it so. What is repeated within a strip lies within it, so a
//! larger window is replaced by the smallest that holds the strip.

use std::io::Read as _;

/// Bits of the size of the least window: that of a block.
const LEAST_WINDOW: u32 = 17;

/// Fills `out` with what `data` begins with. `None` where that is damaged or ends early.
pub(super) fn decode(data: &[u8], out: &mut [u8]) -> Option<()> {
    let (head, blocks) = Frame::of(data)?.within(out.len())?;
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(head.chain(blocks)).ok()?;
    decoder.read_exact(out).ok()
}

/// All that `data` holds, up to `most` bytes. `None` where that is damaged or ends early.
#[cfg(feature = "files")]
pub(super) fn decode_all(data: &[u8], most: u64) -> Option<Vec<u8>> {
    let (head, blocks) = Frame::of(data)?.within(usize::try_from(most).ok()?)?;
    let decoder = ruzstd::decoding::StreamingDecoder::new(head.chain(blocks)).ok()?;
    let mut all = Vec::new();
    decoder.take(most).read_to_end(&mut all).ok()?;
    Some(all)
}

/// What the header of a frame says.
struct Frame<'a> {
    data: &'a [u8],
    descriptor: u8,
    window: u64,
    dictionary: &'a [u8],
    /// What follows the header.
    blocks: &'a [u8],
}

impl<'a> Frame<'a> {
    fn of(data: &'a [u8]) -> Option<Self> {
        let descriptor = *data.get(4)?;
        // A frame of one segment has no window but that of its size.
        let is_single = descriptor & 0x20 != 0;
        let (at, byte) = if is_single { (5, 0) } else { (6, *data.get(5)?) };
        let (dictionary, rest) = data
            .get(at..)?
            .split_at_checked([0, 1, 2, 4][usize::from(descriptor & 3)])?;
        let bytes = match (descriptor >> 6, is_single) {
            (0, false) => 0,
            (0, true) => 1,
            (1, _) => 2,
            (2, _) => 4,
            _ => 8,
        };
        let (size, blocks) = rest.split_at_checked(bytes)?;
        let size = size
            .iter()
            .rev()
            .fold(0, |size, byte| size << 8 | u64::from(*byte));
        let window = match is_single {
            true => size,
            false => (8 + u64::from(byte & 7)) << (7 + (byte >> 3)),
        };
        Some(Self {
            data,
            descriptor,
            window,
            dictionary,
            blocks,
        })
    }

    /// A header and what follows it, with a window no larger than `length` bytes need.
    fn within(self, length: usize) -> Option<(std::io::Cursor<Vec<u8>>, &'a [u8])> {
        let bits = length
            .max(1)
            .checked_next_power_of_two()?
            .ilog2()
            .max(LEAST_WINDOW);
        if self.window <= 1 << bits {
            return Some((std::io::Cursor::default(), self.data));
        }
        let mut head = self.data.get(..4)?.to_vec();
        // Neither one segment nor a size; whether there is a checksum and a dictionary stays.
        head.push(self.descriptor & 0x0f);
        head.push(((bits - 10) as u8) << 3);
        head.extend_from_slice(self.dictionary);
        Some((std::io::Cursor::new(head), self.blocks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of two blocks, each a byte that is repeated, with that descriptor and what stands behind it.
    fn frame(descriptor: u8, rest: &[u8]) -> Vec<u8> {
        let block = |last: u32, byte: u8| {
            let [a, b, c, _] = (last | 1 << 1 | 100_000 << 3).to_le_bytes();
            [a, b, c, byte]
        };
        [
            &[0x28, 0xb5, 0x2f, 0xfd, descriptor],
            rest,
            &block(0, 7),
            &block(1, 9),
        ]
        .concat()
    }

    #[test]
    fn what_a_window_is_does_not_change_what_is_unpacked() {
        let expected = [[7; 100_000], [9; 100_000]].concat();
        // Windows of 128 KiB, of 128 MiB and of 2^41 bytes; one segment, whose size is told, too.
        for file in [
            frame(0, &[7 << 3]),
            frame(0, &[17 << 3]),
            frame(0, &[31 << 3]),
            frame(0x80, &[17 << 3, 0x40, 0x0d, 3, 0]),
            frame(0xa0, &[0x40, 0x0d, 3, 0]),
            frame(0xe0, &[0x40, 0x0d, 3, 0, 9, 0, 0, 0]),
        ] {
            for length in [200_000, 150_000, 1] {
                let mut out = vec![0; length];
                decode(&file, &mut out).unwrap();
                assert_eq!(out, expected[..length], "{:?} {length}", &file[4..8]);
            }
            assert!(decode(&file, &mut vec![0; 200_001]).is_none());
            for cut in 0..file.len() {
                assert!(decode(&file[..cut], &mut [0; 150_000]).is_none());
            }
        }
    }
}
