//! The nearest pixel.

use super::places::{BLOCK, Places};
use crate::operations::projective::Projective;
use crate::patch::Patch;
use crate::sample::Bits;
use crate::simd::{self, Kernel};
use crate::{Region, Size};

/// The nearest pixels; those of places outside of the image have no data, or are zero.
pub fn nearest<B: Bits>(
    map: Projective,
    input: &Patch<'_, B>,
    output: Region,
    size: Size,
) -> Patch<'static, B> {
    let outside = B::wrap(input.meaning.bits(f64::NAN));
    let channels = input.channels.count();
    let mut samples = vec![outside; output.size().pixels() as usize * channels];
    // Indices are of 32 bits there.
    let fits = input.region.size().pixels() <= u64::from(u32::MAX);
    match channels {
        1 if fits => pick::<B, 1>(map, input, output, &mut samples),
        2 if fits => pick::<B, 2>(map, input, output, &mut samples),
        3 if fits => pick::<B, 3>(map, input, output, &mut samples),
        4 if fits => pick::<B, 4>(map, input, output, &mut samples),
        count => {
            let rows = samples.chunks_exact_mut(output.width as usize * count);
            for (row, line) in (output.y..).zip(rows) {
                for (column, to) in (output.x..).zip(line.chunks_exact_mut(count)) {
                    if let Some((x, y)) = map.inside(input.image, column, row) {
                        to.copy_from_slice(input.row(y as u32, x as u32, 1));
                    }
                }
            }
        }
    }
    Patch::owned(size, output, input.channels, samples)
}

fn pick<B: Bits, const N: usize>(map: Projective, input: &Patch<'_, B>, output: Region, samples: &mut [B]) {
    simd::run(Pick::<B, N> {
        map,
        input,
        output,
        samples,
    });
}

/// The nearest pixels, of `N` samples; what is outside stays as it is.
struct Pick<'a, B: Bits, const N: usize> {
    map: Projective,
    input: &'a Patch<'a, B>,
    output: Region,
    samples: &'a mut [B],
}

impl<B: Bits, const N: usize> Kernel for Pick<'_, B, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (image, region) = (self.input.image, self.input.region);
        let (pixels, _) = self.input.samples.as_chunks::<N>();
        let mut places = Places::NONE;
        let mut found = [0_u32; BLOCK];
        let rows = self.samples.chunks_exact_mut(self.output.width as usize * N);
        for (row, line) in (self.output.y..).zip(rows) {
            let blocks = line.as_chunks_mut::<N>().0.chunks_mut(BLOCK);
            for (column, block) in (self.output.x..).step_by(BLOCK).zip(blocks) {
                places.compute(self.map, image, column, row);
                for (found, (x, y)) in found.iter_mut().zip(places.x.iter().zip(&places.y)) {
                    let (x, y) = (*x as i32, *y as i32);
                    let (x, y) = (
                        (x as u32).wrapping_sub(region.x),
                        (y as u32).wrapping_sub(region.y),
                    );
                    *found = y.wrapping_mul(region.width).wrapping_add(x);
                }
                for ((to, &at), &is_inside) in block.iter_mut().zip(&found).zip(&places.is_inside) {
                    if is_inside {
                        *to = pixels[at as usize];
                    }
                }
            }
        }
    }
}
