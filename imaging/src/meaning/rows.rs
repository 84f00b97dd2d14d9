//! Rows of samples as numbers and back, many at a time.

use super::{Meaning, round};
use crate::Depth;
use crate::sample::Bits;
use crate::simd::{self, Kernel};

impl Meaning {
    /// Appends the numbers of `samples`.
    pub fn append<B: Bits>(self, samples: &[B], numbers: &mut Vec<f64>) {
        let start = numbers.len();
        let bits = samples.iter().map(|&sample| -> u32 { sample.into() });
        match self.depth {
            Depth::Eight | Depth::Sixteen | Depth::ThirtyTwo => numbers.extend(bits.map(f64::from)),
            Depth::SignedSixteen => numbers.extend(bits.map(|bits| f64::from(bits as u16 as i16))),
            Depth::Float => numbers.extend(bits.map(|bits| f64::from(f32::from_bits(bits)))),
        }
        if let Some(value) = self.no_data {
            for number in &mut numbers[start..] {
                *number = if *number == value { f64::NAN } else { *number };
            }
        }
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
        let mut bits = samples.iter().map(|&sample| -> u32 { sample.into() });
        match (self.depth, self.no_data) {
            (Depth::Float, None) => bits.fold(true, |all, bits| all & !f32::from_bits(bits).is_nan()),
            (_, None) => true,
            (_, Some(_)) => bits.all(|bits| !self.number(bits).is_nan()),
        }
    }

    /// Of samples that have data: numbers in the order of the numbers that they stand for, -0 before 0.
    pub fn keys<B: Bits>(self, samples: &[B]) -> Vec<B> {
        let bits = samples.iter().map(|&sample| -> u32 { sample.into() });
        match self.depth {
            Depth::Eight | Depth::Sixteen | Depth::ThirtyTwo => samples.to_vec(),
            Depth::SignedSixteen => bits.map(|bits| B::wrap(bits ^ SIGN_16)).collect(),
            Depth::Float => bits.map(|bits| B::wrap(bits ^ (sign(bits) | SIGN_32))).collect(),
        }
    }

    /// The samples that have these [keys](Self::keys), in their place.
    pub fn keys_to_samples<B: Bits>(self, keys: &mut [B]) {
        match self.depth {
            Depth::Eight | Depth::Sixteen | Depth::ThirtyTwo => {}
            Depth::SignedSixteen => keys
                .iter_mut()
                .for_each(|key| *key = B::wrap((*key).into() ^ SIGN_16)),
            Depth::Float => {
                for key in keys {
                    let bits: u32 = (*key).into();
                    *key = B::wrap(bits ^ (sign(!bits) | SIGN_32));
                }
            }
        }
    }
}

const SIGN_16: u32 = 1 << 15;
const SIGN_32: u32 = 1 << 31;

/// Ones where the highest bit is one, else zeros.
fn sign(bits: u32) -> u32 {
    (bits as i32 >> 31) as u32
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
            Depth::Float => {
                for (to, &number) in pairs {
                    let bits = round(Depth::Float, number);
                    *to = B::wrap(if number.is_nan() { f32::NAN.to_bits() } else { bits });
                }
            }
        }
    }
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
            let mut keys = meaning.keys(&samples);
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
