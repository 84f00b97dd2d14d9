//! Weighted sums of rows of 16-bit samples, two rows at a time.
//!
//! AVX2 multiplies signed 16-bit numbers and adds neighbouring products. A sample is therefore lowered by 2^15; since the weights of
//! all sum to 2^16, a sum is lowered by 2^31 and fits 32 bits with a sign, whatever the sums on the way to it wrap to.

/// Two rows and their weights, each below 2^15: the sum of two products then fits 32 bits with a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WordPair {
    pub rows: [usize; 2],
    pub weights: [i16; 2],
}

/// The upper and the lower 16 bits of sums, each lowered by 2^15.
#[derive(Default)]
pub(crate) struct Halves<T> {
    pub high: T,
    pub low: T,
}

/// Columns of a block of the portable path.
const BLOCK: usize = 64;

/// `Σ weights · rows[..][start + x]` over the pairs, for every column of `out`. The weights of all sum to 2^16.
pub(crate) fn sum_rows(rows: &[&[u16]], pairs: &[WordPair], start: usize, out: Halves<&mut [i16]>) {
    #[cfg(target_arch = "x86_64")]
    let done = if super::uses_avx2() {
        super::avx2::sum_word_rows(rows, pairs, start, out.high, out.low)
    } else {
        0
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    let (high, low) = (&mut out.high[done..], &mut out.low[done..]);
    let blocks = high.chunks_mut(BLOCK).zip(low.chunks_mut(BLOCK));
    for ((high, low), at) in blocks.zip((start + done..).step_by(BLOCK)) {
        let sums = sums(pairs, high.len(), |row| &rows[row][at..], lowered);
        for ((high, low), sum) in high.iter_mut().zip(low).zip(sums) {
            // What is lowered by 2^31 has an upper half that is lowered by 2^15, and a lower half that is not lowered.
            *high = (sum >> 16) as i16;
            *low = lowered(sum as u16);
        }
    }
}

/// `(Σ weights · sums + 2^31) >> 32` over the pairs, for every column of `out`. `sums` has a row for each tap; the weights of all sum
/// to 2^16.
///
/// With `A` of the upper and `B` of the lower halves the sum is `2^16 A + B`, and what is asked for is
/// `(A + (B >> 16) + 2^15) >> 16`, for the floor of a floor is that of the whole. All of it fits 32 bits: the mean of samples is at
/// most 2^16 - 1.
pub(crate) fn weigh(sums: &Halves<Vec<&[i16]>>, pairs: &[WordPair], out: &mut [u16]) {
    #[cfg(target_arch = "x86_64")]
    let done = if super::uses_avx2() {
        super::avx2::weigh_words(&sums.high, &sums.low, pairs, out)
    } else {
        0
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    for (out, at) in out[done..].chunks_mut(BLOCK).zip((done..).step_by(BLOCK)) {
        let [high, low] = [&sums.high, &sums.low]
            .map(|rows| self::sums(pairs, out.len(), |row| &rows[row][at..], |half| half));
        for ((to, high), low) in out.iter_mut().zip(high).zip(low) {
            let [high, low] = [high, low].map(|sum| sum as u32 ^ (1 << 31));
            *to = ((high + (low >> 16) + (1 << 15)) >> 16) as u16;
        }
    }
}

/// The sums of the first columns, at most [`BLOCK`], lowered by 2^31.
#[inline(always)]
fn sums<'a, T: Copy + 'a>(
    pairs: &[WordPair],
    count: usize,
    row: impl Fn(usize) -> &'a [T],
    signed: impl Fn(T) -> i16,
) -> [i32; BLOCK] {
    let mut sums = [0i32; BLOCK];
    for pair in pairs {
        let [first, second] = pair.rows.map(&row);
        let [a, b] = pair.weights.map(i32::from);
        let add = |sum: &mut i32, first: T, second: T| {
            let products = a * i32::from(signed(first)) + b * i32::from(signed(second));
            *sum = sum.wrapping_add(products);
        };
        if let (Some(first), Some(second)) = (first.first_chunk::<BLOCK>(), second.first_chunk::<BLOCK>()) {
            // Of a length that is known, which is quicker. What there is beyond `count` does no harm.
            for lane in 0..BLOCK {
                add(&mut sums[lane], first[lane], second[lane]);
            }
        } else {
            let pairs = first[..count].iter().zip(&second[..count]);
            for (sum, (&first, &second)) in sums.iter_mut().zip(pairs) {
                add(sum, first, second);
            }
        }
    }
    sums
}

fn lowered(half: u16) -> i16 {
    (half ^ 0x8000) as i16
}
