//! Letters drawn over pixels.

use super::Watermark;
use super::lettering::Lettering;
use crate::meaning::with_data;
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Region, Size};

/// Full coverage in full opacity: 255 times 100 percent.
const FULL: u64 = 255 * 100;

impl Watermark {
    /// `patch`, which is `output` of the image, with what it has of the letters.
    pub(super) fn draw<S: Sample>(&self, mut patch: Patch<'static, S>, output: Region) -> Patch<'static, S> {
        let lettering = Lettering::new(&self.text, self.size);
        let (x, y) = self.place(patch.image, lettering.size());
        let Some(part) = reached(&lettering, x, y, output) else {
            return patch;
        };
        let (meaning, no_data) = (patch.meaning, patch.meaning.no_data_intensity());
        let (channels, has_alpha) = (patch.channels.count(), patch.channels.has_alpha());
        let colour = if self.is_black { 0 } else { S::MAX };
        let coverage = lettering.coverage(x, y, part);
        let samples = patch.samples.to_mut();
        for (y, covered) in (part.y..).zip(coverage.chunks_exact(part.width as usize)) {
            let start = (y - output.y) as usize * output.width as usize + (part.x - output.x) as usize;
            let row = &mut samples[start * channels..][..covered.len() * channels];
            for (pixel, covered) in row.chunks_exact_mut(channels).zip(covered) {
                let weight = u64::from(*covered) * u64::from(self.opacity);
                if weight == 0 {
                    continue;
                }
                if has_alpha {
                    draw_over(pixel, colour, weight);
                    continue;
                }
                for sample in pixel {
                    let value: u32 = (*sample).into();
                    let mixed = S::wrap(mixed(value, colour, weight));
                    *sample = match no_data {
                        Some(no_data) if no_data == value => *sample,
                        Some(_) => with_data(meaning, mixed),
                        None => mixed,
                    };
                }
            }
        }
        patch
    }

    /// Where the upper left corner of a text of size `text` is in an image. A text that is too wide or too high begins at the left or at
    /// the top, and its end is cut.
    fn place(&self, image: Size, text: Size) -> (i64, i64) {
        let margin = i64::from(self.margin);
        let first = margin;
        let middle = |whole: u32, part: u32| ((i64::from(whole) - i64::from(part)) / 2).max(0);
        let last = |whole: u32, part: u32| (i64::from(whole) - i64::from(part) - margin).max(first);
        let (right, bottom) = (last(image.width, text.width), last(image.height, text.height));
        match self.at {
            "top_left" => (first, first),
            "top_right" => (right, first),
            "bottom_left" => (first, bottom),
            "centre" => (middle(image.width, text.width), middle(image.height, text.height)),
            _ => (right, bottom),
        }
    }
}

/// The part of `output` that letters of a text at `x`, `y` may reach, which bounds what is allocated; `None` where there is none.
fn reached(lettering: &Lettering<'_>, x: i64, y: i64, output: Region) -> Option<Region> {
    let (size, reach) = (lettering.size(), i64::from(lettering.reach()));
    let cut = |place: i64, length: u32, from: u32, span: u32| {
        let (from, to) = (i64::from(from), i64::from(from) + i64::from(span));
        let first = (place - reach).max(from);
        let end = (place + i64::from(length) + reach).min(to);
        // Both lie within the output, whose numbers are `u32`.
        (first < end).then(|| (first as u32, (end - first) as u32))
    };
    let (left, width) = cut(x, size.width, output.x, output.width)?;
    let (top, height) = cut(y, size.height, output.y, output.height)?;
    Some(Region::new(left, top, width, height))
}

/// `value + (colour - value) · weight / FULL`, half rounded up.
fn mixed(value: u32, colour: u32, weight: u64) -> u32 {
    ((u64::from(value) * (FULL - weight) + u64::from(colour) * weight + FULL / 2) / FULL) as u32
}

/// Draws `colour` over a pixel whose last sample is alpha. With `w = weight / FULL` of the letters and alpha `a` of the pixel, both parts
/// of 1: alpha becomes `w + a · (1 - w)`, and each colour `(colour · w + value · a · (1 - w))` divided by it, both rounded half up and
/// from exact numbers.
fn draw_over<S: Sample>(pixel: &mut [S], colour: u32, weight: u64) {
    let Some((alpha, colours)) = pixel.split_last_mut() else {
        return;
    };
    let max = u64::from(S::MAX);
    let own = {
        let alpha: u32 = (*alpha).into();
        u64::from(alpha) * (FULL - weight)
    };
    // Of `FULL · max`, at most 1.7e9; times a sample, 1.1e14. It is not 0, as the weight is not.
    let (letters, sum) = (weight * max, weight * max + own);
    for sample in colours {
        let value: u32 = (*sample).into();
        *sample = S::wrap(((u64::from(value) * own + u64::from(colour) * letters + sum / 2) / sum) as u32);
    }
    *alpha = S::wrap(((sum + FULL / 2) / FULL) as u32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Operation as _, Value, Values};

    fn watermark(at: &'static str, size: i64, margin: i64) -> Watermark {
        Watermark::new(&Values(&[
            Value::Text("W".repeat(200).into()),
            Value::Choice(at),
            Value::Integer(size),
            Value::Integer(60),
            Value::Integer(margin),
            Value::Choice("white"),
        ]))
    }

    #[test]
    fn texts_stand_where_they_are_asked_for_and_begin_within_the_picture() {
        let (image, text) = (Size::new(1000, 500), Size::new(200, 40));
        for (at, place) in [
            ("bottom_right", (790, 450)),
            ("bottom_left", (10, 450)),
            ("top_left", (10, 10)),
            ("top_right", (790, 10)),
            ("centre", (400, 230)),
        ] {
            assert_eq!(watermark(at, 32, 10).place(image, text), place, "{at}");
        }
        let small = Size::new(100, 20);
        assert_eq!(watermark("bottom_right", 32, 10).place(small, text), (10, 10));
        assert_eq!(watermark("centre", 32, 10).place(small, text), (0, 0));
    }

    /// Two hundred of the widest letters, in the largest size, on a picture as wide as a recipe takes: what is allocated is what the
    /// tile has of it.
    #[test]
    fn the_largest_text_takes_no_more_than_the_tile() {
        let step = watermark("bottom_left", 512, 10_000);
        let image = Size::new(1_000_000, 1_000_000);
        let lettering = Lettering::new(&step.text, step.size);
        assert!(lettering.size().width > 80_000, "{}", lettering.size());
        let (x, y) = step.place(image, lettering.size());
        let tile = Region::new(40_000, 989_500, 300, 200);
        let part = reached(&lettering, x, y, tile).unwrap();
        assert_eq!(part, tile);
        assert!(lettering.coverage(x, y, part).contains(&255));
        assert_eq!(reached(&lettering, x, y, Region::new(0, 0, 5000, 5000)), None);
        assert_eq!(reached(&lettering, i64::from(u32::MAX), 5, tile), None);
    }

    #[test]
    fn what_is_hidden_wholly_is_the_colour() {
        for value in [0, 1, 254, 255] {
            assert_eq!(mixed(value, 255, FULL), 255);
            assert_eq!(mixed(value, 0, FULL), 0);
        }
        // A half is rounded up: 0 + 255 · 50 %.
        assert_eq!(mixed(0, 255, FULL / 2), 128);
        let mut pixel = [9u8, 200, 77, 0];
        draw_over(&mut pixel, 255, 60 * 255);
        assert_eq!(pixel, [255, 255, 255, 153], "nobody saw what was there");
        let mut pixel = [10u16, 20, 30, 65_535];
        draw_over(&mut pixel, 0, FULL);
        assert_eq!(pixel, [0, 0, 0, 65_535]);
    }
}
