//! Quarter and half turns.

use super::reverse::reverse;
use crate::operation::{Group, Operation, OperationInfo, Values};
use crate::patch::{Patch, Rows};
use crate::sample::{Bits, Sample};
use crate::simd;
use crate::{Affine, Region, Size};

/// A quarter turn clockwise: the output pixel (x, y) is the input pixel (y, height - 1 - x).
pub(crate) struct Rotate90;

impl Operation for Rotate90 {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "rotate_90",
        title: "Rotate 90°",
        group: Group::Shape,
        summary: "Turns the picture a quarter to the right.",
        method: "Pixels are moved, never changed.",
        aliases: &["rotate"],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn output_size(&self, input: Size) -> Result<Size, String> {
        Ok(input.transposed())
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        Region::new(
            output.y,
            image.height - output.x - output.width,
            output.height,
            output.width,
        )
    }

    fn moves_pixels(&self) -> bool {
        true
    }

    fn pixel_map(&self, input: Size) -> Option<Affine> {
        Some(Affine {
            x: [0.0, 1.0, 0.0],
            y: [-1.0, 0.0, input.height.into()],
        })
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        self.moved(input, output)
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        Some(self.moved(input, output))
    }
}

impl Rotate90 {
    fn moved<B: Bits>(&self, input: Patch<'_, B>, output: Region) -> Patch<'static, B> {
        let last = input.image.height - 1;
        transpose(&input, output, |x| last - x, |y| y)
    }
}

/// A half turn: the output pixel (x, y) is the input pixel (width - 1 - x, height - 1 - y).
pub(crate) struct Rotate180;

impl Operation for Rotate180 {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "rotate_180",
        title: "Rotate 180°",
        group: Group::Shape,
        summary: "Turns the picture upside down.",
        method: "Pixels are moved, never changed.",
        aliases: &[],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        Region {
            x: image.width - output.x - output.width,
            y: image.height - output.y - output.height,
            ..output
        }
    }

    fn moves_pixels(&self) -> bool {
        true
    }

    fn pixel_map(&self, input: Size) -> Option<Affine> {
        Some(Affine {
            x: [-1.0, 0.0, input.width.into()],
            y: [0.0, -1.0, input.height.into()],
        })
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        self.moved(input, output)
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        Some(self.moved(input, output))
    }
}

impl Rotate180 {
    fn moved<B: Bits>(&self, input: Patch<'_, B>, output: Region) -> Patch<'static, B> {
        let region = self.input_region(input.image, output);
        let channels = input.channels.count();
        let last = input.image.height - 1;
        let samples = Rows::written(output, input.channels, |y, out| {
            reverse(input.row(last - y, region.x, region.width), channels, out);
        });
        Patch::owned(input.image, output, input.channels, samples)
    }
}

/// A quarter turn counterclockwise: the output pixel (x, y) is the input pixel (width - 1 - y, x).
pub(crate) struct Rotate270;

impl Operation for Rotate270 {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "rotate_270",
        title: "Rotate 270°",
        group: Group::Shape,
        summary: "Turns the picture a quarter to the left.",
        method: "Pixels are moved, never changed.",
        aliases: &[],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn output_size(&self, input: Size) -> Result<Size, String> {
        Ok(input.transposed())
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        Region::new(
            image.width - output.y - output.height,
            output.x,
            output.height,
            output.width,
        )
    }

    fn moves_pixels(&self) -> bool {
        true
    }

    fn pixel_map(&self, input: Size) -> Option<Affine> {
        Some(Affine {
            x: [0.0, -1.0, input.width.into()],
            y: [1.0, 0.0, 0.0],
        })
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        self.moved(input, output)
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        Some(self.moved(input, output))
    }
}

impl Rotate270 {
    fn moved<B: Bits>(&self, input: Patch<'_, B>, output: Region) -> Patch<'static, B> {
        let last = input.image.width - 1;
        transpose(&input, output, |x| x, |y| last - y)
    }
}

/// The output pixel (x, y) is the input pixel (`column(y)`, `row(x)`); both change by one from pixel to pixel.
fn transpose<S: Bits>(
    input: &Patch<'_, S>,
    output: Region,
    row: impl Fn(u32) -> u32,
    column: impl Fn(u32) -> u32,
) -> Patch<'static, S> {
    let samples = match input.channels.count() {
        1 => transpose_pixels::<S, 1>(input, output, row, column),
        2 => transpose_pixels::<S, 2>(input, output, row, column),
        3 => transpose_pixels::<S, 3>(input, output, row, column),
        4 => transpose_pixels::<S, 4>(input, output, row, column),
        _ => transpose_bands(input, output, row, column),
    };
    Patch::owned(input.image.transposed(), output, input.channels, samples)
}

/// Pixels of any number of samples, which are long enough to be moved one by one.
fn transpose_bands<S: Bits>(
    input: &Patch<'_, S>,
    output: Region,
    row: impl Fn(u32) -> u32,
    column: impl Fn(u32) -> u32,
) -> Vec<S> {
    let mut samples = Vec::with_capacity(output.size().pixels() as usize * input.channels.count());
    for y in output.y..output.y + output.height {
        for x in output.x..output.x + output.width {
            samples.extend_from_slice(input.row(row(x), column(y), 1));
        }
    }
    samples
}

/// Side of the blocks in which pixels are moved. A block is copied into a buffer of its own first: rows of an image whose
/// width is a power of two push each other out of the first-level cache, rows of the buffer don't. So memory is only read
/// and written in whole lines.
const BLOCK: usize = 64;

fn transpose_pixels<S: Bits, const N: usize>(
    input: &Patch<'_, S>,
    output: Region,
    row: impl Fn(u32) -> u32,
    column: impl Fn(u32) -> u32,
) -> Vec<S> {
    let mut samples = vec![S::default(); output.size().pixels() as usize * N];
    let (width, height) = (output.width as usize, output.height as usize);
    let mut block = vec![[[S::default(); N]; BLOCK]; BLOCK.min(width)];
    // Along the rows of the input, which the processor then fetches ahead.
    for left in (0..width).step_by(BLOCK) {
        let columns = BLOCK.min(width - left);
        for top in (0..height).step_by(BLOCK) {
            let rows = BLOCK.min(height - top);
            // The columns of the input that these output rows come from.
            let first = column(output.y + top as u32);
            let last = column(output.y + (top + rows - 1) as u32);
            for (x, line) in block.iter_mut().take(columns).enumerate() {
                let source = input.row(row(output.x + (left + x) as u32), first.min(last), rows as u32);
                line[..rows].as_flattened_mut().copy_from_slice(source);
            }
            let out = &mut samples[(top * width + left) * N..];
            let (reversed, stride) = (last < first, width * N);
            let done = if N == 3 && size_of::<S>() == 1 {
                let lines = block[..columns].iter();
                let lines: Vec<&[u8]> = lines
                    .map(|line| bytemuck::cast_slice(line[..rows].as_flattened()))
                    .collect();
                simd::transpose_rgb(&lines, reversed, bytemuck::cast_slice_mut(out), stride)
            } else {
                [0, 0]
            };
            if done != [columns, rows] {
                transpose_block::<S, N>(&block[..columns], rows, reversed, out, stride, done);
            }
        }
    }
    samples
}

/// Writes `source`, the columns of a block, as `rows` rows to `out`, each `stride` samples after the one before. `reversed`
/// columns go from bottom to top. `done` columns and rows are there already.
fn transpose_block<S: Copy, const N: usize>(
    source: &[[[S; N]; BLOCK]],
    rows: usize,
    reversed: bool,
    out: &mut [S],
    stride: usize,
    [done_columns, done_rows]: [usize; 2],
) {
    for (y, line) in out.chunks_mut(stride).take(rows).enumerate() {
        // The rest tells the compiler that it is inside.
        let at = if reversed { rows - 1 - y } else { y } % BLOCK;
        let done = if y < done_rows { done_columns } else { 0 };
        let (line, _) = line.as_chunks_mut::<N>();
        for (pixel, column) in line.iter_mut().zip(source).skip(done) {
            *pixel = column[at];
        }
    }
}
