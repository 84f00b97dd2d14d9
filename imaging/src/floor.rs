//! Floors of numbers as integers in vectors. A cast that saturates is compiled to instructions for single numbers: here a power of
//! two is added instead, from which on floating point has whole numbers only. The sum is rounded to the nearest of these, whose bits
//! are the integer; where that is above the number, the integer below is the floor.

use crate::sample::Sample;

/// The floor of `number`, which is from 0 to 2^22.
#[inline(always)]
pub(crate) fn floor_f32(number: f32) -> u32 {
    const WHOLE: f32 = (1u32 << 23) as f32;
    let sum = number + WHOLE;
    (sum.to_bits() - WHOLE.to_bits()) - u32::from(sum - WHOLE > number)
}

/// The floor of `number`, which is from 0 to 65535.
#[inline(always)]
pub(crate) fn floor_f64(number: f64) -> u32 {
    let sum = number + WHOLE;
    sum.to_bits() as u32 - u32::from(sum - WHOLE > number)
}

/// The floor of `number`, which is above -2^31 and below 2^31, as a whole number.
#[inline(always)]
pub(crate) fn floor_signed(number: f64) -> f64 {
    let nearest = (number + WHOLE_SIGNED) - WHOLE_SIGNED;
    nearest - if nearest > number { 1.0 } else { 0.0 }
}

/// A whole number above -2^31 and below 2^31 as an integer.
#[inline(always)]
pub(crate) fn as_integer(number: f64) -> i32 {
    (number + WHOLE_SIGNED).to_bits() as i32
}

/// 2^52 + 2^51, from which down to 2^52 there is room for negative numbers; its lower 32 bits are zero.
const WHOLE_SIGNED: f64 = (3u64 << 51) as f64;

/// 2^52: its lower 32 bits are zero.
const WHOLE: f64 = (1u64 << 52) as f64;

/// The whole number nearest to `number`, which is from 0 to 2^31 and not half way between two.
#[inline(always)]
pub(crate) fn nearest(number: f64) -> u32 {
    (number + WHOLE).to_bits() as u32
}

/// [`Sample::round_f64`] of a number: rounded half up, then the nearest value in range.
#[inline(always)]
pub(crate) fn round_half_up<S: Sample>(number: f64) -> S {
    let above = number + 0.5;
    let above = if above > 0.0 { above } else { 0.0 };
    let max = f64::from(S::MAX);
    S::wrap(floor_f64(if above < max { above } else { max }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_those_of_the_standard_library() {
        for whole in 0..=65535u32 {
            let number = f64::from(whole);
            let beside = [
                number,
                number.next_up(),
                number + 0.25,
                number + 0.5,
                number + 0.999,
            ];
            for number in beside.into_iter().chain((whole > 0).then(|| number.next_down())) {
                assert_eq!(floor_f64(number.min(65535.0)), number.min(65535.0) as u32);
                assert_eq!(round_half_up::<u16>(number), u16::round_f64(number));
                assert_eq!(round_half_up::<u8>(-number), u8::round_f64(-number));
            }
            let number = whole as f32;
            for number in [
                number,
                number.next_up(),
                number.next_down().max(0.0),
                number + 0.5,
            ] {
                assert_eq!(floor_f32(number), number as u32);
            }
        }
        assert_eq!(floor_f32(4_194_304.0), 1 << 22);
        for whole in [-2_147_483_647, -70_000, -2, -1, 0, 1, 2, 32_768, 2_147_483_646] {
            let number = f64::from(whole);
            for (number, floor) in [
                (number, whole),
                (number.next_up(), whole),
                (number + 0.5, whole),
                (number.next_down(), whole - 1),
            ] {
                assert_eq!(as_integer(floor_signed(number)), floor, "{number}");
            }
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -0.5, -0.0] {
            assert_eq!(round_half_up::<u8>(number), u8::round_f64(number));
            assert_eq!(round_half_up::<u16>(number), u16::round_f64(number));
        }
    }
}
