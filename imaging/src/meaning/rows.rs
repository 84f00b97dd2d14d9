//! Rows of samples as numbers and back, many at a time.

use super::{Meaning, round};
use crate::Depth;
use crate::sample::Bits;
use crate::simd::{self, Kernel};

impl Meaning {
    /// Appends the numbers of `samples`.
    pub fn append<B: Bits>(self, samples: &[B], numbers: &mut Vec<f64>) {
        let start = numbers.len();
        numbers.resize(start + samples.len(), 0.0);
        simd::run(Read {
            meaning: self,
            samples,
            numbers: &mut numbers[start..],
        });
    }

    /// The [bits](Self::bits) of as many numbers.
    pub fn write<B: Bits>(self, numbers: &[f64], samples: &mut [B]) {
        simd::run(Write {
            meaning: self,
            numbers,
            samples,
        });
    }

    /// Whether none of `samples` is without data.
    pub fn have_data<B: Bits>(self, samples: &[B]) -> bool {
        if self.depth != Depth::Float && self.no_data.is_none() {
            return true;
        }
        samples.chunks(PART).all(|samples| {
            simd::run(HaveData {
                meaning: self,
                samples,
            })
        })
    }

    /// Whether the bits of samples are in the order of the numbers that they stand for.
    pub fn is_ordered(self) -> bool {
        matches!(self.depth, Depth::Eight | Depth::Sixteen | Depth::ThirtyTwo)
    }

    /// Of samples that have data: numbers in the order of the numbers that they stand for, -0 before 0. Written to `room` where they
    /// are not the samples themselves.
    pub fn keys<'a, B: Bits>(self, samples: &'a [B], room: &'a mut Vec<B>) -> &'a [B] {
        if self.is_ordered() {
            return samples;
        }
        room.resize(samples.len(), B::default());
        simd::run(ToKeys {
            meaning: self,
            samples,
            keys: room,
        });
        room
    }

    /// The samples that have these [keys](Self::keys), in their place.
    pub fn keys_to_samples<B: Bits>(self, keys: &mut [B]) {
        if !self.is_ordered() {
            simd::run(FromKeys { meaning: self, keys });
        }
    }
}

/// Samples that are looked at before it is asked whether to go on.
const PART: usize = 4 << 10;

const SIGN_16: u32 = 1 << 15;
const SIGN_32: u32 = 1 << 31;

/// Ones where the highest bit is one, else zeros.
#[inline(always)]
fn sign(bits: u32) -> u32 {
    (bits as i32 >> 31) as u32
}

/// [`Meaning::keys`] where these are not the samples.
struct ToKeys<'a, B> {
    meaning: Meaning,
    samples: &'a [B],
    keys: &'a mut [B],
}

impl<B: Bits> Kernel for ToKeys<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let pairs = self.keys.iter_mut().zip(self.samples);
        if self.meaning.depth == Depth::Float {
            for (key, &sample) in pairs {
                let bits: u32 = sample.into();
                *key = B::wrap(bits ^ (sign(bits) | SIGN_32));
            }
        } else {
            for (key, &sample) in pairs {
                *key = B::wrap(sample.into() ^ SIGN_16);
            }
        }
    }
}

/// [`Meaning::keys_to_samples`] where these are not the keys.
struct FromKeys<'a, B> {
    meaning: Meaning,
    keys: &'a mut [B],
}

impl<B: Bits> Kernel for FromKeys<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if self.meaning.depth == Depth::Float {
            for key in self.keys {
                let bits: u32 = (*key).into();
                *key = B::wrap(bits ^ (sign(!bits) | SIGN_32));
            }
        } else {
            for key in self.keys {
                *key = B::wrap((*key).into() ^ SIGN_16);
            }
        }
    }
}

/// [`Meaning::have_data`].
struct HaveData<'a, B> {
    meaning: Meaning,
    samples: &'a [B],
}

impl<B: Bits> Kernel for HaveData<'_, B> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let mut bits = self.samples.iter().map(|&sample| -> u32 { sample.into() });
        // All are looked at: that is done many at a time.
        if self.meaning.depth == Depth::Float && self.meaning.no_data.is_none() {
            return bits.fold(true, |all, bits| all & (bits & !SIGN_32 <= INFINITE));
        }
        bits.all(|bits| !self.meaning.number(bits).is_nan())
    }
}

/// The bits of infinity; those of not a number, without the sign, are larger.
const INFINITE: u32 = f32::INFINITY.to_bits();

/// [`Meaning::append`].
struct Read<'a, B> {
    meaning: Meaning,
    samples: &'a [B],
    numbers: &'a mut [f64],
}

impl<B: Bits> Kernel for Read<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Meaning { depth, no_data } = self.meaning;
        // A loop for each kind, without a choice in it.
        macro_rules! read {
            ($number:expr) => {
                for (to, &sample) in self.numbers.iter_mut().zip(self.samples) {
                    let bits: u32 = sample.into();
                    *to = $number(bits);
                }
            };
        }
        match depth {
            // As signed numbers, which one instruction converts.
            Depth::Eight | Depth::Sixteen => read!(|bits: u32| f64::from(bits as i32)),
            Depth::ThirtyTwo => read!(f64::from),
            Depth::SignedSixteen => read!(|bits: u32| f64::from(bits as u16 as i16)),
            Depth::Float => read!(|bits: u32| f64::from(f32::from_bits(bits))),
        }
        if let Some(value) = no_data {
            for number in self.numbers {
                *number = if *number == value { f64::NAN } else { *number };
            }
        }
    }
}

/// [`Meaning::write`].
struct Write<'a, B> {
    meaning: Meaning,
    numbers: &'a [f64],
    samples: &'a mut [B],
}

impl<B: Bits> Kernel for Write<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let pairs = self.samples.iter_mut().zip(self.numbers);
        if self.meaning.no_data.is_some() {
            for (to, &number) in pairs {
                *to = B::wrap(self.meaning.bits(number));
            }
            return;
        }
        // A loop for each kind, without a choice in it. Not a number becomes 0 where there are whole numbers only.
        macro_rules! write {
            ($depth:expr) => {
                for (to, &number) in pairs {
                    *to = B::wrap(round($depth, number));
                }
            };
        }
        match self.meaning.depth {
            Depth::Eight => write!(Depth::Eight),
            Depth::Sixteen => write!(Depth::Sixteen),
            Depth::SignedSixteen => write!(Depth::SignedSixteen),
            Depth::ThirtyTwo => write!(Depth::ThirtyTwo),
            Depth::Float if are_usual(self.numbers) => {
                for (to, &number) in pairs {
                    *to = B::wrap((number as f32).to_bits());
                }
            }
            Depth::Float => {
                for (to, &number) in pairs {
                    let bits = round(Depth::Float, number);
                    *to = B::wrap(if number.is_nan() { f32::NAN.to_bits() } else { bits });
                }
            }
        }
    }
}

/// Whether nothing but rounding has to be done to write numbers as binary32: not where one is none, or beyond all of binary32.
#[inline(always)]
fn are_usual(numbers: &[f64]) -> bool {
    let is_usual = |number: &f64| number.abs() <= f64::from(f32::MAX);
    // Lanes as wide as the numbers.
    let mut all = [u64::MAX; 16];
    let (blocks, rest) = numbers.as_chunks::<16>();
    for block in blocks {
        for (all, number) in all.iter_mut().zip(block) {
            *all &= if is_usual(number) { u64::MAX } else { 0 };
        }
    }
    all.into_iter().all(|lane| lane != 0) && rest.iter().all(is_usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIED: [f64; 14] = [
        f64::NEG_INFINITY,
        -1e300,
        -70_000.0,
        -40.5,
        -0.6,
        -0.0,
        0.0,
        0.25,
        99.5,
        254.6,
        65_535.4,
        1e10,
        1e300,
        f64::INFINITY,
    ];

    #[test]
    fn rows_are_written_and_read_as_numbers_one_by_one() {
        for (depth, no_data) in Depth::ALL
            .into_iter()
            .flat_map(|depth| [(depth, None), (depth, Some(99.0))])
        {
            let meaning = no_data.map_or(Meaning::of(depth), |value| Meaning::of(depth).with_no_data(value));
            let numbers: Vec<f64> = TRIED.into_iter().chain([f64::NAN, 99.0]).collect();
            let mut samples = vec![0u32; numbers.len()];
            meaning.write(&numbers, &mut samples);
            let right: Vec<u32> = numbers.iter().map(|&number| meaning.bits(number)).collect();
            assert_eq!(samples, right, "{meaning:?}");
            let mut read = Vec::new();
            meaning.append(&samples, &mut read);
            for (read, &bits) in read.iter().zip(&samples) {
                assert_eq!(
                    read.to_bits(),
                    meaning.number(bits).to_bits(),
                    "{meaning:?} {bits:x}"
                );
            }
            let missing = samples.iter().any(|&bits| meaning.number(bits).is_nan());
            assert_eq!(meaning.have_data(&samples), !missing, "{meaning:?}");
        }
    }

    #[test]
    fn keys_are_in_the_order_of_the_numbers() {
        for depth in Depth::ALL {
            let meaning = Meaning::of(depth);
            let mut samples = vec![0u32; TRIED.len()];
            meaning.write(&TRIED, &mut samples);
            let mut room = Vec::new();
            let mut keys = meaning.keys(&samples, &mut room).to_vec();
            assert!(keys.is_sorted(), "{depth:?}");
            let is_same = |pair: &[u32]| pair[0] == pair[1];
            assert_eq!(
                keys.windows(2).filter(|pair| is_same(pair)).count(),
                samples.windows(2).filter(|pair| is_same(pair)).count()
            );
            meaning.keys_to_samples(&mut keys);
            assert_eq!(keys, samples, "{depth:?}");
        }
    }
}
