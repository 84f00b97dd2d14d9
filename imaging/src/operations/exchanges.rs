//! Medians of small squares by exchanges: minima and maxima of whole vectors. Every column is sorted once for all squares that it is
//! in; then as much is compared as the middle needs.

use crate::sample::Ordered;
use crate::simd::Kernel;

/// Samples that are worked on at a time, in arrays of their own: the compiler vectorises loops over these, and not those over
/// many slices that could overlap. So many that what was stored of a column has reached the cache when its neighbours are read
/// beside it: a read across two stores that are under way waits for both.
pub(super) const BLOCK: usize = 1024;
/// The columns of a block, from their least samples to their greatest: each as long as a block and four pixels.
pub(super) type Sorted<T> = [Vec<T>; 5];

/// The 3x3 median by minima and maxima alone: sort every column of three, once for the three squares that it is in, then the
/// median of the largest of the smallest, the middle of the middle and the smallest of the largest is that of all nine.
pub(super) struct OfNine<'a, T> {
    pub rows: [&'a [T]; 3],
    pub channels: usize,
    /// Room for sorted columns, see [`Sorted`]; the first three are used.
    pub sorted: &'a mut Sorted<T>,
    pub out: &'a mut [T],
}

impl<T: Ordered> Kernel for OfNine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [low, middle, high, ..] = self.sorted;
        let mut medians = [T::default(); BLOCK];
        for (index, out) in self.out.chunks_mut(BLOCK).enumerate() {
            let count = out.len();
            let wide = count + 2 * self.channels;
            let part = index * BLOCK..index * BLOCK + wide;
            let (above, at, below) = (
                &self.rows[0][part.clone()],
                &self.rows[1][part.clone()],
                &self.rows[2][part],
            );
            let (low, middle, high) = (&mut low[..wide], &mut middle[..wide], &mut high[..wide]);
            for x in 0..wide {
                (low[x], middle[x], high[x]) = sort(above[x], at[x], below[x]);
            }
            // Each a slice of its own: through arrays of slices the compiler loses that their lengths are the same.
            let tap = |tap: usize| tap * self.channels..tap * self.channels + count;
            let (low_0, low_1, low_2) = (&low[tap(0)], &low[tap(1)], &low[tap(2)]);
            let (middle_0, middle_1, middle_2) = (&middle[tap(0)], &middle[tap(1)], &middle[tap(2)]);
            let (high_0, high_1, high_2) = (&high[tap(0)], &high[tap(1)], &high[tap(2)]);
            let medians = &mut medians[..count];
            for x in 0..count {
                let low = low_0[x].max(low_1[x]).max(low_2[x]);
                let middle = sort(middle_0[x], middle_1[x], middle_2[x]).1;
                let high = high_0[x].min(high_1[x]).min(high_2[x]);
                medians[x] = sort(low, middle, high).1;
            }
            out.copy_from_slice(medians);
        }
    }
}

#[inline(always)]
fn sort<T: Copy + Ord>(a: T, b: T, c: T) -> (T, T, T) {
    let (low, high) = (a.min(b), a.max(b));
    let (middle, highest) = (high.min(c), high.max(c));
    (low.min(middle), low.max(middle), highest)
}

/// The 5x5 median: every column sorted, and then [`middle_of_sorted`].
pub(super) struct OfTwentyFive<'a, T> {
    pub rows: [&'a [T]; 5],
    pub channels: usize,
    pub sorted: &'a mut Sorted<T>,
    pub out: &'a mut [T],
}

impl<T: Ordered> Kernel for OfTwentyFive<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [lowest, low, middle, high, highest] = self.sorted;
        let mut medians = [T::default(); BLOCK];
        for (index, out) in self.out.chunks_mut(BLOCK).enumerate() {
            let count = out.len();
            let wide = count + 4 * self.channels;
            let part = index * BLOCK..index * BLOCK + wide;
            // Each a slice of its own, see above.
            let (first, second) = (&self.rows[0][part.clone()], &self.rows[1][part.clone()]);
            let (third, fourth) = (&self.rows[2][part.clone()], &self.rows[3][part.clone()]);
            let fifth = &self.rows[4][part];
            let (lowest, low) = (&mut lowest[..wide], &mut low[..wide]);
            let (middle, high) = (&mut middle[..wide], &mut high[..wide]);
            let highest = &mut highest[..wide];
            for x in 0..wide {
                (lowest[x], low[x], middle[x], high[x], highest[x]) =
                    sort_five(first[x], second[x], third[x], fourth[x], fifth[x]);
            }
            let tap = |tap: usize| tap * self.channels..tap * self.channels + count;
            let (lowest_0, lowest_1, lowest_2, lowest_3, lowest_4) = (
                &lowest[tap(0)],
                &lowest[tap(1)],
                &lowest[tap(2)],
                &lowest[tap(3)],
                &lowest[tap(4)],
            );
            let (low_0, low_1, low_2, low_3, low_4) = (
                &low[tap(0)],
                &low[tap(1)],
                &low[tap(2)],
                &low[tap(3)],
                &low[tap(4)],
            );
            let (middle_0, middle_1, middle_2, middle_3, middle_4) = (
                &middle[tap(0)],
                &middle[tap(1)],
                &middle[tap(2)],
                &middle[tap(3)],
                &middle[tap(4)],
            );
            let (high_0, high_1, high_2, high_3, high_4) = (
                &high[tap(0)],
                &high[tap(1)],
                &high[tap(2)],
                &high[tap(3)],
                &high[tap(4)],
            );
            let (highest_0, highest_1, highest_2, highest_3, highest_4) = (
                &highest[tap(0)],
                &highest[tap(1)],
                &highest[tap(2)],
                &highest[tap(3)],
                &highest[tap(4)],
            );
            let medians = &mut medians[..count];
            for x in 0..count {
                medians[x] = middle_of_sorted([
                    [lowest_0[x], lowest_1[x], lowest_2[x], lowest_3[x], lowest_4[x]],
                    [low_0[x], low_1[x], low_2[x], low_3[x], low_4[x]],
                    [middle_0[x], middle_1[x], middle_2[x], middle_3[x], middle_4[x]],
                    [high_0[x], high_1[x], high_2[x], high_3[x], high_4[x]],
                    [
                        highest_0[x],
                        highest_1[x],
                        highest_2[x],
                        highest_3[x],
                        highest_4[x],
                    ],
                ]);
            }
            out.copy_from_slice(medians);
        }
    }
}

#[inline(always)]
fn sort_five<T: Copy + Ord>(a: T, b: T, c: T, d: T, e: T) -> (T, T, T, T, T) {
    let (a, d) = (a.min(d), a.max(d));
    let (b, e) = (b.min(e), b.max(e));
    let (a, c) = (a.min(c), a.max(c));
    let (b, d) = (b.min(d), b.max(d));
    let (a, b) = (a.min(b), a.max(b));
    let (c, e) = (c.min(e), c.max(e));
    let (b, c) = (b.min(c), b.max(c));
    let (d, e) = (d.min(e), d.max(e));
    let (c, d) = (c.min(d), c.max(d));
    (a, b, c, d, e)
}

/// The middle of 25 in five columns, each of which is sorted: `rows` has the least of each column first.
///
/// The rows are sorted. A sample then has as many below it and above it for certain as its place says, and 13 remain of which the
/// middle is that of all; these are sorted. Of that network everything is left out that never exchanges, whatever the columns are,
/// and everything that the middle does not depend on: a test tries all columns of zeros and ones, which is enough (Knuth, The Art of
/// Computer Programming, 5.3.4: the zero-one principle).
#[inline(always)]
#[rustfmt::skip]
fn middle_of_sorted<T: Copy + Ord>(rows: [[T; 5]; 5]) -> T {
    let v0 = rows[0][0].max(rows[0][3]);
    let v1 = rows[0][0].min(rows[0][3]);
    let v2 = rows[0][1].max(rows[0][4]);
    let v3 = rows[0][1].min(rows[0][4]);
    let v4 = v1.max(rows[0][2]);
    let v5 = v1.min(rows[0][2]);
    let v6 = v3.max(v0);
    let v7 = v3.min(v0);
    let v8 = v5.max(v7);
    let v9 = v4.max(v2);
    let v10 = v4.min(v2);
    let v11 = v8.max(v10);
    let v12 = v6.max(v9);
    let v13 = v6.min(v9);
    let v14 = v11.max(v13);
    let v15 = rows[1][0].max(rows[1][3]);
    let v16 = rows[1][0].min(rows[1][3]);
    let v17 = rows[1][1].max(rows[1][4]);
    let v18 = rows[1][1].min(rows[1][4]);
    let v19 = v16.max(rows[1][2]);
    let v20 = v16.min(rows[1][2]);
    let v21 = v18.max(v15);
    let v22 = v18.min(v15);
    let v23 = v20.max(v22);
    let v24 = v19.max(v17);
    let v25 = v19.min(v17);
    let v26 = v23.max(v25);
    let v27 = v21.max(v24);
    let v28 = v21.min(v24);
    let v29 = v26.max(v28);
    let v30 = v26.min(v28);
    let v31 = rows[2][0].max(rows[2][3]);
    let v32 = rows[2][0].min(rows[2][3]);
    let v33 = rows[2][1].max(rows[2][4]);
    let v34 = rows[2][1].min(rows[2][4]);
    let v35 = v32.max(rows[2][2]);
    let v36 = v32.min(rows[2][2]);
    let v37 = v34.max(v31);
    let v38 = v34.min(v31);
    let v39 = v36.max(v38);
    let v40 = v35.max(v33);
    let v41 = v35.min(v33);
    let v42 = v39.max(v41);
    let v43 = v39.min(v41);
    let v44 = v37.min(v40);
    let v45 = v42.max(v44);
    let v46 = v42.min(v44);
    let v47 = rows[3][0].max(rows[3][3]);
    let v48 = rows[3][0].min(rows[3][3]);
    let v49 = rows[3][1].max(rows[3][4]);
    let v50 = rows[3][1].min(rows[3][4]);
    let v51 = v48.max(rows[3][2]);
    let v52 = v48.min(rows[3][2]);
    let v53 = v50.max(v47);
    let v54 = v50.min(v47);
    let v55 = v52.max(v54);
    let v56 = v52.min(v54);
    let v57 = v51.max(v49);
    let v58 = v51.min(v49);
    let v59 = v55.max(v58);
    let v60 = v55.min(v58);
    let v61 = v53.min(v57);
    let v62 = v59.min(v61);
    let v63 = rows[4][0].max(rows[4][3]);
    let v64 = rows[4][0].min(rows[4][3]);
    let v65 = rows[4][1].max(rows[4][4]);
    let v66 = rows[4][1].min(rows[4][4]);
    let v67 = v64.max(rows[4][2]);
    let v68 = v64.min(rows[4][2]);
    let v69 = v66.min(v63);
    let v70 = v68.max(v69);
    let v71 = v68.min(v69);
    let v72 = v67.min(v65);
    let v73 = v70.min(v72);
    let v74 = v62.min(v45);
    let v75 = v73.min(v29);
    let v76 = v30.max(v56);
    let v77 = v71.max(v46);
    let v78 = v71.min(v46);
    let v79 = v14.max(v43);
    let v80 = v60.max(v77);
    let v81 = v60.min(v77);
    let v82 = v74.max(v75);
    let v83 = v74.min(v75);
    let v84 = v81.max(v76);
    let v85 = v81.min(v76);
    let v86 = v79.max(v78);
    let v87 = v79.min(v78);
    let v88 = v85.max(v12);
    let v89 = v85.min(v12);
    let v90 = v84.min(v27);
    let v91 = v87.max(v89);
    let v92 = v88.min(v82);
    let v93 = v83.max(v91);
    let v94 = v92.min(v80);
    let v95 = v93.max(v90);
    let v96 = v93.min(v90);
    let v97 = v86.max(v94);
    let v98 = v86.min(v94);
    let v99 = v96.max(v98);
    let v100 = v97.min(v95);
    v99.max(v100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_sorted_columns_is_right_for_all_zeros_and_ones() {
        for state in 0..6usize.pow(5) {
            let ones: Vec<usize> = (0..5).map(|column| state / 6usize.pow(column) % 6).collect();
            let rows: [[u8; 5]; 5] =
                std::array::from_fn(|row| std::array::from_fn(|column| u8::from(row + ones[column] >= 5)));
            let right = u8::from(ones.iter().sum::<usize>() >= 13);
            assert_eq!(middle_of_sorted(rows), right, "{ones:?}");
        }
    }

    #[test]
    fn five_are_sorted_whatever_they_are() {
        for state in 0..32u8 {
            let [a, b, c, d, e]: [u8; 5] = std::array::from_fn(|bit| (state >> bit) & 1);
            let sorted: [u8; 5] = sort_five(a, b, c, d, e).into();
            assert!(sorted.is_sorted(), "{state:05b}");
        }
    }
}
