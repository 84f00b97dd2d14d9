//! Every PNG colour type, depth and interlace method, as in Willem van Schaik's PngSuite, made here.
#![cfg(feature = "files")]

use azulejo_imaging::file::{Decoder, Limits};
use azulejo_imaging::{PixelFormat, Size};

const PASSES: [(u32, u32, u32, u32); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

/// A PNG whose samples are given by `sample(x, y, channel)`.
struct Png<'a> {
    size: Size,
    color: u8,
    bits: u8,
    interlaced: bool,
    sample: &'a dyn Fn(u32, u32, u32) -> u32,
    chunks: Vec<(&'a [u8; 4], Vec<u8>)>,
}

impl Png<'_> {
    fn channels(&self) -> u32 {
        match self.color {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut raw = Vec::new();
        let whole = [(0, 0, 1, 1)];
        let passes: &[(u32, u32, u32, u32)] = if self.interlaced { &PASSES } else { &whole };
        for &(left, top, across, down) in passes {
            let columns: Vec<u32> = (left..self.size.width).step_by(across as usize).collect();
            if columns.is_empty() {
                continue;
            }
            for y in (top..self.size.height).step_by(down as usize) {
                raw.push(0);
                let (mut byte, mut filled) = (0u32, 0);
                for &x in &columns {
                    for channel in 0..self.channels() {
                        let sample = (self.sample)(x, y, channel);
                        if self.bits >= 8 {
                            raw.extend(&sample.to_be_bytes()[4 - usize::from(self.bits / 8)..]);
                            continue;
                        }
                        byte = byte << self.bits | sample;
                        filled += self.bits;
                        if filled == 8 {
                            raw.push(byte as u8);
                            (byte, filled) = (0, 0);
                        }
                    }
                }
                if filled > 0 {
                    raw.push((byte << (8 - filled)) as u8);
                }
            }
        }
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut chunk = |name: &[u8; 4], data: &[u8]| {
            file.extend((data.len() as u32).to_be_bytes());
            let start = file.len();
            file.extend(name);
            file.extend(data);
            file.extend(crc32fast::hash(&file[start..]).to_be_bytes());
        };
        let mut header = [self.size.width.to_be_bytes(), self.size.height.to_be_bytes()].concat();
        header.extend([self.bits, self.color, 0, 0, u8::from(self.interlaced)]);
        chunk(b"IHDR", &header);
        for (name, data) in &self.chunks {
            chunk(name, data);
        }
        chunk(b"IDAT", &fdeflate::compress_to_vec(&raw));
        chunk(b"IEND", &[]);
        file
    }
}

fn read(bytes: &[u8]) -> (PixelFormat, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    std::fs::write(&path, bytes).unwrap();
    let mut decoder = Decoder::open(&path, &Limits::default()).unwrap();
    let (mut all, mut strip) = (Vec::new(), Vec::new());
    while decoder.next_rows(&mut strip).unwrap().is_some() {
        all.extend_from_slice(&strip);
    }
    (decoder.info().format, all)
}

fn sizes() -> impl Iterator<Item = Size> {
    [(1, 1), (2, 3), (5, 4), (8, 8), (33, 17), (40, 1)]
        .into_iter()
        .map(|(width, height)| Size::new(width, height))
}

fn value(x: u32, y: u32, channel: u32, bits: u8) -> u32 {
    (x * 7919 + y * 104_729 + channel * 1_299_709 + x * y * 31) % (1 << bits)
}

#[test]
fn every_colour_type_depth_and_interlace_is_read() {
    let kinds: [(u8, &[u8]); 4] = [
        (0, &[1, 2, 4, 8, 16]),
        (2, &[8, 16]),
        (4, &[8, 16]),
        (6, &[8, 16]),
    ];
    for (color, depths) in kinds {
        for &bits in depths {
            for (size, interlaced) in sizes().flat_map(|size| [(size, false), (size, true)]) {
                let sample = |x, y, channel| value(x, y, channel, bits);
                let png = Png {
                    size,
                    color,
                    bits,
                    interlaced,
                    sample: &sample,
                    chunks: Vec::new(),
                };
                let (format, pixels) = read(&png.bytes());
                assert_eq!(
                    format.bytes_per_pixel(),
                    (png.channels() * u32::from(bits).max(8) / 8) as usize
                );
                let mut expected = Vec::new();
                for y in 0..size.height {
                    for x in 0..size.width {
                        for channel in 0..png.channels() {
                            let sample = value(x, y, channel, bits);
                            match bits {
                                16 => expected.extend((sample as u16).to_le_bytes()),
                                _ => expected.push((sample * 255 / ((1 << bits) - 1)) as u8),
                            }
                        }
                    }
                }
                assert_eq!(
                    pixels, expected,
                    "colour type {color}, {bits} bit, {size}, interlaced {interlaced}"
                );
            }
        }
    }
}

#[test]
fn palettes_are_expanded_with_and_without_transparency() {
    for bits in [1u8, 2, 4, 8] {
        let count = 1u32 << bits;
        let palette: Vec<u8> = (0..count * 3).map(|i| (i * 37 % 256) as u8).collect();
        let alpha: Vec<u8> = (0..count).map(|i| (255 - i) as u8).collect();
        for (size, interlaced) in sizes().flat_map(|size| [(size, false), (size, true)]) {
            for transparent in [false, true] {
                let sample = |x, y, channel| value(x, y, channel, bits);
                let mut chunks: Vec<(&[u8; 4], Vec<u8>)> = vec![(b"PLTE", palette.clone())];
                if transparent {
                    chunks.push((b"tRNS", alpha.clone()));
                }
                let png = Png {
                    size,
                    color: 3,
                    bits,
                    interlaced,
                    sample: &sample,
                    chunks,
                };
                let (format, pixels) = read(&png.bytes());
                assert_eq!(
                    format,
                    if transparent {
                        PixelFormat::RGBA8
                    } else {
                        PixelFormat::RGB8
                    }
                );
                let mut expected = Vec::new();
                for y in 0..size.height {
                    for x in 0..size.width {
                        let index = value(x, y, 0, bits) as usize;
                        expected.extend(&palette[index * 3..index * 3 + 3]);
                        if transparent {
                            expected.push(alpha[index]);
                        }
                    }
                }
                assert_eq!(
                    pixels, expected,
                    "{bits} bit palette, {size}, interlaced {interlaced}"
                );
            }
        }
    }
}
