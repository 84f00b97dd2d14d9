//! What the application segments of a JPEG say: JFIF, Adobe, EXIF, XMP and the ICC profile.

/// The name of a segment of XMP.
pub(crate) const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// The name of one that has what did not fit the first.
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

/// What was found.
#[derive(Default)]
pub(crate) struct Pieces {
    pub jfif: bool,
    /// Pixels per metre.
    pub resolution: Option<(f64, f64)>,
    /// The transform that Adobe's segment names.
    pub adobe: Option<u8>,
    pub exif: Option<Vec<u8>>,
    pub xmp: Option<Vec<u8>>,
    /// Whether there is XMP that did not fit the segment.
    pub has_extended_xmp: bool,
    /// Parts of the profile: number, how many there are, bytes.
    profile: Vec<(u8, u8, Vec<u8>)>,
}

impl Pieces {
    /// Looks at an application segment.
    pub(crate) fn take(&mut self, marker: u8, mut segment: Vec<u8>) {
        match marker {
            0xe0 if segment.starts_with(b"JFIF\0") => {
                self.jfif = true;
                self.resolution = resolution(&segment).or(self.resolution);
            }
            0xe1 if segment.starts_with(b"Exif\0\0") && self.exif.is_none() => {
                segment.drain(..6);
                self.exif = Some(segment);
            }
            0xe1 if segment.starts_with(XMP) && self.xmp.is_none() => {
                segment.drain(..XMP.len());
                self.xmp = Some(segment);
            }
            0xe1 if segment.starts_with(EXTENDED_XMP) => self.has_extended_xmp = true,
            0xe2 if segment.starts_with(b"ICC_PROFILE\0") && segment.len() > 14 => {
                let (number, count) = (segment[12], segment[13]);
                segment.drain(..14);
                self.profile.push((number, count, segment));
            }
            0xee if segment.starts_with(b"Adobe") => {
                self.adobe = segment.get(11).copied().or(self.adobe);
            }
            _ => {}
        }
    }

    /// Whether there are parts of a profile.
    pub(crate) fn has_profile(&self) -> bool {
        !self.profile.is_empty()
    }

    /// The profile, if all of its parts are there, each once.
    pub(crate) fn profile(&mut self) -> Option<Vec<u8>> {
        self.profile.sort_by_key(|(number, ..)| *number);
        let numbers = self.profile.iter().map(|(number, ..)| usize::from(*number));
        let count = usize::from(self.profile.first()?.1);
        (numbers.eq(1..=count)).then(|| self.profile.drain(..).flat_map(|(.., bytes)| bytes).collect())
    }
}

/// Unit, then horizontal and vertical density, after name and version.
fn resolution(segment: &[u8]) -> Option<(f64, f64)> {
    let [unit, x1, x0, y1, y0] = *segment.get(7..)?.first_chunk::<5>()?;
    let per_metre = match unit {
        1 => 1.0 / 0.0254,
        2 => 100.0,
        _ => return None,
    };
    let [x, y] = [[x1, x0], [y1, y0]].map(|density| f64::from(u16::from_be_bytes(density)) * per_metre);
    (x > 0.0 && y > 0.0).then_some((x, y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_put_together_in_order_or_not_at_all() {
        let part = |number, count, byte| [&b"ICC_PROFILE\0"[..], &[number, count, byte]].concat();
        let mut pieces = Pieces::default();
        pieces.take(0xe2, part(2, 2, 8));
        assert_eq!(pieces.profile(), None);
        pieces.take(0xe2, part(1, 2, 7));
        assert_eq!(pieces.profile(), Some(vec![7, 8]));
    }

    #[test]
    fn density_is_given_per_metre() {
        let mut pieces = Pieces::default();
        pieces.take(0xe0, b"JFIF\0\x01\x01\x02\0\x0a\0\x14\0\0".to_vec());
        assert_eq!(pieces.resolution, Some((1000.0, 2000.0)));
        pieces.take(0xe0, b"JFIF\0\x01\x01\x00\0\x0a\0\x14\0\0".to_vec());
        assert_eq!(pieces.resolution, Some((1000.0, 2000.0)));
    }
}
