//! One zlib stream from strips that were compressed on their own, so that they can be compressed in parallel.
//!
//! `fdeflate` gives a zlib stream of a single deflate block for each strip. Without header and checksum, with the mark of
//! the last block cleared, and padded to a byte by an empty stored block, the blocks simply follow one another; the
//! checksums of the strips are combined. A strip that would grow, noise for instance, is stored as it is.

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

/// Most bytes of a stored block.
const MAX_STORED: usize = 65535;

/// Compresses `data`; `last` says that no strip follows.
pub(super) fn compress(data: &[u8], last: bool) -> Result<Strip, FileError> {
    let mut compressor = fdeflate::Compressor::new(Vec::with_capacity(data.len() / 2 + 1024))?;
    compressor.write_data(data)?;
    let mut bytes = compressor.finish()?;
    let (Some(checksum), true) = (bytes.last_chunk::<4>().copied(), bytes.len() > 7) else {
        return Err(FileError::unsupported("the compressor gave no data"));
    };
    if bytes.len() > stored_length(data) {
        bytes = store(data, last);
    } else {
        bytes.truncate(bytes.len() - 4);
        bytes.drain(..2);
        if !last {
            // Bit 0 of a block says that it is the last.
            bytes[0] &= !1;
            // The block's end code ends in a one bit, so the zeros above it in the last byte are free. The three zero bits
            // that start a stored block go there, or into a byte of their own; its length, zero, and the complement
            // follow.
            if bytes[bytes.len() - 1].leading_zeros() < 3 {
                bytes.push(0);
            }
            bytes.extend([0, 0, 0xff, 0xff]);
        }
    }
    Ok(Strip {
        bytes,
        adler: u32::from_be_bytes(checksum),
        length: data.len() as u64,
    })
}

/// A whole zlib stream, never much longer than `data`.
pub(super) fn zlib(data: &[u8]) -> Result<Vec<u8>, FileError> {
    let strip = compress(data, true)?;
    Ok([&ZLIB_HEADER, &strip.bytes[..], &strip.adler.to_be_bytes()].concat())
}

/// Bytes that [`store`] makes.
fn stored_length(data: &[u8]) -> usize {
    data.len() + 5 * data.len().div_ceil(MAX_STORED)
}

/// Deflate blocks that hold `data` as it is. Each begins on a byte, since the header is padded to one.
fn store(data: &[u8], last: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(stored_length(data));
    let mut rest = data;
    while !rest.is_empty() {
        let (block, later) = rest.split_at(rest.len().min(MAX_STORED));
        rest = later;
        let length = block.len() as u16;
        bytes.push(u8::from(last && rest.is_empty()));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(block);
    }
    bytes
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

    #[test]
    fn noise_hardly_grows() {
        let mut state = 1u64;
        let noise: Vec<u8> = (0..300_000)
            .map(|_| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect();
        let stream = zlib(&noise).unwrap();
        assert!(stream.len() < noise.len() + 100, "{}", stream.len());
        assert_eq!(fdeflate::decompress_to_vec(&stream).unwrap(), noise);
        // Among strips that are compressed.
        let flat = vec![7u8; 1000];
        let parts: [&[u8]; 4] = [&flat, &noise, &flat, &noise];
        let (mut stream, mut adler) = (ZLIB_HEADER.to_vec(), Adler::new());
        for (index, part) in parts.iter().enumerate() {
            let strip = compress(part, index == 3).unwrap();
            stream.extend(&strip.bytes);
            adler.append(&strip);
        }
        stream.extend(adler.value().to_be_bytes());
        assert_eq!(fdeflate::decompress_to_vec(&stream).unwrap(), parts.concat());
    }
}
