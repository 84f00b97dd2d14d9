//! A JPEG from its header to rows of pixels.

use std::sync::Arc;

use super::bits::MAX_BLOCK_BYTES;
use super::color::{self, YCbCrRow};
use super::idct::BlockRow;
use super::layout::Layout;
use super::markers::{Head, ScanHeader, Scans};
use super::scan::{Coefficients, Scan};
use super::tables::Quantization;
use super::upsample::{Across, Both, Down, Upsampling, repeat};
use crate::Size;
use crate::file::FileError;
use crate::header::ReadAt;
use crate::header::jpeg::frame::unsupported;
use crate::header::jpeg::{Colors, Frame};
use crate::simd;

/// Decodes an image from top to bottom. All scans are read side by side, each from its own place in the file, so that
/// whatever their order and number, the coefficients of one row of MCUs are all that is held.
pub(in crate::file) struct Picture<S> {
    source: S,
    frame: Frame,
    colors: Colors,
    headers: Vec<ScanHeader>,
    scans: Vec<Scan>,
    planes: Vec<Plane>,
    coefficients: Vec<Coefficients>,
    /// The next row of MCUs.
    next_mcus: u32,
    /// The next row of pixels, and the first that cannot be given yet.
    next_row: u32,
    ready: u32,
    /// Whether the end marker is missing.
    unended: bool,
}

/// The samples of one component.
struct Plane {
    layout: Layout,
    h: u32,
    v: u32,
    quantization: Arc<Quantization>,
    /// The rows of two rows of MCUs, each in the place of the last but one.
    samples: Vec<u8>,
    stride: usize,
    /// One row in the picture's width, and room to make it.
    wide: Vec<u8>,
    sums: Vec<u16>,
}

/// Bytes of file that are held for all scans.
const BUFFERS: usize = 1 << 20;
/// Times that a block may be visited by scans on the average, and visits that are allowed at any size: a byte can make a scan
/// pass over thousands of blocks.
const MAX_VISITS: u64 = 100;
const FREE_VISITS: u64 = 50_000_000;

impl<S: ReadAt> Picture<S> {
    /// Prepares to decode what `head` is the start of. `colors` says what the components are.
    pub(super) fn new(mut source: S, head: Head, colors: Colors) -> Result<Self, FileError> {
        let (frame, scans) = head.scans(&mut source)?;
        if frame.lossless {
            return Err(unsupported("lossless, inside of another file"));
        }
        let quantization = check(&frame, &scans)?;
        let pixels_across = (frame.mcus().0 * 8 * frame.most.0) as usize;
        let planes = frame.components.iter().zip(quantization);
        let planes: Vec<Plane> = planes
            .map(|(component, quantization)| {
                let layout = frame.layout(component);
                let stride = 8 * layout.padded_across as usize;
                Plane {
                    layout,
                    h: component.h,
                    v: component.v,
                    quantization,
                    samples: vec![0; stride * 16 * component.v as usize],
                    stride,
                    wide: vec![0; pixels_across],
                    sums: vec![0; layout.width as usize],
                }
            })
            .collect();
        let coefficients = planes
            .iter()
            .map(|plane| vec![[0; 64]; (plane.layout.padded_across * plane.v) as usize])
            .collect();
        Ok(Self {
            scans: begin(&frame, &scans.headers)?,
            source,
            frame,
            colors,
            headers: scans.headers,
            planes,
            coefficients,
            next_mcus: 0,
            next_row: 0,
            ready: 0,
            unended: !scans.ended,
        })
    }

    /// Width and height.
    pub(in crate::file) fn size(&self) -> Size {
        self.frame.size
    }

    /// Bytes of a pixel.
    pub(in crate::file) fn channels(&self) -> usize {
        self.colors.channels(self.frame.components.len())
    }

    /// Whether it has no end marker, where that was looked for.
    pub(super) fn is_unended(&self) -> bool {
        self.unended
    }

    /// Where the bytes come from.
    pub(super) fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// Bytes of memory that are held while it is decoded.
    pub(super) fn held_bytes(&self) -> u64 {
        let plane = |plane: &Plane| plane.samples.len() + plane.wide.len() + 2 * plane.sums.len();
        let planes: usize = self.planes.iter().map(plane).sum();
        let blocks: usize = self
            .coefficients
            .iter()
            .map(|blocks| size_of_val(&blocks[..]))
            .sum();
        (planes + blocks + self.scans.len() * capacity(self.scans.len())) as u64
    }

    /// Begins anew with the first row.
    pub(super) fn rewind(&mut self) -> Result<(), FileError> {
        self.scans = begin(&self.frame, &self.headers)?;
        (self.next_mcus, self.next_row, self.ready) = (0, 0, 0);
        Ok(())
    }

    /// Fills `rows` with the next rows.
    pub(in crate::file) fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), FileError> {
        let stride = self.frame.size.width as usize * self.channels();
        for row in rows.chunks_exact_mut(stride) {
            if self.next_row == self.frame.size.height {
                return Err(FileError::damaged("rows are missing at the end"));
            }
            while self.next_row == self.ready {
                self.decode_mcus()?;
            }
            self.give_row(self.next_row, row);
            self.next_row += 1;
        }
        Ok(())
    }

    fn decode_mcus(&mut self) -> Result<(), FileError> {
        let row = self.next_mcus;
        for blocks in &mut self.coefficients {
            blocks.fill([0; 64]);
        }
        for scan in &mut self.scans {
            scan.read_row(row, &mut self.coefficients, &mut self.source)?;
        }
        for (plane, blocks) in self.planes.iter_mut().zip(&self.coefficients) {
            plane.transform(row, blocks);
        }
        self.next_mcus += 1;
        let height = self.frame.size.height;
        self.ready = if self.next_mcus == self.frame.mcus().1 {
            height
        } else {
            let look_down = |plane: &Plane| plane.layout.upsampling.looks_down();
            let rows = self.next_mcus * 8 * self.frame.most.1;
            rows - u32::from(self.planes.iter().any(look_down))
        };
        Ok(())
    }

    fn give_row(&mut self, y: u32, out: &mut [u8]) {
        let width = self.frame.size.width as usize;
        let most = self.frame.most;
        for plane in &mut self.planes {
            plane.widen(y, most);
        }
        let rows: Vec<&[u8]> = self
            .planes
            .iter()
            .map(|plane| &plane.row(y, most)[..width])
            .collect();
        match (self.colors, &rows[..]) {
            (Colors::YCbCr, [y, cb, cr]) => simd::run(YCbCrRow {
                rows: [y, cb, cr],
                out,
            }),
            (Colors::Cmyk, [c, m, y, k]) => color::inks([c, m, y, k], out),
            (Colors::Ycck, [y, cb, cr, k]) => color::coded_inks([y, cb, cr, k], out),
            (Colors::YcckLight, [y, cb, cr, k]) => color::light_of_coded_inks([y, cb, cr, k], out),
            (_, [row]) => out.copy_from_slice(row),
            (_, rows) => color::interleave(rows, out),
        }
    }
}

impl Plane {
    /// Puts the samples of a row of MCUs into their place.
    fn transform(&mut self, row: u32, blocks: &Coefficients) {
        let half = self.samples.len() / 2;
        let samples = &mut self.samples[half * (row as usize % 2)..][..half];
        for (samples, blocks) in samples
            .chunks_exact_mut(8 * self.stride)
            .zip(blocks.chunks_exact(self.layout.padded_across as usize))
        {
            simd::run(BlockRow {
                blocks,
                quantization: &self.quantization,
                samples,
                stride: self.stride,
            });
        }
    }

    /// The samples of a row of the component.
    fn samples(&self, row: u32) -> &[u8] {
        let row = (row % (16 * self.v)) as usize;
        &self.samples[row * self.stride..][..self.layout.width as usize]
    }

    /// Makes the component's row for row `y` of the picture.
    fn widen(&mut self, y: u32, most: (u32, u32)) {
        let near = y * self.v / most.1;
        let far = if y.is_multiple_of(2) {
            near.saturating_sub(1)
        } else {
            (near + 1).min(self.layout.height - 1)
        };
        let mut out = std::mem::take(&mut self.wide);
        let mut sums = std::mem::take(&mut self.sums);
        let samples = self.samples(near);
        match self.layout.upsampling {
            Upsampling::None => {}
            Upsampling::Across => simd::run(Across {
                near: samples,
                out: &mut out,
            }),
            Upsampling::Down => simd::run(Down {
                near: samples,
                far: self.samples(far),
                bias: if y.is_multiple_of(2) { 1 } else { 2 },
                out: &mut out,
            }),
            Upsampling::Both => simd::run(Both {
                near: samples,
                far: self.samples(far),
                sums: &mut sums,
                out: &mut out,
            }),
            Upsampling::Repeated => repeat(samples, self.h, most.0, &mut out),
        }
        self.wide = out;
        self.sums = sums;
    }

    /// What [`Plane::widen`] made.
    fn row(&self, y: u32, most: (u32, u32)) -> &[u8] {
        match self.layout.upsampling {
            Upsampling::None => self.samples(y * self.v / most.1),
            _ => &self.wide,
        }
    }
}

/// Bytes of file that are held for each of `scans` scans.
fn capacity(scans: usize) -> usize {
    (BUFFERS / scans).clamp(4 * MAX_BLOCK_BYTES, 1 << 16)
}

fn begin(frame: &Frame, headers: &[ScanHeader]) -> Result<Vec<Scan>, FileError> {
    let begin = |header| Scan::new(header, frame, capacity(headers.len()));
    headers.iter().map(begin).collect()
}

/// Looks whether the scans give all that is needed and ask for no more work than they may; gives the quantization table of each
/// component, which is the one that stood when its first scan began.
fn check(frame: &Frame, scans: &Scans) -> Result<Vec<Arc<Quantization>>, FileError> {
    let visits: u64 = scans
        .headers
        .iter()
        .flat_map(|scan| &scan.parts)
        .map(|part| frame.blocks_of(&frame.components[part.component]))
        .sum();
    if visits > frame.blocks() * MAX_VISITS + FREE_VISITS {
        return Err(FileError::too_large(format!(
            "its {} scans ask for more work than such an image is worth",
            scans.headers.len()
        )));
    }
    let of = |index: usize| {
        scans
            .headers
            .iter()
            .filter(move |scan| scan.parts.iter().any(|part| part.component == index))
    };
    let mut tables = Vec::new();
    for (index, component) in frame.components.iter().enumerate() {
        let first = of(index)
            .next()
            .ok_or_else(|| FileError::damaged("it ends before all of its colours; send the whole file"))?;
        if !frame.progressive && of(index).count() > 1 {
            return Err(FileError::damaged("it stores a component twice"));
        }
        if frame.progressive && !is_whole(of(index), scans.ended) {
            return Err(FileError::damaged("it ends in the middle; send the whole file"));
        }
        let table = first.quantization[component.quantization].clone();
        tables.push(table.ok_or_else(|| FileError::damaged("a quantization table is missing"))?);
    }
    Ok(tables)
}

/// Whether the progressive scans of a component give all bits of all coefficients; with an end marker behind them, at least
/// some bits of the first.
fn is_whole<'a>(scans: impl Iterator<Item = &'a ScanHeader>, ended: bool) -> bool {
    let mut missing = [u8::MAX; 64];
    for scan in scans {
        let (first, last) = scan.band;
        if let Some(band) = missing.get_mut(first.into()..=last.into()) {
            band.fill(scan.after);
        }
    }
    missing[0] != u8::MAX && (ended || missing == [0; 64])
}
