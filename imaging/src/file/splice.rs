//! One zlib stream from strips that were compressed on their own, so that they can be compressed in parallel.
//!
//! `fdeflate` gives a zlib stream of a single deflate block for each strip. Without header and checksum, with the mark of
//! the last block cleared, and padded to a byte by an empty stored block, the blocks simply follow one another; the
//! checksums of the strips are combined.

use super::FileError;

/// A strip ready to be put into the stream.
pub(super) struct Strip {
    /// Deflate blocks that end on a byte.
    pub bytes: Vec<u8>,
    /// Adler-32 of the strip's data.
    adler: u32,
    /// Length of the strip's data.
    length: u64,
}

/// The two bytes that open a zlib stream: deflate, no dictionary, fastest level.
pub(super) const ZLIB_HEADER: [u8; 2] = [0x78, 0x01];

/// Compresses `data`; `last` says that no strip follows.
pub(super) fn compress(data: &[u8], last: bool) -> Result<Strip, FileError> {
    let mut compressor = fdeflate::Compressor::new(Vec::with_capacity(data.len() / 2 + 1024))?;
    compressor.write_data(data)?;
    let mut bytes = compressor.finish()?;
    let (Some(checksum), true) = (bytes.last_chunk::<4>().copied(), bytes.len() > 7) else {
        return Err(FileError::unsupported("the compressor gave no data"));
    };
    bytes.truncate(bytes.len() - 4);
    bytes.drain(..2);
    if !last {
        // Bit 0 of a block says that it is the last.
        bytes[0] &= !1;
        // The block's end code ends in a one bit, so the zeros above it in the last byte are free. The three zero bits
        // that start a stored block go there, or into a byte of their own; its length, zero, and the complement follow.
        if bytes[bytes.len() - 1].leading_zeros() < 3 {
            bytes.push(0);
        }
        bytes.extend([0, 0, 0xff, 0xff]);
    }
    Ok(Strip {
        bytes,
        adler: u32::from_be_bytes(checksum),
        length: data.len() as u64,
    })
}

/// The checksum of the data of all strips so far.
pub(super) struct Adler(u32);

impl Adler {
    pub(super) fn new() -> Self {
        Self(1)
    }

    /// Appends a strip. `b` of the whole is both `b` plus the first `a` carried through the second's length (zlib's
    /// `adler32_combine`).
    pub(super) fn append(&mut self, strip: &Strip) {
        const BASE: u64 = 65521;
        let (a1, b1) = (u64::from(self.0 & 0xffff), u64::from(self.0 >> 16));
        let (a2, b2) = (u64::from(strip.adler & 0xffff), u64::from(strip.adler >> 16));
        let a = (a1 + a2 + BASE - 1) % BASE;
        let b = (b1 + b2 + (strip.length % BASE) * ((a1 + BASE - 1) % BASE)) % BASE;
        self.0 = (b << 16 | a) as u32;
    }

    pub(super) fn value(&self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spliced_strips_are_one_stream_with_the_right_checksum() {
        // Lengths that make the end code fall on every bit of a byte.
        for step in 1..60usize {
            let data: Vec<u8> = (0..2000 + step * 7).map(|i| (i * i / 31 % 251) as u8).collect();
            let mut stream = ZLIB_HEADER.to_vec();
            let mut adler = Adler::new();
            let strips: Vec<&[u8]> = data.chunks(step * 13).collect();
            for (index, strip) in strips.iter().enumerate() {
                let strip = compress(strip, index + 1 == strips.len()).unwrap();
                stream.extend(&strip.bytes);
                adler.append(&strip);
            }
            stream.extend(adler.value().to_be_bytes());
            // Checks the checksum too.
            assert_eq!(fdeflate::decompress_to_vec(&stream).unwrap(), data);
        }
    }
}
