//! Profiles that are made: of what a PNG says, gray ones of those for colour, and the other way round.

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    LocalizableString, MatrixCoefficients, ProfileText, RenderingIntent, ToneReprCurve,
    TransferCharacteristics, TransformOptions, XyY, Xyzd, adaption_matrix_d,
};

use super::PngColor;
use super::read::read;
use crate::color_space::ColorSpace;

/// The white that profiles are about, as their header has to say it.
const D50: Xyzd = Xyzd {
    x: 0.9642,
    y: 1.0,
    z: 0.8249,
};
/// `x` and `y` of white, red, green and blue of sRGB.
const SRGB: [f64; 8] = [0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06];

impl PngColor {
    /// The profile that means what the chunks say, beside a profile `icc` of the file. `None` where they say sRGB, or nothing:
    /// that is what an image without a profile is taken for.
    ///
    /// # Errors
    /// With a sentence on what cannot be said in a profile, which then is left out.
    pub(in crate::file) fn profile(&self, icc: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, String> {
        if let Some(cicp) = self.cicp {
            return match cicp {
                [1, 13, 0, 1] => Ok(None),
                _ => of_cicp(cicp).map(Some).ok_or_else(|| {
                    let [primaries, transfer, ..] = cicp;
                    format!(
                        "what the PNG says of its colours is left out: primaries {primaries} and transfer function \
                         {transfer} (cICP) have no profile"
                    )
                }),
            };
        }
        if icc.is_some() || self.srgb.is_some() {
            return Ok(icc);
        }
        if self.gamma.is_none() && self.chromaticities.is_none() {
            return Ok(None);
        }
        of_gamma(self.gamma, self.chromaticities)
            .map(Some)
            .ok_or_else(|| {
                "what the PNG says of its colours is left out: its primaries (cHRM) are those of no picture"
                    .to_owned()
            })
    }
}

fn of_cicp([primaries, transfer, _, full]: [u8; 4]) -> Option<Vec<u8>> {
    let cicp = CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: full == 1,
    };
    // A profile is about the full range.
    if full != 1 {
        return None;
    }
    let made = ColorProfile::new_from_cicp(cicp);
    made.red_trc.as_ref()?;
    if !made.is_matrix_shaper() {
        return None;
    }
    // Of these primaries the white is D65, but for C, E and that of the cinema, which only absolute conversions ask for.
    let mut profile = described(made, "PNG cICP", [SRGB[0], SRGB[1]]);
    profile.cicp = Some(cicp);
    written(&profile)
}

fn of_gamma(gamma: Option<u32>, chromaticities: Option<[u32; 8]>) -> Option<Vec<u8>> {
    let points = chromaticities.map_or(SRGB, |points| points.map(|value| f64::from(value) / 1e5));
    let curve = match gamma {
        Some(gamma) => ToneReprCurve::Parametric(vec![(1e5 / f64::from(gamma)) as f32]),
        None => srgb_curve(),
    };
    let profile = rgb(curve, points, "PNG gAMA and cHRM")?;
    written(&profile)
}

/// The profile of a space.
pub(in crate::file) fn of_space(space: ColorSpace) -> Option<Vec<u8>> {
    // White, red, green and blue.
    const P3: [f64; 8] = [0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060];
    const ADOBE: [f64; 8] = [0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06];
    const ROMM: [f64; 8] = [0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001];
    let power = |exponent| ToneReprCurve::Parametric(vec![exponent]);
    let (curve, points, name) = match space {
        ColorSpace::Srgb => (srgb_curve(), SRGB, "sRGB"),
        ColorSpace::DisplayP3 => (srgb_curve(), P3, "Display P3"),
        // The exponent that its encoding is defined by.
        ColorSpace::AdobeRgb => (power(563.0 / 256.0), ADOBE, "Compatible with Adobe RGB (1998)"),
        ColorSpace::ProPhoto => (power(1.8), ROMM, "ProPhoto RGB"),
    };
    written(&rgb(curve, points, name)?)
}

fn srgb_curve() -> ToneReprCurve {
    ToneReprCurve::Parametric(vec![2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045])
}

/// A profile with one curve for all three; `None` where the primaries span no area or their white is none of them.
fn rgb(curve: ToneReprCurve, points: [f64; 8], name: &str) -> Option<ColorProfile> {
    let [white_x, white_y, red_x, red_y, green_x, green_y, blue_x, blue_y] = points;
    let white = XyY::new(white_x, white_y, 1.0);
    let area = (green_x - red_x) * (blue_y - red_y) - (blue_x - red_x) * (green_y - red_y);
    let point = |x: f64, y: f64| Chromaticity::new(x as f32, y as f32);
    if white_y < 1e-3 || area.abs() < 1e-3 || points.iter().any(|value| *value > 2.0) {
        return None;
    }
    let mut profile = described(ColorProfile::new_srgb(), name, [white_x, white_y]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    let adaptation = profile.chromatic_adaptation;
    profile.update_rgb_colorimetry(
        white,
        ColorPrimaries {
            red: point(red_x, red_y),
            green: point(green_x, green_y),
            blue: point(blue_x, blue_y),
        },
    );
    profile.chromatic_adaptation = adaptation;
    // No more than the fixed-point numbers hold.
    let colorants = [
        profile.red_colorant,
        profile.green_colorant,
        profile.blue_colorant,
    ];
    let sound = |color: &Xyzd| {
        [color.x, color.y, color.z]
            .iter()
            .all(|value| value.is_finite() && value.abs() < 10.0)
    };
    colorants.iter().all(sound).then_some(profile)
}

/// The profile with what every profile has. `white` is what was white before it was moved to D50.
fn described(mut profile: ColorProfile, name: &str, [white_x, white_y]: [f64; 2]) -> ColorProfile {
    let text = |text: &str| {
        let text = LocalizableString::new("en".to_owned(), "US".to_owned(), text.to_owned());
        Some(ProfileText::Localizable(vec![text]))
    };
    let white = Chromaticity::new(white_x as f32, white_y as f32);
    profile.rendering_intent = RenderingIntent::RelativeColorimetric;
    profile.white_point = D50;
    profile.media_white_point = Some(D50);
    profile.chromatic_adaptation = Some(adaption_matrix_d(white.to_xyz(), Chromaticity::D50.to_xyz()));
    profile.cicp = None;
    profile.description = text(name);
    profile.copyright = text("Public domain");
    profile
}

/// The bytes of a profile. They do not tell when it was made: the same image gives the same file.
fn written(profile: &ColorProfile) -> Option<Vec<u8>> {
    const DATE: [u16; 6] = [2026, 1, 1, 0, 0, 0];
    let mut bytes = profile.encode().ok()?;
    for (to, part) in bytes.get_mut(24..36)?.chunks_exact_mut(2).zip(DATE) {
        to.copy_from_slice(&part.to_be_bytes());
    }
    Some(bytes)
}

/// A profile for gray that means what equal amounts of red, green and blue mean in the profile `icc` for colour. `None` where
/// that cannot be read.
pub(in crate::file) fn gray_of(icc: &[u8]) -> Option<Vec<u8>> {
    let profile = read(icc)?;
    let curve = match (&profile.red_trc, &profile.green_trc, &profile.blue_trc) {
        (Some(red), Some(green), Some(blue))
            if profile.is_matrix_shaper()
                && red == green
                && green == blue
                && profile.lut_a_to_b_colorimetric.is_none() =>
        {
            red.clone()
        }
        _ => neutral_curve(&profile)?,
    };
    let mut gray = described(
        ColorProfile::new_gray_with_gamma(1.0),
        "Gray of a profile for colour",
        [SRGB[0], SRGB[1]],
    );
    gray.pcs = DataColorSpace::Xyz;
    gray.gray_trc = Some(curve);
    written(&gray)
}

/// A profile for colour that means on all three channels what the profile `icc` means for gray. Its primaries are those of sRGB.
pub(in crate::file) fn rgb_of(icc: &[u8]) -> Option<Vec<u8>> {
    let profile = read(icc)?;
    written(&rgb(profile.gray_trc?, SRGB, "Colours of a profile for gray")?)
}

/// How much light equal amounts of the three give, from none to all.
fn neutral_curve(profile: &ColorProfile) -> Option<ToneReprCurve> {
    const STEPS: usize = 1024;
    let linear = rgb(ToneReprCurve::Parametric(vec![1.0]), SRGB, "Light")?;
    let options = TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        prefer_fixed_point: false,
        ..TransformOptions::default()
    };
    let transform = profile
        .create_transform_f32(Layout::Rgb, &linear, Layout::Rgb, options)
        .ok()?;
    let ramp: Vec<f32> = (0..STEPS)
        .flat_map(|step| [step as f32 / (STEPS - 1) as f32; 3])
        .collect();
    let mut light = vec![0f32; ramp.len()];
    transform.transform(&ramp, &mut light).ok()?;
    let mut most = 0u16;
    let curve = light.chunks_exact(3).map(|rgb| {
        let luminance = 0.212_639 * rgb[0] + 0.715_169 * rgb[1] + 0.072_192 * rgb[2];
        // A curve that falls could not be undone.
        most = most.max((luminance * 65535.0 + 0.5).clamp(0.0, 65535.0) as u16);
        most
    });
    Some(ToneReprCurve::Lut(curve.collect()))
}
