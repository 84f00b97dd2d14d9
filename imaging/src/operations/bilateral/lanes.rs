//! The bilateral filter of several neighbouring pixels at once: loops over lanes, which are vectorised. Every pixel gets the same
//! sums in the same order as one by one, so the same result.

use crate::Region;
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::simd::{self, Kernel};

/// A pixel of the disc: row and column in the square around it, weight in space.
pub(super) type Tap = (usize, usize, f64);

/// Pixels that are computed at once.
const LANES: usize = 64;
/// Most samples of a pixel.
const PLANES: usize = 4;
/// Weights of all sums of differences of up to three colours of 8 bit, and of 16 bit.
const OF_8_BIT: usize = 1 << 10;
const OF_16_BIT: usize = 1 << 18;

/// The filter where all samples have data. `near` has a weight for every sum of differences.
pub(super) fn filter<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    radius: u32,
    disc: &[Tap],
    near: &mut Vec<f64>,
) -> Option<Patch<'static, S>> {
    near.resize(if S::MAX < 1 << 8 { OF_8_BIT } else { OF_16_BIT }, 0.0);
    let samples = if let Ok(near) = <&[f64; OF_8_BIT]>::try_from(&near[..]) {
        by_colours(input, output, radius, disc, near)
    } else if let Ok(near) = <&[f64; OF_16_BIT]>::try_from(&near[..]) {
        by_colours(input, output, radius, disc, near)
    } else {
        None
    };
    Some(Patch::owned(input.image, output, input.channels, samples?))
}

fn by_colours<S: Sample, const L: usize>(
    input: &Patch<'_, S>,
    output: Region,
    radius: u32,
    disc: &[Tap],
    near: &[f64; L],
) -> Option<Vec<S>> {
    match (input.channels.count(), input.channels.has_alpha()) {
        (1, false) => Some(rows::<S, L, 1, false>(input, output, radius, disc, near)),
        (2, true) => Some(rows::<S, L, 1, true>(input, output, radius, disc, near)),
        (3, false) => Some(rows::<S, L, 3, false>(input, output, radius, disc, near)),
        (4, true) => Some(rows::<S, L, 3, true>(input, output, radius, disc, near)),
        _ => None,
    }
}

/// A row of pixels, each channel by itself, as long as whole blocks of lanes need. Of 8 bit, too, samples have 16 here: the
/// compiler makes better loops of these.
type Planes = [Vec<u16>; PLANES];

fn rows<S: Sample, const L: usize, const COLOURS: usize, const ALPHA: bool>(
    input: &Patch<'_, S>,
    output: Region,
    radius: u32,
    disc: &[Tap],
    near: &[f64; L],
) -> Vec<S> {
    let side = 2 * radius as usize + 1;
    let left = i64::from(output.x) - i64::from(radius);
    let width = output.width + 2 * radius;
    let length = (output.width as usize).next_multiple_of(LANES) + 2 * radius as usize;
    let mut ring: Vec<Planes> = vec![std::array::from_fn(|_| vec![0; length]); side];
    // The row of the image that is to come, which may lie outside.
    let mut next = i64::from(output.y) - i64::from(radius);
    let mut scratch = Vec::new();
    Rows::written(output, input.channels, |y, out| {
        let last = i64::from(y) + i64::from(radius);
        while next <= last {
            let row = input.reflected_row(next, left, width, &mut scratch);
            let planes = &mut ring[next.rem_euclid(side as i64) as usize];
            for (x, pixel) in row.chunks_exact(input.channels.count()).enumerate() {
                for (plane, &sample) in planes.iter_mut().zip(pixel) {
                    plane[x] = sample.into() as u16;
                }
            }
            next += 1;
        }
        let first = i64::from(y) - i64::from(radius);
        let window: Vec<&Planes> = (first..=last)
            .map(|y| &ring[y.rem_euclid(side as i64) as usize])
            .collect();
        simd::run(Row::<'_, S, L, COLOURS, ALPHA> {
            window: &window,
            radius: radius as usize,
            disc,
            near,
            out,
        });
    })
}

struct Row<'a, S, const L: usize, const COLOURS: usize, const ALPHA: bool> {
    window: &'a [&'a Planes],
    radius: usize,
    disc: &'a [Tap],
    near: &'a [f64; L],
    out: &'a mut [S],
}

impl<S: Sample, const L: usize, const COLOURS: usize, const ALPHA: bool> Kernel
    for Row<'_, S, L, COLOURS, ALPHA>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let channels = COLOURS + usize::from(ALPHA);
        for (block, out) in self.out.chunks_mut(LANES * channels).enumerate() {
            let at = block * LANES;
            let lanes = |row: usize, column: usize, plane: usize| -> &[u16; LANES] {
                let samples = self.window[row][plane][at + column..].first_chunk();
                samples.expect("planes are as long as whole blocks need")
            };
            let centre: [&[u16; LANES]; COLOURS] =
                std::array::from_fn(|colour| lanes(self.radius, self.radius, colour));
            let mut total = [0.0f64; LANES];
            let mut sums = [[0.0f64; LANES]; COLOURS];
            for &(row, column, space) in self.disc {
                let samples: [&[u16; LANES]; COLOURS] =
                    std::array::from_fn(|colour| lanes(row, column, colour));
                let mut distance = [0u32; LANES];
                for colour in 0..COLOURS {
                    for lane in 0..LANES {
                        let (a, b) = (samples[colour][lane], centre[colour][lane]);
                        distance[lane] += u32::from(a.max(b) - a.min(b));
                    }
                }
                let mut weight = [0.0f64; LANES];
                for lane in 0..LANES {
                    weight[lane] = space * self.near[distance[lane] as usize % L];
                }
                if ALPHA {
                    let alpha = lanes(row, column, COLOURS);
                    for lane in 0..LANES {
                        weight[lane] *= f64::from(alpha[lane]) / f64::from(S::MAX);
                    }
                }
                for lane in 0..LANES {
                    total[lane] += weight[lane];
                }
                for colour in 0..COLOURS {
                    for lane in 0..LANES {
                        sums[colour][lane] += weight[lane] * f64::from(samples[colour][lane]);
                    }
                }
            }
            for (lane, pixel) in out.chunks_exact_mut(channels).enumerate() {
                for (channel, to) in pixel.iter_mut().enumerate() {
                    *to = match sums.get(channel) {
                        Some(sums) if total[lane] > 0.0 => S::round_f64(sums[lane] / total[lane]),
                        _ => S::wrap(lanes(self.radius, self.radius, channel)[lane].into()),
                    };
                }
            }
        }
    }
}
