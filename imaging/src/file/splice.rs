//! One zlib stream from strips that were compressed on their own, so that they can be compressed in parallel.
//!
//! Without a level `fdeflate` gives a zlib stream of a single deflate block for each strip. Without header and checksum, with the
//! mark of the last block cleared, and padded to a byte by an empty stored block, the blocks simply follow one another; the
//! checksums of the strips are combined. With a level the compressor is told to end each strip but the last so. A strip that
//! would grow, noise for instance, is stored as it is.

use flate2::{Compress, Compression, FlushCompress, Status};

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

/// Compresses `data`: without a level fast, else as hard as the level says, 0 (not at all) to 9; `last` says that no strip follows.
pub(super) fn compress(data: &[u8], level: Option<u8>, last: bool) -> Result<Strip, FileError> {
    let Some(level) = level else {
        return compress_fast(data, last);
    };
    let bytes = match level {
        0 => None,
        _ => deflate(data, level, last)?,
    };
    Ok(Strip {
        bytes: bytes.unwrap_or_else(|| store(data, last)),
        adler: simd_adler32::adler32(&data),
        length: data.len() as u64,
    })
}

/// Deflate blocks that end on a byte; none where storing is as short.
fn deflate(data: &[u8], level: u8, last: bool) -> Result<Option<Vec<u8>>, FileError> {
    let failed = || FileError::unsupported("the compressor gave no data");
    let mut compressor = Compress::new(Compression::new(level.into()), false);
    let mut bytes = Vec::with_capacity(stored_length(data) + 64);
    let flush = if last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    let status = compressor
        .compress_vec(data, &mut bytes, flush)
        .map_err(|_| failed())?;
    // Room for what does not grow; where that was not enough, it grew.
    let all = compressor.total_in() == data.len() as u64
        && bytes.len() < bytes.capacity()
        && (!last || status == Status::StreamEnd);
    Ok(Some(bytes).filter(|bytes| all && bytes.len() <= stored_length(data)))
}

fn compress_fast(data: &[u8], last: bool) -> Result<Strip, FileError> {
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
pub(super) fn zlib(data: &[u8], level: Option<u8>) -> Result<Vec<u8>, FileError> {
    let strip = compress(data, level, true)?;
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
        let levels = [None, Some(0), Some(1), Some(6), Some(9)];
        for (step, level) in (1..60usize).flat_map(|step| levels.map(|level| (step, level))) {
            let data: Vec<u8> = (0..2000 + step * 7).map(|i| (i * i / 31 % 251) as u8).collect();
            let mut stream = ZLIB_HEADER.to_vec();
            let mut adler = Adler::new();
            let strips: Vec<&[u8]> = data.chunks(step * 13).collect();
            for (index, strip) in strips.iter().enumerate() {
                let strip = compress(strip, level, index + 1 == strips.len()).unwrap();
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
        for level in [None, Some(0), Some(1), Some(9)] {
            let stream = zlib(&noise, level).unwrap();
            assert!(stream.len() < noise.len() + 100, "{}", stream.len());
            assert_eq!(fdeflate::decompress_to_vec(&stream).unwrap(), noise);
        }
        // Among strips that are compressed.
        let flat = vec![7u8; 1000];
        let parts: [&[u8]; 4] = [&flat, &noise, &flat, &noise];
        for level in [None, Some(6)] {
            let (mut stream, mut adler) = (ZLIB_HEADER.to_vec(), Adler::new());
            for (index, part) in parts.iter().enumerate() {
                let strip = compress(part, level, index == 3).unwrap();
                stream.extend(&strip.bytes);
                adler.append(&strip);
            }
            stream.extend(adler.value().to_be_bytes());
            assert_eq!(fdeflate::decompress_to_vec(&stream).unwrap(), parts.concat());
        }
    }
}
