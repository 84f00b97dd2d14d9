//! EXIF: which way is up, and what must not be carried over.

use super::tags::{EXIF, INTEROPERABILITY};
#[cfg(feature = "files")]
use crate::Size;
use crate::header::exif::{NAME, Structure};
use crate::{ColorSpace, Orientation};

const STRIP_OFFSETS: u16 = 0x0111;
const STRIP_LENGTHS: u16 = 0x0117;
const JPEG_OFFSET: u16 = 0x0201;
const JPEG_LENGTH: u16 = 0x0202;
const COLOR_SPACE: u16 = 0xa001;
const INTEROPERABILITY_INDEX: u16 = 1;
#[cfg(feature = "files")]
const WIDTH: u16 = 0xa002;
#[cfg(feature = "files")]
const HEIGHT: u16 = 0xa003;

/// What of an EXIF block is used: the orientation, and the block as a TIFF structure that can be carried over. There the
/// orientation is reset, so that the image is not turned a second time, and the thumbnail is gone: it shows what a recipe
/// may have cropped away or blurred.
fn take(mut block: Vec<u8>) -> (Orientation, Vec<u8>) {
    if block.starts_with(NAME) {
        block.drain(..NAME.len());
    }
    let orientation = Structure::of(&mut block[..]).and_then(|mut exif| exif.take_orientation());
    if let Some(end) = Structure::of(&mut block[..]).and_then(|mut exif| exif.drop_thumbnail()) {
        block.truncate(end);
    }
    (orientation.unwrap_or_default(), block)
}

/// The same where there may be none.
pub(in crate::file) fn take_some(block: Option<Vec<u8>>) -> (Orientation, Option<Vec<u8>>) {
    block
        .map(take)
        .map_or((Orientation::Upright, None), |(orientation, block)| {
            (orientation, Some(block))
        })
}

/// Has the block say that its image is in that space, where it says anything of it, so that it does not contradict the profile.
pub(in crate::file) fn set_color_space(block: &mut [u8], space: ColorSpace) {
    if let Some(mut exif) = Structure::of(block) {
        // What is missing contradicts nothing.
        let _ = exif.set_color_space(space);
    }
}

/// Has the block say that its image has that size, where it says anything of it.
#[cfg(feature = "files")]
pub(in crate::file) fn set_size(block: &mut [u8], size: Size) {
    if let Some(mut exif) = Structure::of(block) {
        for (tag, side) in [(WIDTH, size.width), (HEIGHT, size.height)] {
            // What is missing contradicts nothing.
            let _ = exif.set_side(tag, side);
        }
    }
}

impl Structure<&mut [u8]> {
    /// Has the tag of a side say that length, pixels. By the standard it is a short or a long, one of which always fits.
    #[cfg(feature = "files")]
    fn set_side(&mut self, tag: u16, side: u32) -> Option<()> {
        const LONG: u16 = 4;
        let first = self.long(4)? as usize;
        let exif = self.long(self.entry(first, EXIF)? + 8)? as usize;
        let entry = self.entry(exif, tag)?;
        if !matches!(self.short(entry + 2)?, 3 | LONG) || self.long(entry + 4)? != 1 {
            return None;
        }
        let (kind, side) = match self.little {
            true => (LONG.to_le_bytes(), side.to_le_bytes()),
            false => (LONG.to_be_bytes(), side.to_be_bytes()),
        };
        self.bytes.get_mut(entry + 8..entry + 12)?.copy_from_slice(&side);
        self.bytes.get_mut(entry + 2..entry + 4)?.copy_from_slice(&kind);
        Some(())
    }

    /// The values of an entry, short or long.
    fn values(&self, entry: usize) -> Option<Vec<u32>> {
        let width = match self.short(entry + 2)? {
            3 => 2,
            4 => 4,
            _ => return None,
        };
        let count = self.long(entry + 4)? as usize;
        let start = if count.checked_mul(width)? <= 4 {
            entry + 8
        } else {
            self.long(entry + 8)? as usize
        };
        // No more than there can be, whatever the count says.
        (0..count.min(self.bytes.len()))
            .map(|index| {
                let at = start.checked_add(index * width)?;
                if width == 2 {
                    self.short(at).map(u32::from)
                } else {
                    self.long(at)
                }
            })
            .collect()
    }

    /// The orientation, which is upright from then on.
    fn take_orientation(&mut self) -> Option<Orientation> {
        let (orientation, place) = self.orientation()?;
        let lowest = if self.little { 0 } else { place.len() - 1 };
        let field = self.bytes.get_mut(place)?;
        field.fill(0);
        field[lowest] = 1;
        Some(orientation)
    }

    fn set_color_space(&mut self, space: ColorSpace) -> Option<()> {
        let first = self.long(4)? as usize;
        let exif = self.long(self.entry(first, EXIF)? + 8)? as usize;
        // 1 is sRGB; of every other space it is only said that there is a profile.
        let value: u16 = if space == ColorSpace::Srgb { 1 } else { 0xffff };
        if let Some(entry) = self.entry(exif, COLOR_SPACE)
            && self.short(entry + 2)? == 3
        {
            let bytes = match self.little {
                true => value.to_le_bytes(),
                false => value.to_be_bytes(),
            };
            self.bytes.get_mut(entry + 8..entry + 10)?.copy_from_slice(&bytes);
        }
        // Adobe RGB has a name in the rules for the names of a camera's files (DCF), R03; other files are R98.
        let other = self.long(self.entry(exif, INTEROPERABILITY)? + 8)? as usize;
        let entry = self.entry(other, INTEROPERABILITY_INDEX)?;
        let index = self.bytes.get_mut(entry + 8..entry + 12)?;
        if index == b"R03\0" || index == b"R98\0" {
            index.copy_from_slice(if space == ColorSpace::AdobeRgb {
                b"R03\0"
            } else {
                b"R98\0"
            });
        }
        Some(())
    }

    /// Cuts the second directory off and blanks it with its picture; gives where the block may end then.
    fn drop_thumbnail(&mut self) -> Option<usize> {
        let first = self.long(4)? as usize;
        let link = first + 2 + 12 * usize::from(self.short(first)?);
        let second = self.long(link)? as usize;
        self.bytes.get_mut(link..link + 4)?.fill(0);
        if second == 0 {
            return None;
        }
        let list = |tag| self.entry(second, tag).and_then(|entry| self.values(entry));
        let mut blanked: Vec<(usize, usize)> = [(JPEG_OFFSET, JPEG_LENGTH), (STRIP_OFFSETS, STRIP_LENGTHS)]
            .into_iter()
            .filter_map(|(offsets, lengths)| list(offsets).zip(list(lengths)))
            .flat_map(|(offsets, lengths)| offsets.into_iter().zip(lengths))
            .map(|(start, length)| (start as usize, length as usize))
            .collect();
        blanked.push((second, 2 + 12 * usize::from(self.short(second)?) + 4));
        let whole = self.bytes.len();
        // The first directory stays, whatever offsets a broken file has; no byte is blanked twice, however many do overlap.
        blanked.sort_unstable();
        let mut done = link + 4;
        for (start, length) in &blanked {
            let stop = start.saturating_add(*length).min(whole);
            if let Some(bytes) = self.bytes.get_mut((*start).max(done)..stop) {
                bytes.fill(0);
                done = stop;
            }
        }
        let mut end = whole;
        for (start, length) in blanked.into_iter().rev() {
            if start >= link + 4 && start < end && start.saturating_add(length) >= end {
                end = start;
            }
        }
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(orientation: u16) -> Vec<u8> {
        let mut bytes = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
        bytes.extend(orientation.to_be_bytes());
        bytes.extend([0; 6]);
        bytes
    }

    #[test]
    fn orientation_is_read_once_and_reset() {
        let (orientation, after) = take(exif(6));
        assert_eq!(orientation, Orientation::Rotate90);
        assert_eq!(take(after).0, Orientation::Upright);
        assert_eq!(take(exif(9)).0, Orientation::Upright);
        let named = [b"Exif\0\0", &exif(8)[..]].concat();
        assert_eq!(take(named), (Orientation::Rotate270, exif(1)));
    }

    #[test]
    fn orientation_may_be_stored_as_a_long_or_a_byte() {
        for (kind, value, reset) in [(4, [0, 0, 0, 6], [0, 0, 0, 1]), (1, [6, 0, 0, 0], [1, 0, 0, 0])] {
            let mut block = exif(0);
            block[13] = kind;
            block[18..22].copy_from_slice(&value);
            let (orientation, after) = take(block);
            assert_eq!(orientation, Orientation::Rotate90);
            assert_eq!(after[18..22], reset);
        }
        let mut little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0".to_vec();
        assert_eq!(take(little.clone()).0, Orientation::Rotate270);
        little[20] = 1;
        assert_eq!(take(little).0, Orientation::Upright);
    }

    #[test]
    #[cfg(feature = "files")]
    fn the_size_is_that_of_the_result() {
        use super::super::tags::{Tag, Tags};
        for little in [true, false] {
            let short = |value: u16| {
                if little {
                    value.to_le_bytes()
                } else {
                    value.to_be_bytes()
                }
                .to_vec()
            };
            let long = |value: u32| {
                if little {
                    value.to_le_bytes()
                } else {
                    value.to_be_bytes()
                }
                .to_vec()
            };
            let tag = |number, kind, bytes| Tag {
                number,
                kind,
                count: 1,
                bytes,
            };
            let tags = |width, height| Tags {
                little,
                exif: vec![tag(0x9000, 7, vec![b'0']), width, height],
                ..Tags::default()
            };
            // Cameras store a short or a long.
            let mut block = tags(tag(WIDTH, 3, short(4000)), tag(HEIGHT, 4, long(3000)))
                .block()
                .unwrap();
            set_size(&mut block, Size::new(100_000, 20));
            let expected = tags(tag(WIDTH, 4, long(100_000)), tag(HEIGHT, 4, long(20)));
            assert_eq!(Tags::of(&block), Some(expected));
            // Without these tags, and where the block is cut off, nothing is written.
            let mut other = exif(1);
            set_size(&mut other, Size::new(1, 1));
            assert_eq!(other, exif(1));
            (0..block.len()).for_each(|end| set_size(&mut block[..end].to_vec(), Size::new(1, 1)));
        }
    }

    #[test]
    fn the_color_space_is_that_of_the_profile() {
        use super::super::tags::{Tag, Tags};
        for little in [true, false] {
            let tag = |number, kind, count, bytes: &[u8]| Tag {
                number,
                kind,
                count,
                bytes: bytes.to_vec(),
            };
            let tags = |value: u16, name: &[u8]| Tags {
                little,
                exif: vec![tag(
                    COLOR_SPACE,
                    3,
                    1,
                    &if little {
                        value.to_le_bytes()
                    } else {
                        value.to_be_bytes()
                    },
                )],
                interoperability: vec![tag(1, 2, 4, name)],
                ..Tags::default()
            };
            let mut block = tags(0xffff, b"R03\0").block().unwrap();
            for (space, value, name) in [
                (ColorSpace::Srgb, 1, b"R98\0"),
                (ColorSpace::AdobeRgb, 0xffff, b"R03\0"),
                (ColorSpace::DisplayP3, 0xffff, b"R98\0"),
            ] {
                set_color_space(&mut block, space);
                assert_eq!(Tags::of(&block), Some(tags(value, name)));
            }
            for length in 0..block.len() {
                set_color_space(&mut block[..length], ColorSpace::Srgb);
            }
        }
    }

    #[test]
    fn broken_exif_counts_as_upright() {
        let whole = exif(6);
        for length in 0..whole.len() {
            take(whole[..length].to_vec());
        }
        let mut far = whole;
        far[4..8].fill(0xff);
        assert_eq!(take(far).0, Orientation::Upright);
    }

    #[test]
    fn the_thumbnail_is_not_carried_over() {
        let picture = b"the picture as it was";
        // Both ways to store one: as a JPEG, and in two strips whose places lie in a list.
        for (offset_tag, length_tag, strips) in [
            (JPEG_OFFSET, JPEG_LENGTH, 1u32),
            (STRIP_OFFSETS, STRIP_LENGTHS, 2),
        ] {
            let mut block = exif(6);
            let (second, link) = (block.len() as u32, block.len() - 4);
            block[link..].copy_from_slice(&second.to_be_bytes());
            let lists = second + 2 + 24 + 4;
            let data = lists + 16;
            let pairs: Vec<(u32, u32)> = match strips {
                1 => vec![(data, 21)],
                _ => vec![(data, 10), (data + 10, 11)],
            };
            block.extend(2u16.to_be_bytes());
            for (tag, values, at) in [
                (
                    offset_tag,
                    pairs.iter().map(|pair| pair.0).collect::<Vec<_>>(),
                    lists,
                ),
                (length_tag, pairs.iter().map(|pair| pair.1).collect(), lists + 8),
            ] {
                block.extend(tag.to_be_bytes());
                block.extend(4u16.to_be_bytes());
                block.extend(strips.to_be_bytes());
                block.extend(if strips == 1 { values[0] } else { at }.to_be_bytes());
            }
            block.extend([0; 4]);
            block.extend(pairs.iter().flat_map(|pair| pair.0.to_be_bytes()));
            block.resize(lists as usize + 8, 0);
            block.extend(pairs.iter().flat_map(|pair| pair.1.to_be_bytes()));
            block.resize(data as usize, 0);
            block.extend(picture);
            for length in 0..block.len() {
                take(block[..length].to_vec());
            }
            let (orientation, after) = take(block.clone());
            assert_eq!(orientation, Orientation::Rotate90);
            assert_eq!(after[..second as usize], exif(1)[..]);
            assert_eq!(after.len(), data as usize);
            assert!(
                !after
                    .windows(5)
                    .any(|window| picture.windows(5).any(|part| part == window))
            );
        }
    }
}
