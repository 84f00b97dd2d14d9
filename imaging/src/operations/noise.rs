//! Grain: a random number is added to every pixel, the same to all of its colours. The number follows from the seed and the place of
//! the pixel alone, so that every tile has the grain of the whole.

use std::f64::consts::TAU;

use crate::meaning::with_data;
use crate::operation::{
    Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values, needs_intensities,
};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{PixelFormat, Region};

/// `v + amount · max · n`, n from a distribution.
pub(crate) struct Noise {
    distribution: Distribution,
    amount: f64,
    seed: u64,
}

#[derive(Clone, Copy)]
enum Distribution {
    Gaussian,
    Uniform,
}

impl Operation for Noise {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "noise",
        title: "Noise",
        group: Group::Tone,
        summary: "Adds grain, as of film; the same seed gives the same grain.",
        method: "Adds to all colours of a pixel one random number, made from the seed and the pixel's place by SplitMix64; alpha stays.",
        aliases: &["grain"],
        parameters: &[
            ParameterInfo {
                name: "amount",
                symbol: "±",
                summary: "Standard deviation (gaussian) or largest value (uniform), as a part of full intensity.",
                unit: "",
                kind: ParameterKind::Number,
                min: 0.0,
                max: 1.0,
                default: 0.05,
                step: 0.01,
            },
            ParameterInfo {
                name: "distribution",
                symbol: "distribution",
                summary: "How the numbers are spread: gaussian (mostly small) or uniform (all alike).",
                unit: "",
                kind: ParameterKind::Choice(&["gaussian", "uniform"]),
                min: 0.0,
                max: 1.0,
                default: 0.0,
                step: 1.0,
            },
            ParameterInfo {
                name: "seed",
                symbol: "seed",
                summary: "Another seed, another grain.",
                unit: "",
                kind: ParameterKind::Integer,
                min: 0.0,
                max: u32::MAX as f64,
                default: 0.0,
                step: 1.0,
            },
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            amount: values.number(0),
            distribution: match values.choice(1) {
                "uniform" => Distribution::Uniform,
                _ => Distribution::Gaussian,
            },
            seed: values.integer(2).into(),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_intensities(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let meaning = input.meaning;
        let no_data = meaning.no_data_intensity();
        let mut patch = input.cropped(output);
        let channels = patch.channels.count();
        let colours = channels - usize::from(patch.channels.has_alpha());
        let scale = self.amount * f64::from(S::MAX);
        let key = mix(self.seed.wrapping_add(STEP));
        let length = output.width as usize * channels;
        let (mut steps, mut added) = (vec![UNSURE; output.width as usize], vec![0; length]);
        for (y, row) in (output.y..).zip(patch.samples.to_mut().chunks_exact_mut(length)) {
            let start = u64::from(y) << 32 | u64::from(output.x);
            if no_data.is_none() {
                simd::run(Whole {
                    distribution: self.distribution,
                    key,
                    start,
                    scale,
                    steps: &mut steps,
                });
                spread(&steps, channels, colours, &mut added);
                simd::run(Add { row, added: &added });
                if !steps.contains(&UNSURE) {
                    continue;
                }
            }
            for ((place, pixel), &step) in (start..).zip(row.chunks_exact_mut(channels)).zip(&steps) {
                if step != UNSURE {
                    continue;
                }
                let number = scale * self.distribution.number(hash(key, place));
                for sample in &mut pixel[..colours] {
                    let value: u32 = (*sample).into();
                    if no_data == Some(value) {
                        continue;
                    }
                    let result = S::round_f64(f64::from(value) + number);
                    *sample = match no_data {
                        Some(_) => with_data(meaning, result),
                        None => result,
                    };
                }
            }
        }
        patch
    }
}

/// What is added to each sample of a row: the number of its pixel to the first `colours` of its channels, and nothing to alpha and
/// where the number is not known.
fn spread(steps: &[i32], channels: usize, colours: usize, added: &mut [i32]) {
    match (channels, colours) {
        (1, 1) => spread_pixels::<1, 1>(steps, added),
        (2, 1) => spread_pixels::<2, 1>(steps, added),
        (3, 3) => spread_pixels::<3, 3>(steps, added),
        (4, 3) => spread_pixels::<4, 3>(steps, added),
        _ => {
            for (to, &step) in added.chunks_exact_mut(channels).zip(steps) {
                to[..colours].fill(known(step));
            }
        }
    }
}

fn spread_pixels<const CHANNELS: usize, const COLOURS: usize>(steps: &[i32], added: &mut [i32]) {
    for (to, &step) in added.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(steps) {
        to[..COLOURS].fill(known(step));
    }
}

fn known(step: i32) -> i32 {
    if step == UNSURE { 0 } else { step }
}

/// A number is added to each sample, as far as there is room.
struct Add<'a, S> {
    row: &'a mut [S],
    added: &'a [i32],
}

impl<S: Sample> Kernel for Add<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (sample, &added) in self.row.iter_mut().zip(self.added) {
            let value: u32 = (*sample).into();
            *sample = S::clamp_i32(value as i32 + added);
        }
    }
}

impl Distribution {
    /// A number of the distribution from 64 random bits: of standard deviation 1, or from -1 to below 1.
    fn number(self, bits: u64) -> f64 {
        match self {
            Self::Uniform => (bits >> 11) as f64 * (2.0 / (1u64 << 53) as f64) - 1.0,
            // Box and Muller's; the radius never takes the logarithm of zero.
            Self::Gaussian => {
                let part = 1.0 / (1u64 << 32) as f64;
                let radius = (-2.0 * libm::log(((bits >> 32) as f64 + 0.5) * part)).sqrt();
                radius * libm::cos(TAU * ((bits & 0xffff_ffff) as f64 * part))
            }
        }
    }
}

/// In place of a whole number: it is not known which.
const UNSURE: i32 = i32::MIN;

/// The numbers of a row, rounded: what is added to samples, which are whole. They are computed in a way that is quick and off by
/// less than 1e-10; where that could matter, which is where a number is that near to the middle of two whole ones, it is
/// [`UNSURE`], so that results are those of [`Distribution::number`].
struct Whole<'a> {
    distribution: Distribution,
    key: u64,
    /// The place of the first.
    start: u64,
    scale: f64,
    steps: &'a mut [i32],
}

impl Kernel for Whole<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match self.distribution {
            Distribution::Gaussian => self.with(quick_gaussian),
            uniform @ Distribution::Uniform => self.with(|bits| uniform.number(bits)),
        }
    }
}

impl Whole<'_> {
    #[inline(always)]
    fn with(self, number: impl Fn(u64) -> f64) {
        // The last bit of a sum with it is worth one.
        let ones = 1.5 * (1u64 << 52) as f64;
        let sure = 0.5 - 1e-9 * (1.0 + self.scale);
        for (index, step) in self.steps.iter_mut().enumerate() {
            let number = self.scale * number(hash(self.key, self.start + index as u64));
            let sum = number + ones;
            let is_sure = (number - (sum - ones)).abs() < sure;
            *step = if is_sure { sum.to_bits() as i32 } else { UNSURE };
        }
    }
}

/// [`Distribution::number`] by series, off by less than 1e-10.
#[inline(always)]
fn quick_gaussian(bits: u64) -> f64 {
    let part = 1.0 / (1u64 << 32) as f64;
    let logarithm = quick_logarithm((f64::from((bits >> 32) as u32) + 0.5) * part);
    // The cosine of a turn's part is less the sine of a quarter of a turn less its distance from half a turn.
    let turn = f64::from(bits as u32) * part;
    let angle = TAU * (0.25 - (turn - 0.5).abs());
    let square = angle * angle;
    // Up to the quarter turn what follows is below 1e-11.
    let sine = [
        -1.0 / 210.0,
        -1.0 / 156.0,
        -1.0 / 110.0,
        -1.0 / 72.0,
        -1.0 / 42.0,
        -1.0 / 20.0,
        -1.0 / 6.0,
    ]
    .into_iter()
    .fold(1.0, |sum, term| 1.0 + sum * term * square);
    -(-2.0 * logarithm).sqrt() * angle * sine
}

/// The natural logarithm of a number above 0 and below 1, to a part in 10^11.
#[inline(always)]
fn quick_logarithm(number: f64) -> f64 {
    // number = 2^exponent · part, and part from the root of a half to the root of two: next to 1 the exponent is 0, and little
    // remains little.
    let root = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    let mantissa = (1u64 << 52) - 1;
    let ones = (1u64 << 52) as f64;
    let shifted = number.to_bits() + (1.0f64.to_bits() - root);
    let part = f64::from_bits((shifted & mantissa) + root);
    let exponent = f64::from_bits((shifted >> 52) | ones.to_bits()) - (ones + 1023.0);
    let ratio = (part - 1.0) / (part + 1.0);
    let square = ratio * ratio;
    let series = [
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
        1.0,
    ]
    .into_iter()
    .fold(0.0, |sum, term| sum * square + term);
    exponent * std::f64::consts::LN_2 + 2.0 * ratio * series
}

/// What SplitMix64 adds from one number to the next: 2^64 divided by the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Number `place` of the sequence that begins at `key`.
fn hash(key: u64, place: u64) -> u64 {
    mix(key.wrapping_add(place.wrapping_mul(STEP)))
}

/// The mixing of SplitMix64 (Steele, Lea and Flood, 2014): every bit of the result depends on every one of `bits`.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        // Of the seed 0: numbers 1, 2 and 3 of the reference implementation.
        let numbers = [1, 2, 3].map(|place| hash(0, place));
        assert_eq!(
            numbers,
            [
                0xe220_a839_7b1d_cdaf,
                0x6e78_9e6a_a1b9_65f4,
                0x06c4_5d18_8009_454f
            ]
        );
    }

    #[test]
    fn the_quick_numbers_are_as_near_as_they_say() {
        let corners = [
            0,
            1,
            1 << 31,
            (1 << 31) - 1,
            1 << 30,
            3 << 30,
            u64::from(u32::MAX),
        ];
        let corners = corners
            .into_iter()
            .flat_map(|high| corners.map(|low| high << 32 | low));
        for bits in (0..2_000_000).map(|place| hash(mix(3), place)).chain(corners) {
            let (quick, exact) = (quick_gaussian(bits), Distribution::Gaussian.number(bits));
            assert!((quick - exact).abs() < 1e-10, "{bits:x}: {quick} {exact}");
        }
    }

    #[test]
    fn mean_and_spread_are_those_of_the_distribution() {
        let count = 1_000_000u64;
        for (distribution, spread) in [
            (Distribution::Gaussian, 1.0),
            (Distribution::Uniform, (1.0f64 / 3.0).sqrt()),
        ] {
            let numbers = || (0..count).map(|place| distribution.number(hash(mix(7), place)));
            let mean = numbers().sum::<f64>() / count as f64;
            let variance = numbers().map(|number| number * number).sum::<f64>() / count as f64;
            assert!(mean.abs() < 0.005, "{mean}");
            assert!((variance.sqrt() - spread).abs() < 0.005, "{variance}");
        }
        // Beyond two standard deviations: 4.55 %.
        let far = (0..count).filter(|&place| Distribution::Gaussian.number(hash(mix(7), place)).abs() > 2.0);
        assert!((far.count() as f64 / count as f64 - 0.0455).abs() < 0.001);
    }
}
