//! TIFF files as other programs write them, made by hand.

/// What a file is to be like. The samples are given row by row in the order of the machine that the file says.
pub struct Tiff {
    pub width: u32,
    pub height: u32,
    /// Samples a pixel and bits a sample, 8 or 16.
    pub samples: u16,
    pub bits: u16,
    pub photometric: u16,
    /// 1 none, 5 LZW, 8 deflate, 32773 PackBits.
    pub compression: u16,
    pub predictor: bool,
    pub big_endian: bool,
    pub big: bool,
    /// Rows of a strip; without it, tiles of 16 by 16.
    pub rows_per_strip: Option<u32>,
    pub extra: Vec<u16>,
    pub icc: Vec<u8>,
    pub orientation: u16,
    /// What samples are: 1 whole numbers, 2 signed ones, 3 floating point.
    pub format: u16,
}

impl Default for Tiff {
    fn default() -> Self {
        Self {
            width: 37,
            height: 29,
            samples: 3,
            bits: 8,
            photometric: 2,
            compression: 8,
            predictor: false,
            big_endian: false,
            big: false,
            rows_per_strip: Some(5),
            extra: Vec::new(),
            icc: Vec::new(),
            orientation: 1,
            format: 1,
        }
    }
}

impl Tiff {
    fn number(&self, value: u64, bytes: usize) -> Vec<u8> {
        match self.big_endian {
            true => value.to_be_bytes()[8 - bytes..].to_vec(),
            false => value.to_le_bytes()[..bytes].to_vec(),
        }
    }

    fn sample(&self, row: &[u8], index: usize) -> u64 {
        match (self.bits, self.big_endian) {
            (8, _) => row[index].into(),
            (_, true) => u16::from_be_bytes([row[2 * index], row[2 * index + 1]]).into(),
            (_, false) => u16::from_le_bytes([row[2 * index], row[2 * index + 1]]).into(),
        }
    }

    /// The file of these samples, little endian as in a raster.
    pub fn file(&self, pixels: &[u8]) -> Vec<u8> {
        let size = usize::from(self.bits / 8);
        let mut pixels = pixels.to_vec();
        if self.big_endian && size == 2 {
            pixels.chunks_exact_mut(2).for_each(|sample| sample.swap(0, 1));
        }
        let pixel = usize::from(self.samples) * size;
        let stride = self.width as usize * pixel;
        let (chunk_width, chunk_height) = match self.rows_per_strip {
            Some(rows) => (self.width, rows),
            None => (16, 16),
        };
        let mut chunks = Vec::new();
        for top in (0..self.height).step_by(chunk_height as usize) {
            for left in (0..self.width).step_by(chunk_width as usize) {
                let mut raw = Vec::new();
                for y in top..top + chunk_height {
                    if y >= self.height && self.rows_per_strip.is_some() {
                        break;
                    }
                    let mut row = Vec::new();
                    if y < self.height {
                        let width = chunk_width.min(self.width - left) as usize;
                        let at = y as usize * stride + left as usize * pixel;
                        row.extend(&pixels[at..at + width * pixel]);
                    }
                    row.resize(chunk_width as usize * pixel, 0);
                    if self.predictor {
                        for index in (usize::from(self.samples)..row.len() / size).rev() {
                            let before = self.sample(&row, index - usize::from(self.samples));
                            let difference = self.sample(&row, index).wrapping_sub(before);
                            let value = self.number(difference, 8);
                            let value = if self.big_endian {
                                &value[8 - size..]
                            } else {
                                &value[..size]
                            };
                            row[index * size..(index + 1) * size].copy_from_slice(value);
                        }
                    }
                    raw.extend(row);
                }
                chunks.push(match self.compression {
                    1 => raw,
                    5 => lzw(&raw),
                    8 => fdeflate::compress_to_vec(&raw),
                    32773 => pack_bits(&raw),
                    other => panic!("compression {other}"),
                });
            }
        }
        self.assemble(&chunks, (chunk_width, chunk_height))
    }

    /// The file of these chunks.
    pub fn assemble(&self, chunks: &[Vec<u8>], chunk: (u32, u32)) -> Vec<u8> {
        let wide = if self.big { 8 } else { 4 };
        let mut file = if self.big_endian {
            b"MM".to_vec()
        } else {
            b"II".to_vec()
        };
        file.extend(self.number(if self.big { 43 } else { 42 }, 2));
        if self.big {
            file.extend(self.number(8, 2));
            file.extend(self.number(0, 2));
        }
        let pointer = file.len();
        file.extend(self.number(0, wide));
        let mut offsets = Vec::new();
        for chunk in chunks {
            offsets.push(file.len() as u64);
            file.extend(chunk);
        }
        let lengths = chunks.iter().map(|chunk| chunk.len() as u64).collect();
        let (short, long, bytes) = (3u64, 4u64, 7u64);
        let mut entries: Vec<(u64, u64, Vec<u64>)> = vec![
            (256, long, vec![self.width.into()]),
            (257, long, vec![self.height.into()]),
            (258, short, vec![self.bits.into(); self.samples.into()]),
            (259, short, vec![self.compression.into()]),
            (262, short, vec![self.photometric.into()]),
            (274, short, vec![self.orientation.into()]),
            (277, short, vec![self.samples.into()]),
        ];
        if self.rows_per_strip.is_some() {
            entries.push((273, long, offsets));
            entries.push((278, long, vec![chunk.1.into()]));
            entries.push((279, long, lengths));
        } else {
            entries.push((322, long, vec![chunk.0.into()]));
            entries.push((323, long, vec![chunk.1.into()]));
            entries.push((324, long, offsets));
            entries.push((325, long, lengths));
        }
        if self.predictor {
            entries.push((317, short, vec![2]));
        }
        if self.format != 1 {
            entries.push((339, short, vec![self.format.into(); self.samples.into()]));
        }
        if !self.extra.is_empty() {
            entries.push((338, short, self.extra.iter().map(|kind| (*kind).into()).collect()));
        }
        if !self.icc.is_empty() {
            entries.push((34675, bytes, self.icc.iter().map(|byte| (*byte).into()).collect()));
        }
        entries.sort_unstable_by_key(|entry| entry.0);
        let mut directory = self.number(entries.len() as u64, if self.big { 8 } else { 2 });
        for (tag, kind, values) in entries {
            directory.extend(self.number(tag, 2));
            directory.extend(self.number(kind, 2));
            directory.extend(self.number(values.len() as u64, wide));
            let width = match kind {
                3 => 2,
                4 => 4,
                _ => 1,
            };
            let mut field: Vec<u8> = values
                .iter()
                .flat_map(|value| self.number(*value, width))
                .collect();
            if field.len() > wide {
                let at = file.len() as u64;
                file.extend(field);
                field = self.number(at, wide);
            }
            field.resize(wide, 0);
            directory.extend(field);
        }
        directory.extend(self.number(0, wide));
        let at = self.number(file.len() as u64, wide);
        file[pointer..pointer + wide].copy_from_slice(&at);
        file.extend(directory);
        file
    }
}

/// LZW of literals only: the table is cleared before a code needs ten bits.
fn lzw(data: &[u8]) -> Vec<u8> {
    let mut codes = Vec::new();
    for part in data.chunks(200) {
        codes.push(256u32);
        codes.extend(part.iter().map(|byte| u32::from(*byte)));
    }
    codes.push(257);
    let (mut out, mut bits, mut filled) = (Vec::new(), 0u32, 0);
    for code in codes {
        bits = bits << 9 | code;
        filled += 9;
        while filled >= 8 {
            filled -= 8;
            out.push((bits >> filled) as u8);
        }
        bits &= (1 << filled) - 1;
    }
    out.push((bits << (8 - filled)) as u8);
    out
}

/// Runs where there are some, else literals.
fn pack_bits(data: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < data.len() {
        let run = data[at..]
            .iter()
            .take(128)
            .take_while(|byte| **byte == data[at])
            .count();
        if run > 1 {
            out.extend([(257 - run) as u8, data[at]]);
            at += run;
        } else {
            let count = 10.min(data.len() - at);
            out.push((count - 1) as u8);
            out.extend(&data[at..at + count]);
            at += count;
        }
    }
    out
}
