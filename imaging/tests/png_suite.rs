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
    /// The filter of a row, 0 to 4.
    filter: fn(u32) -> u8,
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
            let mut above = Vec::new();
            for y in (top..self.size.height).step_by(down as usize) {
                let start = raw.len();
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
                let row = raw.split_off(start);
                above.resize(row.len(), 0);
                let pixel = (self.channels() * u32::from(self.bits)).div_ceil(8) as usize;
                let filter = (self.filter)(y);
                raw.push(filter);
                raw.extend(filtered(filter, &row, &above, pixel));
                above = row;
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

/// A row as the standard's filters store it; `pixel` is the distance to the byte on the left.
fn filtered(filter: u8, row: &[u8], above: &[u8], pixel: usize) -> Vec<u8> {
    let left = |row: &[u8], index: usize| index.checked_sub(pixel).map_or(0, |index| row[index]);
    let predicted = |index: usize| {
        let (a, b, c) = (left(row, index), above[index], left(above, index));
        match filter {
            0 => 0,
            1 => a,
            2 => b,
            3 => ((u32::from(a) + u32::from(b)) / 2) as u8,
            _ => {
                let [pa, pb, pc] = [a, b, c].map(|near| {
                    let estimate = i32::from(a) + i32::from(b) - i32::from(c);
                    (estimate - i32::from(near)).abs()
                });
                if pa <= pb && pa <= pc {
                    a
                } else if pb <= pc {
                    b
                } else {
                    c
                }
            }
        }
    };
    (0..row.len())
        .map(|index| row[index].wrapping_sub(predicted(index)))
        .collect()
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
                    filter: |y| (y % 5) as u8,
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
                    filter: |y| (y % 5) as u8,
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

#[test]
fn every_filter_on_every_row_is_undone() {
    for filter in [|_| 0u8, |_| 1, |_| 2, |_| 3, |_| 4, |y: u32| (4 - y % 5) as u8] {
        for (color, bits) in [(0, 1u8), (0, 8), (0, 16), (2, 8), (2, 16), (4, 8), (6, 16)] {
            for interlaced in [false, true] {
                let sample = |x, y, channel| value(x, y, channel, bits);
                let mut png = Png {
                    size: Size::new(33, 17),
                    color,
                    bits,
                    interlaced,
                    sample: &sample,
                    filter: |_| 0,
                    chunks: Vec::new(),
                };
                let plain = read(&png.bytes());
                png.filter = filter;
                assert!(
                    read(&png.bytes()) == plain,
                    "colour type {color}, {bits} bit, {interlaced}"
                );
            }
        }
    }
}

#[test]
fn one_transparent_colour_becomes_alpha() {
    let size = Size::new(9, 7);
    for (color, channels) in [(0, 1), (2, 3)] {
        for bits in [2u8, 8, 16] {
            if color == 2 && bits < 8 {
                continue;
            }
            let sample = |x: u32, y: u32, channel: u32| (x + y + channel) % 3;
            let transparent: Vec<u8> = (0..channels)
                .flat_map(|channel| (((1 + channel) % 3) as u16).to_be_bytes())
                .collect();
            let png = Png {
                size,
                color,
                bits,
                interlaced: false,
                sample: &sample,
                filter: |_| 0,
                chunks: vec![(b"tRNS", transparent)],
            };
            let (format, pixels) = read(&png.bytes());
            assert!(format.channels.has_alpha());
            let bytes = format.depth.bytes();
            for (index, pixel) in pixels.chunks_exact(format.bytes_per_pixel()).enumerate() {
                let (x, y) = (index as u32 % 9, index as u32 / 9);
                let clear = (x + y) % 3 == 1;
                let expected = if clear { 0 } else { 0xff };
                assert!(
                    pixel[pixel.len() - bytes..].iter().all(|byte| *byte == expected),
                    "colour type {color}, {bits} bit, {x} {y}"
                );
                let scale = if bits == 2 { 85 } else { 1 };
                for channel in 0..channels {
                    assert_eq!(
                        u32::from(pixel[channel as usize * bytes]),
                        (x + y + channel) % 3 * scale
                    );
                }
            }
        }
    }
}
