//! Lossless JPEG with Huffman codes (ITU-T T.81, annex H), as medical devices and cameras write it: each sample is told by its difference
//! from a prediction out of its neighbours.
//!
//! Rows come from top to bottom, and one row of each component is all that is held. Components have the same size: that is what there
//! is. One is gray, three are RGB; of 9 to 15 bits the numbers are kept as they are in 16 bit.

use std::sync::Arc;

use super::bits::Bits;
use super::huffman::{Huffman, extended};
use super::markers::{Head, ScanHeader, ScanPart};
use crate::Size;
use crate::file::FileError;
use crate::header::ReadAt;
use crate::header::jpeg::Frame;

/// Bytes of file that are held for each scan.
const BUFFER: usize = 1 << 16;

/// Decodes an image from top to bottom.
pub(super) struct Lossless<S> {
    source: S,
    frame: Frame,
    headers: Vec<ScanHeader>,
    scans: Vec<Scan>,
    /// The last row of each component; a sample of it stands until the one below it is known.
    rows: Vec<Vec<u16>>,
    /// The next row.
    next: u32,
    /// Whether the end marker is missing, where it was looked for.
    unended: bool,
}

/// Components that are stored together.
struct Scan {
    bits: Bits,
    parts: Vec<Part>,
    /// How a sample is predicted, 1 to 7.
    predictor: u8,
    /// Bits that are left out below.
    shift: u32,
    /// Rows between restart markers, and the number of the next one.
    restart: u32,
    number: u8,
}

struct Part {
    component: usize,
    codes: Arc<Huffman>,
    /// The sample above and to the left of the next one.
    corner: i32,
}

impl<S: ReadAt> Lossless<S> {
    /// Prepares to decode what `head` is the start of.
    pub(super) fn new(mut source: S, head: Head) -> Result<Self, FileError> {
        let (frame, scans) = head.scans(&mut source)?;
        let count = frame.components.len();
        let mut seen = vec![0; count];
        for part in scans.headers.iter().flat_map(|scan| &scan.parts) {
            seen[part.component] += 1;
        }
        if seen.contains(&0) {
            return Err(FileError::damaged(
                "it ends before all of its colours; send the whole file",
            ));
        }
        if seen.iter().any(|count| *count > 1) {
            return Err(FileError::damaged("it stores a component twice"));
        }
        Ok(Self {
            source,
            scans: begin(&frame, &scans.headers)?,
            headers: scans.headers,
            rows: vec![vec![0; frame.size.width as usize]; count],
            frame,
            next: 0,
            unended: !scans.ended,
        })
    }

    pub(super) fn size(&self) -> Size {
        self.frame.size
    }

    /// Bytes of a pixel.
    pub(super) fn pixel_bytes(&self) -> usize {
        self.rows.len() * if self.frame.precision > 8 { 2 } else { 1 }
    }

    pub(super) fn is_unended(&self) -> bool {
        self.unended
    }

    /// Where the bytes come from.
    pub(super) fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// Bytes of memory that are held while it is decoded.
    pub(super) fn held_bytes(&self) -> u64 {
        let rows: usize = self.rows.iter().map(|row| 2 * row.len()).sum();
        (rows + self.scans.len() * BUFFER) as u64
    }

    /// Fills `rows` with the next rows.
    pub(super) fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), FileError> {
        let stride = self.frame.size.width as usize * self.pixel_bytes();
        for out in rows.chunks_exact_mut(stride) {
            if self.next == self.frame.size.height {
                return Err(FileError::damaged("rows are missing at the end"));
            }
            for scan in &mut self.scans {
                scan.read_row(self.next, self.frame.precision, &mut self.rows, &mut self.source)?;
            }
            self.next += 1;
            self.give_row(out);
        }
        Ok(())
    }

    fn give_row(&self, out: &mut [u8]) {
        let (precision, count) = (self.frame.precision, self.rows.len());
        for scan in &self.scans {
            for part in &scan.parts {
                let samples = self.rows[part.component].iter();
                let samples = samples.map(|sample| sample << scan.shift);
                if precision > 8 {
                    let places = out.chunks_exact_mut(2).skip(part.component).step_by(count);
                    places
                        .zip(samples)
                        .for_each(|(to, sample)| to.copy_from_slice(&sample.to_le_bytes()));
                } else {
                    // Fewer than 8 bits go from the least to the most.
                    let most = (1u16 << precision) - 1;
                    let places = out.iter_mut().skip(part.component).step_by(count);
                    places
                        .zip(samples)
                        .for_each(|(to, sample)| *to = ((sample * 255 + most / 2) / most) as u8);
                }
            }
        }
    }

    /// Begins anew with the first row.
    pub(super) fn rewind(&mut self) -> Result<(), FileError> {
        self.scans = begin(&self.frame, &self.headers)?;
        self.next = 0;
        Ok(())
    }
}

fn begin(frame: &Frame, headers: &[ScanHeader]) -> Result<Vec<Scan>, FileError> {
    headers.iter().map(|header| Scan::new(header, frame)).collect()
}

impl Scan {
    fn new(header: &ScanHeader, frame: &Frame) -> Result<Self, FileError> {
        let (predictor, shift) = (header.band.0, u32::from(header.after));
        if !(1..=7).contains(&predictor) || shift >= frame.precision {
            return Err(FileError::damaged("the header of a scan is broken"));
        }
        // A restart interval is whole rows, and an MCU a sample of each component.
        let width = frame.size.width;
        if !header.restart.is_multiple_of(width.max(1)) {
            return Err(FileError::damaged("its restart markers are inside of rows"));
        }
        let part = |part: &ScanPart| {
            let codes = part.dc.clone();
            let codes = codes.ok_or_else(|| FileError::damaged("a Huffman table is missing"))?;
            Ok(Part {
                component: part.component,
                codes,
                corner: 0,
            })
        };
        Ok(Self {
            bits: Bits::new(header.data, BUFFER),
            parts: header.parts.iter().map(part).collect::<Result<_, FileError>>()?,
            predictor,
            shift,
            restart: header.restart / width.max(1),
            number: 0,
        })
    }

    /// Decodes row `y` over the one above it.
    fn read_row(
        &mut self,
        y: u32,
        precision: u32,
        rows: &mut [Vec<u16>],
        source: &mut impl ReadAt,
    ) -> Result<(), FileError> {
        let mut is_first = y == 0;
        if y > 0 && self.restart > 0 && y.is_multiple_of(self.restart) {
            self.bits.restart(self.number, source)?;
            self.number = (self.number + 1) & 7;
            is_first = true;
        }
        let width = rows.first().map_or(0, Vec::len);
        let most = (1u32 << (precision - self.shift)) - 1;
        for x in 0..width {
            self.bits
                .prepare(source)
                .map_err(|error| FileError::reading(&error))?;
            for part in &mut self.parts {
                let row = &mut rows[part.component];
                let above = i32::from(row[x]);
                let left = if x > 0 { i32::from(row[x - 1]) } else { 0 };
                let prediction = match (is_first, x) {
                    (true, 0) => 1 << (precision - self.shift - 1),
                    (true, _) => left,
                    (false, 0) => above,
                    _ => predicted(self.predictor, left, above, part.corner),
                };
                part.corner = above;
                let sample = prediction.wrapping_add(difference(&mut self.bits, &part.codes)?) as u16;
                if u32::from(sample) > most {
                    return Err(self.bits.broken());
                }
                row[x] = sample;
            }
            self.bits.check()?;
        }
        Ok(())
    }
}

/// Table H.1.
fn predicted(predictor: u8, left: i32, above: i32, corner: i32) -> i32 {
    match predictor {
        1 => left,
        2 => above,
        3 => corner,
        4 => left + above - corner,
        5 => left + ((above - corner) >> 1),
        6 => above + ((left - corner) >> 1),
        _ => (left + above) >> 1,
    }
}

/// The difference that comes next, modulo 65536.
fn difference(bits: &mut Bits, codes: &Huffman) -> Result<i32, FileError> {
    bits.refill();
    match u32::from(codes.symbol(bits)?) {
        // No bits follow the largest.
        16 => Ok(32768),
        size @ 0..16 => Ok(extended(bits.take(size), size)),
        _ => Err(bits.broken()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::jpeg::tables::Tables;

    const WIDTH: usize = 9;
    const HEIGHT: usize = 7;

    /// A picture of these components, all codes of which have five bits.
    fn file(samples: &[Vec<u16>], precision: u32, predictor: u8, shift: u32, restart: usize) -> Vec<u8> {
        let count = samples.len() as u8;
        let mut file = b"\xff\xd8\xff\xc3\0".to_vec();
        file.extend([
            8 + 3 * count,
            precision as u8,
            0,
            HEIGHT as u8,
            0,
            WIDTH as u8,
            count,
        ]);
        (0..count).for_each(|id| file.extend([id, 0x11, 0]));
        file.extend(b"\xff\xc4\0\x24\0\0\0\0\0\x11\0\0\0\0\0\0\0\0\0\0\0");
        file.extend(0..=16);
        file.extend([0xff, 0xdd, 0, 4, 0, (restart * WIDTH) as u8]);
        file.extend([0xff, 0xda, 0, 6 + 2 * count, count]);
        (0..count).for_each(|id| file.extend([id, 0]));
        file.extend([predictor, 0, shift as u8]);
        let (mut bits, mut markers) = (String::new(), 0);
        let flush = |bits: &mut String, file: &mut Vec<u8>| {
            while !bits.len().is_multiple_of(8) {
                bits.push('1');
            }
            for at in (0..bits.len()).step_by(8) {
                let byte = u8::from_str_radix(&bits[at..at + 8], 2).unwrap();
                file.push(byte);
                file.extend((byte == 0xff).then_some(0));
            }
            bits.clear();
        };
        for y in 0..HEIGHT {
            let is_first = y == 0 || (restart > 0 && y % restart == 0);
            if y > 0 && is_first {
                flush(&mut bits, &mut file);
                file.extend([0xff, 0xd0 + markers % 8]);
                markers += 1;
            }
            for x in 0..WIDTH {
                for component in samples {
                    let at = |x: usize, y: usize| i32::from(component[y * WIDTH + x] >> shift);
                    let prediction = match (is_first, x) {
                        (true, 0) => 1 << (precision - shift - 1),
                        (true, _) => at(x - 1, y),
                        (false, 0) => at(x, y - 1),
                        _ => {
                            let (a, b, c) = (at(x - 1, y), at(x, y - 1), at(x - 1, y - 1));
                            [
                                a,
                                b,
                                c,
                                a + b - c,
                                a + ((b - c) >> 1),
                                b + ((a - c) >> 1),
                                (a + b) >> 1,
                            ][usize::from(predictor) - 1]
                        }
                    };
                    let difference = i32::from((at(x, y) - prediction) as i16);
                    let size = 32 - difference.unsigned_abs().leading_zeros();
                    bits += &format!("{size:05b}");
                    let raw = if difference < 0 {
                        difference - 1
                    } else {
                        difference
                    };
                    if size < 16 && size > 0 {
                        bits += &format!("{:0width$b}", raw & ((1 << size) - 1), width = size as usize);
                    }
                }
            }
        }
        flush(&mut bits, &mut file);
        file.extend([0xff, 0xd9]);
        file
    }

    #[test]
    fn every_predictor_width_shift_and_restart_gives_the_samples() {
        let mut state = 3u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for case in 0..7 * 15 * 3 {
            let (predictor, precision) = ((1 + case % 7) as u8, 2 + case / 7 % 15);
            let (count, restart, shift) = (
                1 + 2 * (case as usize % 2),
                case as usize % 4,
                case / 105 % precision,
            );
            let samples: Vec<Vec<u16>> = (0..count)
                .map(|_| {
                    let samples =
                        (0..WIDTH * HEIGHT).map(|_| (random() % (1 << (precision - shift))) << shift);
                    samples.map(|sample| sample as u16).collect()
                })
                .collect();
            let file = file(&samples, precision, predictor, shift, restart);
            let head = Head::read(&mut &file[..], Tables::default(), 1000).unwrap();
            let mut picture = Lossless::new(&file[..], head).unwrap();
            let mut rows = vec![0; WIDTH * HEIGHT * picture.pixel_bytes()];
            picture.read_rows(&mut rows).unwrap();
            let most = (1u32 << precision) - 1;
            let expected: Vec<u8> = (0..WIDTH * HEIGHT)
                .flat_map(|at| samples.iter().map(move |component| component[at]))
                .flat_map(|sample| match precision {
                    ..=8 => vec![((u32::from(sample) * 255 + most / 2) / most) as u8],
                    _ => sample.to_le_bytes().to_vec(),
                })
                .collect();
            assert_eq!(
                rows, expected,
                "predictor {predictor}, {precision} bits, shift {shift}, restart {restart}"
            );
        }
    }
}
