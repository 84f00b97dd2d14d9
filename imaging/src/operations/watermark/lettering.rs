//! A line of letters as coverage: the font, where each letter stands, and which part of a pixel it covers.
//!
//! Every machine makes the same bytes of a text. Where letters stand is computed in whole numbers, and each begins at a whole pixel,
//! so that it looks the same wherever it is and a tile draws only the letters that it has. Coverage is computed by
//! `ab_glyph_rasterizer` as `f32` with `+`, `-`, `*`, `/`, `sqrt`, `floor`, `ceil` and casts alone, each of which IEEE 754 (and
//! WebAssembly) rounds in one way, in one order: its variants for vector instructions are the same code compiled again, without fused
//! multiplication. The outlines are quadratic (TrueType); only cubic ones would take a function more, and the font has none. `imageproc`
//! then rounds to 8 bits.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale};
use imageproc::drawing::draw_text_mut;
use imageproc::image::{GrayImage, Luma};

use crate::{Region, Size};

/// DejaVu Sans without hints, kerning and the characters that [`crate::text`] does not allow: `fonts/README.md` says how it was made.
static BYTES: &[u8] = include_bytes!("../../../fonts/dejavu-sans.ttf");

static FONT: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(BYTES).expect("the font is part of the program"));

/// A text in letters of a size.
pub(super) struct Lettering<'a> {
    text: &'a str,
    /// Height of a line, from ascent to descent, pixels.
    size: u32,
    /// Pixels from the beginning to that of each character, and to the end.
    places: Vec<u32>,
}

impl<'a> Lettering<'a> {
    /// `text`, whose characters [`crate::text`] allows, in lines of `size` pixels. Places are the sums of advances, each sum rounded half
    /// up.
    pub fn new(text: &'a str, size: u32) -> Self {
        let font = &*FONT;
        // Whole numbers below 2^16, which are exact as `f32`.
        let height = font.height_unscaled() as u64;
        let mut sum = 0;
        let place = |sum: u64| ((2 * sum * u64::from(size) + height) / (2 * height)) as u32;
        let mut places = vec![0];
        for character in text.chars() {
            sum += font.h_advance_unscaled(font.glyph_id(character)) as u64;
            places.push(place(sum));
        }
        Self { text, size, places }
    }

    /// Width of the text and height of the line.
    pub fn size(&self) -> Size {
        Size::new(self.places.last().copied().unwrap_or(0), self.size)
    }

    /// How far letters may reach beyond [`Lettering::size`] to each side, pixels: an accent above, a swash below.
    pub fn reach(&self) -> u32 {
        self.size / 4 + 2
    }

    /// Which part of each pixel of `part` is covered, of 255, row by row, of a text whose upper left corner is at `x`, `y` of the image
    /// that `part` is of.
    pub fn coverage(&self, x: i64, y: i64, part: Region) -> Vec<u8> {
        let mut mask = GrayImage::new(part.width, part.height);
        let reach = i64::from(self.reach());
        let (left, right) = (i64::from(part.x), i64::from(part.x) + i64::from(part.width));
        let mut utf8 = [0; 4];
        for (character, place) in self.text.chars().zip(self.places.windows(2)) {
            let (from, to) = (x + i64::from(place[0]), x + i64::from(place[1]));
            if to + reach < left || from - reach > right {
                continue;
            }
            // Next to the part, so that both are small.
            let (from, top) = ((from - left) as i32, (y - i64::from(part.y)) as i32);
            let scale = PxScale::from(self.size as f32);
            draw_text_mut(
                &mut mask,
                Luma([255]),
                from,
                top,
                scale,
                &*FONT,
                character.encode_utf8(&mut utf8),
            );
        }
        mask.into_raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{CHARACTERS, is_known};

    #[test]
    fn the_font_has_the_characters_that_texts_may_have_and_no_others() {
        let known: Vec<char> = CHARACTERS
            .iter()
            .flat_map(|&(first, last)| first..=last)
            .collect();
        let missing: Vec<&char> = known.iter().filter(|c| FONT.glyph_id(**c).0 == 0).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let unknown: Vec<char> = FONT
            .codepoint_ids()
            .map(|(_, c)| c)
            .filter(|c| !is_known(*c))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(BYTES.len() < 120_000, "{}", BYTES.len());
    }

    #[test]
    fn metrics_are_whole_numbers() {
        assert_eq!(FONT.height_unscaled().fract(), 0.0);
        for (id, character) in FONT.codepoint_ids() {
            let advance = FONT.h_advance_unscaled(id);
            assert!(advance > 0.0 && advance.fract() == 0.0, "{character}: {advance}");
        }
    }

    /// Every letter, in sizes that round in every way, on a canvas that is larger: nothing is drawn beyond the reach.
    #[test]
    fn letters_keep_within_their_reach() {
        for size in [8, 9, 31, 97] {
            for (_, character) in FONT.codepoint_ids() {
                let text = character.to_string();
                let lettering = Lettering::new(&text, size);
                let (wide, reach) = (lettering.size().width, lettering.reach());
                let canvas = Region::new(0, 0, wide + 4 * size, 5 * size);
                let place = i64::from(2 * size);
                let mask = lettering.coverage(place, place, canvas);
                let inner =
                    |at: u32, length: u32| (2 * size - reach..2 * size + length + reach).contains(&at);
                for (index, _) in mask.iter().enumerate().filter(|(_, covered)| **covered > 0) {
                    let (x, y) = (index as u32 % canvas.width, index as u32 / canvas.width);
                    assert!(
                        inner(x, wide) && inner(y, size),
                        "{character} of {size} at {x},{y}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_part_has_the_coverage_of_the_whole() {
        let lettering = Lettering::new("Ågvö — «Ω» Жy", 40);
        let whole = Region::new(0, 0, 360, 70);
        let mask = lettering.coverage(7, 11, whole);
        assert!(mask.contains(&255) && mask.contains(&0));
        for part in [
            Region::new(0, 0, 31, 70),
            Region::new(63, 13, 50, 9),
            Region::new(211, 30, 149, 40),
        ] {
            let covered = lettering.coverage(7, 11, part);
            for (index, covered) in (0u32..).zip(covered) {
                let (x, y) = (part.x + index % part.width, part.y + index / part.width);
                assert_eq!(covered, mask[(y * whole.width + x) as usize], "{x},{y}");
            }
        }
    }
}
