//! What a PNG says of its colours beside or instead of a profile.

/// The chunks about colour of a PNG, as they are stored. Where several speak, the first of these counts: `cICP`, the ICC
/// profile, `sRGB`, `gAMA` with `cHRM`. Written into a PNG again they are as they were; for any other format [`PngColor::profile`]
/// makes a profile of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PngColor {
    /// `cICP`: primaries, transfer function, matrix, and whether the range is full; the numbers of ITU-T H.273.
    pub cicp: Option<[u8; 4]>,
    /// `sRGB`: the rendering intent, 0 to 3.
    pub srgb: Option<u8>,
    /// `gAMA`: the exponent from light to samples, times 100,000.
    pub gamma: Option<u32>,
    /// `cHRM`: x and y of white, red, green and blue, times 100,000.
    pub chromaticities: Option<[u32; 8]>,
    /// `mDCV`: the colour volume of the display that it was mastered on.
    pub mastering: Option<[u8; 24]>,
    /// `cLLI`: the most and the average light of the content.
    pub light: Option<[u8; 8]>,
}

impl PngColor {
    /// Takes over the chunk called `name`; gives whether its contents make sense.
    pub(in crate::file) fn take(&mut self, name: [u8; 4], data: &[u8]) -> bool {
        let numbers = |data: &[u8]| -> Vec<u32> {
            data.chunks_exact(4)
                .map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
                .collect()
        };
        match &name {
            b"cICP" => {
                // A PNG has no colour differences: its matrix is the identity.
                let sound = |cicp: &[u8; 4]| cicp[2] == 0 && cicp[3] <= 1;
                self.cicp = self.cicp.or(data.try_into().ok().filter(sound));
                self.cicp.is_some()
            }
            b"sRGB" => {
                self.srgb = self.srgb.or(match data {
                    [intent @ 0..=3] => Some(*intent),
                    _ => None,
                });
                self.srgb.is_some()
            }
            b"gAMA" => {
                self.gamma = self.gamma.or(match numbers(data)[..] {
                    // An exponent of a thousandth or a thousand is no gamma of a picture.
                    [gamma @ 100..=100_000_000] => Some(gamma),
                    _ => None,
                });
                self.gamma.is_some()
            }
            b"cHRM" => {
                let sound = |points: &[u32; 8]| points.iter().all(|value| *value <= i32::MAX as u32);
                let points = numbers(data).try_into().ok().filter(sound);
                self.chromaticities = self.chromaticities.or(points);
                self.chromaticities.is_some()
            }
            b"mDCV" => {
                self.mastering = self.mastering.or(data.try_into().ok());
                self.mastering.is_some()
            }
            b"cLLI" => {
                self.light = self.light.or(data.try_into().ok());
                self.light.is_some()
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_not_taken() {
        let mut color = PngColor::default();
        for (name, data) in [
            (b"gAMA", &[0, 0, 0, 0][..]),
            (b"gAMA", &[0, 0, 1]),
            (b"sRGB", &[4]),
            (b"cICP", &[1, 13, 1, 1]),
            (b"cICP", &[1, 13, 0]),
            (b"cHRM", &[255; 32]),
            (b"mDCV", &[0; 23]),
            (b"cLLI", &[]),
        ] {
            assert!(!color.take(*name, data), "{name:?}");
        }
        assert_eq!(color, PngColor::default());
        assert!(color.take(*b"gAMA", &45_455u32.to_be_bytes()));
        // The first counts.
        color.take(*b"gAMA", &100_000u32.to_be_bytes());
        assert_eq!(color.gamma, Some(45_455));
    }
}
